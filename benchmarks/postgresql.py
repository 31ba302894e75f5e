"""How much of a bare group commit on PostgreSQL is left when events go through ``Log.record``.

64 threads in two processes, as two web servers have them, on one server (``fsync`` on, on this machine). The
baseline writes ready-made rows into the same tables by ``psycopg`` alone: one committer a
process, one transaction for all that wait once the head row is locked, rows sent by the driver's own
pipelined ``executemany``. Targets: at least 0.6 of the baseline, p99 at most 15 ms.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import services
from app.process import keep_what_is_loaded, share_interpreter
from audit.check import check
from audit.log import Log
from audit.note import VerifierKey
from benchmarks.audit_append import ORIGIN, RecordRead, drive
from benchmarks.figures import Figure, percentile
from core.clock import SystemClock
from core.identifiers import new_id
from core.postgresql import PostgresDatabase
from tests.support import postgres
from tests.support.postgres import Urls

PROCESSES, WRITERS = 2, 32
"""Writers in each process."""
_KEY = str(VerifierKey(ORIGIN, Ed25519PrivateKey.generate().public_key().public_bytes_raw()))
_BEGIN = "BEGIN; SELECT size FROM audit_head FOR UPDATE"


class BareLoop:
    """Group commit and nothing else: rows in, futures out."""

    def __init__(self, url: str) -> None:
        self._waiting = deque[tuple[bytes, "Future[int]"]]()
        self._arrival, self._closing = threading.Condition(), False
        self._connection = psycopg.connect(url, autocommit=True)
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
        self._connection.close()

    def _run(self) -> None:
        cursor = self._connection.cursor()
        while True:
            with self._arrival:
                while not self._waiting and not self._closing:
                    self._arrival.wait()
                if not self._waiting:
                    return
            cursor.execute(_BEGIN)
            cursor.nextset()
            row = cursor.fetchone()
            assert row is not None
            size = row[0]
            with self._arrival:
                batch = [self._waiting.popleft() for _ in range(min(512, len(self._waiting)))]
            leaves, trail = list[tuple[Any, ...]](), list[tuple[Any, ...]]()
            for seq, (entry, _) in enumerate(batch, start=size):
                own = hashlib.sha256(entry).digest()
                leaves.append((seq, entry, own, own[:16]))
                trail += [("action", b"benchmark.record.read", seq), ("actor", own[:16], seq)]
                trail.append(("object.record", own[16:], seq))
            cursor.executemany("INSERT INTO audit_leaves VALUES (%s, %s, %s, %s)", leaves)
            cursor.executemany("INSERT INTO audit_trail VALUES (%s, %s, %s)", trail)
            cursor.execute("UPDATE audit_head SET size = %s, previous = %s", (size + len(batch), leaves[-1][2]))
            cursor.execute("COMMIT")
            for seq, (_, future) in enumerate(batch, start=size):
                future.set_result(seq)


def run(*, quick: bool) -> list[Figure]:
    """Events a second beside the bare loop, and how long each waited."""
    seconds = 2.0 if quick else 8.0
    rounds: dict[str, list[tuple[float, list[float]]]] = {"bare": [], "ours": []}
    # A server of its own: that of ``make services`` may have other things to do.
    with services.private(services.PostgreSQL) as server:
        cluster = postgres.Cluster.on(server)
        for what in list(rounds) * 2:
            rounds[what].append(_measure(cluster.fresh(), what, seconds / 2))
    rate = {what: statistics.mean(rate for rate, _ in told) for what, told in rounds.items()}
    waits = {what: [wait for _, waits in told for wait in waits] for what, told in rounds.items()}
    figures = [
        Figure(
            what=f"events appended by Log.record, {WRITERS} writers in each of {PROCESSES} processes, PostgreSQL",
            value=rate["ours"],
            unit="a second",
            baseline=rate["bare"],
            baseline_is="a second: bare group commit",
            least_ratio=0.6,
        )
    ]
    figures += [
        Figure(
            what=f"wait for an event, p{share}",
            value=percentile(waits["ours"], share),
            unit="ms",
            baseline=percentile(waits["bare"], share),
            baseline_is="ms: bare group commit",
            most=15 if share == 99 else None,
        )
        for share in (50, 99)
    ]
    return figures


def _measure(urls: Urls, what: str, seconds: float) -> tuple[float, list[float]]:
    database = PostgresDatabase(urls.app, "log")
    log = _log(database)
    log.start(ORIGIN, _KEY)
    told = _drive(urls.app, what, seconds)
    if what == "ours":
        verdict = check(database, origin=ORIGIN, vkey=_KEY)
        assert verdict.fault is None, verdict.fault
    log.close()
    database.close()
    return told


def _log(database: PostgresDatabase) -> Log:
    return Log(database, ORIGIN, SystemClock())


def _drive(url: str, what: str, seconds: float) -> tuple[float, list[float]]:
    """Both processes at once; acts a second of both together, and each wait in ms."""
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name) / str(number) for number in range(PROCESSES)]
        children = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.postgresql", what, str(seconds), str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | {"MUNIMENT_BENCHMARK_URL": url},
                cwd=Path(__file__).parent.parent,
            )
            for file in files
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        for child in children:
            child.communicate(timeout=120)
        told = [json.loads(file.read_text()) for file in files]
    return sum(each["rate"] for each in told), [wait for each in told for wait in each["waits"]]


def _child(what: str, seconds: float, told: str) -> None:
    """One process of writers: warms up, waits for the word, then writes its figures to the file ``told``."""
    url = os.environ["MUNIMENT_BENCHMARK_URL"]
    padding = b"x" * 400
    if what == "bare":
        loop = BareLoop(url)

        def act(mine: int) -> object:
            return loop.record(os.urandom(16) + padding)

    else:
        from audit.events import Actor

        database = PostgresDatabase(url, "log")
        log, clock = _log(database), SystemClock()
        department, entity = new_id(), new_id()
        actors = [Actor("person", new_id(), department=department) for _ in range(WRITERS)]

        def act(mine: int) -> object:
            event = RecordRead(by=actors[mine], entity=entity, record=new_id(), request="0123456789abcdef")
            return log.record([event], at=clock.now())

    # As the program's own processes do.
    share_interpreter()
    keep_what_is_loaded()
    drive(act, WRITERS, 0.3)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    rate, waits = drive(act, WRITERS, seconds)
    Path(told).write_text(json.dumps({"rate": rate, "waits": waits}))


if __name__ == "__main__":
    _child(sys.argv[1], float(sys.argv[2]), sys.argv[3])
