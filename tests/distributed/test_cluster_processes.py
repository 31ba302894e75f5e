"""Keeper and beat twice, and only one acts; a worker that is told to end; what the broker gets to see."""

import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from uuid import UUID

import pytest
import redis
from sqlalchemy import select

from app.runtime import Runtime
from core import jobs
from core.leases import LEASE, ProcessLease
from services import Redis, private
from tests.support import documents_raw as raw
from tests.support.distributed import Cluster, Servers, cluster

pytestmark = [pytest.mark.services, pytest.mark.slow]

V1 = "/api/v1"
CANARY = "kanarigelbschnabel"
LEASE_SECONDS = LEASE.total_seconds()


@pytest.fixture(scope="module")
def broker() -> Iterator[Redis]:
    """One of our own: what others send is not counted."""
    with private(Redis) as broker:
        yield broker


@pytest.fixture(scope="module")
def running(servers: Servers, broker: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One web server, keeper and beat twice, and no worker yet."""
    own = Servers(servers.postgresql, broker, servers.minio, servers.elasticsearch)
    with cluster(tmp_path_factory.mktemp("twice"), own) as made:
        made.new_token()
        for name in ("keeper-0", "keeper-1", "beat-0", "beat-1"):
            made.start(name, name.split("-")[0])
        made.start("web-0", "web", "--port", "0")
        made.wait_until_ready("web-0")
        yield made


@pytest.fixture(scope="module")
def runtime(running: Cluster) -> Iterator[Runtime]:
    runtime = running.runtime()
    yield runtime
    runtime.close()


def _upload(running: Cluster, name: str, data: bytes) -> UUID:
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    with running.client("web-0", running.token) as client:
        answer = client.put(f"{V1}/uploads", content=data, headers=headers)
    assert answer.status_code == 202, answer.text
    return UUID(answer.json()["id"])


def _wait(condition: Callable[[], Any], running: Cluster, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, running.said()[-4000:]
        time.sleep(0.1)


def _holder(runtime: Runtime, name: str) -> str:
    """Process id of who holds the lease; empty where nobody does."""
    with runtime.main.read() as session:
        lease = session.get(ProcessLease, name)
    return "" if lease is None or lease.until <= runtime.clock.now() else lease.holder.split("/")[2]


def _names(running: Cluster) -> dict[str, str]:
    return {str(process.pid): name for name, process in running.processes.items()}


def _have(running: Cluster, runtime: Runtime, *, workers: int) -> list[str]:
    """Two keepers and two beats, of which one acts, and so many workers, whatever ran before; the workers' names."""
    for kind, wanted in (("keeper", 2), ("beat", 2), ("worker", workers)):
        there = _of(running, kind)
        for name in there[wanted:]:
            running.stop(name)
        for _ in range(wanted - len(there)):
            running.start(_new(running, kind), kind)
    _wait(lambda: _holder(runtime, "keeper") and _holder(runtime, "beat"), running, LEASE_SECONDS + 60)
    return _of(running, "worker")


def _of(running: Cluster, kind: str) -> list[str]:
    return [name for name in running.processes if name.startswith(f"{kind}-")]


def _new(running: Cluster, kind: str) -> str:
    """A name that no process has had."""
    return next(name for number in count() if not running.log(name := f"{kind}-{number}").exists())


def _job_of(runtime: Runtime, record: UUID) -> jobs.Job:
    """The newest job that reads a record."""
    with runtime.main.read() as session:
        job = session.scalars(
            select(jobs.Job).where(jobs.Job.subject == record, jobs.Job.name == "ingest.read").order_by(jobs.Job.id)
        ).all()[-1]
        session.expunge(job)
        return job


def test_messages_name_queues_and_nothing_else_and_one_beat_sends(
    running: Cluster, runtime: Runtime, broker: Redis
) -> None:
    _have(running, runtime, workers=0)
    number = int(running.environment["MUNIMENT_BROKER"].rpartition("/")[2])
    with redis.Redis.from_url(broker.url(number)) as client:
        client.flushdb()
        begun = time.monotonic()
        record = _upload(running, f"{CANARY}.txt", f"Sehr geehrte Damen und Herren, {CANARY}".encode())
        time.sleep(16.0)
        seconds = time.monotonic() - begun
        lists = [key for key in client.keys("*") if client.type(key) == b"list"]
        messages = [json.loads(text) for key in lists for text in client.lrange(key, 0, -1)]
    told = Counter(tuple(json.loads(base64.b64decode(message["body"]))[0][0:1]) for message in messages)
    assert told[("interactive",)] >= 1
    assert set(told) <= {("interactive",), ("extraction",), ("maintenance",), ("look",), ("leases",), ("hourly",)}
    # Every five seconds one, from whichever of the two.
    assert seconds / 5 - 1.5 <= told[("look",)] <= seconds / 5 + 1.5
    for message in messages:
        arguments, named, _ = json.loads(base64.b64decode(message["body"]))
        assert (len(arguments), named) == (1, {})
        text = json.dumps(message) + base64.b64decode(message["body"]).decode()
        for word in (CANARY, record.hex, str(record), running.token, "clerk"):
            assert word not in text


def test_work_that_waited_while_no_worker_ran_is_done_when_one_comes(running: Cluster, runtime: Runtime) -> None:
    _have(running, runtime, workers=0)
    record = _upload(running, "wartet.txt", b"Dieser Brief wartet auf einen Arbeiter.")
    assert _job_of(runtime, record).state == jobs.READY
    _have(running, runtime, workers=1)
    _wait(lambda: _job_of(runtime, record).state == jobs.DONE, running, 60)


def test_a_worker_told_to_end_finishes_its_document_or_another_does(running: Cluster, runtime: Runtime) -> None:
    (working,) = _have(running, runtime, workers=1)
    scan = raw.scanned_pdf("Rechnung Nummer 4711 ueber zwoelf Euro\n" * 20)
    record = _upload(running, "scan.pdf", scan)
    _wait(lambda: _job_of(runtime, record).queue == "ocr" and _job_of(runtime, record).holder, running, 60)
    running.start(_new(running, "worker"), "worker")
    begun = time.monotonic()
    code = running.stop(working, 40.0)
    assert code in (0, -9), code
    assert time.monotonic() - begun < 40
    _wait(lambda: _job_of(runtime, record).state == jobs.DONE, running, 90)
    assert _job_of(runtime, record).attempts == 1, "being told to end is no fault of the document"
    assert _job_of(runtime, record).error_code is None


def test_of_two_only_one_acts_and_the_other_takes_over_when_it_is_killed(running: Cluster, runtime: Runtime) -> None:
    kinds = ("keeper", "beat")
    _have(running, runtime, workers=1)
    first = {kind: _holder(runtime, kind) for kind in kinds}
    for _ in range(10):
        assert {kind: _holder(runtime, kind) for kind in kinds} == first
        time.sleep(0.2)
    # Both at once: each lease runs out by itself.
    names = _names(running)
    for kind in kinds:
        running.kill(names[first[kind]])
    begun, taken = time.monotonic(), dict[str, float]()

    def taken_over() -> bool:
        for kind in kinds:
            if _holder(runtime, kind) not in ("", first[kind]):
                taken.setdefault(kind, time.monotonic() - begun)
        return len(taken) == len(kinds)

    _wait(taken_over, running, LEASE_SECONDS + 10)
    for kind in kinds:
        assert _names(running)[_holder(runtime, kind)].startswith(kind)
        assert taken[kind] > 20, f"as long as the lease runs no other {kind} acts"
    word = f"{CANARY}zwei"
    _upload(running, "nachher.txt", f"Nach dem Wechsel: {word}".encode())
    with running.client("web-0", running.token) as client:
        _wait(lambda: client.get(f"{V1}/search", params={"q": word}).json().get("total") == 1, running, 60)
    other = _names(running)[_holder(runtime, "keeper")]
    checkpoint = running.data(other) / "log" / "checkpoint"
    _wait(checkpoint.exists, running, 60)
    assert "verified" in running.command("audit", "verify", name=other)


def test_one_that_is_told_to_end_hands_over_at_once(running: Cluster, runtime: Runtime) -> None:
    _have(running, runtime, workers=0)
    first = _holder(runtime, "keeper")
    another = _new(running, "keeper")
    running.start(another, "keeper")
    _wait((running.data(another) / "run" / "alive-keeper").exists, running, 60)
    assert running.stop(_names(running)[first]) == 0
    begun = time.monotonic()
    _wait(lambda: _holder(runtime, "keeper") not in ("", first), running, 20)
    assert time.monotonic() - begun < 20
