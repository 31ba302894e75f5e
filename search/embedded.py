"""The search index in a folder of this machine, open for writing: tantivy shards of 20,000 records.

A record stays in its shard through all its revisions, so replacing it is one commit. Deleting
in tantivy leaves terms in the segments and nothing can force a merge, so erasing builds the touched
shards anew. Not for network file systems: the lock and the memory maps want a local one.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from search.port import Erasure, IndexDocument, IndexNotWritten, IndexUnusable, Reload
from search.reader import EmbeddedReader
from search.shards import (
    MANIFEST,
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
        """Uncommitted changes are dropped."""
        super().close()
        for writer in self._writers:
            writer.close()
        self._writers, self._pending = [], {}
        self._writer_lock.release()

    def put(self, documents: Iterable[IndexDocument]) -> None:
        with self._all_or_nothing():
            self._put(documents)

    def _put(self, documents: Iterable[IndexDocument]) -> None:
        remaining = iter(documents)
        while batch := list(islice(remaining, _BATCH)):
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
        shards, kept, lost = 0, 0, list[UUID]()
        for writer in list(self._writers):
            if not writer.mentions(wanted):
                writer.collect_garbage()
                continue
            survivors = [record_id for record_id, _ in ids_of(writer.reading.searcher())]
            put = self._rebuild(writer, survivors, reload)
            shards, kept = shards + 1, kept + len(put)
            lost += [record_id for record_id in survivors if record_id not in put]
        return Erasure(shards, kept, tuple(lost))

    def _rebuild(self, old: ShardWriter, survivors: list[UUID], reload: Reload) -> set[UUID]:
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
