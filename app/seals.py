"""Journal seals in the vault: made after each day, compared with their rows when the log is verified.

The object is durable before the row names it. On a store that can lock, it is locked as long as the log itself is
kept (``log_retention_years``), 13 months ahead at a time and prolonged month by month, as records are.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from app.runtime import Runtime
from audit import journal
from audit.origin import started_as
from audit.timestamp import token_of
from core.database import Database
from core.errors import IntegrityFailure, MunimentError
from vault import envelope
from vault.data_key import DataKey
from vault.keyring import Keyring, Shredded
from vault.lock import AWAITING_MONTHS, COMPLIANCE, LockingStore, LockRefused, lock_until, plus_months
from vault.store import ObjectStore, new_original_key
from vault.writer import seal_into

log = logging.getLogger("muniment.seals")

JOURNAL = UUID("00000000-0000-7000-8000-6a6f75726e61")
"""Subject of the key that seals the journal (frozen)."""
PATIENCE = timedelta(hours=6)
"""How long after midnight a seal waits for its time stamp."""

Stamp = Callable[[Runtime, int, str], bytes]


def seal_day(runtime: Runtime, *, stamp: Stamp | None = None) -> journal.AuditSeal | None:
    """Seal the last finished day, if it is due; the row of what was made.

    ``stamp`` has a checkpoint stamped: where it cannot for six hours, the seal goes without.
    """
    now = runtime.clock.now()
    with runtime.log_database.read() as session:
        due = journal.due(session, at=now)
        if due is None:
            return None
        token = token_of(session, due.size)
        origin = (started_as(session) or ("", ""))[0]
    if token is None and stamp is not None:
        try:
            token = stamp(runtime, due.size, due.note)
        except MunimentError:
            midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
            if now - midnight < PATIENCE:
                raise
            log.warning("a seal goes without a time stamp")
    content = journal.content_of(due, origin=origin, token=token)
    key, name = _key(runtime, now), new_original_key()
    sealed = seal_into(runtime.store, name, key, _context(due.size), [content])
    try:
        with runtime.log_database.write(beside=True) as session:
            journal.keep(session, due, content, key=name, version=sealed.ref.version, at=now)
    except IntegrityError:
        # Another process has sealed that day meanwhile; what is stored here is named by nothing, and is swept.
        return None
    # Last: a locked object that no row names could not be swept.
    if isinstance(runtime.store, LockingStore):
        try:
            until = _wanted_until(due.day, now.date(), runtime.settings.log_retention_years)
            if until is not None:
                runtime.store.lock(name, sealed.ref.version, until)
        except LockRefused:
            log.error("the store did not lock a journal seal")
    with runtime.log_database.read() as session:
        return journal.last_seal(session)


def prolong(runtime: Runtime) -> int:
    """Lock the objects of seals further ahead, where the log's own retention asks for it; tells how many it was.

    Once a day is often enough: a lock is prolonged when less than a year of it is left.

    Raises:
        LockRefused, IntegrityFailure: of the first object with which it could not be done; all others were done.
        Unavailable: the store cannot be reached; the rest is done the next time.
    """
    store = runtime.store
    if not isinstance(store, LockingStore):
        return 0
    today, years, done = runtime.clock.now().date(), runtime.settings.log_retention_years, 0
    trouble: MunimentError | None = None
    with runtime.log_database.read() as session:
        rows = journal.seals(session)
    for row in rows:
        wanted = _wanted_until(row.day, today, years)
        if wanted is None:
            continue
        try:
            lock = store.lock_of(row.object_key, row.object_version)
            if lock.mode != COMPLIANCE or lock.until is None or lock.until < min(wanted, _enough(today)):
                store.lock(row.object_key, row.object_version, wanted)
                done += 1
        except (LockRefused, IntegrityFailure) as error:
            log.error("the lock of a journal seal was not prolonged", extra={"code": error.code})
            trouble = trouble or error
    if trouble is not None:
        raise trouble
    return done


def _wanted_until(day: date, today: date, years: int) -> datetime | None:
    """Until when the seal of a day is to be locked, as seen today; ``None`` where its time is over."""
    through = plus_months(day, 12 * years) if years else None
    if through is not None and through < today:
        return None
    return lock_until(today=today, retain_through=through)


def _enough(today: date) -> datetime:
    """A lock that reaches as far is left for another month."""
    return lock_until(today=today, retain_through=plus_months(today, AWAITING_MONTHS - 1))


def differing(database: Database, main: Database, store: ObjectStore, keys: Keyring) -> Iterator[tuple[int, str]]:
    """Position and sentence of each seal whose object is missing or says something else than its row."""
    with database.read() as session:
        rows, first = journal.seals(session), 0
    if not rows:
        return
    try:
        with main.read() as session:
            key = keys.get(session, JOURNAL)
    except (IntegrityFailure, Shredded):
        yield 0, "the key of the seals in the vault is gone"
        return
    for row in rows:
        try:
            pieces = store.get(row.object_key, row.object_version)
            content = b"".join(envelope.open_all(key.secret, _context(row.size), pieces))
            if content != row.content:
                yield first, f"the seal of {row.day} in the vault says something else than its row"
        except IntegrityFailure:
            yield first, f"the seal of {row.day} is missing in the vault, or altered"
        first = row.size


def keys_of_objects(database: Database) -> set[str]:
    """Keys of the objects that hold seals."""
    with database.read() as session:
        return {row.object_key for row in journal.seals(session)}


def _key(runtime: Runtime, at: datetime) -> DataKey:
    with runtime.main.write() as session:
        try:
            return runtime.keys.get(session, JOURNAL)
        except Shredded:
            return runtime.keys.create(session, JOURNAL, kind="journal", at=at)


def _context(size: int) -> bytes:
    return envelope.context(JOURNAL, None, f"seal/{size}")
