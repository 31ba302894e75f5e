"""Destroying 10,000 records of 7 kB: rows, keys, objects, index, log and certificates, until nothing is left.

They are filed among as many that stay, so that the index is rebuilt and not thrown away. The baseline of the same
run is the bare deletion of as many files as they have objects, each made durable, by one thread.
"""

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select

from benchmarks.figures import Figure
from core.jobs import READY, Job
from core.sqlite import LONG, LONG_SECONDS
from records import derived, pages, placement, record
from records.derived import PAGES
from records.pages import ReadPage
from records.record import Record
from retention.destruction import Destruction
from tests.support.archive import reading
from tests.support.depot import CLASS, Depot
from vault.envelope import context
from vault.store import derived_key
from vault.writer import seal_into

TARGET_SECONDS = 300.0
LONGEST_MS = 50.0
WORDS = ("invoice", "delivery", "goods", "payment", "thirty", "days", "reference", "amount", "total", "tax", "account")


def run(*, quick: bool) -> list[Figure]:
    """Seconds from the start of the run to the last certificate, and the longest transaction that others wait for."""
    count = 200 if quick else 10_000
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        depot = Depot.open(Path(name) / "data")
        try:
            return _measure(depot, Path(name), count, quick=quick)
        finally:
            depot.close()


def _measure(depot: Depot, folder: Path, count: int, *, quick: bool) -> list[Figure]:
    lay_down(depot, count)
    return destroy(depot, folder, count, quick=quick)


def lay_down(depot: Depot, count: int) -> None:
    """Records that may go, decided and approved, among as many that stay."""
    _file(depot, count, date(2009, 3, 4))
    _file(depot, count, depot.archive.now.date())
    depot.archive.settle()
    while (made := depot.propose()) is not None:
        depot.decide(made)
        depot.approve(made, depot.submit(made))


def destroy(depot: Depot, folder: Path, count: int, *, quick: bool) -> list[Figure]:
    """Destroy what ``lay_down`` left, once."""
    later = depot.after_grace()
    marks: list[tuple[str, float]] = []
    with _long() as long:
        begun = time.perf_counter()
        outcome = depot.carry_out(at=later, passing=lambda step: marks.append((step, time.perf_counter())))
        carried = time.perf_counter()
        depot.archive.index()
        depot.carry_out(at=later)
        spent = time.perf_counter() - begun
    objects = _check(depot, count)
    assert outcome.begun == count, outcome
    longest = max(after[1] - each[1] for each, after in pairwise(marks) if each[0] == "begin")
    baseline = _bare(folder / "bare", objects)
    factor = count / 10_000
    return [
        Figure(
            what=f"{count:,} records destroyed",
            value=spent,
            unit="s",
            baseline=baseline,
            baseline_is=f"s: {objects:,} files deleted, each durably",
            most=None if quick else TARGET_SECONDS * factor,
        ),
        Figure(what="of which index and certificates (the keeper)", value=spent - (carried - begun), unit="s"),
        Figure(
            what="longest transaction of the point of no return",
            value=longest * 1000,
            unit="ms",
            most=None if quick else LONGEST_MS,
        ),
        Figure(
            what=f"transactions over {LONG_SECONDS * 1_000:.0f} ms in any step (longest {max(long, default=0)} ms)",
            value=len(long),
            unit="",
            most=None if quick else 0,
        ),
    ]


@contextlib.contextmanager
def _long() -> Iterator[list[int]]:
    """Milliseconds of the write transactions meanwhile that were long, as the database tells of them."""
    found: list[int] = []

    class Heard(logging.Handler):
        def emit(self, told: logging.LogRecord) -> None:
            if told.getMessage() == LONG:
                found.append(getattr(told, "ms", 0))

    heard, logger = Heard(), logging.getLogger("muniment")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(heard)
    try:
        yield found
    finally:
        logger.removeHandler(heard)
        logger.setLevel(level)


def _check(depot: Depot, count: int) -> int:
    with depot.run.main.read() as session:
        assert session.scalar(select(func.count()).select_from(Record)) == count
        rows = session.scalars(select(Destruction)).all()
        assert all(row.certificate for row in rows)
        assert len(rows) == count
    assert depot.run.index.count() == count
    assert sum(row.records for row in depot.certificates()) == count
    return sum(len(row.objects) for row in rows)


def _file(depot: Depot, count: int, day: date) -> None:
    """File records as reading leaves them: without an extraction child, which is not what is measured."""
    run = depot.run
    for number in range(count):
        text = f"{CLASS} {number} " + " ".join(WORDS[(number + step) % len(WORDS)] for step in range(1_000))
        record_id = depot.receive(text, f"{number}.txt", day)
        _read(depot, record_id, text)
    with run.main.write() as session:
        for job in session.scalars(select(Job).where(Job.name == "ingest.read", Job.state == READY)):
            session.delete(job)


def _read(depot: Depot, record_id: UUID, text: str) -> None:
    run = depot.run
    with run.main.read() as session, run.keys.tally.sealing():
        row = session.get_one(Record, record_id)
        version = record.get_version(session, row)
        key = run.keys.get(session, version.id)
    object_key = derived_key(version.id, PAGES)
    page = ReadPage(1, text, (), 0, 0, "text_layer", "en")
    sealed = seal_into(run.store, object_key, key, context(record_id, version.id, PAGES), pages.encode([page]))
    with run.main.write() as session:
        row, version = session.get_one(Record, record_id), session.get_one(record.RecordVersion, version.id)
        derived.name(session, version, PAGES, object_key, sealed.stored, at=run.clock.now())
        read = reading(title=f"Invoice of {record_id.hex[:4]}")
        placement.settle_reading(session, row, version, read, key=key, by=depot.by("clerk"), at=run.clock.now())


def _bare(folder: Path, count: int) -> float:
    folder.mkdir()
    for number in range(count):
        (folder / str(number)).write_bytes(b"x" * 7_000)
    handle = os.open(folder, os.O_RDONLY)
    begun = time.perf_counter()
    for number in range(count):
        (folder / str(number)).unlink()
        os.fsync(handle)
    os.close(handle)
    return time.perf_counter() - begun
