"""The databases that tests use: SQLite files, or with ``pytest --database postgresql`` a real PostgreSQL.

A test's folder stands for its database in both: whoever opens the same folder again finds the same rows.
"""

import atexit
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg
from psycopg import sql

from app import schema
from core.database import Database, Line
from core.sqlite import SqliteDatabase
from tests.support import postgres
from tests.support.postgres import Urls

_TABLES = {"main": schema.MAIN, "log": schema.LOG}
_made: dict[Path, Urls] = {}


def is_postgresql() -> bool:
    """Whether this run was asked to use PostgreSQL."""
    return os.environ.get("MUNIMENT_TEST_DATABASE", "") == "postgresql"


def open_line(folder: Path, line: Line) -> Database:
    """The ``main`` or ``log`` database of a folder, with its tables."""
    if is_postgresql():
        return postgres.opened(urls_of(folder), line)
    file, empty = folder / f"{line}.db", _empty(line)
    database = SqliteDatabase(file)
    with database.exclusive():
        if file.exists():
            _TABLES[line].create_all(database.engine)
        else:
            shutil.copy(empty, file)
    return database


@cache
def _empty(line: Line) -> Path:
    """A database with the tables of a line, to copy."""
    folder = Path(mkdtemp(prefix="muniment-tables-"))
    atexit.register(shutil.rmtree, folder)
    made = SqliteDatabase(folder / f"{line}.db")
    _TABLES[line].create_all(made.engine)
    made.close()
    return made.path


def urls_of(folder: Path) -> Urls:
    """The database that stands for a folder, made where it is new; a file there tells other processes."""
    note = folder / ".postgresql.json"
    if note.exists():
        return Urls(**json.loads(note.read_text()))
    _made[folder] = postgres.needed().fresh()
    note.write_text(json.dumps(asdict(_made[folder])))
    return _made[folder]


@contextmanager
def dropped_after() -> Iterator[None]:
    """Drop what was made within."""
    before = set(_made)
    try:
        yield
    finally:
        for folder in set(_made) - before:
            postgres.cluster().drop(_made.pop(folder).name)


def drop_all() -> None:
    """At the end of the run."""
    while _made:
        postgres.cluster().drop(_made.popitem()[1].name)


def tamper(folder: Path, line: Line, statements: Sequence[tuple[str, tuple[Any, ...]]]) -> None:
    """What somebody with the files, or the owner's rights, and no respect for triggers does; ``?`` for values."""
    if is_postgresql():
        with psycopg.connect(urls_of(folder).owner) as connection:
            triggers = connection.execute(
                "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
            ).fetchall()
            for name, table in triggers:
                connection.execute(f"DROP TRIGGER {name} ON {table}".encode())
            for statement, values in statements:
                connection.execute(_in_postgresql(statement).encode(), values or None)
        return
    database = SqliteDatabase(folder / f"{line}.db")
    with database.write() as session:
        direct = session.connection()
        for (name,) in direct.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            direct.exec_driver_sql(f"DROP TRIGGER {name}")
        for statement, values in statements:
            direct.exec_driver_sql(statement, values)
    database.close()


def _in_postgresql(statement: str) -> str:
    """What the tests say in SQLite's words."""
    flipped = r"CAST\(replace\(CAST\((\w+) AS TEXT\), ('.*?'), ('.*?')\) AS BLOB\)"
    statement = re.sub(flipped, r"convert_to(replace(convert_from(\1, 'UTF8'), \2, \3), 'UTF8')", statement)
    return re.sub(r"zeroblob\((\d+)\)", r"decode(repeat('00', \1), 'hex')", statement).replace("?", "%s")


def stored_bytes(folder: Path) -> bytes:
    """Every byte of the ``main`` database: its files, or all its rows."""
    if not is_postgresql():
        return b"".join(path.read_bytes() for path in sorted(folder.glob("main.db*")))
    found = bytearray()
    with psycopg.connect(urls_of(folder).owner) as connection:
        for table in schema.MAIN.tables:
            for row in connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))):
                for value in row:
                    found += value if isinstance(value, bytes) else str(value).encode() + b"\0"
    return bytes(found)


def stand_in_for_settings() -> None:
    """Have ``app.build`` and ``app.prepare`` take the PostgreSQL database of their data folder."""
    from app import build, migrate, prepare
    from app.folders import DataFolder, folder_of
    from app.settings import Settings

    def databases_of(settings: Settings) -> tuple[Any, Any]:
        folder = folder_of(settings)
        return open_line(folder.databases, "main"), open_line(folder.databases, "log")

    def upgrade(folder: DataFolder) -> None:
        urls_of(folder.databases)
        # What says that a folder was prepared.
        (folder.databases / "log.db").touch()

    build.databases_of = prepare.databases_of = databases_of  # type: ignore[attr-defined]
    migrate.upgrade = upgrade
