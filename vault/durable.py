"""Files that survive a power cut: written aside, synced, then named, then the folder synced.

A rename or link without both syncs is the bug that empties stores.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vault.store import StoreUnwritable

_WRITE_TROUBLE = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EMLINK,
        errno.ENOSPC,
        errno.EPERM,
        errno.EROFS,
        errno.EXDEV,
        # A folder of the store was taken away under the running program.
        errno.ENOENT,
        errno.ENOTDIR,
    }
)


@contextmanager
def disk_trouble() -> Iterator[None]:
    """Say a full, read-only or foreign disk in our words. Wrap calls on our own files only."""
    try:
        yield
    except OSError as error:
        if error.errno in _WRITE_TROUBLE:
            raise StoreUnwritable(
                "check free space and that the data folder can be written", errno=error.errno
            ) from error
        raise


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte: the system may take fewer at once."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Create a folder, with its missing parents, durably. No error where it exists.

    Parents are synced in either case: whoever created it may not have got that far.
    """
    if not folder.parent.is_dir():
        make_folder(folder.parent, mode)
    folder.mkdir(mode=mode, exist_ok=True)
    sync_folder(folder.parent)


def write_new(path: Path, data: bytes, *, mode: int) -> bool:
    """Write a small file that appears whole or not at all; ``False`` where the name is taken."""
    aside = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
        # A link, unlike a rename, never replaces what is there.
        os.link(aside, path)
    except FileExistsError:
        return False
    finally:
        os.close(descriptor)
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True
