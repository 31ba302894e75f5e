"""How much of a bare group commit is left when events go through ``Log.record``.

The baseline writes ready-made rows into the same tables with the ``sqlite3`` module alone:
64 threads, one committer, one transaction for all that wait, ``synchronous=FULL``. Then 64
threads record events through the log's own interface (ids, checks, aliases, canonical bytes,
hashes, chain, tree, trail): as in a running installation, where the recorder's process commits, and
as in a process that finds no recorder. Target: at least 0.6 of the baseline, p99 at most 15 ms. Then one
writer (p99 at most 3 ms), 64 writers where each commit takes 5 ms more (at least 4,000 events a second), and 16
readers, each waiting for its event as a page view does: median wait at most 3 ms.
"""

import hashlib
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from app import settings
from app.folders import DataFolder, folder_of
from app.process import share_interpreter
from app.recorder import recorder_socket
from audit.appender import Appender
from audit.body import Detail
from audit.check import check
from audit.events import Actor, Event, ObjectRef
from audit.log import Log
from audit.note import VerifierKey
from audit.recorder import Recorder, listen, serve
from audit.verify import Verdict, verify
from benchmarks.figures import Figure, percentile
from core.clock import SystemClock
from core.database import LogTable
from core.identifiers import new_id
from core.sqlite import SqliteDatabase

ORIGIN = "muniment.local/benchmark"
WRITERS, READERS = 64, 16
WAYS = ("with the recorder", "alone")
SLOW_SECONDS = 0.005
"""What a commit takes longer where a slow disk is played."""
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class RecordRead(Event):
    """A record was read, in a benchmark."""

    action = "benchmark.record.read"
    use = "read"
    description = "A record was read, in a benchmark."
    detail_keys: ClassVar[Mapping[str, Detail]] = {"purpose": Detail("code", "What for.")}
    record: UUID

    def objects(self) -> list[ObjectRef]:
        return [ObjectRef("record", self.record, 1)]

    def details(self) -> Mapping[str, Any]:
        return {"purpose": "view"}


def fresh(folder: Path) -> SqliteDatabase:
    """A log database with its tables."""
    import audit.catalogues
    import audit.checkpoint
    import audit.log
    import audit.opening  # noqa: F401

    database = SqliteDatabase(folder / "log.db")
    with database.exclusive():
        LogTable.metadata.create_all(database.engine)
    return database


class SlowDatabase(SqliteDatabase):
    """A log database whose commits take longer."""

    @contextmanager
    def write_often(self) -> Iterator[Connection]:
        with super().write_often() as connection:
            yield connection
            time.sleep(SLOW_SECONDS)


class BareLoop:
    """Group commit and nothing else: rows in, futures out."""

    def __init__(self, path: Path, *, slow: bool = False) -> None:
        self._slow = slow
        self._path, self._waiting = path, deque[tuple[bytes, "Future[int]"]]()
        self._arrival, self._closing = threading.Condition(), False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def record(self, entry: bytes) -> int:
        future: Future[int] = Future()
        with self._arrival:
            self._waiting.append((entry, future))
            self._arrival.notify()
        return future.result()

    def close(self) -> None:
        with self._arrival:
            self._closing = True
            self._arrival.notify()
        self._thread.join()

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "wal_autocheckpoint=4000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("INSERT INTO audit_head VALUES (1, 0, x'', zeroblob(32), 0, 0)")
        size = 0
        while True:
            with self._arrival:
                while not self._waiting and not self._closing:
                    self._arrival.wait()
                batch = [self._waiting.popleft() for _ in range(min(512, len(self._waiting)))]
            if not batch:
                return
            leaves: Rows = []
            trail: Rows = []
            connection.execute("BEGIN IMMEDIATE")
            for seq, (entry, _) in enumerate(batch, start=size):
                own = hashlib.sha256(entry).digest()
                leaves.append((seq, entry, own, own[:16]))
                trail += [("a", b"benchmark.record.read", seq), ("p", own[:16], seq)]
                trail.append(("o", own[16:], seq))
            connection.executemany("INSERT INTO audit_leaves VALUES (?, ?, ?, ?)", leaves)
            connection.executemany("INSERT INTO audit_trail VALUES (?, ?, ?)", trail)
            size += len(batch)
            connection.execute("UPDATE audit_head SET size = ?, previous = ?", (size, leaves[-1][2]))
            if self._slow:
                time.sleep(SLOW_SECONDS)
            connection.execute("COMMIT")
            for seq, (_, future) in enumerate(batch, start=size - len(batch)):
                future.set_result(seq)


def drive(act: Callable[[int], object], threads: int, seconds: float) -> tuple[float, list[float]]:
    """Let threads act one after the other's answer; acts a second, and how long each took in ms."""
    waits: list[list[float]] = [[] for _ in range(threads)]
    end = time.perf_counter() + seconds

    def run(mine: int) -> None:
        while (begun := time.perf_counter()) < end:
            act(mine)
            waits[mine].append((time.perf_counter() - begun) * 1000)

    started = time.perf_counter()
    pool = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    every = [wait for mine in waits for wait in mine]
    return len(every) / (time.perf_counter() - started), every


def run(*, quick: bool) -> list[Figure]:
    """Events a second beside the bare loop, how long 16 readers wait, and how fast the log is verified."""
    seconds = 1.0 if quick else 5.0
    # As in every process of an installation; for the bare loop too.
    share_interpreter()
    with tempfile.TemporaryDirectory() as name:
        rounds = [measure(Path(name) / str(number), seconds / 2) for number in range(2)]
        bare, *ours = ([*zip(*each, strict=True)] for each in zip(*rounds, strict=True))
        appended = []
        for how, (rates, waits) in zip(WAYS, ours, strict=True):
            beside = statistics.mean(bare[0])
            appended += [
                Figure(
                    what=f"events appended by Log.record, {WRITERS} writers, {how}",
                    value=statistics.mean(rates),
                    unit="a second",
                    baseline=beside,
                    baseline_is="a second: bare group commit",
                    least_ratio=0.6,
                ),
                _p99(f"the same, {how}", statistics.mean(waits), statistics.mean(bare[1]), most=15),
            ]
        return appended + few(Path(name), seconds) + read(Path(name) / "readers", seconds)


