"""Forms: what they change, what they refuse, and in which words."""

import re
from pathlib import Path
from typing import Any

import pytest

from accounts import setup
from api.app import create_app
from app.build import build
from app.prepare import prepare
from app.settings import Settings
from tests.api_pages.test_pages_access import the_record
from tests.support.app import PASSWORD, Client, Office

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


def post(client: Client, path: str, csrf: str = "", **fields: Any) -> Any:
    return client.post(path, data={"csrf": csrf, **fields}, headers=FORM)


def test_signing_in_sets_a_cookie_no_script_reads_and_goes_where_one_wanted(pages_office: Office) -> None:
    answer = post(pages_office.client(), "/sign-in", name="clerk", password=PASSWORD, next="/records/1?x=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/records/1?x=2")
    assert re.search(r"muniment=.+HttpOnly.+SameSite=strict", answer.headers["set-cookie"], re.IGNORECASE)


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_to_another_site(pages_office: Office, target: str) -> None:
    answer = post(pages_office.client(), "/sign-in", name="clerk", password=PASSWORD, next=target)
    assert answer.headers["location"] == "/"


def test_a_wrong_password_and_an_unknown_name_read_the_same_and_then_have_to_wait(own_office: Office) -> None:
    stranger = own_office.client()
    wrong = post(stranger, "/sign-in", name="clerk", password="not this one")
    unknown = post(stranger, "/sign-in", name="nobody", password="not this one")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.text.replace("clerk", "nobody") == unknown.text
    answers = [post(stranger, "/sign-in", name="clerk", password="not this one") for _ in range(12)]
    assert answers[-1].status_code == 429
    assert "before you try again" in answers[-1].text


@pytest.mark.parametrize("csrf", ["", "0" * 64])
def test_a_form_without_the_token_of_its_session_changes_nothing(pages_office: Office, csrf: str) -> None:
    browser, right = pages_office.browser("clerk")
    assert post(browser, "/profile/name", csrf, name="Somebody Else").status_code == 403
    assert "Somebody Else" not in browser.get("/profile").text
    assert post(browser, "/profile/name", right, name="Clara Klerk").status_code == 303
    assert "Clara Klerk" in browser.get("/profile").text


def test_a_record_changed_meanwhile_is_not_changed_again_unseen(own_office: Office) -> None:
    own_office.upload(b"Brief", "brief.txt")
    own_office.settle()
    record = the_record(own_office)
    browser, csrf = own_office.browser("clerk")
    revision = re.search(r'name="revision" value="(\d+)"', browser.get(f"/records/{record}").text)
    assert revision is not None
    fields = {"revision": revision[1], "class": "letter"}
    assert post(browser, f"/records/{record}/placement", csrf, **fields).status_code == 303
    again = post(browser, f"/records/{record}/placement", csrf, **fields)
    assert again.status_code == 412
    assert "changed by somebody else since you opened it" in again.text
    own_office.settle()
    assert "to “Letter”" in _history(own_office, record)


def test_a_role_proposed_by_one_is_confirmed_by_another_and_not_by_the_same(own_office: Office) -> None:
    boss, csrf = own_office.browser("boss")
    person, place = own_office.people["auditor"], own_office.departments["legal"]
    made = post(boss, f"/people/{person}/grants", csrf, role="staff", place=f"department:{place}")
    assert made.headers["location"].endswith("done=proposed")
    listed = boss.get("/people").text
    assert "You proposed it, so somebody else confirms it." in listed
    request = re.search(r"/grant-requests/([0-9a-f-]{36})", listed)
    assert request is not None
    assert post(boss, f"/grant-requests/{request[1]}", csrf, word="confirm").status_code == 403
    officer, other = own_office.browser("officer")
    assert post(officer, f"/grant-requests/{request[1]}", other, word="confirm").status_code == 303
    assert "waits for a second person" not in boss.get("/people").text


def test_a_token_is_shown_once(own_office: Office) -> None:
    browser, csrf = own_office.browser("clerk")
    made = post(browser, "/profile/tokens", csrf, scope="read", label="Scanner", life="30")
    secret = re.search(r"mun_[\w-]{43}", made.text)
    assert secret is not None
    again = browser.get("/profile").text
    assert "Scanner" in again
    assert secret[0] not in again


def test_the_set_up_link_makes_the_first_account_once(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", port=0, workers=1)
    prepare(settings)
    runtime = build(settings)
    with runtime.main.write() as session:
        secret = setup.new_link_token(session, at=runtime.clock.now())
    client = Client(create_app(runtime), {})
    assert client.get("/setup?token=wrong").status_code == 404
    assert client.get(f"/setup?token={secret}").status_code == 200
    fields = {
        "token": secret,
        "entity": "Nordwind GmbH",
        "country": "DE",
        "zone": "Europe/Berlin",
        "department": ["Buchhaltung", "Personal"],
        "kind": ["accounting", "hr"],
        "wanted": ["0", "1"],
        "sign_in_name": "anna",
        "password": "short",
        "again": "short",
        "files": "1",
    }
    weak = post(client, "/setup", **fields)
    assert weak.status_code == 422
    assert "At least 12 characters" in weak.text
    assert "Buchhaltung" in weak.text
    good = post(client, "/setup", **(fields | {"password": PASSWORD, "again": PASSWORD}))
    assert (good.status_code, good.headers["location"]) == (303, "/upload?welcome=1")
    assert client.get(f"/setup?token={secret}").status_code == 404
    runtime.close()


def _history(office: Office, record: object) -> str:
    text = office.browser("clerk")[0].get(f"/records/{record}").text
    return text[text.index('class="history"') :]
