"""Building the search index anew from the records: asked for by an operator, done by the keeper.

Only the keeper writes the index, so the wish is a job of a queue that nobody else works on. The
keeper takes it batch by batch between its other work; searches see the old index until the new one
is whole. Ended anywhere, the job is put back, and whoever keeps next begins afresh.
"""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from accounts.principal import Principal
from app.runtime import KEEPER, Runtime
from audit import intake
from core import jobs
from core.database import WriteSession
from core.errors import MunimentError, Unavailable
from core.jobs import Claim, Job
from records.record import Record
from search import indexer
from search.events import IndexRebuildAsked, IndexRebuilt
from search.port import IndexBusy, IndexDocument, IndexUnusable, SearchIndex

log = logging.getLogger("muniment.keeper")

QUEUE = "rebuild"
_BASIS = "search.rebuild"


def ask(session: WriteSession, *, by: Principal, at: datetime) -> UUID:
    """Have the keeper rebuild the index; the job, which may have been waiting already.

    Raises:
        NotAllowed: ``by`` does not manage the installation.
    """
    by.require("installation.manage")
    job = jobs.add(session, "search.rebuild", queue="rebuild", at=at, key="search.rebuild")
    intake.append(session, IndexRebuildAsked(by=by.actor), at=at)
    return job or session.scalars(select(Job.id).where(Job.key == "search.rebuild")).one()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild is."""

    state: str
    """Of its job: ``ready`` (the keeper has not begun, or will begin again), ``leased``, ``done`` or ``failed``."""
    error_code: str | None
    """Why it was put back last."""
    done: int
    """Records in the new index; 0 before it is begun, and once it has taken its place."""
    records: int
    """Records there are."""


def progress(runtime: Runtime, job: UUID) -> Progress:
    """How far the rebuild of that job is now."""
    with runtime.main.read() as session:
        row = session.get_one(Job, job)
        state, code = row.state, row.error_code
        records = session.scalar(select(func.count()).select_from(Record)) or 0
    built = None
    if state == jobs.LEASED:
        # To look may fail where to build does not.
        with suppress(Unavailable):
            built = runtime.index.building()
    return Progress(state, code, built or 0, records)


class Rebuilder:
    """The keeper's part: one rebuild at a time, a batch at a time."""

    def __init__(self, runtime: Runtime, holder: str) -> None:
        self._runtime, self._holder = runtime, holder
        self._job: UUID | None = None
        self._batches: Generator[int, None, None] | None = None
        self._put = 0

    @property
    def running(self) -> frozenset[UUID]:
        """The job that is worked on."""
        return frozenset() if self._job is None else frozenset({self._job})

    def work(self, opened: Callable[[], SearchIndex], *, look: bool) -> bool:
        """Put one batch more, and the new index in its place once it is whole; ``False`` where there is nothing to do.

        ``opened`` gives the index; ``look`` says whether to look for somebody's wish where no rebuild is under way.

        Raises:
            IndexUnusable, IndexBusy: the rebuild is put back, and the index must be opened again.
        """
        if self._job is None and not (look and self._begin()):
            return False
        assert self._job is not None
        try:
            if self._batches is None:
                self._batches, self._put = opened().rebuild(indexer.all_records(self._runtime.main), self._documents), 0
            put = next(self._batches, None)
            if put is not None:
                self._put = put
                return True
        except MunimentError as error:
            job = self._job
            self.leave()
            log.error("the search index was not rebuilt", extra={"code": error.code})
            with self._runtime.main.write(beside=True) as session:
                at = self._runtime.clock.now()
                jobs.fail(session, job, holder=self._holder, code=error.code, at=at, endless=True)
            if isinstance(error, IndexUnusable | IndexBusy):
                raise
        else:
            self._finish(self._job, opened())
        return True

    def drop(self) -> None:
        """Drop what was built, before the index is closed; the next ``work`` begins afresh."""
        if self._batches is not None:
            batches, self._batches = self._batches, None
            batches.close()

    def leave(self) -> None:
        """Drop what was built, and the job: it is put back with the keeper's lease, for whoever keeps next."""
        self._job = None
        self.drop()

    def _begin(self) -> bool:
        at = self._runtime.clock.now()
        with self._runtime.main.read() as session:
            if QUEUE not in jobs.waiting(session, at=at):
                return False
        with self._runtime.main.write(beside=True) as session:
            claims: list[Claim] = jobs.claim(session, queue=QUEUE, holder=self._holder, at=at)
        self._job = claims[0].id if claims else None
        return bool(claims)

    def _finish(self, job: UUID, index: SearchIndex) -> None:
        self._job = self._batches = None
        at = self._runtime.clock.now()
        with self._runtime.main.write() as session:
            # Also where the lease was lost meanwhile: it was rebuilt, and will be once more.
            intake.append(session, IndexRebuilt(by=KEEPER.actor, records=self._put), at=at)
            jobs.finish(session, job, holder=self._holder, at=at)
        log.info("the search index was rebuilt", extra={"count": self._put})
        # What had to be left out is not forgotten.
        stale, strays = indexer.drift(index, self._runtime.main)
        indexer.ask_for(self._runtime.main, stale | strays, at=at)

    def _documents(self, record_ids: Sequence[UUID]) -> Iterator[IndexDocument]:
        given = set()
        try:
            for document in indexer.documents_of(self._runtime.content, record_ids, by=KEEPER, basis=_BASIS):
                given.add(document.record_id)
                yield document
        except Unavailable:
            raise
        except MunimentError:
            # Something is wrong with one of them, which must not keep the others from being found.
            for record_id in record_ids:
                if record_id not in given:
                    yield from self._one(record_id)

    def _one(self, record_id: UUID) -> Iterator[IndexDocument]:
        try:
            yield from indexer.documents_of(self._runtime.content, [record_id], by=KEEPER, basis=_BASIS)
        except Unavailable:
            raise
        except MunimentError as error:
            log.warning("left out of the new index", extra={"id": str(record_id), "code": error.code})
