"""``muniment serve`` as people start it: a process of its own with its children, on a free port."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent.parent
CHILDREN = ("keeper", "worker", "web", "recorder")


@dataclass
class Serving:
    """A running server; ``log`` is what it and its children say on standard error."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    log: Path

    def pids(self) -> dict[str, int]:
        """Process ids of supervisor and children, as the supervisor notes them."""
        found: dict[str, int] = json.loads((self.folder / "run" / "processes.json").read_text())
        return found

    @property
    def url(self) -> str:
        """Where the web server listens now."""
        told = json.loads((self.folder / "run" / "address.json").read_text())
        return str(told["url"])

    def is_ready(self) -> bool:
        """Whether the web server answers."""
        try:
            return httpx.get(self.url + "/healthz", timeout=2).status_code == 200
        except (OSError, ValueError, KeyError, httpx.HTTPError):
            return False

    def kill(self, name: str) -> int:
        """``kill -9`` of that process; its id."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self) -> int:
        """SIGTERM to the supervisor, as Ctrl C or a service manager does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def start(folder: Path, **environment: str) -> Serving:
    """Start a server on ``folder``; it may not answer yet."""
    usual = {"PATH": os.environ["PATH"], "MUNIMENT_WORKERS": "1", "MUNIMENT_LOG_LEVEL": "info"}
    log = folder.with_name(folder.name + ".log")
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", "from app.cli import main; main()", "serve", "--data", str(folder), "--port", "0"],
            cwd=ROOT,
            env=usual | environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    return Serving(folder, process, log)


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Serving]:
    """A server that answers, stopped at the end of the block with everything it started."""
    server = start(folder, **environment)
    try:
        wait_until(server.is_ready, 60, server)
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def wait_until(condition: Callable[[], bool], seconds: float, server: Serving | None = None) -> None:
    """Wait for something to come true; an error with the server's last words where it does not."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            words = server.log.read_text(errors="replace")[-3000:] if server is not None else ""
            raise AssertionError(f"not within {seconds} s\n{words}")
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def processes_of(folder: Path) -> set[int]:
    """All processes that were started for this data folder, found by their environment or arguments."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and is_alive(int(entry.name)):
            try:
                words = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except (PermissionError, FileNotFoundError, ProcessLookupError):
                continue
            if str(folder).encode() in words:
                found.add(int(entry.name))
    return found


def descendants_of(pid: int) -> set[int]:
    """Children of a process, their children, and so on: also those that were given an empty environment."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found, fresh = set[int](), {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found
