"""A server away, slow, full, or refusing our sign-in: an honest answer within seconds, and all goes on by itself.

What is broken is a way to a server, or a server of one's own: PostgreSQL, Redis and MinIO are
private here, the shared Elasticsearch is only ever cut off.
"""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from app import reconcile
from services import MinIO, NotAnswering, PostgreSQL, Proxy, Redis, private
from services.postgresql import APPLICATION
from tests.support.cluster_kills import wait_until_idle
from tests.support.distributed import Cluster, Servers, Ways, cluster

pytestmark = [pytest.mark.services, pytest.mark.slow]

V1 = "/api/v1"
CANARY = "kanarigelbschnabel"
SOON_SECONDS = 20.0
"""Within this an answer comes, whatever it is."""
AGAIN_SECONDS = 45.0
"""Within this all is well again after a server is back."""
SMALL_MIB = 96


@dataclass
class Standing:
    """A running installation, its ways to its servers, and what was accepted."""

    running: Cluster
    servers: Servers
    ways: Ways
    token: str
    disk: Path | None
    """The file system of the object store, which is small; ``None`` where none can be mounted."""
    accepted: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request on a connection of its own; its answer comes soon."""
        begun = time.monotonic()
        with self.running.client("web-0", self.token, timeout=90) as client:
            answer = client.request(method, V1 + path, **more)
        assert time.monotonic() - begun < SOON_SECONDS, f"{path} took {time.monotonic() - begun:.1f} s"
        return answer

    def upload(self, key: str) -> httpx.Response:
        """A small letter that holds ``key`` as a word, sent under ``key``."""
        headers = {"Content-Disposition": f"attachment; filename={CANARY}.txt", "Idempotency-Key": key}
        text = f"Sehr geehrte Damen und Herren, {CANARY} {key}, mit freundlichen Grüßen."
        answer = self.ask("PUT", "/uploads", content=text.encode(), headers=headers)
        if answer.status_code == 202 and answer.json()["id"] not in self.accepted:
            self.accepted.append(answer.json()["id"])
        return answer

    def search(self, word: str) -> httpx.Response:
        return self.ask("GET", "/search", params={"q": word})

    def open(self) -> httpx.Response:
        return self.ask("GET", f"/records/{self.accepted[0]}/content")

    def finds(self, word: str) -> bool:
        try:
            answer = self.search(word)
            return answer.status_code == 200 and answer.json()["total"] == 1
        except (httpx.HTTPError, ValueError):
            return False

    def is_well(self, key: str) -> bool:
        """Whether every check is good, and a letter is taken and found."""
        return self.running.ready()[0] and self.upload(key).status_code == 202

    def runs(self) -> dict[str, int | None]:
        """Exit codes of the processes; none has ended."""
        return {name: process.poll() for name, process in self.running.processes.items()}


@contextmanager
def _small(server: PostgreSQL | MinIO, folder: Path) -> Iterator[Path | None]:
    """A file system of its own on ``folder``, which belongs to a server; ``None`` where none can be mounted."""
    owner = server.data.stat()
    folder.mkdir(exist_ok=True)
    options = f"size={SMALL_MIB}m,mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
        )
        mounted = done.returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def _on_a_small_disk() -> Iterator[tuple[MinIO, Path | None]]:
    """An object store, and its file system where it has one of its own."""
    with private(MinIO) as minio:
        minio.stop()
        with _small(minio, minio.data) as disk:
            minio.start()
            yield minio, disk
            minio.stop()


def _needed(disk: Path | None) -> Path:
    if disk is None:
        pytest.skip("a file system cannot be mounted here")
    return disk


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with ExitStack() as stack:
        minio, disk = stack.enter_context(_on_a_small_disk())
        servers = Servers(
            stack.enter_context(private(PostgreSQL)),
            stack.enter_context(private(Redis)),
            minio,
            Servers.of_make_services().elasticsearch,
        )
        ways = stack.enter_context(Ways.to(servers))
        running = stack.enter_context(cluster(tmp_path_factory.mktemp("outages"), servers, ways))
        standing = Standing(running, servers, ways, running.new_token(), disk)
        running.start_all(webs=1, workers=1)
        assert standing.upload("zwetschge").status_code == 202
        _wait(lambda: standing.finds("zwetschge"), standing)
        yield standing


def _wait(condition: Callable[[], bool], standing: Standing, seconds: float = AGAIN_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{standing.running.ready()}\n{standing.running.said()[-4000:]}"
        time.sleep(0.3)


def _is_honest(answer: httpx.Response, *codes: str) -> None:
    """A problem with a code that is expected, and with advice."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["code"] in codes, problem
    assert answer.status_code in (503, 507), problem
    assert problem["title"]
    assert problem["detail"], "it says what to do"


