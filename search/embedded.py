"""The search index in a folder of this machine, open for writing: tantivy shards of 20,000 records.

A record stays in its shard through all its revisions, so replacing it is one commit. Deleting
in tantivy leaves terms in the segments and nothing can force a merge, so erasing builds the touched
shards anew. To rebuild the whole index, another one is filled beside it. Not for network file
systems: the lock and the memory maps want a local one.
"""

import shutil
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from search.port import REBUILD_BATCH, Erasure, IndexDocument, IndexNotWritten, IndexUnusable, Reload
from search.reader import EmbeddedReader
from search.shards import (
    MANIFEST,
    NEXT,
    SHARD_RECORDS,
    ShardWriter,
    WriterLock,
    ids_of,
    new_shard_name,
    read_manifest,
    sweep,
    write_manifest,
    writing,
)

_OPEN_WRITERS: Final = 4
"""Shards kept open for writing between commits: each holds threads."""
_BATCH: Final = 256
"""Documents looked up, or asked of ``reload``, at a time."""


class EmbeddedIndex(EmbeddedReader):
    """``SearchIndex`` in ``folder``; a second one on the same folder raises ``IndexBusy``."""

    def __init__(self, folder: Path, *, shard_records: int = SHARD_RECORDS) -> None:
        """Opens the index, or makes an empty one in a folder that is empty or missing.

        Raises:
            IndexBusy: another process writes it.
            IndexUnusable: it is damaged or of another version; use ``anew`` and put everything again.
        """
        super().__init__(folder)
        self._shard_records = shard_records
        self._writers: list[ShardWriter] = []
        self._pending: dict[UUID, ShardWriter | None] = {}
        """Where uncommitted changes will leave a record; ``None`` is nowhere."""
        self._next: EmbeddedIndex | None = None
        """What is being built; every change goes to it as well."""
        self._changed_since: set[UUID] = set()
        """Records changed since the rebuild began to read its batch."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._writer_lock = WriterLock(folder)
        try:
            if not (folder / MANIFEST).exists():
                self._start()
            names = read_manifest(folder)
            sweep(folder, names)
            self._writers = [self._open_writer(name) for name in names]
        except BaseException:
            self._writer_lock.release()
            raise

    @classmethod
    def anew(cls, folder: Path, *, shard_records: int = SHARD_RECORDS) -> Self:
        """An empty index in ``folder``, whatever was there; raises ``IndexBusy`` while another process writes it."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = WriterLock(folder)
        try:
            write_manifest(folder, [])
            sweep(folder, [])
        finally:
            lock.release()
        return cls(folder, shard_records=shard_records)

    def _start(self) -> None:
        if any(path.is_dir() for path in self.folder.iterdir()):
            raise IndexUnusable("The list of the search index's parts is missing: rebuild it.")
        write_manifest(self.folder, [])

    def _open_writer(self, name: str) -> ShardWriter:
        if not (self.folder / name).is_dir():
            raise IndexUnusable("A part of the search index is missing: rebuild it.")
        return ShardWriter(self.folder / name)

    def close(self) -> None:
        """Uncommitted changes are dropped, and so is what was being built."""
        super().close()
        self._drop_next()
        for writer in self._writers:
            writer.close()
        self._writers, self._pending = [], {}
        self._writer_lock.release()

    def put(self, documents: Iterable[IndexDocument]) -> None:
        remaining = iter(documents)
        # One by one where two indices must take the same, since one of them may be refused.
        while batch := list(islice(remaining, _BATCH if self._next is None else 1)):
            with self._all_or_nothing():
                self._put(batch)
                if self._next is not None:
                    self._next.put(batch)
                    self._changed_since.update(document.record_id for document in batch)

    def _put(self, batch: list[IndexDocument]) -> None:
        self._locate([document.record_id for document in batch])
        for document in batch:
            shard = self._pending[document.record_id]
            home = shard or self._with_room()
            home.add(document, replaces=shard is not None)
            self._pending[document.record_id] = home

    def remove(self, record_ids: Iterable[UUID]) -> None:
        with self._all_or_nothing():
            self._remove(record_ids)

    def _remove(self, record_ids: Iterable[UUID]) -> frozenset[UUID]:
        wanted = list(dict.fromkeys(record_ids))
        self._locate(wanted)
        found = set()
        for record_id in wanted:
            if shard := self._pending[record_id]:
                shard.remove(record_id)
                self._pending[record_id] = None
                found.add(record_id)
        if self._next is not None:
            self._next.remove(wanted)
            self._changed_since.update(wanted)
        return frozenset(found)

    def commit(self) -> None:
        with self._all_or_nothing():
            self._commit()

    def _commit(self) -> None:
        changed = [writer for writer in self._writers if writer.changed]
        for writer in changed:
            writer.commit()
        self._pending.clear()
        resting = [writer for writer in self._writers if writer.is_open and writer not in changed]
        for writer in (resting + changed)[:-_OPEN_WRITERS]:
            writer.close()
        if self._next is not None:
            self._next.commit()

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """After a failed write the writers are of no use and what they held is gone: back to the last commit."""
        try:
            yield
        except IndexNotWritten:
            self._pending.clear()
            for writer in self._writers:
                writer.close()
            raise

    def hide(self, record_ids: Iterable[UUID]) -> frozenset[UUID]:
        with self._all_or_nothing():
            found = self._remove(record_ids)
            self._commit()
        return found

    def retag(self, access_sets: Mapping[UUID, int]) -> frozenset[UUID]:
        # tantivy replaces whole documents only, and the body is not at hand.
        return self.hide(access_sets)

    def erase(self, record_ids: Iterable[UUID], reload: Reload) -> Erasure:
        wanted = frozenset(record_ids)
        self.hide(wanted)
        if self._next is not None:
            self._next.erase(wanted, reload)
        shards, kept, lost = 0, 0, list[UUID]()
        for writer in list(self._writers):
            if not writer.mentions(wanted):
                writer.collect_garbage()
                continue
            survivors = [record_id for record_id, _ in ids_of(writer.reading.searcher())]
            put = self._rebuild_shard(writer, survivors, reload)
            shards, kept = shards + 1, kept + len(put)
            lost += [record_id for record_id in survivors if record_id not in put]
        return Erasure(shards, kept, tuple(lost))

    def _rebuild_shard(self, old: ShardWriter, survivors: list[UUID], reload: Reload) -> set[UUID]:
        """A new shard of the survivors in the place of ``old``, whose files are deleted."""
        fresh = ShardWriter(self.folder / new_shard_name())
        put: set[UUID] = set()
        try:
            for wanted in _batches(survivors):
                asked = set(wanted)
                for document in reload(wanted):
                    if document.record_id in asked:
                        fresh.add(document, replaces=False)
                        put.add(document.record_id)
                        asked.remove(document.record_id)
            fresh.commit()
        except BaseException:
            fresh.close()
            shutil.rmtree(fresh.folder)
            raise
        self._writers[self._writers.index(old)] = fresh
        write_manifest(self.folder, [writer.name for writer in self._writers])
        old.close()
        self.refresh()
        shutil.rmtree(old.folder)
        return put

    def rebuild(self, record_ids: Iterable[UUID], reload: Reload) -> Generator[int, None, None]:
        self._drop_next()
        self.commit()
        try:
            with writing():
                fresh = self._next = EmbeddedIndex.anew(self.folder / NEXT, shard_records=self._shard_records)
            remaining, done = iter(record_ids), 0
            while batch := list(islice(remaining, REBUILD_BATCH)):
                self._changed_since.clear()
                found = list(reload(batch))
                fresh.put(each for each in found if each.record_id not in self._changed_since)
                # What was only held would be lost where a change of somebody else's cannot be written.
                fresh.commit()
                done += len(found)
                yield done
            self.commit()
            self._take_place()
        finally:
            self._drop_next()

    def _take_place(self) -> None:
        """Put the shards of what was built in the place of the old ones."""
        assert self._next is not None
        fresh = self._next
        names = [writer.name for writer in fresh._writers]
        fresh.close()
        with writing():
            # Until the manifest names them they are nobody's, and a kill leaves them to be swept.
            for name in names:
                (fresh.folder / name).rename(self.folder / name)
            built = [self._open_writer(name) for name in names]
            write_manifest(self.folder, names)
        old, self._writers = self._writers, built
        self.refresh()
        for writer in old:
            writer.close()
            shutil.rmtree(writer.folder)

    def _drop_next(self) -> None:
        if self._next is not None:
            fresh, self._next = self._next, None
            fresh.close()
            shutil.rmtree(fresh.folder, ignore_errors=True)

    def _locate(self, record_ids: list[UUID]) -> None:
        """Note in ``_pending`` where each record is now; one that stands in two shards is taken out of the later."""
        unknown = {record_id for record_id in record_ids if record_id not in self._pending}
        for writer in self._writers if unknown else ():
            for record_id in writer.holds(unknown):
                if record_id in self._pending:
                    writer.remove(record_id)
                else:
                    self._pending[record_id] = writer
        self._pending.update((record_id, None) for record_id in unknown if record_id not in self._pending)

    def _with_room(self) -> ShardWriter:
        for writer in reversed(self._writers):
            if writer.expected < self._shard_records:
                return writer
        folder = self.folder / new_shard_name()
        with writing():
            try:
                writer = ShardWriter(folder)
                # In the list before anything is put into it: what the list does not name is found by nobody.
                write_manifest(self.folder, [*(each.name for each in self._writers), folder.name])
            except (OSError, ValueError, IndexUnusable):
                shutil.rmtree(folder, ignore_errors=True)
                raise
        self._writers.append(writer)
        return writer


def _batches(record_ids: list[UUID]) -> Iterator[list[UUID]]:
    for start in range(0, len(record_ids), _BATCH):
        yield record_ids[start : start + _BATCH]
