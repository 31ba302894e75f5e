"""Each server of ``make services``: starts, listens on loopback only, answers, keeps its data through a kill."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from services import (
    ALL,
    Clamd,
    Elasticsearch,
    MinIO,
    NotAnswering,
    PostgreSQL,
    RabbitMQ,
    Redis,
    Server,
    SoftHSM,
    private,
    shared,
)
from services.clamd import EICAR
from services.process import Process, find

pytestmark = pytest.mark.services

QUICK = [kind for kind in ALL if kind not in (SoftHSM, RabbitMQ, Elasticsearch)]
WITH_PROCESSES = [
    *(pytest.param(kind, id=kind.name) for kind in QUICK),
    *(pytest.param(kind, id=kind.name, marks=pytest.mark.slow) for kind in (RabbitMQ, Elasticsearch)),
]
ROOT = Path(__file__).parent.parent.parent
LOOPBACK4 = "0100007F"
LOOPBACK6 = "0" * 24 + "01000000"
MAPPED_LOOPBACK4 = "0" * 16 + "FFFF00000100007F"
LISTENING = "0A"
# Erlang's disk log writes what it was told within two seconds, declared queues too; our programs declare theirs anew.
DECLARED_ON_DISK = 3


def named(kind: type[Server]) -> str:
    return kind.name


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    kind: type[Server] = request.param
    with private(kind) as started:
        yield started


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    with private(PostgreSQL) as started:
        yield started


def sockets(processes: list[Process]) -> set[str]:
    """Numbers of the sockets that these processes hold."""
    found = set()
    for process in processes:
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                target = str(link.readlink())
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def listening(processes: list[Process]) -> list[tuple[str, int]]:
    """Address (as the kernel writes it) and port of every TCP socket on which these processes listen."""
    held = sockets(processes)
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == LISTENING and words[9] in held:
                address, port = words[1].split(":")
                found.append((address, int(port, 16)))
    return found


# What each server is given to keep, and how to see that it kept it.


def row(server: PostgreSQL) -> Callable[[], bool]:
    server.query("create table kept (a int)")
    server.query("insert into kept values (7)")
    return lambda: server.query("select a from kept") == "7"


def key(server: Redis) -> Callable[[], bool]:
    import redis

    client = redis.Redis.from_url(server.url(3))
    client.set("kept", "7")
    return lambda: redis.Redis.from_url(server.url(3)).get("kept") == b"7"


def message(server: RabbitMQ) -> Callable[[], bool]:
    from kombu import Connection, Queue

    url = server.new_vhost()
    with Connection(url, transport_options={"confirm_publish": True}) as connection:  # unconfirmed ones may be lost
        Queue("kept", durable=True)(connection).declare()
        connection.Producer().publish("7", routing_key="kept", delivery_mode=2)
    sleep(DECLARED_ON_DISK)

    def is_there() -> bool:
        with Connection(url) as connection:
            got = Queue("kept", durable=True)(connection).get(no_ack=True)
            return got is not None and got.payload == "7"

    return is_there


def bucket(server: MinIO) -> Callable[[], bool]:
    import io

    from minio import Minio

    facts = server.facts()
    client = Minio(
        endpoint=facts["endpoint"], access_key=facts["access_key"], secret_key=facts["secret_key"], secure=False
    )
    name = server.new_bucket()
    client.put_object(bucket_name=name, object_name="kept", data=io.BytesIO(b"7"), length=1)
    return lambda: client.get_object(bucket_name=name, object_name="kept").read() == b"7"


def indexed(server: Elasticsearch) -> Callable[[], bool]:
    server.call("PUT", "/muniment-kept/_doc/1?refresh=true", {"a": 7})
    return lambda: server.call("GET", "/muniment-kept/_doc/1")["_source"] == {"a": 7}


def signature(server: Clamd) -> Callable[[], bool]:
    return lambda: "FOUND" in server.scan(EICAR) and server.scan(b"harmless") == "stream: OK"


KEEP: dict[type[Server], Callable[[Any], Callable[[], bool]]] = {
    PostgreSQL: row,
    Redis: key,
    RabbitMQ: message,
    MinIO: bucket,
    Elasticsearch: indexed,
    Clamd: signature,
}


@pytest.mark.parametrize("server", WITH_PROCESSES, indirect=True)
class TestOneOfOnesOwn:
    def test_listens_on_loopback_only_and_on_no_port_that_it_does_not_tell(self, server: Server) -> None:
        found = listening(server.processes)
        assert {address for address, _ in found} <= {LOOPBACK4, LOOPBACK6, MAPPED_LOOPBACK4}
        assert {port for _, port in found} == set(server.ports.values())

    @pytest.mark.skipif(os.getuid() != 0, reason="started by an ordinary user, it is that user's")
    def test_none_of_its_processes_is_roots(self, server: Server) -> None:
        assert server.processes
        for process in server.processes:
            (uids,) = (
                line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line[:4] == "Uid:"
            )
            assert "0" not in uids.split()[1:]

    def test_keeps_what_it_was_given_through_a_kill_and_a_start_on_the_same_ports(self, server: Server) -> None:
        kept = KEEP[type(server)](server)
        ports, before = server.ports, server.processes
        server.kill()
        assert server.processes == []
        assert not server.is_up()
        assert server.start() > 0
        assert server.ports == ports
        assert not set(server.processes) & set(before)
        assert kept()

    def test_another_opening_of_the_folder_controls_the_same_server(self, server: Server) -> None:
        again = type(server)(server.folder)
        assert again.is_up()
        assert again.roots == server.roots

    def test_its_secrets_are_for_its_starter_only(self, server: Server) -> None:
        assert (server.folder / "instance.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", QUICK, ids=named)
def test_paused_it_answers_nothing_and_resumed_it_answers_again(kind: type[Server]) -> None:
    with private(kind) as server:
        server.pause()
        assert server.runs()
        assert not server.is_up()
        server.resume()
        assert server.is_up()


@pytest.mark.parametrize("kind", QUICK, ids=named)
def test_starting_a_server_that_is_up_leaves_it_be(kind: type[Server]) -> None:
    with private(kind) as server:
        before = server.roots
        assert server.start() == 0.0
        assert server.roots == before


def test_a_process_number_that_now_belongs_to_somebody_else_is_left_alone(postgresql: PostgreSQL) -> None:
    postgresql.stop()
    postgresql._known["processes"] = [[os.getpid(), 1]]
    postgresql.kill()
    assert postgresql.start() > 0


def test_a_lock_file_that_names_somebody_elses_process_does_not_keep_it_down(postgresql: PostgreSQL) -> None:
    lock = postgresql.data / "postmaster.pid"
    with private(Redis) as other:
        left = lock.read_text().replace(str(postgresql.roots[0].pid), str(other.roots[0].pid), 1)
        postgresql.kill()
        lock.write_text(left)
        assert postgresql.start() > 0
        assert other.is_up()


def test_it_starts_again_at_once_when_somebody_killed_only_its_first_process(postgresql: PostgreSQL) -> None:
    import psycopg

    with psycopg.connect(postgresql.superuser_url()):
        os.kill(postgresql.roots[0].pid, signal.SIGKILL)
        assert postgresql.start() > 0


def test_a_server_without_its_configuration_says_why_it_did_not_start(postgresql: PostgreSQL) -> None:
    postgresql.stop()
    (postgresql.data / "postgresql.conf").unlink()
    with pytest.raises(NotAnswering, match=r"postgresql\.conf"):
        postgresql.start()


def test_a_removed_server_leaves_nothing_behind() -> None:
    with private(Redis) as server:
        folder = server.folder
    assert not folder.exists()
    assert server.processes == []


def test_what_a_killed_test_run_left_behind_is_removed_by_the_next_one() -> None:
    words = (
        "from services import Redis, private; s = private(Redis); print(s.folder, s.roots[0].pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as run:
        assert run.stdout is not None
        folder, pid = run.stdout.readline().split()
        run.kill()
    assert Path(folder).exists()
    assert find(int(pid)) is not None
    with private(Redis):
        assert not Path(folder).exists()
        assert find(int(pid)) is None


def test_two_of_a_kind_have_different_ports_and_secrets() -> None:
    with private(Redis) as one, private(Redis) as other:
        assert one.port != other.port
        assert one.secrets != other.secrets


class TestPostgreSQL:
    def test_a_new_database_is_empty_and_the_application_may_only_enter_it(self, postgresql: PostgreSQL) -> None:
        import psycopg

        made = postgresql.new_database()
        with psycopg.connect(made.owner_url) as owner:
            owner.execute("create table t (a int)")
        with psycopg.connect(made.application_url, autocommit=True) as application:
            for statement in ("select * from t", "create table u (a int)", "create schema s"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    application.execute(statement)

    def test_it_syncs_what_it_commits(self, postgresql: PostgreSQL) -> None:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert postgresql.query(f"show {setting}") == "on"

    def test_a_dropped_database_is_gone_though_somebody_is_in_it(self, postgresql: PostgreSQL) -> None:
        import psycopg

        made = postgresql.new_database()
        with psycopg.connect(made.owner_url):
            postgresql.drop_database(made.name)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(made.owner_url)


class TestSharedOnes:
    def test_an_api_key_reaches_our_indices_and_no_others(self) -> None:
        from elasticsearch import AuthorizationException
        from elasticsearch import Elasticsearch as Client

        server = shared(Elasticsearch)
        made = server.new_key("muniment-keys-*")
        client = Client(server.url, api_key=made.encoded)
        try:
            client.index(index="muniment-keys-1", document={"a": 1}, refresh=True)
            assert client.count(index="muniment-keys-1")["count"] == 1
            with pytest.raises(AuthorizationException):
                client.index(index="others", document={"a": 1})
            with pytest.raises(AuthorizationException):
                client.cluster.get_settings()
        finally:
            client.options(ignore_status=404).indices.delete(index="muniment-keys-1")
            server.revoke_key(made)

    def test_virtual_hosts_do_not_see_each_others_queues(self) -> None:
        from kombu import Connection, Queue

        server = shared(RabbitMQ)
        one, other = server.new_vhost(), server.new_vhost()
        try:
            with Connection(one) as connection:
                Queue("q", durable=True)(connection).declare()
            assert "q" in server.messages(one)
            assert server.messages(other) == {}
        finally:
            server.delete_vhost(one)
            server.delete_vhost(other)

    def test_a_bucket_with_locks_says_so(self) -> None:
        from minio import Minio

        server = shared(MinIO)
        facts = server.facts()
        client = Minio(
            endpoint=facts["endpoint"], access_key=facts["access_key"], secret_key=facts["secret_key"], secure=False
        )
        name = server.new_bucket()
        assert client.get_object_lock_config(bucket_name=name) is not None
        assert client.get_bucket_versioning(bucket_name=name).status == "Enabled"
        client.remove_bucket(bucket_name=name)
