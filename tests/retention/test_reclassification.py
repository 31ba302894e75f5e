"""Another class as a decision of a batch: approved like the others, carried out after grace, dates anew."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from accounts.principal import NotAllowed
from app import date_jobs
from core.errors import Invalid, MunimentError, NotFound
from records import placement
from retention import approval, batch, schedule
from retention.period import Period
from retention.record_date import RecordDate
from retention.rule_draft import RuleDraft
from tests.support.depot import CLASS, Depot

OTHER = "contract"


class Killed(Exception):
    """The process dies here."""


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    made = Depot.open(tmp_path)
    stated = RuleDraft(
        code="test-contracts", jurisdiction="DE", record_class=OTHER, trigger="document_created",
        anchor="event_date", period=Period.parse("P30Y"), bound="minimum", action="destroy", legal_basis="BGB § 197",
    )  # fmt: skip
    with made.run.main.write() as session:
        row = schedule.draft(session, made.archive.entity, stated, by=made.by("manager"), at=made.now)
        schedule.publish(session, row.id, by=made.by("officer"), at=made.now)
    yield made
    made.close()


def through(depot: Depot, record: UUID) -> date | None:
    with depot.run.main.read() as session:
        return session.get_one(RecordDate, record).retain_through


def decided(depot: Depot, going: UUID, staying: UUID) -> UUID:
    made = depot.propose()
    assert made is not None
    depot.decide(made, [going])
    depot.decide(made, [staying], decision="reclassify", to_class=OTHER, reason="a contract, by its text")
    return made


def test_it_takes_effect_after_approval_and_grace_and_its_dates_are_reckoned_anew(depot: Depot) -> None:
    going, staying = depot.file("Invoice", "Contract")
    before = through(depot, staying)
    made = decided(depot, going, staying)
    assert depot.items(made)[staying].state == batch.DECIDED
    digest = depot.submit(made)
    assert depot.approve(made, digest).state == "approved"
    depot.carry_out(at=depot.now)
    assert depot.archive.get(staying).record_class == CLASS, "the days of grace are not over"
    outcome = depot.carry_out()
    assert (outcome.begun, outcome.reclassified, outcome.skipped) == (1, 1, {})
    row = depot.archive.get(staying)
    assert (row.record_class, row.confirmed, row.classified_by) == (OTHER, True, "person")
    assert not depot.exists(going)
    # The job is for the day that was carried out on, which the machine's clock has not reached.
    date_jobs.date_marked(depot.run)
    depot.archive.settle()
    assert through(depot, staying) == date(2039, 3, 4) != before
    item = depot.items(made)[staying]
    assert (item.state, item.code, item.to_class) == (batch.KEPT, "reclassified", OTHER)
    [entry] = [each for each in depot.archive.events("record.placed") if each.by.kind == "system"]
    assert [each.id for each in entry.objects] == [staying]
    depot.carry_out()
    assert len([each for each in depot.archive.events("record.placed") if each.by.kind == "system"]) == 1
    assert depot.propose() is None, "its period runs on"


def test_the_approval_is_of_the_class_that_was_shown(depot: Depot) -> None:
    going, staying = depot.file("Invoice", "Contract")
    made = decided(depot, going, staying)
    digest = depot.submit(made)
    depot.decide(made, [staying], decision="reclassify", to_class="letter")
    assert depot.submit(made) != digest
    with pytest.raises(approval.ShownOtherwise):
        depot.approve(made, digest)


def test_nothing_happens_without_approval_and_undone_is_undone(depot: Depot) -> None:
    [staying] = depot.file("Contract")
    made = depot.propose()
    assert made is not None
    depot.decide(made, [staying], decision="reclassify", to_class=OTHER)
    digest = depot.submit(made)
    depot.carry_out()
    depot.approve(made, digest)
    with depot.run.main.write() as session:
        approval.undo(session, made, by=depot.by("manager"), at=depot.now)
    depot.carry_out()
    assert depot.archive.get(staying).record_class == CLASS
    assert depot.propose() is not None


def test_a_record_that_has_changed_since_is_passed_over(depot: Depot) -> None:
    going, staying = depot.file("Invoice", "Contract")
    made = decided(depot, going, staying)
    depot.approve(made, depot.submit(made))
    with depot.run.main.write() as session:
        decision = placement.Decision(record_class="letter")
        placement.decide(session, staying, decision, by=depot.by("manager"), at=depot.now)
    outcome = depot.carry_out()
    assert (outcome.reclassified, outcome.skipped) == (0, {"changed": 1})
    assert depot.archive.get(staying).record_class == "letter"


@pytest.mark.parametrize("step", ["reclassify", "reclassified"])
def test_killed_at_a_step_it_happens_once_all_the_same(depot: Depot, step: str) -> None:
    going, staying = depot.file("Invoice", "Contract")
    made = decided(depot, going, staying)
    depot.approve(made, depot.submit(made))
    at = depot.after_grace()

    def dies(name: str) -> None:
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        depot.carry_out(at=at, passing=dies)
    depot.carry_out(at=at)
    depot.archive.settle()
    assert depot.archive.get(staying).record_class == OTHER
    assert not depot.exists(going)
    assert len([each for each in depot.archive.events("record.placed") if each.by.kind == "system"]) == 1


@pytest.mark.parametrize(
    ("to_class", "error"),
    [
        pytest.param(None, Invalid, id="none"),
        pytest.param(CLASS, Invalid, id="the one it has"),
        pytest.param("accounting", Invalid, id="a heading"),
        pytest.param("no_such_class", MunimentError, id="one that is not in the plan"),
    ],
)
def test_a_class_it_cannot_have_is_refused(depot: Depot, to_class: str | None, error: type[Exception]) -> None:
    [staying] = depot.file("Contract")
    made = depot.propose()
    assert made is not None
    with pytest.raises(error):
        depot.decide(made, [staying], decision="reclassify", to_class=to_class)
    assert depot.items(made)[staying].decision is None


def test_who_could_not_classify_it_does_not_decide_so(depot: Depot) -> None:
    [staying] = depot.file("Contract")
    made = depot.propose()
    assert made is not None
    with pytest.raises((NotAllowed, NotFound)):
        depot.decide(made, [staying], by="officer", decision="reclassify", to_class=OTHER)
