"""The keeper of a running installation rebuilds the index, asked from elsewhere; killed over it, another does."""

import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from app import reindex
from app.build import build
from app.runtime import Runtime
from app.settings import load
from core import jobs
from core.jobs import Job
from tests.support.distributed import KEEPER, PASSWORD, WORKER, Cluster, Servers, cluster

pytestmark = [pytest.mark.services, pytest.mark.slow]

DOCUMENTS = 300
V1 = "/api/v1"


@pytest.fixture
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("reindex"), Servers.of_make_services()) as made:
        made.command("user", "add", "boss", "--role", "administrator", "--password-stdin", stdin=f"{PASSWORD}\n")
        made.new_token()
        made.start_all(webs=1, workers=0)
        yield made


@pytest.fixture
def runtime(running: Cluster) -> Iterator[Runtime]:
    opened = build(load(running.environment, data=running.data("look")))
    yield opened
    opened.close()


def _wait(condition: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def _job(runtime: Runtime) -> UUID:
    with runtime.main.read() as session:
        return session.scalars(select(Job.id).where(Job.name == "search.rebuild")).one()


def _state(runtime: Runtime) -> tuple[str, int] | None:
    with runtime.main.read() as session:
        row = session.scalar(select(Job).where(Job.name == "search.rebuild").order_by(Job.id.desc()).limit(1))
        return None if row is None else (row.state, row.attempts)


def test_a_keeper_killed_over_a_rebuild_leaves_the_old_index_and_another_begins_afresh(
    running: Cluster, runtime: Runtime
) -> None:
    with running.client("web-0", running.token) as client:

        def upload(number: int) -> UUID:
            name = f"attachment; filename*=UTF-8''brief%20{number}.txt"
            answer = client.put(
                f"{V1}/uploads", content=f"Brief {number}".encode(), headers={"Content-Disposition": name}
            )
            assert answer.status_code == 202, answer.text
            return UUID(answer.json()["id"])

        def total() -> int:
            answer: httpx.Response = client.get(f"{V1}/search", params={"q": "brief"})
            return int(answer.json()["total"])

        for number in range(DOCUMENTS):
            upload(number)
        # Not read by anybody, but named: the keeper looks for such when it begins.
        assert running.stop(KEEPER) == 0
        running.start(KEEPER)
        _wait(lambda: total() == DOCUMENTS, 60)
        told: list[str] = []
        asking = threading.Thread(target=lambda: told.append(running.command("--as", "boss", "--json", "reindex")))
        asking.start()
        _wait(lambda: _state(runtime), 60)
        _wait(lambda: reindex.progress(runtime, _job(runtime)).done >= 64, 60)
        running.kill(KEEPER)
        assert _state(runtime) == (jobs.LEASED, 1), "it was killed half way"
        assert total() == DOCUMENTS
        running.start(f"{KEEPER}-2", "keeper")
        running.start(f"{WORKER}-0", "worker")
        later = upload(DOCUMENTS)
        while asking.is_alive():
            assert total() >= DOCUMENTS, "nobody notices"
            asking.join(0.2)
        assert told, "the command ended well"
        assert _state(runtime) == (jobs.DONE, 2)
        _wait(lambda: later in dict(runtime.index.ids()), 60)
        assert len(dict(runtime.index.ids())) == DOCUMENTS + 1
        assert runtime.index.building() is None
