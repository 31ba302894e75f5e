"""How entries get into the log: whole batches of drafts, one transaction each, with the head row locked.

The committer of a process and the recorder both append by this. What is remembered from one
transaction to the next (aliases, declared actions) holds until the head's epoch says otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple, cast

from sqlalchemy import Connection, Table, select

from audit import catalogues
from audit.alias import resolve
from audit.draft import AliasKey, Draft, alias_keys, aliased, draft, serialise
from audit.entries import AuditLeaf, Head, LogNotStarted, Prepared, Receipt, append, insert_rows, lock_head, trail_of
from audit.events import CatalogueExtended
from audit.mark import advance_mark
from audit.opening import AuditOpening, SealedOpening
from core.clock import Clock, to_us
from core.database import Database
from core.errors import MunimentError, Unavailable

_REMEMBERED = 50_000
_AT_ONCE = 500


class LogUnavailable(Unavailable):
    """The audit log cannot take the event; nothing was shown."""

    code = "audit_unavailable"


class UndeclaredAction(MunimentError):
    """An event of an action that this program does not declare. A defect of the program."""

    code = "audit_undeclared"


@dataclass(frozen=True, slots=True)
class Entry:
    """What one caller wants appended, all of it in one transaction."""

    drafts: Sequence[Draft]
    openings: Sequence[SealedOpening] = ()
    repeated: bool = False
    """Some of it may stand in the log already; that is left as it is."""
    prepared: Sequence[Prepared] | None = None
    """The drafts serialised under the aliases of ``epoch``, where the caller knew them."""
    epoch: int = -1


class _Known(NamedTuple):
    """What a process may go by until the head's epoch says otherwise."""

    epoch: int
    aliases: dict[AliasKey, str]
    declared: frozenset[str]


class _Appended(NamedTuple):
    receipts: list[list[Receipt]]
    """By entry."""
    new: int
    """How many drafts were not in the log yet."""
    known: _Known


class Appender:
    """Appends to one log. ``prepare`` may be called from any thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        # Replaced as a whole, never changed in place: threads read it without a lock.
        self._known = _Known(-1, {}, frozenset())

    def prepare(self, entry: Entry) -> Entry:
        """The entry, serialised outside the transaction wherever its aliases are known already."""
        known = self._known
        try:
            prepared = [prepare(item, known.aliases) for item in entry.drafts]
        except KeyError:
            return entry
        return Entry(entry.drafts, entry.openings, entry.repeated, prepared, known.epoch)

    def commit(self, batch: Sequence[Entry]) -> list[list[Receipt]]:
        """Append all entries of a batch; they are durable when this returns. Receipts by entry, in order.

        Raises:
            LogUnavailable, LogNotStarted, UndeclaredAction: the log took none of them.
        """
        return self.begin(batch).finish()

    def commit_gathered(self, gather: Callable[[], Sequence[Entry]]) -> list[list[Receipt]]:
        """Do the same with what there is once the head is locked: who came while others held it waits once."""
        return self._begin(gather).finish()

    def begin(self, batch: Sequence[Entry]) -> "Begun":
        """Write all entries of a batch in a transaction that stays open, for no longer than ``finish`` is waited for.

        Raises:
            LogUnavailable, LogNotStarted, UndeclaredAction: the log took none of them.
        """
        return self._begin(lambda: batch)

    def _begin(self, gather: Callable[[], Sequence[Entry]]) -> "Begun":
        with ExitStack() as opened:
            opened.enter_context(as_unavailable())
            connection = opened.enter_context(self._database.write_often())
            head = _locked(connection)
            return Begun(self, self._append(connection, head, gather()), opened.pop_all())

    def move(self, entry: Entry, *, high: int) -> int:
        """Append what comes from intake rows up to number ``high``; tells how many were not in the log yet."""
        with as_unavailable(), self._database.write_often() as connection:
            done = self._append(connection, _locked(connection), [entry])
            advance_mark(connection, high, done.new)
        self.remember(done.known)
        return done.new

    def extension(self, connection: Connection) -> tuple[frozenset[str], list[Prepared]]:
        """The actions declared with this program's, and the entry that declares those that were added."""
        before = catalogues.in_force(connection)
        actions = catalogues.extended(before)
        names = frozenset(entry["action"] for entry in actions)
        if len(actions) == len(before):
            return names, []
        digest = catalogues.keep(connection, actions)
        event = CatalogueExtended(catalogue=digest, added=len(actions) - len(before))
        return names, [prepare(item, {}) for item in draft(event, self._clock.now())]

    def _append(self, connection: Connection, head: Head, batch: Sequence[Entry]) -> _Appended:
        known = self._known
        present = _present(connection, [_id(each) for item in batch if item.repeated for each in item.drafts])
        missing = [_without(item, present) for item in batch] if present else batch
        # Aliases may have been erased since this process last looked.
        aliases = known.aliases if head.epoch == known.epoch else {}
        stale = [item for item in missing if item.prepared is None or item.epoch != head.epoch]
        keys = {key for item in stale for each in item.drafts for key in alias_keys(each) if key not in aliases}
        if keys:
            aliases = aliases | resolve(connection, keys)
        new: list[Prepared] = []
        for item in missing:
            fresh = item.prepared if item.epoch == head.epoch else None
            new += [prepare(each, aliases) for each in item.drafts] if fresh is None else fresh
        declared, added = known.declared, list[Prepared]()
        if not declared.issuperset(each.action for each in new):
            declared, added = self.extension(connection)
            if not declared.issuperset(each.action for each in new):
                raise UndeclaredAction("the log holds a change of an action that this program does not know")
        receipts = append(connection, head, added + new, now_us=to_us(self._clock.now()))
        insert_rows(connection, _OPENINGS, [tuple(each) for item in missing for each in item.openings])
        made = iter(receipts[len(added) :])
        told = [[present.get(_id(each)) or next(made) for each in item.drafts] for item in batch]
        return _Appended(told, len(new), _Known(head.epoch, aliases, declared))

    def remember(self, known: _Known) -> None:
        """Keep what a committed transaction knew; one that rolled back may have made aliases that are not."""
        self._known = known if len(known.aliases) <= _REMEMBERED else known._replace(aliases={})


