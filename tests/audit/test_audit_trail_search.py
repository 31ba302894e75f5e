from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from audit_world import ACCOUNTING, ACME, ANNA, AS_ANNA, BRUNO, RECORD, T0, Opened, Renamed, World

from audit import trail_search
from audit.alias import forget_aliases
from audit.events import Actor
from audit.trail_search import Asked, find

OTHER_RECORD, SALES, OTHER_FIRM = UUID(int=0xA2), UUID(int=0xC2), UUID(int=0xD2)
AS_BRUNO = Actor("person", BRUNO, department=SALES)


@pytest.fixture
def told(world: World) -> World:
    """Eight entries after the log's first, a minute apart."""
    events = [
        Opened(page=1, request="r1"),
        Opened(page=2, by=AS_BRUNO, request="r2"),
        Renamed(),
        Opened(page=3, records=(OTHER_RECORD,), by=AS_BRUNO),
        Opened(page=4, outcome="refused", by=AS_BRUNO),
        Opened(page=5, entity=OTHER_FIRM),
        Opened(page=6, entity=None, by=Actor("system", name="worker")),
        Opened(page=7, records=(RECORD, OTHER_RECORD)),
    ]
    for event in events:
        world.clock.tick(minutes=1)
        world.log.record([event], at=world.clock.now())
    return world


CASES = {
    "nothing is everything": (Asked(), [8, 7, 6, 5, 4, 3, 2, 1, 0]),
    "a record": (Asked(record=OTHER_RECORD), [8, 4]),
    "an action": (Asked(action="test.record.renamed"), [3]),
    "a record and an action": (Asked(record=RECORD, action="test.record.renamed"), [3]),
    "an outcome": (Asked(outcome="refused"), [5]),
    "a department": (Asked(department=SALES), [5, 4, 2]),
    "a department that never did anything": (Asked(department=UUID(int=1)), []),
    "a request": (Asked(request="r2"), [2]),
    "a request whose id begins like another": (Asked(request="r"), []),
    "a person": (Asked(person=BRUNO), [5, 4, 2]),
    "a person nobody knows": (Asked(person=UUID(int=1)), []),
    "from an instant on": (Asked(since=T0 + timedelta(minutes=7)), [8, 7]),
    "before an instant": (Asked(until=T0 + timedelta(minutes=2)), [1, 0]),
    "within a time nothing happened in": (Asked(since=T0 + timedelta(days=1)), []),
    "one legal entity, and what belongs to none": (Asked(entities=frozenset({ACME})), [8, 7, 5, 4, 3, 2, 1, 0]),
    "no legal entity": (Asked(entities=frozenset()), [7, 0]),
    "everything at once": (
        Asked(
            action="test.record.opened",
            record=RECORD,
            department=ACCOUNTING,
            outcome="done",
            person=ANNA,
            since=T0,
            until=T0 + timedelta(minutes=5),
            entities=frozenset({ACME}),
        ),
        [1],
    ),
}


@pytest.mark.parametrize(("asked", "positions"), CASES.values(), ids=CASES)
def test_the_trail_gives_exactly_what_meets_everything_asked(told: World, asked: Asked, positions: list[int]) -> None:
    with told.logs.read() as session:
        found = find(session, asked)
    assert [entry.seq for entry in found.entries] == positions
    assert (found.next, found.reached) == (None, None)


@pytest.mark.parametrize(("asked", "positions"), CASES.values(), ids=CASES)
def test_pages_of_one_entry_put_together_are_the_whole(told: World, asked: Asked, positions: list[int]) -> None:
    seen, before = [], None
    with told.logs.read() as session:
        for _ in range(20):
            found = find(session, asked, before=before, limit=1)
            seen += [entry.seq for entry in found.entries]
            before = found.next
            if before is None:
                break
    assert seen == positions


def test_a_class_is_asked_of_the_records_that_entries_name(told: World) -> None:
    with told.logs.read() as session:
        found = find(session, Asked(), of_class=lambda ids: ids & {OTHER_RECORD})
    assert [entry.seq for entry in found.entries] == [8, 4]


def test_a_page_looks_at_no_more_than_its_share_and_says_where_to_go_on(
    told: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail_search, "EXAMINED", 3)
    monkeypatch.setattr(trail_search, "_CHUNK", 2)
    with told.logs.read() as session:
        pages = [find(session, Asked(department=SALES))]
        while pages[-1].next is not None:
            pages.append(find(session, Asked(department=SALES), before=pages[-1].next))
    assert [[entry.seq for entry in page.entries] for page in pages] == [[5], [4, 2], []]
    assert [page.next for page in pages] == [5, 1, None]
    assert pages[0].reached == T0 + timedelta(minutes=5)


def test_an_entry_of_an_entity_whose_name_is_gone_is_shown_to_nobody_who_oversees_some_only(told: World) -> None:
    with told.logs.write() as session:
        forget_aliases(session, kind="entity", subject=OTHER_FIRM)
    with told.logs.read() as session:
        limited = find(session, replace(CASES["nothing is everything"][0], entities=frozenset({ACME, OTHER_FIRM})))
        whole = find(session, Asked())
    assert 6 not in [entry.seq for entry in limited.entries]
    assert 6 in [entry.seq for entry in whole.entries]


def test_a_log_with_a_person_of_two_years_is_read_newest_first(told: World) -> None:
    told.clock.tick(days=400)
    told.log.record([Opened(page=8, by=AS_BRUNO), Opened(page=9, by=AS_ANNA)], at=told.clock.now())
    with told.logs.read() as session:
        found = find(session, Asked(person=BRUNO), limit=2)
    assert [entry.seq for entry in found.entries] == [9, 5]
    assert found.next == 5
