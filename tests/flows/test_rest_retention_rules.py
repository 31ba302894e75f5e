"""The schedule over REST: drafted, published, exported, imported, compared; and what each mistake is answered with."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from accounts import entities
from accounts.entities import NewEntity
from core.clock import civil_date
from retention import schedule
from tests.support.app import Office

RULES = "/api/v1/retention/rules"
RULE = {
    "code": "de-invoice",
    "jurisdiction": "DE",
    "class": "invoice",
    "trigger": "document_created",
    "anchor": "end_of_calendar_year",
    "period": "P10Y",
    "bound": "minimum",
    "action": "destroy",
    "legal_basis": "AO § 147(3)",
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office.open(tmp_path_factory.mktemp("rules"))
    yield made
    made.close()


def test_a_schedule_is_made_by_two_and_compared_by_a_third(office: Office) -> None:
    manager, officer, auditor = (office.client(name) for name in ("manager", "officer", "auditor"))
    body = RULE | {"entity": str(office.entity)}
    size = office.leaves()
    first = manager.post(RULES, json=body)
    assert first.status_code == 201, first.text
    assert (first.json()["state"], first.json()["in_force"]) == ("draft", False)
    alone = manager.post(f"{RULES}/{first.json()['id']}/publication", json={})
    assert (alone.status_code, alone.json()["code"]) == (403, "not_allowed")
    assert officer.post(f"{RULES}/{first.json()['id']}/publication", json={}).json()["in_force"] is True

    text = auditor.get(f"{RULES}/file?format=yaml").text
    changed = {"entity": str(office.entity), "format": "yaml", "text": text.replace("P10Y", "P8Y")}
    taken = manager.post(f"{RULES}/file", json=changed).json()
    assert (taken["drafts"], taken["known"]) == (1, 0)
    assert officer.post(f"{RULES}/batches/{taken['batch']}/publication", json={}).status_code == 200
    (newest, oldest) = auditor.get(f"{RULES}/{first.json()['id']}/versions").json()["items"]
    assert (newest["period"], newest["in_force"], oldest["period"], oldest["in_force"]) == ("P8Y", True, "P10Y", False)
    compared = auditor.get(f"{RULES}/{oldest['id']}/comparison?other={newest['id']}").json()
    assert compared["fields"] == [{"field": "period", "before": "P10Y", "after": "P8Y"}]
    assert compared["loosens"] == ["shorter"]
    yesterday = civil_date(office.runtime.clock.now(), "Europe/Berlin") - timedelta(days=1)
    days = auditor.get(f"{RULES}/comparison?before={yesterday}").json()
    assert [each["code"] for each in days["added"]] == ["de-invoice"]

    office.settle()
    assert [each for each in office.actions_since(size) if each.startswith("retention.rule")] == [
        "retention.rule_drafted",
        "retention.rule_published",
        "retention.rule_drafted",
        "retention.rules_taken",
        "retention.rule_published",
    ]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        pytest.param({"class": "love_letter"}, 422, "invalid_retention_rule", id="unknown class"),
        pytest.param({"jurisdiction": "XX"}, 422, "invalid_retention_rule", id="unknown country"),
        pytest.param({"period": "P0D", "anchor": "event_date"}, 422, "invalid_rule_draft", id="keeps nothing"),
        pytest.param({"valid_from": "2025-01-02", "valid_to": "2025-01-01"}, 422, "invalid_retention_rule", id="days"),
        pytest.param({"colour": "red"}, 422, "invalid_request", id="unknown field"),
    ],
)
def test_a_rule_that_cannot_be_is_a_problem_with_a_code(
    office: Office, change: dict[str, str], status: int, code: str
) -> None:
    body = RULE | {"entity": str(office.entity), "code": "de-mistake"} | change
    answer = office.client("manager").post(RULES, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_bad_file_names_its_lines_and_takes_nothing(office: Office) -> None:
    manager = office.client("manager")
    text = "rules:\n- {code: a}\n- {code: b}\n"
    answer = manager.post(f"{RULES}/file", json={"entity": str(office.entity), "format": "yaml", "text": text})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_rule_file")
    assert answer.json()["lines"] == [2, 3]
    assert manager.get(f"{RULES}?state=draft").json()["items"] == []


def test_another_firm_s_rules_are_refused(office: Office) -> None:
    boss, now = office.principal("boss"), office.runtime.clock.now()
    with office.runtime.main.write() as session:
        new = NewEntity(name="Elsewhere", jurisdiction="AT", zone="Europe/Vienna")
        other = entities.add(session, new, by=boss, at=now).id
        batch = schedule.take_pack(session, other, "AT", by=boss, at=now)
        assert batch is not None
        version = schedule.newest_of(session, other)["at-invoice"].id
    officer = office.client("officer")
    assert officer.get(f"{RULES}?entity={other}").status_code == 403
    assert officer.get(f"{RULES}/{version}").status_code == 404
    assert officer.post(f"{RULES}/{version}/publication", json={}).status_code == 404
    assert officer.post(f"{RULES}/batches/{batch}/publication", json={}).status_code == 404
