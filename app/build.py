"""Puts an installation together: the one place that chooses implementations.

The embedded shape: SQLite, a directory, tantivy, a key file, the machine's clock.
"""

import logging
from collections.abc import Callable, Collection
from uuid import UUID

from app import migrate
from app.folders import DataFolder
from app.runtime import Runtime
from app.settings import Settings
from audit.checkpoint import Signer
from audit.keyfile import SigningKey, create_key, load_key
from audit.log import Log, new_origin, started_as
from audit.seal import KeySeal, seal_openings
from core.clock import SystemClock
from core.errors import Conflict
from core.sqlite import SqliteDatabase
from ingest.receive import Receiver
from records.content import Content
from search.reader import EmbeddedReader
from vault.directory import DirectoryStore
from vault.keyring import Keyring, Shredded, has_epochs
from vault.keys import KeyFile

log = logging.getLogger("muniment.build")

OPENINGS = UUID("00000000-0000-7000-8000-00006f70656e")
"""Subject of the key that seals the openings of the audit log."""


class NotPrepared(Conflict):
    """The data folder is not ready."""

    code = "data_folder_not_prepared"


def folder_of(settings: Settings) -> DataFolder:
    """The data folder that the settings name."""
    return DataFolder(settings.data.expanduser().absolute())


def prepare(settings: Settings) -> None:
    """Make or migrate everything a start needs; run it under ``DataFolder.served``.

    Raises:
        IntegrityFailure: the log does not match its last signed checkpoint, or a key is lost: nothing is changed.
    """
    folder = folder_of(settings)
    folder.make(settings.keys_folder)
    migrate.upgrade(folder)
    main, log_database = _databases(folder)
    try:
        clock = SystemClock()
        with main.read() as session:
            old = has_epochs(session)
        keys = Keyring(KeyFile.establish(settings.keys_folder, has_epochs=old))
        keys.destroy_retired(main, at=clock.now())
        with main.write() as session:
            try:
                keys.get(session, OPENINGS)
            except Shredded:
                keys.create(session, OPENINGS, kind="openings", at=clock.now())
        with log_database.read() as session:
            started = started_as(session)
        key = _log_key(settings, started[0] if started else None)
        Log(log_database, key.origin, clock, seal=_seal(main, keys)).start(key.origin, str(key.verifier))
        Signer(log_database, key, folder.log / "checkpoint", clock).start()
    finally:
        main.close()
        log_database.close()


def build(settings: Settings, *, wake: Callable[[Collection[str]], None] = lambda queues: None) -> Runtime:
    """What a process works with; ``wake`` is told which queues got work, after each commit.

    Raises:
        NotPrepared: ``prepare`` has never run on this folder.
    """
    folder = folder_of(settings)
    if not (folder.databases / "log.db").exists():
        raise NotPrepared("start the server once, or run a command that makes the data folder")
    main, log_database = _databases(folder)
    main.after_commit = wake
    clock = SystemClock()
    keys = Keyring(KeyFile(settings.keys_folder))
    with log_database.read() as session:
        started = started_as(session)
    if started is None:
        raise NotPrepared("start the server once, or run a command that makes the data folder")
    seal = _seal(main, keys)
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


def _log_key(settings: Settings, origin: str | None) -> SigningKey:
    path = settings.keys_folder / "log.key"
    # A key without a log: the very first start was cut short in between.
    if origin is not None or path.exists():
        return load_key(path)
    return create_key(path, settings.origin or new_origin())


def _databases(folder: DataFolder) -> tuple[SqliteDatabase, SqliteDatabase]:
    return SqliteDatabase(folder.databases / "main.db"), SqliteDatabase(folder.databases / "log.db")


def _seal(main: SqliteDatabase, keys: Keyring) -> KeySeal:
    with main.read() as session:
        return KeySeal(keys.get(session, OPENINGS).secret)
