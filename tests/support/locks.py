"""An archive whose originals lie in a real S3 store, under a clock that the test moves."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app import handlers, locks
from app.runner import Runner
from core import leases
from records import object_lock
from records.object_lock import LockCounts, ObjectLock
from tests.support.archive import Archive, StandingClock
from vault.store import ObjectStore


def archive_over(folder: Path, store: ObjectStore | None = None, **settings: Any) -> tuple[Archive, StandingClock]:
    """An archive and its clock; the store is the folder's own unless one is given."""
    archive, clock = Archive.open(folder, **settings), StandingClock()
    run = archive.runtime
    store = store or run.store
    archive.runtime = replace(
        run,
        store=store,
        clock=clock,
        content=replace(run.content, store=store, clock=clock),
        receiver=replace(run.receiver, store=store, clock=clock),
    )
    return archive, clock


def work(archive: Archive, queues: Collection[str] = ("maintenance",)) -> int:
    """Run what waits in the queues, as a worker would; tells how many jobs were run."""
    readers = handlers.Readers(archive.runtime.settings)
    try:
        return Runner(archive.runtime, handlers.table(readers), leases.incarnation("test")).run_all(list(queues))
    finally:
        readers.stop()


def rows(archive: Archive, record_id: UUID) -> list[ObjectLock]:
    """The lock rows of a record, by object id."""
    with archive.runtime.main.read() as session:
        return list(
            session.scalars(select(ObjectLock).where(ObjectLock.record == record_id).order_by(ObjectLock.id)).all()
        )


def counts(archive: Archive) -> LockCounts:
    """How all rows stand."""
    with archive.runtime.main.read() as session:
        return object_lock.counts(session, at=archive.now)


def another_night(archive: Archive, clock: StandingClock) -> None:
    """A day later: the hourly tick, and the jobs that it leaves."""
    clock.at += timedelta(days=1, hours=7)
    archive.index()
    locks.keep_up(archive.runtime)
    work(archive)
    archive.index()
