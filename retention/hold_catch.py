"""Notes what holds reach, record by record: what there is when one is placed, what is filed later, and their end.

The rows are for lists, for the object store and for the day a record moves away; a clear scope blocks
without them. Each function is one transaction's worth of a longer work, and can be repeated.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update

from accounts.principal import Principal, system
from audit.intake import append
from core import jobs
from core.database import ReadSession, WriteSession, insert_for
from core.errors import NotFound
from core.identifiers import new_id
from records import object_lock
from records.record import Record
from retention import held, hold_scope, regime
from retention.blocker import Uncaught, reached_by
from retention.held import HeldRecord, Hold, add_records
from retention.hold_events import RecordsCaught
from retention.hold_scope import QUERY, RECORDS, Scope, in_pieces

BATCH = 200
"""Records noted in one transaction, which others wait for."""
RETENTION: Principal = system("retention")
"""Who notes what nobody asked for at that moment."""
SHOWN_AT_ONCE = 25
"""Records for which the store is asked in one transaction: that takes several statements each."""


def note_indexed(session: WriteSession, record_ids: Collection[UUID], at: datetime) -> None:
    """The index has these records as they are now: have the holds in force asked about them.

    For the keeper, in the transaction that ends its jobs, so that no record is out of both lists.
    """
    places = select(Hold.entity).where(Hold.state != held.OVER)
    marked = [
        each
        for piece in in_pieces(sorted(set(record_ids)))
        for each in session.scalars(select(Record.id).where(Record.id.in_(piece), Record.entity.in_(places)))
    ]
    if marked:
        mark(session, marked, at)


def mark(session: WriteSession, record_ids: Collection[UUID], at: datetime) -> None:
    """Have the holds in force asked about these records; queries are undecided about them until then."""
    for each in sorted(set(record_ids)):
        row = insert_for(session, Uncaught).values(record=each, mark=new_id())
        session.execute(row.on_conflict_do_update(index_elements=["record"], set_={"mark": row.excluded.mark}))
    jobs.add(session, "retention.catch", queue="maintenance", at=at, key="retention.catch")


def uncaught(session: ReadSession, limit: int = BATCH) -> dict[UUID, UUID]:
    """Up to ``limit`` records that holds are to be asked about, each with its mark."""
    rows = session.execute(select(Uncaught.record, Uncaught.mark).order_by(Uncaught.record).limit(limit))
    return {row.record: row.mark for row in rows}


def marks_of(session: ReadSession, record_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The marks of those of the records that have one."""
    found: dict[UUID, UUID] = {}
    for piece in in_pieces(record_ids):
        rows = session.execute(select(Uncaught.record, Uncaught.mark).where(Uncaught.record.in_(piece)))
        found |= {row.record: row.mark for row in rows}
    return found


def catch(
    session: WriteSession,
    marks: Mapping[UUID, UUID | None],
    by_query: Mapping[UUID, Collection[UUID]],
    *,
    by: Principal,
    at: datetime,
) -> int:
    """Note what the holds in force reach of the records of ``marks``, and clear their marks; tells how many it was.

    ``by_query``: what each query hold was found to reach. A mark that has changed since stays.
    """
    count = 0
    ids = list(marks)
    places = set(session.scalars(select(Record.entity).where(Record.id.in_(ids)).distinct()))
    for row in held.active_in(session, places):
        if row.scope == QUERY:
            reached = [each for each in by_query.get(row.id, ()) if each in marks]
        elif row.scope == RECORDS:
            reached = []
        else:
            reached = list(session.scalars(select(Record.id).where(Record.id.in_(ids), reached_by(session, row))))
        inside = select(HeldRecord.record).where(HeldRecord.hold == row.id)
        reached += session.scalars(select(Record.id).where(Record.id.in_(ids), Record.parent.in_(inside)))
        count += note(session, row, reached, by=by, at=at)
    # A query hold that was placed meanwhile, and was not asked here, goes through all there is by itself.
    for each, seen in marks.items():
        if seen is not None:
            session.execute(delete(Uncaught).where(Uncaught.record == each, Uncaught.mark == seen))
    return count


