"""The two databases of an installation. Imports little: what needs no more than a lease stays small."""

from sqlalchemy.engine import make_url

from app.folders import folder_of
from app.settings import Settings, secret
from core.database import Database
from core.errors import Conflict
from core.sqlite import SqliteDatabase


class NotPrepared(Conflict):
    """The data folder is not ready."""

    code = "data_folder_not_prepared"


def databases_of(settings: Settings) -> tuple[Database, Database]:
    """``main`` and ``log``.

    Raises:
        NotPrepared: ``prepare`` has never run on this folder.
    """
    if settings.database:
        from core.postgresql import PostgresDatabase

        url = database_url(settings)
        return PostgresDatabase(url, "main"), PostgresDatabase(url, "log")
    folder = folder_of(settings)
    if not (folder.databases / "log.db").exists():
        raise NotPrepared("start the server once, or run a command that makes the data folder")
    return SqliteDatabase(folder.databases / "main.db"), SqliteDatabase(folder.databases / "log.db")


def database_url(settings: Settings, *, owner: bool = False) -> str:
    """The address of PostgreSQL with user and password: of the application's role, or of the owner's."""
    url = make_url(settings.database)
    if owner:
        url = url.set(username=settings.database_owner, password=secret(settings, "database_owner_password"))
    elif settings.database_password is not None:
        url = url.set(password=secret(settings, "database_password"))
    return url.render_as_string(hide_password=False)
