"""Cookies, tokens against forged requests, headers, limits: what stands between a browser and its user."""

import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.datastructures import Headers
from starlette.responses import Response

from accounts import passwords
from accounts.sessions import UserSession
from api import security
from app.settings import Settings
from tests.support.app import Client, Office, the_hash

V1 = "/api/v1"


def _opening(office: Office, number: str) -> dict[str, Any]:
    return {"entity": str(office.entity), "kind": "matter", "number": number, "name": "N", "opened_on": "2026-01-01"}


def test_a_change_by_cookie_needs_the_token_of_its_session(shared_office: Office) -> None:
    browser, csrf = shared_office.browser("clerk")
    body = _opening(shared_office, "csrf-1")
    for headers in ({}, {"Muniment-Csrf": "0" * 64}):
        refused = browser.post(f"{V1}/case-files", json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "forged_request")
    assert browser.post(f"{V1}/case-files", json=body, headers={"Muniment-Csrf": csrf}).status_code == 201


def test_the_token_of_another_session_is_none(shared_office: Office) -> None:
    browser, _ = shared_office.browser("clerk")
    _, other = shared_office.browser("clerk")
    body = _opening(shared_office, "csrf-2")
    assert browser.post(f"{V1}/case-files", json=body, headers={"Muniment-Csrf": other}).status_code == 403


def test_reading_by_cookie_needs_none(shared_office: Office) -> None:
    browser, _ = shared_office.browser("clerk")
    assert browser.get(f"{V1}/records").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
    ids=["another site", "a neighbour", "another origin"],
)
def test_another_site_cannot_send_a_change_even_with_the_right_token(
    shared_office: Office, headers: dict[str, str]
) -> None:
    browser, csrf = shared_office.browser("clerk")
    sent = {"Muniment-Csrf": csrf, **headers}
    refused = browser.post(f"{V1}/case-files", json=_opening(shared_office, "csrf-3"), headers=sent)
    assert (refused.status_code, refused.json()["code"]) == (403, "forged_request")


def test_our_own_origin_and_programs_are_not_foreign() -> None:
    own = Headers({"host": "archive.example", "origin": "https://archive.example", "sec-fetch-site": "same-origin"})
    assert not security.is_foreign("POST", own)
    assert not security.is_foreign("POST", Headers({"host": "archive.example"}))
    assert not security.is_foreign("POST", Headers({"authorization": "Bearer x", "origin": "https://app.example"}))
    assert not security.is_foreign("GET", Headers({"sec-fetch-site": "cross-site"}))


@pytest.mark.parametrize("secret", ["mun_wrong", "", "mun_" + "A" * 5000], ids=["wrong", "empty", "long"])
def test_a_token_that_is_none_is_refused_and_never_falls_back_to_a_cookie(shared_office: Office, secret: str) -> None:
    cookie = {security.cookie_name(shared_office.runtime.settings): shared_office.session_secret("clerk")}
    client = Client(shared_office.app, {"Authorization": f"Bearer {secret}"}, cookie)
    assert client.get(f"{V1}/me").status_code == 401


def test_a_suspended_person_is_nobody_at_once(office: Office) -> None:
    clerk = office.client("clerk")
    assert clerk.get(f"{V1}/me").status_code == 200
    assert office.client("admin").put(f"{V1}/people/{office.people['clerk']}/suspension").status_code == 204
    assert clerk.get(f"{V1}/me").status_code == 401
    assert office.client("admin").delete(f"{V1}/people/{office.people['clerk']}/suspension").status_code == 204
    assert clerk.get(f"{V1}/me").status_code == 200


@pytest.mark.parametrize(
    ("settings", "name", "secure"),
    [
        (Settings(), "muniment", False),
        (Settings(behind_proxy=True), "__Host-muniment", True),
        (Settings(host="0.0.0.0", tls_certificate=Path("c"), tls_key=Path("k")), "__Host-muniment", True),
    ],
    ids=["this machine only", "behind a proxy", "with a certificate"],
)
def test_the_cookie_is_as_strict_as_the_address_allows(settings: Settings, name: str, secure: bool) -> None:
    response = Response()
    security.set_session_cookie(response, settings, "secret")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"{name}=secret; ")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
    assert ("Secure" in cookie.split("; ")) is secure
    assert "Domain" not in cookie
    assert ("Strict-Transport-Security" in security.headers_for("text/html", settings)) is secure


