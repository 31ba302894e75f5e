"""The distributed shape as it is deployed: each process by itself, on real servers, with settings from the environment.

Every process has a data folder of its own, as a container has; what they share lies in the servers and in
the folder of the keys.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx

from app.build import build
from app.runtime import Runtime
from app.settings import load
from services import Elasticsearch, MinIO, NotAnswering, PostgreSQL, Proxy, Redis, Server, private, shared
from tests.support import elastic

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "walnut bridge evening"
WEB, WORKER, BEAT, KEEPER = "web", "worker", "beat", "keeper"


@dataclass
class Servers:
    """The servers that an installation stands on."""

    postgresql: PostgreSQL
    redis: Redis
    minio: MinIO
    elasticsearch: Elasticsearch

    @classmethod
    def of_make_services(cls) -> "Servers":
        """Those that everybody shares."""
        return cls(shared(PostgreSQL), shared(Redis), shared(MinIO), shared(Elasticsearch))

    @classmethod
    @contextmanager
    def private(cls) -> "Iterator[Servers]":
        """Servers of one's own, which may be killed."""
        started: list[Server] = []
        try:
            started.append(elasticsearch := private(Elasticsearch))
            started.append(postgresql := private(PostgreSQL))
            started.append(redis := private(Redis))
            started.append(minio := private(MinIO))
            yield cls(postgresql, redis, minio, elasticsearch)
        finally:
            for server in started:
                server.remove()

    @property
    def all(self) -> dict[str, Server]:
        """By name."""
        return {
            "postgresql": self.postgresql,
            "redis": self.redis,
            "minio": self.minio,
            "elasticsearch": self.elasticsearch,
        }


@dataclass
class Ways:
    """A proxy before each server: whoever goes through it may be cut off, and nobody else is."""

    postgresql: Proxy
    redis: Proxy
    minio: Proxy
    elasticsearch: Proxy

    @classmethod
    @contextmanager
    def to(cls, servers: Servers) -> "Iterator[Ways]":
        """One to each of ``servers``; closed at the end of the block."""
        with ExitStack() as stack:
            yield cls(**{name: stack.enter_context(Proxy(server.port)) for name, server in servers.all.items()})


