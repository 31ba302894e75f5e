"""A migrated database equals a fresh one, in every table, column, index and trigger."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import select

from app import migrate
from app.folders import DataFolder
from audit.body import body_bytes
from audit.entries import AuditTrail
from audit.leaf import leaf_hash, splice
from core.sqlite import SqliteDatabase

LINES = ("main", "log")


def _shape(path: Path) -> dict[str, Any]:
    connection = sqlite3.connect(path)
    shape: dict[str, Any] = {}
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    for kind, name, table, sql in rows:
        if "alembic_version" in (name, table) or name.startswith("sqlite_autoindex"):
            continue
        if kind == "table":
            columns = connection.execute(f"PRAGMA table_info('{name}')").fetchall()
            keys = connection.execute(f"PRAGMA foreign_key_list('{name}')").fetchall()
            unique = []
            for index in connection.execute(f"PRAGMA index_list('{name}')").fetchall():
                fields = connection.execute(f"PRAGMA index_info('{index[1]}')").fetchall()
                unique.append((index[2], index[3], tuple(field[2] for field in fields)))
            shape[f"table {name}"] = (
                sorted((c[1], c[2], c[3], c[4], c[5]) for c in columns),
                sorted((k[2], k[3], k[4], k[6]) for k in keys),
                sorted(unique),
            )
        else:
            shape[f"{kind} {name}"] = " ".join((sql or "").split())
    connection.close()
    return shape


@pytest.mark.parametrize("line", LINES)
def test_a_migrated_database_equals_a_fresh_one(tmp_path: Path, line: str):
    migrated, fresh = SqliteDatabase(tmp_path / "migrated.db"), SqliteDatabase(tmp_path / "fresh.db")
    with migrated.exclusive():
        migrate.upgrade_engine(migrated.engine, line)
    with fresh.exclusive():
        migrate.metadata_of(line).create_all(fresh.engine)
    migrated.close()
    fresh.close()
    one, other = _shape(migrated.path), _shape(fresh.path)
    assert one.keys() == other.keys()
    for name in one:
        assert one[name] == other[name], name
    assert len(one) > 5


@pytest.mark.parametrize("line", LINES)
def test_migrating_twice_changes_nothing(tmp_path: Path, line: str):
    database = SqliteDatabase(tmp_path / "x.db")
    for _ in range(2):
        with database.exclusive():
            migrate.upgrade_engine(database.engine, line)
        shape = _shape(database.path)
    database.close()
    assert shape == _shape(database.path)


@pytest.mark.parametrize("line", LINES)
def test_each_line_of_migrations_has_one_end(line: str):
    assert len(ScriptDirectory.from_config(migrate._scripts(line)).get_heads()) == 1


def test_the_log_s_tables_refuse_changes_after_migrating(tmp_path: Path):
    folder = DataFolder(tmp_path)
    folder.make(tmp_path / "keys")
    migrate.upgrade(folder)
    triggers = [name for name in _shape(folder.databases / "log.db") if name.startswith("trigger ")]
    assert {"trigger audit_leaves_no_update", "trigger audit_leaves_no_delete"} <= set(triggers)


def test_data_of_a_newer_program_is_refused_in_words(tmp_path: Path):
    folder = DataFolder(tmp_path)
    folder.make(tmp_path / "keys")
    migrate.upgrade(folder)
    connection = sqlite3.connect(folder.databases / "main.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(migrate.NewerData):
        migrate.upgrade(folder)


def test_entries_written_before_are_found_by_their_request_afterwards(tmp_path: Path):
    database = SqliteDatabase(tmp_path / "log.db")
    draft = {"action": "test.done", "actor": {"k": "system", "n": "test"}, "outcome": "done", "t": 1}
    with database.exclusive():
        migrate.upgrade_engine(database.engine, "log", "0002")
        for seq, request in enumerate([None, "ab" * 16, "job-7"]):
            body = draft | {"id": f"{seq:032x}"} | ({"r": request} if request else {})
            entry = splice(body_bytes(body), sequence=seq, appended_us=1, previous=bytes(32))
            with sqlite3.connect(database.path) as connection:
                connection.execute(
                    "INSERT INTO audit_leaves VALUES (?, ?, ?, ?)", (seq, entry, leaf_hash(entry), bytes([seq] * 16))
                )
        migrate.upgrade_engine(database.engine, "log")
    database.close()
    with sqlite3.connect(database.path) as connection:
        rows = connection.execute("SELECT topic, key, seq FROM audit_trail ORDER BY seq").fetchall()
    assert rows == [("r", bytes.fromhex("ab" * 16), 1), ("r", b"job-7", 2)]


def test_the_trail_written_before_has_its_topics_as_letters_afterwards(tmp_path: Path):
    database = SqliteDatabase(tmp_path / "log.db")
    topics = ["action", "actor", "second", "request", "object.record", "object.case_file"]
    with database.exclusive():
        migrate.upgrade_engine(database.engine, "log", "0005")
        with sqlite3.connect(database.path) as connection:
            rows = [(topic, bytes([place]), place) for place, topic in enumerate(topics)]
            connection.executemany("INSERT INTO audit_trail VALUES (?, ?, ?)", rows)
        migrate.upgrade_engine(database.engine, "log")
    with sqlite3.connect(database.path) as connection:
        stored = connection.execute("SELECT topic FROM audit_trail ORDER BY seq").fetchall()
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            connection.execute("UPDATE audit_trail SET topic = 'action'")
    assert [topic for (topic,) in stored] == ["a", "p", "s", "r", "o", "object.case_file"]
    with database.read() as session:
        told = {
            topic: session.scalars(select(AuditTrail.seq).where(AuditTrail.topic == topic)).all() for topic in topics
        }
        assert told == {topic: [place] for place, topic in enumerate(topics)}
        assert session.scalars(select(AuditTrail.topic).order_by(AuditTrail.seq)).all() == topics
    database.close()