@pytest.mark.parametrize("path", [f"{V1}/me", f"{V1}/nowhere", "/healthz", "/sign-in", f"{V1}/records"])
def test_every_answer_carries_the_protecting_headers(shared_office: Office, path: str) -> None:
    headers = shared_office.client().get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert re.fullmatch("[0-9A-Za-z]{11}", headers["muniment-request"])
    assert "server" not in headers


def test_a_body_that_is_no_upload_may_not_be_large(shared_office: Office) -> None:
    answer = shared_office.client("admin").post(
        f"{V1}/people",
        content=b'{"sign_in_name": "' + b"x" * (2 << 20) + b'"}',
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_the_log_line_holds_the_template_and_nothing_that_was_typed(
    shared_office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    # By name: a command that ran in this process before may have set the level of our own loggers.
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="muniment.http"):
        answer = shared_office.client("clerk").get(f"{V1}/search?q=Geheimnis")
        shared_office.client("clerk").get("/Geheimnis/nowhere")
    lines = [record.__dict__ for record in caplog.records if record.name == "muniment.http"]
    assert [line["route"] for line in lines] == [f"{V1}/search", "none"]
    assert (lines[0]["method"], lines[0]["status"]) == ("GET", 200)
    assert lines[0]["request"] == answer.headers["muniment-request"]
    assert "Geheimnis" not in str(lines)


def test_a_problem_never_repeats_what_was_sent(shared_office: Office) -> None:
    body = {"sign_in_name": {"Geheimnis": 1}, "password": "Geheimnis"}
    answer = shared_office.client("admin").post(f"{V1}/people?q=Geheimnis", json=body)
    assert answer.status_code == 422
    assert "Geheimnis" not in answer.text


def test_who_got_a_password_from_somebody_else_may_do_nothing_before_choosing_their_own(office: Office) -> None:
    admin, now = office.principal("admin"), office.runtime.clock.now()
    with office.runtime.main.write() as session:
        passwords.reset(session, office.people["clerk"], the_hash(), by=admin, at=now)
    browser, _ = office.browser("clerk")
    refused = browser.get(f"{V1}/records")
    assert (refused.status_code, refused.json()["code"]) == (403, "password_change_due")
    assert browser.get(f"{V1}/me").json()["permissions"] == []


def test_a_session_gets_a_new_secret_in_time_and_the_old_one_ends(office: Office) -> None:
    secret = office.session_secret("clerk")
    name = security.cookie_name(office.runtime.settings)
    with office.runtime.main.write() as session:
        for row in session.scalars(select(UserSession)):
            row.rotated_at -= timedelta(minutes=16)
    answer = Client(office.app, {}, {name: secret}).get(f"{V1}/me")
    renewed = answer.cookies[name]
    assert renewed != secret
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert Client(office.app, {}, {name: renewed}).get(f"{V1}/me").status_code == 200
    with office.runtime.main.write() as session:
        for row in session.scalars(select(UserSession)):
            row.rotated_at -= timedelta(seconds=31)
    assert Client(office.app, {}, {name: secret}).get(f"{V1}/me").status_code == 401


@pytest.mark.parametrize(
    ("name", "token", "status"),
    [("clerk", None, 422), ("admin", None, 403), ("clerk", "mun_none", 401)],
    ids=["who may ask is told what is wrong", "who may not is refused first", "nor is a token that is none told"],
)
def test_who_may_come_in_is_asked_before_what_they_ask(
    shared_office: Office, name: str, token: str | None, status: int
) -> None:
    headers = {"Authorization": f"Bearer {token or shared_office.token(name)}"}
    before = shared_office.leaves()
    answer = Client(shared_office.app, headers).get("/api/v1/search?limit=0")
    assert answer.status_code == status
    assert shared_office.actions_since(before) == (["request.refused"] if status == 403 else [])
