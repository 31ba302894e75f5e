"""Who searched, what for, and which snippets they were shown: all of it provable, the words erasable."""

from pathlib import Path
from uuid import uuid4

import pytest

from app.build import seal_of
from audit import forget_openings, openings_of, trail
from audit.draft import draft
from audit.events import Actor
from audit.leaf import commitment
from core.clock import SystemClock
from records.events import RecordsSearched, Suggested
from tests.support.archive import Archive

WORDS = "Zwetschgenmus für Frau Wöhrmann"


@pytest.fixture
def archive(tmp_path: Path):
    made = Archive.open(tmp_path / "data")
    yield made
    made.close()


def test_more_records_than_an_entry_names_are_named_in_several_joined_entries():
    records = tuple((uuid4(), 1) for _ in range(1_201))
    event = RecordsSearched(by=Actor("person", uuid4()), query=WORDS, total=5_000, records=records)
    parts = draft(event, SystemClock().now())
    assert [len(part.body["objects"]) for part in parts] == [500, 500, 201]
    assert [thing["i"] for part in parts for thing in part.body["objects"]] == [record.hex for record, _ in records]
    assert len({part.event_id for part in parts}) == 3
    group = parts[0].event_id.hex
    assert [(p.body["d"]["group"], p.body["d"]["part"], p.body["d"]["parts"]) for p in parts] == [
        (group, number, 3) for number in range(3)
    ]
    # The words are committed to once.
    assert [set(part.body) & {"c"} for part in parts] == [{"c"}, set(), set()]


def test_a_search_names_who_searched_and_every_record_shown_and_its_words_open_once_only(archive: Archive):
    shown = {archive.receive(f"Zwetschgenmus {n}".encode(), f"{n}.txt", record_class="letter").id for n in range(3)}
    archive.settle()
    found = archive.search("Zwetschgenmus")
    assert {item.record.id for item in found.items} == shown
    assert all(item.snippet is not None for item in found.items)
    run = archive.runtime
    with run.log_database.read() as session:
        entry = trail.entry(session, found.receipt.seq)
        opened = openings_of(session, entry.event_id, seal_of(run.main, run.keys))
    assert (entry.action, entry.by.id) == ("record.searched", archive.people["clerk"])
    assert {thing.id for thing in entry.objects if thing.kind == "record"} == shown
    nonce, words = opened["query"]
    assert words == "Zwetschgenmus"
    assert commitment(nonce, "query", words) == entry.commitments["query"]
    with run.log_database.write() as session:
        assert forget_openings(session, [entry.event_id]) == 1
    with run.log_database.read() as session:
        assert openings_of(session, entry.event_id, seal_of(run.main, run.keys)) == {}
        assert trail.entry(session, found.receipt.seq).commitments == entry.commitments


def test_the_same_words_twice_cannot_be_told_to_be_the_same(archive: Archive):
    archive.index()
    one, other = (archive.search(WORDS).receipt for _ in range(2))
    with archive.runtime.log_database.read() as session:
        assert trail.entry(session, one.seq).commitments != trail.entry(session, other.seq).commitments


def test_suggestions_commit_to_what_was_typed():
    (item,) = draft(Suggested(by=Actor("person", uuid4()), typed=WORDS, shown=2), SystemClock().now())
    assert item.body["d"] == {"shown": 2}
    assert [each["f"] for each in item.body["c"]] == ["query"]
    assert "wetsch" not in str(item.body)
