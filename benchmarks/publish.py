"""Publishing the log: how old an entry is when a checkpoint over it is there, how fast a whole log is published,
how long a proof takes, and what an entry takes up on disk: a read of a record, the mix of ``benchmarks.audit_mix``, and
that mix among the log's own entries, as 50 days of an office leave it.

One process appends 5,000 events a second, another signs and publishes as the keeper's thread does. The
baseline of publishing writes and syncs the same files and does nothing else; that of a proof reads the rows of its
tiles by the ``sqlite3`` module alone; that of the space is the entries' own bytes.
"""

import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.keeper import CHECKPOINT_SECONDS
from audit.checkpoint import Signer, rebuild
from audit.events import Actor, Event
from audit.keyfile import SigningKey
from audit.log import Log
from audit.publish import Folder
from audit.seal import KeySeal
from audit.served import inclusion
from benchmarks.audit_append import ORIGIN, fresh
from benchmarks.audit_mix import STEPS, one_day, one_document
from benchmarks.figures import Figure, percentile
from core.clock import SystemClock
from core.identifiers import new_id, new_request_id
from core.sqlite import SqliteDatabase
from records.events import RecordViewed

RATE = 5_000
_BATCH = 50
_TOGETHER = 500
_KEY = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))


def run(*, quick: bool) -> list[Figure]:
    """All of it; ``quick`` with a log of 50,000 entries instead of a million."""
    size, seconds = (50_000, 4.0) if quick else (1_000_000, 30.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = fresh(folder)
        log = Log(database, ORIGIN, SystemClock())
        log.start(ORIGIN, str(_KEY.verifier))
        for _ in range(0, size, 1_000):
            log.record([_event() for _ in range(1_000)], at=log.clock.now())
        log.close()
        figures = _whole(database, folder)
        figures += _live(database, folder, seconds)
        figures += _proofs(database, folder, 50 if quick else 300)
        figures += _space(database, folder, "read of a record")
        database.close()
        documents = (one_document() for _ in range((30_000 if quick else 300_000) // STEPS))
        figures += _mixed(folder / "mix", documents, "event of the mix")
        days = (tuple(one_day()) for _ in range(5 if quick else 50))
        figures += _mixed(folder / "days", days, "event of an office's days")
    return figures


def _mixed(folder: Path, pieces: Iterable[Sequence[Event]], what: str) -> list[Figure]:
    """The space that these events take, with the openings of their searches."""
    folder.mkdir()
    database = fresh(folder)
    log = Log(database, ORIGIN, SystemClock(), seal=KeySeal(bytes(32)))
    log.start(ORIGIN, str(_KEY.verifier))
    waiting: list[Event] = []
    for piece in pieces:
        waiting += piece
        if len(waiting) >= _TOGETHER:
            log.record(waiting, at=log.clock.now())
            waiting = []
    log.record(waiting, at=log.clock.now())
    log.close()
    signer = Signer(database, _KEY, folder / "log" / "checkpoint", SystemClock())
    signer._sign()
    signer.sign_if_grown()
    figures = _space(database, folder, what)
    database.close()
    return figures


_ACTORS = [(Actor("person", new_id(), department=new_id()), new_id()) for _ in range(50)]


def _event() -> RecordViewed:
    by, entity = random.choice(_ACTORS)  # noqa: S311
    return RecordViewed(
        by=by, entity=entity, record=new_id(), version=1, digest=None, purpose="view", piece="detail",
        request=new_request_id(),
    )  # fmt: skip


def _whole(database: SqliteDatabase, folder: Path) -> list[Figure]:
    """The first start on a log that was never published."""
    signer = Signer(database, _KEY, folder / "log" / "checkpoint", SystemClock())
    signer._sign()
    begun = time.perf_counter()
    signer.sign_if_grown()
    taken = time.perf_counter() - begun
    size = Folder(folder / "log").size()
    begun = time.perf_counter()
    assert rebuild(database, folder / "log" / "checkpoint") == 0
    compared = time.perf_counter() - begun
    bare = _bare(folder)
    return [
        Figure(
            what="entries of a whole log published",
            value=size / taken,
            unit="a second",
            baseline=size / bare,
            baseline_is="a second: the same files written and synced",
        ),
        Figure(what="entries compared by muniment audit rebuild", value=size / compared, unit="a second"),
    ]


def _bare(folder: Path) -> float:
    files = [
        (place.relative_to(folder / "log"), place.read_bytes())
        for place in (folder / "log").rglob("*")
        if place.is_file()
    ]
    begun = time.perf_counter()
    for path, data in files:
        place = folder / "bare" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    taken = time.perf_counter() - begun
    shutil.rmtree(folder / "bare")
    return taken


def _live(database: SqliteDatabase, folder: Path, seconds: float) -> list[Figure]:
    signer = Signer(database, _KEY, folder / "log" / "checkpoint", SystemClock())
    signer.start()
    shown: list[tuple[int, float]] = []
    took: list[float] = []
    words = [sys.executable, "-m", "benchmarks.publish", str(folder), str(seconds)]
    told = folder / "appended"
    # To a file: a pipe holds less than it has to tell, and is not read before the end.
    with told.open("w") as stream, subprocess.Popen(words, stdout=stream) as writer:
        ended = False
        while not ended:
            ended = writer.poll() is not None
            begun = time.monotonic()
            signed = signer.sign_if_grown()
            took.append(time.monotonic() - begun)
            if signed is not None:
                shown.append((signed.size, time.monotonic()))
            if not ended:
                time.sleep(max(0.05, CHECKPOINT_SECONDS - 2 * took[-1]))
    written = [json.loads(line) for line in told.read_text().splitlines()]
    ages, at = [], iter(shown)
    size, instant = next(at)
    for seq, appended in written:
        while size <= seq:
            size, instant = next(at)
        ages.append((instant - appended) * 1_000)
    rate = len(written) * _BATCH / (written[-1][1] - written[0][1])
    return [
        Figure(what="events appended meanwhile", value=rate, unit="a second", least=0.98 * RATE),
        Figure(what="age of an entry when its checkpoint is published, most", value=max(ages), unit="ms", most=1_000),
        Figure(what="the same, p50", value=percentile(ages, 50), unit="ms"),
        Figure(what="signing and publishing once, p50", value=statistics.median(took) * 1_000, unit="ms"),
    ]


def _append(folder: Path, seconds: float) -> None:
    """Append at the rate, in a process of its own; prints the position and the instant of each batch."""
    database = SqliteDatabase(folder / "log.db")
    log = Log(database, ORIGIN, SystemClock())
    begun = time.monotonic()
    lines = []
    for number in range(int(seconds * RATE / _BATCH)):
        time.sleep(max(0.0, begun + number * _BATCH / RATE - time.monotonic()))
        receipts = log.record([_event() for _ in range(_BATCH)], at=log.clock.now())
        lines.append(json.dumps([receipts[-1].seq, time.monotonic()]))
    log.close()
    database.close()
    sys.stdout.write("\n".join(lines) + "\n")


def _proofs(database: SqliteDatabase, folder: Path, count: int) -> list[Figure]:
    size = Folder(folder / "log").size()
    positions = [random.randrange(size) for _ in range(count)]  # noqa: S311
    ours, bare = [], []
    connection = sqlite3.connect(folder / "log.db")
    for seq in positions:
        begun = time.perf_counter()
        with database.read() as session:
            inclusion(session, seq)
        ours.append((time.perf_counter() - begun) * 1_000)
        begun = time.perf_counter()
        first = seq & ~255
        connection.execute("SELECT hash FROM audit_leaves WHERE seq >= ? AND seq < ?", (first, first + 256)).fetchall()
        statement = "SELECT hash FROM audit_nodes WHERE height = ? AND number >= ? AND number < ?"
        for height in (8, 16):
            first = seq >> height & ~255
            connection.execute(statement, (height, first, first + 256)).fetchall()
        bare.append((time.perf_counter() - begun) * 1_000)
    connection.close()
    return [
        Figure(
            what=f"proof of one entry in a log of {size:,}, p{share}",
            value=percentile(ours, share),
            unit="ms",
            most=10,
            baseline=percentile(bare, share),
            baseline_is="ms: its rows read",
        )
        for share in (50, 95)
    ]


def _space(database: SqliteDatabase, folder: Path, what: str) -> list[Figure]:
    with database.read() as session:
        connection = session.connection()
        size, entries = connection.exec_driver_sql("SELECT count(*), sum(length(entry)) FROM audit_leaves").one()
        middle = connection.exec_driver_sql(
            "SELECT length(entry) FROM audit_leaves ORDER BY 1 LIMIT 1 OFFSET ?", (size // 2,)
        ).scalar_one()
    # Written back, so that the file is as large as its rows.
    sqlite3.connect(folder / "log.db").execute("PRAGMA wal_checkpoint(TRUNCATE)")
    rows = (folder / "log.db").stat().st_size
    files = [place for place in (folder / "log").rglob("*") if place.is_file()]
    bundles = sum(place.stat().st_size for place in files if "entries" in place.parts)
    hashes = sum(place.stat().st_size for place in files) - bundles
    return [
        Figure(what=f"entry, median; {what}", value=middle, unit="bytes", most=450),
        Figure(
            what=f"everything for one entry (row, trail, openings, tiles, bundles); {what}",
            value=(rows + bundles + hashes) / size,
            unit="bytes",
            most=1_000,
            baseline=entries / size,
            baseline_is="bytes: the entry alone, mean",
        ),
        Figure(what="of these, the database", value=rows / size, unit="bytes"),
        Figure(what="of these, bundles, the full ones in gzip", value=bundles / size, unit="bytes"),
        Figure(what="of these, tiles", value=hashes / size, unit="bytes"),
    ]


if __name__ == "__main__":
    _append(Path(sys.argv[1]), float(sys.argv[2]))
