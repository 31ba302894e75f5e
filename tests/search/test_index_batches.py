"""The keeper brings many records into the index by one commit of the log, and each of them stands in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from records import record
from records.record import Record
from search import indexer
from tests.support.archive import Archive

RECORDS = 5


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive.open(tmp_path / "data")
    yield made
    made.close()


def _opened_whole(archive: Archive) -> list[tuple[object, object]]:
    """Record and instant of each access of the keeper, as the log has them."""
    return [
        (entry.objects[0].id, entry.appended_at)
        for entry in archive.events("record.opened")
        if entry.details["piece"] == "whole"
    ]


def test_a_batch_is_one_commit_of_the_log_with_an_event_for_each_record(archive: Archive) -> None:
    rows = [archive.receive(f"Guten Tag {n}".encode()) for n in range(RECORDS)]
    archive.index()
    opened = _opened_whole(archive)
    assert {subject for subject, _ in opened} == {row.id for row in rows}
    assert len(opened) == RECORDS
    assert len({at for _, at in opened}) == 1
    assert dict(archive.runtime.index.ids()) == {row.id: archive.get(row.id).revision for row in rows}


def test_a_record_that_is_gone_is_taken_out_and_the_others_stay(archive: Archive) -> None:
    rows = [archive.receive(f"Guten Tag {n}".encode()) for n in range(3)]
    archive.index()
    gone = rows[1].id
    with archive.runtime.main.write() as session:
        archive.runtime.keys.shred(session, [session.get_one(Record, gone).current_version], at=archive.now)
    with archive.runtime.main.write() as session:
        session.delete(session.get_one(Record, gone))
        for row in rows:
            record.ask_to_index(session, row.id, archive.now)
    archive.index()
    assert {subject for subject, _ in archive.runtime.index.ids()} == {rows[0].id, rows[2].id}


def test_one_record_that_cannot_be_opened_does_not_hold_up_the_others(archive: Archive) -> None:
    rows = [archive.receive(f"Guten Tag {n}".encode()) for n in range(3)]
    with archive.runtime.main.write() as session:
        version = record.get_version(session, session.get_one(Record, rows[1].id))
        version.name_sealed = version.name_sealed[:-1] + bytes([version.name_sealed[-1] ^ 1])
    archive.index()
    assert {subject for subject, _ in archive.runtime.index.ids()} == {rows[0].id, rows[2].id}
    stale, strays = indexer.drift(archive.runtime.index, archive.runtime.main)
    assert (stale, strays) == ({rows[1].id}, set())
