"""The embedded object store: one write-once file an object, in a folder of the data folder.

A file is written aside under ``tmp/``, synced, made read-only, linked to its name (a link
never replaces) and its folder synced. A process that dies in between leaves at most a file
under ``tmp/``, which ``forget_interrupted`` removes.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from vault.behind import writing
from vault.durable import disk_trouble, make_folder, sync_folder, write_all
from vault.store import (
    DERIVED,
    ORIGINALS,
    KeyTaken,
    Listed,
    ObjectMissing,
    Stat,
    Stored,
    StoreUnreadable,
    check_key,
    is_key,
)

VERSION = "1"
"""Write-once files have one version."""
UNFINISHED_FOR = timedelta(hours=24)
PIECE_BYTES = 256 * 1024


class DirectoryStore:
    """An ``ObjectStore`` in a local folder (see the port for its promises)."""

    def __init__(self, root: Path, temporary: Path | None = None) -> None:
        """``root`` is ``<data>/objects``; ``temporary``, on the same file system, ``<data>/tmp``."""
        self._root = root
        self._temporary = temporary or root.parent / "tmp"
        self._synced: set[Path] = set()
        with disk_trouble():
            for folder in (self._temporary, root / ORIGINALS, root / DERIVED):
                if not folder.is_dir():
                    make_folder(folder)

    def establish(self) -> None:
        self.forget_interrupted(before=datetime.now(UTC) - UNFINISHED_FOR)

    def put(self, key: str, data: Iterable[bytes]) -> Stored:
        target = self._root / check_key(key)
        size = 0
        with disk_trouble():
            if target.exists():
                raise KeyTaken("use a new key", key=key)
            aside = _Aside(self._temporary)
        with aside:
            with writing(aside.descriptor) as behind:
                for piece in data:
                    behind.write(piece)
                    size += len(piece)
                behind.finish()
            with disk_trouble():
                self._publish(aside, target)
        return Stored(size, behind.digest.digest(), VERSION)

    def get(self, key: str, version: str, *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        path = self._path(key, version)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _reading(error, key) from error
        return _Pieces(descriptor, key, start, end)

    def stat(self, key: str, version: str) -> Stat:
        try:
            found = self._path(key, version).stat()
        except OSError as error:
            raise _reading(error, key) from error
        return Stat(found.st_size, _stored_at(found))

    def delete(self, key: str, version: str) -> None:
        path = self._root / check_key(key)
        if version != VERSION or not path.parent.is_dir():
            return
        with disk_trouble():
            path.unlink(missing_ok=True)
            # Also where it was gone: whoever removed it may have died before the sync.
            sync_folder(path.parent)

    def keys(self, prefix: str) -> Iterator[Listed]:
        for top in (ORIGINALS, DERIVED):
            for middle in sorted((self._root / top).iterdir()):
                folder = f"{top}/{middle.name}/"
                if folder.startswith(prefix) or prefix.startswith(folder):
                    yield from self._listed(folder, prefix)

    def free_bytes(self) -> int:
        space = os.statvfs(self._root)
        return space.f_bavail * space.f_frsize

    def check(self) -> None:
        with disk_trouble(), _Aside(self._temporary) as aside:
            write_all(aside.descriptor, b"\x00" * 4096)
            os.fsync(aside.descriptor)
            probe = self._root / f".check-{os.urandom(8).hex()}"
            os.link(aside.path, probe)
            probe.unlink()

    def forget_interrupted(self, *, before: datetime) -> int:
        """Remove what dead processes left under ``tmp/`` before an instant; tells how many.

        Files of a running ``put`` are locked and stay.
        """
        removed = 0
        for path in self._temporary.glob(f"{_Aside.PREFIX}*"):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _stored_at(os.fstat(descriptor)) < before:
                    path.unlink(missing_ok=True)
                    removed += 1
            except BlockingIOError:
                continue
            finally:
                os.close(descriptor)
        return removed

    def _path(self, key: str, version: str) -> Path:
        if version != VERSION:
            raise ObjectMissing("restore it from a backup", key=check_key(key), version=version)
        return self._root / check_key(key)

    def _publish(self, aside: "_Aside", target: Path) -> None:
        os.fchmod(aside.descriptor, 0o400)
        os.fsync(aside.descriptor)
        if target.parent not in self._synced:
            make_folder(target.parent)
            self._synced.add(target.parent)
        try:
            os.link(aside.path, target)
        except FileExistsError as error:
            raise KeyTaken(
                "use a new key", key=f"{target.parent.parent.name}/{target.parent.name}/{target.name}"
            ) from error
        sync_folder(target.parent)

    def _listed(self, folder: str, prefix: str) -> Iterator[Listed]:
        for entry in os.scandir(self._root / folder):
            key = folder + entry.name
            if not key.startswith(prefix) or not is_key(key):
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield Listed(key, VERSION, found.st_size, _stored_at(found))


class _Aside:
    """A file being written: locked while its process lives, gone when the block ends."""

    PREFIX = "put-"

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{self.PREFIX}{os.urandom(16).hex()}"
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def __enter__(self) -> "_Aside":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What a failing disk keeps here, ``forget_interrupted`` removes.
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


class _Pieces(Iterator[bytes]):
    """The bytes of an open file in pieces; closes it at the end or when dropped."""

    def __init__(self, descriptor: int, key: str, start: int, end: int | None) -> None:
        self._descriptor: int | None = descriptor
        self._key, self._at, self._end = key, start, end

    def __next__(self) -> bytes:
        if self._descriptor is None:
            raise StopIteration
        wanted = PIECE_BYTES if self._end is None else min(PIECE_BYTES, self._end - self._at)
        try:
            piece = os.pread(self._descriptor, wanted, self._at) if wanted > 0 else b""
        except OSError as error:
            raise _reading(error, self._key) from error
        if not piece:
            self.close()
            raise StopIteration
        self._at += len(piece)
        return piece

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self.close()


def _reading(error: OSError, key: str) -> ObjectMissing | StoreUnreadable:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return ObjectMissing("restore it from a backup", key=key)
    return StoreUnreadable("check the disk and the rights on the data folder", key=key, errno=error.errno)


def _stored_at(found: os.stat_result) -> datetime:
    return datetime.fromtimestamp(found.st_mtime, UTC)
