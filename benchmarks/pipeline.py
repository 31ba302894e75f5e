"""Born-digital documents a minute, from accepted to searchable, through the real server.

Four clients send the documents over REST as fast as they are answered, then a tenth as many with a pause
after each, while what came before is still being read. Time runs from the first
upload until no work is left, and then every record has to be found. The baseline is a bare
loop of extraction in the same run: as many processes as there are cores, each with its
extraction child, and nothing stored, classified, logged or indexed. Answers to uploads are
timed by the clients, which share the cores with everything else.
"""

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.documents import Document, born_digital, source
from benchmarks.figures import Figure, percentile
from benchmarks.installation import Installation, installed
from core.sqlite import LONG, LONG_SECONDS
from ingest.extractor import Extractor
from tests.support.server import Client

DOCUMENTS, FEW = 1_000, 120
CLIENTS = 4
ONE_MB = 1_000_000
PAUSE_SECONDS = 0.5
_extractor: Extractor | None = None


def run(*, quick: bool) -> list[Figure]:
    """Throughput, and how long uploads took meanwhile."""
    burst, later = (FEW, FEW // 10) if quick else (DOCUMENTS, DOCUMENTS // 10)
    documents = born_digital(burst + later)
    bare = extract_only(documents[: max(FEW, burst // 3)])
    with installed() as installation:
        begun = time.perf_counter()
        at_once = send(installation, documents[:burst])
        in_turn = send(installation, documents[burst:], pause=PAUSE_SECONDS)
        left = installation.jobs_left()
        installation.wait_until_done()
        taken = time.perf_counter() - begun
        records = sum(installation.states().values())
        check_all_found(installation, records)
        long = long_writes(installation.server.log)
    said = f"upload up to 1 MB, {CLIENTS} clients"
    return [
        Figure(
            what=f"{len(documents)} born-digital documents of {source()}, accepted to searchable ({records} records)",
            value=len(documents) / taken * 60,
            unit="a minute",
            least=300,
            baseline=bare,
            baseline_is="a minute: extraction alone",
        ),
        Figure(what=f"{said} without a pause, p50", value=percentile(at_once, 50), unit="ms"),
        Figure(what=f"{said} without a pause, p95", value=percentile(at_once, 95), unit="ms", most=50),
        Figure(
            what=f"{said}, each every {PAUSE_SECONDS} s while {left} jobs and more are left, p50",
            value=percentile(in_turn, 50),
            unit="ms",
        ),
        Figure(what=f"{said}, each every {PAUSE_SECONDS} s, p95", value=percentile(in_turn, 95), unit="ms", most=50),
        Figure(
            what=f"write transactions over {LONG_SECONDS * 1_000:.0f} ms meanwhile (longest {max(long, default=0)} ms)",
            value=len(long),
            unit="",
            most=0,
        ),
    ]


def send(installation: Installation, documents: Sequence[Document], *, pause: float = 0.0) -> list[float]:
    """Milliseconds of each upload of at most 1 MB; a client rests ``pause`` seconds after each of its own."""
    waiting, waits, lock = iter(documents), list[float](), threading.Lock()

    def run_client() -> None:
        with closing(Client(installation.server, installation.token)) as client:
            while True:
                with lock:
                    document = next(waiting, None)
                if document is None:
                    return
                begun = time.perf_counter()
                answer = client.put_file(document.name, document.data)
                spent = (time.perf_counter() - begun) * 1_000
                assert answer.status == 202, answer.body
                if len(document.data) <= ONE_MB:
                    waits.append(spent)
                time.sleep(pause)

    clients = [threading.Thread(target=run_client) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return waits


def long_writes(log: Path) -> list[int]:
    """Milliseconds of the write transactions that a server's log tells of as long."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line["ms"] for line in lines if line["message"] == LONG]


def check_all_found(installation: Installation, records: int) -> None:
    """Hold the search against the number of records."""
    with closing(Client(installation.server, installation.token)) as client:
        found = client.get("/api/v1/search?q=&limit=1").json()["total"]
    assert found == records, f"{found} of {records} are found"


def extract_only(documents: Sequence[Document]) -> float:
    """Documents a minute where nothing but extraction is done, with one process a core."""
    cores = os.cpu_count() or 1
    with multiprocessing.get_context("spawn").Pool(cores, _begin) as pool:
        # The first office document of each process loads its libraries; the server pays for that too.
        begun = time.perf_counter()
        for _ in pool.imap_unordered(_extract, documents):
            pass
        return len(documents) / (time.perf_counter() - begun) * 60


def _begin() -> None:
    global _extractor
    _extractor = Extractor()


def _extract(document: Document) -> None:
    assert _extractor is not None
    _extractor.extract([document.data], name=document.name)
