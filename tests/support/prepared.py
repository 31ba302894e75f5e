"""``app.prepare`` for tests: a new data folder begins with copies of databases that the migrations made once.

Nothing stands in for the program: it finds a folder in which no migration is missing, and prepares the rest. How
migrations make a folder from nothing is for their own tests, and for all that start the real program.
"""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import app.prepare
from app import migrate
from app.folders import DataFolder, folder_of
from app.settings import Settings
from tests.support import databases


def prepare(settings: Settings) -> None:
    """As ``app.prepare.prepare``."""
    folder = folder_of(settings)
    # An archive whose clock can be moved says so before it has a database.
    if not (settings.database or settings.test_clock or databases.is_postgresql() or folder.databases.exists()):
        folder.make(settings.keys_folder)
        for database in _migrated().glob("*.db"):
            shutil.copy(database, folder.databases)
    app.prepare.prepare(settings)


@cache
def _migrated() -> Path:
    """A folder with ``main.db`` and ``log.db``."""
    root = Path(mkdtemp(prefix="muniment-migrated-"))
    atexit.register(shutil.rmtree, root)
    made = DataFolder(root)
    made.databases.mkdir()
    migrate.upgrade(made)
    return made.databases
