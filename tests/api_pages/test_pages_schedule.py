"""The pages of the schedule: drafted on a form by one, published by another; the matrix, the import, the set-up."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts import entities, grant_requests, setup
from accounts.principal import Grant
from api.app import create_app
from app.build import build
from app.prepare import prepare
from app.settings import Settings
from core.clock import civil_date
from retention import schedule
from tests.api_pages.test_pages_forms import post
from tests.support.app import PASSWORD, Client, Office

RULE = {
    "code": "de-invoice",
    "jurisdiction": "DE",
    "record_class": "invoice",
    "trigger": "document_created",
    "anchor": "end_of_calendar_year",
    "period": "P8Y",
    "rounding": "none",
    "bound": "minimum",
    "action": "destroy",
    "legal_basis": "AO § 147(3)",
    "transition": "later_events",
    "confidence": "verified",
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office.open(tmp_path_factory.mktemp("schedule"))
    yield made
    made.close()


def draft(office: Office, **changes: Any) -> str:
    browser, csrf = office.browser("manager")
    answer = post(browser, "/retention/rules", csrf, entity=str(office.entity), **(RULE | changes))
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].split("?")[0])


def test_a_rule_goes_from_the_form_over_a_second_person_into_the_matrix(office: Office) -> None:
    address = draft(office, note="<b>Zebra</b>")
    manager, own_csrf = office.browser("manager")
    seen = manager.get(address).text
    assert "8 years from the end of the calendar year" in seen
    assert "&lt;b&gt;Zebra" in seen
    assert "Publish de-invoice" not in seen
    officer, csrf = office.browser("officer")
    assert "Publish de-invoice, version 1" in officer.get(address).text
    assert post(officer, f"{address}/publication", csrf).status_code == 303
    matrix = officer.get("/retention").text
    assert re.search(r"Invoice</th>.{0,200}8 years · calendar year", matrix, re.DOTALL)
    assert "No owner" in matrix
    assert post(manager, f"{address}/publication", own_csrf).status_code == 403

    second = draft(office, period="P6Y")
    shown = officer.get(second).text
    assert "It keeps less than before: a shorter period." in shown
    assert "<del>8 years (P8Y)</del>" in shown
    assert post(officer, f"{second}/refusal", csrf).status_code == 303

    day = civil_date(office.runtime.clock.now(), "Europe/Berlin") + timedelta(days=365)
    reviewed = post(officer, f"{address}/review", csrf, due_on=day.isoformat(), owner="Head of accounting")
    assert reviewed.status_code == 303
    assert "Head of accounting" in officer.get(address).text
    assert "Every rule was reviewed and has an owner." in officer.get("/retention").text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"period": "eight"}, "Write the period as P8Y", id="period"),
        pytest.param(
            {"valid_from": "2025-01-02", "valid_to": "2025-01-01"}, "The rule ends before it begins", id="days"
        ),
        pytest.param({"later_of": "employment_end P1Y"}, "on a line of its own", id="alternatives"),
        pytest.param({"record_class": "x"}, "neither one of the facts nor a class", id="class"),
    ],
)
def test_a_form_with_a_mistake_comes_back_filled_in(office: Office, changes: dict[str, str], words: str) -> None:
    browser, csrf = office.browser("manager")
    fields = RULE | {"code": "de-mistake", "note": "keep me"} | changes
    answer = post(browser, "/retention/rules", csrf, entity=str(office.entity), **fields)
    assert answer.status_code == 422
    assert words in answer.text
    assert "keep me" in answer.text
    with office.runtime.main.read() as session:
        assert "de-mistake" not in schedule.newest_of(session, office.entity)


def test_a_file_with_a_bad_row_takes_nothing_and_names_the_line(office: Office) -> None:
    browser, csrf = office.browser("manager")
    head, row = ",".join(RULE), ",".join(RULE.values()).replace("de-invoice", "de-x")
    text = f"{head}\n{row}\n{row.replace('de-x', 'de-y').replace('P8Y', 'P8')}\n"
    told = post(browser, "/retention/import", csrf, entity=str(office.entity), format="csv", text=text)
    assert told.status_code == 422
    assert "Line 3: write the period as P8Y" in told.text
    assert "Nothing was taken." in told.text
    good = post(
        browser, "/retention/import", csrf, entity=str(office.entity), format="csv", text=text[: text.rindex("DE") - 6]
    )
    assert good.status_code == 303
    assert "One rule taken in together" in browser.get("/retention").text


def test_a_pack_taken_by_one_is_published_in_one_go_by_another(office: Office) -> None:
    manager, own_csrf = office.browser("manager")
    taken = post(manager, "/retention/packs", own_csrf, entity=str(office.entity), country="EU")
    assert taken.status_code == 303
    shown = manager.get("/retention").text
    assert "3 rules taken in together" in shown
    assert "Publish 3 rules" not in shown
    officer, csrf = office.browser("officer")
    page = officer.get("/retention").text
    batch = re.search(
        r"/retention/batches/([0-9a-f-]{36})/publication[^>]*>(?:(?!</form>).)*Publish 3 rules", page, re.DOTALL
    )
    assert batch is not None
    assert post(manager, f"/retention/batches/{batch[1]}/publication", own_csrf).status_code == 403
    assert post(officer, f"/retention/batches/{batch[1]}/publication", csrf).status_code == 303
    compared = officer.get("/retention/comparison?pack=EU").text
    assert "3 rules are the same." in compared
    past = officer.get("/retention?on=2020-01-01").text
    assert "No rule is in force" in past


@pytest.mark.parametrize(
    ("ticked", "country", "expected"),
    [
        pytest.param(True, "DE", {"DE", "EU"}, id="Germany"),
        pytest.param(True, "SE", {"EU"}, id="a member state without a pack"),
        pytest.param(False, "DE", set(), id="not ticked"),
    ],
)
def test_the_set_up_begins_with_the_rules_of_the_country(
    tmp_path: Path, ticked: bool, country: str, expected: set[str]
) -> None:
    settings = Settings(data=tmp_path / "data", port=0, workers=1)
    prepare(settings)
    runtime = build(settings)
    with runtime.main.write() as session:
        secret = setup.new_link_token(session, at=runtime.clock.now())
    client = Client(create_app(runtime), {})
    assert "starter retention rules" in client.get(f"/setup?token={secret}").text
    fields = {
        "token": secret, "entity": "Nordwind", "country": country, "zone": "Europe/Berlin",
        "department": ["Buchhaltung"], "kind": ["accounting"],
        "wanted": ["0"], "sign_in_name": "anna", "password": PASSWORD, "again": PASSWORD,
    }  # fmt: skip
    assert post(client, "/setup", **(fields | ({"pack": "1"} if ticked else {}))).status_code == 303
    with runtime.main.read() as session:
        (firm,) = entities.everything(session)
        rules = schedule.published(session, firm.id, civil_date(runtime.clock.now(), firm.zone))
    assert {rule.jurisdiction for rule in rules} == expected
    runtime.close()


def test_a_new_entity_gets_its_pack_as_drafts_once_the_set_up_is_closed(office: Office) -> None:
    browser, csrf = office.browser("admin")
    fields = {"name": "Vântul SRL", "country": "RO", "zone": "Europe/Bucharest", "controller": "", "pack": "1"}
    assert post(browser, "/settings/entities/new", csrf, **fields).status_code == 303
    with office.runtime.main.read() as session:
        firm = next(row for row in entities.everything(session) if row.name == "Vântul SRL")
        newest = schedule.newest_of(session, firm.id).values()
        assert {row.state for row in newest} == {"draft"}
        assert {row.jurisdiction for row in newest} == {"RO", "EU"}
        assert len({row.batch for row in newest}) == 2


def test_a_new_entity_has_the_time_zone_of_its_country_unless_another_is_chosen(office: Office) -> None:
    browser, csrf = office.browser("admin")
    fields = {"country": "RO", "zone": "", "controller": ""}
    assert post(browser, "/settings/entities/new", csrf, name="Marea SRL", **fields).status_code == 303
    with office.runtime.main.read() as session:
        zones = {row.name: row.zone for row in entities.everything(session)}
    assert zones["Marea SRL"] == "Europe/Bucharest"
    several = post(browser, "/settings/entities/new", csrf, name="West Inc", **(fields | {"country": "US"}))
    assert several.status_code == 422
    assert "Choose the time zone: this country has several" in several.text


def test_the_matrix_has_a_column_for_each_firm_and_escapes_their_names(tmp_path: Path) -> None:
    two_firms = Office.open(tmp_path / "data")
    boss, admin, now = two_firms.principal("boss"), two_firms.principal("admin"), two_firms.runtime.clock.now()
    with two_firms.runtime.main.write() as session:
        new = entities.NewEntity(
            name='A "very" long <name> of a firm in Bucharest', jurisdiction="RO", zone="Europe/Bucharest"
        )
        firm = entities.add(session, new, by=boss, at=now).id
    for name, role in (("manager", "records_manager"), ("officer", "compliance_officer")):
        with two_firms.runtime.main.write() as session:
            wanted = Grant(role, firm)  # type: ignore[arg-type]
            request = grant_requests.propose(session, two_firms.people[name], wanted, by=boss, at=now).id
        with two_firms.runtime.main.write() as session:
            grant_requests.confirm(session, request, by=admin, at=now)
    manager, officer = two_firms.principal("manager"), two_firms.principal("officer")
    for entity, country in ((two_firms.entity, "DE"), (firm, "RO")):
        with two_firms.runtime.main.write() as session:
            batch = schedule.take_pack(session, entity, country, by=manager, at=now)
        assert batch is not None
        with two_firms.runtime.main.write() as session:
            schedule.publish_batch(session, batch, by=officer, at=now)
    text = two_firms.browser("officer")[0].get("/retention").text
    assert text.count('<td data-label="Romania, A &#34;very&#34; long &lt;name&gt; of a firm in Bucharest">') == 8
    assert "from 1 July after the fiscal year" in text
    assert "<name>" not in text
    two_firms.close()