def note(session: WriteSession, row: Hold, record_ids: Collection[UUID], *, by: Principal, at: datetime) -> int:
    """Note that a hold reaches these records, with events that name them; tells how many were not noted before."""
    added = add_records(session, row, record_ids, at=at)
    for piece in in_pieces(added):
        append(session, RecordsCaught(by=by.actor, entity=row.entity, hold=row.id, records=tuple(piece)), at=at)
    return len(added)


def next_reached(session: ReadSession, row: Hold, after: UUID | None, limit: int = BATCH) -> list[UUID]:
    """The next records in the order of their ids that a hold with a clear scope reaches."""
    query = select(Record.id).where(reached_by(session, row)).order_by(Record.id).limit(limit)
    return list(session.scalars(query if after is None else query.where(Record.id > after)))


def next_inside(session: ReadSession, row: Hold, limit: int = BATCH) -> list[UUID]:
    """Records found in others that a hold reaches, and that are not noted themselves."""
    noted = select(HeldRecord.record).where(HeldRecord.hold == row.id)
    query = select(Record.id).where(Record.parent.in_(noted), Record.id.not_in(noted))
    return list(session.scalars(query.order_by(Record.id).limit(limit)))


def show_some(session: WriteSession, row: Hold, at: datetime, limit: int = SHOWN_AT_ONCE) -> int:
    """Have the store show the hold on some records that were noted; 0 where it was asked for all of them."""
    waiting = select(HeldRecord.record).where(HeldRecord.hold == row.id, HeldRecord.shown.is_(False))
    ids = list(session.scalars(waiting.order_by(HeldRecord.record).limit(limit)))
    for each in ids:
        _ask_store(session, each, True, at)
        if row.kind == "restriction":
            regime.restrict_for(session, each, row.id, by=RETENTION, at=at)
    if ids:
        mine = (HeldRecord.hold == row.id) & HeldRecord.record.in_(ids)
        session.execute(update(HeldRecord).where(mine).values(shown=True))
    return len(ids)


def let_go_some(session: WriteSession, row: Hold, at: datetime, limit: int = SHOWN_AT_ONCE) -> int:
    """End some rows of a hold that is over, and have the store let go of what no other hold reaches; 0 at the end."""
    waiting = select(HeldRecord.record).where(HeldRecord.hold == row.id, HeldRecord.released_at.is_(None))
    ids = list(session.scalars(waiting.order_by(HeldRecord.record).limit(limit)))
    if not ids:
        return 0
    mine = (HeldRecord.hold == row.id) & HeldRecord.record.in_(ids)
    session.execute(update(HeldRecord).where(mine).values(released_at=at))
    others = set(
        session.scalars(
            select(HeldRecord.record)
            .join(Hold, Hold.id == HeldRecord.hold)
            .where(HeldRecord.record.in_(ids), Hold.state != held.OVER)
        )
    )
    for each in ids:
        if each not in others:
            _ask_store(session, each, False, at)
        if row.kind == "restriction":
            regime.let_go_of(session, each, row.id, by=RETENTION, at=at)
    return len(ids)


def forget_uncaught(session: WriteSession) -> None:
    """Drop what is to be asked of holds where none is in force any more."""
    if session.scalar(select(Hold.id).where(Hold.state != held.OVER).limit(1)) is None:
        session.execute(delete(Uncaught))


def count_reached(session: ReadSession, scope: Scope, entity: UUID, zone: str) -> int:
    """How many records a clear scope reaches now."""
    found = hold_scope.condition(scope, entity, zone)
    if found is None:
        raise ValueError("a query is no condition on columns")
    return session.scalars(select(func.count()).select_from(Record).where(found)).one()


def _ask_store(session: WriteSession, record_id: UUID, wanted: bool, at: datetime) -> None:
    try:
        object_lock.ask_hold(session, record_id, wanted, at)
    except NotFound:
        # Destroyed before the hold, or for another reason gone: there is nothing left to keep.
        return
