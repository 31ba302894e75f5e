"""What the distributed shape costs our own processes: processor seconds a document, beside the embedded shape.

Both shapes get the same documents in the same run, after the same ones to load libraries by: as many as it
takes until every worker has read some, for a worker that begins later would be counted. Counted are
all processes of Muniment with their extraction children, dead ones too; the servers that they stand on
are not. The servers are those of ``make services``.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import distinct, func, select

from app.runtime import Runtime
from benchmarks.documents import Document, born_digital, source
from benchmarks.figures import Figure
from benchmarks.installation import installed
from core import jobs
from ingest.retry import READ
from tests.support.cluster_kills import wait_until_idle
from tests.support.distributed import Cluster, Servers, cluster
from tests.support.server import Client, descendants

DOCUMENTS, FEW = 300, 30
WARM, MOST_WARM = 240, 480
IN_TURN = 30
CLIENTS = 2
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Shape:
    """One running installation."""

    addresses: Sequence["_Web"]
    token: str
    pids: Callable[[], Iterable[int]]
    wait_until_done: Callable[[], None]
    is_warm: Callable[[], bool] = lambda: True
    """Whether every worker has read something."""


@dataclass(frozen=True, slots=True)
class _Web:
    url: str


def run(*, quick: bool) -> list[Figure]:
    """Processor seconds a document in each shape, and how long it took."""
    count = FEW if quick else DOCUMENTS
    documents = born_digital(MOST_WARM + count)
    with embedded() as one, distributed() as other:
        begun = 0
        while begun < WARM or not other.is_warm():
            if begun == MOST_WARM:
                raise RuntimeError("a worker has read nothing yet: there is nothing to compare")
            for shape in (one, other):
                _send(shape, documents[begun : begun + IN_TURN])
                shape.wait_until_done()
            begun += IN_TURN
        own, theirs = _Spent(), _Spent()
        # In turns: whatever else the machine does falls on both.
        for start in range(begun, begun + count, IN_TURN):
            these = documents[start : min(start + IN_TURN, begun + count)]
            own.add(one, these)
            theirs.add(other, these)
    return [
        Figure(
            what=f"distributed: processor seconds of our processes a document ({count} of {source()})",
            value=theirs.processor_seconds / count,
            unit="s",
            baseline=own.processor_seconds / count,
            baseline_is="s embedded",
            most_ratio=1.15,
        ),
        Figure(
            what="distributed: accepted to searchable",
            value=count / theirs.seconds * 60,
            unit="a minute",
            baseline=count / own.seconds * 60,
            baseline_is="a minute embedded",
        ),
    ]


@dataclass
class _Spent:
    """What one shape has taken so far."""

    processor_seconds: float = 0.0
    seconds: float = 0.0

    def add(self, shape: _Shape, documents: Sequence[Document]) -> None:
        """Send some more, and wait until nothing is left to do."""
        before, begun = _cpu_seconds(shape.pids()), time.perf_counter()
        _send(shape, documents)
        shape.wait_until_done()
        self.processor_seconds += _cpu_seconds(shape.pids()) - before
        self.seconds += time.perf_counter() - begun


@contextmanager
def embedded() -> Iterator[_Shape]:
    """``muniment serve`` on a new folder."""
    with installed() as installation:
        yield _Shape(
            [_Web(installation.server.url)],
            installation.token,
            lambda: installation.server.family(),
            installation.wait_until_done,
        )


@contextmanager
def distributed() -> Iterator[_Shape]:
    """Two web servers, as many workers as there are cores with one document at a time each, beat and keeper."""
    with (
        tempfile.TemporaryDirectory(prefix="muniment-bench-") as name,
        cluster(Path(name) / "shape", Servers.of_make_services()) as running,
    ):
        running.new_token()
        workers = os.cpu_count() or 1
        running.start_all(webs=2, workers=workers)
        runtime = running.runtime()
        try:
            yield _Shape(
                [_Web(running.url(f"web-{number}")) for number in range(2)],
                running.token,
                lambda: _family(running),
                lambda: wait_until_idle(runtime),
                lambda: _readers(runtime) == workers,
            )
        finally:
            runtime.close()


def _readers(runtime: Runtime) -> int:
    """How many workers have read something."""
    with runtime.main.read() as session:
        read = select(func.count(distinct(jobs.Job.holder))).where(jobs.Job.name == READ, jobs.Job.state == jobs.DONE)
        return session.scalar(read) or 0


def _family(running: Cluster) -> list[int]:
    roots = [process.pid for process in running.processes.values()]
    return roots + [child for root in roots for child in descendants(root)]


def _send(shape: _Shape, documents: Sequence[Document]) -> None:
    waiting, lock = iter(documents), threading.Lock()

    def run_client(web: _Web) -> None:
        with closing(Client(web, shape.token)) as client:
            while True:
                with lock:
                    document = next(waiting, None)
                if document is None:
                    return
                answer = client.put_file(document.name, document.data)
                assert answer.status == 202, answer.body

    clients = [
        threading.Thread(target=run_client, args=(shape.addresses[number % len(shape.addresses)],))
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def _cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes, and of those children of theirs that have ended."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS
