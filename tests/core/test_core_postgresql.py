"""PostgreSQL as the database: the contract, and a server that is away, slow, full or unwilling."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, InvalidRequestError

import services
from core import jobs, postgresql
from core.database import Busy, DiskTrouble
from core.errors import Invalid, Unavailable
from core.leases import ProcessLease
from core.postgresql import Away, PostgresDatabase, Refused, Uncertain, UnfitServer
from services.server import Command
from tests.contracts.database_contract import OPENING, DatabaseContract, count, lease, write
from tests.contracts.jobs_contract import AT, JobsContract
from tests.support import postgres
from tests.support.postgres import Urls

pytestmark = pytest.mark.services


@pytest.fixture
def urls() -> Iterator[Urls]:
    with postgres.fresh() as made:
        yield made


@pytest.fixture
def database(urls: Urls) -> Iterator[PostgresDatabase]:
    opened = postgres.opened(urls, "main")
    yield opened
    opened.close()


class TestPostgresDatabase(DatabaseContract):
    counts_nothing_else = False

    @pytest.fixture
    def opening(self, urls: Urls) -> str:
        return OPENING["postgresql"].format(urls.app, "main")


class TestJobsOnPostgres(JobsContract):
    @pytest.fixture
    def opening(self, urls: Urls) -> str:
        return OPENING["postgresql"].format(urls.app, "main")

    def test_where_another_is_about_to_take_the_only_job_of_the_first_queue_the_next_one_gives_a_job(
        self, database: PostgresDatabase
    ) -> None:
        with database.write() as session:
            jobs.add(session, "work.do", queue="a", at=AT)
            other = jobs.add(session, "work.do", queue="b", at=AT)
        claimed: list[jobs.Claim | None] = []

        def claim_beside() -> None:
            with database.write(beside=True) as session:
                claimed.append(jobs.claim_first(session, queues=("a", "b"), holder="two", at=AT))

        with database.write(beside=True) as session:
            assert jobs.claim_first(session, queues=("a", "b"), holder="one", at=AT) is not None
            beside = threading.Thread(target=claim_beside)
            beside.start()
            beside.join(30)
        assert [claim.id for claim in claimed if claim] == [other]


def _sessions_of(urls: Urls) -> None:
    """End every connection to the database, as an administrator or a fail-over does."""
    postgres.cluster().admin(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{urls.name}'")


def _connections_of(other: "psycopg.Connection[Any]", urls: Urls) -> int:
    """How many the database's users have, besides ``other``."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    row = other.execute(asked, [urls.name]).fetchone()
    assert row is not None
    return int(row[0])


def _until(true: Callable[[], bool]) -> None:
    last = time.monotonic() + 30
    while not true():
        assert time.monotonic() < last
        time.sleep(0.01)


def _shown(database: PostgresDatabase, setting: str) -> str:
    with database.write() as session:
        return str(session.scalar(text(f"SHOW {setting}")))


@pytest.mark.parametrize("default", ["off", "local", "remote_write"])
def test_what_is_committed_is_durable_whatever_the_server_has_by_default(urls, default):
    postgres.cluster().admin(f"ALTER DATABASE {urls.name} SET synchronous_commit = '{default}'")
    database = postgres.opened(urls, "log")
    assert _shown(database, "synchronous_commit") == "on"
    with database.read() as session:
        assert session.scalar(text("SHOW synchronous_commit")) == "on"
    database.close()


