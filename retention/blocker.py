"""What keeps a record from being destroyed now: every hold in force that reaches it, or may reach it.

A record is reached by what was noted, by a scope of clear columns as they stand at this moment, and
by whatever reaches the mail or archive it was found in. A query decides only about what the search
index holds as it is now and what could be read: before that, and while the index is behind, it blocks.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import entities
from core import jobs
from core.database import MainTable, ReadSession
from core.jobs import Job
from records import record
from records.derived import PAGES, DerivedObject
from records.record import Record
from retention import held, hold_scope
from retention.held import HeldRecord, Hold
from retention.hold_scope import QUERY, RECORDS, in_pieces

_UNREAD = (record.RECEIVED, record.PROCESSING, record.NEEDS_ATTENTION)
_DEEPEST = 40
"""Records within records; more than intake lets in."""


class Uncaught(MainTable):
    """That a record was indexed anew under holds in force, and these have not been asked about it since."""

    __tablename__ = "uncaught_records"

    record: Mapped[UUID] = mapped_column(primary_key=True)
    mark: Mapped[UUID]
    """New with each change, so that whoever asked about the state before does not clear the row."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """One hold that blocks one record."""

    kind: str
    """legal_hold, tax_audit, restriction or open_request."""
    hold: UUID
    since: datetime
    review_on: date
    undecided: bool = False
    """Whether its query reaches the record is not known yet."""


def blockers_of(session: ReadSession, record_ids: Collection[UUID]) -> dict[UUID, tuple[Blocker, ...]]:
    """What blocks each of the records, the oldest first; those that nothing blocks are left out.

    From rows alone, in the session of whoever decides by it. A record that is gone is blocked by what it
    was noted under.
    """
    family = with_holders(session, record_ids)
    everything = sorted({each for line in family.values() for each in line})
    found: dict[UUID, dict[UUID, Blocker]] = {}
    for piece in in_pieces(everything):
        for each, blocker in _of_piece(session, piece):
            known = found.setdefault(each, {})
            if blocker.hold not in known or known[blocker.hold].undecided:
                known[blocker.hold] = blocker
    told = {}
    for each in dict.fromkeys(record_ids):
        blocking: dict[UUID, Blocker] = {}
        for one in family[each]:
            for hold_id, blocker in found.get(one, {}).items():
                if hold_id not in blocking or blocking[hold_id].undecided:
                    blocking[hold_id] = blocker
        if blocking:
            told[each] = tuple(sorted(blocking.values(), key=lambda b: (b.since, b.hold)))
    return told


def undecided_of(session: ReadSession, record_ids: Collection[UUID]) -> set[UUID]:
    """Those of the records of which the index does not know, or has not been asked, what they say now."""
    found: set[UUID] = set()
    for piece in in_pieces(record_ids):
        found |= set(session.scalars(_undecided(piece)))
    return found


def with_holders(session: ReadSession, record_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Each record with the records it was found in, from the inside out."""
    parents: dict[UUID, UUID | None] = {}
    asked = set(record_ids)
    for _ in range(_DEEPEST):
        for piece in in_pieces(asked):
            rows = session.execute(select(Record.id, Record.parent).where(Record.id.in_(piece)))
            parents.update({row.id: row.parent for row in rows})
        asked = {parent for parent in parents.values() if parent is not None and parent not in parents} - asked
        if not asked:
            break
    family = {}
    for each in record_ids:
        line, above = [each], parents.get(each)
        while above is not None and above not in line:
            line.append(above)
            above = parents.get(above)
        family[each] = line
    return family


def _of_piece(session: ReadSession, ids: list[UUID]) -> Iterable[tuple[UUID, Blocker]]:
    noted = (
        select(HeldRecord.record, Hold)
        .join(Hold, Hold.id == HeldRecord.hold)
        .where(HeldRecord.record.in_(ids), Hold.state != held.OVER)
    )
    for each, row in session.execute(noted):
        yield each, _blocker(row)
    places = set(session.scalars(select(Record.entity).where(Record.id.in_(ids)).distinct()))
    rows = held.active_in(session, places)
    unsettled = undecided_of(session, ids) if any(row.scope == QUERY for row in rows) else set()
    for row in rows:
        if row.scope == RECORDS:
            continue
        if row.scope == QUERY:
            doubtful = set(ids) if row.covered_at is None else unsettled
            of_entity = select(Record.id).where(Record.id.in_(ids), Record.entity == row.entity)
            for each in session.scalars(of_entity):
                if each in doubtful:
                    yield each, _blocker(row, undecided=True)
            continue
        for each in session.scalars(select(Record.id).where(Record.id.in_(ids), reached_by(session, row))):
            yield each, _blocker(row)


def reached_by(session: ReadSession, row: Hold) -> ColumnElement[bool]:
    """The condition of the records that a hold with a clear scope reaches; not for lists and queries."""
    zone = entities.get(session, row.entity).zone
    found = hold_scope.condition(held.scope_of(session, row), row.entity, zone, row.placed_at)
    if found is None:
        raise ValueError("a query is no condition on columns")
    return found


def _undecided(ids: list[UUID]) -> Select[UUID]:
    waits = (
        select(Job.id)
        .where(
            Job.subject == Record.id,
            Job.queue == "keeper",
            Job.name == "search.index",
            Job.state.in_([jobs.READY, jobs.LEASED, jobs.FAILED]),
        )
        .exists()
    )
    unasked = select(Uncaught.record).where(Uncaught.record == Record.id).exists()
    is_read = (
        select(DerivedObject.id)
        .where(DerivedObject.version == Record.current_version, DerivedObject.part == PAGES)
        .exists()
    )
    return select(Record.id).where(Record.id.in_(ids), or_(waits, unasked, Record.state.in_(_UNREAD), ~is_read))


def _blocker(row: Hold, *, undecided: bool = False) -> Blocker:
    return Blocker(row.kind, row.id, row.placed_at, row.review_on, undecided)
