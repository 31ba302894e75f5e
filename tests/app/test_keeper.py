"""The keeper does at once what comes alone, and together what comes in numbers."""

import time
from pathlib import Path

import pytest

from app import keeper
from core import jobs
from records import record
from tests.support.archive import Archive


def test_what_comes_right_after_other_work_waits_for_its_neighbours(tmp_path: Path):
    archive = Archive.open(tmp_path / "data")
    with archive.keeper() as kept:
        while kept.step():
            time.sleep(keeper.GATHER_SECONDS)
        archive.receive(b"the first")
        time.sleep(keeper.GATHER_SECONDS)
        begun = time.monotonic()
        assert kept.step()
        archive.receive(b"the second")
        archive.receive(b"the third")
        looked = kept.step()
        assert not looked or time.monotonic() - begun >= keeper.GATHER_SECONDS
        time.sleep(keeper.GATHER_SECONDS)
        assert looked or kept.step()
        assert len(archive.events("record.captured")) == 3
    archive.close()


def test_what_the_index_lacks_is_asked_for_by_and_by_and_behind_what_comes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(keeper, "ASKED_AT_ONCE", 2)
    archive = Archive.open(tmp_path / "data")
    lacking = [archive.receive(f"Nummer {number}".encode()).id for number in range(7)]
    archive.settle()
    index = archive.runtime.index
    with archive.keeper() as kept:
        kept.open().remove(lacking)
        kept.open().commit()
        assert kept.ask_for_all() == 7
        with archive.runtime.main.read() as session:
            assert "keeper" not in jobs.waiting(session, at=archive.now)
        assert kept.step()
        later = archive.receive(b"Eben gekommen")
        with archive.runtime.main.write() as session:
            record.ask_to_index(session, later.id, archive.now)
        assert index.count() == 0
        for _ in range(100):
            if later.id in {each for each, _ in index.ids()}:
                break
            kept.step()
            time.sleep(0.05)
        # An entry of the log and a record that has just come do not wait until the last of a million was asked for.
        assert archive.events("record.captured")[-1].objects[0].id == later.id
        assert index.count() < 8
        kept.settle()
        assert {each for each, _ in index.ids()} == {*lacking, later.id}
    archive.close()


def test_a_keeper_that_stops_leaves_what_the_index_lacks_to_the_next(tmp_path: Path):
    archive = Archive.open(tmp_path / "data")
    lacking = archive.receive(b"Nummer eins").id
    archive.settle()
    with archive.keeper() as kept:
        kept.open().remove([lacking])
        kept.open().commit()
        assert kept.ask_for_all() == 1
        kept.settle(erasing=False)
        assert archive.runtime.index.count() == 0
    with archive.keeper() as kept:
        assert kept.ask_for_all() == 1
        kept.settle()
    assert archive.runtime.index.count() == 1
    archive.close()
