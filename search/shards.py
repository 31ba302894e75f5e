"""The folder of the index: shards, the manifest that lists them, and what a process holds open.

    index/manifest.json     {"format":1,"schema":…,"shards":["<folder>",…]}, replaced atomically
    index/shard-<16 hex>/   one tantivy index of at most 20,000 records
    index/writer.lock       held by the one process that writes
    index/next/             an index of the same form, being built to take the place of this one

A folder the manifest does not name is left over from a kill and swept by the next writer. A
reader holds what it has open until it looks again, so a deleted shard's bytes live on in its
memory map until then.
"""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from tantivy import DocAddress, Index, IndexWriter, Query, Searcher

from search.port import IndexBusy, IndexDocument, IndexNotWritten, IndexUnusable
from search.schema import SCHEMA, VERSION, register_analyzers, to_document, to_record_id

MANIFEST: Final = "manifest.json"
NEXT: Final = "next"
"""Folder of what is being built."""
FORMAT: Final = 1
SHARD_RECORDS: Final = 20_000
HEAP_BYTES: Final = 64_000_000
"""Memory of a shard's writer before it writes a segment."""
_PREFIX: Final = "shard-"
_NO_RECORD: Final = "none"

FileState = tuple[int, int, int]


def file_state(path: Path) -> FileState:
    """Changes whenever the file is replaced. ``FileNotFoundError`` where there is none."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_manifest(folder: Path) -> list[str]:
    """Names of the shards, the oldest first.

    Raises:
        IndexUnusable: no manifest, a damaged one, or one of another version.
    """
    try:
        value = json.loads((folder / MANIFEST).read_bytes())
        names = value["shards"]
        known = value["format"] == FORMAT and value["schema"] == VERSION
    except FileNotFoundError as error:
        raise IndexUnusable("The search index has not been made yet.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexUnusable("The list of the search index's parts is damaged: rebuild it.") from error
    if not known:
        raise IndexUnusable("The search index is of another version: rebuild it.")
    if not isinstance(names, list) or not all(isinstance(name, str) and is_shard_name(name) for name in names):
        raise IndexUnusable("The list of the search index's parts is damaged: rebuild it.")
    return names


def write_manifest(folder: Path, names: Iterable[str]) -> None:
    """Replace the manifest, durably: either the old or the new one is there after a power cut."""
    temporary = folder / (MANIFEST + ".new")
    with temporary.open("wb") as file:
        file.write(json.dumps({"format": FORMAT, "schema": VERSION, "shards": list(names)}).encode())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / MANIFEST)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_shard_name(name: str) -> bool:
    """Whether ``name`` is a shard's folder, and no path to somewhere else."""
    return name.startswith(_PREFIX) and name[len(_PREFIX) :].isalnum() and name.isascii()


def sweep(folder: Path, keep: Iterable[str]) -> None:
    """Delete the shard folders that ``keep`` does not name, and what was being built."""
    kept = set(keep)
    for path in folder.iterdir():
        if path.name == NEXT or (is_shard_name(path.name) and path.name not in kept):
            shutil.rmtree(path)


class WriterLock:
    """Held by the one process that writes; the system lets go of it when that process ends."""

    def __init__(self, folder: Path) -> None:
        """Raises ``IndexBusy`` where another process holds it."""
        self._handle = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise IndexBusy("Another process writes the search index.") from error

    @property
    def held(self) -> bool:
        return self._handle >= 0

    def release(self) -> None:
        if self.held:
            os.close(self._handle)
            self._handle = -1


class Shard:
    """One tantivy index, open for reading."""

    def __init__(self, folder: Path) -> None:
        """Raises ``IndexUnusable`` where the files are missing or damaged."""
        self.name = folder.name
        self._meta = folder / "meta.json"
        try:
            self._state = file_state(self._meta)
            self.index = Index.open(str(folder))
            # Without this a thread watches each shard; looking at meta.json before a search is cheaper and sooner.
            self.index.config_reader("manual")
            self.index.reload()
        except (ValueError, OSError) as error:
            raise IndexUnusable("A part of the search index is missing or damaged: rebuild it.") from error
        register_analyzers(self.index)

    def searcher(self) -> Searcher:
        """What is committed at this moment."""
        try:
            state = file_state(self._meta)
            if state != self._state:
                self.index.reload()
                # The state from before reloading: a commit in between is then seen by the next search.
                self._state = state
        except (ValueError, OSError) as error:
            raise IndexUnusable("A part of the search index is missing or damaged: rebuild it.") from error
        return self.index.searcher()


