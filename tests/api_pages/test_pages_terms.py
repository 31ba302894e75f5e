"""The page of an entity's terms, its second person, and simulations of holds and calendars asked for on pages."""

from typing import Any
from uuid import UUID

import pytest

from app import simulating
from retention import terms_change
from tests.api_pages.test_pages_holds import Reader, placed
from tests.support.app import Office

TERMS = "/retention/terms"
NOW = {"quorum": "1", "grace_days": "7", "zone": "Europe/Berlin", "day": "1", "month": "01"}


def asked(office: Office, reader: Reader, **other: str) -> Any:
    return reader.post(TERMS, entity=str(office.entity), **(NOW | other))


def held(office: Office) -> terms_change.EntityTerms:
    with office.runtime.main.read() as session:
        return terms_change.of(session, office.entity)


def test_stricter_at_once_looser_by_a_second_person(own_office: Office) -> None:
    manager, officer, auditor = (Reader(own_office, name) for name in ("manager", "officer", "auditor"))
    assert "Change terms" not in auditor.get(TERMS)
    text = manager.get(TERMS)
    assert "Nothing was changed yet" in text
    assert "%, as for the installation" in text

    answer = asked(own_office, manager, grace_days="14", destroy_percent="5")
    assert answer.headers["location"].endswith("done=set")
    assert "14 days" in manager.get(TERMS)

    answer = asked(own_office, manager, grace_days="3", destroy_percent="5", day="1", month="07")
    assert answer.headers["location"].endswith("done=asked")
    waiting = manager.get(TERMS)
    assert "Take back" in waiting
    assert "Put these terms in force" not in waiting
    assert "Change terms" not in waiting, "one change at a time"
    seen = officer.get(TERMS)
    for words in ("14 days", "3 days", "January", "July", "Takes two", "Put these terms in force"):
        assert words in seen
    with own_office.runtime.main.read() as session:
        change = terms_change.waiting(session, own_office.entity)
        assert change is not None
    decided = officer.post(f"{TERMS}/changes/{change.id}/decision", word="confirm", entity=str(own_office.entity))
    assert decided.status_code == 303, decided.text
    assert held(own_office).fiscal_year_start == "07-01"
    assert "In force since" in auditor.get(TERMS)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"quorum": "many"}, "as a whole number", id="a number in words"),
        pytest.param({"quorum": "9"}, "persons approve", id="more than five"),
        pytest.param({"grace_days": ""}, "the days of grace as a whole number", id="nothing where a number is needed"),
        pytest.param({"destroy_percent": "0"}, "1 to 100 percent", id="no share"),
        pytest.param({"zone": "Europe/Atlantis"}, "The time zone is a name", id="no such zone"),
        pytest.param({"day": "30", "month": "02"}, "every year has", id="no such day"),
        pytest.param({}, "hold already", id="nothing new"),
    ],
)
def test_a_mistake_is_said_and_what_was_typed_stays(own_office: Office, given: dict[str, str], words: str) -> None:
    answer = asked(own_office, Reader(own_office, "officer"), **given)
    assert answer.status_code in (409, 422)
    assert words in answer.text
    for name in ("quorum", "grace_days"):
        assert f'value="{(NOW | given)[name]}"' in answer.text


def test_ones_own_change_is_not_confirmed_by_oneself(own_office: Office) -> None:
    officer = Reader(own_office, "officer")
    asked(own_office, officer, grace_days="0")
    with own_office.runtime.main.read() as session:
        change = terms_change.waiting(session, own_office.entity)
        assert change is not None
    answer = officer.post(f"{TERMS}/changes/{change.id}/decision", word="confirm", entity=str(own_office.entity))
    assert answer.status_code == 403
    assert "somebody else" in answer.text
    assert held(own_office).grace_days == 7


def test_a_fiscal_year_is_moved_since_a_day_and_said_in_words(own_office: Office) -> None:
    officer, manager = Reader(own_office, "officer"), Reader(own_office, "manager")
    for moved_on in ("2025-04-01", "2028-01-01"):
        refused = asked(own_office, manager, moves=moves(own_office), moved_on="2024-02-29")
        assert refused.status_code == 422
        assert asked(own_office, manager, moves=moves(own_office), moved_on=moved_on).status_code == 303
        with own_office.runtime.main.read() as session:
            change = terms_change.waiting(session, own_office.entity)
            assert change is not None
        made = officer.post("/retention/simulations", terms=str(change.id)).headers["location"]
        simulating.simulate(own_office.runtime, UUID(made.rpartition("/")[2]))
        assert "1 April 2025 on: 1 April" in officer.get(made)
        officer.post(f"{TERMS}/changes/{change.id}/decision", word="confirm", entity=str(own_office.entity))
    assert held(own_office).fiscal_year_start == "01-01/2025-04-01/2028-01-01"
    text = manager.get(TERMS)
    assert "1 January; from 1 April 2025 on: 1 April; from 1 January 2028 on: 1 January" in text
    assert 'name="moves" value="/2025-04-01/2028-01-01"' in text


def moves(office: Office) -> str:
    """What the form holds of the moves so far."""
    return held(office).fiscal_year_start[5:]


def test_an_entity_that_one_does_not_see_is_none(own_office: Office) -> None:
    client, _ = own_office.browser("officer")
    assert client.get(f"{TERMS}?entity={UUID(int=7)}").status_code == 404
    clerk, _ = own_office.browser("clerk")
    assert clerk.get(TERMS).status_code == 403


def test_another_calendar_is_simulated_from_the_change_that_waits(own_office: Office) -> None:
    officer = Reader(own_office, "officer")
    asked(own_office, officer, day="1", month="07")
    with own_office.runtime.main.read() as session:
        change = terms_change.waiting(session, own_office.entity)
        assert change is not None
    made = officer.post("/retention/simulations", terms=str(change.id)).headers["location"]
    simulating.simulate(own_office.runtime, UUID(made.rpartition("/")[2]))
    text = officer.get(made)
    assert "Another calendar" in text
    assert "July" in text


def test_a_hold_is_simulated_before_it_is_placed_and_its_release_before_it_is_confirmed(own_office: Office) -> None:
    record = own_office.upload(b"Der Kranbau", "brief.txt", **{"class": "letter"})
    own_office.settle()
    officer = Reader(own_office, "officer")
    given = {"scope": "records", "records": record["number"]}
    assert "Simulate in a new tab" in officer.post("/holds", step="count", **given).text
    made = officer.post("/holds", step="simulate", **given).headers["location"]
    assert "under way" in officer.get(made)
    simulating.simulate(own_office.runtime, UUID(made.rpartition("/")[2]))
    text = officer.get(made)
    assert "Reached by the hold" in text
    assert "Placing a hold" in officer.get("/retention/simulations")
    assert "Nothing is on hold" in officer.get("/holds")

    hold = placed(own_office, officer, record["number"])
    own_office.settle()
    assert "Simulate the release" in officer.get(hold)
    made = officer.post(f"{hold}/simulation").headers["location"]
    simulating.simulate(own_office.runtime, UUID(made.rpartition("/")[2]))
    assert "Releasing a hold" in officer.get(made)
