"""Do records, stored objects, index and log agree? Counts, and the repair of what does not.

The four sides: rows of records, documents in the index, ``record.captured`` events in the
log, objects in the store. What is wrong with the index is repaired (it is a cache), objects
that no row names are swept, locks that are missing are laid again; an object that a row names
and the store has lost is an alarm that no program can repair.
"""

from dataclasses import asdict, dataclass

from sqlalchemy import func, select

from app.locks import locker_of
from app.runtime import KEEPER, Runtime
from app.seals import keys_of_objects
from app.sweep import named_keys, sweep_unnamed
from audit import intake
from audit.entries import AuditTrail
from audit.events import Actor
from core import jobs
from records import events, lock_check, object_lock
from records.record import Component, Record, RecordVersion
from search import indexer
from search.port import IndexUnusable
from vault.lock import LockingStore
from vault.store import ORIGINALS


@dataclass(frozen=True, slots=True)
class Agreement:
    """The counts of one look."""

    records: int
    index_documents: int
    """-1 where the index is being built anew."""
    capture_events: int
    destroyed: int
    """Records that passed the point of no return, as the log counts them."""
    versions: int
    components: int
    originals: int
    """Objects in the store that rows name."""
    unnamed_objects: int
    """Objects in ``originals/`` that no row names (yet)."""
    missing_objects: int
    waiting_jobs: int
    failed_jobs: int
    intake_waiting: int
    store_locks: bool
    """Whether the store can lock; a directory cannot."""
    locked_originals: int
    """Under a ``COMPLIANCE`` lock, as the store itself said when it was last asked."""
    held_originals: int
    """Under a legal hold in the store."""
    waiting_locks: int
    unlockable_originals: int
    """To be locked, in a store that cannot."""
    lock_differences: int
    """Locks refused, missing or not as noted, by the last comparison of log, database and store."""

    @property
    def agrees(self) -> bool:
        """Whether everything is as it should be, once no work waits."""
        return (
            self.records == self.index_documents == self.capture_events - self.destroyed
            and self.versions + self.components == self.originals
            and self.missing_objects == 0
            and self.lock_differences == 0
        )

    def to_json(self) -> dict[str, int | bool]:
        """The counts as ``muniment reconcile --json`` prints them."""
        return asdict(self) | {"agrees": self.agrees}


def look(runtime: Runtime) -> Agreement:
    """Count all sides now. While work is under way they differ by what is under way."""
    named, _ = named_keys(runtime)
    stored = {found.key for found in runtime.store.keys(ORIGINALS + "/")}
    seals = keys_of_objects(runtime.log_database)
    with runtime.main.read() as session:
        records = session.scalar(select(func.count()).select_from(Record)) or 0
        versions = session.scalar(select(func.count()).select_from(RecordVersion)) or 0
        components = session.scalar(select(func.count()).select_from(Component)) or 0
        counted = jobs.counts(session)
        backlog = intake.backlog(session, at=runtime.clock.now())
        locks = object_lock.counts(session, at=runtime.clock.now())
    with runtime.log_database.read() as session:
        captured, destroyed = (
            session.scalar(select(func.count()).where(AuditTrail.topic == "action", AuditTrail.key == action)) or 0
            for action in (b"record.captured", b"record.destroyed")
        )
    try:
        indexed = runtime.index.count()
    except IndexUnusable:
        indexed = -1
    return Agreement(
        records=records,
        index_documents=indexed,
        capture_events=captured,
        destroyed=destroyed,
        versions=versions,
        components=components,
        originals=len(named & stored),
        unnamed_objects=len(stored - named - seals),
        missing_objects=len((named | seals) - stored),
        waiting_jobs=sum(n for (_, state), n in counted.items() if state in (jobs.READY, jobs.LEASED)),
        failed_jobs=sum(n for (_, state), n in counted.items() if state == jobs.FAILED),
        intake_waiting=backlog.waiting,
        store_locks=isinstance(runtime.store, LockingStore),
        locked_originals=locks.locked,
        held_originals=locks.held,
        waiting_locks=locks.waiting,
        unlockable_originals=locks.cannot,
        lock_differences=locks.differing,
    )


def repair(runtime: Runtime, *, by: Actor = KEEPER.actor) -> tuple[int, int, int]:
    """Ask for stale records to be indexed, have strays taken out, sweep unnamed objects; tells the three counts.

    What is repaired is named in the log, record by record.

    The locks are compared, too. Indexing is done by the keeper, missing locks are laid by the worker; look again
    once their work is done.
    """
    lock_check.compare_all(locker_of(runtime))
    stale, strays = indexer.drift(runtime.index, runtime.main)
    with runtime.main.write() as session:
        for fault, found in (("stale", stale), ("stray", strays)):
            if found:
                named = events.IndexRepaired(by=by, records=tuple(sorted(found)), fault=fault)
                intake.append(session, named, at=runtime.clock.now())
    indexer.ask_for(runtime.main, stale | strays, at=runtime.clock.now())
    swept = sweep_unnamed(runtime, by=by)
    missing = look(runtime).missing_objects
    if stale or strays or swept or missing:
        with runtime.main.write() as session:
            event = events.DriftRepaired(by=by, indexed=len(stale), unindexed=len(strays), swept=swept, missing=missing)
            intake.append(session, event, at=runtime.clock.now())
    return len(stale), len(strays), swept
