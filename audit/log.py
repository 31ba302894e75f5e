"""The log as processes write to it: durable when ``record`` returns.

Group commit: each process has one committer thread that puts all waiting events into one
transaction, with the head row locked. Nobody lingers and nobody leads: while one commit is
under way the next batch gathers. Where the log cannot take an event, the caller gets
``LogUnavailable`` and must show nothing.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Union

from sqlalchemy import Connection, insert, select

from audit import catalogues
from audit.alias import resolve
from audit.body import fits
from audit.draft import AliasKey, Draft, alias_keys, aliased, draft, serialise
from audit.entries import (
    AuditLeaf,
    LogNotStarted,
    Prepared,
    Receipt,
    append,
    create_head,
    lock_head,
    trail_of,
)
from audit.events import CatalogueExtended, Event, LogStarted
from audit.mark import advance_mark
from audit.note import parse_vkey
from audit.opening import AuditOpening, SealedOpening, sealed
from audit.origin import started_as
from audit.seal import NotSealable, OpeningSeal
from core.clock import Clock, to_us
from core.database import Database
from core.errors import Conflict, Invalid, MunimentError, Unavailable

MAX_BATCH = 512
MAX_ORIGIN = 120
_REMEMBERED = 50_000


class LogUnavailable(Unavailable):
    """The audit log cannot take the event; nothing was shown."""

    code = "audit_unavailable"


class OriginChanged(Conflict):
    """This log was started under another origin or key."""

    code = "audit_origin_changed"


class UndeclaredAction(MunimentError):
    """An event of an action that this program does not declare. A defect of the program."""

    code = "audit_undeclared"


class _Call:
    """A future for one thread that waits at once: a lock where ``Future`` has a condition and a queue."""

    __slots__ = ("_done", "_error", "_receipts")

    def __init__(self) -> None:
        self._done = threading.Lock()
        self._done.acquire()
        self._receipts: list[Receipt] = []
        self._error: BaseException | None = None

    def set_running_or_notify_cancel(self) -> bool:
        return True

    def set_result(self, receipts: list[Receipt]) -> None:
        self._receipts = receipts
        self._done.release()

    def set_exception(self, error: BaseException) -> None:
        self._error = error
        self._done.release()

    def result(self) -> list[Receipt]:
        self._done.acquire()
        if self._error is not None:
            raise self._error
        return self._receipts


_Answer = Union["Future[list[Receipt]]", _Call]


@dataclass(slots=True)
class _Waiting:
    drafts: list[Draft]
    openings: list[SealedOpening]
    prepared: list[Prepared] | None
    epoch: int
    answer: _Answer


class _Known(NamedTuple):
    """What a process may go by until the head's epoch says otherwise."""

    epoch: int
    aliases: dict[AliasKey, str]
    declared: frozenset[str]


