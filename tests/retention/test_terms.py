"""An entity's terms of retention: stricter at once, looser by two persons, another calendar reckons every date anew."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.entities import InvalidEntity
from accounts.principal import NotAllowed
from app import date_jobs, simulating
from core.errors import Invalid, NotFound
from retention import disposition_terms, schedule, simulation, terms_change
from retention.period import Period
from retention.record_date import RecordDate
from retention.rule_draft import RuleDraft
from retention.terms_change import (
    EntityTerms,
    OwnTerms,
    TermsChange,
    TermsDecided,
    TermsPending,
    TermsUnchanged,
    changed,
    loosened,
)
from tests.support.archive import Archive

BEGUN = EntityTerms(1, 7, None, None, "Europe/Berlin", "01-01")
PERCENT = 20
terms = st.builds(
    EntityTerms,
    st.integers(1, 5),
    st.integers(0, 365),
    st.none() | st.integers(1, 100),
    st.none() | st.integers(0, 600),
    st.sampled_from(["Europe/Berlin", "Europe/Bucharest"]),
    st.sampled_from(["01-01", "07-01"]),
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Archive]:
    made = Archive.open(tmp_path)
    made.add_person("second_officer", made.grant("compliance_officer"))
    yield made
    made.close()


def ask(office: Archive, by: str = "officer", **values: Any) -> TermsChange:
    with office.runtime.main.write() as session:
        wanted = terms_change.wanted(terms_change.of(session, office.entity), **values)
        return terms_change.ask(session, office.entity, wanted, percent=PERCENT, by=office.principal(by), at=office.now)


def decide(office: Archive, change: UUID, by: str = "second_officer", *, confirmed: bool = True) -> None:
    with office.runtime.main.write() as session:
        acting = office.principal(by)
        terms_change.decide(session, change, confirmed=confirmed, percent=PERCENT, by=acting, at=office.now)


def held(office: Archive) -> EntityTerms:
    with office.runtime.main.read() as session:
        return terms_change.of(session, office.entity)


@pytest.mark.parametrize(
    ("after", "looser"),
    [
        pytest.param({"quorum": 2}, (), id="one more must approve"),
        pytest.param({"grace_days": 8}, (), id="a day more of grace"),
        pytest.param({"destroy_percent": 10}, (), id="a smaller share at once"),
        pytest.param({"destroy_percent": 20}, (), id="the installation's share, stated"),
        pytest.param({"destroy_percent": 21}, ("destroy_percent",), id="a greater share than the installation's"),
        pytest.param({"grace_days": 6}, ("grace_days",), id="a day less of grace"),
        pytest.param({"intermediate_months": 600}, (), id="into the intermediate archive at all"),
        pytest.param({"zone": "Europe/Paris"}, ("zone",), id="another time zone"),
        pytest.param({"fiscal_year_start": "07-01"}, ("fiscal_year_start",), id="another fiscal year"),
        pytest.param({"quorum": 2, "grace_days": 0}, ("grace_days",), id="one stricter, one looser"),
    ],
)
def test_what_gets_looser(after: dict[str, Any], looser: tuple[str, ...]) -> None:
    assert loosened(BEGUN, replace(BEGUN, **after), percent=PERCENT) == looser


@given(terms, terms)
def test_of_two_that_differ_one_way_or_the_other_is_looser_or_only_words_differ(a: EntityTerms, b: EntityTerms) -> None:
    there, back = loosened(a, b, percent=PERCENT), loosened(b, a, percent=PERCENT)
    for name in changed(a, b):
        same_share = name == "destroy_percent" and (a.destroy_percent or PERCENT) == (b.destroy_percent or PERCENT)
        assert (name in there or name in back) is not same_share
    assert not set(there) - set(changed(a, b))


def test_stricter_terms_hold_at_once(office: Archive) -> None:
    row = ask(office, "manager", quorum=2, grace_days=14, destroy_percent=5)
    assert row.state == terms_change.IN_FORCE
    assert held(office) == replace(BEGUN, quorum=2, grace_days=14, destroy_percent=5)
    with office.runtime.main.read() as session:
        assert disposition_terms.of(session, office.entity).quorum == 2
    office.settle()
    told = [entry.details for entry in office.events("retention.terms_changed")]
    assert told == [{"quorum": 2, "grace_days": 14, "destroy_percent": 5, "loosens": []}]


def test_looser_terms_wait_for_a_second_person(office: Archive) -> None:
    ask(office, quorum=3)
    row = ask(office, quorum=1)
    assert row.state == terms_change.PENDING
    assert held(office).quorum == 3, "asking changes nothing"
    with pytest.raises(TermsPending):
        ask(office, "second_officer", quorum=4)
    with pytest.raises(OwnTerms):
        decide(office, row.id, by="officer")
    with pytest.raises(NotAllowed):
        decide(office, row.id, by="manager")
    decide(office, row.id)
    assert held(office).quorum == 1
    with pytest.raises(TermsDecided):
        decide(office, row.id)


def test_whoever_asked_takes_it_back_and_another_refuses(office: Archive) -> None:
    decide(office, ask(office, "manager", grace_days=0).id, by="manager", confirmed=False)
    decide(office, ask(office, grace_days=0).id, confirmed=False)
    assert held(office) == BEGUN
    with office.runtime.main.read() as session:
        rows = terms_change.history(session, office.entity, by=office.principal("auditor"))
    assert [row.state for row in rows] == [terms_change.REFUSED] * 2


@pytest.mark.parametrize("name", ["clerk", "auditor", "dpo", "admin"])
def test_others_change_nothing(office: Archive, name: str) -> None:
    with pytest.raises((NotAllowed, NotFound)):
        ask(office, name, quorum=2)
    assert held(office) == BEGUN


@pytest.mark.parametrize(
    ("values", "error"),
    [
        pytest.param({"quorum": 0}, Invalid, id="nobody approves"),
        pytest.param({"quorum": 6}, Invalid, id="more than five"),
        pytest.param({"grace_days": 366}, Invalid, id="grace of more than a year"),
        pytest.param({"destroy_percent": 101}, Invalid, id="more than all"),
        pytest.param({"intermediate_months": -1}, Invalid, id="before it ended"),
        pytest.param({"zone": "Europe/Atlantis"}, InvalidEntity, id="no such zone"),
        pytest.param({"fiscal_year_start": "02-29"}, InvalidEntity, id="a day not every year has"),
        pytest.param({}, TermsUnchanged, id="the same"),
    ],
)
def test_what_cannot_be_is_refused(office: Archive, values: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(office, **values)
    assert held(office) == BEGUN


def test_another_fiscal_year_is_simulated_and_then_every_date_is_reckoned_by_it(office: Archive) -> None:
    stated = RuleDraft(
        code="fr-books", jurisdiction="FR", record_class="ledger", trigger="document_created",
        anchor="end_of_fiscal_year", period=Period.parse("P10Y"), bound="minimum", action="destroy",
        legal_basis="C. com. L123-22",
    )  # fmt: skip
    with office.runtime.main.write() as session:
        drafted = schedule.draft(session, office.entity, stated, by=office.principal("manager"), at=office.now)
        schedule.publish(session, drafted.id, by=office.principal("officer"), at=office.now)
    book = office.receive(b"Grand livre", record_class="ledger", document_date=date(2025, 9, 1)).id
    office.settle()
    assert _through(office, book) == date(2035, 12, 31)

    row = ask(office, fiscal_year_start="07-01")
    with office.runtime.main.write() as session:
        asked = simulation.ask_calendar(
            session, office.entity, zone="Europe/Berlin", fiscal_year_start="07-01", by=office.principal("officer"),
            at=office.now, with_job=False,
        )  # fmt: skip
    result = simulating.simulate(office.runtime, asked.id)
    assert (result.records, result.moved) == (1, 1)
    assert result.samples["later"][0]["then"] == "2036-06-30"
    assert _through(office, book) == date(2035, 12, 31), "neither asking nor simulating moves a date"

    decide(office, row.id)
    office.settle()
    assert _through(office, book) == date(2036, 6, 30)
    with office.runtime.main.read() as session:
        again = session.get_one(simulation.Simulation, asked.id)
        assert not simulation.is_fresh(session, again, office.now), "it rested on the calendar of before"
    assert date_jobs.date_entity(office.runtime, office.entity)["looked_at"] == 1


def test_a_change_asked_for_on_other_terms_is_asked_for_anew(office: Archive) -> None:
    row = ask(office, grace_days=1)
    with office.runtime.main.write() as session:
        person = office.people["officer"]
        later = office.now + timedelta(seconds=1)
        disposition_terms.write(session, office.entity, disposition_terms.Terms(4, 30), by=person, at=later)
    with pytest.raises(TermsDecided):
        decide(office, row.id)


def _through(office: Archive, record: UUID) -> date | None:
    with office.runtime.main.read() as session:
        return session.get_one(RecordDate, record).retain_through
