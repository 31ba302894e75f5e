"""PostgreSQL after the migrations: the tables the code declares, and a role that cannot rewrite the log."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from psycopg import errors

from app import grants, migrate, schema
from audit.entries import AuditLeaf
from core.database import Line
from core.errors import Unavailable
from core.postgresql import Refused, engine_of
from services.postgresql import APPLICATION, OWNER
from tests.support import postgres
from tests.support.postgres import Urls

pytestmark = pytest.mark.services
LINES: tuple[Line, ...] = ("main", "log")
ROOT = Path(__file__).parent.parent.parent
KEPT = ("audit_leaves", "audit_nodes", "audit_checkpoints", "audit_catalogues")


@pytest.fixture
def urls() -> Iterator[Urls]:
    with postgres.fresh() as made:
        yield made


@pytest.fixture
def written(urls: Urls) -> Urls:
    """A database with one row in each table that is never changed."""
    with psycopg.connect(urls.app) as app:
        app.execute("INSERT INTO audit_leaves VALUES (0, 'x', 'x', 'x')")
        app.execute("INSERT INTO audit_nodes VALUES (8, 0, 'x')")
        app.execute("INSERT INTO audit_checkpoints VALUES (1, 'x', 'x', 'note', 0)")
        app.execute("INSERT INTO audit_catalogues VALUES (1, 'x', 'x')")
        app.execute("INSERT INTO audit_head VALUES (1, 1, 'x', 'x', 0, 5)")
    return urls


def _refused(url: str, statement: str) -> type[Exception] | None:
    """How the server refuses a statement; ``None`` where it does not."""
    with psycopg.connect(url) as connection:
        try:
            connection.execute(statement.encode())
        except psycopg.Error as error:
            return type(error)
        finally:
            connection.rollback()
    return None


@pytest.mark.parametrize("line", LINES)
def test_a_migrated_database_is_what_the_code_declares(urls: Urls, line: Line):
    engine = engine_of(urls.owner, application="test")
    with engine.connect() as connection:
        mine = set(migrate.metadata_of(line).tables)
        options = {
            "version_table": migrate.version_table(connection, line),
            "compare_type": True,
            "compare_server_default": True,
            "include_object": lambda thing, name, kind, *_: kind != "table" or name in mine,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, migrate.metadata_of(line)) == []
    engine.dispose()


def test_both_databases_have_the_same_columns_and_keys_as_fresh_ones(urls: Urls):
    """What a comparison of types alone would miss: checks, order of columns, triggers, cascades."""
    queries = (
        "SELECT table_name, column_name, ordinal_position, data_type, is_nullable, character_maximum_length"
        " FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name NOT LIKE 'alembic%' ORDER BY 1, 3",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'alembic%' ORDER BY 1, 2",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        " AND tablename NOT LIKE 'alembic%' ORDER BY 1, 2",
        "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE NOT tgisinternal ORDER BY 1, 2",
    )
    with psycopg.connect(urls.owner) as connection:
        migrated = [connection.execute(query.encode()).fetchall() for query in queries]
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine = engine_of(urls.owner, application="test")
    for metadata in (schema.MAIN, schema.LOG):
        metadata.create_all(engine)
    engine.dispose()
    with psycopg.connect(urls.owner) as connection:
        fresh = [connection.execute(query.encode()).fetchall() for query in queries]
    for one, other in zip(migrated, fresh, strict=True):
        assert one == other
        assert len(one) > 10


def test_migrating_again_changes_nothing_and_takes_back_what_was_granted_besides(urls: Urls):
    with psycopg.connect(urls.owner) as owner:
        owner.execute(f"GRANT ALL ON audit_leaves TO {APPLICATION}; GRANT UPDATE ON audit_leaves TO PUBLIC")
    migrate.upgrade_postgresql(urls.owner, APPLICATION)
    assert _refused(urls.app, "TRUNCATE audit_leaves") is errors.InsufficientPrivilege
    with psycopg.connect(urls.owner) as owner:
        rows = owner.execute(
            "SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = %s",
            [APPLICATION],
        ).fetchall()
    held = {table: {right for name, right in rows if name == table} for table, _ in rows}
    for line in LINES:
        for table, rights in grants.granted(line).items():
            assert held.pop(table) == {right for right in rights if "(" not in right}
    assert held == {"alembic_version_main": {"SELECT"}, "alembic_version_log": {"SELECT"}}


def test_a_role_without_the_rights_is_told_who_grants_them(urls: Urls):
    with psycopg.connect(urls.owner) as owner:
        owner.execute(f"REVOKE ALL ON audit_leaves FROM {APPLICATION}")
    database = postgres.opened(urls, "log")
    with pytest.raises(Refused, match="grant"), database.read() as session:
        session.get(AuditLeaf, 0)
    database.close()


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE {0} SET {1} = {1}",
        "DELETE FROM {0}",
        "TRUNCATE {0}",
        "DROP TABLE {0}",
        "ALTER TABLE {0} DISABLE TRIGGER ALL",
        "ALTER TABLE {0} ADD COLUMN x int",
        "DROP TRIGGER {0}_no_update ON {0}",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "SET session_replication_role = replica",
        "CREATE TABLE public.mine (x int)",
        f"SET ROLE {OWNER}",
        "LOCK TABLE {0} IN ACCESS EXCLUSIVE MODE",
        "SELECT * FROM {0} FOR UPDATE",
        "COPY {0} TO PROGRAM 'true'",
    ],
)
def test_the_application_cannot_change_what_the_log_has_written(written: Urls, table: str, attack: str):
    column = {"audit_leaves": "entry", "audit_nodes": "hash", "audit_checkpoints": "note", "audit_catalogues": "digest"}
    assert _refused(written.app, attack.format(table, column[table])) is errors.InsufficientPrivilege


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_head",
        "UPDATE audit_head SET id = 1",
        "DELETE FROM audit_trail",
        "UPDATE audit_trail SET seq = 1",
        "UPDATE audit_aliases SET subject = 'x'",
        "UPDATE audit_openings SET sealed = 'x'",
        "DELETE FROM audit_intake_mark",
        "UPDATE alembic_version_log SET version_num = 'x'",
    ],
)
def test_nor_what_leads_to_it(written: Urls, statement: str):
    assert _refused(written.app, statement) is errors.InsufficientPrivilege


@pytest.fixture
def old(urls: Urls) -> Urls:
    """Entries 256 to 1023, of which entry 1030 withdraws the first 256."""
    with psycopg.connect(urls.app) as app:
        for seq in (*range(256, 1024), 1030):
            hash_ = seq.to_bytes(16, "big") * 2
            app.execute(
                "INSERT INTO audit_leaves VALUES (%s, 'x', %s, %s)", [seq, hash_, (seq + 5000).to_bytes(16, "big")]
            )
            action = "log.withdrawn" if seq == 1030 else "record.opened"
            app.execute("INSERT INTO audit_trail VALUES ('a', %s, %s)", [action.encode(), seq])
        app.execute("INSERT INTO audit_withdrawals VALUES (256, 512, 1030)")
    return urls


def _strip(first: int, *seqs: int) -> str:
    topics, keys = ["a"] * len(seqs), ["record.opened"] * len(seqs)
    return f"SELECT audit_strip({first}, ARRAY{topics}::text[], ARRAY{keys}::bytea[], ARRAY{list(seqs)}::bigint[])"


def test_what_two_persons_withdrew_goes_by_the_owner_s_function_and_nothing_else(old: Urls):
    assert _refused(old.app, "UPDATE audit_leaves SET entry = '' WHERE seq = 300") is errors.InsufficientPrivilege
    assert _refused(old.app, "DELETE FROM audit_trail WHERE seq = 300") is errors.InsufficientPrivilege
    for statement in (_strip(512, 600), _strip(256, 600), _strip(400, 300), _strip(0)):
        wrong = statement != _strip(0)
        assert (_refused(old.app, statement) is errors.IntegrityConstraintViolation) is wrong, statement
    with psycopg.connect(old.app) as app:
        app.execute(_strip(256, *range(256, 512)).encode())
        left = app.execute("SELECT count(*) FROM audit_leaves WHERE entry = ''").fetchone()
        kept = app.execute("SELECT count(*) FROM audit_trail").fetchone()
    assert (left, kept) == ((256,), (513,))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_leaves SET entry = '', event_id = substr(hash, 1, 16) WHERE seq = 600",
        "UPDATE audit_leaves SET entry = '' WHERE seq = 300",
        "UPDATE audit_leaves SET entry = '', event_id = substr(hash, 1, 16), hash = 'x' WHERE seq = 300",
        "DELETE FROM audit_leaves WHERE seq = 300",
        "DELETE FROM audit_trail WHERE seq = 600",
        "UPDATE audit_trail SET seq = 300 WHERE seq = 600",
        "DELETE FROM audit_withdrawals",
        "UPDATE audit_withdrawals SET past = 768",
        "INSERT INTO audit_withdrawals VALUES (512, 768, 1023)",
    ],
)
def test_not_even_the_owner_takes_more_than_was_withdrawn(old: Urls, statement: str):
    assert _refused(old.owner, statement) is errors.IntegrityConstraintViolation


@pytest.mark.parametrize("statement", ["SET size = 0", "SET epoch = 4", "SET size = -1, range = 'y'"])
def test_the_head_never_goes_back(written: Urls, statement: str):
    assert _refused(written.app, f"UPDATE audit_head {statement}") is errors.IntegrityConstraintViolation
    assert _refused(written.app, "UPDATE audit_head SET size = 2, epoch = 5") is None


@pytest.mark.parametrize("table", [*KEPT])
def test_even_the_owner_is_refused_by_the_triggers(written: Urls, table: str):
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
        assert _refused(written.owner, statement) is errors.IntegrityConstraintViolation


@pytest.mark.parametrize("role", [OWNER, "postgres", "nobody_of_that_name", f"x; DROP TABLE {KEPT[0]}"])
def test_a_role_that_could_change_the_log_anyway_is_refused(urls: Urls, role: str):
    with pytest.raises(grants.RolesNotApart):
        migrate.upgrade_postgresql(urls.owner, role)


def test_a_member_of_the_owner_is_refused(urls: Urls):
    postgres.cluster().admin(f"CREATE ROLE t_member IN ROLE {OWNER}")
    try:
        with pytest.raises(grants.RolesNotApart):
            migrate.upgrade_postgresql(urls.owner, "t_member")
    finally:
        postgres.cluster().admin("DROP ROLE t_member")


def test_the_application_s_role_cannot_migrate(urls: Urls):
    with psycopg.connect(urls.owner) as owner:
        owner.execute("DROP TABLE alembic_version_main")
    with pytest.raises(Unavailable):
        migrate.upgrade_postgresql(urls.app, APPLICATION)


def test_data_of_a_newer_program_is_refused_in_words(urls: Urls):
    with psycopg.connect(urls.owner) as owner:
        owner.execute("UPDATE alembic_version_log SET version_num = '9999'")
    with pytest.raises(migrate.NewerData):
        migrate.upgrade_postgresql(urls.owner, APPLICATION)


def test_two_who_migrate_at_once_do_it_one_after_the_other(urls: Urls):
    with psycopg.connect(urls.owner) as owner:
        owner.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    words = "import sys; from app.migrate import upgrade_postgresql as go; go(sys.argv[1], sys.argv[2])"
    both = [subprocess.Popen([sys.executable, "-c", words, urls.owner, APPLICATION], cwd=ROOT) for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    database = postgres.opened(urls, "log")
    with database.read() as session:
        assert session.get(AuditLeaf, 0) is None
    database.close()
