"""The embedded database: one SQLite file, one writer at a time, many readers.

A writer takes an exclusive ``flock`` on ``<file>.lock`` before BEGIN IMMEDIATE. Waiting
there is a queue in the kernel; SQLite's own busy handler sleeps and polls, and with four
contending writers its slowest hundredth waited eighty times as long. The lock goes with
the process, so a killed writer never leaves it behind.
"""

import errno
import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from core.database import Busy, Damaged, DiskTrouble, NestedWrite, ReadSession, WriteSession
from core.together import Together

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # NORMAL may lose an acknowledged commit when the power goes.
    "PRAGMA synchronous=FULL",
    # Deleted rows are overwritten: an erased value must not linger in free pages.
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=10000",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16000",
)


T = TypeVar("T")

log = logging.getLogger("muniment.database")

LONG_SECONDS = 0.05
"""Nobody may be the one writer for longer than this: everybody else waits. Bulk work commits in batches."""
LONG = "a write transaction was long"

__all__ = ["LONG", "LONG_SECONDS", "Busy", "Damaged", "DiskTrouble", "SqliteDatabase"]


class SqliteDatabase:
    """A SQLite file as a ``Database`` (see the port for its promises)."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.has_one_writer = True
        self.after_commit: Callable[[Collection[str]], None] = lambda queues: None
        self._writers = _engine(path, "BEGIN IMMEDIATE", query_only=read_only)
        self._readers = _engine(path, "BEGIN", query_only=True)
        self._lock = _WriterLock(path.with_name(path.name + ".lock"))
        self._together = Together(self._write, lambda queues: self.after_commit(queues))
        self._watcher: Connection | None = None
        self._kept: Connection | None = None
        self._tidier: sqlite3.Connection | None = None
        self._tidied = 0

    @property
    def engine(self) -> Engine:
        """The writing engine, for migrations; hold ``exclusive()`` while using it."""
        return self._writers

    @contextmanager
    def read(self) -> Iterator[ReadSession]:
        with _plain_errors(), ReadSession(self._readers, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self, *, beside: bool = False) -> Iterator[WriteSession]:
        # There is one writer in any case.
        with self._write() as session:
            yield session
        if session.wake:
            self.after_commit(frozenset(session.wake))

    @contextmanager
    def _write(self) -> Iterator[WriteSession]:
        with _plain_errors(), self.exclusive(), WriteSession(self._writers, expire_on_commit=False) as session:
            yield session
            session.commit()

    def write_together(self, work: Callable[[WriteSession], T]) -> T:
        """See the port: this is the database that has one writer."""
        self._lock.refuse_nested()
        return self._together.do(work)

    @contextmanager
    def write_often(self) -> Iterator[Connection]:
        """See the port: on a connection that is kept."""
        with _plain_errors(), self.exclusive():
            if self._kept is None:
                self._kept = self._writers.connect()
            with self._kept.begin():
                yield self._kept

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Be the one writer of the file, across threads and processes; the log tells who was so for long."""
        self._lock.acquire()
        begun = time.monotonic()
        try:
            yield
        finally:
            self._lock.release()
            if (held := time.monotonic() - begun) > LONG_SECONDS:
                log.info(LONG, extra={"id": self.path.stem, "ms": round(held * 1_000)})

    def change_count(self) -> int:
        """See the port: SQLite counts the commits of others."""
        if self._watcher is None:
            # The number is per connection, so it has one of its own.
            self._watcher = self._readers.connect()
        version = int(self._watcher.exec_driver_sql("PRAGMA data_version").scalar_one())
        self._watcher.rollback()
        return version

    def tidy(self) -> None:
        """See the port: moves into the file what commits have left in its write-ahead log.

        A commit that finds 16 MB there does it itself, as the one writer, and everybody waits for the disk.
        """
        try:
            changed = self.path.with_name(self.path.name + "-wal").stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed == self._tidied:
            return
        with _plain_errors():
            if self._tidier is None:
                self._tidier = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._tidier.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._tidied = changed

    def close(self) -> None:
        if self._tidier is not None:
            self._tidier.close()
            self._tidier = None
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        self._writers.dispose()
        self._readers.dispose()
        self._lock.close()


class _WriterLock:
    """``flock`` between processes, a mutex between the threads of this one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._owner: int | None = None
        self._descriptor: int | None = None

    def refuse_nested(self) -> None:
        if self._owner == threading.get_ident():
            raise NestedWrite(f"a write session on {self._path.name} is open in this thread")

    def acquire(self) -> None:
        self.refuse_nested()
        self._mutex.acquire()
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            self._mutex.release()
            raise DiskTrouble("check free space and that the data folder can be written") from error
        except BaseException:
            self._mutex.release()
            raise
        self._owner = threading.get_ident()

    def release(self) -> None:
        self._owner = None
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._mutex.release()

    def close(self) -> None:
        with self._mutex:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


def _engine(path: Path, begin: str, *, query_only: bool) -> Engine:
    engine = create_engine(f"sqlite:///{path}", pool_size=8, max_overflow=32, connect_args={"timeout": 10})

    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        # The driver must not begin transactions by itself: BEGIN is ours, below.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        if query_only:
            connection.execute("PRAGMA query_only=ON")

    def start(connection: Connection) -> None:
        # Straight to the driver: SQLAlchemy's way around a statement costs more than BEGIN.
        connection.connection.cursor().execute(begin)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", start)
    return engine


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn the driver's words for a full, read-only, damaged or busy file into ours."""
    try:
        yield
    except (DatabaseError, sqlite3.Error) as error:
        name = getattr(getattr(error, "orig", error), "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN")):
            raise DiskTrouble("check free space and that the data folder can be written") from error
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise Damaged("restore the data folder from its last backup") from error
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise Busy("close the program that has opened it, and try again") from error
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise DiskTrouble("check free space and that the data folder can be written") from error
        raise
