"""Brings both databases to the present schema.

Each database has a line of migrations of its own (``app/migrations/main`` and ``…/log``).
Migrations expand first and contract a release later. A test holds a migrated database
against a fresh one.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData

from app import schema
from app.folders import DataFolder
from core.errors import Conflict
from core.sqlite import SqliteDatabase


class NewerData(Conflict):
    """The data folder was migrated by a newer Muniment."""

    code = "newer_data"


LINES = {"main": schema.MAIN, "log": schema.LOG}


def upgrade(folder: DataFolder) -> None:
    """Run the migrations that are missing, one database after the other."""
    for line in LINES:
        database = SqliteDatabase(folder.databases / f"{line}.db")
        try:
            with database.exclusive():
                upgrade_engine(database.engine, line)
        finally:
            database.close()


def upgrade_engine(engine: Engine, line: str, revision: str = "head") -> None:
    """Run the migrations of one line on one database.

    Raises:
        NewerData: it was migrated further than this program knows.
    """
    with engine.begin() as connection:
        config = _config(line)
        config.attributes["connection"] = connection
        config.attributes["metadata"] = LINES[line]
        known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
        present = MigrationContext.configure(connection).get_current_revision()
        if present is not None and present not in known:
            raise NewerData("start the newer Muniment, or restore the data folder from before it")
        command.upgrade(config, revision)


def make_revision(line: str, message: str, number: str, engine: Engine) -> None:
    """Write a new migration from the difference between the tables and a migrated database (for developers)."""
    with engine.begin() as connection:
        config = _config(line)
        config.attributes["connection"] = connection
        config.attributes["metadata"] = LINES[line]
        command.revision(config, message, autogenerate=True, rev_id=number)


def metadata_of(line: str) -> MetaData:
    """The tables of one line as the code declares them."""
    return LINES[line]


def _config(line: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations" / line))
    return config
