"""Sessions on a database, and the column types that every table shares.

Two kinds of session. A ``ReadSession`` sees one snapshot and cannot write. A
``WriteSession`` is the only writer of its database while it is open, so its rows are
checked and changed without another writer in between. Commands take one of them and never
commit: whoever opened the session does, at its end.

SQL is written so that SQLite and PostgreSQL both take it. What every request asks for is a
statement built once, with bound parameters (``AT`` is one): to build it takes five times as
long as to run it.
"""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, Literal, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import BigInteger, BindParameter, Connection, Dialect, MetaData, Table, Uuid, bindparam
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from core.clock import from_us, to_us
from core.errors import IntegrityFailure, MunimentError, Unavailable

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


T = TypeVar("T")

Line = Literal["main", "log"]
"""The two databases of an installation, each with its own tables, migrations and writers."""

AT: BindParameter[datetime] = bindparam("at", type_=Instant())
"""The instant for which a statement built once is run; given as ``at`` each time."""


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


class Damaged(IntegrityFailure):
    """The database file is damaged."""

    code = "database_damaged"


class DiskTrouble(Unavailable):
    """The disk is full or cannot be written; nothing was changed."""

    code = "disk_unwritable"


class Busy(Unavailable):
    """Another program holds the database; nothing was changed."""

    code = "database_busy"


class ReadSession(Session):
    """A session on one snapshot that cannot write."""


class WriteSession(ReadSession):
    """A session that may write; ``wake`` names the queues to wake once it has committed."""

    @property
    def wake(self) -> set[str]:
        """Names of the queues that got work in this transaction."""
        queues: set[str] = self.info.setdefault("wake", set())
        return queues


def insert_for(session: WriteSession, table: type[DeclarativeBase] | Table) -> Any:
    """An INSERT that can end in ``on_conflict_do_nothing`` or ``…_do_update``: writers beside each other need it.

    SQLAlchemy has one for each database, and both take the same words.
    """
    return _insert_of(session.get_bind().dialect.name, table)


def insert_unless(session: WriteSession, table: Table, column: str) -> Any:
    """An INSERT, built once, that does nothing where another row has the same ``column``; ``rowcount`` tells."""
    return _unless(session.get_bind().dialect.name, table, column)


@lru_cache(maxsize=64)
def _unless(dialect: str, table: Table, column: str) -> Any:
    statement = _insert_of(dialect, table).on_conflict_do_nothing(index_elements=[column])
    return statement.execution_options(preserve_rowcount=True)


def _insert_of(dialect: str, table: type[DeclarativeBase] | Table) -> Any:
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    return insert(table)


class Database(Protocol):
    """One database: ``main`` or ``log``."""

    after_commit: Callable[[Collection[str]], None]
    """Called with the names of the woken queues, after COMMIT, outside the transaction."""

    has_one_writer: bool
    """Whether a writer keeps all others waiting, also with ``beside``: what it needs to know is then asked before."""

    def read(self) -> AbstractContextManager[ReadSession]:
        """A session on one snapshot; ends without a trace."""

    def write(self, *, beside: bool = False) -> AbstractContextManager[WriteSession]:
        """The writing session: committed at the end, rolled back if the block raises.

        Nobody else writes while it is open. With ``beside``, where the database can do so, others
        that say the same may: the block then locks the rows it decides by, and lets the database settle
        what must be unique. One without ``beside`` waits for all of those, and they for it.

        Raises:
            NestedWrite: this thread already has one open on this database.
            Unavailable: it is full, read-only or cannot be reached; nothing was changed, save where the
                connection was lost during COMMIT (``database_uncertain``): that may have been done.
        """

    def write_together(self, work: Callable[[WriteSession], T]) -> T:
        """What ``work`` makes in a session such as ``write(beside=True)`` gives; durable when this returns.

        Where there is one writer at a time, the work of several threads shares one commit: ``work`` may run in
        another thread, and a second time after all was taken back because another's had failed.

        Raises:
            NestedWrite, Unavailable: as ``write`` does; and whatever ``work`` raises, and then nothing of it stays.
        """

    def write_often(self) -> AbstractContextManager[Connection]:
        """What ``write(beside=True)`` gives, without a session: for the appends to the log, many and small.

        Raises:
            NestedWrite, Unavailable: as ``write`` does.
        """

    def change_count(self) -> int:
        """A number that differs after any other connection has committed a change; cheap enough to poll.

        For the one thread that polls it. It may differ where nothing did.
        """

    def tidy(self) -> None:
        """Do beside the writers what else one of them had to do while the others wait. For one thread; cheap where
        there is nothing to do.

        Raises:
            Unavailable: it is full, read-only or busy; a writer does it then.
        """

    def close(self) -> None:
        """Let go of all connections."""