@dataclass(frozen=True)
class Trouble:
    """What is told while a server does not serve: codes of refusals; empty where the request succeeds all the same."""

    server: str
    upload: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    ready: tuple[str, ...] = ()
    """Checks of /readyz that fail."""


_LOG = "audit_unavailable"
AWAY = {
    "postgresql": Trouble(
        "postgresql",
        ("database_away", "database_uncertain"),
        ("database_away",),
        ("database_away", _LOG),
        ("database", "log", "intake", "keeper"),
    ),
    # Snippets are made from text that lies there.
    "minio": Trouble("minio", ("object_store_away",), ("object_store_away",), ("object_store_away",), ("store",)),
    "elasticsearch": Trouble("elasticsearch", (), ("search_away",), (), ("index",)),
    "redis": Trouble("redis"),
}
REFUSING = {
    "postgresql": Trouble(
        "postgresql",
        ("database_refused",),
        ("database_refused",),
        ("database_refused", _LOG),
        ("database", "log", "intake", "keeper"),
    ),
    "minio": Trouble(
        "minio", ("object_store_refuses",), ("object_store_refuses",), ("object_store_refuses",), ("store",)
    ),
    "elasticsearch": Trouble("elasticsearch", (), ("search_sign_in_refused",), (), ("index",)),
    "redis": Trouble("redis"),
}


def _stand_through(standing: Standing, trouble: Trouble, name: str, heal: Callable[[], object]) -> None:
    """Ask for everything while the trouble lasts, then end it, and see all go on by itself."""
    key = f"{name}{trouble.server}"
    try:
        for answer, codes in (
            (standing.upload(key), trouble.upload),
            (standing.search("zwetschge"), trouble.search),
            (standing.open(), trouble.open),
        ):
            if codes:
                _is_honest(answer, *codes)
            else:
                assert answer.status_code in (200, 202), answer.text
        # The answer before may be a second old.
        _wait(lambda: _failing(standing) == set(trouble.ready), standing, 10)
        assert standing.running.ready()[0] is (not trouble.ready)
    finally:
        heal()
    _wait(lambda: standing.is_well(key), standing)
    _wait(lambda: standing.finds(key), standing)
    assert set(standing.runs().values()) == {None}


def _failing(standing: Standing) -> set[str]:
    """The checks of /readyz that fail."""
    return {check for check, told in standing.running.ready()[1].items() if told != "ok"}


@pytest.mark.parametrize("server", AWAY)
def test_a_server_that_is_away_is_told_of_and_all_goes_on_when_it_is_back(standing: Standing, server: str) -> None:
    way: Proxy = getattr(standing.ways, server)
    way.refuse()
    way.cut()
    _stand_through(standing, AWAY[server], "away", way.accept)


@pytest.mark.parametrize("server", AWAY)
def test_a_server_that_is_slow_is_waited_for(standing: Standing, server: str) -> None:
    way: Proxy = getattr(standing.ways, server)
    way.delay(200)
    try:
        assert standing.upload(f"slow{server}").status_code == 202
        assert standing.search("zwetschge").json()["total"] == 1
        assert standing.open().status_code == 200
        ready, checks = standing.running.ready()
        assert ready, checks
    finally:
        way.restore()
    _wait(lambda: standing.finds(f"slow{server}"), standing)


@contextmanager
def _other_password(standing: Standing) -> Iterator[None]:
    server = standing.servers.postgresql
    own = server.secrets["application"]
    try:
        server.query(f"alter role {APPLICATION} password 'another'")
        _end_sessions(server)
        yield
    finally:
        server.query(f"alter role {APPLICATION} password '{own}'")