class Log:
    """The audit log of one installation, as this process appends to it. Thread-safe."""

    def __init__(self, database: Database, origin: str, clock: Clock, *, seal: OpeningSeal | None = None) -> None:
        """``seal`` seals the openings of recorded events; without one, events with commitments are refused."""
        self.database, self.origin, self.clock = database, origin, clock
        self._seal = seal
        self._waiting: deque[_Waiting] = deque()
        self._arrival = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        # Replaced as a whole, never changed in place: threads read it without a lock.
        self._known = _Known(-1, {}, frozenset())

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
                append(connection, create_head(connection), [_prepare(begun[0], {})], now_us=to_us(now))
            else:
                if started_as(session) != (origin, vkey):
                    raise OriginChanged("the data folder holds a log of another origin or key")
                actions, added = self._extension(connection)
                append(connection, head, added, now_us=to_us(now))
        self._known = self._known._replace(declared=_names(actions))

    def record(self, events: Sequence[Event], *, at: datetime) -> list[Receipt]:
        """Append events; they are durable when this returns. One receipt per entry, in order.

        Raises:
            LogUnavailable: the log did not take them; show nothing.
            EventRefused, NotABody: an event says what has no place in the log.
        """
        call = _Call()
        self._wait_in_line(events, at, call)
        return call.result()

    def submit(self, events: Sequence[Event], *, at: datetime) -> "Future[list[Receipt]]":
        """Append events; the future is done once they are durable. A cancelled one may or may not be appended."""
        future: Future[list[Receipt]] = Future()
        self._wait_in_line(events, at, future)
        return future

    def move(self, drafts: Sequence[Draft], openings: Sequence[SealedOpening], *, high: int) -> int:
        """Append intake drafts that are not in the log yet, with their openings; tells how many were.

        One transaction, safe to repeat with the same drafts. ``high`` is the highest intake
        number among the rows they come from.
        """
        with _as_unavailable(), self.database.write() as session:
            connection = session.connection()
            ids = [item.event_id.bytes for item in drafts]
            known = set(connection.scalars(select(AuditLeaf.event_id).where(AuditLeaf.event_id.in_(ids))))
            new = [item for item in drafts if item.event_id.bytes not in known]
            kept = [item for item in openings if item.event_id not in known]
            _, learnt = self._append(connection, [_Waiting(new, kept, None, -1, _Call())])
            advance_mark(connection, high, len(new))
        self._remember(learnt)
        return len(new)

    def close(self) -> None:
        """Append what waits, then end the committer."""
        with self._arrival:
            self._closing = True
            self._arrival.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _wait_in_line(self, events: Sequence[Event], at: datetime, answer: _Answer) -> None:
        drafts = [item for event in events for item in draft(event, at)]
        openings = [item for each in drafts for item in each.openings]
        if openings and self._seal is None:
            raise NotSealable("this log was opened without a seal")
        stored = sealed(openings, self._seal) if self._seal is not None and openings else []
        known = self._known
        try:
            # Here, outside the transaction, wherever the aliases are known already.
            prepared = [_prepare(item, known.aliases) for item in drafts]
        except KeyError:
            prepared = None
        waiting = _Waiting(drafts, stored, prepared, known.epoch, answer)
        with self._arrival:
            if self._closing:
                raise LogUnavailable("the process is ending")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit-committer", daemon=True)
                self._thread.start()
            self._waiting.append(waiting)
            self._arrival.notify()

    def _run(self) -> None:
        while True:
            with self._arrival:
                while not self._waiting and not self._closing:
                    self._arrival.wait()
                batch: list[_Waiting] = []
                entries = 0
                while self._waiting and (not batch or entries + len(self._waiting[0].drafts) <= MAX_BATCH):
                    batch.append(self._waiting.popleft())
                    entries += len(batch[-1].drafts)
            if not batch:
                return
            self._commit([item for item in batch if item.answer.set_running_or_notify_cancel()])

    def _commit(self, batch: list[_Waiting]) -> None:
        try:
            with _as_unavailable(), self.database.write() as session:
                receipts, known = self._append(session.connection(), batch)
        except Exception as error:
            for item in batch:
                item.answer.set_exception(error)
            return
        self._remember(known)
        place = 0
        for item in batch:
            item.answer.set_result(receipts[place : place + len(item.drafts)])
            place += len(item.drafts)

    def _append(self, connection: Connection, batch: list[_Waiting]) -> tuple[list[Receipt], _Known]:
        head, known = lock_head(connection), self._known
        if head is None:
            raise LogNotStarted("start the log first")
        # Aliases may have been erased since this process last looked.
        aliases = known.aliases if head.epoch == known.epoch else {}
        stale = [item for item in batch if item.prepared is None or item.epoch != head.epoch]
        missing = {key for item in stale for each in item.drafts for key in alias_keys(each) if key not in aliases}
        if missing:
            aliases = aliases | resolve(connection, missing)
        for item in stale:
            item.prepared = [_prepare(each, aliases) for each in item.drafts]
        prepared = [each for item in batch for each in item.prepared or ()]
        declared, added = known.declared, list[Prepared]()
        if not declared.issuperset(each.action for each in prepared):
            actions, added = self._extension(connection)
            declared = _names(actions)
            if not declared.issuperset(each.action for each in prepared):
                raise UndeclaredAction("the log holds a change of an action that this program does not know")
        receipts = append(connection, head, added + prepared, now_us=to_us(self.clock.now()))
        openings = [each._asdict() for item in batch for each in item.openings]
        if openings:
            connection.execute(insert(AuditOpening), openings)
        return receipts[len(added) :], _Known(head.epoch, aliases, declared)

    def _extension(self, connection: Connection) -> tuple[list[dict[str, Any]], list[Prepared]]:
        """The catalogue with this program's actions, and the entry that declares those that were added."""
        before = catalogues.in_force(connection)
        actions = catalogues.extended(before)
        if len(actions) == len(before):
            return actions, []
        digest = catalogues.keep(connection, actions)
        event = CatalogueExtended(catalogue=digest, added=len(actions) - len(before))
        return actions, [_prepare(item, {}) for item in draft(event, self.clock.now())]

    def _remember(self, known: _Known) -> None:
        """Keep what a committed transaction knew; one that rolled back may have made aliases that are not."""
        self._known = known if len(known.aliases) <= _REMEMBERED else known._replace(aliases={})


@contextmanager
def _as_unavailable() -> Iterator[None]:
    """Turn whatever keeps an append from being durable into ``LogUnavailable``; our own errors pass."""
    try:
        yield
    except Unavailable as error:
        raise LogUnavailable("the audit log could not be written") from error
    except MunimentError:
        raise
    except Exception as error:
        raise LogUnavailable("the audit log could not be written") from error


def _prepare(item: Draft, aliases: dict[AliasKey, str]) -> Prepared:
    body = aliased(item, aliases)
    return Prepared(serialise(body), bytes.fromhex(body["id"]), body["action"], trail_of(body))


def _names(actions: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(entry["action"] for entry in actions)
