"""The keeper: the one process that writes the search index and signs the log.

It moves the intake of changes into the log, brings the index up to date, signs a
checkpoint at most a second after the log has grown, and writes a heartbeat every minute.
Its lease keeps a second keeper waiting, wherever it runs. It learns of work by looking at a
counter of the database that other processes' commits change; nothing needs to call it.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from app.runtime import KEEPER, Runtime
from audit import intake
from audit.checkpoint import Signer
from audit.heartbeat import heartbeat, note_silence
from core import jobs, leases
from core.errors import MunimentError
from records.content import Content
from search import indexer
from search.embedded import EmbeddedIndex
from search.port import IndexNotWritten, IndexUnusable, SearchIndex

log = logging.getLogger("muniment.keeper")

LOOK_SECONDS = 0.05
INDEX_BATCH = 64
CHECKPOINT_SECONDS = 0.9
HEARTBEAT_SECONDS = 60.0


@dataclass
class Keeper:
    """One keeper on one data folder."""

    runtime: Runtime
    holder: str
    signer: Signer
    _index: SearchIndex | None = None
    _seen: int = -1
    _next_lease: float = 0.0
    _next_checkpoint: float = 0.0
    _next_heartbeat: float = field(default_factory=lambda: time.monotonic() + HEARTBEAT_SECONDS)
    _next_look: float = 0.0

    def open(self) -> SearchIndex:
        """The index, open for writing; made anew, with every record asked for, where it is missing or damaged."""
        if self._index is None:
            try:
                self._index = EmbeddedIndex(self.runtime.folder.index)
            except IndexUnusable:
                log.warning("the search index is unusable and is built anew")
                self._index = EmbeddedIndex.anew(self.runtime.folder.index)
            if self._index.count() == 0:
                # New, or somebody removed the folder: it may be thrown away at any time.
                self.ask_for_all()
        return self._index

    def ask_for_all(self) -> int:
        """Promise to index every record that the index does not hold as it is now; tells how many."""
        stale, strays = indexer.drift(self.open(), self.runtime.main)
        return indexer.ask_for(self.runtime.main, stale | strays, at=self.runtime.clock.now())

    def run(self, stopping: Callable[[], bool]) -> None:
        """Keep until told to stop, then finish what is at hand."""
        note_silence(self.runtime.log, at=self.runtime.clock.now())
        while not self._has_lease() and not stopping():
            time.sleep(1.0)
        if not stopping():
            # Also what was changed while no keeper ran, or by a restored copy of the database.
            self.ask_for_all()
        while not stopping():
            if not self._has_lease():
                time.sleep(1.0)
                continue
            if not self.step():
                time.sleep(LOOK_SECONDS)
        if self._has_lease():
            self.settle()
        self.close()

    def step(self) -> bool:
        """Do what is due now; ``False`` where there was nothing."""
        now = time.monotonic()
        worked = False
        changed = self.runtime.main.change_count()
        if changed != self._seen or now >= self._next_look:
            self._seen, self._next_look = changed, now + 2.0
            worked = self._move_intake() | self._index_some()
            if worked:
                self._seen = -1
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            self._safely("heartbeat", self._beat)
        if now >= self._next_checkpoint:
            self._next_checkpoint = now + CHECKPOINT_SECONDS
            self._safely("checkpoint", self.signer.sign_if_grown)
        return worked

    def settle(self) -> None:
        """Do everything that is ready now and sign it: for a stop, and for the command line."""
        self._look_at_index()
        while self._move_intake() | self._index_some():
            pass
        self._safely("checkpoint", self.signer.sign_if_grown)

    def close(self) -> None:
        """Let go of the index and of the lease."""
        if self._index is not None:
            self._index.close()
            self._index = None
        with self.runtime.main.write() as session:
            leases.void(session, self.holder)

    def _look_at_index(self) -> None:
        """Open the index now where there is none to search in, so that it is built anew."""
        with suppress(IndexUnusable):
            if self.runtime.index.count() > 0:
                return
        self.open()

    def _beat(self) -> None:
        heartbeat(self.runtime.main, self.runtime.log, at=self.runtime.clock.now())

    def _has_lease(self) -> bool:
        if time.monotonic() < self._next_lease:
            return True
        now = self.runtime.clock.now()
        with self.runtime.main.write() as session:
            mine = leases.take(session, "keeper", holder=self.holder, at=now)
            if mine:
                jobs.renew(session, holder=self.holder, at=now)
        if mine:
            self._next_lease = time.monotonic() + leases.RENEW_SECONDS
        return mine

    def _move_intake(self) -> bool:
        try:
            return intake.sequence_intake(self.runtime.main, self.runtime.log, at=self.runtime.clock.now()) > 0
        except MunimentError as error:
            log.error("intake not moved", extra={"code": error.code})
            time.sleep(0.5)
            return False

    def _index_some(self) -> bool:
        """Index one batch, with one commit of the index for all of it."""
        now = self.runtime.clock.now()
        with self.runtime.main.read() as session:
            if "keeper" not in jobs.waiting(session, at=now):
                return False
        with self.runtime.main.write() as session:
            claims = jobs.claim(session, queue="keeper", holder=self.holder, at=now, limit=INDEX_BATCH)
        failed = self._put(claims)
        now = self.runtime.clock.now()
        with self.runtime.main.write() as session:
            for claim in claims:
                if (code := failed.get(claim.id)) is None:
                    jobs.finish(session, claim.id, holder=self.holder, at=now)
                else:
                    jobs.fail(session, claim.id, holder=self.holder, code=code, at=now)
        return bool(claims)

    def _put(self, claims: list[jobs.Claim]) -> dict[UUID, str]:
        index, content, failed = self.open(), self.runtime.content, dict[UUID, str]()
        for claim in claims:
            try:
                self._put_one(index, content, claim)
            except IndexNotWritten as error:
                # What was put before in this batch is dropped with it.
                log.error("the index was not written", extra={"code": error.code})
                return {each.id: error.code for each in claims}
            except MunimentError as error:
                failed[claim.id] = error.code
                log.warning("not indexed", extra={"id": claim.arguments["record"], "code": error.code})
        try:
            index.commit()
        except MunimentError as error:
            log.error("the index did not commit", extra={"code": error.code})
            return {claim.id: error.code for claim in claims}
        return failed

    def _put_one(self, index: SearchIndex, content: Content, claim: jobs.Claim) -> None:
        record_id = UUID(claim.arguments["record"])
        document = indexer.document_of(content, record_id, by=KEEPER)
        if document is None:
            index.remove([record_id])
        else:
            index.put([document])

    def _safely(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except MunimentError as error:
            log.error(f"{what} not written", extra={"code": error.code})
