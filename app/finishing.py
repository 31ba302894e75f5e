"""What is left to do once records are past the point of no return: objects, key epochs, and saying how it stands.

Every step looks for what is not confirmed yet, does it, and notes it: killed anywhere and run again, it repeats nothing
that was confirmed. Index and certificate are the keeper's (``app.certifying``).
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update

from accounts.principal import Principal, system
from app import schema
from app.runtime import Runtime
from audit import intake
from core.database import WriteSession
from core.errors import MunimentError
from records.object_lock import ObjectLock, object_id
from retention import batch as batches
from retention import destruction, package
from retention.batch import Batch, Item
from retention.destruction import Destruction
from retention.disposition_events import DispositionEnded
from vault.keyring import are_destroyed
from vault.lock import LockingStore, ObjectLocked
from vault.store import ORIGINALS

log = logging.getLogger("muniment.destroying")

RETENTION: Principal = system("retention")
assert schema.MAIN.tables
"""Every table and its trace is known in this process: a trace that was not imported would not be walked."""
_LISTED, _NOTED = 200, 80
"""Records whose objects are deleted at a time, and of which that is noted in one transaction: 0.3 ms each."""
_DELETERS = 8
AWAY_AFTER = 5
"""So many records in a row whose objects the store did not delete, and it is left alone until the next run."""

Answer = tuple[list[dict[str, Any]], str | None]
"""Objects of a record that locks keep, and why one was not deleted."""
Passing = Callable[[str], None]
"""Told the name of each step right before it; tests end the process there."""


def nobody(step: str) -> None:
    """Nobody is told."""


@dataclass(slots=True)
class Outcome:
    """What one run did."""

    begun: int = 0
    """Records that passed the point of no return."""
    reclassified: int = 0
    """Records that came into another class, as decided and approved."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Records passed over, by reason."""
    failed: dict[str, int] = field(default_factory=dict)
    """Destructions of which a step failed, by reason: they are tried again at the next run."""
    locked: int = 0
    """Stored objects that a lock keeps, unreadable."""
    voided: int = 0
    """Batches that were not as they were approved."""
    packed: int = 0
    """Records that were packed, for an archive or for keeping outside."""
    purged: int = 0
    """Stubs of earlier destructions whose own end had come."""


def finish(runtime: Runtime, *, at: datetime, outcome: Outcome | None = None, passing: Passing = nobody) -> Outcome:
    """Delete and destroy what is left of records past the point of no return; repeats nothing that was confirmed."""
    outcome = outcome or Outcome()
    delete_objects(runtime, outcome, at, passing)
    destroy_keys(runtime, outcome, at, passing)
    delete_packages(runtime, outcome, at, passing)
    let_stay(runtime, at, passing)
    with runtime.main.write() as session:
        if destruction.waits_for_index(session, 1):
            destruction.ask_to_erase(session, at)
        if destruction.unfinished(session):
            destruction.ask_to_certify(session, at)
        package.settle(session, by=RETENTION, at=at, keys=runtime.keys)
        settle_batches(session, at=at)
    return outcome


def delete_objects(runtime: Runtime, outcome: Outcome, at: datetime, passing: Passing) -> None:
    """Delete the stored objects of what is past the point of no return, each by key and version."""
    after, away = None, 0
    with ThreadPoolExecutor(_DELETERS, thread_name_prefix="deleting") as pool:
        while away < AWAY_AFTER:
            with runtime.main.read() as session:
                waiting = destruction.waits_for_store(session, after=after, limit=_LISTED)
            if not waiting:
                return
            after = waiting[-1].record
            passing("objects")
            answers = list(pool.map(lambda row: _delete(runtime, row), waiting))
            passing("objects_deleted")
            for start in range(0, len(waiting), _NOTED):
                rows, told = waiting[start : start + _NOTED], answers[start : start + _NOTED]
                with runtime.main.write() as session:
                    _forget_locks(session, rows, told)
                    for row, (locked, trouble) in zip(rows, told, strict=True):
                        _note_deleted(session, row, locked, trouble, at)
            for locked, trouble in answers:
                outcome.locked += len(locked)
                if trouble is not None:
                    outcome.failed[trouble] = outcome.failed.get(trouble, 0) + 1
                    away += 1
                else:
                    away = 0


def _delete(runtime: Runtime, row: Destruction) -> Answer:
    """What locks keep of a record's objects; and why one could not be deleted, as a code."""
    locked = []
    try:
        for key, version in row.objects:
            try:
                runtime.store.delete(key, version)
            except ObjectLocked:
                locked.append({"key": key, **_lock_of(runtime, key, version)})
    except MunimentError as error:
        log.warning("an object was not deleted", extra={"id": str(row.record), "code": error.code})
        return locked, error.code
    return locked, None


def _lock_of(runtime: Runtime, key: str, version: str) -> dict[str, Any]:
    if not isinstance(runtime.store, LockingStore):
        return {"until": None, "held": False}
    seen = runtime.store.lock_of(key, version)
    return {"until": seen.until.date().isoformat() if seen.until else None, "held": seen.held}