@pytest.mark.parametrize("ending", ["read", "failed write"])
def test_what_a_connection_has_prepared_outlives_what_ends_by_a_rollback(urls, ending):
    database = PostgresDatabase(urls.app, "main", most_connections=1)

    def ask() -> int:
        with database.read() as session:
            return session.scalar(text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%asked%'"))

    for _ in range(8):
        with database.read() as session:
            session.execute(text("SELECT 1 AS asked"))
        if ending == "failed write":
            with pytest.raises(RuntimeError), database.write() as session:
                raise RuntimeError
    assert ask() >= 1
    database.close()


def test_a_server_that_waits_for_its_standbys_goes_on_to_do_so(urls):
    postgres.cluster().admin(f"ALTER DATABASE {urls.name} SET synchronous_commit = 'remote_apply'")
    database = postgres.opened(urls, "log")
    assert _shown(database, "synchronous_commit") == "remote_apply"
    database.close()


def test_each_session_says_who_it_is_and_has_limits(database):
    assert _shown(database, "application_name") == "muniment main"
    assert _shown(database, "lock_timeout") == "10s"
    assert _shown(database, "statement_timeout") == "1min"
    assert _shown(database, "idle_in_transaction_session_timeout") == "1min"
    assert _shown(database, "transaction_isolation") == "read committed"
    with database.read() as session:
        assert session.scalar(text("SHOW transaction_isolation")) == "repeatable read"
        assert session.scalar(text("SHOW transaction_read_only")) == "on"


def test_the_two_lines_do_not_wait_for_each_other(urls, database):
    log = postgres.opened(urls, "log")
    with database.write(), log.write(), log.read(), database.read():
        pass
    log.close()


def test_writers_beside_each_other_are_in_at_the_same_time(database):
    both = threading.Barrier(2, timeout=60)

    def enter() -> None:
        with database.write(beside=True) as session:
            both.wait()
            session.add(lease())

    threads = [threading.Thread(target=enter) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 2


def test_connections_that_were_ended_are_replaced_without_anybody_noticing(urls, database):
    for _ in range(2):
        write(database)
        before = database.change_count()
        _sessions_of(urls)
        write(database)
        assert database.change_count() != before
        _sessions_of(urls)
        assert count(database) > 0
    assert count(database) == 4


def test_a_connection_lost_inside_a_transaction_is_told_and_nothing_was_changed(urls, database):
    def interrupted(*, raw: bool) -> None:
        with database.write() as session:
            session.add(lease())
            session.flush()
            _sessions_of(urls)
            if raw:
                session.connection().connection.cursor().execute("SELECT 1")
            else:
                session.execute(text("SELECT 1"))

    for raw in (False, True):
        with pytest.raises(Away):
            interrupted(raw=raw)
    assert count(database) == 0
    write(database)


def test_an_answer_lost_at_commit_is_told_as_uncertain_and_is_not_tried_again(urls):
    """The proxy cuts what the server says to COMMIT: the server has done it all the same."""
    address = make_url(urls.app)
    assert address.port is not None
    with services.Proxy(address.port) as proxy:
        database = PostgresDatabase(urls.app.replace(f":{address.port}/", f":{proxy.port}/"), "main")
        write(database)

        def commit_and_lose_the_answer() -> None:
            with database.write() as session:
                session.add(lease("uncertain"))
                session.flush()
                proxy.delay(0, back=300)
                threading.Timer(0.15, proxy.cut).start()

        with pytest.raises(Uncertain):
            commit_and_lose_the_answer()
        proxy.delay(0)
        with database.read() as session:
            assert session.get(ProcessLease, "uncertain") is not None
        assert count(database) == 2
        database.close()


def test_a_slow_server_is_slow_and_right(urls):
    address = make_url(urls.app)
    assert address.port is not None
    with services.Proxy(address.port) as proxy:
        proxy.delay(100)
        database = PostgresDatabase(urls.app.replace(f":{address.port}/", f":{proxy.port}/"), "main")
        write(database)
        begun = time.monotonic()
        write(database, beside=True)
        # BEGIN with its lock, the row, COMMIT: three times there and back.
        assert time.monotonic() - begun < 1.0
        assert count(database) == 1 + 1
        database.close()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"password": "wrong"}, Refused, id="wrong password"),
        pytest.param({"username": "somebody"}, Refused, id="unknown user"),
        pytest.param({"database": "nowhere"}, Refused, id="unknown database"),
        pytest.param({"port": 1}, Away, id="nobody listens"),
        pytest.param({"host": "nowhere.invalid"}, Away, id="unknown host"),
    ],
)
def test_a_server_that_does_not_let_us_in_is_told_in_plain_words_without_secrets(urls, change, error):
    wrong = make_url(urls.app).set(**change)
    database = PostgresDatabase(wrong.render_as_string(hide_password=False), "main")
    for enter in (database.read, database.write):
        with pytest.raises(error) as caught, enter():
            pass
        said = str(caught.value) + repr(caught.value.fields)
        assert wrong.password is not None
        assert wrong.password not in said
        assert wrong.host is not None
        assert wrong.host not in said
    with pytest.raises(error):
        database.change_count()
    database.close()


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://a:b@c/d", "postgresql://a:sec ret@b:port/c"])
def test_a_url_that_is_none_is_refused_without_being_shown(url):
    with pytest.raises(Invalid) as caught:
        PostgresDatabase(url, "main")
    assert "sec ret" not in str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)


