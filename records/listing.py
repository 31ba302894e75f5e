"""Lists of records: newest first, only what the principal may read, page by page without jumps."""

from datetime import datetime
from functools import lru_cache
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, select

from accounts.principal import Principal
from core.database import ReadSession
from core.errors import Invalid
from records.access import Readers, readable, sets_read_by
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
    asked = {"state": state, "case_file": case_file, "parent": parent, "captured_by": captured_by, "before": before}
    given = {name: value for name, value in asked.items() if value is not None}
    readers, values = readable(session, by, at)
    query = _listing(readers, frozenset(given))
    ids = list(session.scalars(query, values | given | {"most": limit + 1}))
    return ids[:limit], ids[limit - 1] if len(ids) > limit else None


def counts_by_state(
    session: ReadSession, by: Principal, at: datetime, states: tuple[str, ...] = STATES
) -> dict[str, int]:
    """How many records ``by`` may read in each of these states; 0 where there are none."""
    readers, values = readable(session, by, at)
    given = {"entities": list(by.entities), "states": states}
    rows = session.execute(_counts(readers), values | given)
    return dict.fromkeys(states, 0) | {row.state: row.records for row in rows}


_ASKED: dict[str, ColumnElement[bool]] = {
    "state": Record.state == bindparam("state"),
    "case_file": Record.case_file == bindparam("case_file"),
    "parent": Record.parent == bindparam("parent"),
    "captured_by": Record.captured_by == bindparam("captured_by"),
    # UUIDv7: the order of ids is the order of capture.
    "before": Record.id < bindparam("before"),
}


@lru_cache(maxsize=256)
def _listing(readers: Readers, asked: frozenset[str]) -> Select[UUID]:
    conditions = [_ASKED[name] for name in sorted(asked)]
    return (
        select(Record.id)
        .where(Record.access_set.in_(sets_read_by(readers)), *conditions)
        .order_by(Record.id.desc())
        .limit(bindparam("most", type_=Integer()))
    )


@lru_cache(maxsize=64)
def _counts(readers: Readers) -> Select[str, int]:
    return (
        select(Record.state, func.count().label("records"))
        .where(Record.entity.in_(bindparam("entities", expanding=True)))
        .where(Record.state.in_(bindparam("states", expanding=True)))
        .where(Record.access_set.in_(sets_read_by(readers)))
        .group_by(Record.state)
    )