@contextmanager
def _other_secret_key(standing: Standing) -> Iterator[None]:
    server = standing.servers.minio
    own = server.secrets["secret_key"]
    _set_secret_key(server, "another-" + own[8:])
    try:
        yield
    finally:
        _set_secret_key(server, own)


def _set_secret_key(server: MinIO, word: str) -> None:
    server.stop()
    server._remember("secret_key", word)
    server.start()


@contextmanager
def _key_without_rights(standing: Standing) -> Iterator[None]:
    server = standing.servers.elasticsearch
    encoded = (standing.running.folder / "secrets" / "elasticsearch").read_text()
    found = server.call("GET", "/_security/api_key?with_limited_by=false")["api_keys"]
    own = _id_of(encoded)
    roles = next(each["role_descriptors"] for each in found if each["id"] == own)
    nothing: dict[str, Any] = {"application": {"cluster": [], "indices": []}}
    server.call("PUT", f"/_security/api_key/{own}", {"role_descriptors": nothing})
    try:
        yield
    finally:
        server.call("PUT", f"/_security/api_key/{own}", {"role_descriptors": roles})


def _id_of(encoded: str) -> str:
    from base64 import b64decode

    return b64decode(encoded).decode().partition(":")[0]


@contextmanager
def _other_broker_password(standing: Standing) -> Iterator[None]:
    server = standing.servers.redis
    own = server.secrets["password"]
    with redis.Redis.from_url(server.url()) as client:
        client.config_set("requirepass", "another")
        client.client_kill_filter(_type="normal", skipme=True)
        try:
            yield
        finally:
            client.config_set("requirepass", own)


REFUSALS: dict[str, Callable[[Standing], Any]] = {
    "postgresql": _other_password,
    "minio": _other_secret_key,
    "elasticsearch": _key_without_rights,
    "redis": _other_broker_password,
}


@pytest.mark.parametrize("server", REFUSALS)
def test_a_server_that_refuses_our_sign_in_is_told_of(standing: Standing, server: str) -> None:
    with ExitStack() as stack:
        stack.enter_context(REFUSALS[server](standing))
        _stand_through(standing, REFUSING[server], "refusing", stack.close)


def test_a_database_whose_disk_is_full_refuses_and_goes_on_when_there_is_room(standing: Standing) -> None:
    server, name = standing.servers.postgresql, _database_of(standing.running)
    with _small(server, server.folder / "small") as mounted:
        small = _needed(mounted)
        server.query(f"create tablespace small location '{small}'")
        _move(server, name, "small")
        try:
            _wait(lambda: standing.running.ready()[0], standing)
            filler = _fill(small)
            # What fits into pages that are there already is still taken.
            for number in range(400):
                refused = standing.upload(f"full{number}")
                if refused.status_code != 202:
                    break
            _is_honest(refused, "disk_unwritable")
            assert refused.status_code == 507
            filler.unlink()
            _wait(lambda: standing.is_well(f"full{number}"), standing)
            _wait(lambda: standing.finds(f"full{number}"), standing, 90)
        finally:
            (small / "filler").unlink(missing_ok=True)
            _move(server, name, "pg_default")
            server.query("drop tablespace small")
    _wait(lambda: standing.running.ready()[0], standing)
    assert set(standing.runs().values()) == {None}


def test_an_object_store_whose_disk_is_full_refuses_and_goes_on_when_there_is_room(standing: Standing) -> None:
    filler = _fill(_needed(standing.disk))
    try:
        _is_honest(standing.upload("vollspeicher"), "disk_unwritable")
        _wait(lambda: _failing(standing) == {"store"}, standing, 10)
        assert standing.open().status_code == 200
    finally:
        filler.unlink()
    _wait(lambda: standing.is_well("vollspeicher"), standing)
    _wait(lambda: standing.finds("vollspeicher"), standing)
    _is_whole(standing)


def test_a_search_server_whose_disk_is_full_takes_nothing_and_catches_up(standing: Standing) -> None:
    server = standing.servers.elasticsearch
    indices = standing.running.environment["MUNIMENT_ELASTICSEARCH_PREFIX"] + "-*"
    # What the server itself does when its disk is nearly full.
    server.call("PUT", f"/{indices}/_settings", {"index.blocks.read_only_allow_delete": True})
    try:
        assert standing.upload("vollsuche").status_code == 202
        assert standing.search("zwetschge").json()["total"] == 1
        assert standing.open().status_code == 200
    finally:
        server.call("PUT", f"/{indices}/_settings", {"index.blocks.read_only_allow_delete": None})
    _wait(lambda: standing.finds("vollsuche"), standing)


