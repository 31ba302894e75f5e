"""A hold or its release, simulated: what is reached, and what may be proposed no longer or again."""

import csv
import io
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from accounts.principal import NotAllowed
from app import hold_wanted, holding, simulating
from app.hold_wanted import Wanted
from records.record import Record
from retention import hold_simulation
from retention.hold import NewHold
from retention.hold_scope import Scope
from retention.simulation import NothingToSimulate, Result, Simulation
from tests.support.depot import CLASS, Depot

RECENT = date.today() - timedelta(days=30)


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    made = Depot.open(tmp_path)
    yield made
    made.archive.close()


def simulated(depot: Depot, scope: Scope, by: str = "officer") -> tuple[Simulation, Result]:
    row = simulating.ask_hold(depot.run, depot.archive.entity, scope, by=depot.by(by), with_job=False)
    return row, simulating.simulate(depot.run, row.id)


def placed(depot: Depot, scope: Scope) -> UUID:
    new = NewHold(
        entity=depot.archive.entity, kind="legal_hold", scope=scope, title="Kontor", reason="Klage",
        authority="312 O 44/26", review_on=(depot.now + timedelta(days=90)).date(),
    )  # fmt: skip
    made = holding.place(depot.run, new, by=depot.by("officer")).id
    depot.archive.settle()
    return made


def eligible(depot: Depot) -> int:
    made = depot.propose()
    return 0 if made is None else len(depot.items(made))


def test_a_hold_by_class_stops_what_is_due_and_reaches_what_is_not(depot: Depot) -> None:
    depot.file("Kranbau one", "Kranbau two")
    depot.file("Kranbau three", day=RECENT)
    scope = Scope(kind="classes", classes=(CLASS,), first_year=2000, last_year=date.today().year)
    row, result = simulated(depot, scope)
    assert (result.records, result.moved, result.ceasing, result.becoming) == (3, 3, 2, 0)
    assert result.by_class == {CLASS: {"moved": 3, "ceasing": 2}}
    assert sum(counts["moved"] for counts in result.by_year.values()) == 3
    assert len(result.samples["ceasing"]) == 2
    assert row.kind == "hold"
    lines = list(
        csv.DictReader(io.StringIO(b"".join(simulating.csv_of(depot.run, row, by=depot.by("officer"))).decode()))
    )
    assert [(line["eligible_now"], line["eligible_then"]) for line in lines].count(("yes", "no")) == 2
    assert eligible(depot) == 2, "simulating holds nothing"


def test_a_query_is_sealed_and_reaches_what_the_search_finds(depot: Depot) -> None:
    depot.file("Kranbau Zebrafink", "Hochbau Amsel")
    row, result = simulated(depot, Scope(kind="query", query="zebrafink"))
    assert (result.records, result.moved, result.ceasing) == (2, 1, 1)
    assert "zebrafink" not in str(row.spec)
    with depot.run.main.read() as session:
        assert hold_simulation.scope_of(session, row, depot.run.keys).query == "zebrafink"
    depot.archive.settle()
    found = depot.holding("zebrafink")
    index = depot.run.folder.root / "index"
    assert not [each for each in found if index not in each.parents], "the words stand in the index alone"


def test_what_lies_in_a_reached_mail_is_reached_with_it(depot: Depot) -> None:
    [outer, inner] = depot.file("Mail one", "Attachment two")
    with depot.run.main.write() as session:
        session.get_one(Record, inner).parent = outer
    _, result = simulated(depot, Scope(kind="records", records=(outer,)))
    assert result.moved == 2


def test_the_release_of_one_of_two_holds_lets_go_of_what_the_other_does_not_reach(depot: Depot) -> None:
    one, two, three = depot.file("Kranbau one", "Kranbau two", "Kranbau three")
    first = placed(depot, Scope(kind="records", records=(one, two)))
    placed(depot, Scope(kind="records", records=(two, three)))
    with depot.run.main.write() as session:
        row = hold_simulation.ask_release(session, first, by=depot.by("manager"), at=depot.now, with_job=False)
    result = simulating.simulate(depot.run, row.id)
    assert (result.records, result.moved, result.becoming, result.ceasing) == (3, 2, 1, 0)
    assert result.samples["becoming"][0]["record"] == one.hex
    assert eligible(depot) == 0, "simulating releases nothing"


def test_a_hold_that_is_over_or_unknown_is_no_release(depot: Depot) -> None:
    with depot.run.main.write() as session, pytest.raises(NothingToSimulate):
        hold_simulation.ask_release(session, UUID(int=1), by=depot.by("officer"), at=depot.now)


def test_only_who_may_place_holds_simulates_them(depot: Depot) -> None:
    scope = Scope(kind="classes", classes=(CLASS,), first_year=2000, last_year=2026)
    with pytest.raises(NotAllowed):
        simulated(depot, scope, by="auditor")


def test_a_scope_comes_back_as_it_was_asked_for(depot: Depot) -> None:
    [one] = depot.file("Kranbau one")
    file = depot.archive.open_file()
    run = depot.run
    scopes = [
        Scope(kind="records", records=(one,)),
        Scope(kind="case_file", case_file=file),
        Scope(kind="person", colleague=depot.archive.people["clerk"]),
        Scope(kind="classes", classes=(CLASS,), first_year=2009, last_year=2010),
        Scope(kind="tax", first_year=2024, last_year=2025, open_until=date(2099, 12, 31)),
    ]
    for scope in scopes:
        row, _ = simulated(depot, scope)
        with run.main.read() as session:
            assert hold_simulation.scope_of(session, session.get_one(Simulation, row.id), run.keys) == scope
    named = hold_wanted.scope_of(
        run, depot.archive.entity, Wanted(kind="case_file", case_file="C-1"), by=depot.by("officer")
    )
    assert named == scopes[1]
