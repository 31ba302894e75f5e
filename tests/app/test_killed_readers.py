"""``kill -9`` of a real server's extraction children in the middle of documents: all is read in the end, once."""

import os
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from accounts import tokens
from app import reconcile
from app.build import build
from app.settings import Settings
from core import jobs
from core.sqlite import SqliteDatabase
from ingest.read import MOST_KILLED
from ingest.retry import READ
from records.derived import PAGES, DerivedObject
from records.record import NEEDS_ATTENTION, PROCESSING, RECEIVED, Record
from tests.support import documents_raw as raw
from tests.support.archive import Archive
from tests.support.serving import Serving, descendants_of, serving, wait_until

DOCUMENTS, KILLS = 5, 5
SCANNED = 3
READING_SECONDS = 0.8
"""Processor time that a new child has used by the time it reads; a document takes about twice as much again."""


def word_of(number: int) -> str:
    return "kanari" + "bcdfg"[number] * 3


def scan(number: int) -> bytes:
    """Pages whose last line has a word of its own."""
    prose = "This agreement is made between the parties named below.\n" * 16
    return raw.scanned_pdf(*[prose + word_of(number)] * SCANNED)


def token_in(folder: Path) -> str:
    with closing(Archive.open(folder)) as archive, archive.runtime.main.write() as session:
        by = archive.principal("clerk")
        return tokens.create(session, ("capture", "read"), by=by, at=archive.now, keys=archive.runtime.keys).secret


def upload(server: Serving, token: str, number: int) -> UUID:
    headers = {"Authorization": f"Bearer {token}", "Content-Disposition": f"attachment; filename={number}.pdf"}
    answer = httpx.put(f"{server.url}/api/v1/uploads", content=scan(number), headers=headers, timeout=20)
    assert answer.status_code == 202, answer.text
    return UUID(answer.json()["id"])


class Killer:
    """Kills the worker's extraction children while they read."""

    def __init__(self, server: Serving, main: SqliteDatabase) -> None:
        self._server, self._main = server, main
        self.killed: list[int] = []
        self.cut_short: list[UUID] = []
        """The job that was under way before and after each kill."""

    def kill_next(self) -> None:
        """Wait for a child that has not been killed yet and is at work, and kill it."""
        wait_until(self._kill_one, 60, self._server)

    def _kill_one(self) -> bool:
        for pid in descendants_of(self._server.pids()["worker"]) - set(self.killed):
            if processor_seconds(pid) >= READING_SECONDS and (job := self._reading()) is not None:
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)
                self.cut_short.append(job)
                return True
        return False

    def _reading(self) -> UUID | None:
        with self._main.read() as session:
            return session.scalar(select(jobs.Job.id).where(jobs.Job.name == READ, jobs.Job.state == jobs.LEASED))


def processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def jobs_left(main: SqliteDatabase) -> int:
    with main.read() as session:
        waits = jobs.Job.state.in_((jobs.READY, jobs.LEASED))
        return session.scalar(select(func.count()).select_from(jobs.Job).where(waits)) or 0


@pytest.mark.slow
def test_documents_whose_readers_are_killed_are_read_in_the_end_and_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    token = token_in(folder)
    with serving(folder) as server, closing(SqliteDatabase(folder / "db" / "main.db")) as main:
        accepted = {number: upload(server, token, number) for number in range(DOCUMENTS)}
        killer = Killer(server, main)
        for _ in range(KILLS):
            killer.kill_next()
        wait_until(lambda: jobs_left(main) == 0, 120, server)
    assert len(set(killer.killed)) == KILLS

    with closing(Archive(build(Settings(data=folder, workers=1)), UUID(int=0), {})) as archive:
        with archive.runtime.main.read() as session:
            states = {row.id: row.state for row in session.scalars(select(Record))}
            derived = Counter(map(tuple, session.execute(select(DerivedObject.record, DerivedObject.part))))
            reading = {job.id: job for job in session.scalars(select(jobs.Job).where(jobs.Job.name == READ))}
        assert set(states) == set(accepted.values())
        assert not {RECEIVED, PROCESSING, NEEDS_ATTENTION} & set(states.values())
        assert derived == Counter((record, PAGES) for record in accepted.values())
        for number, record in accepted.items():
            assert [item.record.id for item in archive.search(word_of(number)).items] == [record]
        # Two kills put a document off; one is made good at once.
        assert {job.state for job in reading.values()} == {jobs.DONE}
        assert max(job.attempts for job in reading.values()) in range(2, MOST_KILLED)
        assert set(killer.cut_short) <= set(reading)
        assert reconcile.look(archive.runtime).agrees
