"""``kill -9`` of a server's processes at random moments of an import, and what must be true afterwards."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import func, select

from accounts import tokens
from app import reconcile
from app.build import build
from app.settings import Settings
from audit import intake, muniment_verify
from audit.check import check
from core import jobs
from core.clock import SystemClock
from core.sqlite import SqliteDatabase
from records.record import Record
from tests.support import documents_raw as raw
from tests.support.archive import Archive
from tests.support.serving import CHILDREN, Serving, processes_of, start, wait_until

EVERYTHING = "everything"
UPLOADERS = 2


@dataclass
class Outcome:
    """What was accepted, what was killed, and how it stood in the end."""

    accepted: dict[int, UUID]
    """Document number and the record it became."""
    killed: list[str]
    seconds: float
    """From the first upload until nothing was left to do."""
    records: int = 0
    copies: Counter[UUID] = field(default_factory=Counter)
    """How often the records' own word was found, by record."""
    missing: list[int] = field(default_factory=list)
    """Accepted documents that search does not find."""
    unread: int = 0
    """Records that nobody has read."""
    failed_jobs: int = 0
    fault: str | None = None
    """What is wrong with the log."""
    agreement: reconcile.Agreement | None = None


def word_of(number: int) -> str:
    """A word that stands in one document only, and has no ending that a stemmer of any language would take off."""
    letters = "bcdfghjklz"
    return "kanari" + "".join(letters[int(digit)] for digit in f"{number:05d}")


def document(number: int) -> tuple[str, bytes]:
    """Name and bytes of a small document: texts, PDFs, and every tenth an archive of two letters."""
    text = f"Sehr geehrte Damen und Herren,\nRechnung {number}: {word_of(number)}\nGesamtbetrag 12,00 EUR"
    if number % 10 == 9:
        return f"{number}.zip", raw.zip_of({f"{n}.txt": f"Brief {n} zu {number}".encode() for n in range(2)})
    if number % 3 == 0:
        return f"{word_of(number)}.pdf", raw.pdf(text)
    return f"{word_of(number)}.txt", text.encode()


def import_with_kills(folder: Path, *, documents: int, kills: int, seed: int) -> Outcome:
    """Upload ``documents`` files to a server on a new ``folder`` while ``kills`` of its processes are killed.

    A client sends a file again, under the same idempotency key, until it is accepted. When the
    uploads are through, and what was left has been done, the server is stopped and the folder looked at.
    """
    chance = random.Random(seed)
    archive = Archive.open(folder)
    with archive.runtime.main.write() as session:
        token = tokens.create(
            session, ("capture", "read"), by=archive.principal("clerk"), at=archive.now, keys=archive.runtime.keys
        ).secret
    archive.close()
    running = [start(folder)]
    wait_until(running[0].is_ready, 60, running[0])
    begun, killed = time.monotonic(), list[str]()
    uploads = _Uploads(running, token, documents)
    uploads.begin()
    try:
        for number in range(kills):
            due = documents * (number + 1) // (kills + 1)
            uploads.wait_for(due, 120)
            time.sleep(chance.random())
            # Each kind once before any twice, so that three kills already say something.
            names = [*CHILDREN[:2], EVERYTHING, "web", "recorder"]
            killed.append(names[number] if number < len(names) else chance.choice(names))
            _kill(running, killed[-1])
        uploads.wait_for(documents, 300)
        _wait_until_idle(folder, running[0])
    finally:
        uploads.give_up()
        if running[0].process.poll() is None:
            running[0].stop()
    outcome = Outcome(dict(uploads.accepted), killed, time.monotonic() - begun)
    _look(folder, outcome)
    return outcome


class _Uploads:
    """Clients that send each file until it is accepted."""

    def __init__(self, running: list[Serving], token: str, documents: int) -> None:
        self.accepted: dict[int, UUID] = {}
        self.refused: str | None = None
        """What the server said where it would not take a file at all."""
        self._running, self._token = running, token
        self._left = list(range(documents))[::-1]
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(UPLOADERS)]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait_for(self, count: int, seconds: float) -> None:
        """Until so many files were accepted."""
        wait_until(lambda: self.refused is not None or len(self.accepted) >= count, seconds, self._running[0])
        assert self.refused is None, self.refused

    def give_up(self) -> None:
        self._stopped.set()

    def _send_all(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                if not self._left:
                    return
                number = self._left.pop()
            name, data = document(number)
            while not self._stopped.is_set() and not self._send(number, name, data):
                time.sleep(0.1)

    def _send(self, number: int, name: str, data: bytes) -> bool:
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": f"document-{number}"}
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        # A server that is being killed has no address, none that answers, or breaks off.
        with suppress(OSError, ValueError, KeyError, httpx.HTTPError):
            answer = httpx.put(f"{self._running[0].url}/api/v1/uploads", content=data, headers=headers, timeout=20)
            if answer.status_code == 202:
                self.accepted[number] = UUID(answer.json()["id"])
                return True
            if answer.status_code < 500:
                self.refused = answer.text
        return False


def _kill(running: list[Serving], name: str) -> None:
    server = running[0]
    if name != EVERYTHING:
        with suppress(ProcessLookupError, KeyError):
            server.kill(name)
        return
    for pid in {server.process.pid, *processes_of(server.folder)}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait(30)
    (server.folder / "run" / "address.json").unlink(missing_ok=True)
    running[0] = start(server.folder)


def _wait_until_idle(folder: Path, server: Serving) -> None:
    main = SqliteDatabase(folder / "db" / "main.db")

    def is_idle() -> bool:
        with main.read() as session:
            waits = jobs.Job.state.in_((jobs.READY, jobs.LEASED))
            left = session.scalar(select(func.count()).select_from(jobs.Job).where(waits))
            return not left and not intake.backlog(session, at=SystemClock().now()).waiting

    try:
        wait_until(is_idle, 240, server)
    finally:
        main.close()


def _look(folder: Path, outcome: Outcome) -> None:
    """Fill in how the folder stands, with nobody running on it."""
    runtime = build(Settings(data=folder, workers=1))
    archive = Archive(runtime, UUID(int=0), {})
    try:
        with runtime.main.read() as session:
            outcome.records = session.scalar(select(func.count()).select_from(Record)) or 0
            outcome.unread = (
                session.scalar(
                    select(func.count()).select_from(Record).where(Record.state.in_(("received", "processing")))
                )
                or 0
            )
            outcome.failed_jobs = sum(n for (_, state), n in jobs.counts(session).items() if state == jobs.FAILED)
        for number, record in outcome.accepted.items():
            if number % 10 == 9:
                continue
            found = [item.record.id for item in archive.search(f'"{word_of(number)}"').items]
            outcome.copies.update(found)
            if found != [record]:
                outcome.missing.append(number)
        outcome.agreement = reconcile.look(runtime)
        verdict = check(runtime.log_database, file=folder / "log" / "checkpoint")
        outcome.fault = None if verdict.fault is None else f"{verdict.fault.position}: {verdict.fault.sentence}"
        published = subprocess.run(
            [sys.executable, muniment_verify.__file__, folder / "log"], capture_output=True, text=True, check=False
        )
        if published.returncode:
            outcome.fault = outcome.fault or published.stdout
    finally:
        archive.close()