def measure(folder: Path, seconds: float) -> tuple[tuple[float, float], ...]:
    """All loops, one after the other, so that a slow minute of the machine meets all of them: rate and p99 of each."""
    done = [_bare(folder / "bare", WRITERS, seconds)]
    for way in WAYS:
        with started(folder / way, way) as (_, act):
            done.append(drive(act, WRITERS, seconds))
    return tuple((rate, percentile(waits, 99)) for rate, waits in done)


def few(folder: Path, seconds: float) -> list[Figure]:
    """One writer alone, and many where a commit takes longer; with the recorder."""
    _, bare = _bare(folder / "bare-one", 1, seconds / 2)
    with started(folder / "one", WAYS[0]) as (_, act):
        _, waits = drive(act, 1, seconds)
    slow_bare, _ = _bare(folder / "bare-slow", WRITERS, seconds / 2, slow=True)
    with started(folder / "slow", WAYS[0], slow=True) as (_, act):
        rate, _ = drive(act, WRITERS, seconds)
    return [
        _p99("one writer, with the recorder", percentile(waits, 99), percentile(bare, 99), most=3),
        Figure(
            what=f"events appended, {WRITERS} writers, each commit {SLOW_SECONDS * 1_000:.0f} ms longer",
            value=rate,
            unit="a second",
            least=4_000,
            baseline=slow_bare,
            baseline_is="a second: bare group commit, as much longer",
        ),
    ]


def _p99(what: str, value: float, bare: float, *, most: float) -> Figure:
    return Figure(
        what=f"{what}, p99", value=value, unit="ms", most=most, baseline=bare, baseline_is="ms: bare group commit"
    )


def _bare(folder: Path, threads: int, seconds: float, *, slow: bool = False) -> tuple[float, list[float]]:
    folder.mkdir(parents=True)
    fresh(folder).close()
    loop = BareLoop(folder / "log.db", slow=slow)
    padding = b"x" * 400
    done = drive(lambda mine: loop.record(os.urandom(16) + padding), threads, seconds)
    loop.close()
    return done


@contextmanager
def started(folder: Path, way: str, *, slow: bool = False) -> Iterator[tuple[Log, Callable[[int], object]]]:
    """A log, and the act of one person reading one record."""
    data = DataFolder(folder)
    data.make(folder / "keys")
    key = VerifierKey(ORIGIN, Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    clock = SystemClock()
    log = Log(fresh(data.databases), ORIGIN, clock, recorder=Recorder(recorder_socket(data)))
    log.start(ORIGIN, str(key))
    department, entity = new_id(), new_id()
    actors = [Actor("person", new_id(), department=department) for _ in range(WRITERS)]

    def act(mine: int) -> object:
        event = RecordRead(by=actors[mine], entity=entity, record=new_id(), request="0123456789abcdef")
        return log.record([event], at=clock.now())

    with _recorder(data, slow=slow) if way == WAYS[0] else nullcontext():
        yield log, act
        log.close()
    log.database.close()


@contextmanager
def _recorder(data: DataFolder, *, slow: bool) -> Iterator[None]:
    command = [sys.executable, "-m", *(("benchmarks.audit_append",) if slow else ("app.process", "recorder"))]
    with subprocess.Popen(command, env={**os.environ, "MUNIMENT_DATA": str(data.root)}) as process:
        try:
            while not recorder_socket(data).exists():
                assert process.poll() is None
                time.sleep(0.01)
            yield
        finally:
            process.terminate()


def read(folder: Path, seconds: float) -> list[Figure]:
    """Waits of 16 readers, then how fast the log they wrote is verified."""
    _, bare = _bare(folder / "bare", READERS, seconds / 2)
    figures: list[Figure] = []
    for way in WAYS:
        with started(folder / way, way) as (log, act):
            _, waits = drive(act, READERS, seconds)
            figures += [
                Figure(
                    what=f"wait for an event, {READERS} readers, {way}, p{share}",
                    value=percentile(waits, share),
                    unit="ms",
                    baseline=percentile(bare, share),
                    baseline_is="ms: bare group commit",
                    most=3 if share == 50 else None,
                )
                for share in (50, 95)
            ]
            if way == WAYS[-1]:
                figures += _verified(log)
    return figures


def _verified(log: Log) -> list[Figure]:
    figures = []
    with log.database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT entry FROM audit_leaves ORDER BY seq")
        entries = [entry for (entry,) in rows]
    runs: dict[str, Callable[[], Verdict]] = {
        "entries verified from bytes": lambda: verify(entries),
        "entries checked in the stored log": lambda: check(log.database),
    }
    for what, act_once in runs.items():
        begun = time.perf_counter()
        verdict = act_once()
        assert verdict.fault is None, verdict.fault
        figures.append(Figure(what=what, value=verdict.size / (time.perf_counter() - begun), unit="a second"))
    return figures


def _record_slowly() -> None:
    """The recorder of the data folder, on a database whose commits take longer; until it is ended."""
    share_interpreter()
    data = folder_of(settings.load())
    appender = Appender(SlowDatabase(data.databases / "log.db"), SystemClock())
    ended, ending = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.close(ending))
    serve(listen(recorder_socket(data)), appender, until=ended)


if __name__ == "__main__":
    _record_slowly()
