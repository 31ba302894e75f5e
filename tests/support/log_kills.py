"""``kill -9`` of a writing server, over and over: is a log that was cut off anywhere ever called wrong?

A server lives for a few kills: children at random moments, and in the end all of it at once. Clients read and upload
meanwhile and keep every receipt. Between two lives the folder is checked as the kill left it, by the stand-alone
verifier against the checkpoint of the life before, and by Muniment itself.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import text

from accounts import tokens
from audit import muniment_verify
from audit.check import check
from core.sqlite import SqliteDatabase
from tests.support.archive import Archive
from tests.support.serving import Serving, processes_of, start, wait_until

KILLS_IN_A_LIFE = 32
CHANCES = ("recorder", "recorder", "recorder", "keeper", "keeper", "keeper", "web", "worker", "worker")
"""Children, those that write the log more often."""
EARLY = 0.15
"""Share of the lives that end while the server starts."""
READERS = 3
CHECKED_WHOLE = 10
"""Each so many lives Muniment re-reads the whole log; the verifier does after each."""


@dataclass
class Cycles:
    """What was done, and what was wrong."""

    killed: list[str] = field(default_factory=list)
    lives: int = 0
    receipts: dict[int, str] = field(default_factory=dict)
    """Leaf hash by position, of everything that a client was told is in the log."""
    uploads: int = 0
    entries: int = 0
    alarms: list[str] = field(default_factory=list)
    """What a check or a start found wrong with a log with which nothing is wrong."""
    lost: int = 0
    """Receipts whose entry is not there, or is another."""
    seconds: float = 0.0


def kill_over_and_over(
    folder: Path, *, kills: int, seed: int, patience: float = 120.0, hear: Callable[[Cycles], None] = lambda told: None
) -> Cycles:
    """A new archive in ``folder``, served and killed until ``kills`` processes or whole servers were killed.

    ``patience`` is how many seconds a start may take; ``hear`` is told how it stands after every life.
    """
    chance, told = random.Random(seed), Cycles()
    archive = Archive.open(folder)
    with archive.runtime.main.write() as session:
        token = tokens.create(
            session, ("capture", "read"), by=archive.principal("clerk"), at=archive.now, keys=archive.runtime.keys
        ).secret
    records = [str(archive.receive(f"Brief {n}".encode()).id) for n in range(4)]
    archive.settle()
    archive.close()
    begun = time.monotonic()
    clients = _Clients(token, records, told)
    try:
        while len(told.killed) < kills and not told.alarms:
            _live(folder, clients, min(KILLS_IN_A_LIFE, kills - len(told.killed)), chance, patience)
            told.lives += 1
            _look(folder, told, whole=told.lives % CHECKED_WHOLE == 0)
            told.seconds = time.monotonic() - begun
            hear(told)
    finally:
        clients.end()
    _look(folder, told, whole=True)
    told.lost = _lost(folder, told.receipts)
    return told


def _live(folder: Path, clients: "_Clients", kills: int, chance: random.Random, patience: float) -> None:
    server = start(folder)
    try:
        if chance.random() < EARLY:
            time.sleep(chance.random() * 3)
        else:
            heard = len(clients.told.receipts)
            try:
                wait_until(server.is_ready, patience, server)
                clients.serve(server)
                wait_until(lambda: len(clients.told.receipts) > heard, patience, server)
            except AssertionError as failed:
                clients.told.alarms.append(f"the server did not start, or took nothing in: {failed}")
                return
            for _ in range(kills - 1):
                time.sleep(chance.random() * 0.8)
                clients.told.killed += _kill_child(server, chance)
            time.sleep(chance.random() * 0.8)
    finally:
        clients.serve(None)
        _kill_all(server)
    clients.told.killed.append("everything")


def _kill_child(server: Serving, chance: random.Random) -> list[str]:
    """Kill one of the children that run: those killed before may wait for their next start. Tells which."""
    with suppress(ProcessLookupError, FileNotFoundError, ValueError):
        # What the supervisor noted may have ended, and its number be another program's now.
        noted, alive = server.pids(), processes_of(server.folder)
        running = [name for name in CHANCES if noted.get(name) in alive]
        if running:
            name = chance.choice(running)
            os.kill(noted[name], signal.SIGKILL)
            return [name]
    return []


def _kill_all(server: Serving) -> None:
    while alive := processes_of(server.folder):
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    server.process.wait(30)
    (server.folder / "run" / "address.json").unlink(missing_ok=True)


def _look(folder: Path, told: Cycles, *, whole: bool) -> None:
    """Add what is said to be wrong with the log as it lies there."""
    checkpoint, earlier = folder / "log" / "checkpoint", folder.with_name(f"{folder.name}-earlier")
    words = [sys.executable, muniment_verify.__file__, str(folder / "log"), "--jobs", "1"]
    words += ["--earlier", str(earlier)] if earlier.exists() else []
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        told.alarms.append(f"after {told.killed[-KILLS_IN_A_LIFE:]}: {done.stdout}{done.stderr}")
    earlier.write_bytes(checkpoint.read_bytes())
    if whole:
        database = SqliteDatabase(folder / "db" / "log.db")
        verdict = check(database, file=checkpoint)
        with database.read() as session:
            told.entries = session.scalar(text("SELECT count(*) FROM audit_leaves")) or 0
        database.close()
        if verdict.fault is not None:
            told.alarms.append(f"{verdict.fault.position}: {verdict.fault.sentence}")


def _lost(folder: Path, receipts: dict[int, str]) -> int:
    database = SqliteDatabase(folder / "db" / "log.db")
    with database.read() as session:
        stored = {row.seq: row.hash.hex() for row in session.execute(text("SELECT seq, hash FROM audit_leaves"))}
    database.close()
    return sum(stored.get(seq) != leaf for seq, leaf in receipts.items())


class _Clients:
    """People who read without a pause, and one who sends small files; they wait where there is no server."""

    def __init__(self, token: str, records: list[str], told: Cycles) -> None:
        self.told = told
        self._records, self._headers = records, {"Authorization": f"Bearer {token}"}
        self._server: Serving | None = None
        self._ended = threading.Event()
        acts = [*(lambda: self._read() for _ in range(READERS)), self._upload]
        self._threads = [threading.Thread(target=self._go_on, args=(act,), daemon=True) for act in acts]
        for thread in self._threads:
            thread.start()

    def serve(self, server: Serving | None) -> None:
        """Whom they ask from now on."""
        self._server = server

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)

    def _go_on(self, act: object) -> None:
        while not self._ended.is_set():
            # A server that is being killed has no address, none that answers, or breaks off.
            with suppress(OSError, ValueError, KeyError, AttributeError, httpx.HTTPError):
                act()  # type: ignore[operator]
                continue
            time.sleep(0.05)

    def _read(self) -> None:
        path = f"/api/v1/records/{random.choice(self._records)}/content"
        answer = httpx.get(f"{self._address}{path}", headers=self._headers, timeout=10)
        self._keep(answer)
        time.sleep(0.02)

    def _upload(self) -> None:
        headers = self._headers | {"Content-Disposition": "attachment; filename*=UTF-8''brief.txt"}
        answer = httpx.put(f"{self._address}/api/v1/uploads", content=os.urandom(8).hex(), headers=headers, timeout=10)
        self._keep(answer)
        self.told.uploads += answer.status_code == 202
        time.sleep(0.5)

    @property
    def _address(self) -> str:
        server = self._server
        if server is None:
            raise OSError("no server")
        return server.url

    def _keep(self, answer: httpx.Response) -> None:
        for receipt in filter(None, answer.headers.get("muniment-receipt", "").split(", ")):
            seq, _, leaf = receipt.partition(":")
            self.told.receipts[int(seq)] = leaf
