"""Every table and folder is registered: a place that nobody knows of could keep what was promised to be gone."""

from dataclasses import fields
from pathlib import Path
from uuid import uuid4

import pytest

from app import schema
from app.folders import DataFolder
from app.settings import Settings
from app.settings_check import _SCHEMES
from core import trace
from core.trace import TableTrace, Unregistered


def test_every_table_has_a_trace() -> None:
    known = {each.table for each in trace.tables()}
    declared = set(schema.MAIN.tables) | set(schema.LOG.tables)
    assert declared - known == set()


def test_no_trace_names_a_table_or_column_that_is_not_there() -> None:
    for each in trace.tables():
        table = schema.MAIN.tables.get(each.table)
        table = schema.LOG.tables[each.table] if table is None else table
        assert set(each.columns) <= set(table.c.keys()), each.table


def test_every_trace_that_ends_with_its_row_says_which_rows_unless_a_module_of_its_own_erases_them() -> None:
    for each in trace.tables():
        if each.subject is not None and each.end == "row":
            assert each.columns or "erased by" in each.why, each.table


def test_what_is_kept_or_concerns_nobody_says_why() -> None:
    for each in trace.tables():
        if each.subject is None or each.end in ("kept", "expires"):
            assert each.why, each.table


def test_every_folder_of_the_data_folder_has_a_trace(tmp_path: Path) -> None:
    DataFolder(tmp_path).make(tmp_path / "keys")
    made = {path.name for path in tmp_path.iterdir()}
    registered = {each.folder.split("/")[0] for each in trace.folders()} | {"db"}
    assert made - registered == set()


def test_every_server_that_the_settings_name_has_a_trace() -> None:
    known = {each.name for each in fields(Settings)}
    assert {each.setting for each in trace.servers()} <= known
    # Each address, and the one server that is a library.
    assert {*_SCHEMES, "clamd", "pkcs11_module"} <= {each.setting for each in trace.servers()}


def test_a_table_is_registered_once_for_a_subject() -> None:
    with pytest.raises(Unregistered):
        trace.register(TableTrace("records", "record", ("id",)))


def test_a_stranger_has_left_no_trace(tmp_path: Path) -> None:
    from app import migrate
    from core.sqlite import SqliteDatabase

    folder = DataFolder(tmp_path)
    folder.make(tmp_path / "keys")
    migrate.upgrade(folder)
    main = SqliteDatabase(folder.databases / "main.db")
    with main.write() as session:
        assert trace.count(session, "record", uuid4()) == {}
        assert trace.remove(session, "record", uuid4()) == {}
    main.close()