class Begun:
    """Entries written and not yet durable. Whichever thread ends it is the only one that touches the database."""

    def __init__(self, appender: Appender, done: _Appended, opened: ExitStack) -> None:
        self._appender, self._done, self._opened = appender, done, opened

    def finish(self) -> list[list[Receipt]]:
        """End the transaction: the entries are durable when this returns. Receipts by entry, in order.

        Raises:
            LogUnavailable: the log took none of them.
        """
        self._opened.close()
        self._appender.remember(self._done.known)
        return self._done.receipts


_OPENINGS = cast(Table, AuditOpening.__table__)


@contextmanager
def as_unavailable() -> Iterator[None]:
    """Turn whatever keeps an append from being durable into ``LogUnavailable``; our own errors pass."""
    try:
        yield
    except Unavailable as error:
        raise LogUnavailable("the audit log could not be written") from error
    except MunimentError:
        raise
    except Exception as error:
        raise LogUnavailable("the audit log could not be written") from error


def prepare(item: Draft, aliases: dict[AliasKey, str]) -> Prepared:
    """A draft serialised under the aliases it needs.

    Raises:
        KeyError: ``aliases`` lacks one of them.
    """
    body = aliased(item, aliases)
    return Prepared(serialise(body), bytes.fromhex(body["id"]), body["action"], trail_of(body))


def _locked(connection: Connection) -> Head:
    head = lock_head(connection)
    if head is None:
        raise LogNotStarted("start the log first")
    return head


def _present(connection: Connection, ids: Sequence[bytes]) -> dict[bytes, Receipt]:
    """Where those of the events stand that are in the log already."""
    found: dict[bytes, Receipt] = {}
    for start in range(0, len(ids), _AT_ONCE):
        rows = connection.execute(
            select(AuditLeaf.event_id, AuditLeaf.seq, AuditLeaf.hash).where(
                AuditLeaf.event_id.in_(ids[start : start + _AT_ONCE])
            )
        )
        found.update({event_id: Receipt(seq, leaf_hash) for event_id, seq, leaf_hash in rows})
    return found


def _without(entry: Entry, present: dict[bytes, Receipt]) -> Entry:
    if not entry.repeated:
        return entry
    drafts = [item for item in entry.drafts if _id(item) not in present]
    return Entry(drafts, [item for item in entry.openings if item.event_id not in present])


def _id(item: Draft) -> bytes:
    return bytes.fromhex(item.body["id"])
