"""Runs jobs: claims one, keeps its lease, calls its handler, and notes what became of it.

The same runner serves the Celery worker and the command line. A handler that raises puts
its job back with a growing delay; one that the state of things forbids for good
(``Invalid``, ``NotFound``) ends it. The error's code is kept, never its text.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import UUID

from app.runtime import Runtime
from core import jobs
from core.errors import IntegrityFailure, Invalid, MunimentError, NotFound, Unavailable
from core.jobs import Claim
from ingest.clamd import ScannerAway

log = logging.getLogger("muniment.jobs")
RENEW_SECONDS = 20.0

Handler = Callable[[Runtime, Claim, str], None]
"""Takes the runtime, the claimed job and the holder's name; marks the job as done in its own last transaction."""


class Runner:
    """Runs jobs of some queues, in as many threads as call it."""

    def __init__(
        self,
        runtime: Runtime,
        handlers: Mapping[str, Handler],
        holder: str,
        *,
        limits: Mapping[str, threading.Semaphore] | None = None,
    ) -> None:
        """``limits`` say how many threads may run jobs of a queue at once; others may be run by all."""
        self._runtime = runtime
        self._handlers = handlers
        self._holder = holder
        self._limits = dict(limits or {})
        self._running: set[UUID] = set()

    @property
    def running(self) -> frozenset[UUID]:
        """The jobs that are being worked on at this moment."""
        return frozenset(self._running)

    def run_all(self, queues: Sequence[str], *, stopping: Callable[[], bool] = lambda: False) -> int:
        """Run jobs until none is ready; tells how many were run."""
        count = 0
        while not stopping() and self.run_one(queues):
            count += 1
        return count

    def run_one(self, queues: Sequence[str]) -> bool:
        """Run the most urgent job of the first queue that has any; ``False`` where none is ready."""
        if not self._runtime.settings.is_distributed:
            # Whoever claims is the only one who writes meanwhile. Beside servers to look first is but one more message.
            with self._runtime.main.read() as session:
                waiting = jobs.waiting(session, at=self._runtime.clock.now())
            queues = [queue for queue in queues if queue in waiting]
            if not queues:
                return False
        with self._claimed(queues) as claim:
            if claim is None:
                return False
            self._running.add(claim.id)
            try:
                self._run(claim)
            finally:
                self._running.discard(claim.id)
        return True

    @contextmanager
    def _claimed(self, queues: Sequence[str]) -> Iterator[Claim | None]:
        """The most urgent job of the first queue that has any, with its place among those of the queue."""
        now = self._runtime.clock.now()
        held: set[threading.Semaphore] = set()
        try:
            free = [queue for queue in queues if self._has_place(queue, held)]
            with self._runtime.main.write(beside=True) as session:
                claim = jobs.claim_first(session, queues=free, holder=self._holder, at=now)
            own = self._limits.get(claim.queue) if claim is not None else None
            for unused in held - {own}:
                held.discard(unused)
                unused.release()
            yield claim
        finally:
            for limit in held:
                limit.release()

    def _has_place(self, queue: str, held: set[threading.Semaphore]) -> bool:
        limit = self._limits.get(queue)
        if limit is None or limit in held:
            return True
        if limit.acquire(blocking=False):
            held.add(limit)
            return True
        return False

    def _run(self, claim: Claim) -> None:
        try:
            self._handlers[claim.name](self._runtime, claim, self._holder)
        except Exception as error:
            code = error.code if isinstance(error, MunimentError) else type(error).__name__
            final = isinstance(error, Invalid | NotFound | IntegrityFailure)
            log.warning(
                "job failed", extra={"job": claim.name, "id": str(claim.id), "code": code}, exc_info=_traced(error)
            )
            now = self._runtime.clock.now()
            with self._runtime.main.write(beside=True) as session:
                jobs.fail(session, claim.id, holder=self._holder, code=code, at=now, final=final, away=_is_away(error))


@contextmanager
def renewing_leases(runtime: Runtime, holder: str, runner: Runner) -> Iterator[None]:
    """Renew the leases of ``holder`` on what ``runner`` works on, every 20 s while the block runs."""
    ended, sign = threading.Event(), runtime.folder.sign_of_life(holder.split("/")[1])
    sign.touch()

    def renew() -> None:
        while not ended.wait(RENEW_SECONDS):
            try:
                with runtime.main.write(beside=True) as session:
                    jobs.renew(session, holder=holder, at=runtime.clock.now(), running=runner.running)
                sign.touch()
            except MunimentError as error:
                log.warning("leases not renewed", extra={"code": error.code})

    thread = threading.Thread(target=renew, name="renew-leases", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def finish(runtime: Runtime, job: UUID, holder: str) -> None:
    """Mark a job as done in a transaction of its own: for handlers without a last write of theirs."""
    with runtime.main.write(beside=True) as session:
        jobs.finish(session, job, holder=holder, at=runtime.clock.now())


def _is_away(error: Exception) -> bool:
    """Whether a server is away or this worker is ending, rather than something be wrong with the document.

    A bare ``Unavailable`` is an extraction child that does not live. A scanner may be away for good, and after
    some hours people are to know.
    """
    return isinstance(error, Unavailable) and type(error) is not Unavailable and not isinstance(error, ScannerAway)


def _traced(error: BaseException) -> bool:
    # Our own errors say what they are; the trace of any other is needed, and holds no values of variables.
    return not isinstance(error, MunimentError)
