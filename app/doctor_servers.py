"""What ``doctor`` tells of the servers of the distributed shape: whether each answers, and what it promises.

Each is asked by itself, as the settings say, with the sign-in of this process; one that is away
keeps none of the others from being looked at.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import Row, select

from app.celery_app import make
from app.databases import database_url
from app.finding import Finding, wrong
from app.settings import BadSetting, Settings, secret
from core.clock import SystemClock
from core.database import Line
from core.errors import MunimentError
from core.leases import ProcessLease
from core.postgresql import PostgresDatabase

_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATE = "run muniment migrate"
_SECONDS = 5.0

_STATE = """
SELECT current_setting('server_version') AS version,
       (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS encrypted,
       current_setting('synchronous_commit') AS waits,
       current_setting('fsync') AS fsync, current_setting('full_page_writes') AS pages,
       (SELECT datcollate FROM pg_database WHERE datname = current_database()) AS collation,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super,
       (SELECT pg_has_role(current_user, relowner, 'MEMBER') FROM pg_class
         WHERE oid = to_regclass('public.audit_leaves')) AS owns,
       has_table_privilege(to_regclass('public.audit_leaves'), 'UPDATE, DELETE, TRUNCATE')
         OR has_any_column_privilege(to_regclass('public.audit_leaves'), 'UPDATE') AS rewrites,
       to_regclass('public.alembic_version_main') IS NOT NULL
         AND to_regclass('public.alembic_version_log') IS NOT NULL AS migrated
"""
_LINES: tuple[Line, ...] = ("main", "log")


def servers(settings: Settings) -> Iterator[Finding]:
    """Database, object store, search, broker and the log's key, in that order."""
    yield from _guarded("database server", _database, settings)
    if settings.objects:
        yield from _guarded("object server", _objects, settings)
    else:
        yield Finding("object locks", "none: this store cannot lock")
    if settings.elasticsearch:
        yield from _guarded("search server", _search, settings)
    if settings.broker:
        yield from _guarded("broker server", _broker, settings)
    held = settings.log_key_file.is_file()
    yield Finding("log key", "here: for the keeper alone" if held else "not here: only the keeper needs it")


def _guarded(what: str, look: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    try:
        yield from look(settings)
    except MunimentError as error:
        yield wrong(what, error)


def _database(settings: Settings) -> Iterator[Finding]:
    yield Finding("database", settings.database)
    database = PostgresDatabase(database_url(settings), "main", most_connections=2)
    try:
        with database.read() as session:
            row = session.connection().exec_driver_sql(_STATE).one()
            leases = list(session.scalars(select(ProcessLease))) if row.migrated else []
            revisions = {line: _revision(session.connection(), line) for line in _LINES} if row.migrated else {}
        transport = "TLS" if row.encrypted else "not encrypted: for a network of its own only"
        yield Finding("database server", f"PostgreSQL {row.version}, {transport}")
        yield from _fitness(database, row)
        yield _roles(row)
        yield _schema(revisions)
        now = SystemClock().now()
        acting = {lease.name: lease.holder.partition("/")[0] for lease in leases if lease.until > now}
        for name in ("keeper", "beat"):
            yield Finding(name, f"acts on {acting[name]}" if name in acting else "none acts now")
    finally:
        database.close()


def _fitness(database: PostgresDatabase, row: Row[Any]) -> Iterator[Finding]:
    try:
        doubts = database.check_server()
    except MunimentError as error:
        yield wrong("database form", error)
    else:
        yield Finding("database form", f"UTF-8, sorted by {row.collation}")
        durable = f"synchronous_commit {row.waits}, fsync {row.fsync}, full_page_writes {row.pages}"
        yield Finding("durable commits", durable, ok=not doubts, advice="; ".join(doubts))


def _roles(row: Row[Any]) -> Finding:
    if row.super or row.owns or row.rewrites:
        return Finding(
            "database roles",
            "this role could rewrite the log",
            ok=False,
            advice="give Muniment a role that is no superuser and no member of the tables' owner, then run migrate",
        )
    return Finding("database roles", "apart: this role inserts into the log and changes nothing in it")


def _revision(connection: Any, line: Line) -> str:
    return str(connection.exec_driver_sql(f"SELECT version_num FROM alembic_version_{line}").scalar_one())  # noqa: S608


def _schema(revisions: dict[Line, str]) -> Finding:
    wanted = {line: ScriptDirectory(str(_MIGRATIONS / line)).get_current_head() for line in _LINES}
    if not revisions:
        return Finding("tables", "none yet", ok=False, advice=_MIGRATE)
    shown = ", ".join(f"{line} {revision}" for line, revision in revisions.items())
    if revisions != wanted:
        return Finding("tables", f"{shown}: not those of this program", ok=False, advice=_MIGRATE)
    return Finding("tables", shown)


def _objects(settings: Settings) -> Iterator[Finding]:
    from vault.s3_client import connect
    from vault.s3_state import look, product

    yield Finding("object store", settings.objects)
    lines = secret(settings, "objects_credentials").split()
    if len(lines) != 2:
        raise BadSetting("objects_credentials names a file of two lines: access key and secret key")
    yield Finding("object server", product(settings.objects, settings.objects_ca) or "does not say what it is")
    client = connect(
        settings.objects,
        access_key=lines[0],
        secret_key=lines[1],
        region=settings.objects_region,
        ca=settings.objects_ca,
    )
    state, name = look(client, settings.bucket), settings.bucket
    if not state.exists:
        yield Finding("bucket", f"{name} is not there", ok=False, advice=f"{_MIGRATE}, which makes it with Object Lock")
        return
    if not (state.versioned and state.lockable):
        lacks = "versioning" if not state.versioned else "Object Lock"
        advice = "name a bucket that was made with both, or one that is not there yet"
        yield Finding("bucket", f"{name} has no {lacks}", ok=False, advice=advice)
        return
    yield Finding("bucket", f"{name}, versioning on")
    if state.locks_everything:
        advice = "remove the bucket's default retention: it would lock what must be erasable"
        yield Finding("object locks", "whatever is written is locked", ok=False, advice=advice)
    else:
        yield Finding("object locks", "the S3 store's own")


def _search(settings: Settings) -> Iterator[Finding]:
    from search.elastic_client import SearchAway, SearchRefused, Server, ask, attempt, connect

    yield Finding("search", settings.elasticsearch)
    server = Server(
        hosts=tuple(each.strip() for each in settings.elasticsearch.split(",")),
        api_key=secret(settings, "elasticsearch_key"),
        prefix=settings.elasticsearch_prefix,
        ca=settings.elasticsearch_ca,
    )
    client = connect(server).options(request_timeout=_SECONDS)
    try:
        # First what the key must be able to do: whoever may not even sign in is told so here.
        is_made = attempt(lambda: bool(client.indices.exists_alias(name=server.alias)))
        try:
            told = ask(client.info)
            yield Finding("search server", f"Elasticsearch {told['version']['number']}")
        except SearchRefused:
            yield Finding("search server", "Elasticsearch; this key may not ask for its version")
        if is_made:
            yield Finding(
                "search index", f"{server.alias}, {ask(lambda: client.count(index=server.alias))['count']} records"
            )
        else:
            yield Finding("search index", f"{server.alias} is not there yet: the keeper makes it")
    except (SearchAway, SearchRefused) as error:
        advice = "start it, or check the settings elasticsearch, elasticsearch_key and elasticsearch_ca"
        yield Finding("search server", error.title().rstrip("."), ok=False, advice=advice)
    finally:
        client.close()


def _broker(settings: Settings) -> Iterator[Finding]:
    yield Finding("broker", settings.broker)
    is_redis = settings.broker.startswith("redis")
    connection = make(settings).connection_for_write(connect_timeout=_SECONDS)
    try:
        connection.connect()
        if is_redis:
            told = connection.default_channel.client.info("server")
            name = "Valkey" if "valkey_version" in told else "Redis"
            version = told.get("valkey_version") or told.get("redis_version")
        else:
            name, version = "RabbitMQ", connection.connection.server_properties.get("version")
        yield Finding("broker server", f"{name} {version}")
    except Exception as error:
        # Each transport has errors of its own, and their texts may hold the address with the password.
        refused = any(word in type(error).__name__ for word in ("Authentication", "AccessRefused", "NotAllowed"))
        yield Finding(
            "broker server",
            "does not accept our sign-in" if refused else "cannot be reached",
            ok=False,
            advice="check user, password file and, with RabbitMQ, the name at the end of the address"
            if refused
            else "start it, or check the setting broker; jobs wait meanwhile and nothing is lost",
        )
    finally:
        connection.release()
