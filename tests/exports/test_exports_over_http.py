"""Exports over HTTP: as programs ask for them, and by the form of the page."""

import io
import json
import zipfile
from collections.abc import Iterator

import pytest

from tests.support.app import Office

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
V1 = "/api/v1"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office.open(tmp_path_factory.mktemp("http"))
    made.upload(b"Rechnung Nr. 4711", "rechnung.txt", class_="supplier_invoice")
    made.settle()
    yield made
    made.close()


def _manifest(content: bytes) -> dict[str, object]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        found: dict[str, object] = json.loads(archive.read("manifest.json"))
    return found


def test_a_program_gets_an_archive_under_a_name_and_a_receipt(office: Office) -> None:
    answer = office.client("auditor").post(f"{V1}/audit/exports", json={"range": ".."})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="muniment-evidence-range-')
    assert answer.headers["cache-control"] == "no-store"
    assert _manifest(answer.content)["format"] == "muniment-evidence/1"
    seq, _, digest = answer.headers["muniment-receipt"].partition(":")
    told = office.client("auditor").get(f"{V1}/audit/trail/{seq}").json()
    assert (told["item"]["action"], told["item"]["leaf_hash"]) == ("log.exported", digest)


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        pytest.param({}, 422, "invalid", id="nothing"),
        pytest.param({"range": "7..3"}, 422, "invalid", id="a range backwards"),
        pytest.param({"range": "0..9999999"}, 422, "invalid", id="a range beyond the log"),
        pytest.param({"request": "a b"}, 422, "invalid", id="no id of a request"),
        pytest.param({"request": "never"}, 404, "export_nothing", id="a request that never was"),
        pytest.param({"record": "7K2M-9QXT-4"}, 404, "not_found", id="a record that never was"),
        pytest.param({"everything": "1"}, 422, "invalid_request", id="something else"),
    ],
)
def test_what_cannot_be_exported_is_said_before_a_byte_is_sent(
    office: Office, asked: dict[str, str], status: int, code: str
) -> None:
    size = office.leaves()
    answer = office.client("dpo").post(f"{V1}/audit/exports", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert "log.exported" not in office.actions_since(size)


def test_a_token_without_the_scope_exports_nothing(office: Office) -> None:
    answer = office.client("auditor", "read").post(f"{V1}/audit/exports", json={"range": ".."})
    assert answer.status_code == 403


def test_the_page_exports_what_its_forms_ask_for(office: Office) -> None:
    browser, csrf = office.browser("auditor")
    page = browser.get("/audit/export?record=7K2M-9QXT-4")
    assert page.status_code == 200
    assert page.text.count('action="/audit/export"') == 4
    assert 'value="7K2M-9QXT-4"' in page.text
    answer = browser.post("/audit/export", data={"csrf": csrf, "range": "0..5"}, headers=FORM)
    assert answer.status_code == 200, answer.text
    assert _manifest(answer.content)["scope"] == {"kind": "range", "from": 0, "to": 6}


def test_the_page_says_what_is_wrong_and_keeps_what_was_typed(office: Office) -> None:
    browser, csrf = office.browser("auditor")
    answer = browser.post("/audit/export", data={"csrf": csrf, "request": "never-sent"}, headers=FORM)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert 'value="never-sent"' in answer.text
    assert "aria-invalid" in answer.text


@pytest.mark.parametrize("name", ["clerk", "officer", "admin"])
def test_the_page_is_for_those_who_oversee(office: Office, name: str) -> None:
    browser, _ = office.browser(name)
    assert browser.get("/audit/export").status_code == 403
