"""Lays locks and holds on stored originals, reads back what the store keeps, and notes that with its audit event.

The store is asked outside any transaction; one transaction then writes what it said. A job
that runs twice finds the lock that is there, which only ever grows.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from audit.events import Actor
from audit.intake import append
from core import jobs
from core.clock import Clock
from core.database import Database, WriteSession
from core.jobs import Claim
from records import events, object_lock
from records.object_lock import CANNOT_LOCK, NO_LOCK, ObjectLock
from records.record import Record
from vault.lock import COMPLIANCE, Lock, LockingStore, LockRefused
from vault.store import ObjectMissing, ObjectStore

log = logging.getLogger("muniment.locks")

LOCK = "records.lock"
"""Name of the job, as ``records.object_lock`` promises it."""
OBJECT_MISSING = "object_missing"
BATCH = 50
"""Records asked for in one transaction, which others wait for."""
LOCKER = Actor("system", name="locks")
"""Who acts: nobody asked for it at that moment."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of asking the store for one original."""

    lock: Lock | None
    """What it keeps now; ``None`` where the object is gone."""
    trouble: str | None
    """Why it is not as asked for."""


@dataclass(frozen=True, slots=True)
class Locker:
    """Keeps the locks of the store as they are asked for."""

    main: Database
    log_database: Database
    store: ObjectStore
    clock: Clock
    full_length: bool = False
    """Lock for the whole minimum at once, instead of 13 months at a time."""

    def carry_out(self, claim: Claim, holder: str) -> None:
        """Have the store keep the originals of the record that a job names as they are asked to be kept.

        Raises:
            Unavailable: the store cannot be reached; run it again later.
        """
        record_id = UUID(claim.arguments["record"])
        of_record = select(ObjectLock).where(ObjectLock.record == record_id).order_by(ObjectLock.id)
        with self.main.read() as session:
            rows = session.scalars(of_record).all()
        today = self.clock.now().date()
        answers = {row.id: (_asked(row), self._bring_about(row, today)) for row in rows}
        at = self.clock.now()
        with self.main.write(beside=True) as session:
            if not jobs.finish(session, claim.id, holder=holder, at=at):
                return
            changed_meanwhile = False
            for row in session.scalars(of_record.with_for_update()):
                asked, seen = answers.get(row.id, (None, None))
                if seen is not None:
                    self._note(session, row, seen, at)
                changed_meanwhile |= asked != _asked(row)
            if changed_meanwhile:
                object_lock.ask_store(session, record_id, at)

    def ask_due(self) -> int:
        """Leave a job for each record whose locks must be prolonged or tried again; tells for how many.

        In batches, each in a transaction of its own. What was asked is due again the next day at the
        earliest, so it may be called as often as wanted.
        """
        count, at = 0, self.clock.now()
        while True:
            with self.main.write(beside=True) as session:
                records = object_lock.due(session, today=at.date(), limit=BATCH)
                for record_id in sorted(records):
                    object_lock.ask_store(session, record_id, at)
            if not records:
                return count
            count += len(records)

    def look(self, row: ObjectLock) -> Lock | None:
        """What the store keeps of an original now; ``None`` where the object is gone."""
        try:
            if isinstance(self.store, LockingStore):
                return self.store.lock_of(row.object_key, row.object_version)
            self.store.stat(row.object_key, row.object_version)
        except ObjectMissing:
            return None
        return Lock(None, None, False)

    def _bring_about(self, row: ObjectLock, today: date) -> Seen:
        found = self.look(row)
        if found is None:
            return Seen(None, OBJECT_MISSING)
        until = object_lock.wanted_until(row, today=today, full_length=self.full_length)
        if not isinstance(self.store, LockingStore):
            return Seen(found, CANNOT_LOCK if until is not None or row.held else None)
        key, version = row.object_key, row.object_version
        try:
            if until is not None and not (found.mode == COMPLIANCE and found.until and found.until >= until):
                found = self.store.lock(key, version, until)
            if found.held != row.held:
                found = self.store.hold(key, version, row.held)
        except LockRefused as error:
            return Seen(self.look(row), error.code)
        except ObjectMissing:
            return Seen(None, OBJECT_MISSING)
        return Seen(found, None)

    def _note(self, session: WriteSession, row: ObjectLock, seen: Seen, at: datetime) -> None:
        wanted = object_lock.wanted_until(row, today=at.date(), full_length=self.full_length)
        row.ask_on = object_lock.ask_again_on(row, wanted, today=at.date(), trouble=seen.trouble)
        if seen.lock is None:
            tell_difference(session, row, OBJECT_MISSING, None, at)
            return
        changed = row.seen_at is None or row.noted != seen.lock or row.trouble != seen.trouble
        row.seen_mode, row.seen_until = seen.lock.mode or NO_LOCK, seen.lock.until
        row.seen_held, row.seen_at, row.trouble = seen.lock.held, at, seen.trouble
        if changed:
            row.event = append(session, _event(row, seen, _entity_of(session, row.record)), at=at)
        if seen.trouble is not None and seen.trouble != CANNOT_LOCK:
            log.error("the store does not keep a lock", extra={"code": seen.trouble, "id": str(row.id)})


def tell_difference(session: WriteSession, row: ObjectLock, code: str, found: Lock | None, at: datetime) -> None:
    """Raise the alarm for a difference, and note it with its audit event where it was not noted before."""
    log.error("a lock is not as it was noted", extra={"code": code, "id": str(row.id)})
    if row.trouble != code:
        row.trouble = code
        append(session, difference_event(row.record, row.id, code, found, _entity_of(session, row.record)), at=at)


def difference_event(
    record: UUID, stored: UUID, code: str, found: Lock | None, entity: UUID | None
) -> events.ObjectLockDiffers:
    """The audit event of a difference, with what the store says."""
    return events.ObjectLockDiffers(
        by=LOCKER,
        entity=entity,
        record=record,
        stored=stored,
        difference=code,
        mode=None if found is None else mode_code(found.mode),
        until=None if found is None else last_day(found.until),
        held=None if found is None else found.held,
    )


def mode_code(mode: str | None) -> str:
    """A lock's mode as the log writes it."""
    return (mode or NO_LOCK).lower()


def last_day(until: datetime | None) -> date | None:
    """The last day (UTC) that a lock covers at least in part."""
    return None if until is None else (until - timedelta(microseconds=1)).date()


def _event(row: ObjectLock, seen: Seen, entity: UUID | None) -> events.ObjectLocked:
    told = {
        "by": LOCKER,
        "entity": entity,
        "record": row.record,
        "stored": row.id,
        "mode": mode_code(row.seen_mode),
        "until": last_day(row.seen_until),
        "held": row.seen_held,
        "floor": row.floor,
        "through": row.retain_through,
        "hold": row.held,
    }
    if seen.trouble is None:
        return events.ObjectLocked(**told)  # type: ignore[arg-type]
    return events.ObjectLockRefused(**told, reason=seen.trouble)  # type: ignore[arg-type]


def _entity_of(session: WriteSession, record_id: UUID) -> UUID | None:
    return session.scalar(select(Record.entity).where(Record.id == record_id))


def _asked(row: ObjectLock) -> Sequence[object]:
    return row.floor, row.retain_through, row.held
