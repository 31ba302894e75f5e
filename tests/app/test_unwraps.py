"""Keys that were unwrapped, beside reads that stand in the log: what each process tells, and what does not fit."""

import threading
from pathlib import Path

import pytest

from app import unwraps
from app.build import build
from audit import trail
from audit.log import Log, LogUnavailable
from records import record
from records.content import Content
from records.record import Record
from tests.support.archive import Archive
from vault import tally
from vault.tally import Tally


@pytest.fixture
def archive(tmp_path: Path):
    made = Archive.open(tmp_path / "data")
    yield made
    made.close()


def _around(archive: Archive, row: Record) -> None:
    with archive.runtime.main.read() as session:
        version = record.get_version(session, session.get_one(Record, row.id))
        archive.runtime.keys.get(session, version.id)


def test_everything_that_is_done_in_the_usual_ways_agrees(archive: Archive):
    row = archive.receive(b"Der Zebrafink singt. Summe 12,00 EUR", record_class="letter")
    archive.open_file()
    archive.settle()
    archive.search("Zebrafink")
    archive.runtime.content.detail(row.id, by=archive.principal("clerk"))
    found = unwraps.look(archive.runtime)
    assert found.agrees
    versions = next(each for each in found.kinds if each.kind == "version")
    assert versions.logged >= 3
    assert versions.sealed == 0, "the read text is sealed under the key that came out for a read in the log"
    assert (versions.unlogged, versions.withheld) == (0, 0)
    assert found.reads_counted == found.reads_logged > 0


def test_one_key_unwrapped_around_the_log_is_told_even_after_the_process_has_ended(archive: Archive):
    row = archive.receive()
    archive.runtime.content.detail(row.id, by=archive.principal("clerk"))
    assert unwraps.look(archive.runtime).agrees
    other = build(archive.runtime.settings)
    with other.main.read() as session:
        other.keys.get(session, row.current_version)
    other.close()
    found = unwraps.look(archive.runtime)
    assert not found.agrees
    assert {each.kind: each.unlogged for each in found.kinds} == {"version": 1, "party": 0, "case_file": 0}
    assert found.processes == 2


def test_reads_that_the_log_does_not_hold_do_not_agree(archive: Archive):
    archive.runtime.keys.tally._enter([], tally.LOGGED, 99)
    found = unwraps.look(archive.runtime)
    assert found.reads_counted > found.reads_logged
    assert not found.agrees


def test_what_could_not_be_logged_was_withheld(archive: Archive):
    row, run = archive.receive(), archive.runtime
    closed = Log(run.log_database, run.log.origin, run.clock, seal=run.log._seal)
    closed.close()
    with pytest.raises(LogUnavailable):
        Content(run.main, closed, run.store, run.keys, run.clock).detail(row.id, by=archive.principal("clerk"))
    found = unwraps.look(run)
    assert found.agrees
    assert next(each for each in found.kinds if each.kind == "version").withheld == 1


def test_what_cannot_be_told_is_told_later(archive: Archive):
    row, run = archive.receive(), archive.runtime
    run.content.detail(row.id, by=archive.principal("clerk"))
    closed = Log(run.log_database, run.log.origin, run.clock, seal=run.log._seal)
    closed.close()
    Content(run.main, closed, run.store, run.keys, run.clock).tell_unwraps()
    assert archive.events("key.unwraps_counted") == []
    assert unwraps.look(run).reads_counted == 1


def test_counts_go_with_a_read_that_is_logged_anyway(archive: Archive, monkeypatch: pytest.MonkeyPatch):
    row, run = archive.receive(), archive.runtime
    by = archive.principal("clerk")
    run.content.detail(row.id, by=by)
    assert archive.events("key.unwraps_counted") == []
    monkeypatch.setattr(run.keys.tally, "_next", 0.0)
    receipt = run.content.detail(row.id, by=by).receipt
    (told,) = archive.events("key.unwraps_counted")
    assert told.seq == receipt.seq + 1
    assert told.details["keys"] == {"version_logged": 1}
    with run.log_database.read() as session:
        entry = trail.entry(session, receipt.seq)
    assert (entry.action, entry.appended_at) == ("record.viewed", told.appended_at)


def test_threads_do_not_pay_for_one_another():
    counted, ready = Tally(), threading.Barrier(2)

    def read() -> None:
        with counted.reading() as account:
            ready.wait(60)
            counted.add(["version"])
            account.logged(1)
            ready.wait(60)

    other = threading.Thread(target=read)
    other.start()
    ready.wait(60)
    counted.add(["version"])
    ready.wait(60)
    other.join()
    counts = counted.drain()
    assert counts is not None
    assert counts.keys == {"version_logged": 1, "version_unlogged": 1}


def test_an_account_within_another_gives_way_again():
    counted = Tally()
    with counted.reading() as outer:
        counted.add(["version"])
        with counted.sealing():
            counted.add(["version", "person"])
        counted.add(["party"])
        outer.logged(1)
    assert counted.drain() == ({"version_logged": 1, "version_sealed": 1, "party_logged": 1}, 1)
    assert counted.drain() is None


def test_a_door_that_forgets_the_log_is_no_door():
    counted = Tally()
    with counted.reading():
        counted.add(["version"])
    assert counted.drain() == ({"version_unlogged": 1}, 0)
