"""Lists of records: newest first, only what the principal may read, page by page without jumps."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from accounts.principal import Principal
from core.database import ReadSession
from core.errors import Invalid
from records.access import readable_sets
from records.record import STATES, Record

MOST = 200


def list_records(
    session: ReadSession,
    by: Principal,
    at: datetime,
    *,
    state: str | None = None,
    case_file: UUID | None = None,
    parent: UUID | None = None,
    captured_by: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> tuple[list[UUID], UUID | None]:
    """Ids of records by time of capture, newest first, and the id to pass as ``before`` for the next page.

    Raises:
        Invalid: an unknown state, or a limit outside 1 to 200.
    """
    if not 1 <= limit <= MOST:
        raise Invalid(f"a page holds 1 to {MOST} records")
    if state is not None and state not in STATES:
        raise Invalid(f"a state is one of {', '.join(STATES)}")
    conditions: list[ColumnElement[bool]] = [Record.access_set.in_(readable_sets(session, by, at))]
    if state is not None:
        conditions.append(Record.state == state)
    if case_file is not None:
        conditions.append(Record.case_file == case_file)
    if parent is not None:
        conditions.append(Record.parent == parent)
    if captured_by is not None:
        conditions.append(Record.captured_by == captured_by)
    if before is not None:
        # UUIDv7: the order of ids is the order of capture.
        conditions.append(Record.id < before)
    ids = list(session.scalars(select(Record.id).where(*conditions).order_by(Record.id.desc()).limit(limit + 1)))
    return ids[:limit], ids[limit - 1] if len(ids) > limit else None


def counts_by_state(
    session: ReadSession, by: Principal, at: datetime, states: tuple[str, ...] = STATES
) -> dict[str, int]:
    """How many records ``by`` may read in each of these states; 0 where there are none."""
    rows = session.execute(
        select(Record.state, func.count().label("records"))
        .where(Record.entity.in_(by.entities), Record.state.in_(states))
        .where(Record.access_set.in_(readable_sets(session, by, at)))
        .group_by(Record.state)
    )
    return dict.fromkeys(states, 0) | {row.state: row.records for row in rows}
