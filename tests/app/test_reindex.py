"""The index is rebuilt while people work and search: nothing is lost, a kill leaves the old one. On both engines."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import search.elasticsearch
import search.embedded
from accounts.principal import NotAllowed
from app import reindex
from app.keeper import GATHER_SECONDS, Keeper
from core import jobs, leases
from records import record
from records.record import Record
from search.port import IndexNotWritten
from tests.support import elastic
from tests.support.archive import Archive
from tests.support.index_kills import ROOT

BATCH = 3


@pytest.fixture(params=["embedded", pytest.param("elasticsearch", marks=pytest.mark.services)])
def engine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The settings that choose it."""
    for module in (search.embedded, search.elasticsearch):
        monkeypatch.setattr(module, "REBUILD_BATCH", BATCH)
    if request.param == "embedded":
        yield {}
        return
    with elastic.fresh() as server:
        (tmp_path / "key").write_text(server.api_key or "")
        yield {
            "elasticsearch": server.hosts[0],
            "elasticsearch_key": tmp_path / "key",
            "elasticsearch_prefix": server.prefix,
        }


@pytest.fixture
def archive(tmp_path: Path, engine: dict[str, Any]) -> Iterator[Archive]:
    archive = Archive.open(tmp_path / "data", **engine)
    yield archive
    archive.close()


def ask(archive: Archive, by: str = "boss") -> UUID:
    with archive.runtime.main.write() as session:
        return reindex.ask(session, by=archive.principal(by), at=archive.now)


def state(archive: Archive, job: UUID) -> tuple[str, int]:
    found = reindex.progress(archive.runtime, job)
    return found.state, found.done


def held(archive: Archive) -> dict[UUID, int]:
    """Revision of each record in the index; none stands there twice."""
    found = list(archive.runtime.index.ids())
    assert len(found) == len(dict(found))
    return dict(found)


def as_they_stand(archive: Archive) -> dict[UUID, int]:
    with archive.runtime.main.read() as session:
        return {row.id: row.revision for row in session.query(Record)}


def work(kept: Keeper, archive: Archive, job: UUID) -> None:
    """Until the rebuild is done and everything is in the index."""
    while state(archive, job)[0] in (jobs.READY, jobs.LEASED):
        kept.step()
    kept.settle()


def destroy(archive: Archive, record_id: UUID) -> None:
    with archive.runtime.main.write() as session:
        row = session.get_one(Record, record_id)
        archive.runtime.keys.shred(session, [row.current_version], at=archive.now)
        session.delete(row)
        record.ask_to_index(session, record_id, archive.now)


def change(archive: Archive, record_id: UUID) -> None:
    with archive.runtime.main.write() as session:
        row = session.get_one(Record, record_id)
        record.touch(row, row.state, archive.now)
        record.ask_to_index(session, record_id, archive.now)


def test_captures_changes_and_destruction_meanwhile_are_all_in_the_new_index(archive: Archive) -> None:
    rows = [archive.receive(f"Brief {n}".encode(), f"brief {n}.txt").id for n in range(4 * BATCH)]
    archive.index()
    job = ask(archive)
    with archive.keeper() as kept:
        while state(archive, job) != (jobs.LEASED, BATCH):
            kept.step()
        before = held(archive)
        # One of each on either side of how far it has come.
        done, to_come = rows[:BATCH], rows[BATCH:]
        added = archive.receive(b"Brief neu", "neu.txt").id
        archive.settle_reading(added)
        for some in (done, to_come):
            destroy(archive, some[0])
            change(archive, some[1])
        assert held(archive) == before, "the old one answers"
        time.sleep(GATHER_SECONDS)
        kept.step()
        assert state(archive, job)[0] == jobs.LEASED
        assert added in held(archive), "other work goes on meanwhile"
        assert {done[0], to_come[0]}.isdisjoint(held(archive))
        assert archive.search("neu").total == 1
        work(kept, archive, job)
    assert state(archive, job) == (jobs.DONE, 0)
    assert held(archive) == as_they_stand(archive)
    assert {done[0], to_come[0]}.isdisjoint(held(archive))
    assert archive.search("brief").total == len(rows) - 2


def test_who_asked_what_was_read_and_that_it_was_done_stand_in_the_log(archive: Archive) -> None:
    rows = [archive.receive(f"Brief {n}".encode()).id for n in range(BATCH + 1)]
    archive.index()
    read_before = len(archive.events("record.opened"))
    job = ask(archive)
    with archive.keeper() as kept:
        work(kept, archive, job)
    (asked,) = archive.events("search_index.rebuild_asked")
    (done,) = archive.events("search_index.rebuilt")
    assert asked.by.id == archive.people["boss"]
    assert (done.by.name, done.details["records"]) == ("keeper", len(rows))
    read = archive.events("record.opened")[read_before:]
    assert {each.objects[0].id for each in read} == set(rows)
    assert {each.basis for each in read} == {"search.rebuild"}


