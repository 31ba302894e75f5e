"""What the distributed shape costs our own processes: processor seconds a document, beside the embedded shape.

Both shapes get the same documents in the same run, after the same ones to load libraries by: as many as it
takes until every worker has read some, for a worker that begins later would be counted. Counted are
all processes of Muniment with their extraction children, dead ones too; the servers that they stand on
are not. The servers are those of ``make services``.

Processors that also run the servers take longer for the same work: what the extraction children take, which
do the same in both shapes, tells how much longer. So the documents are sent twice over: to one shape after the
other, as fast as each takes them; and to both at once, where whatever else the processors do falls on both.
"""

import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
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

DOCUMENTS, FEW = 600, 30
WARM, MOST_WARM = 360, 600
IN_TURN = 30
CLIENTS = 2
READERS, KEEPER, REST = "extraction children", "keeper", "rest"
PARTS = (READERS, KEEPER, REST)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Shape:
    """One running installation."""

    addresses: Sequence["_Web"]
    token: str
    pids: Callable[[], Mapping[int, str]]
    """Its processes, and to which of ``PARTS`` each belongs."""
    wait_until_done: Callable[[], None]
    is_warm: Callable[[], bool] = lambda: True
    """Whether every worker has read something."""

    def take(self, documents: Sequence[Document]) -> None:
        """Send these, and wait until nothing is left to do."""
        _send(self, documents)
        self.wait_until_done()


@dataclass(frozen=True, slots=True)
class _Web:
    url: str


def run(*, quick: bool) -> list[Figure]:
    """Processor seconds a document in each shape, and how long it took."""
    count = FEW if quick else DOCUMENTS
    documents = born_digital(MOST_WARM + 2 * count)
    with embedded() as one, distributed() as other:
        begun = 0
        while begun < WARM or not other.is_warm():
            if begun == MOST_WARM:
                raise RuntimeError("a worker has read nothing yet: there is nothing to compare")
            for shape in (one, other):
                shape.take(documents[begun : begun + IN_TURN])
            begun += IN_TURN
        in_turns, at_once = documents[begun : begun + count], documents[begun + count : begun + 2 * count]
        own, theirs = _Spent(), _Spent()
        for start in range(0, count, IN_TURN):
            own.on(one, in_turns[start : start + IN_TURN])
            theirs.on(other, in_turns[start : start + IN_TURN])
        own_beside, theirs_beside = _Spent(), _Spent()
        with ThreadPoolExecutor(2) as pool:
            for spent in (
                pool.submit(own_beside.on, one, at_once),
                pool.submit(theirs_beside.on, other, at_once),
            ):
                spent.result()
    return [
        _ratio(
            f"distributed, in turns: processor time of our processes a document ({count} of {source()})",
            theirs,
            own,
            count,
        ),
        _ratio("the same, the extraction children alone", theirs, own, count, {READERS}, target=None),
        _ratio("both at once: processor time of our processes a document", theirs_beside, own_beside, count),
        _ratio("the same, without the keepers", theirs_beside, own_beside, count, {READERS, REST}, target=None),
        _ratio("the same, the extraction children alone", theirs_beside, own_beside, count, {READERS}, target=None),
        Figure(
            what="distributed: accepted to searchable",
            value=count / theirs.seconds * 60,
            unit="a minute",
            baseline=count / own.seconds * 60,
            baseline_is="a minute embedded",
        ),
    ]


def _ratio(
    what: str,
    theirs: "_Spent",
    own: "_Spent",
    count: int,
    parts: Collection[str] = PARTS,
    *,
    target: float | None = 1.15,
) -> Figure:
    return Figure(
        what=what,
        value=theirs.of(parts) / count * 1_000,
        unit="ms",
        baseline=own.of(parts) / count * 1_000,
        baseline_is="ms embedded",
        most_ratio=target,
    )


@dataclass
class _Spent:
    """What one shape has taken so far, by part."""

    processor_seconds: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def on(self, shape: _Shape, documents: Sequence[Document]) -> None:
        """Send some more, and wait until nothing is left to do."""
        before, begun = _cpu_seconds(shape.pids()), time.perf_counter()
        shape.take(documents)
        self.seconds += time.perf_counter() - begun
        self.processor_seconds.update(_cpu_seconds(shape.pids()))
        self.processor_seconds.subtract(before)

    def of(self, parts: Collection[str]) -> float:
        return sum(self.processor_seconds[part] for part in parts)


@contextmanager
def embedded() -> Iterator[_Shape]:
    """``muniment serve`` on a new folder."""
    with installed() as installation:
        yield _Shape(
            [_Web(installation.server.url)],
            installation.token,
            lambda: {pid: _part_of(name) for pid, name in installation.server.family().items()},
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


def _family(running: Cluster) -> dict[int, str]:
    found = {process.pid: _part_of(name) for name, process in running.processes.items()}
    for root in list(found):
        found |= dict.fromkeys(descendants(root), READERS)
    return found


def _part_of(name: str) -> str:
    """Of a process by its name; a reader that has ended, and is not buried yet, has none."""
    if name == "keeper":
        return KEEPER
    return REST if name.partition("-")[0] in ("supervisor", "web", "worker", "beat", "recorder") else READERS


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


def _cpu_seconds(parts: Mapping[int, str]) -> Counter[str]:
    """User and system time of these processes by part, with those of their children that have ended."""
    ticks = Counter[str]()
    for pid, part in parts.items():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks[part] += int(fields[11]) + int(fields[12])
        # Of children that have ended: a reader goes after so many documents.
        ticks[READERS] += int(fields[13]) + int(fields[14])
    return Counter({part: spent / _TICKS for part, spent in ticks.items()})
