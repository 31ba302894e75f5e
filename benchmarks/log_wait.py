"""How long requests wait for the audit log, as ``Server-Timing`` says, with 16 readers and an import running.

Sixteen clients open the text and details of records one after the other, each access logged
before a byte of it leaves, while another client sends documents in without a pause. The baseline is the
bare group commit of ``benchmarks.audit_append`` with 16 writers on the same disk, nothing else going on.
"""

import os
import re
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from benchmarks.audit_append import BareLoop, drive, fresh
from benchmarks.documents import born_digital
from benchmarks.figures import Figure, percentile
from benchmarks.installation import Installation, installed
from tests.support.server import Client

READERS = 16
KNOWN = 40
_WAIT = re.compile(r"log;dur=([0-9.]+)")


def run(*, quick: bool) -> list[Figure]:
    """Median and tail of the waits."""
    seconds = 4.0 if quick else 30.0
    bare = _bare(seconds / 3)
    with installed() as installation:
        known = _prepare(installation)
        waits, imported = _read(installation, known, seconds)
    said = f"wait for the log, {READERS} readers, {len(waits)} requests while {imported} files came in"
    return [
        Figure(
            what=f"{said}, p50",
            value=percentile(waits, 50),
            unit="ms",
            most=3,
            baseline=percentile(bare, 50),
            baseline_is="ms: bare group commit",
        ),
        Figure(
            what=f"{said}, p95",
            value=percentile(waits, 95),
            unit="ms",
            baseline=percentile(bare, 95),
            baseline_is="ms: bare group commit",
        ),
    ]


def _bare(seconds: float) -> list[float]:
    with tempfile.TemporaryDirectory() as name:
        fresh(Path(name)).close()
        loop = BareLoop(Path(name) / "log.db")
        padding = b"x" * 400
        _, waits = drive(lambda mine: loop.record(os.urandom(16) + padding), READERS, seconds)
        loop.close()
    return waits


def _prepare(installation: Installation) -> list[str]:
    """Some records to read, all of them found."""
    with closing(Client(installation.server, installation.token)) as client:
        ids = [client.put_file(d.name, d.data).json()["id"] for d in born_digital(KNOWN)]
    installation.wait_until_done()
    return ids


def _read(installation: Installation, known: list[str], seconds: float) -> tuple[list[float], int]:
    waits: list[float] = []
    imported = 0
    end = time.monotonic() + seconds

    def read(mine: int) -> None:
        with closing(Client(installation.server, installation.token)) as client:
            turn = mine
            while time.monotonic() < end:
                answer = client.get(f"/api/v1/records/{known[turn % len(known)]}")
                assert answer.status == 200, answer.body
                found = _WAIT.search(answer.headers.get("server-timing", ""))
                assert found is not None
                waits.append(float(found[1]))
                turn += 1

    def bring() -> None:
        nonlocal imported
        with closing(Client(installation.server, installation.token)) as client:
            for number, document in enumerate(born_digital(5_000)[KNOWN:]):
                if time.monotonic() >= end:
                    return
                assert client.put_file(document.name, document.data).status == 202
                imported = number + 1

    threads = [threading.Thread(target=read, args=(mine,)) for mine in range(READERS)]
    threads.append(threading.Thread(target=bring))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits, imported