def test_too_many_connections_are_busy(urls, database):
    postgres.cluster().admin(f"ALTER DATABASE {urls.name} CONNECTION LIMIT 1")
    holder = psycopg.connect(urls.app)
    with pytest.raises(Busy), database.write():
        pass
    holder.close()
    write(database)


def test_no_connection_left_in_the_process_is_busy(urls, monkeypatch):
    database = PostgresDatabase(urls.app, "main", most_connections=1)
    monkeypatch.setattr(postgresql, "FREE_WITHIN_SECONDS", 0.2)
    with database.read(), pytest.raises(Busy), database.read():
        pass
    assert count(database) == 0
    database.close()


def test_who_waits_for_a_connection_gets_the_one_that_becomes_free(urls):
    database = PostgresDatabase(urls.app, "main", most_connections=1)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: write(database, beside=number % 2 == 0), range(30)))
    assert count(database) == 30
    with psycopg.connect(urls.app) as other:
        assert _connections_of(other, urls) == 1
    database.close()


def test_of_many_connections_a_few_are_kept_and_none_after_the_close(urls):
    database = PostgresDatabase(urls.app, "main", most_connections=12)
    all_in, in_use = threading.Barrier(12, timeout=60), threading.Event()

    def read(_: int) -> None:
        with database.read():
            all_in.wait()
            in_use.wait(60)

    with psycopg.connect(urls.app, autocommit=True) as other:
        with ThreadPoolExecutor(12) as pool:
            reading = [pool.submit(read, number) for number in range(12)]
            while _connections_of(other, urls) < 12:
                time.sleep(0.01)
            in_use.set()
            for each in reading:
                each.result()
        _until(lambda: _connections_of(other, urls) == 8)
        with database.read():
            database.close()
        _until(lambda: _connections_of(other, urls) == 0)


@pytest.mark.parametrize("ending", ["refused statement", "refused lock", "own rollback", "error in the block"])
def test_a_connection_is_clean_for_whoever_has_it_next(urls, ending):
    database = PostgresDatabase(urls.app, "main", most_connections=1)

    def leave() -> None:
        with database.write() as session:
            session.add(lease())
            session.flush()
            if ending == "refused statement":
                session.execute(text("SELECT * FROM no_such_table"))
            elif ending == "refused lock":
                session.execute(text("SET LOCAL lock_timeout = 1"))
                session.execute(text("LOCK process_leases"))
            elif ending == "own rollback":
                session.rollback()
            else:
                raise RuntimeError

    with psycopg.connect(urls.app) as other:
        if ending == "refused lock":
            other.execute("LOCK process_leases IN ACCESS SHARE MODE")
        if ending == "own rollback":
            leave()
        else:
            with pytest.raises((DatabaseError, Busy, RuntimeError)):
                leave()
    with database.read() as session:
        assert session.scalar(text("SHOW transaction_read_only")) == "on"
        assert session.scalar(text("SELECT count(*) FROM process_leases")) == 0
    write(database)
    assert count(database) == 1
    database.close()


def test_what_is_written_after_the_block_has_rolled_back_is_refused(database):
    """It would be in a transaction that has not the line's lock."""

    def go_on() -> None:
        with database.write() as session:
            session.rollback()
            session.add(lease())

    with pytest.raises(InvalidRequestError):
        go_on()
    assert count(database) == 0


def test_a_failed_flush_that_was_swallowed_keeps_the_rest_from_being_committed(database):
    def swallow() -> None:
        with database.write() as session:
            session.add(lease("one"))
            session.flush()
            session.expunge_all()
            session.add(lease("one"))
            with pytest.raises(DatabaseError):
                session.flush()

    with pytest.raises(InvalidRequestError):
        swallow()
    assert count(database) == 0


