"""Tightening hides at once: in lists, in search, and in what search counts, before the keeper has moved."""

import pytest

from accounts import grants
from records import case_file, placement
from records.placement import Decision
from search.find import suggest
from tests.support.archive import Archive

WORD = "zwetschgenkompott"


@pytest.fixture
def indexed(fresh_archive: Archive) -> Archive:
    archive = fresh_archive
    for number in range(3):
        archive.receive(f"Brief {number} mit {WORD}".encode(), f"{number}.txt", record_class="letter")
    archive.settle()
    return archive


def _seen(archive: Archive, name: str) -> tuple[int, int, int, list[str]]:
    """Total, items, facet count and suggestions."""
    found = archive.search(WORD, by=name, facets=("class",))
    counted = dict(found.facets["class"]).get("letter", 0)
    run = archive.runtime
    words = suggest(run.content, run.index, WORD[:6], by=archive.principal(name))
    return found.total, len(found.items), counted, [f"{each.text} {each.records}" for each in words]


def test_a_record_put_into_a_listed_file_is_gone_from_totals_and_facets_at_once(indexed: Archive):
    archive = indexed
    assert _seen(archive, "lawyer") == (3, 3, 3, [f"{WORD} 3"])
    row = archive.search(WORD).items[0].record
    file = archive.open_file(number="L-1", listed_only=True)
    with archive.runtime.main.write() as session:
        placement.decide(session, row.id, Decision(case_file=file), by=archive.principal("clerk"), at=archive.now)
    assert _seen(archive, "lawyer") == (2, 2, 2, [f"{WORD} 2"])
    archive.index()
    assert _seen(archive, "lawyer") == (2, 2, 2, [f"{WORD} 2"])
    assert _seen(archive, "clerk")[0] == 3
    assert not archive.may_see("lawyer", row.id)


def test_who_is_taken_off_the_list_finds_and_counts_nothing_more(indexed: Archive):
    archive = indexed
    file = archive.open_file(number="L-2", listed_only=True)
    clerk, lawyer = archive.principal("clerk"), archive.people["lawyer"]
    with archive.runtime.main.write() as session:
        case_file.allow(session, file, lawyer, by=clerk, at=archive.now)
        for item in archive.search(WORD).items:
            placement.decide(session, item.record.id, Decision(case_file=file), by=clerk, at=archive.now)
    archive.index()
    assert _seen(archive, "lawyer")[:3] == (3, 3, 3)
    with archive.runtime.main.write() as session:
        case_file.disallow(session, file, lawyer, by=clerk, at=archive.now)
    assert _seen(archive, "lawyer") == (0, 0, 0, [])


def test_a_grant_that_ended_finds_nothing_more(indexed: Archive):
    archive = indexed
    before = archive.principal("lawyer")
    assert archive.search(WORD, by="lawyer").total == 3
    with archive.runtime.main.write() as session:
        for row in grants.of_person(session, archive.people["lawyer"], archive.now):
            grants.end(session, row.id, by=archive.principal("boss"), at=archive.now)
    assert before.entities
    assert archive.principal("lawyer").entities == frozenset()