def test_a_wish_that_waits_is_not_doubled_and_needs_leave(archive: Archive) -> None:
    assert ask(archive) == ask(archive)
    for name in ("clerk", "officer", "auditor"):
        with pytest.raises(NotAllowed):
            ask(archive, name)


def test_a_keeper_that_stops_half_way_leaves_the_old_index_and_the_next_begins_afresh(archive: Archive) -> None:
    for n in range(3 * BATCH):
        archive.receive(f"Brief {n}".encode())
    archive.index()
    before, job = held(archive), ask(archive)
    with archive.keeper() as kept:
        while state(archive, job)[1] == 0:
            kept.step()
    assert state(archive, job) == (jobs.READY, 0)
    assert archive.runtime.index.building() is None
    assert held(archive) == before
    with archive.keeper() as kept:
        kept.settle()
        assert state(archive, job) == (jobs.READY, 0), "a stop, or another command, does not wait for it"
        work(kept, archive, job)
    assert held(archive) == before


def test_the_lease_is_kept_through_a_long_rebuild(archive: Archive) -> None:
    for n in range(2 * BATCH):
        archive.receive(f"Brief {n}".encode())
    archive.index()
    job = ask(archive)
    with archive.keeper() as kept:
        while state(archive, job)[1] == 0:
            kept.step()
        assert kept._has_lease()
        assert state(archive, job) == (jobs.LEASED, BATCH)
        with archive.runtime.main.write() as session:
            leases.void(session, kept.holder)
            assert leases.take(session, "keeper", holder="elsewhere/keeper/1/x", at=archive.now)
        kept._next_lease = 0
        assert not kept._has_lease()
        assert archive.runtime.index.building() is None, "whoever keeps now is not disturbed"


def test_one_record_that_cannot_be_opened_does_not_hold_up_the_others(archive: Archive) -> None:
    rows = [archive.receive(f"Brief {n}".encode()).id for n in range(2 * BATCH)]
    archive.index()
    with archive.runtime.main.write() as session:
        version = record.get_version(session, session.get_one(Record, rows[1]))
        version.name_sealed = version.name_sealed[:-1] + bytes([version.name_sealed[-1] ^ 1])
    job = ask(archive)
    with archive.keeper() as kept:
        work(kept, archive, job)
    assert set(held(archive)) == {*rows} - {rows[1]}
    with archive.runtime.main.read() as session:
        assert jobs.is_under_way(session, rows[1]), "it is asked for, as after any start"


def test_a_disk_that_is_full_puts_it_off(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(2 * BATCH):
        archive.receive(f"Brief {n}".encode())
    archive.index()
    before, job = held(archive), ask(archive)
    with archive.keeper() as kept:
        while state(archive, job)[1] == 0:
            kept.step()

        def full(_: object) -> Iterator[None]:
            raise IndexNotWritten("the disk is full")
            yield

        with monkeypatch.context() as patched:
            patched.setattr(kept._rebuilder, "_documents", full)
            kept._rebuilder.drop()
            while state(archive, job)[0] != jobs.READY:
                kept.step()
        found = reindex.progress(archive.runtime, job)
        assert (found.error_code, archive.runtime.index.building()) == ("search_index_not_written", None)
        assert held(archive) == before
        time.sleep(1.1)
        work(kept, archive, job)
    assert held(archive) == before


_KILLED = """
import json, os, signal, sys
from pathlib import Path
import search.elasticsearch, search.embedded
search.embedded.REBUILD_BATCH = search.elasticsearch.REBUILD_BATCH = 3
from app import reindex
from app.build import build, signer_of
from app.keeper import GATHER_SECONDS, Keeper
from app.settings import Settings
from core import leases
chosen = json.loads(sys.argv[2])
if "elasticsearch_key" in chosen:
    chosen["elasticsearch_key"] = Path(chosen["elasticsearch_key"])
runtime = build(Settings(data=Path(sys.argv[1]), **chosen))
kept = Keeper(runtime, leases.incarnation("keeper"), signer_of(runtime))
while not kept._rebuilder._put:
    kept.step()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_half_way_the_old_index_answers_and_the_next_keeper_begins_afresh(
    archive: Archive, engine: dict[str, Any]
) -> None:
    rows = [archive.receive(f"Brief {n}".encode(), f"brief {n}.txt").id for n in range(3 * BATCH)]
    archive.index()
    before, job = held(archive), ask(archive)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", _KILLED, str(archive.runtime.folder.root), json.dumps(engine, default=str)]
    ended = subprocess.run(words, cwd=ROOT, env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert state(archive, job)[0] == jobs.LEASED
    assert archive.runtime.index.building() is not None, "remains of the killed one"
    assert held(archive) == before
    assert archive.search("brief").total == len(rows)
    destroy(archive, rows[0])
    with archive.keeper() as kept:
        kept.settle()
        assert archive.runtime.index.building() is None, "swept"
        # As whoever sees it end does.
        with archive.runtime.main.write() as session:
            jobs.release_held_by(session, leases.holders_of_host(), at=archive.now)
        work(kept, archive, job)
    assert held(archive) == as_they_stand(archive)
    assert archive.search("brief").total == len(rows) - 1
