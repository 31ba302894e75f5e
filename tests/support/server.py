"""The installed ``muniment serve`` for kills and benchmarks: started, ended and started again, with a lean client.

The client is the standard library's: beside it the server's own time is what is measured, on the
same cores. (``tests.support.serving`` is the simpler one for tests of starting and stopping.)
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).parent.parent.parent
MUNIMENT = Path(sys.executable).with_name("muniment")
PASSWORD = "walnut bridge evening"
READY_SECONDS = 60.0
_NONE: Mapping[str, str] = MappingProxyType({})


class NotServing(Exception):
    """No web server listens on the data folder at this moment."""


@dataclass
class Server:
    """One server on one data folder. Its port is another one after each start of the web process."""

    data: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """What it and its children say on standard output and error."""
        return self.data.with_name(self.data.name + ".log")

    def start(self) -> float:
        """Start it; returns the seconds until its first page was there.

        Raises:
            RuntimeError: it ended, or showed no page within a minute.
        """
        begun = time.perf_counter()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [MUNIMENT, "serve", "--data", str(self.data), "--port", "0"],
                env=self._environment(),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        while time.perf_counter() - begun < READY_SECONDS:
            if self.process.poll() is not None:
                raise RuntimeError(f"muniment serve ended with {self.process.returncode}")
            try:
                with closing(Client(self)) as client:
                    if client.get("/").status < 500:
                        return time.perf_counter() - begun
            except (OSError, NotServing, http.client.HTTPException):
                time.sleep(0.01)
        raise RuntimeError("muniment serve showed no page within a minute")

    def stop(self) -> None:
        """End it in order, as Ctrl C does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    @property
    def url(self) -> str:
        """Where the web server listens at this moment.

        Raises:
            NotServing: it does not.
        """
        try:
            return str(json.loads((self.data / "run" / "address.json").read_text())["url"])
        except (OSError, ValueError) as error:
            raise NotServing from error

    def pids(self) -> dict[str, int]:
        """Process ids by name: ``supervisor``, ``recorder``, ``web`` and so on; empty while it starts."""
        try:
            told: dict[str, int] = json.loads((self.data / "run" / "processes.json").read_text())
        except (OSError, ValueError):
            return {}
        return told

    def family(self) -> dict[int, str]:
        """Every process that runs because the server does: process id and what it is called."""
        if self.process is None:
            return {}
        names = {pid: name for name, pid in self.pids().items()}
        return {pid: names.get(pid) or _name_of(pid) for pid in (self.process.pid, *descendants(self.process.pid))}

    def command(self, *words: str, stdin: str = "") -> str:
        """What a command prints.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        done = subprocess.run(
            [MUNIMENT, "--data", str(self.data), *words],
            env=self._environment(),
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def new_token(self, name: str = "clerk", *, scope: str = "capture,read") -> str:
        """Add a member of staff and make an API token for them."""
        self.command("user", "add", name, "--role", "staff", "--password-stdin", stdin=f"{PASSWORD}\n")
        return self.command("token", "create", name, "--scope", scope)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
        return kept | dict(self.environment)


class Listening(Protocol):
    """What has an address."""

    @property
    def url(self) -> str:
        """Where it listens at this moment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Client:
    """One connection, kept open. For one thread."""

    def __init__(self, server: Listening, token: str | None = None, *, timeout: float = 120.0) -> None:
        """Raises ``NotServing`` where no server listens."""
        parts = urlsplit(server.url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] = _NONE,
    ) -> Answer:
        """One request and its whole answer; raises ``OSError`` or ``HTTPException`` where the connection breaks."""
        self._connection.request(method, path, body=body, headers=self._headers | dict(headers))
        answer = self._connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def get(self, path: str) -> Answer:
        """A page or resource."""
        return self.request("GET", path)

    def put_file(self, name: str, data: bytes, *, key: str | None = None) -> Answer:
        """A file as the bare body, under an idempotency key where one is given."""
        headers = named(name) | ({"Idempotency-Key": key} if key else {})
        return self.request("PUT", "/api/v1/uploads", data, headers)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def named(name: str) -> dict[str, str]:
    """The headers that name an upload."""
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Type": "application/octet-stream",
    }


def form_around(name: str) -> tuple[bytes, bytes, str]:
    """What stands before and after the bytes of a file in a form, and the form's content type."""
    boundary = "muniment-form-boundary-5f1e"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quote(name)}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode(), f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def descendants(pid: int) -> Iterator[int]:
    """Process ids of the children of a process, their children, and so on (Linux)."""
    try:
        children = Path(f"/proc/{pid}/task").glob("*/children")
        found = [int(word) for path in children for word in path.read_text().split()]
    except OSError:
        return
    for child in found:
        yield child
        yield from descendants(child)


def _name_of(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "ended"
    return "extraction child" if b"ingest.child" in command else "other"
