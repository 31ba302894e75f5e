"""A tax audit over HTTP: two persons let somebody without a role in, who reads a class and a year and takes it away."""

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from core.clock import civil_date
from tests.support.app import Client, Office

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
V1 = "/api/v1"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office.open(tmp_path_factory.mktemp("tax"))
    made.add_person("inspector")
    made.upload(b"Rechnung 2025", "rechnung.txt", class_="supplier_invoice", document_date="2025-02-03", title="Zaun")
    made.upload(b"Rechnung 2023", "alt.txt", class_="supplier_invoice", document_date="2023-02-03", title="Tor")
    made.upload(b"Lohn", "lohn.txt", by="hr", class_="payslip", document_date="2025-02-03", title="Lohnzettel")
    yield made
    made.close()


def _post(browser: tuple[Client, str], path: str, **fields: Any) -> Any:
    return browser[0].post(path, data={"csrf": browser[1], **fields}, headers=FORM)


def test_an_inspector_s_story(office: Office) -> None:
    admin, officer, inspector = (office.browser(name) for name in ("admin", "officer", "inspector"))
    assert 'href="/scopes"' not in inspector[0].get("/profile").text
    until = (civil_date(office.runtime.clock.now(), "Europe/Berlin") + timedelta(days=30)).isoformat()
    form = {"person": "inspector", "first_year": "2024", "last_year": "2025", "until": until, "reference": "PA-7"}
    wrong = _post(admin, "/scopes", **form | {"class": "payslip"})
    assert (wrong.status_code, "which no scope opens" in wrong.text) == (422, True)
    assert 'value="PA-7"' in wrong.text
    assert _post(admin, "/scopes", **form | {"class": ["accounting"]}).status_code == 303

    waiting = officer[0].get("/scopes").text
    assert "Confirm access" in waiting
    assert "Confirm access" not in admin[0].get("/scopes").text
    assert "Waits for a second person" in inspector[0].get("/scopes").text
    scope = re.search(r"/scopes/([0-9a-f-]{36})/decision", waiting)
    assert scope is not None
    place = f"/scopes/{scope[1]}"
    assert inspector[0].get(place).status_code == 409
    assert _post(officer, f"{place}/decision", word="confirm").status_code == 303

    page = inspector[0].get(place)
    assert page.status_code == 200
    assert "Zaun" in page.text
    assert not re.search("Tor<|Lohnzettel", page.text)
    assert 'href="/scopes"' in inspector[0].get("/profile").text
    link = re.search(r"/api/v1/scopes/[^\"]+/content", page.text)
    assert link is not None
    assert inspector[0].get(link[0]).content == b"Rechnung 2025"
    for path in (f"{V1}/search?q=Zaun", f"{V1}/records", f"{V1}/audit/trail", "/people", "/audit"):
        assert inspector[0].get(path).status_code == 403, path
    record = re.search(r"records/([0-9a-f-]{36})/content", link[0])
    assert record is not None
    assert inspector[0].get(f"{V1}/records/{record[1]}").status_code == 403

    archive = _post(inspector, f"{place}/export")
    with zipfile.ZipFile(io.BytesIO(archive.content)) as found:
        assert [found.read(path) for path in found.namelist() if path.startswith("records/")] == [b"Rechnung 2025"]
    told = office.client("auditor").get(f"{V1}/audit/trail?record={record[1]}").json()["items"]
    assert {"record.listed", "record.downloaded", "record.handed_over"} <= {each["action"] for each in told}

    assert _post(admin, f"{place}/end").status_code == 303
    for path in (place, f"{V1}{place}/records", link[0]):
        assert inspector[0].get(path).status_code == 409, path
    assert _post(inspector, f"{place}/export").status_code == 409


def test_somebody_else_s_scope_does_not_exist(office: Office) -> None:
    body = {
        "person": str(office.people["inspector"]),
        "entity": str(office.entity),
        "classes": ["supplier_invoice"],
        "first_year": 2025,
        "last_year": 2025,
        "reference": "PA-8",
        "until": (office.runtime.clock.now() + timedelta(days=3)).isoformat(),
    }
    scope = office.client("admin").post(f"{V1}/scopes", json=body).json()["id"]
    assert office.client("officer").post(f"{V1}/scopes/{scope}/decision", json={"confirmed": True}).json()["open"]
    for name in ("admin", "auditor", "clerk"):
        assert office.client(name).get(f"{V1}/scopes/{scope}/records").status_code == 404
        assert office.client(name).post(f"{V1}/scopes/{scope}/export").status_code == 404
    assert office.client("clerk").get(f"{V1}/scopes").json() == {"items": []}
    assert office.client("clerk").delete(f"{V1}/scopes/{scope}").status_code == 404
    assert office.client("auditor").delete(f"{V1}/scopes/{scope}").status_code == 403