def _forget_locks(session: WriteSession, rows: list[Destruction], answers: list[Answer]) -> None:
    """Nothing of them is to be locked any more; of what a lock keeps stays noted until when."""
    gone, left = list[UUID](), list[UUID]()
    for row, (locked, trouble) in zip(rows, answers, strict=True):
        if trouble is None:
            kept = {each["key"] for each in locked}
            originals = [key for key, _ in row.objects if key.startswith(ORIGINALS)]
            gone += [object_id(key) for key in originals if key not in kept]
            left += [object_id(key) for key in originals if key in kept]
    for some in _pieces(gone):
        session.execute(delete(ObjectLock).where(ObjectLock.id.in_(some)))
    for some in _pieces(left):
        # Its lock is not prolonged any more.
        session.execute(update(ObjectLock).where(ObjectLock.id.in_(some)).values(floor=False, held=False, ask_on=None))


def _note_deleted(
    session: WriteSession, row: Destruction, locked: list[dict[str, Any]], trouble: str | None, at: datetime
) -> None:
    noted: dict[str, Any] = {"trouble": trouble, "tries": row.tries + 1}
    if trouble is None:
        noted |= {"locked": locked, "objects_deleted_at": at}
    session.execute(update(Destruction).where(Destruction.record == row.record).values(**noted))


def destroy_keys(runtime: Runtime, outcome: Outcome, at: datetime, passing: Passing) -> None:
    """Have the epoch keys destroyed, all at once, and note of which records that is confirmed."""
    with runtime.main.read() as session:
        waiting = destruction.waits_for_keys(session)
    if not waiting:
        return
    passing("keys")
    trouble = None
    try:
        runtime.keys.destroy_retired(runtime.main, at=at)
    except MunimentError as error:
        trouble = error.code
        log.error("an epoch key was not destroyed", extra={"code": error.code})
    passing("keys_destroyed")
    gone, left = _confirmed(runtime, waiting)
    for some in _pieces(gone):
        with runtime.main.write() as session:
            these = update(Destruction).where(Destruction.record.in_(some))
            session.execute(these.values(keys_destroyed_at=at))
    if left and trouble is not None:
        outcome.failed[trouble] = outcome.failed.get(trouble, 0) + len(left)
        for some in _pieces(left):
            with runtime.main.write() as session:
                session.execute(update(Destruction).where(Destruction.record.in_(some)).values(trouble=trouble))


def delete_packages(runtime: Runtime, outcome: Outcome, at: datetime, passing: Passing) -> None:
    """Delete packages that are over from the store, and have their key epochs destroyed."""
    with runtime.main.read() as session:
        waiting = package.to_delete(session)
    if not waiting:
        return
    passing("packages")
    gone = []
    for package_id, key, version in waiting:
        try:
            runtime.store.delete(key, version)
            gone.append(package_id)
        except MunimentError as error:
            log.warning("a package was not deleted", extra={"id": str(package_id), "code": error.code})
            outcome.failed[error.code] = outcome.failed.get(error.code, 0) + 1
    passing("packages_deleted")
    with runtime.main.write() as session:
        package.note_deleted(session, gone)
    try:
        runtime.keys.destroy_retired(runtime.main, at=at)
    except MunimentError as error:
        # The wrapped key is gone from the database already; the epoch is tried again with the next destruction.
        log.error("an epoch key was not destroyed", extra={"code": error.code})


def let_stay(runtime: Runtime, at: datetime, passing: Passing) -> None:
    """Tell what was packed for transfers that were called off that it stays, piece by piece."""
    with runtime.main.read() as session:
        left = package.is_any_called_off(session)
    while left:
        passing("stay")
        with runtime.main.write() as session:
            left = package.let_stay(session, by=RETENTION, at=at, keys=runtime.keys) > 0


def _confirmed(runtime: Runtime, waiting: list[tuple[UUID, frozenset[UUID]]]) -> tuple[list[UUID], list[UUID]]:
    known: dict[UUID, bool] = {}
    with runtime.main.read() as session:
        for epoch in {epoch for _, epochs in waiting for epoch in epochs}:
            known[epoch] = are_destroyed(session, [epoch])
    gone = [record for record, epochs in waiting if all(known[epoch] for epoch in epochs)]
    done = set(gone)
    return gone, [record for record, _ in waiting if record not in done]


def settle_batches(session: WriteSession, *, at: datetime) -> None:
    """Say of batches and items under way how they stand: what failed is visible, what is over is over."""
    troubled = select(Destruction.record).where(Destruction.certificate.is_(None), Destruction.trouble.is_not(None))
    mine = (Item.state == batches.ITEM_EXECUTING, Item.record.in_(troubled))
    code = select(Destruction.trouble).where(Destruction.record == Item.record).scalar_subquery()
    session.execute(update(Item).where(*mine).values(state=batches.FAILED, code=code))
    for row in session.scalars(select(Batch).where(Batch.state.in_((batches.EXECUTING, batches.PARTLY_FAILED)))):
        by_state = select(Item.state, func.count()).where(Item.batch == row.id).group_by(Item.state)
        states = {counted.state: int(counted[1]) for counted in session.execute(by_state)}
        if states.get(batches.FAILED):
            row.state = batches.PARTLY_FAILED
        elif any(states.get(each) for each in (batches.DECIDED, batches.PACKAGED, batches.ITEM_EXECUTING)):
            row.state = batches.EXECUTING
        else:
            row.state, row.ended_at = batches.DONE, at
            event = DispositionEnded(
                by=RETENTION.actor,
                entity=row.entity,
                batch=row.id,
                destroyed=states.get(batches.DESTROYED, 0),
                skipped=states.get(batches.SKIPPED, 0),
                kept=states.get(batches.KEPT, 0),
            )
            intake.append(session, event, at=at)
    session.flush()


def _pieces(ids: list[UUID], size: int = 500) -> list[list[UUID]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
