"""Puts an installation together: the one place that chooses implementations.

Embedded: SQLite, a directory, tantivy, a key file. Distributed, each where its setting says so:
PostgreSQL, S3 with Object Lock, Elasticsearch, a PKCS#11 token. What is not chosen is not imported.
"""

import logging
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy.exc import ProgrammingError

from app.clock import clock_of
from app.databases import NotPrepared, databases_of
from app.folders import folder_of
from app.recorder import recorder_socket
from app.runtime import Runtime
from app.settings import BadSetting, Settings, secret
from audit.checkpoint import Signer
from audit.log import Log
from audit.origin import started_as
from audit.recorder import Recorder
from audit.rotation import LogKeys
from audit.seal import KeySeal, seal_openings
from core.database import Database
from ingest.receive import Receiver
from records.content import Content
from records.key_events import tell_epoch
from search.port import SearchIndex, SearchReader
from search.reader import EmbeddedReader
from vault.directory import DirectoryStore
from vault.keyring import Keyring
from vault.keys import KeyFile, KeyService
from vault.store import ObjectStore

if TYPE_CHECKING:
    from search.elastic_client import Server

log = logging.getLogger("muniment.build")

OPENINGS = UUID("00000000-0000-7000-8000-00006f70656e")
"""Subject of the key that seals the openings of the audit log (frozen)."""


def build(settings: Settings, *, wake: Callable[[Collection[str]], None] = lambda queues: None) -> Runtime:
    """What a process works with; ``wake`` is told which queues got work, after each commit.

    Raises:
        NotPrepared: ``prepare`` has never run on this folder.
    """
    folder = folder_of(settings)
    main, log_database = databases_of(settings)
    main.after_commit = wake
    clock = clock_of(settings)
    origin = _origin(log_database)
    keys = Keyring(key_service_of(settings), tell=tell_epoch)
    seal = seal_of(main, keys)
    # Where one data folder holds the log, one process appends for all of them.
    recorder = None if settings.is_distributed else Recorder(recorder_socket(folder))
    audit_log = Log(log_database, origin, clock, seal=seal, recorder=recorder)
    with main.write(beside=True) as session:
        seal_openings(session, seal)
    store = store_of(settings)
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
        index=reader_of(settings),
    )


def signer_of(runtime: Runtime) -> Signer:
    """What signs checkpoints: for the keeper alone.

    Raises:
        LogMismatch: the log is not the one whose checkpoint was signed; nothing may be written.
    """
    key = LogKeys(runtime.settings.log_key_file)
    signer = Signer(runtime.log_database, key, runtime.folder.log / "checkpoint", runtime.clock)
    signer.start()
    return signer


def key_service_of(settings: Settings, *, establish: bool = False, has_epochs: bool = True) -> KeyService:
    """Where epoch keys lie; ``establish`` makes what a new archive needs, unless it ``has_epochs``."""
    if settings.pkcs11_module is not None:
        from vault.pkcs11 import Pkcs11Keys

        place = settings.pkcs11_module, settings.pkcs11_token, secret(settings, "pkcs11_pin")
        return Pkcs11Keys.establish(*place, has_epochs=has_epochs) if establish else Pkcs11Keys(*place)
    folder = settings.keys_folder
    return KeyFile.establish(folder, has_epochs=has_epochs) if establish else KeyFile(folder)


def store_of(settings: Settings) -> ObjectStore:
    """Where objects lie."""
    if not settings.objects:
        folder = folder_of(settings)
        return DirectoryStore(folder.objects, folder.tmp)
    from vault.s3 import S3Store
    from vault.s3_client import connect

    lines = secret(settings, "objects_credentials").split()
    if len(lines) != 2:
        raise BadSetting("objects_credentials names a file of two lines: access key and secret key")
    client = connect(
        settings.objects,
        access_key=lines[0],
        secret_key=lines[1],
        region=settings.objects_region,
        ca=settings.objects_ca,
    )
    return S3Store(client, settings.bucket)


def reader_of(settings: Settings) -> SearchReader:
    """What answers searches."""
    if not settings.elasticsearch:
        return EmbeddedReader(folder_of(settings).index)
    from search.elastic_reader import ElasticReader

    return ElasticReader(_search_server(settings))


def index_of(settings: Settings, *, anew: bool = False) -> SearchIndex:
    """The search index, open for writing: for the keeper alone. ``anew`` throws away what was there.

    Raises:
        IndexUnusable: it is damaged or of another version.
        IndexBusy: another process writes it.
    """
    if settings.elasticsearch:
        from search.elasticsearch import ElasticIndex

        server = _search_server(settings)
        return ElasticIndex.anew(server) if anew else ElasticIndex(server)
    # Here: of all processes only the keeper writes.
    from search.embedded import EmbeddedIndex

    folder = folder_of(settings).index
    return EmbeddedIndex.anew(folder) if anew else EmbeddedIndex(folder)


def seal_of(main: Database, keys: Keyring) -> KeySeal:
    """What seals the openings of the audit log."""
    with main.read() as session:
        return KeySeal(keys.get(session, OPENINGS).secret)


def _search_server(settings: Settings) -> "Server":
    from search.elastic_client import Server

    return Server(
        hosts=tuple(each.strip() for each in settings.elasticsearch.split(",")),
        api_key=secret(settings, "elasticsearch_key"),
        prefix=settings.elasticsearch_prefix,
        ca=settings.elasticsearch_ca,
    )


def _origin(log_database: Database) -> str:
    """The origin of the log.

    Raises:
        NotPrepared: it has not been started, or its tables are not there.
    """
    try:
        with log_database.read() as session:
            started = started_as(session)
    except ProgrammingError as error:
        raise NotPrepared("run muniment migrate first") from error
    if started is None:
        raise NotPrepared("start the server once, or run muniment migrate")
    return started[0]
