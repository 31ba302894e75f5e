"""Makes a data folder ready: folders, schema, keys, the log's beginning; run before anything else opens it.

Kept apart from ``app.build``, because only one short-lived process needs the migrations.
"""

from sqlalchemy.engine import make_url

from app import migrate
from app.build import OPENINGS, database_url, databases_of, key_service_of, seal_of, store_of
from app.folders import folder_of
from app.settings import Settings
from audit.checkpoint import Signer
from audit.keyfile import SigningKey, create_key, load_key
from audit.log import Log
from audit.origin import new_origin, started_as
from core.clock import SystemClock
from vault.keyring import Keyring, Shredded, has_epochs


def prepare(settings: Settings) -> None:
    """Make or migrate everything a start needs; run it under ``DataFolder.served``.

    Raises:
        IntegrityFailure: the log does not match its last signed checkpoint, or a key is lost: nothing is changed.
    """
    folder = folder_of(settings)
    folder.make(settings.keys_folder)
    _migrate(settings)
    main, log_database = databases_of(settings)
    try:
        clock = SystemClock()
        with main.read() as session:
            old = has_epochs(session)
        keys = Keyring(key_service_of(settings, establish=True, has_epochs=old))
        keys.destroy_retired(main, at=clock.now())
        with main.write() as session:
            try:
                keys.get(session, OPENINGS)
            except Shredded:
                keys.create(session, OPENINGS, kind="openings", at=clock.now())
        with log_database.read() as session:
            started = started_as(session)
        key = _log_key(settings, started[0] if started else None)
        # First: where the log is not the one that was signed, nothing more is written to it.
        Signer(log_database, key, folder.log / "checkpoint", clock).start()
        Log(log_database, key.origin, clock, seal=seal_of(main, keys)).start(key.origin, str(key.verifier))
        store_of(settings).establish()
    finally:
        main.close()
        log_database.close()


def _migrate(settings: Settings) -> None:
    if not settings.database:
        migrate.upgrade(folder_of(settings))
    elif settings.database_owner:
        migrate.upgrade_postgresql(database_url(settings, owner=True), str(make_url(settings.database).username))


def _log_key(settings: Settings, origin: str | None) -> SigningKey:
    path = settings.log_key_file
    # A key without a log: the very first start was cut short in between.
    if origin is not None or path.exists():
        return load_key(path)
    return create_key(path, settings.origin or new_origin())
