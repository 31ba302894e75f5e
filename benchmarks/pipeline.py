"""Born-digital documents a minute, from accepted to searchable, through the real server.

Four clients send the documents over REST as fast as they are answered; time runs from the first
upload until no work is left, and then every record has to be found. The baseline is a bare
loop of extraction in the same run: as many processes as there are cores, each with its
extraction child, and nothing stored, classified, logged or indexed. Answers to
uploads are timed by the clients while all of that goes on, with the other cores' work in their way.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from contextlib import closing

from benchmarks.documents import Document, born_digital, source
from benchmarks.figures import Figure, percentile
from benchmarks.installation import Installation, installed
from ingest.extractor import Extractor
from tests.support.server import Client

DOCUMENTS, FEW = 1_000, 120
CLIENTS = 4
ONE_MB = 1_000_000
_extractor: Extractor | None = None


def run(*, quick: bool) -> list[Figure]:
    """Throughput, and how long uploads took meanwhile."""
    documents = born_digital(FEW if quick else DOCUMENTS)
    bare = extract_only(documents[: max(FEW, len(documents) // 3)])
    with installed() as installation:
        taken, waits = accepted_to_searchable(installation, documents)
        records = sum(installation.states().values())
        check_all_found(installation, records)
    rate = len(documents) / taken * 60
    p50, p95 = percentile(waits, 50), percentile(waits, 95)
    said = f"of {source()}, accepted to searchable ({records} records with attachments)"
    return [
        Figure(
            what=f"{len(documents)} born-digital documents {said}",
            value=rate,
            unit="a minute",
            least=300,
            baseline=bare,
            baseline_is="a minute: extraction alone",
        ),
        Figure(what=f"upload up to 1 MB meanwhile, {CLIENTS} clients, p50", value=p50, unit="ms"),
        Figure(what=f"upload up to 1 MB meanwhile, {CLIENTS} clients, p95", value=p95, unit="ms", most=50),
    ]


def accepted_to_searchable(installation: Installation, documents: Sequence[Document]) -> tuple[float, list[float]]:
    """Seconds until all documents could be found; milliseconds of each upload of at most 1 MB."""
    waiting, waits = iter(list(documents)), list[float]()
    lock = threading.Lock()

    def send() -> None:
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

    begun = time.perf_counter()
    clients = [threading.Thread(target=send) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    installation.wait_until_done()
    return time.perf_counter() - begun, waits


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
