"""A hold placed while a batch is approved or carried out: whichever step it meets, it is seen or comes after."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from retention import hold
from retention.hold import NewHold, blockers_of
from retention.hold_scope import Scope
from tests.support.depot import Depot


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    made = Depot.open(tmp_path / "data")
    yield made
    made.close()


SCOPES = {
    "a list": lambda record: Scope(kind="records", records=(record,)),
    "classes and years": lambda _: Scope(kind="classes", classes=("accounting",), first_year=1990, last_year=2030),
    "a query": lambda _: Scope(kind="query", query="kranbau"),
}


def placing(depot: Depot, scope: Scope) -> tuple[NewHold, object]:
    new = NewHold(
        entity=depot.archive.entity,
        kind="legal_hold",
        scope=scope,
        title="A matter",
        reason="a claim",
        authority="court",
        review_on=depot.today + timedelta(days=90),
    )
    return new, depot.by("officer")


def place(depot: Depot, new: NewHold, by: object) -> UUID:
    with depot.run.main.write() as session:
        return hold.place(session, new, by=by, at=depot.now, keys=depot.run.keys).id  # type: ignore[arg-type]


@pytest.mark.parametrize("step", ["catch", "begin"])
@pytest.mark.parametrize("scope", SCOPES)
def test_a_hold_placed_before_the_point_of_no_return_keeps_the_record(depot: Depot, scope: str, step: str) -> None:
    (record,) = depot.file("Rechnung vom Kranbau")
    depot.approved()
    new, by = placing(depot, SCOPES[scope](record))
    placed: list[UUID] = []

    def passing(at: str) -> None:
        if at == step and not placed:
            placed.append(place(depot, new, by))

    outcome = depot.carry_out(passing=passing)
    assert placed, "the step was passed"
    assert outcome.begun == 0
    assert depot.exists(record)


def test_a_hold_that_waits_for_the_point_of_no_return_comes_after_it_and_can_be_released(depot: Depot) -> None:
    (record,) = depot.file("Rechnung vom Kranbau")
    depot.approved()
    new, by = placing(depot, SCOPES["classes and years"](record))
    threads: list[threading.Thread] = []
    placed: list[UUID] = []

    def passing(at: str) -> None:
        if at == "begun" and not threads:
            # Inside the transaction that begins: the hold has to wait for its end.
            threads.append(threading.Thread(target=lambda: placed.append(place(depot, new, by))))
            threads[0].start()
            threads[0].join(0.2)
            assert placed == []

    assert depot.carry_out(passing=passing).begun == 1
    threads[0].join(30)
    assert len(placed) == 1
    depot.archive.settle()
    asks, confirms = depot.by("manager"), depot.by("officer")
    with depot.run.main.write() as session:
        hold.ask_release(session, placed[0], "nothing is left", by=asks, at=depot.now, keys=depot.run.keys)
    with depot.run.main.write() as session:
        hold.decide_release(session, placed[0], confirmed=True, by=confirms, at=depot.now)
    depot.archive.settle()
    with depot.run.main.read() as session:
        assert blockers_of(session, [record]) == {}


def test_of_an_approval_and_a_hold_at_once_the_record_is_kept_either_way(depot: Depot) -> None:
    records = depot.file(*(f"Rechnung {number} vom Kranbau" for number in range(4)))
    made, digest = depot.submitted()
    new, by = placing(depot, SCOPES["a list"](records[0]))
    begin = threading.Barrier(2)

    def hold_it() -> None:
        begin.wait()
        place(depot, new, by)

    other = threading.Thread(target=hold_it)
    other.start()
    begin.wait()
    outcome = depot.approve(made, digest)
    other.join(30)
    assert outcome.state in ("approved", "voided")
    depot.carry_out()
    assert depot.exists(records[0])
    assert depot.items(made)[records[0]].state != "destroyed"


def test_a_release_makes_nothing_go_that_was_approved_before_the_hold(depot: Depot) -> None:
    (record,) = depot.file("Rechnung vom Kranbau")
    made = depot.approved()
    new, by = placing(depot, SCOPES["a list"](record))
    hold_id = place(depot, new, by)
    assert depot.carry_out().begun == 0
    asks, confirms = depot.by("manager"), depot.by("officer")
    with depot.run.main.write() as session:
        hold.ask_release(session, hold_id, "settled", by=asks, at=depot.now, keys=depot.run.keys)
    with depot.run.main.write() as session:
        hold.decide_release(session, hold_id, confirmed=True, by=confirms, at=depot.now)
    assert depot.carry_out().begun == 0, "its approval went with the hold"
    assert depot.exists(record)
    assert depot.items(made)[record].decision is None, "somebody decides anew"
