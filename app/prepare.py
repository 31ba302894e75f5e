"""Makes a data folder ready: folders, schema, keys, the log's beginning; run before anything else opens it.

Kept apart from ``app.build``, because only one short-lived process needs the migrations.
"""

from sqlalchemy.engine import make_url

from app import migrate, settings_log
from app.anchoring import policy_of
from app.build import OPENINGS, key_service_of, seal_of, store_of
from app.clock import clock_of, permit
from app.databases import database_url, databases_of
from app.folders import folder_of
from app.settings import Settings
from audit.checkpoint import Signer
from audit.keyfile import create_key
from audit.log import Log
from audit.origin import new_origin, started_as
from audit.rotation import LogKeys
from records.key_events import tell_epoch
from vault.keyring import Keyring, Shredded, has_epochs


def prepare(settings: Settings) -> None:
    """Make or migrate everything a start needs; run it under ``DataFolder.served``.

    Raises:
        IntegrityFailure: the log does not match its last signed checkpoint, or a key is lost: nothing is changed.
    """
    policy_of(settings)
    folder = folder_of(settings)
    folder.make(settings.keys_folder)
    permit(settings, _has_begun)
    clock = clock_of(settings)
    _migrate(settings)
    main, log_database = databases_of(settings)
    try:
        with main.read() as session:
            old = has_epochs(session)
        keys = Keyring(key_service_of(settings, establish=True, has_epochs=old), tell=tell_epoch)
        keys.destroy_retired(main, at=clock.now())
        with main.write() as session:
            try:
                keys.get(session, OPENINGS)
            except Shredded:
                keys.create(session, OPENINGS, kind="openings", at=clock.now())
        with log_database.read() as session:
            started = started_as(session)
        keys_of_log = _log_keys(settings, started[0] if started else None)
        # First: where the log is not the one that was signed, nothing more is written to it.
        Signer(log_database, keys_of_log, folder.log / "checkpoint", clock).start()
        seal = seal_of(main, keys)
        log = Log(log_database, keys_of_log.origin, clock, seal=seal)
        log.start(keys_of_log.origin, _in_force(keys_of_log, started[1] if started else None))
        settings_log.note(log, seal, settings, at=clock.now())
        log.close()
        store_of(settings).establish()
    finally:
        main.close()
        log_database.close()


def _has_begun(settings: Settings) -> bool:
    if not settings.database:
        return (folder_of(settings).databases / "main.db").exists()
    return not settings.database_owner or migrate.has_tables(database_url(settings, owner=True))


def _migrate(settings: Settings) -> None:
    if not settings.database:
        migrate.upgrade(folder_of(settings))
    elif settings.database_owner:
        migrate.upgrade_postgresql(database_url(settings, owner=True), str(make_url(settings.database).username))


def _log_keys(settings: Settings, origin: str | None) -> LogKeys:
    path = settings.log_key_file
    # A key without a log: the very first start was cut short in between.
    if origin is None and not path.exists():
        create_key(path, settings.origin or new_origin())
    return LogKeys(path)


def _in_force(keys: LogKeys, vkey: str | None) -> str:
    """The verifier key that the log signs with, whose private key must be here unless its loss was declared.

    Raises:
        KeyFileMissing: it is not.
    """
    if vkey is None:
        return str(keys.verifiers[0])
    if not keys.is_declared_lost:
        keys.get(vkey)
    return vkey
