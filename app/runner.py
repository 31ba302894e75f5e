"""Runs jobs: claims one, keeps its lease, calls its handler, and notes what became of it.

The same runner serves the Celery worker and the command line. A handler that raises puts
its job back with a growing delay; one that the state of things forbids for good
(``Invalid``, ``NotFound``) ends it. The error's code is kept, never its text.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from app.runtime import Runtime
from core import jobs
from core.errors import IntegrityFailure, Invalid, MunimentError, NotFound
from core.jobs import Claim

log = logging.getLogger("muniment.jobs")
RENEW_SECONDS = 20.0

Handler = Callable[[Runtime, Claim, str], None]
"""Takes the runtime, the claimed job and the holder's name; marks the job as done in its own last transaction."""


class Runner:
    """Runs the jobs of one queue, in as many threads as call it."""

    def __init__(self, runtime: Runtime, handlers: Mapping[str, Handler], holder: str) -> None:
        self._runtime = runtime
        self._handlers = handlers
        self._holder = holder

    def run_all(self, queue: str, *, stopping: Callable[[], bool] = lambda: False) -> int:
        """Run jobs until none is ready; tells how many were run."""
        count = 0
        while not stopping() and self.run_one(queue):
            count += 1
        return count

    def run_one(self, queue: str) -> bool:
        """Run the most urgent job; ``False`` where none is ready."""
        now = self._runtime.clock.now()
        with self._runtime.main.read() as session:
            if queue not in jobs.waiting(session, at=now):
                return False
        with self._runtime.main.write() as session:
            claims = jobs.claim(session, queue=queue, holder=self._holder, at=now)
        for claim in claims:
            self._run(claim)
        return bool(claims)

    def _run(self, claim: Claim) -> None:
        try:
            self._handlers[claim.name](self._runtime, claim, self._holder)
        except Exception as error:
            code = error.code if isinstance(error, MunimentError) else type(error).__name__
            final = isinstance(error, Invalid | NotFound | IntegrityFailure)
            log.warning(
                "job failed", extra={"job": claim.name, "id": str(claim.id), "code": code}, exc_info=_traced(error)
            )
            with self._runtime.main.write() as session:
                jobs.fail(session, claim.id, holder=self._holder, code=code, at=self._runtime.clock.now(), final=final)


@contextmanager
def renewing_leases(runtime: Runtime, holder: str) -> Iterator[None]:
    """Renew all leases of ``holder`` every 20 s while the block runs."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(RENEW_SECONDS):
            try:
                with runtime.main.write() as session:
                    jobs.renew(session, holder=holder, at=runtime.clock.now())
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
    with runtime.main.write() as session:
        jobs.finish(session, job, holder=holder, at=runtime.clock.now())


def _traced(error: BaseException) -> bool:
    # Our own errors say what they are; the trace of any other is needed, and holds no values of variables.
    return not isinstance(error, MunimentError)
