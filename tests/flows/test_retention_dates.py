"""Dates over HTTP: why a record has its own, the inbox of events, simulations; who may ask for them."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from retention import schedule
from tests.support.app import Office


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office.open(Path(tmp_path_factory.mktemp("dates")))
    run, manager, officer = made.runtime, made.principal("manager"), made.principal("officer")
    with run.main.write() as session:
        batch = schedule.take_pack(session, made.entity, "DE", by=manager, at=run.clock.now())
        assert batch is not None
        schedule.publish_batch(session, batch, by=officer, at=run.clock.now())
    yield made
    made.close()


@pytest.fixture(scope="module")
def invoice(office: Office) -> str:
    told = office.upload(uuid4().bytes, "rechnung.txt", document_date="2025-03-04", **{"class": "supplier_invoice"})
    office.settle()
    return str(told["id"])


def open_file(office: Office, number: str) -> None:
    """A contract's case file under that number."""
    file = office.client("clerk").post(
        "/api/v1/case-files",
        json={
            "entity": str(office.entity),
            "kind": "contract",
            "number": number,
            "name": "Miete",
            "opened_on": "2020-01-01",
        },
    )
    assert file.status_code == 201, file.text


@pytest.mark.parametrize("name", ["clerk", "manager", "officer", "auditor", "dpo"])
def test_who_reads_a_record_or_answers_for_retention_learns_why(office: Office, invoice: str, name: str) -> None:
    found = office.client(name).get(f"/api/v1/retention/records/{invoice}/why")
    assert found.status_code == 200, found.text
    why = found.json()["why"]
    assert (why["state"], why["retain_through"], why["winner"]["code"]) == ("dated", "2033-12-31", "de-invoice")
    assert why["considered"][0]["steps"][0]["anchor_date"] == "2025-12-31"
    assert found.json()["current"] is True
    assert "retention.why_shown" in office.actions_since(0)


@pytest.mark.parametrize("name", ["hr", "admin"])
def test_others_learn_nothing_of_it(office: Office, invoice: str, name: str) -> None:
    assert office.client(name).get(f"/api/v1/retention/records/{invoice}/why").status_code == 404
    assert office.client("clerk").get(f"/api/v1/retention/records/{uuid4()}/why").status_code == 404


def test_the_record_itself_says_until_when(office: Office, invoice: str) -> None:
    told = office.client("clerk").get(f"/api/v1/records/{invoice}").json()["retention"]
    assert told == {"state": "dated", "retain_through": "2033-12-31", "eligible_from": "2034-01-01", "missing": []}


def test_pages_show_the_sum_and_the_line(office: Office, invoice: str) -> None:
    browser, _ = office.browser("clerk")
    record = browser.get(f"/records/{invoice}").text
    assert f"/records/{invoice}/why" in record
    assert "2033" in record
    page = browser.get(f"/records/{invoice}/why").text
    assert "2025" in page
    assert "2033" in page
    assert "UStG" in page


def test_events_stated_by_the_page_date_what_waited(office: Office) -> None:
    open_file(office, "V-77")
    told = office.upload(uuid4().bytes, "v.txt", case_file="V-77", **{"class": "contract"})
    office.settle()
    waiting = office.client("manager").get("/api/v1/retention/triggers").json()
    assert [(f["number"], f["missing"]) for f in waiting["files"]] == [("V-77", {"contract_end": 1})]
    browser, csrf = office.browser("manager")
    assert "V-77" in browser.get("/retention/triggers").text
    wrong = browser.post(
        "/retention/triggers", data={"csrf": csrf, "csv": "holder,number,event,day\nfile,V-78,contract_end,2026-06-30"}
    )
    assert wrong.status_code in (400, 422)
    assert "Nothing was entered" in wrong.text
    fine = browser.post(
        "/retention/triggers",
        data={"csrf": csrf, "holder": "file", "number": "V-77", "event": "contract_end", "day": "2026-06-30"},
    )
    assert fine.status_code == 303
    office.settle()
    found = office.client("clerk").get(f"/api/v1/records/{told['id']}").json()["retention"]
    assert found["retain_through"] == "2029-12-31"


@pytest.mark.parametrize(("name", "status"), [("clerk", 403), ("auditor", 403), ("officer", 403)])
def test_only_who_states_events_states_them(office: Office, name: str, status: int) -> None:
    open_file(office, f"V-of-{name}")
    row = {"holder": "file", "number": f"V-of-{name}", "event": "case_closed", "day": "2026-06-30"}
    body = {"entity": str(office.entity), "statements": [row]}
    assert office.client(name).post("/api/v1/retention/triggers", json=body).status_code == status
    assert office.client("manager").post("/api/v1/retention/triggers", json=body).status_code == 200


def test_a_change_of_class_is_simulated_and_listed(office: Office, invoice: str) -> None:
    client = office.client("manager")
    wanted = {
        "entity": str(office.entity), "kind": "class", "from_class": "supplier_invoice", "to_class": "contract",
    }  # fmt: skip
    asked = client.post("/api/v1/retention/simulations", json=wanted)
    assert asked.status_code == 202, asked.text
    office.settle()
    found = client.get(f"/api/v1/retention/simulations/{asked.json()['id']}").json()
    assert found["result"]["moved"] == 1
    lines = client.get(f"/api/v1/retention/simulations/{found['id']}/list").text.splitlines()
    assert len(lines) == 2
    assert invoice in lines[1]
    browser, _ = office.browser("manager")
    assert browser.get("/retention/simulations").status_code == 200
    assert browser.get(f"/retention/simulations/{found['id']}").status_code == 200
    assert office.client("clerk").get(f"/api/v1/retention/simulations/{found['id']}").status_code == 403
