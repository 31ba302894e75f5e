"""Brings both databases to the present schema.

Each database has a line of migrations of its own (``app/migrations/main`` and ``…/log``). On
PostgreSQL one database holds both, migrated by the role that owns the tables; the role that
Muniment runs as is then granted what it needs and no more (``app.grants``).
Migrations expand first and contract a release later. A test holds a migrated database
against a fresh one.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, inspect, text

from app import grants, schema
from app.folders import DataFolder
from core.database import Line
from core.errors import Conflict
from core.sqlite import SqliteDatabase


class NewerData(Conflict):
    """The data folder was migrated by a newer Muniment."""

    code = "newer_data"


LINES: dict[Line, MetaData] = {"main": schema.MAIN, "log": schema.LOG}


def upgrade(folder: DataFolder) -> None:
    """Run the migrations that are missing, one database after the other."""
    for line in LINES:
        database = SqliteDatabase(folder.databases / f"{line}.db")
        try:
            with database.exclusive():
                upgrade_engine(database.engine, line)
        finally:
            database.close()


def upgrade_postgresql(owner_url: str, app_role: str) -> None:
    """Run the migrations that are missing in a PostgreSQL database, then grant ``app_role`` what it needs.

    ``owner_url`` signs in as the role that owns the tables; Muniment itself never gets it. Nobody
    writes meanwhile. Each line is one transaction: what fails leaves it as it was.

    Raises:
        NewerData: it was migrated further than this program knows.
        RolesNotApart: ``app_role`` owns the tables, or can act as who does.
        Unavailable: the server cannot be reached, or does not let the owner do this.
    """
    # Here: the embedded shape needs no PostgreSQL driver.
    from core.postgresql import engine_of, lock_line, plain_errors

    engine = engine_of(owner_url, application="muniment migrations")
    try:
        for line in LINES:
            with plain_errors(), engine.begin() as connection:
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                for each in LINES:
                    # Of both, since rights on the schema, which they share, are granted with each.
                    lock_line(connection, each)
                _upgrade(connection, line, "head")
                grants.grant(connection, line, app_role)
    finally:
        engine.dispose()


def has_tables(owner_url: str) -> bool:
    """Whether a PostgreSQL database was ever migrated.

    Raises:
        Unavailable: the server cannot be reached, or does not let the owner look.
    """
    from core.postgresql import engine_of, plain_errors

    engine = engine_of(owner_url, application="muniment migrations")
    try:
        with plain_errors(), engine.connect() as connection:
            return any(inspect(connection).has_table(version_table(connection, line)) for line in LINES)
    finally:
        engine.dispose()


def upgrade_engine(engine: Engine, line: Line, revision: str = "head") -> None:
    """Run the migrations of one line on one database.

    Raises:
        NewerData: it was migrated further than this program knows.
    """
    with engine.begin() as connection:
        _upgrade(connection, line, revision)


def make_revision(line: Line, message: str, number: str, engine: Engine) -> None:
    """Write a new migration from the difference between the tables and a migrated database (for developers)."""
    with engine.begin() as connection:
        command.revision(_config(line, connection), message, autogenerate=True, rev_id=number)


def version_table(connection: Connection, line: Line) -> str:
    """The table that says how far a line was migrated: in PostgreSQL two lines share one database."""
    return f"alembic_version_{line}" if connection.dialect.name == "postgresql" else "alembic_version"


def metadata_of(line: Line) -> MetaData:
    """The tables of one line as the code declares them."""
    return LINES[line]


def _upgrade(connection: Connection, line: Line, revision: str) -> None:
    config = _config(line, connection)
    known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    options = {"version_table": version_table(connection, line)}
    present = MigrationContext.configure(connection, opts=options).get_current_revision()
    if present is not None and present not in known:
        raise NewerData("start the newer Muniment, or restore the data folder from before it")
    command.upgrade(config, revision)


def _scripts(line: Line) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations" / line))
    return config


def _config(line: Line, connection: Connection) -> Config:
    config = _scripts(line)
    config.attributes["connection"] = connection
    config.attributes["metadata"] = LINES[line]
    config.attributes["version_table"] = version_table(connection, line)
    return config
