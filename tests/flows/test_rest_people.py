"""Rights over REST: given by two persons, gone at once, and nothing to be inferred without them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support.app import Client, Office

V1 = "/api/v1"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = Office.open(tmp_path_factory.mktemp("flow"))
    yield office
    office.close()


def _new_person(office: Office) -> str:
    name = f"new-{uuid4().hex[:8]}"
    answer = office.client("admin").post(f"{V1}/people", json={"sign_in_name": name, "password": "plum tractor violin"})
    assert answer.status_code == 201, answer.text
    office.people[name] = UUID(answer.json()["id"])
    return name


def _propose(office: Office, name: str) -> Any:
    place = str(office.departments["accounting"])
    body = {"role": "staff", "entity": str(office.entity), "department": place}
    return office.client("admin").post(f"{V1}/people/{office.people[name]}/grants", json=body).json()


def test_a_role_takes_two_persons_and_ends_at_once(office: Office) -> None:
    name = _new_person(office)
    request = _propose(office, name)
    assert request["state"] == "pending"
    browser, csrf = office.browser(name)
    assert browser.get(f"{V1}/records").status_code == 403

    confirmation = f"{V1}/grant-requests/{request['id']}/confirmation"
    own = office.client("admin").post(confirmation)
    assert (own.status_code, own.json()["code"]) == (403, "same_person")
    waiting = office.client("officer").get(f"{V1}/grant-requests").json()["items"]
    assert request["id"] in [each["id"] for each in waiting]
    grant = office.client("officer").post(confirmation).json()
    assert grant["basis"] == "second_person"
    assert browser.get(f"{V1}/records").status_code == 200

    again = office.client("officer").post(confirmation)
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")
    assert office.client("admin").delete(f"{V1}/grants/{grant['id']}").status_code == 204
    assert browser.get(f"{V1}/records").status_code == 403
    headers = {"Muniment-Csrf": csrf}
    assert browser.post(f"{V1}/me/tokens", json={"scopes": ["read"]}, headers=headers).status_code == 403


def test_nobody_gives_themselves_a_role(office: Office) -> None:
    body = {"role": "auditor", "entity": str(office.entity)}
    answer = office.client("admin").post(f"{V1}/people/{office.people['admin']}/grants", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "own_grant")


def test_a_token_is_shown_once_reaches_its_scopes_and_ends(office: Office) -> None:
    clerk = office.client("clerk")
    made = clerk.post(f"{V1}/me/tokens", json={"scopes": ["read"], "label": "reports", "days": 7}).json()
    reader = Client(office.app, {"Authorization": f"Bearer {made['token']}"})
    assert reader.get(f"{V1}/records").status_code == 200
    assert reader.put(f"{V1}/uploads", content=b"x").status_code == 403
    listed = clerk.get(f"{V1}/me/tokens").json()
    assert "reports" in [each["label"] for each in listed["items"]]
    assert made["token"] not in str(listed)
    assert office.client("hr").delete(f"{V1}/me/tokens/{made['id']}").status_code == 404
    assert clerk.delete(f"{V1}/me/tokens/{made['id']}").status_code == 204
    assert reader.get(f"{V1}/records").status_code == 401


def _traces(client: Client, word: str, record: str) -> dict[str, Any]:
    """All that somebody learns of a record by REST."""
    found = client.get(f"{V1}/search", params={"q": word}).json()
    return {
        "listed": record in [item["id"] for item in client.get(f"{V1}/records?limit=200").json()["items"]],
        "by id": record in [item["id"] for item in client.get(f"{V1}/records?ids={record}").json()["items"]],
        "found": record in [item["id"] for item in found["items"]],
        "counted": found["total"] > 0,
        "faceted": any(found["facets"].values()),
        "suggested": bool(client.get(f"{V1}/suggest", params={"q": word[:5]}).json()["items"]),
        "opened": client.get(f"{V1}/records/{record}").status_code == 200,
        "content": client.get(f"{V1}/records/{record}/content").status_code == 200,
        "history": client.get(f"{V1}/records/{record}/history").status_code == 200,
    }


def test_a_listed_case_file_hides_its_records_at_once_everywhere(office: Office) -> None:
    colleague = _new_person(office)
    office.client("officer").post(f"{V1}/grant-requests/{_propose(office, colleague)['id']}/confirmation")
    clerk, other = office.client("clerk"), office.browser(colleague)[0]
    record = office.upload(b"Das Wolpertinger-Protokoll", "w.txt", class_="minutes")["id"]
    office.settle()
    assert set(_traces(other, "Wolpertinger", record).values()) == {True}

    body = {
        "entity": str(office.entity),
        "kind": "matter",
        "number": "M-1",
        "name": "Streit",
        "opened_on": "2026-01-01",
        "listed_only": True,
    }
    file = clerk.post(f"{V1}/case-files", json=body).json()["id"]
    tag = clerk.get(f"{V1}/records/{record}").headers["etag"]
    assert clerk.patch(f"{V1}/records/{record}", json={"case_file": file}, headers={"If-Match": tag}).status_code == 200
    office.settle()
    assert set(_traces(other, "Wolpertinger", record).values()) == {False}
    assert set(_traces(clerk, "Wolpertinger", record).values()) == {True}
    assert other.get(f"{V1}/case-files/{file}").status_code == 404
    assert file not in str(other.get(f"{V1}/case-files").json())

    access = f"{V1}/case-files/{file}/access/{office.people[colleague]}"
    assert clerk.put(access).status_code == 204
    assert set(_traces(other, "Wolpertinger", record).values()) == {True}
    assert clerk.delete(access).status_code == 204
    assert set(_traces(other, "Wolpertinger", record).values()) == {False}


def test_a_machine_class_opens_nothing_to_others(office: Office) -> None:
    """Nobody has confirmed it: its uploader reads it, and who reads that class in that department."""
    record = office.upload(b"Ein Brief ohne jeden Anhaltspunkt zum Schnabeltier", "b.txt", by="hr")["id"]
    office.settle()
    assert set(_traces(office.client("clerk"), "Schnabeltier", record).values()) == {False}
    own = _traces(office.client("hr"), "Schnabeltier", record)
    assert own["opened"]
    assert own["found"]


def test_trigger_facts_are_stated_corrected_and_withdrawn(office: Office) -> None:
    clerk = office.client("clerk")
    body = {
        "entity": str(office.entity),
        "kind": "contract",
        "number": "C-1",
        "name": "Miete",
        "opened_on": "2026-01-01",
    }
    file = clerk.post(f"{V1}/case-files", json=body).json()["id"]
    path = f"{V1}/case-files/{file}/triggers/contract_end"
    for day in ("2026-06-30", "2026-07-31"):
        assert clerk.put(path, json={"happened_on": day}).status_code == 204
        triggers = clerk.get(f"{V1}/case-files/{file}").json()["triggers"]
        assert triggers == [{"trigger": "contract_end", "happened_on": day}]
    assert clerk.put(path, json={"happened_on": None}).status_code == 204
    assert clerk.get(f"{V1}/case-files/{file}").json()["triggers"] == []