def test_a_full_broker_delays_nothing_but_the_waking(standing: Standing) -> None:
    with redis.Redis.from_url(standing.servers.redis.url()) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        try:
            assert standing.upload("vollbroker").status_code == 202
            assert standing.running.ready()[0]
            _wait(lambda: standing.finds("vollbroker"), standing, 20)
        finally:
            client.config_set("maxmemory", 0)
    assert standing.upload("leererbroker").status_code == 202
    _wait(lambda: standing.finds("leererbroker"), standing, 20)


def test_a_broker_away_for_a_minute_stops_nobody_and_is_taken_up_again(standing: Standing) -> None:
    way = standing.ways.redis
    way.refuse()
    way.cut()
    end = time.monotonic() + 60
    try:
        assert standing.upload("ohnebroker").status_code == 202
        _wait(lambda: standing.finds("ohnebroker"), standing, 20)
        time.sleep(max(0.0, end - time.monotonic() - 1))
        assert standing.upload("kurzvorher").status_code == 202
    finally:
        time.sleep(max(0.0, end - time.monotonic()))
        way.accept()
    _wait(lambda: standing.finds("kurzvorher"), standing, 10)
    # And the worker listens again: what waits at the broker is taken.
    with redis.Redis.from_url(_broker_url(standing)) as client:
        _wait(lambda: bool(client.client_list()) and _waits(client) == 0, standing)
        assert standing.upload("wieder").status_code == 202
        _wait(lambda: _waits(client) == 0, standing)
    assert set(standing.runs().values()) == {None}


def test_nothing_was_half_done_and_nothing_secret_was_said(standing: Standing) -> None:
    """Runs last: what all outages before have left."""
    _is_whole(standing)
    said = standing.running.said()
    assert "muniment.http" in said
    secrets = {path.name: path.read_text().split() for path in (standing.running.folder / "secrets").iterdir()}
    told = {name for name, words in secrets.items() for word in words if len(word) > 8 and word in said}
    assert told == set()
    assert standing.token not in said
    for word in (CANARY, "zwetschge", "Sehr geehrte", "walnut"):
        assert word not in said


def _is_whole(standing: Standing) -> None:
    runtime = standing.running.runtime()
    try:
        wait_until_idle(runtime)
        agreement = reconcile.look(runtime)
    finally:
        runtime.close()
    assert agreement.agrees, agreement
    assert (agreement.records, agreement.failed_jobs) == (len(standing.accepted), 0)
    assert "verified" in standing.running.command("audit", "verify", name="keeper")


def _broker_url(standing: Standing) -> str:
    number = int(standing.running.environment["MUNIMENT_BROKER"].rpartition("/")[2])
    return standing.servers.redis.url(number)


def _waits(client: "redis.Redis") -> int:
    """Messages that nobody has taken."""
    return sum(int(client.llen(key)) for key in client.keys("*") if client.type(key) == b"list")


def _database_of(running: Cluster) -> str:
    return running.environment["MUNIMENT_DATABASE"].rpartition("/")[2]


def _end_sessions(server: PostgreSQL) -> None:
    server.query(f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{APPLICATION}'")


def _move(server: PostgreSQL, name: str, tablespace: str) -> None:
    """Move a database to another tablespace, which wants it to be nobody's for a moment."""
    server.query(f'alter database "{name}" allow_connections false')
    try:
        for _ in range(20):
            _end_sessions(server)
            try:
                server.query(f'alter database "{name}" set tablespace {tablespace}')
                return
            except NotAnswering:
                time.sleep(0.2)
        raise AssertionError("the database was not moved")
    finally:
        server.query(f'alter database "{name}" allow_connections true')


def _fill(folder: Path) -> Path:
    """Take all the space there is; deleting the file gives it back."""
    filler = folder / "filler"
    handle = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        for size in (1024**2, 4096, 1):
            while True:
                try:
                    os.write(handle, bytes(size))
                except OSError:
                    break
    finally:
        os.close(handle)
    return filler
