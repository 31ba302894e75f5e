"""The search index on an Elasticsearch server, open for writing: one index behind an alias.

A document cannot be changed in place: the server would make it anew from a source that it does not
have, so another access set hides it until it is put again. Nothing locks the index: the keeper's lease
sees to one writer, and should two meet, whoever opened last wins and the other is told ``IndexBusy``.
"""

import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Final, Self
from uuid import UUID

from core.errors import MunimentError
from search.elastic_bulk import Change, Outcome, send
from search.elastic_client import Server, ask, connect
from search.elastic_expunge import expunge
from search.elastic_indices import Indices
from search.elastic_reader import ElasticReader, known
from search.elastic_schema import to_source
from search.port import REBUILD_BATCH, Erasure, IndexBusy, IndexDocument, IndexUnusable, Reload

_MOST_HELD_BYTES: Final = 64_000_000
"""Changes kept for ``commit``; more begin to go out before, as if ``commit`` had been called and killed."""
_TURN_BITS: Final = 40
"""Of a change's number, what is left to count the changes of one writer."""
_BATCH: Final = 256
"""Documents looked up at a time."""


class ElasticIndex(ElasticReader):
    """``SearchIndex`` on ``server``. Threads may share it."""

    def __init__(self, server: Server, *, shards: int = 1) -> None:
        """Opens the index, or makes an empty one where there is none; ``shards`` are those of a new one.

        Raises:
            IndexUnusable: it is damaged or of another version; use ``anew`` and put everything again.
            SearchAway, SearchRefused, IndexNotWritten: as ``search.elastic_client.ask``.
        """
        super().__init__(server)
        self._shards = shards
        self._indices = Indices(self._client, server)
        self._lock = threading.RLock()
        self._pending: list[Change] = []
        self._held_bytes = 0
        self._building = False
        self._made = 0
        try:
            self._turn = self._indices.take_turn()
            self._name = self._indices.open(shards)
        except BaseException:
            self.close()
            raise

    @classmethod
    def anew(cls, server: Server, *, shards: int = 1) -> Self:
        """An empty index on ``server``, whatever was there."""
        client = connect(server)
        try:
            Indices(client, server).replace(shards)
        finally:
            client.close()
        return cls(server, shards=shards)

    def close(self) -> None:
        """Uncommitted changes are dropped."""
        super().close()
        self._pending, self._held_bytes = [], 0

    def put(self, documents: Iterable[IndexDocument]) -> None:
        for document in documents:
            self._hold(document.record_id, to_source(document))

    def remove(self, record_ids: Iterable[UUID]) -> None:
        for record_id in dict.fromkeys(record_ids):
            self._hold(record_id, None)

    def commit(self) -> None:
        self._commit()

    def hide(self, record_ids: Iterable[UUID]) -> frozenset[UUID]:
        wanted = frozenset(record_ids)
        with self._lock:
            self.remove(wanted)
            return wanted & self._commit()

    def retag(self, access_sets: Mapping[UUID, int]) -> frozenset[UUID]:
        return self.hide(access_sets)

    def erase(self, record_ids: Iterable[UUID], reload: Reload) -> Erasure:
        """As the port says; the server rewrites what held them, so ``reload`` is not asked.

        Takes half a minute and more: the server lets go of what was deleted only then.

        Raises:
            ErasureUnfinished: they are hidden, but not yet gone from all files; call it again.
        """
        with self._lock:
            self._commit()
            # Taking out what is not there would leave a mark, which would itself have to be expunged.
            self.hide(self._held(list(record_ids)))
            aliases = self._aliases()
        shards = [expunge(self._client, alias) for alias in aliases]
        return Erasure(shards=shards[0], kept=0, lost=())

    def rebuild(self, record_ids: Iterable[UUID], reload: Reload) -> Generator[int, None, None]:
        """As the port says, also while other threads make changes.

        Raises:
            IndexBusy: another writer has opened the index since.
        """
        with self._lock:
            self._commit()
            self._be_last()
            # What an earlier one could not take away while the server was away would share the alias.
            self._indices.sweep(self._name)
            fresh = self._indices.create(self.server.next_alias, self._shards)
            self._building = True
        try:
            remaining, done = iter(record_ids), 0
            while batch := list(islice(remaining, REBUILD_BATCH)):
                # Numbered before it is read: what others put meanwhile is newer, and stays.
                with self._lock:
                    number = self._number()
                found = [Change(each.record_id, number, to_source(each)) for each in reload(batch)]
                send(self._client, self.server.next_alias, found)
                # For whoever wants to know how far it is, who may have leave to read and no more.
                self._refresh(self.server.next_alias)
                done += len(found)
                yield done
            with self._lock:
                self._commit()
                self._be_last()
                self._indices.promote(fresh, [self._name])
                self._name, self._building = fresh, False
        finally:
            with self._lock:
                if self._building:
                    self._building = False
                    # Where the server is away it stays, and is swept by the next rebuild or the next writer.
                    with suppress(MunimentError):
                        self._indices.delete([fresh])

    def _held(self, record_ids: list[UUID]) -> Iterator[UUID]:
        for start in range(0, len(record_ids), _BATCH):
            wanted = [record_id.hex for record_id in record_ids[start : start + _BATCH]]
            for alias in self._aliases():
                told = self._search(index=alias, query={"terms": {"record": wanted}}, size=_BATCH)
                yield from (known(hit)[0] for hit in told["hits"]["hits"])

    def _hold(self, record_id: UUID, source: bytes | None) -> None:
        with self._lock:
            change = Change(record_id, self._number(), source)
            self._pending.append(change)
            self._held_bytes += change.size
            if self._held_bytes > _MOST_HELD_BYTES:
                self._send()

    def _number(self) -> int:
        """Higher than that of every change before, also of writers before."""
        self._made += 1
        return self._turn << _TURN_BITS | self._made

    def _commit(self) -> frozenset[UUID]:
        """Makes what was held durable and visible; those of it that had been there and were taken out."""
        with self._lock:
            removed = self._send()
            for alias in self._aliases():
                self._refresh(alias)
            return removed

    def _refresh(self, alias: str) -> None:
        ask(lambda: self._client.indices.refresh(index=alias), writing=True)

    def _send(self) -> frozenset[UUID]:
        changes, self._pending, self._held_bytes = self._pending, [], 0
        if not changes:
            return frozenset()
        outcome = Outcome()
        for alias in self._aliases():
            sent = send(self._client, alias, changes)
            outcome.outdated |= sent.outdated
            if alias == self.server.alias:
                outcome.removed = sent.removed
        if outcome.outdated:
            self._be_last()
            raise IndexUnusable("The search index holds changes of a writer that nobody counted: rebuild it.")
        return frozenset(outcome.removed)

    def _aliases(self) -> list[str]:
        return [self.server.alias, *([self.server.next_alias] if self._building else [])]

    def _be_last(self) -> None:
        if self._indices.last_turn() > self._turn:
            raise IndexBusy("Another process has opened the search index for writing.")
