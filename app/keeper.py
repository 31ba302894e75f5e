"""The keeper: the one process that writes the search index and signs the log.

It moves the intake of changes into the log, brings the index up to date (or builds it anew,
where an operator asked for that), signs and publishes
a checkpoint at most a second after the log has grown, and writes a heartbeat every minute.
Its lease keeps a second keeper waiting, wherever it runs. It learns of work by looking at a
counter of the database that other processes' commits change; nothing needs to call it.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from app.anchoring import Anchoring
from app.build import index_of
from app.certifying import Eraser, certify
from app.indexing import put
from app.reindex import Rebuilder
from app.runtime import Runtime
from audit import intake
from audit.checkpoint import Signer
from audit.heartbeat import heartbeat, note_silence
from core import jobs, leases
from core.errors import IntegrityFailure, MunimentError, Unavailable
from retention.destruction import CERTIFY, ERASE
from retention.hold_catch import note_indexed
from search import indexer
from search.port import IndexBusy, IndexUnusable, SearchIndex

log = logging.getLogger("muniment.keeper")

LOOK_SECONDS = 0.05
GATHER_SECONDS = 0.25
"""What comes within this time of the last work is done together: a commit of the log, the database and the index
costs more than what a document adds to it. What comes alone is done at once."""
GATHER_APART_SECONDS = 0.5
"""The same where they are servers, each of which is asked several times."""
INDEX_BATCH = 64
ASKED_AT_ONCE = 4 * INDEX_BATCH
"""Records that the index lacks are asked for when nothing else waits for it: a million jobs at once would take
minutes, in which no entry came into the log and the lease ran out."""
CHECKPOINT_SECONDS = 0.7
"""What an entry waits for a published checkpoint over it, so that on a bad moment of the disk it is a second. The next
one begins earlier by what the last one took: an entry may come right after one has begun."""
PARTIALS_SECONDS = 60.0
HEARTBEAT_SECONDS = 60.0
TIDY_SECONDS = 0.5
AWAY_SECONDS = 0.5
BEGIN_SECONDS = 5.0
ERASE_AGAIN_SECONDS, CERTIFY_AGAIN_SECONDS = 60.0, 30.0


@dataclass
class Keeper:
    """One keeper on one data folder."""

    runtime: Runtime
    holder: str
    signer: Signer
    _index: SearchIndex | None = None
    _rebuilder: Rebuilder = field(init=False)
    _anchoring: Anchoring = field(init=False)
    _eraser: Eraser = field(init=False)
    _may_erase: bool = True
    """Whether there may be something to erase: known to be so at the start, and when a job says so."""
    _may_certify: bool = True
    _next_erase: float = 0.0
    _next_certify: float = 0.0
    _seen: int = -1
    _next_lease: float = 0.0
    _next_checkpoint: float = 0.0
    _next_partials: float = 0.0
    _leased_until: float = 0.0
    _signs_beside: bool = False
    _broken: Exception | None = None
    """What ended the signing thread, which must not end quietly."""
    _next_heartbeat: float = field(default_factory=lambda: time.monotonic() + HEARTBEAT_SECONDS)
    _next_look: float = 0.0
    _next_work: float = 0.0
    _next_begin: float = 0.0
    _is_begun: bool = False
    _lacking: list[UUID] = field(default_factory=list)
    """Records that the index does not hold as they are, and nobody has asked for yet. Forgotten with the process: the
    next keeper looks again."""

    def __post_init__(self) -> None:
        self._rebuilder = Rebuilder(self.runtime, self.holder)
        self._anchoring = Anchoring(self.runtime)
        self._eraser = Eraser(self.runtime)

    def open(self) -> SearchIndex:
        """The index, open for writing; made anew, with every record asked for, where it is missing or damaged."""
        if self._index is None:
            try:
                self._index = index_of(self.runtime.settings)
            except IndexUnusable:
                log.warning("the search index is unusable and is built anew")
                self._index = index_of(self.runtime.settings, anew=True)
            if self._index.count() == 0:
                # New, or somebody removed the folder: it may be thrown away at any time.
                self.ask_for_all()
        return self._index

    def ask_for_all(self) -> int:
        """Find every record that the index does not hold as it is now; tells how many. They are indexed by and by."""
        stale, strays = indexer.drift(self.open(), self.runtime.main)
        self._lacking = sorted(stale | strays)
        return len(self._lacking)

    def run(self, stopping: Callable[[], bool]) -> None:
        """Keep until told to stop, then finish what is at hand. A server that is away is waited for."""
        ended = threading.Event()
        beside = [
            threading.Thread(target=self._sign_beside, args=(ended,), name="signing"),
            threading.Thread(target=self._tidy_beside, args=(ended,), name="tidying"),
        ]
        self._signs_beside = True
        for thread in beside:
            thread.start()
        try:
            while not stopping():
                if self._broken is not None:
                    raise self._broken
                try:
                    if not self._has_lease():
                        time.sleep(1.0)
                        continue
                    self._begin()
                    self._anchoring.look()
                    if not self.step():
                        time.sleep(LOOK_SECONDS)
                except Unavailable as error:
                    log.warning("the keeper waits", extra={"code": error.code})
                    # What it had claimed is known again by nobody: see _has_lease.
                    self._next_lease = self._leased_until = 0.0
                    time.sleep(AWAY_SECONDS)
        finally:
            ended.set()
            for thread in beside:
                thread.join()
            self._signs_beside = False
        # Whoever keeps next begins it afresh.
        self._rebuilder.leave()
        with suppress(Unavailable):
            if self._has_lease():
                # Signed first: an erasure under way may take longer than one that stops is given.
                self._safely("checkpoint", self.signer.sign_if_grown)
                self.settle(erasing=False)
        with suppress(Unavailable):
            self.close()

    def step(self) -> bool:
        """Do what is due now; ``False`` where there was nothing."""
        now = time.monotonic()
        worked = False
        changed = self.runtime.main.change_count() if now >= self._next_work else self._seen
        look = changed != self._seen or now >= self._next_look
        if look:
            self._seen, self._next_look = changed, now + 2.0
            worked = self._move_intake() | (self._index_some() or self._ask_for_some())
            self._certify_some()
            if worked:
                # Look again, in case that was not all.
                gathering = GATHER_APART_SECONDS if self.runtime.settings.is_distributed else GATHER_SECONDS
                self._next_look = self._next_work = now + gathering
        self._erase_some()
        worked |= self._rebuild_some(look=look)
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            self._safely("heartbeat", self._beat)
        if now >= self._next_checkpoint and not self._signs_beside:
            self._sign()
        return worked

    def settle(self, *, erasing: bool = True) -> None:
        """Do everything that is ready now and sign it: for a stop, and for the command line. A rebuild is left.

        Without ``erasing`` what is destroyed and still in the index is left to whoever keeps next, and so is what the
        index lacks.
        """
        self._eraser.wait()
        self._look_at_index()
        while self._move_intake() | self._index_some() or (erasing and self._ask_for_some()):
            pass
        if erasing and self._eraser.has_work:
            self._safely("erasure", lambda: self._eraser.erase_all(self.open()))
        self._safely("certificate", self._move_and_certify)
        self._safely("checkpoint", self.signer.sign_if_grown)
        self._safely("withdrawal", self.signer.withdraw)

    def close(self) -> None:
        """Let go of the index, of the lease and of what is unfinished."""
        self._rebuilder.leave()
        self._close_index()
        with self.runtime.main.write(beside=True) as session:
            jobs.release_held_by(session, self.holder, at=self.runtime.clock.now())
            leases.void(session, self.holder)

    def _close_index(self) -> None:
        self._eraser.wait()
        self._rebuilder.drop()
        if self._index is not None:
            self._index.close()
            self._index = None

    def _begin(self) -> None:
        """What is due once, when it has become the keeper; tried again where the index is away."""
        if self._is_begun or time.monotonic() < self._next_begin:
            return
        self._next_begin = time.monotonic() + BEGIN_SECONDS
        try:
            note_silence(self.runtime.log, at=self.runtime.clock.now())
            # Also what was changed while no keeper ran, or by a restored copy of the database.
            self.ask_for_all()
            self._is_begun = True
        except MunimentError as error:
            log.error("the index was not looked through", extra={"code": error.code})

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
        with self.runtime.main.write(beside=True) as session:
            mine = leases.take(session, "keeper", holder=self.holder, at=now)
            if mine:
                # It does one thing at a time, and this is another: what it still holds was claimed when the
                # database was lost.
                if self._rebuilder.running:
                    jobs.renew(session, holder=self.holder, at=now, running=self._rebuilder.running)
                else:
                    jobs.release_held_by(session, self.holder, at=now)
        if not mine:
            self._rebuilder.leave()
        self.runtime.folder.sign_of_life("keeper").touch()
        if mine:
            self._next_lease = time.monotonic() + leases.RENEW_SECONDS
            self._leased_until = time.monotonic() + 2 * leases.RENEW_SECONDS
        else:
            self._leased_until = 0.0
        return mine

    def _sign_beside(self, ended: threading.Event) -> None:
        """Sign in a thread of its own while this is the keeper: a batch for the index may take longer than a second."""
        try:
            while not ended.wait(max(LOOK_SECONDS, self._next_checkpoint - time.monotonic())):
                if time.monotonic() < self._leased_until:
                    self._sign()
        except Exception as error:
            self._broken = error

    def _tidy_beside(self, ended: threading.Event) -> None:
        """Keep the database tidy, so that no commit that somebody waits for has to; the recorder tidies the log."""
        while not ended.wait(TIDY_SECONDS):
            with suppress(Unavailable):
                self.runtime.main.tidy()

    def _sign(self) -> None:
        begun = time.monotonic()
        self._safely("checkpoint", self.signer.sign_if_grown)
        took = time.monotonic() - begun
        self._next_checkpoint = begun + max(took, CHECKPOINT_SECONDS - took)
        if begun >= self._next_partials:
            self._next_partials = begun + PARTIALS_SECONDS
            self.signer.remove_partials()
            self._safely("withdrawal", self.signer.withdraw)

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
        if self._eraser.is_at_work:
            return False
        with self.runtime.main.read() as session:
            if "keeper" not in jobs.waiting(session, at=now):
                return False
        with self.runtime.main.write(beside=True) as session:
            everything = jobs.claim(session, queue="keeper", holder=self.holder, at=now, limit=INDEX_BATCH)
            claims = [claim for claim in everything if claim.name not in (ERASE, CERTIFY)]
            # They only say that there is something; what there is stands in rows of its own.
            said = [claim.id for claim in everything if claim.name in (ERASE, CERTIFY)]
            jobs.finish_all(session, said, holder=self.holder, at=now)
        names = {claim.name for claim in everything}
        self._may_erase |= ERASE in names
        self._may_certify |= CERTIFY in names
        if not claims:
            return bool(everything)
        # Where it is another index by now, it is opened again, or built anew.
        failed = put(self.runtime, claims, opened=self.open, lost=self._close_index)
        now, done = self.runtime.clock.now(), [claim for claim in claims if claim.id not in failed]
        with self.runtime.main.write(beside=True) as session:
            jobs.finish_all(session, [claim.id for claim in done], holder=self.holder, at=now)
            for job, error in failed.items():
                # However long the index is away: a record that is not in it would not be found for ever.
                away = isinstance(error, Unavailable)
                jobs.fail(session, job, holder=self.holder, code=error.code, at=now, endless=True, away=away)
            # Holds are asked about what they can find from now on.
            note_indexed(session, [UUID(claim.arguments["record"]) for claim in done], now)
        return bool(claims)

    def _ask_for_some(self) -> bool:
        """Promise to index some of what the index lacks; ``False`` where it lacks nothing."""
        if not self._lacking or self._eraser.is_at_work:
            return False
        some, self._lacking = self._lacking[:ASKED_AT_ONCE], self._lacking[ASKED_AT_ONCE:]
        return indexer.ask_for(self.runtime.main, some, at=self.runtime.clock.now()) > 0

    def _erase_some(self) -> None:
        """Have the index erase what was destroyed, beside this loop; what failed is tried again a minute later."""
        now = time.monotonic()
        if self._eraser.is_at_work:
            return
        error = self._eraser.outcome()
        if isinstance(error, MunimentError):
            log.error("the index was not erased", extra={"code": error.code})
            self._next_erase, self._may_erase = now + ERASE_AGAIN_SECONDS, False
            if isinstance(error, IndexUnusable | IndexBusy):
                self._close_index()
        elif error is not None:
            raise error
        elif self._may_erase or now >= self._next_erase:
            self._next_erase, self._may_erase = now + ERASE_AGAIN_SECONDS, False
            self._safely("erasure", self._begin_erasing)

    def _begin_erasing(self) -> None:
        # Asked again when it is done: more may have come meanwhile.
        self._may_erase = self._eraser.has_work and self._eraser.begin(self.open())

    def _certify_some(self) -> None:
        """Issue certificates for what is confirmed; what is not in the log yet comes with the next look."""
        now = time.monotonic()
        if self._may_certify or now >= self._next_certify:
            self._next_certify, self._may_certify = now + CERTIFY_AGAIN_SECONDS, False
            self._safely("certificate", self._move_and_certify)

    def _move_and_certify(self) -> None:
        while self._move_intake():
            pass
        if certify(self.runtime, self.signer):
            while self._move_intake():
                pass

    def _rebuild_some(self, *, look: bool) -> bool:
        if self._eraser.is_at_work:
            return False
        try:
            return self._rebuilder.work(self.open, look=look)
        except (IndexUnusable, IndexBusy):
            self._close_index()
            return True

    def _safely(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except IntegrityFailure as error:
            log.critical(f"{what} not written: {error.detail}", extra={"code": error.code})
        except MunimentError as error:
            log.error(f"{what} not written", extra={"code": error.code})
