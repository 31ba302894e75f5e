"""Terms of retention and simulations over REST: asked for by one, confirmed by another."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from app import simulating
from tests.support.app import Office

V1 = "/api/v1"
TERMS = f"{V1}/retention/terms"
SIMULATIONS = f"{V1}/retention/simulations"


@pytest.fixture
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office.open(tmp_path_factory.mktemp("terms"))
    yield made
    made.close()


def test_what_is_left_out_stays_and_null_takes_an_own_value_back(office: Office) -> None:
    manager, officer, auditor = (office.client(name) for name in ("manager", "officer", "auditor"))
    entity = {"entity": str(office.entity)}
    stricter = manager.post(f"{TERMS}/changes", json=entity | {"destroy_percent": 5, "intermediate_months": 24})
    assert (stricter.status_code, stricter.json()["state"]) == (201, "in_force"), stricter.text
    looser = manager.post(f"{TERMS}/changes", json=entity | {"destroy_percent": None, "time_zone": "Europe/Bucharest"})
    assert looser.json()["loosens"] == ["destroy_percent", "time_zone"]
    seen = auditor.get(TERMS, params=entity).json()
    assert seen["terms"]["destroy_percent"] == 5
    assert seen["terms"]["intermediate_months"] == 24
    assert [each["state"] for each in seen["changes"]] == ["pending", "in_force"]

    decision = f"{TERMS}/changes/{looser.json()['id']}/decision"
    alone = manager.post(decision, json={"confirmed": True})
    assert (alone.status_code, alone.json()["code"]) == (403, "not_allowed")
    again = officer.post(f"{TERMS}/changes", json=entity | {"quorum": 2})
    assert (again.status_code, again.json()["code"]) == (409, "terms_pending")
    assert officer.post(decision, json={"confirmed": True}).json()["state"] == "in_force"
    terms = auditor.get(TERMS, params=entity).json()["terms"]
    assert (terms["destroy_percent"], terms["time_zone"], terms["quorum"]) == (None, "Europe/Bucharest", 1)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param({"quorum": 0}, 422, "invalid_request", id="nobody approves"),
        pytest.param({"time_zone": "Europe/Atlantis"}, 422, "invalid_entity", id="no such zone"),
        pytest.param({"grace_days": 7}, 409, "terms_unchanged", id="as it is"),
        pytest.param({"unheard": 1}, 422, "invalid_request", id="an unknown field"),
    ],
)
def test_what_cannot_be_is_said_by_its_code(office: Office, body: dict[str, object], status: int, code: str) -> None:
    answer = office.client("officer").post(f"{TERMS}/changes", json={"entity": str(office.entity)} | body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_a_hold_its_release_and_a_calendar_are_simulated(office: Office) -> None:
    record = office.upload(b"Der Kranbau", "brief.txt", **{"class": "letter"})
    office.settle()
    officer, auditor = office.client("officer"), office.client("auditor")
    entity = {"entity": str(office.entity)}

    def ended(answer: dict[str, str]) -> dict[str, object]:
        simulating.simulate(office.runtime, UUID(answer["id"]))
        found = auditor.get(f"{SIMULATIONS}/{answer['id']}")
        assert found.status_code == 200
        return dict(found.json())

    scope = {"kind": "query", "query": "kranbau"}
    asked = officer.post(SIMULATIONS, json=entity | {"kind": "hold", "scope": scope})
    assert asked.status_code == 202, asked.text
    found = ended(asked.json())
    assert found["spec"] == {"kind": "query"}, "what was searched for is not shown to everybody who sees simulations"
    result = found["result"]
    assert isinstance(result, dict)
    assert (result["records"], result["moved"]) == (1, 1)
    lines = auditor.get(f"{SIMULATIONS}/{found['id']}/list").text.splitlines()
    assert len(lines) == 2
    assert record["number"] in lines[1]

    assert auditor.post(SIMULATIONS, json=entity | {"kind": "hold", "scope": scope}).status_code == 403
    calendar = officer.post(SIMULATIONS, json=entity | {"kind": "calendar", "fiscal_year_start": "07-01"})
    assert ended(calendar.json())["kind"] == "calendar"
    for wrong in ({"kind": "hold"}, {"kind": "release"}, {"kind": "calendar"}):
        answer = officer.post(SIMULATIONS, json=entity | wrong)
        assert answer.status_code == 422, answer.text
