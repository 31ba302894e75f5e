"""The data folder: its frozen layout, and the lock by which only one server uses it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.settings import Settings
from core.errors import Conflict, Unavailable


class DataFolderInUse(Conflict):
    """Another Muniment server uses this data folder."""

    code = "data_folder_in_use"


class DataFolderUnwritable(Unavailable):
    """The data folder cannot be written."""

    code = "data_folder_unwritable"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where everything of the embedded shape lies (frozen)."""

    root: Path

    @property
    def databases(self) -> Path:
        """``main.db`` and ``log.db``."""
        return self.root / "db"

    @property
    def objects(self) -> Path:
        """``originals/`` and ``derived/``."""
        return self.root / "objects"

    @property
    def index(self) -> Path:
        """The search index; holds words in clear, never backed up, always rebuildable."""
        return self.root / "index"

    @property
    def log(self) -> Path:
        """The published log: checkpoint, tiles and bundles of entries (``audit.publish``)."""
        return self.root / "log"

    @property
    def run(self) -> Path:
        """What exists only while a server runs: lock, broker messages, addresses."""
        return self.root / "run"

    @property
    def test_clock(self) -> Path:
        """Stands in an archive that was made for tests, and says by how many seconds its clock runs ahead."""
        return self.root / "test-clock"

    @property
    def tmp(self) -> Path:
        """Objects on their way into the store: sealed, never plaintext."""
        return self.root / "tmp"

    def sign_of_life(self, name: str) -> Path:
        """The file that a process of that name touches at each of its rounds."""
        return self.run / f"alive-{name}"

    def make(self, keys: Path) -> None:
        """Make what is missing, for the owner's eyes only.

        Raises:
            DataFolderUnwritable: it cannot be made or written.
        """
        try:
            for folder in (self.root, self.databases, self.objects, self.index, self.log, self.run, self.tmp, keys):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in ("originals", "derived"):
                (self.objects / name).mkdir(exist_ok=True, mode=0o700)
            (self.run / "broker").mkdir(exist_ok=True, mode=0o700)
            if not all(os.access(folder, os.W_OK) for folder in (self.root, self.databases, self.run)):
                raise PermissionError
        except OSError as error:
            raise DataFolderUnwritable(
                f"check that {self.root} is on a disk with free space and can be written by this user"
            ) from error

    @contextmanager
    def served(self) -> Iterator[None]:
        """Be the one server (or the one command line that runs the pipeline itself) of this folder.

        Raises:
            DataFolderInUse: another one is.
            DataFolderUnwritable: the lock cannot be made.
        """
        try:
            descriptor = os.open(self.run / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataFolderUnwritable(f"check that {self.run} can be written by this user") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataFolderInUse(f"stop the server that uses {self.root}, or choose another --data") from None
            yield
        finally:
            os.close(descriptor)

    def is_served(self) -> bool:
        """Whether a server runs on this folder at this moment."""
        try:
            with self.served():
                return False
        except DataFolderInUse:
            return True


def folder_of(settings: Settings) -> DataFolder:
    """The data folder that the settings name."""
    return DataFolder(settings.data.expanduser().absolute())