def test_the_columns_of_an_answer_are_described_to_who_looks(database):
    with database.read() as session:
        cursor = session.connection().connection.cursor()
        assert cursor.description is None
        cursor.execute("SELECT 1 AS one, 'b' AS two")
        described = cursor.description
        assert len(described) == 2
        assert [each.name for each in described] == ["one", "two"]
        assert described[0].name == "one"
        assert [each.name for each in described[-1:]] == ["two"]
        assert [each.type_code for each in described] == [23, 25]
        cursor.execute("SET LOCAL lock_timeout = 1")
        assert cursor.description is None
        assert session.execute(text("SELECT 1 AS one, 'b' AS two")).mappings().one() == {"one": 1, "two": "b"}


def test_a_lock_that_is_not_given_is_busy(urls, database):
    with psycopg.connect(urls.app) as other:
        other.execute("SELECT pg_advisory_xact_lock_shared(%s, 1)", [0x4D756E69])
        quick = "SELECT set_config('lock_timeout', '50', true), pg_advisory_xact_lock(1299541609, 1)"
        with pytest.raises(Busy), database.read() as session:
            session.execute(text(quick))


def test_a_deadlock_is_busy_and_one_of_the_two_goes_on(database):
    with database.write() as session:
        session.add_all([lease("a"), lease("b")])
    both, said = threading.Barrier(2, timeout=60), list[str]()

    def take(first: str, second: str) -> None:
        try:
            with database.write(beside=True) as session:
                session.get_one(ProcessLease, first, with_for_update=True)
                both.wait()
                session.get_one(ProcessLease, second, with_for_update=True)
            said.append("done")
        except Busy as error:
            said.append(error.code)

    threads = [threading.Thread(target=take, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["database_busy", "done"]


def test_a_failed_statement_that_was_swallowed_keeps_the_rest_from_being_committed(database):
    def swallow() -> None:
        with database.write() as session:
            session.add(lease())
            session.flush()
            with pytest.raises(DatabaseError):
                session.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(InvalidRequestError):
        swallow()
    assert count(database) == 0


def test_the_server_is_looked_at_before_it_is_used(urls, database):
    assert database.check_server() == []
    postgres.cluster().admin("CREATE DATABASE t_unfit ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        admin = postgres.cluster().server.superuser_url("t_unfit")
        unfit = PostgresDatabase(admin, "main")
        with pytest.raises(UnfitServer):
            unfit.check_server()
        unfit.close()
    finally:
        postgres.cluster().drop("t_unfit")


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_is_used_again_without_a_restart():
    with postgres.broken_on_purpose() as (server, urls):
        database = postgres.opened(urls, "main")
        write(database)
        database.change_count()
        server.kill()
        for _ in range(3):
            with pytest.raises(Unavailable):
                write(database)
            with pytest.raises(Unavailable):
                count(database)
            with pytest.raises(Unavailable):
                database.change_count()
        server.start()
        assert count(database) == 1
        write(database)
        assert count(database) == 2
        database.close()


class _SmallFiles(services.PostgreSQL):
    """Its files may grow to a little over 32 MiB, and not to the end of a page: what is over is not written."""

    def commands(self) -> list[Command]:
        (command,) = super().commands()
        limit = (32 * 1024**2 + 4096) // 512
        return [Command(["sh", "-c", f'ulimit -f {limit}; exec "$0" "$@"', *command.words], command.environment)]


@pytest.mark.slow
def test_a_full_disk_is_told_and_nothing_was_changed():
    rows = "INSERT INTO process_leases SELECT 'x' || n, repeat('y', 100), 0 FROM generate_series({}, {}) n"
    postgres.needed()
    with services.private(_SmallFiles) as server:
        urls = postgres.Cluster.on(server).fresh()
        database = postgres.opened(urls, "main")
        write(database)
        with pytest.raises(DiskTrouble), database.write() as session:
            session.execute(text(rows.format(1, 400_000)))
        assert count(database) == 1
        with psycopg.connect(urls.owner, autocommit=True) as owner:
            # Somebody makes room.
            owner.execute("VACUUM process_leases")
        with database.write() as session:
            session.execute(text(rows.format(1, 100)))
        assert count(database) == 101
        database.close()
