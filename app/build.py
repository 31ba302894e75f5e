"""Puts an installation together: the one place that chooses implementations.

The embedded shape: SQLite, a directory, tantivy, a key file, the machine's clock.
"""

import logging
from collections.abc import Callable, Collection
from uuid import UUID

from app.folders import DataFolder, folder_of
from app.runtime import Runtime
from app.settings import Settings
from audit.checkpoint import Signer
from audit.keyfile import load_key
from audit.log import Log
from audit.origin import started_as
from audit.seal import KeySeal, seal_openings
from core.clock import SystemClock
from core.errors import Conflict
from core.sqlite import SqliteDatabase
from ingest.receive import Receiver
from records.content import Content
from search.reader import EmbeddedReader
from vault.directory import DirectoryStore
from vault.keyring import Keyring
from vault.keys import KeyFile

log = logging.getLogger("muniment.build")

OPENINGS = UUID("00000000-0000-7000-8000-00006f70656e")
"""Subject of the key that seals the openings of the audit log (frozen)."""


class NotPrepared(Conflict):
    """The data folder is not ready."""

    code = "data_folder_not_prepared"


def build(settings: Settings, *, wake: Callable[[Collection[str]], None] = lambda queues: None) -> Runtime:
    """What a process works with; ``wake`` is told which queues got work, after each commit.

    Raises:
        NotPrepared: ``prepare`` has never run on this folder.
    """
    folder = folder_of(settings)
    if not (folder.databases / "log.db").exists():
        raise NotPrepared("start the server once, or run a command that makes the data folder")
    main, log_database = databases_of(folder)
    main.after_commit = wake
    clock = SystemClock()
    keys = Keyring(KeyFile(settings.keys_folder))
    with log_database.read() as session:
        started = started_as(session)
    if started is None:
        raise NotPrepared("start the server once, or run a command that makes the data folder")
    seal = seal_of(main, keys)
    audit_log = Log(log_database, started[0], clock, seal=seal)
    with main.write() as session:
        seal_openings(session, seal)
    store = DirectoryStore(folder.objects, folder.tmp)
    content = Content(main, audit_log, store, keys, clock)
    receiver = Receiver(main, store, keys, clock, settings.largest_upload_bytes)
    return Runtime(
        settings=settings,
        folder=folder,
        main=main,
        log_database=log_database,
        log=audit_log,
        store=store,
        keys=keys,
        clock=clock,
        content=content,
        receiver=receiver,
        index=EmbeddedReader(folder.index),
    )


def signer_of(runtime: Runtime) -> Signer:
    """What signs checkpoints: for the keeper alone.

    Raises:
        LogMismatch: the log is not the one whose checkpoint was signed; nothing may be written.
    """
    key = load_key(runtime.settings.keys_folder / "log.key")
    signer = Signer(runtime.log_database, key, runtime.folder.log / "checkpoint", runtime.clock)
    signer.start()
    return signer


def databases_of(folder: DataFolder) -> tuple[SqliteDatabase, SqliteDatabase]:
    """``main`` and ``log``."""
    return SqliteDatabase(folder.databases / "main.db"), SqliteDatabase(folder.databases / "log.db")


def seal_of(main: SqliteDatabase, keys: Keyring) -> KeySeal:
    """What seals the openings of the audit log."""
    with main.read() as session:
        return KeySeal(keys.get(session, OPENINGS).secret)
