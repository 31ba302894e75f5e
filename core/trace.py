"""Traces: every place where data of a record or of a person lies.

Each package registers its tables, folders and what it keeps on servers, with whose data they hold, how to look for
it and how it goes. Destruction and erasure walk the traces and nothing else deletes, so a
place that nobody registered could keep what was promised to be gone: a test fails for
every table, folder and server without a trace.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, Table, delete, func, inspect, or_, select

from core.database import LogTable, MainTable, ReadSession, WriteSession
from core.errors import MunimentError

Subject = Literal["record", "version", "party", "case_file", "person"]
End = Literal["row", "key", "kept", "expires"]
"""How data goes: with its ``row``; by the destruction of the ``key`` it is sealed under; it is ``kept``
as evidence that names nobody directly; or it ``expires`` by itself."""


class Unregistered(MunimentError):
    """A trace names a table that does not exist, or a table has two traces for one subject."""

    code = "trace_unregistered"


@dataclass(frozen=True, slots=True)
class TableTrace:
    """The rows of one table that are about one kind of subject."""

    table: str
    subject: Subject | None
    """``None``: the table holds data of nobody."""
    columns: tuple[str, ...] = ()
    """Columns that hold the subject's id; a row counts if any of them does."""
    end: End = "row"
    why: str = ""
    """For ``kept``, ``expires`` and data of nobody: the reason, for the record of processing."""


@dataclass(frozen=True, slots=True)
class FolderTrace:
    """A folder of the data folder."""

    folder: str
    holds: str
    end: str
    """How data of a record goes from there."""


@dataclass(frozen=True, slots=True)
class ServerTrace:
    """What lies on a server of the distributed shape."""

    setting: str
    """The setting that says where the server is."""
    holds: str
    end: str
    """How data of a record goes from there."""


_AT_ONCE = 500
_tables: list[TableTrace] = []
_folders: list[FolderTrace] = []
_servers: list[ServerTrace] = []


def register(*traces: TableTrace | FolderTrace | ServerTrace) -> None:
    """Add traces; called once where a package declares its tables.

    Raises:
        Unregistered: the same table and subject were registered before.
    """
    for trace in traces:
        if isinstance(trace, FolderTrace):
            _folders.append(trace)
            continue
        if isinstance(trace, ServerTrace):
            _servers.append(trace)
            continue
        if any(known.table == trace.table and known.subject == trace.subject for known in _tables):
            raise Unregistered(f"{trace.table}: registered twice")
        _tables.append(trace)


def tables() -> tuple[TableTrace, ...]:
    """All registered tables."""
    return tuple(_tables)


def folders() -> tuple[FolderTrace, ...]:
    """All registered folders."""
    return tuple(_folders)


def servers() -> tuple[ServerTrace, ...]:
    """All that is registered on servers."""
    return tuple(_servers)


def count(session: ReadSession, subject: Subject, subject_id: UUID) -> dict[str, int]:
    """In which tables of this database rows about the subject stand, and how many; tables without any are left out."""
    found = {}
    for trace, table in _about(session, subject):
        rows = session.scalar(select(func.count()).select_from(table).where(_matches(table, trace, subject_id)))
        if rows:
            found[trace.table] = rows
    return found


def remove(session: WriteSession, subject: Subject, *subject_ids: UUID) -> dict[str, int]:
    """Delete the rows that go with the subjects (``end`` is ``row``); tells how many of which table.

    The caller has named the objects and keys that go with them before, and destroys them after COMMIT.
    """
    removed: dict[str, int] = {}
    for trace, table in _about(session, subject):
        if trace.end == "row":
            for some in _some(subject_ids):
                gone = session.execute(delete(table).where(_matches(table, trace, *some)))
                if isinstance(gone, CursorResult) and gone.rowcount > 0:
                    removed[trace.table] = removed.get(trace.table, 0) + gone.rowcount
    return removed


def left(session: ReadSession, subject: Subject, *subject_ids: UUID) -> dict[str, int]:
    """What ``remove`` would delete now: how many rows of which table; empty where nothing is left."""
    found: dict[str, int] = {}
    for trace, table in _about(session, subject):
        if trace.end == "row":
            for some in _some(subject_ids):
                rows = session.scalar(select(func.count()).select_from(table).where(_matches(table, trace, *some)))
                if rows:
                    found[trace.table] = found.get(trace.table, 0) + rows
    return found


def _about(session: ReadSession, subject: Subject) -> Iterator[tuple[TableTrace, Table]]:
    known = inspect(session.connection()).get_table_names()
    for trace in _tables:
        table = MainTable.metadata.tables.get(trace.table)
        if table is None:
            table = LogTable.metadata.tables.get(trace.table)
        if table is None:
            raise Unregistered(f"{trace.table}: there is no such table")
        if trace.subject == subject and trace.columns and trace.table in known:
            yield trace, table


def _some(subject_ids: tuple[UUID, ...]) -> Iterator[tuple[UUID, ...]]:
    # A statement takes a limited number of parameters.
    for start in range(0, len(subject_ids), _AT_ONCE):
        yield subject_ids[start : start + _AT_ONCE]


def _matches(table: Table, trace: TableTrace, *subject_ids: UUID) -> ColumnElement[bool]:
    return or_(*(table.c[column].in_(subject_ids) for column in trace.columns))
