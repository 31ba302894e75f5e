"""The page of what waits for an event: files, records, what is filled in, and what cannot be."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from accounts import entities, grant_requests
from accounts.principal import Grant
from app.build import build
from app.prepare import prepare
from app.settings import Settings
from records import case_file
from records.record import Record
from retention.record_date import RecordDate
from retention.verdict import CLASS_CONFIRMED
from tests.support.app import Office

PAGE = "/retention/triggers"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    chosen = Settings(data=tmp_path_factory.mktemp("triggers") / "data", port=0, workers=1)
    prepare(chosen)
    made = Office.found(build(chosen), pack="DE")
    made.upload(b"Vertrag ueber Zebrafinken", "contract.txt", **{"class": "contract"})
    unclear = made.upload(b"Vertrag oder Rechnung", "unclear.txt", **{"class": "contract"})
    made.settle()
    with made.runtime.main.write() as session:
        # As it stands of a record whose class a machine guessed and nobody has confirmed.
        session.get_one(RecordDate, UUID(unclear["id"])).missing = [CLASS_CONFIRMED]
    yield made
    made.close()


def test_it_shows_what_waits_for_an_event_and_what_waits_for_a_class(office: Office) -> None:
    page, _ = office.browser("manager")
    shown = page.get(PAGE)
    assert shown.status_code == 200
    assert "end of the contract" in shown.text.casefold()
    assert "confirmation of the class by a person" in shown.text
    assert shown.text.count('name="day"') == 1, "only an event can be stated"


def test_an_event_that_is_filled_in_dates_the_record(office: Office) -> None:
    page, csrf = office.browser("manager")
    waiting = office.client("manager").get("/api/v1/retention/triggers").json()
    contract = next(each for each in waiting["records"] if each["missing"] == ["contract_end"])
    form = {"holder": "record", "number": contract["number"], "event": "contract_end", "day": "2020-06-30"}
    assert page.post(PAGE, data=form | {"csrf": csrf}).status_code in (200, 303)
    office.settle()
    assert contract["number"] not in page.get(PAGE).text


def test_what_cannot_be_entered_is_named_and_nothing_of_it_is(office: Office) -> None:
    page, csrf = office.browser("manager")
    told = page.post(PAGE, data={"csrf": csrf, "csv": "holder,number,event,day\nfile,NONE-1,contract_end,x"})
    assert told.status_code >= 400
    assert "Nothing was entered" in told.text
    assert "NONE-1" in told.text


def test_events_of_two_firms_are_stated_in_one_go_or_not_at_all(tmp_path: Path) -> None:
    firms = Office.open(tmp_path / "data")
    boss, admin, now = firms.principal("boss"), firms.principal("admin"), firms.runtime.clock.now()
    with firms.runtime.main.write() as session:
        new = entities.NewEntity(name="Societatea Exemplu", jurisdiction="RO", zone="Europe/Bucharest")
        second = entities.add(session, new, by=boss, at=now).id
        asked = grant_requests.propose(
            session, firms.people["manager"], Grant("records_manager", second), by=boss, at=now
        )
        request = asked.id
    with firms.runtime.main.write() as session:
        grant_requests.confirm(session, request, by=admin, at=now)
    manager, made = firms.principal("manager"), {}
    for firm in (firms.entity, second):
        with firms.runtime.main.write() as session:
            wanted = case_file.NewCaseFile(
                entity=firm, kind="contract", number="V-1", name="Lieferung", opened_on=date(2020, 1, 1)
            )
            opened = case_file.open_case_file(session, wanted, by=manager, at=now, keys=firms.runtime.keys)
            made[firm] = opened.id
    page, csrf = firms.browser("manager")

    def fill_in(*days: str) -> int:
        form = {
            "csrf": csrf,
            "place": [str(firms.entity), str(second)],
            "holder": ["file", "file"],
            "number": ["V-1", "V-1"],
            "event": ["contract_end", "contract_end"],
            "day": list(days),
        }
        return page.post(PAGE, data=form).status_code

    def stated(firm: UUID) -> dict[str, date]:
        with firms.runtime.main.read() as session:
            return case_file.triggers_of(session, made[firm])

    assert fill_in("2021-06-30", "not a day") == 422
    assert (stated(firms.entity), stated(second)) == ({}, {}), "one of them is wrong, so neither is entered"
    assert fill_in("2021-06-30", "2023-03-15") in (200, 303)
    assert stated(firms.entity) == {"contract_end": date(2021, 6, 30)}
    assert stated(second) == {"contract_end": date(2023, 3, 15)}
    firms.close()


def test_days_that_were_filled_in_stay_in_the_form_when_one_is_refused(office: Office) -> None:
    made = office.upload(b"Vertrag ueber Haselmaeuse", "further.txt", **{"class": "contract"})
    office.settle()
    with office.runtime.main.read() as session:
        number = session.get_one(Record, UUID(made["id"])).number
    page, csrf = office.browser("manager")
    form = {
        "csrf": csrf,
        "holder": ["record", "record"],
        "place": [str(office.entity)] * 2,
        "number": [number, number],
        "event": ["contract_end", "no_such_event"],
        "day": ["2021-06-30", "2021-06-30"],
    }
    told = page.post(PAGE, data=form)
    assert told.status_code == 422
    assert "Row 2:" in told.text
    assert 'name="day" value="2021-06-30"' in told.text


def test_what_waits_leads_to_its_record_with_a_title_for_those_who_may_read_it(office: Office) -> None:
    made = office.upload(b"Vertrag ueber Siebenschlaefer", "Siebenschlaefer.txt", **{"class": "contract"})
    office.settle()
    # The page that begins with this record, however many wait before it.
    here = f"{PAGE}?after={UUID(int=UUID(made['id']).int - 1)}"
    for name, reads in (("manager", True), ("officer", False)):
        shown = office.browser(name)[0].get(here).text
        assert f"/records/{made['id']}/why" in shown
        assert (f'href="/records/{made["id"]}"' in shown) is reads
        assert ("Siebenschlaefer" in shown) is reads, "a title is content"


def test_the_inbox_is_shown_page_by_page(office: Office) -> None:
    for count in range(21):
        office.upload(f"Vertrag Nummer {count}".encode(), f"v{count}.txt", **{"class": "contract"})
    office.settle()
    page, _ = office.browser("manager")
    shown = page.get(PAGE).text
    assert shown.count('name="day"') <= 20
    assert "More records" in shown
