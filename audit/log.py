"""The log as processes write to it: durable when ``record`` returns.

Group commit: where a recorder runs, it puts the waiting events of all processes into one
transaction (``audit.recorder``). Where none runs, or it does not answer, a committer thread of this
process does so for its own threads. Nobody lingers and nobody leads: while one commit is under way,
of this process or of another, the next batch gathers. Where the log cannot take an event, the caller
gets ``LogUnavailable`` and must show nothing.
"""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, Union

from audit import catalogues
from audit.appender import Appender, Entry, LogUnavailable, UndeclaredAction, prepare
from audit.body import fits
from audit.draft import Draft, draft
from audit.entries import Receipt, append, create_head, lock_head
from audit.events import Event, LogStarted
from audit.note import parse_vkey
from audit.opening import SealedOpening, sealed
from audit.origin import started_as
from audit.recorder import Recorder
from audit.seal import NotSealable, OpeningSeal
from audit.turns import Call, Turns
from core.clock import Clock, to_us
from core.database import Database
from core.errors import Conflict, Invalid

__all__ = ["Log", "LogUnavailable", "OriginChanged", "UndeclaredAction"]

MAX_BATCH = 512
MAX_ORIGIN = 120
_TOLD_WITHIN_SECONDS = 0.05
"""So long those who are told one after the other may take."""


class OriginChanged(Conflict):
    """This log was started under another origin or key."""

    code = "audit_origin_changed"


_Answer = Union["Future[list[Receipt]]", Call]


class _Waiting(NamedTuple):
    entry: Entry
    answer: _Answer


class Log:
    """The audit log of one installation, as this process appends to it. Thread-safe."""

    def __init__(
        self,
        database: Database,
        origin: str,
        clock: Clock,
        *,
        seal: OpeningSeal | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        """``seal`` seals the openings of recorded events; without one, events with commitments are refused.

        ``recorder`` reaches the process that appends for all, where one runs.
        """
        self.database, self.origin, self.clock = database, origin, clock
        self._seal, self._recorder = seal, recorder
        self._appender = Appender(database, clock)
        self._waiting: deque[_Waiting] = deque()
        self._arrival = threading.Condition()
        self._turns = Turns()
        self._thread: threading.Thread | None = None
        self._closing = False

    def start(self, origin: str, vkey: str) -> None:
        """Write event 0 where the log is new; otherwise check that it is this log, and declare new actions.

        Raises:
            OriginChanged: the log was started under another origin, or signs with another key.
            CatalogueChanged: this program declares a published action otherwise.
            Invalid: the origin or the key cannot stand in a checkpoint.
        """
        if parse_vkey(vkey).name != origin or not fits("label", vkey) or len(origin) > MAX_ORIGIN:
            raise Invalid("the log's key is named after its origin, of 120 characters at most, without '@'")
        if origin != self.origin:
            raise OriginChanged("start the log under the origin it was opened with")
        with self.database.write() as session:
            connection = session.connection()
            head, now = lock_head(connection), self.clock.now()
            if head is None:
                actions = catalogues.extended([])
                digest = catalogues.keep(connection, actions)
                begun = draft(LogStarted(origin=origin, vkey=vkey, catalogue=digest), now)
                append(connection, create_head(connection), [prepare(begun[0], {})], now_us=to_us(now))
            else:
                if started_as(session) != (origin, vkey):
                    raise OriginChanged("the data folder holds a log of another origin or key")
                _, added = self._appender.extension(connection)
                append(connection, head, added, now_us=to_us(now))

    def record(self, events: Sequence[Event], *, at: datetime) -> list[Receipt]:
        """Append events; they are durable when this returns. One receipt per entry, in order.

        Raises:
            LogUnavailable: the log did not take them; show nothing.
            EventRefused, NotABody: an event says what has no place in the log.
        """
        entry = self._entry(events, at)
        if self._recorder is not None and not self._closing:
            receipts = self._recorder.append(entry.drafts, entry.openings)
            if receipts is not None:
                return receipts
            # Nobody knows whether it was taken before the connection broke.
            entry = replace(entry, repeated=True)
        call = Call(self._turns)
        self._wait_in_line(entry, call)
        return call.result()

    def submit(self, events: Sequence[Event], *, at: datetime) -> "Future[list[Receipt]]":
        """Append events; the future is done once they are durable. A cancelled one may or may not be appended."""
        future: Future[list[Receipt]] = Future()
        self._wait_in_line(self._entry(events, at), future)
        return future

    def move(self, drafts: Sequence[Draft], openings: Sequence[SealedOpening], *, high: int) -> int:
        """Append intake drafts that are not in the log yet, with their openings; tells how many were.

        One transaction, safe to repeat with the same drafts. ``high`` is the highest intake
        number among the rows they come from.
        """
        return self._appender.move(Entry(drafts, openings, repeated=True), high=high)

    def close(self) -> None:
        """Append what waits, then end the committer."""
        with self._arrival:
            self._closing = True
            self._arrival.notify()
            thread = self._thread
        if thread is not None:
            thread.join()
        if self._recorder is not None:
            self._recorder.close()

    def _entry(self, events: Sequence[Event], at: datetime) -> Entry:
        drafts = [item for event in events for item in draft(event, at)]
        openings = [item for each in drafts for item in each.openings]
        if not openings:
            return Entry(drafts)
        if self._seal is None:
            raise NotSealable("this log was opened without a seal")
        return Entry(drafts, sealed(openings, self._seal))

    def _wait_in_line(self, entry: Entry, answer: _Answer) -> None:
        waiting = _Waiting(self._appender.prepare(entry), answer)
        with self._arrival:
            if self._closing:
                raise LogUnavailable("the process is ending")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit-committer", daemon=True)
                self._thread.start()
            self._waiting.append(waiting)
            self._arrival.notify()

    def _run(self) -> None:
        while self._wait_for_some():
            batch: list[_Waiting] = []

            def gather(batch: list[_Waiting] = batch) -> list[Entry]:
                batch.extend(self._take())
                return [item.entry for item in batch]

            try:
                receipts = self._appender.commit_gathered(gather)
            except Exception as error:
                for item in batch or self._take():
                    item.answer.set_exception(error)
                continue
            for item, told in zip(batch, receipts, strict=True):
                item.answer.set_result(told)
            self._turns.tell_next()
        self._turns.tell_all()

    def _wait_for_some(self) -> bool:
        """Whether something waits, as soon as it does; ``False`` where nothing more will come."""
        with self._arrival:
            while not self._waiting and not self._closing:
                if not self._arrival.wait(_TOLD_WITHIN_SECONDS if self._turns else None):
                    self._turns.tell_all()
            return bool(self._waiting)

    def _take(self) -> list[_Waiting]:
        """What waits, as much of it as one transaction takes, without those who gave up."""
        with self._arrival:
            batch: list[_Waiting] = []
            entries = 0
            while self._waiting and (not batch or entries + len(self._waiting[0].entry.drafts) <= MAX_BATCH):
                batch.append(self._waiting.popleft())
                entries += len(batch[-1].entry.drafts)
        return [item for item in batch if item.answer.set_running_or_notify_cancel()]
