"""Brings both databases to the present schema.

Each database has a line of migrations of its own (``app/migrations/main`` and ``…/log``).
Migrations expand first and contract a release later. A test holds a migrated database
against a fresh one.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, MetaData

from app import schema
from app.folders import DataFolder
from core.sqlite import SqliteDatabase

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
    """Run the migrations of one line on one database."""
    with engine.begin() as connection:
        config = _config(line)
        config.attributes["connection"] = connection
        config.attributes["metadata"] = LINES[line]
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
