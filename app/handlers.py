"""Which handler does which job, and what the clock's ticks mean.

Each handler reads its claim, calls one function of a package, and leaves. A test holds this
table against every job name that the packages promise.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from accounts import sessions, setup, throttle
from app import date_jobs, holding, locks, retention_jobs, simulating, sweep, withdrawing
from app.retention_steps import STEPS
from app.runner import Handler
from app.runtime import Runtime
from app.settings import Settings
from core import jobs
from core.jobs import Claim
from ingest.clamd import Scanner
from ingest.extractor import Extractor
from ingest.inspect import Limits
from ingest.receive import REMEMBER_UPLOADS, forget_uploads
from ingest.retry import READ, settle_failed
from records import lock_check
from records.object_locking import LOCK
from retention import withdrawal

log = logging.getLogger("muniment.jobs")

NICENESS = 15
"""Of the extraction children: people wait for the web server, nobody for one document of many. The worker itself is
not made to give way, because it takes locks that the web server waits for."""
KEEP_DONE = timedelta(days=2)


class Readers:
    """The extraction children of a process, as many as documents are read at once.

    Who begins takes the one that was free last: to start another and load its libraries costs more than many
    documents, and those that nobody needs end by themselves.
    """

    def __init__(self, settings: Settings) -> None:
        self._limits = Limits(read_bytes=settings.largest_read_bytes)
        self._folders = [Path(folder) for folder in settings.tessdata.split(":") if folder]
        self._all: list[Extractor] = []
        self._free: list[Extractor] = []
        self._lock = threading.Lock()
        self._stopped = False

    @contextmanager
    def taken(self) -> Iterator[Extractor]:
        """An extractor that nobody else drives during the block."""
        with self._lock:
            extractor = self._free.pop() if self._free else self._another()
        try:
            yield extractor
        finally:
            with self._lock:
                self._free.append(extractor)

    def stop(self) -> None:
        """End every child now; what they were reading is read again later."""
        with self._lock:
            self._stopped = True
            for extractor in self._all:
                extractor.stop()

    def _another(self) -> Extractor:
        extractor = Extractor(self._limits, tessdata_dirs=self._folders or None, niceness=NICENESS)
        self._all.append(extractor)
        if self._stopped:
            extractor.stop()
        return extractor


def table(readers: Readers) -> dict[str, Handler]:
    """The worker's handlers by job name. ``search.index`` is the keeper's own."""

    def read(runtime: Runtime, claim: Claim, holder: str) -> None:
        # The classifier and what it reckons with: not in memory before there is something to read.
        from ingest.read import read_version

        clamd = runtime.settings.clamd
        scanner = Scanner(clamd) if clamd else None
        with readers.taken() as extractor:
            read_version(runtime.content, runtime.receiver, extractor, claim, holder, scanner=scanner)

    def lock(runtime: Runtime, claim: Claim, holder: str) -> None:
        locks.locker_of(runtime).carry_out(claim, holder)

    def compare_locks(runtime: Runtime, claim: Claim, holder: str) -> None:
        lock_check.carry_out(locks.locker_of(runtime), claim, holder)

    def retain(runtime: Runtime, claim: Claim, holder: str) -> None:
        retention_jobs.carry_out(runtime, claim, holder, STEPS)

    return {
        READ: read,
        LOCK: lock,
        lock_check.COMPARE: compare_locks,
        retention_jobs.RUN: retain,
        date_jobs.DATE: date_jobs.carry_out,
        simulating.SIMULATE: simulating.carry_out,
        holding.GO_THROUGH: holding.go_through,
        holding.CATCH: holding.catch_waiting,
        withdrawal.DESTROY: withdrawing.carry_out,
    }


def tick(runtime: Runtime, what: str, *, look: Callable[[Collection[str]], None]) -> None:
    """What beat asks for: ``look`` at waiting queues, put back lost ``leases``, ``hourly`` housekeeping,
    ``retention``: whatever of the retention jobs is due.

    With the leases, records whose reading was given up are shown to people.
    """
    now = runtime.clock.now()
    if what == "look":
        with runtime.main.read() as session:
            waiting = jobs.waiting(session, at=now)
        look(waiting)
    elif what == "leases":
        with runtime.main.write() as session:
            found = jobs.release_expired(session, at=now)
        if found:
            log.warning("jobs of a lost worker were put back", extra={"count": len(found)})
        if given_up := settle_failed(runtime.content):
            log.warning("records that cannot be read wait for attention", extra={"count": given_up})
    elif what == "hourly":
        with runtime.main.write() as session:
            jobs.forget_done(session, before=now - KEEP_DONE)
            forget_uploads(session, before=now - REMEMBER_UPLOADS)
            sessions.forget(session, before=now - KEEP_DONE)
            throttle.forget(session, at=now)
            setup.close_when_due(session, at=now)
        locks.keep_up(runtime)
        sweep.sweep_unnamed(runtime)
    elif what == "retention":
        retention_jobs.ask_due(runtime)
