"""The page of what waits for an event: files, records, what is filled in, and what cannot be."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from app.build import build
from app.prepare import prepare
from app.settings import Settings
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