@dataclass
class Cluster:
    """One installation of the distributed shape: its settings, and the processes that run."""

    folder: Path
    environment: dict[str, str]
    owner: dict[str, str] = field(default_factory=dict)
    """More settings, for ``migrate`` alone."""
    token: str = field(default="", repr=False)
    """The last that was made."""
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    def migrate(self) -> str:
        """Run ``muniment migrate``; what it printed."""
        return self.command("migrate", name="migrate", environment=self.owner)

    def command(
        self, *words: str, name: str = "cli", stdin: str = "", environment: Mapping[str, str] | None = None
    ) -> str:
        """What a command prints.

        Raises:
            subprocess.CalledProcessError: it failed; ``stderr`` says why.
        """
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *words],
            env=self._environment(name) | dict(environment or {}),
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout.strip()

    def start(self, name: str, *words: str) -> None:
        """Start a process, such as ``start("web-1", "web", "--port", "0")``; it may not answer yet."""
        with self.log(name).open("ab") as output:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *(words or (name,))],
                env=self._environment(name),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def start_all(self, *, webs: int = 2, workers: int = 2) -> None:
        """Web servers, workers, beat and keeper; waits until every web server is ready."""
        self.start(KEEPER)
        for number in range(workers):
            self.start(f"{WORKER}-{number}", "worker")
        self.start(BEAT)
        for number in range(webs):
            self.start(f"{WEB}-{number}", "web", "--port", "0")
        for number in range(webs):
            self.wait_until_ready(f"{WEB}-{number}")

    def url(self, web: str = f"{WEB}-0") -> str:
        """Where a web server listens; empty while it does not."""
        try:
            return str(
                httpx.Response(200, content=(self.data(web) / "run" / "address.json").read_bytes()).json()["url"]
            )
        except (OSError, ValueError, KeyError):
            return ""

    def ready(self, web: str = f"{WEB}-0") -> tuple[bool, dict[str, str]]:
        """What ``/readyz`` of a web server says."""
        try:
            answer = httpx.get(self.url(web) + "/readyz", timeout=15).json()
            return bool(answer["ready"]), dict(answer["checks"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            return False, {"web": type(error).__name__}

    def wait_until_ready(self, web: str = f"{WEB}-0", seconds: float = 90.0) -> None:
        """Wait until ``/readyz`` says so.

        Raises:
            AssertionError: it did not, or the process ended; with its last words.
        """
        end = time.monotonic() + seconds
        while not (found := self.ready(web))[0]:
            ended = self.processes[web].poll() is not None
            if ended or time.monotonic() > end:
                words = "\n".join(f"--- {name}\n{self.log(name).read_text()[-1500:]}" for name in self.processes)
                raise AssertionError(f"{web} is not ready: {found[1]}\n{words}")
            time.sleep(0.2)

    def runtime(self) -> Runtime:
        """The installation as a process would build it, to look into; close it."""
        chosen = load(environment={"MUNIMENT_DATA": str(self.data("look"))} | self.environment)
        return build(chosen)

    def client(self, web: str, token: str, *, timeout: float = 60.0) -> httpx.Client:
        """A client of one web server, signed in."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url(web), headers=headers, timeout=timeout)

    def said(self) -> str:
        """All that every process has said."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def kill(self, name: str) -> None:
        """``kill -9``, and nothing starts it again."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(30)

    def stop(self, name: str, seconds: float = 40.0) -> int:
        """SIGTERM; the exit code."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(seconds)

    def stop_all(self) -> None:
        """End every process: web servers first, the keeper last."""
        order = (WEB, BEAT, WORKER, KEEPER)
        for name in sorted(self.processes, key=lambda each: order.index(each.split("-")[0])):
            self.processes[name].send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def new_token(self, name: str = "clerk", *, scope: str = "capture,read") -> str:
        """Add a member of staff and make an API token for them."""
        self.command("user", "add", name, "--role", "staff", "--password-stdin", stdin=f"{PASSWORD}\n")
        self.token = self.command("token", "create", name, "--scope", scope)
        return self.token

    def data(self, name: str) -> Path:
        """The data folder of one process; keeper and migrate share theirs, for the checkpoints."""
        return self.folder / ("keeper" if name == "migrate" else name)

    def log(self, name: str) -> Path:
        """What a process says."""
        return self.folder / f"{name}.log"

    def _environment(self, name: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "MUNIMENT_DATA": str(self.data(name))} | self.environment


@contextmanager
def cluster(folder: Path, servers: Servers, ways: Ways | None = None, **more: str) -> Iterator[Cluster]:
    """A fresh installation on ``servers``, migrated; nothing runs yet. Everything ends with the block.

    Its processes go through ``ways`` where they are given, ``migrate`` too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = servers.postgresql.new_database()
    settings = _settings(folder, servers, database.application_url, database.owner_url) | more
    if ways is not None:
        for name, server in servers.all.items():
            here, there = f"127.0.0.1:{server.port}", f"127.0.0.1:{getattr(ways, name).port}"
            settings = {key: value.replace(here, there) for key, value in settings.items()}
    made = Cluster(folder, settings)
    owner = urlsplit(database.owner_url)
    made.owner = {
        "MUNIMENT_DATABASE_OWNER": owner.username or "",
        "MUNIMENT_DATABASE_OWNER_PASSWORD": str(folder / "secrets" / "owner"),
    }
    try:
        made.migrate()
        yield made
    finally:
        made.stop_all()
        # Of one's own servers one may be down at the end, and they are removed anyway.
        with suppress(NotAnswering, OSError):
            servers.postgresql.drop_database(database.name)
        with suppress(NotAnswering, OSError):
            elastic.clear(servers.elasticsearch, settings["MUNIMENT_ELASTICSEARCH_PREFIX"])


def _settings(folder: Path, servers: Servers, application_url: str, owner_url: str) -> dict[str, str]:
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    bucket = servers.minio.new_bucket()
    prefix = f"muniment-{bucket}"
    facts = servers.minio.facts()
    redis = urlsplit(servers.redis.url(hash(bucket) % 64))
    files = {
        "database": _password(application_url),
        "owner": _password(owner_url),
        "objects": f"{facts['access_key']}\n{facts['secret_key']}\n",
        "elasticsearch": servers.elasticsearch.new_key(f"{prefix}*").encoded,
        "broker": redis.password or "",
    }
    for name, content in files.items():
        (secrets / name).write_text(content)
        (secrets / name).chmod(0o600)
    return {
        "MUNIMENT_DATABASE": _without_password(application_url),
        "MUNIMENT_DATABASE_PASSWORD": str(secrets / "database"),
        "MUNIMENT_OBJECTS": facts["url"],
        "MUNIMENT_OBJECTS_CREDENTIALS": str(secrets / "objects"),
        "MUNIMENT_OBJECTS_REGION": facts["region"],
        "MUNIMENT_BUCKET": bucket,
        "MUNIMENT_ELASTICSEARCH": servers.elasticsearch.url,
        "MUNIMENT_ELASTICSEARCH_KEY": str(secrets / "elasticsearch"),
        "MUNIMENT_ELASTICSEARCH_PREFIX": prefix,
        "MUNIMENT_BROKER": _without_password(redis.geturl()),
        "MUNIMENT_BROKER_PASSWORD": str(secrets / "broker"),
        "MUNIMENT_KEYS": str(folder / "keys"),
        "MUNIMENT_WORKERS": "1",
    }


def _password(url: str) -> str:
    return urlsplit(url).password or ""


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    return urlunsplit(parts._replace(netloc=user + parts.netloc.rpartition("@")[2]))
