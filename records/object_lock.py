"""Locks of stored originals: what the archive asks of the store, and what the store was last seen to keep.

One row for each stored original (versions and components); what is derived is never locked. A
lock is asked for only where a person has confirmed the class, and only for a statutory
minimum; the days come from whoever knows them, and nothing here invents one. What is written
under ``seen_`` was read back from the store and stands in the log under ``event``: a row never
says more than that. A lock reaches 13 months ahead at most (``vault.lock``), so it is asked for
again when ``ask_on`` has come.

The row outlives its record: the store keeps sealed bytes until a lock ends, also when their key is gone.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import String, case, func, select
from sqlalchemy.orm import Mapped, mapped_column

from core import jobs
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, NotFound
from records import record
from records.record import Component, Record, RecordVersion
from vault.lock import COMPLIANCE, Lock, lock_until, plus_months

NO_LOCK = "none"
CANNOT_LOCK = "store_cannot_lock"
"""The trouble of an original in a store that has no locks, such as a directory: said, and no alarm."""


class ClassNotConfirmed(Conflict):
    """No person has confirmed the record's class: a lock cannot be taken back, so it waits for that."""

    code = "class_not_confirmed"


class ObjectLock(MainTable):
    """What is asked for one stored original, and what the store was seen to keep."""

    __tablename__ = "object_locks"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """The 128 random bits of its object key."""
    object_key: Mapped[str] = mapped_column(String(80))
    object_version: Mapped[str] = mapped_column(String(80))
    record: Mapped[UUID] = mapped_column(index=True)
    version: Mapped[UUID]
    floor: Mapped[bool]
    """A statutory minimum asks for a lock."""
    retain_through: Mapped[date | None]
    """Last day of that minimum; none where it awaits its trigger."""
    held: Mapped[bool]
    """A legal hold lies on the record."""
    asked_at: Mapped[datetime]
    """When a lock or hold was first asked for."""
    ask_on: Mapped[date | None] = mapped_column(index=True)
    """Day on which to ask the store again; none where nothing more is to be asked."""
    seen_mode: Mapped[str | None] = mapped_column(String(12))
    """``COMPLIANCE``, ``GOVERNANCE`` or ``none``; empty where the store has not answered yet."""
    seen_until: Mapped[datetime | None]
    seen_held: Mapped[bool] = mapped_column(default=False)
    seen_at: Mapped[datetime | None]
    event: Mapped[UUID | None]
    """The audit event that says what was seen."""
    trouble: Mapped[str | None] = mapped_column(String(40))
    """What is not as it was asked for or noted: a code; empty where all is well."""

    @property
    def noted(self) -> Lock:
        """What the store was last seen to keep."""
        return Lock(None if self.seen_mode in (None, NO_LOCK) else self.seen_mode, self.seen_until, self.seen_held)


@dataclass(frozen=True, slots=True)
class Kept:
    """How long the store keeps the bytes of one original, as noted when it was last asked."""

    until: datetime | None
    """End of its ``COMPLIANCE`` lock; none where no lock holds them."""
    held: bool
    """A legal hold keeps them without an end."""


@dataclass(frozen=True, slots=True)
class LockCounts:
    """How the rows stand."""

    locked: int
    """Under a ``COMPLIANCE`` lock that has not ended, as the store itself said."""
    held: int
    """Under a legal hold, as the store itself said. Whoever has the store's credentials can lift one."""
    waiting: int
    """Asked for; the store has not answered yet."""
    cannot: int
    """Asked for, in a store that cannot lock."""
    differing: int
    """Refused, missing, shorter than noted, or not the same in log, database and store."""


def object_id(object_key: str) -> UUID:
    """The id of a stored object: the random part of its key."""
    return UUID(hex=object_key.rpartition("/")[2])


def wanted_until(row: ObjectLock, *, today: date, full_length: bool) -> datetime | None:
    """Until when the original is to be locked; ``None`` where no minimum asks for that, or it has ended."""
    if not row.floor or (row.retain_through is not None and row.retain_through < today):
        return None
    return lock_until(today=today, retain_through=row.retain_through, full_length=full_length)


def ask_again_on(row: ObjectLock, wanted: datetime | None, *, today: date, trouble: str | None) -> date | None:
    """When to ask the store again, once it has answered.

    Monthly while the lock must still move on; the day after where something is wrong. Never
    again once the lock reaches the last day of the minimum, which does not move.
    """
    if trouble is not None and trouble != CANNOT_LOCK:
        return today + timedelta(days=1)
    if wanted is None or (row.retain_through is not None and wanted.date() > row.retain_through):
        return None
    return plus_months(today, 1)


def ask(session: WriteSession, record_id: UUID, *, retain_through: date | None, at: datetime) -> None:
    """Have all originals of a record locked under a statutory minimum; a job does it, and keeps it so.

    ``retain_through`` is the last day of the minimum, ``None`` while it awaits its trigger. Asking
    for the same again changes nothing.

    Raises:
        NotFound: there is no such record.
        ClassNotConfirmed: no person has confirmed its class.
    """
    found = _locked_row(session, record_id)
    if not found.confirmed:
        raise ClassNotConfirmed("confirm its class first")
    changed = _complete(session, record_id, None, at)
    for row in _rows_of(session, record_id):
        if not row.floor or row.retain_through != retain_through:
            row.floor, row.retain_through = True, retain_through
            changed = True
    if changed:
        ask_store(session, record_id, at)