def ids_of(searcher: Searcher) -> Iterator[tuple[UUID, int]]:
    """Id and revision of each record of a shard; a shard is small enough to list in one go."""
    if searcher.num_docs:
        found = searcher.search(Query.all_query(), limit=searcher.num_docs, count=False)
        yield from read_ids(searcher, [address for _, address in found.hits])


def read_ids(searcher: Searcher, addresses: list[DocAddress]) -> Iterator[tuple[UUID, int]]:
    """Id and revision at each address."""
    columns = [searcher.fast_field_values(name, addresses) for name in ("id_high", "id_low", "revision")]
    for high, low, revision in zip(*columns, strict=True):
        yield to_record_id(int(high or 0), int(low or 0)), int(revision or 0)


def _count(found: Any) -> int:
    return int(found.count or 0)


class ShardWriter:
    """One tantivy index, open for reading and writing."""

    def __init__(self, folder: Path) -> None:
        """Opens the shard in ``folder``, or makes one where there is none."""
        self.folder = folder
        self.name = folder.name
        if not folder.exists():
            folder.mkdir(mode=0o700)
            Index(SCHEMA, path=str(folder))
        self.reading = Shard(folder)
        self._writer: IndexWriter | None = None
        self.changed = False
        self.expected = self.reading.searcher().num_docs
        """Records after the next commit."""

    def _open(self) -> IndexWriter:
        if self._writer is None:
            self._writer = self.reading.index.writer(HEAP_BYTES, 1)
            # A commit cut off by a kill leaves a list of deletions that no commit names. Operation numbers
            # start again from the last commit, so ours would come to the same file name and fail on it.
            self._writer.garbage_collect_files()
            # The first operation gets the number of the last commit itself. A merge that a kill cut off begins anew
            # with ours, takes in deletions up to that number, but not in segments that already lost something in
            # that commit: the old form of a record would stay beside the new one. So the first deletes nothing.
            self._writer.delete_documents_by_term("record", _NO_RECORD)
        self.changed = True
        return self._writer

    def holds(self, record_ids: Iterable[UUID]) -> set[UUID]:
        """Those of the records that the last commit holds."""
        keys = [record_id.hex for record_id in record_ids]
        searcher = self.reading.searcher()
        if not keys or not searcher.num_docs:
            return set()
        query = Query.term_set_query(SCHEMA, "record", keys)
        found = searcher.search(query, limit=len(keys))
        if (count := _count(found)) > len(keys):
            # One of them stands there twice, and would have another one left out.
            found = searcher.search(query, limit=count)
        return {record_id for record_id, _ in read_ids(searcher, [address for _, address in found.hits])}

    def mentions(self, record_ids: Iterable[UUID]) -> bool:
        """Whether a file of this shard may still hold something of a record, removed or not.

        A document's terms stay in their segment until it is merged away, and with them its own id.
        """
        searcher = self.reading.searcher()
        return any(searcher.doc_freq("record", record_id.hex) for record_id in record_ids)

    def add(self, document: IndexDocument, *, replaces: bool) -> None:
        fields = to_document(document)
        with writing():
            writer = self._open()
            if replaces:
                writer.delete_documents_by_term("record", document.record_id.hex)
            writer.add_document(fields)
        self.expected += not replaces

    def remove(self, record_id: UUID) -> None:
        with writing():
            self._open().delete_documents_by_term("record", record_id.hex)
        self.expected -= 1

    def commit(self) -> None:
        if self._writer is not None and self.changed:
            with writing():
                self._writer.commit()
            self.changed = False
            self.expected = self.reading.searcher().num_docs

    def collect_garbage(self) -> None:
        """Delete files of segments that are merged away, also those a kill left behind."""
        with writing():
            self._open().garbage_collect_files()

    @property
    def is_open(self) -> bool:
        """Whether threads and memory for writing are held."""
        return self._writer is not None

    def close(self) -> None:
        """Drop what is not committed, and wait for merges that are running."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            # After a failure neither works any more, and dropping the writer is all there is to do.
            with suppress(ValueError, OSError):
                if self.changed:
                    writer.rollback()
                writer.wait_merging_threads()
            self.changed = False
            self.expected = self.reading.searcher().num_docs


@contextmanager
def writing() -> Iterator[None]:
    """Tell a failed write as ``IndexNotWritten``; tantivy tells every failure of its writer as ``ValueError``."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise IndexNotWritten("The search index could not be written; is the disk full?") from error


def new_shard_name() -> str:
    return _PREFIX + secrets.token_hex(8)
