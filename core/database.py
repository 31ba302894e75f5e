"""Sessions on a database, and the column types that every table shares.

Two kinds of session. A ``ReadSession`` sees one snapshot and cannot write. A
``WriteSession`` is the only writer of its database while it is open, so its rows are
checked and changed without another writer in between. Commands take one of them and never
commit: whoever opened the session does, at its end.

SQL is written so that SQLite and PostgreSQL both take it.
"""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar, Protocol
from uuid import UUID

from sqlalchemy import BigInteger, Dialect, MetaData, Uuid
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from core.clock import from_us, to_us
from core.errors import MunimentError

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, stored as whole microseconds since 1970: sortable and exact everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_us(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_us(value)


class MainTable(DeclarativeBase):
    """Base of the tables in ``main.db``: everything but the log."""

    metadata = MetaData(naming_convention=_NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {UUID: Uuid(), datetime: Instant(), int: BigInteger()}


class LogTable(DeclarativeBase):
    """Base of the tables in ``log.db``: leaves, head, aliases, openings."""

    metadata = MetaData(naming_convention=_NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {UUID: Uuid(), datetime: Instant(), int: BigInteger()}


class NestedWrite(MunimentError):
    """A write session was opened inside another one of the same thread.

    It would wait for itself for ever. A defect of the program, never of the input.
    """

    code = "nested_write"


class ReadSession(Session):
    """A session on one snapshot that cannot write."""


class WriteSession(ReadSession):
    """A session that may write; ``wake`` names the queues to wake once it has committed."""

    @property
    def wake(self) -> set[str]:
        """Names of the queues that got work in this transaction."""
        queues: set[str] = self.info.setdefault("wake", set())
        return queues


class Database(Protocol):
    """One database: ``main`` or ``log``."""

    after_commit: Callable[[Collection[str]], None]
    """Called with the names of the woken queues, after COMMIT, outside the transaction."""

    def read(self) -> AbstractContextManager[ReadSession]:
        """A session on one snapshot; ends without a trace."""

    def write(self) -> AbstractContextManager[WriteSession]:
        """The writing session: committed at the end, rolled back if the block raises.

        Raises:
            NestedWrite: this thread already has one open on this database.
            Unavailable: the disk is full or read-only; nothing was changed.
        """

    def close(self) -> None:
        """Let go of all connections."""
