"""Once a night: do log, database and store say the same of every locked original?

All three are walked in the order of the objects' ids, a page at a time, each page a job that
leaves the next one: a lock removed behind our back, a row nobody logged and an entry whose row
was deleted are all found, whatever the number of objects. What differs is an alarm; where the
object is still there, its lock is laid again.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import aliased

from audit.entries import AuditLeaf, AuditTrail
from audit.intake import AuditIntake, append
from audit.leaf import parse
from core import jobs
from core.database import ReadSession, WriteSession
from core.jobs import Claim
from records import object_lock
from records.events import ObjectLocked, ObjectLockRefused
from records.object_lock import ObjectLock
from records.object_locking import (
    OBJECT_MISSING,
    Locker,
    difference_event,
    last_day,
    mode_code,
    tell_difference,
)
from records.record import Component, RecordVersion
from vault.lock import COMPLIANCE, Lock
from vault.store import ORIGINALS

log = logging.getLogger("muniment.locks")

COMPARE = "records.compare_locks"
LOCK_MISSING, LOCK_SHORTER, LOCK_WEAKER, HOLD_MISSING = "lock_missing", "lock_shorter", "lock_weaker", "hold_missing"
LOG_LACKS, DATABASE_LACKS, NOTES_DIFFER = "lock_not_in_log", "lock_not_in_database", "lock_notes_differ"
NEVER_LAID = "lock_never_laid"

PAGE = 100
OVERDUE = timedelta(days=1)
"""A lock that the store has not answered for after so long is a difference."""
_NIGHT = range(1, 5)
_AT_LEAST, _AT_MOST = timedelta(hours=12), timedelta(hours=30)
_TOPIC = "object.stored_object"
_DESTROYED = b"record.destroyed"
_NOTING = tuple(action.encode() for action in (ObjectLocked.action, ObjectLockRefused.action))


@dataclass(frozen=True, slots=True)
class Logged:
    """The newest entry of the log that says what the store keeps of an object."""

    event: UUID
    record: UUID
    details: dict[str, Any]


def is_due(last: datetime | None, now: datetime, zone: str) -> bool:
    """Whether to compare now: between one and five in the night, or where a night was missed."""
    if last is None:
        return True
    if now.astimezone(ZoneInfo(zone)).hour in _NIGHT:
        return now - last >= _AT_LEAST
    return now - last >= _AT_MOST


def store_differences(noted: Lock, held: bool, found: Lock | None) -> list[str]:
    """What the store keeps less of an original than was noted; ``held``: a hold is still asked for."""
    if found is None:
        return [OBJECT_MISSING]
    codes = []
    if noted.mode == COMPLIANCE:
        if found.mode is None or found.until is None:
            codes.append(LOCK_MISSING)
        elif found.mode != COMPLIANCE:
            codes.append(LOCK_WEAKER)
        elif noted.until is not None and found.until < noted.until:
            codes.append(LOCK_SHORTER)
    if held and noted.held and not found.held:
        codes.append(HOLD_MISSING)
    return codes


def begin_when_due(session: WriteSession, *, zone: str, at: datetime) -> bool:
    """Leave the job that compares, once a night; tells whether it was."""
    last = session.scalar(select(func.max(jobs.Job.added_at)).where(jobs.Job.name == COMPARE))
    if not is_due(last, at, zone):
        return False
    _leave(session, None, at)
    return True


def carry_out(locker: Locker, claim: Claim, holder: str) -> None:
    """Compare the page that a job names, and leave the next one.

    Raises:
        Unavailable: store or log cannot be reached; run it again later.
    """
    after = claim.arguments.get("after")
    following = compare_page(locker, UUID(after) if after else None)
    at = locker.clock.now()
    with locker.main.write(beside=True) as session:
        if jobs.finish(session, claim.id, holder=holder, at=at) and following is not None:
            _leave(session, following, at)


def compare_all(locker: Locker) -> None:
    """Compare everything now: for whoever waits for the result."""
    after: UUID | None = None
    while (after := compare_page(locker, after)) is not None:
        pass


def compare_page(locker: Locker, after: UUID | None) -> UUID | None:
    """Compare the objects whose ids follow ``after``; tells the last one, or ``None`` where none is left."""
    end = _end_of_page(locker, after)
    with locker.main.read() as session:
        rows = session.scalars(select(ObjectLock).where(*_between(after, end)).order_by(ObjectLock.id)).all()
        waiting = _in_intake(session, [row.event for row in rows if row.event is not None])
    # The log after the database: what the intake did not hold any more is in it.
    with locker.log_database.read() as session:
        logged = _logged(session, after, end)
        present = _in_log(session, [row.event for row in rows if row.event is not None])
        gone = _destroyed(session, {row.record for row in rows} | {entry.record for entry in logged.values()})
    known = {row.id for row in rows}
    for row in rows:
        found = locker.look(row)
        if row.record in gone:
            # The store lets go of it when its lock ends, and that is as it should be.
            if found is None:
                _forget(locker, row)
            continue
        codes = store_differences(row.noted, row.held, found)
        entry = logged.get(row.id)
        if row.seen_at is not None and row.event not in present | waiting:
            codes.append(LOG_LACKS)
        elif entry is not None and row.event not in waiting and not _says_the_same(row, entry):
            # A row just made again from the log has nothing to say yet.
            codes += [NOTES_DIFFER] if row.trouble != DATABASE_LACKS else []
        if row.seen_at is None and row.trouble is None and (row.floor or row.held):
            codes += [NEVER_LAID] if locker.clock.now() - row.asked_at > OVERDUE else []
        if codes or row.trouble not in (None, object_lock.CANNOT_LOCK):
            _tell(locker, row, codes, found)
    for stored, entry in logged.items():
        if stored not in known and entry.record not in gone:
            _tell_unknown(locker, stored, entry)
    return end


def _tell(locker: Locker, row: ObjectLock, codes: list[str], found: Lock | None) -> None:
    at = locker.clock.now()
    with locker.main.write(beside=True) as session:
        present = session.get(ObjectLock, row.id, with_for_update=True)
        if present is None or present.event != row.event or present.seen_at != row.seen_at:
            # It was asked for anew meanwhile; what was read before says nothing of that.
            return
        if not codes:
            # Not new: it stays an alarm until it is mended.
            log.error("a lock is not as it was asked for", extra={"code": row.trouble, "id": str(row.id)})
            return
        for code in codes[:1] if present.trouble == codes[0] else codes:
            tell_difference(session, present, code, found, at)
        present.trouble = codes[0]
        if found is not None:
            object_lock.ask_store(session, row.record, at)


def _forget(locker: Locker, row: ObjectLock) -> None:
    """The object of a destroyed record is gone: nothing is noted of it any more."""
    with locker.main.write(beside=True) as session:
        session.execute(delete(ObjectLock).where(ObjectLock.id == row.id))


def _tell_unknown(locker: Locker, stored: UUID, entry: Logged) -> None:
    """An entry of the log whose row is gone: the row is made again from what the entry says."""
    at = locker.clock.now()
    key = f"{ORIGINALS}/{stored.hex[:2]}/{stored.hex}"
    with locker.main.read() as session:
        original = session.scalar(select(RecordVersion).where(RecordVersion.object_key == key)) or session.scalar(
            select(Component).where(Component.object_key == key)
        )
    found = None if original is None else locker.look(object_lock.new_row(original, at))
    with locker.main.write(beside=True) as session:
        if session.get(ObjectLock, stored) is not None:
            return
        if original is None:
            # Not even a version names the object: nothing to make the row from, so it is told every night.
            log.error("a lock is not as it was noted", extra={"code": DATABASE_LACKS, "id": str(stored)})
            append(session, difference_event(entry.record, stored, DATABASE_LACKS, None, None), at=at)
            return
        row = object_lock.new_row(original, at)
        through = entry.details.get("through")
        row.floor, row.held = entry.details["floor"], entry.details["hold"]
        row.retain_through = None if through is None else date.fromisoformat(through)
        session.add(row)
        session.flush()
        tell_difference(session, row, DATABASE_LACKS, found, at)
        object_lock.ask_store(session, row.record, at)


def _leave(session: WriteSession, after: UUID | None, at: datetime) -> None:
    jobs.add(
        session,
        "records.compare_locks",
        queue="maintenance",
        at=at,
        key=COMPARE,
        priority=9,
        after="" if after is None else after,
    )


def _says_the_same(row: ObjectLock, entry: Logged) -> bool:
    until, told = last_day(row.seen_until), entry.details
    seen = (mode_code(row.seen_mode), None if until is None else until.isoformat(), row.seen_held)
    return row.event == entry.event and seen == (told["mode"], told.get("until"), told["held"])


def _between(after: UUID | None, end: UUID | None) -> list[ColumnElement[bool]]:
    conditions = [] if after is None else [ObjectLock.id > after]
    return conditions if end is None else [*conditions, ObjectLock.id <= end]


def _logged_between(after: UUID | None, end: UUID | None) -> list[ColumnElement[bool]]:
    conditions = [AuditTrail.topic == _TOPIC]
    conditions += [] if after is None else [AuditTrail.key > after.bytes]
    return conditions if end is None else [*conditions, AuditTrail.key <= end.bytes]


def _end_of_page(locker: Locker, after: UUID | None) -> UUID | None:
    """The last id of the next page, by whichever side is denser; ``None`` where one page holds all the rest."""
    keys = select(AuditTrail.key).where(*_logged_between(after, None)).distinct().order_by(AuditTrail.key).limit(PAGE)
    with locker.main.read() as session:
        ids = session.scalars(
            select(ObjectLock.id).where(*_between(after, None)).order_by(ObjectLock.id).limit(PAGE)
        ).all()
    with locker.log_database.read() as session:
        named = [UUID(bytes=key) for key in session.scalars(keys)]
    return min((page[-1] for page in (ids, named) if len(page) == PAGE), default=None)


def _logged(session: ReadSession, after: UUID | None, end: UUID | None) -> dict[UUID, Logged]:
    noting = aliased(AuditTrail)
    newest = (
        select(AuditTrail.key, func.max(AuditTrail.seq))
        .join(noting, and_(noting.topic == "action", noting.key.in_(_NOTING), noting.seq == AuditTrail.seq))
        .where(*_logged_between(after, end))
        .group_by(AuditTrail.key)
    )
    seqs = {seq: UUID(bytes=key) for key, seq in session.execute(newest)}
    leaves = session.execute(select(AuditLeaf.seq, AuditLeaf.entry).where(AuditLeaf.seq.in_(seqs)))
    found = {}
    for seq, entry in leaves:
        body = parse(entry).body
        record = next(UUID(item["i"]) for item in body["objects"] if item["k"] == "record")
        found[seqs[seq]] = Logged(UUID(body["id"]), record, body.get("d", {}))
    return found


def _destroyed(session: ReadSession, records: Iterable[UUID]) -> set[UUID]:
    """Those of the records of which the log says that they passed the point of no return."""
    named = aliased(AuditTrail)
    query = (
        select(AuditTrail.key)
        .join(named, and_(named.topic == "action", named.key == _DESTROYED, named.seq == AuditTrail.seq))
        .where(AuditTrail.topic == "object.record", AuditTrail.key.in_([record.bytes for record in records]))
    )
    return {UUID(bytes=key) for key in session.scalars(query)}


def _in_log(session: ReadSession, events: Iterable[UUID]) -> set[UUID]:
    wanted = [event.bytes for event in events]
    return {UUID(bytes=i) for i in session.scalars(select(AuditLeaf.event_id).where(AuditLeaf.event_id.in_(wanted)))}


def _in_intake(session: ReadSession, events: Iterable[UUID]) -> set[UUID]:
    wanted = [event.bytes for event in events]
    found = session.scalars(select(AuditIntake.event_id).where(AuditIntake.event_id.in_(wanted)))
    return {UUID(bytes=i) for i in found}