def let_lapse(session: WriteSession, record_id: UUID, *, at: datetime) -> None:
    """No statutory minimum asks for a lock any more: what is laid stays to its end, and is not prolonged."""
    _locked_row(session, record_id)
    rows = [row for row in _rows_of(session, record_id) if row.floor]
    for row in rows:
        row.floor, row.retain_through = False, None
    if rows:
        ask_store(session, record_id, at)


def ask_hold(session: WriteSession, record_id: UUID, held: bool, at: datetime) -> None:
    """Have the store show the record's legal hold, or its end, on all originals; a job does it.

    Raises:
        NotFound: there is no such record.
    """
    _locked_row(session, record_id)
    changed = held and _complete(session, record_id, None, at)
    for row in _rows_of(session, record_id):
        if row.held != held:
            row.held, changed = held, True
    if changed:
        ask_store(session, record_id, at)


def follow(session: WriteSession, record_id: UUID, at: datetime) -> None:
    """An original was added: it is locked as the others of its record are, if they are."""
    like = session.scalar(
        select(ObjectLock)
        .where(ObjectLock.record == record_id)
        .order_by(ObjectLock.floor.desc(), ObjectLock.held.desc())
        .limit(1)
    )
    if like is not None and (like.floor or like.held) and _complete(session, record_id, like, at):
        ask_store(session, record_id, at)


def ask_store(session: WriteSession, record_id: UUID, at: datetime) -> None:
    """Leave the job that brings store and rows of a record together; should it get lost, the next day asks again."""
    session.flush()
    for row in _rows_of(session, record_id):
        row.ask_on = at.date() + timedelta(days=1)
    jobs.add(
        session,
        "records.lock",
        queue="maintenance",
        at=at,
        subject=record_id,
        # After a change of rules there may be a hundred thousand: a hold or a night's run does not wait for them.
        priority=8,
        key=f"records.lock/{record_id.hex}",
        record=record_id,
    )


def due(session: ReadSession, *, today: date, limit: int) -> set[UUID]:
    """Records of up to ``limit`` originals whose day has come to ask the store again, the longest due first."""
    return set(
        session.scalars(
            select(ObjectLock.record).where(ObjectLock.ask_on <= today).order_by(ObjectLock.ask_on).limit(limit)
        )
    )


def kept(session: ReadSession, object_key: str, object_version: str, *, at: datetime) -> Kept:
    """Until when the store keeps the bytes of an original, so that a destruction can say so.

    The caller must not conclude that the store lets go of the others: a lock may have been asked
    for and not be noted yet. Only the store's own answer to ``delete`` says that bytes are gone.
    """
    row = session.get(ObjectLock, object_id(object_key))
    if row is None or row.object_version != object_version:
        return Kept(None, False)
    locked = row.seen_mode == COMPLIANCE and row.seen_until is not None and row.seen_until > at
    return Kept(row.seen_until if locked else None, row.seen_held)


def counts(session: ReadSession, *, at: datetime) -> LockCounts:
    """How many originals stand how."""
    asked = ObjectLock.floor | ObjectLock.held
    cannot = ObjectLock.trouble == CANNOT_LOCK
    fine = ObjectLock.trouble.is_(None)
    sums = (
        (ObjectLock.seen_mode == COMPLIANCE) & (ObjectLock.seen_until > at) & fine,
        ObjectLock.seen_held & fine,
        asked & ObjectLock.seen_at.is_(None) & fine,
        cannot & asked,
        ObjectLock.trouble.is_not(None) & ~cannot,
    )
    row = session.execute(select(*(func.coalesce(func.sum(case((each, 1), else_=0)), 0) for each in sums))).one()
    return LockCounts(*(int(value) for value in row))


def rows_by_id(session: ReadSession, ids: Collection[UUID]) -> dict[UUID, ObjectLock]:
    """The rows of those objects that have one."""
    return {row.id: row for row in session.scalars(select(ObjectLock).where(ObjectLock.id.in_(list(ids))))}


def new_row(original: RecordVersion | Component, at: datetime) -> ObjectLock:
    """A row that asks for nothing yet."""
    return ObjectLock(
        id=object_id(original.object_key),
        object_key=original.object_key,
        object_version=original.object_version,
        record=original.record,
        version=original.id if isinstance(original, RecordVersion) else original.version,
        floor=False,
        retain_through=None,
        held=False,
        asked_at=at,
        ask_on=None,
        seen_held=False,
    )


def _complete(session: WriteSession, record_id: UUID, like: ObjectLock | None, at: datetime) -> bool:
    """Make the rows that are missing, asking for what ``like`` asks; tells whether any was."""
    session.flush()
    known = {row.id: row for row in _rows_of(session, record_id)}
    like = like or next(iter(known.values()), None)
    made = False
    originals: list[RecordVersion | Component] = [*record.versions_of(session, record_id)]
    originals += record.components_of(session, record_id)
    for original in originals:
        if object_id(original.object_key) not in known:
            row = new_row(original, at)
            if like is not None:
                row.floor, row.retain_through, row.held = like.floor, like.retain_through, like.held
            session.add(row)
            made = True
    session.flush()
    return made


def _rows_of(session: ReadSession, record_id: UUID) -> list[ObjectLock]:
    return list(session.scalars(select(ObjectLock).where(ObjectLock.record == record_id).order_by(ObjectLock.id)))


def _locked_row(session: WriteSession, record_id: UUID) -> Record:
    # One after the other: two at once would both make the missing rows.
    found = session.get(Record, record_id, with_for_update=True)
    if found is None:
        raise NotFound("there is no such record")
    return found
