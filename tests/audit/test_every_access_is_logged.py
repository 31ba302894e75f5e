"""Every route, job and command: what it leaves in the log, and that nothing of a record leaves without.

The routes, jobs and commands are those of the program, not of a list here: a new one fails these tests until
it has a row that says what it writes, or why it writes nothing. Each is run against a real installation, and
watched from below: no key of content may be unwrapped and no sealed byte fetched before the log has it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import typer
from fastapi.routing import APIRoute
from sqlalchemy import select

from accounts import first_account, sessions, setup, single_operator
from accounts.entities import NewEntity
from accounts.first_account import FirstPerson
from accounts.principals import operator_for
from api.pages import router as page_router
from api.rest import routes as rest_routes
from app import handlers, reindex, sweep
from app.build import build, signer_of
from app.cli.main import _gather
from app.cli.main import cli as command_line
from app.images import Images
from app.keeper import Keeper
from app.prepare import prepare
from app.runner import Runner
from app.settings import Settings
from audit.entries import AuditLeaf
from audit.leaf import parse
from core import jobs, leases
from records import lock_check, record
from records.record import Record
from tests.api.test_api_access import REQUESTS, V1, _report, _report_confirmed, _scope, _scoped_export, _scoped_list
from tests.app.test_jobs_have_handlers import KEPT
from tests.support import databases
from tests.support.app import PASSWORD, STRANGER, Office, the_hash
from tests.support.archive import Archive
from tests.support.cli import Cli
from tests.support.watch import Seen, watching
from vault.envelope import context
from vault.reader import read
from vault.store import ObjectRef

Actions = frozenset[str]


def writes(*actions: str) -> Actions:
    return frozenset(actions)


NOTHING: Actions = frozenset()
READ = writes("record.opened")

# --- over HTTP, for programs ---

REST: dict[tuple[str, str], Actions | str] = {
    ("POST", f"{V1}/records"): writes("record.captured"),
    ("PUT", f"{V1}/uploads"): writes("record.captured"),
    ("POST", f"{V1}/records/{{record_id}}/versions"): writes("record.version_added"),
    ("GET", f"{V1}/records"): writes("record.listed"),
    ("GET", f"{V1}/records/{{record_id}}"): READ,
    ("PATCH", f"{V1}/records/{{record_id}}"): writes("record.placed"),
    ("POST", f"{V1}/records/{{record_id}}/reading"): writes("record.reading_asked"),
    ("GET", f"{V1}/records/{{record_id}}/history"): writes("record.history_shown"),
    ("HEAD", f"{V1}/records/{{record_id}}/content"): "the size, and a digest of sealed bytes",
    ("GET", f"{V1}/records/{{record_id}}/content"): writes("record.downloaded"),
    ("GET", f"{V1}/records/{{record_id}}/components/{{component_id}}"): writes("record.downloaded"),
    ("GET", f"{V1}/records/{{record_id}}/text"): READ,
    ("GET", f"{V1}/records/{{record_id}}/pages/{{number}}.png"): writes("record.page_shown"),
    ("GET", f"{V1}/records/{{record_id}}/pages/{{number}}"): READ,
    ("GET", f"{V1}/records/{{record_id}}/thumbnail.png"): writes("record.thumbnail_shown"),
    ("GET", f"{V1}/search"): writes("record.searched"),
    ("GET", f"{V1}/suggest"): writes("record.suggested"),
    ("GET", f"{V1}/record-classes"): "a part of the program",
    ("GET", f"{V1}/entities"): "names of firms, of no person and no record",
    ("GET", f"{V1}/departments"): "names of departments, of no person and no record",
    ("GET", f"{V1}/case-files"): writes("case_file.listed"),
    ("POST", f"{V1}/case-files"): writes("case_file.opened"),
    ("GET", f"{V1}/case-files/{{case_file_id}}"): writes("case_file.listed"),
    ("PUT", f"{V1}/case-files/{{case_file_id}}/access/{{person_id}}"): writes("case_file.access_given"),
    ("DELETE", f"{V1}/case-files/{{case_file_id}}/access/{{person_id}}"): writes("case_file.access_ended"),
    ("PUT", f"{V1}/case-files/{{case_file_id}}/triggers/{{trigger}}"): writes("case_file.trigger_stated"),
    ("GET", f"{V1}/people"): writes("person.listed"),
    ("POST", f"{V1}/people"): writes("person.added"),
    ("PUT", f"{V1}/people/{{person_id}}/suspension"): writes("person.suspended"),
    ("DELETE", f"{V1}/people/{{person_id}}/suspension"): writes("person.reinstated"),
    ("GET", f"{V1}/grant-requests"): "ids and roles, and nobody's name",
    ("POST", f"{V1}/people/{{person_id}}/grants"): writes("grant.proposed"),
    ("POST", f"{V1}/grant-requests/{{grant_request_id}}/confirmation"): writes("grant.begun"),
    ("DELETE", f"{V1}/grant-requests/{{grant_request_id}}"): writes("grant.refused"),
    ("DELETE", f"{V1}/grants/{{grant_id}}"): writes("grant.ended"),
    ("GET", f"{V1}/grants/due"): "ids and roles, and nobody's name",
    ("POST", f"{V1}/grants/{{grant_id}}/sign-off"): writes("grant.recertified"),
    ("GET", f"{V1}/me"): "one's own",
    ("GET", f"{V1}/me/tokens"): "one's own",
    ("POST", f"{V1}/me/tokens"): writes("token.made"),
    ("DELETE", f"{V1}/me/tokens/{{token_id}}"): writes("token.revoked"),
    ("GET", f"{V1}/audit/checkpoint"): "a size and a hash, made to be handed to anybody",
    ("GET", f"{V1}/audit/proof/{{seq}}"): "hashes, and nothing of the entry itself",
    ("GET", f"{V1}/audit/witnessed"): "a size and a hash, made to be handed to anybody",
    ("GET", f"{V1}/audit/timestamps"): "signatures of others over hashes",
    ("GET", f"{V1}/audit/seals"): "hashes and positions",
    ("GET", f"{V1}/audit/consistency"): "hashes, and nothing of any entry",
    ("GET", f"{V1}/audit/tile/{{path:path}}"): "hashes, and nothing of any entry",
    ("GET", f"{V1}/audit/tile/entries/{{path:path}}"): writes("audit.entries_read"),
    ("GET", f"{V1}/audit/state"): writes("audit.health_read"),
    ("GET", f"{V1}/audit/sample"): writes("audit.sample_drawn"),
    ("GET", f"{V1}/audit/could-see"): writes("audit.access_reviewed"),
    ("GET", f"{V1}/audit/role-sees"): writes("audit.access_reviewed"),
    ("GET", f"{V1}/audit/person-reports"): "ids and states of reports, and nobody's name",
    ("POST", f"{V1}/audit/person-reports"): writes("person_report.asked"),
    ("POST", f"{V1}/audit/person-reports/{{report_id}}/decision"): writes("person_report.decided"),
    ("GET", f"{V1}/audit/person-reports/{{report_id}}/entries"): writes("person_report.read"),
    ("GET", f"{V1}/me/file-accesses"): writes("audit.own_file_read"),
    ("GET", f"{V1}/scopes"): "ids, classes and years, and nobody's name",
    ("POST", f"{V1}/scopes"): writes("auditor_scope.asked"),
    ("POST", f"{V1}/scopes/{{scope_id}}/decision"): writes("auditor_scope.decided"),
    ("DELETE", f"{V1}/scopes/{{scope_id}}"): writes("auditor_scope.ended"),
    ("GET", f"{V1}/scopes/{{scope_id}}/records"): writes("record.listed"),
    ("GET", f"{V1}/scopes/{{scope_id}}/records/{{record_id}}/content"): writes("record.downloaded"),
    ("POST", f"{V1}/scopes/{{scope_id}}/export"): writes("record.handed_over"),
    ("GET", f"{V1}/audit/trail"): writes("audit.trail_read"),
    ("GET", f"{V1}/audit/trail/{{seq}}"): writes("audit.trail_read"),
    ("GET", f"{V1}/audit/seen"): writes("audit.access_reviewed"),
    ("POST", f"{V1}/audit/exports"): writes("log.exported"),
    ("GET", "/healthz"): "that the process answers",
    ("GET", "/readyz"): "codes of what works",
    ("GET", "/metrics"): "counts",
    ("GET", f"{V1}/openapi.json"): "a part of the program",
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office.open(
        tmp_path_factory.mktemp("walk"),
        person_reports_basis="works-agreement/7",
        person_reports_until="2200-01-01",
    )
    made.upload(b"Rechnung Nr. 4711\nDer Zebrafink singt.\nSumme 12,00 EUR", "rechnung.txt")
    made.settle()
    body = {
        "entity": str(made.entity),
        "kind": "supplier",
        "number": "S-0",
        "name": "Acme",
        "opened_on": "2026-01-02",
    }
    assert made.client("clerk").post(f"{V1}/case-files", json=body).status_code == 201
    yield made
    made.close()


def held_against(seen: Seen, expected: Actions | str) -> None:
    """Pass if an act left what its row says, and touched no content before it stood in the log."""
    assert seen.around_the_door == 0, "a key of content was unwrapped for a read that is not in the log"
    assert all(size > seen.began_at for size in seen.fetched_at), "sealed bytes were fetched before the log had it"
    if seen.content_keys or seen.fetched_at:
        assert seen.read, "content was opened and nothing was logged"
    if isinstance(expected, str):
        assert seen.actions == set(), f"it is said to touch {expected}"
        assert seen.content_keys == 0
    else:
        assert expected <= seen.actions


def _keys(routes: list[Any]) -> set[tuple[str, str]]:
    return {(method, r.path) for r in routes if isinstance(r, APIRoute) for method in r.methods or ()}


def test_every_rest_route_says_what_it_writes() -> None:
    assert set(REST) == _keys(rest_routes())


def _ready(office: Office, method: str, path: str) -> tuple[str, str, dict[str, Any]]:
    """Who asks, for what, with what."""
    if path == "/readyz":
        return STRANGER, path, {}
    name, build = REQUESTS[method, path]
    address, arguments = build(office)
    if method == "DELETE" and "/access/" in path:
        assert office.client(name).put(address).status_code == 204
    return name, address, arguments


@pytest.mark.parametrize(("method", "path"), sorted(REST), ids=lambda value: re.sub(r"[{}]", "", value))
def test_a_rest_route_writes_what_it_says(
    office: Office, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    name, address, arguments = _ready(office, method, path)
    client = office.client(name)
    with watching(office.runtime, monkeypatch) as seen:
        answer = client.request(method, address, **arguments)
    assert answer.status_code < 400 or path == "/readyz", answer.text
    held_against(seen, REST[method, path])


# --- over HTTP, for people ---

Fields = dict[str, Any]
Asked = tuple[str, str, Fields | None]
"""Who asks, for which address, with which form."""


def _record(office: Office) -> str:
    return str(office.upload(uuid4().bytes, f"{uuid4().hex}.txt")["id"])


def _read(office: Office) -> str:
    return str(office.client("clerk").get(f"{V1}/search?q=Zebrafink").json()["items"][0]["id"])


def _revision(office: Office, found: str) -> str:
    with office.runtime.main.read() as session:
        return str(session.get_one(Record, UUID(found)).revision)


def _file(office: Office) -> str:
    return str(office.client("clerk").get(f"{V1}/case-files").json()["items"][0]["id"])


def _rest(office: Office, name: str, path: str) -> str:
    """The id of what a request of the REST table makes."""
    by, build = REQUESTS[name, path]
    address, arguments = build(office)
    return str(office.client(by).request(name, address, **arguments).json()["id"])


def _place(office: Office) -> Asked:
    found = _record(office)
    return "clerk", f"/records/{found}/placement", {"class": "letter", "revision": _revision(office, found)}


def _decide(office: Office) -> Asked:
    found = _record(office)
    return "clerk", f"/review/{found}", {"class": "letter", "revision": _revision(office, found)}


def _grant_request(office: Office) -> str:
    return _rest(office, "POST", f"{V1}/people/{{person_id}}/grants")


def _grant(office: Office) -> str:
    confirmed = office.client("officer").post(f"{V1}/grant-requests/{_grant_request(office)}/confirmation")
    return str(confirmed.json()["id"])


def _person(office: Office) -> str:
    return _rest(office, "POST", f"{V1}/people")


def _own_session(office: Office) -> Asked:
    with office.runtime.main.read() as session:
        running = sessions.running(session, office.people["clerk"], office.runtime.clock.now())
    return "clerk", f"/profile/sessions/{running[0].id}/end", {}


def _token(office: Office) -> Asked:
    made = office.client("clerk").post(f"{V1}/me/tokens", json={"scopes": ["read"]}).json()["id"]
    return "clerk", f"/profile/tokens/{made}/revoke", {}


def _scope_form(office: Office) -> Asked:
    until = office.runtime.clock.now().date() + timedelta(days=30)
    form = {"person": "auditor", "class": "invoice", "first_year": "2025", "last_year": "2026"}
    return "admin", "/scopes", form | {"until": until.isoformat(), "reference": "PA-1"}


def at(name: str, path: str, form: Fields | None = None) -> Callable[[Office], Asked]:
    return lambda _: (name, path, form)


def of_record(suffix: str, name: str = "clerk") -> Callable[[Office], Asked]:
    return lambda office: (name, f"/records/{_read(office)}{suffix}", None)


FIRM = {"name": "Südwind AG", "country": "DE", "zone": "Europe/Berlin"}
NEW_FILE = {"number": "S-7", "name": "Schall und Rauch", "kind": "supplier", "opened_on": "2026-01-02"}
NEW_PASSWORD = "lantern orchard pebble"
FORMS_ONLY = "a form with nothing in it"

PAGES: dict[tuple[str, str], tuple[Callable[[Office], Asked], Actions | str]] = {
    ("GET", "/static/{digest}/{name:path}"): (at(STRANGER, "/static/0/icon.svg"), "a part of the program"),
    ("GET", "/favicon.ico"): (at(STRANGER, "/favicon.ico"), "a part of the program"),
    ("GET", "/verify"): (at(STRANGER, "/verify"), "a part of the program"),
    ("GET", "/verify/muniment_verify.py"): (at(STRANGER, "/verify/muniment_verify.py"), "a part of the program"),
    ("GET", "/"): (at("clerk", "/"), "an address"),
    ("GET", "/sign-in"): (at(STRANGER, "/sign-in"), FORMS_ONLY),
    ("POST", "/sign-in"): (at(STRANGER, "/sign-in", {"name": "dpo", "password": PASSWORD}), writes("sign_in.done")),
    ("POST", "/sign-out"): (at("dpo", "/sign-out", {}), writes("session.ended")),
    ("GET", "/setup"): (at(STRANGER, "/setup"), FORMS_ONLY),
    ("POST", "/setup"): (at(STRANGER, "/setup", {"token": "x"}), "nothing: the set-up is over (see below)"),
    ("GET", "/search"): (at("clerk", "/search?q=Zebrafink"), writes("record.searched")),
    ("GET", "/search/more"): (at("clerk", "/search/more?q=Zebrafink&cursor="), writes("record.searched")),
    ("GET", "/search.csv"): (at("clerk", "/search.csv?q=Zebrafink"), writes("record.searched", "record.table_taken")),
    ("GET", "/search/suggest"): (at("clerk", "/search/suggest?prefix=zeb"), writes("record.suggested")),
    ("GET", "/go"): (at("clerk", "/go?q=1234"), "an address"),
    ("GET", "/upload"): (at("clerk", "/upload"), writes("record.listed")),
    ("GET", "/upload/states"): (
        lambda office: ("clerk", f"/upload/states?ids={_read(office)}", None),
        "states and numbers of records one was shown before",
    ),
    ("GET", "/records/{record_id}"): (of_record(""), READ),
    ("GET", "/records/{record_id}/history"): (of_record("/history?before=9999"), writes("record.history_shown")),
    ("GET", "/records/{record_id}/peek"): (of_record("/peek"), writes("record.previewed")),
    ("GET", "/records/{record_id}/print"): (of_record("/print"), writes("record.print_view_requested")),
    ("POST", "/records/{record_id}/placement"): (_place, writes("record.placed")),
    ("POST", "/records/{record_id}/reading"): (
        lambda office: ("clerk", f"/records/{_record(office)}/reading", {}),
        writes("record.reading_asked"),
    ),
    ("GET", "/review"): (lambda office: ("clerk", f"/review?at={_read(office)}", None), READ),
    ("POST", "/review/{record_id}"): (_decide, writes("record.placed")),
    ("GET", "/attention"): (at("clerk", "/attention"), writes("record.listed")),
    ("GET", "/case-files"): (at("clerk", "/case-files"), writes("case_file.listed")),
    ("GET", "/case-files/new"): (at("clerk", "/case-files/new"), FORMS_ONLY),
    ("POST", "/case-files/new"): (at("clerk", "/case-files/new", NEW_FILE), writes("case_file.opened")),
    ("GET", "/case-files/{case_file_id}"): (
        lambda office: ("clerk", f"/case-files/{_file(office)}", None),
        writes("case_file.listed"),
    ),
    ("POST", "/case-files/{case_file_id}/access"): (
        lambda office: ("clerk", f"/case-files/{_file(office)}/access", {"name": "manager"}),
        writes("case_file.access_given"),
    ),
    ("POST", "/case-files/{case_file_id}/triggers"): (
        lambda office: (
            "clerk",
            f"/case-files/{_file(office)}/triggers",
            {"trigger": "contract_end", "happened_on": "2026-03-04"},
        ),
        writes("case_file.trigger_stated"),
    ),
    ("GET", "/people"): (at("admin", "/people"), writes("person.listed")),
    ("GET", "/people/new"): (at("admin", "/people/new"), FORMS_ONLY),
    ("POST", "/people/new"): (
        at("admin", "/people/new", {"sign_in_name": "newcomer", "name": "New Comer", "password": NEW_PASSWORD}),
        writes("person.added"),
    ),
    ("GET", "/people/{person_id}"): (
        lambda office: ("admin", f"/people/{office.people['dpo']}", None),
        writes("person.listed"),
    ),
    ("POST", "/people/{person_id}/grants"): (
        lambda office: (
            "admin",
            f"/people/{_person(office)}/grants",
            {"role": "auditor", "place": f"entity:{office.entity}"},
        ),
        writes("grant.proposed"),
    ),
    ("POST", "/grants/{grant_id}/end"): (
        lambda office: ("admin", f"/grants/{_grant(office)}/end", {}),
        writes("grant.ended"),
    ),
    ("POST", "/grant-requests/{request_id}"): (
        lambda office: ("officer", f"/grant-requests/{_grant_request(office)}", {"word": "confirm"}),
        writes("grant.begun"),
    ),
    ("POST", "/people/{person_id}/suspension"): (
        lambda office: ("admin", f"/people/{_person(office)}/suspension", {"word": "suspend"}),
        writes("person.suspended"),
    ),
    ("POST", "/people/{person_id}/password"): (
        lambda office: ("admin", f"/people/{_person(office)}/password", {"password": NEW_PASSWORD}),
        writes("password.reset"),
    ),
    ("GET", "/people/recertification"): (
        at("officer", "/people/recertification"),
        "nothing: no role is due in its first months, so nobody is named",
    ),
    ("POST", "/people/recertification/{grant_id}"): (
        lambda office: ("officer", f"/people/recertification/{_grant(office)}", {"word": "keep"}),
        writes("grant.recertified"),
    ),
    ("GET", "/profile"): (at("clerk", "/profile"), "one's own"),
    ("POST", "/profile/name"): (at("clerk", "/profile/name", {"name": "Clara Klerk"}), writes("person.renamed")),
    ("GET", "/profile/password"): (at("clerk", "/profile/password"), FORMS_ONLY),
    ("POST", "/profile/password"): (
        at(
            "manager",
            "/profile/password",
            {"present": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD},
        ),
        writes("password.changed"),
    ),
    ("POST", "/profile/sessions/{session_id}/end"): (_own_session, writes("session.ended")),
    ("POST", "/profile/tokens"): (at("clerk", "/profile/tokens", {"scope": "read"}), writes("token.made")),
    ("POST", "/profile/tokens/{token_id}/revoke"): (_token, writes("token.revoked")),
    ("GET", "/settings"): (at("admin", "/settings"), "names of firms and departments"),
    ("GET", "/settings/state"): (at("admin", "/settings/state"), "counts"),
    ("GET", "/settings/entities/new"): (at("admin", "/settings/entities/new"), FORMS_ONLY),
    ("POST", "/settings/entities/new"): (at("admin", "/settings/entities/new", FIRM), writes("entity.added")),
    ("POST", "/settings/departments"): (
        lambda office: (
            "admin",
            "/settings/departments",
            {"entity": str(office.entity), "name": "Annex", "kind": "other"},
        ),
        writes("department.added"),
    ),
    ("POST", "/settings/set-up/close"): (
        at("admin", "/settings/set-up/close", {}),
        "nothing: it is closed already (see below)",
    ),
    ("POST", "/settings/single-operator"): (
        at("admin", "/settings/single-operator", {"on": "0"}),
        "nothing: it is off already (see below)",
    ),
    ("GET", "/audit"): (at("auditor", "/audit"), writes("audit.trail_read")),
    ("GET", "/audit/export"): (at("auditor", "/audit/export"), FORMS_ONLY),
    ("POST", "/audit/export"): (at("auditor", "/audit/export", {"range": "0..9"}), writes("log.exported")),
    ("GET", "/audit/entries/{seq}"): (at("auditor", "/audit/entries/1"), writes("audit.trail_read")),
    ("GET", "/audit/seen"): (
        lambda office: ("auditor", f"/audit/seen?record={_read(office)}", None),
        writes("audit.access_reviewed"),
    ),
    ("GET", "/audit/rights"): (
        lambda office: ("auditor", f"/audit/rights?record={_read(office)}&day=2026-01-02", None),
        writes("audit.access_reviewed"),
    ),
    ("GET", "/audit/health"): (at("auditor", "/audit/health"), writes("audit.health_read")),
    ("POST", "/audit/health/verification"): (
        at("auditor", "/audit/health/verification", {}),
        writes("log.verified"),
    ),
    ("GET", "/audit/sample"): (
        at("auditor", "/audit/sample?class=supplier_invoice&year=2025&count=5&seed=1"),
        writes("audit.sample_drawn"),
    ),
    ("GET", "/audit/reports"): (
        lambda office: ("auditor", f"/audit/reports?done={_report(office)[:8]}", None),
        writes("person.listed"),
    ),
    ("POST", "/audit/reports"): (
        at(
            "auditor",
            "/audit/reports",
            {"person": "clerk", "from": "2026-11-01", "to": "2026-11-30", "reason": "leak", "reference": "CASE-2"},
        ),
        writes("person_report.asked"),
    ),
    ("POST", "/audit/reports/{report_id}/decision"): (
        lambda office: ("officer", f"/audit/reports/{_report(office)}/decision", {"word": "confirm"}),
        writes("person_report.decided"),
    ),
    ("GET", "/audit/reports/{report_id}"): (
        lambda office: ("auditor", f"/audit/reports/{_report_confirmed(office)[0].split('/')[-2]}", None),
        writes("person_report.read"),
    ),
    ("GET", "/profile/file"): (at("clerk", "/profile/file"), writes("audit.own_file_read")),
    ("GET", "/scopes"): (
        lambda office: ("officer", f"/scopes?done={_scope(office)[:8]}", None),
        writes("person.listed"),
    ),
    ("POST", "/scopes"): (_scope_form, writes("auditor_scope.asked")),
    ("POST", "/scopes/{scope_id}/decision"): (
        lambda office: ("officer", f"/scopes/{_scope(office)}/decision", {"word": "confirm"}),
        writes("auditor_scope.decided"),
    ),
    ("POST", "/scopes/{scope_id}/end"): (
        lambda office: ("admin", f"/scopes/{_scope(office)}/end", {}),
        writes("auditor_scope.ended"),
    ),
    ("GET", "/scopes/{scope_id}"): (
        lambda office: ("auditor", _scoped_list(office)[0].removeprefix(V1).removesuffix("/records"), None),
        writes("record.listed"),
    ),
    ("POST", "/scopes/{scope_id}/export"): (
        lambda office: ("auditor", _scoped_export(office)[0].removeprefix(V1), {}),
        writes("record.handed_over"),
    ),
}


def test_every_page_says_what_it_writes() -> None:
    assert set(PAGES) == _keys(page_router.routes)


def ask(office: Office, method: str, asked: Asked) -> Any:
    """Send a page's request as that person's browser does."""
    name, path, form = asked
    browser, csrf = (office.client(), "") if name == STRANGER else office.browser(name)
    if method == "GET":
        return lambda: browser.get(path)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    return lambda: browser.post(path, data={"csrf": csrf, **(form or {})}, headers=headers)


@pytest.mark.parametrize(("method", "path"), sorted(PAGES), ids=lambda value: re.sub(r"[{}]", "", value))
def test_a_page_writes_what_it_says(office: Office, monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    build, expected = PAGES[method, path]
    if path == "/attention":
        _give_up(office)
    send = ask(office, method, build(office))
    with watching(office.runtime, monkeypatch) as seen:
        answer = send()
    if path == "/search/more":
        # Without a cursor it says so; with the one of a first page it goes on.
        assert answer.status_code == 422
        return
    assert answer.status_code < 400 or "setup" in path, answer.text
    held_against(seen, expected)


def _give_up(office: Office) -> None:
    """A record that nobody can read."""
    with office.runtime.main.write() as session:
        row = session.get_one(Record, UUID(_record_beside(office)))
        record.touch(row, record.NEEDS_ATTENTION, office.runtime.clock.now())


def _record_beside(office: Office) -> str:
    with office.runtime.main.read() as session:
        return str(session.scalars(select(Record.id).order_by(Record.id.desc())).first())


def test_the_next_page_of_a_search_is_a_search_too(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(30):
        office.upload(b"viele gleiche Worte " + uuid4().bytes.hex().encode(), "viele.txt")
    office.settle()
    browser, _csrf = office.browser("clerk")
    more = re.search(r"/search/more\?[^\"]+", browser.get("/search?q=gleiche").text)
    assert more is not None
    with watching(office.runtime, monkeypatch) as seen:
        assert browser.get(more[0].replace("&amp;", "&")).status_code == 200
    held_against(seen, writes("record.searched"))


def test_the_set_up_and_the_mode_of_one_person_are_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Settings(data=tmp_path / "data", port=0)
    prepare(chosen)
    run = build(chosen)
    now = run.clock.now()
    with watching(run, monkeypatch) as seen, run.main.write() as session:
        link = setup.new_link_token(session, at=now)
        made = first_account.found(
            session,
            NewEntity(name="Nordwind GmbH", jurisdiction="DE", zone="Europe/Berlin"),
            FirstPerson(sign_in_name="boss", password=the_hash(), files=False),
            by=setup.use_link(session, link, at=now),
            at=now,
            keys=run.keys,
        )
    held_against(seen, writes("setup.link_used", "entity.added", "department.added", "person.added", "grant.begun"))
    with run.main.read() as session:
        boss = operator_for(session, "boss", at=now, keys=run.keys)
    boss = replace(boss, id=made.person, kind="person", withheld=frozenset())
    with watching(run, monkeypatch) as seen, run.main.write() as session:
        setup.close(session, by=boss, at=now)
    held_against(seen, writes("setup.closed"))
    with watching(run, monkeypatch) as seen, run.main.write() as session:
        single_operator.switch(session, True, by=boss, at=now)
    held_against(seen, writes("single_operator.switched"))
    run.close()


def test_whoever_reads_around_the_door_is_seen(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run, found = office.runtime, UUID(_read(office))

    def around() -> None:
        with run.main.read() as session:
            version = record.get_version(session, session.get_one(Record, found))
            key = run.keys.get(session, version.id)
        stored = ObjectRef(version.object_key, version.object_version, version.sealed_bytes)
        assert b"Zebrafink" in b"".join(read(run.store, stored, key, context(found, version.id, "original")))

    with watching(run, monkeypatch) as seen:
        around()
    assert (seen.around_the_door, seen.actions) == (1, set())
    with pytest.raises(AssertionError, match="not in the log"):
        held_against(seen, "nothing at all")
    assert "data keys were unwrapped for a read that is not in the log" in caplog.text


# --- jobs, and what runs by the clock ---

JOBS: dict[str, Actions | str] = {
    "ingest.read": writes("record.opened", "record.read"),
    "records.lock": "what a store without locks keeps: tests of locks look at the others",
    "records.compare_locks": "what a store without locks keeps: tests of locks look at the others",
}
KEEPER_JOBS: dict[str, Actions] = {
    "search.index": READ,
    "search.rebuild": writes("record.opened", "search_index.rebuilt"),
}
TICKS: dict[str, Actions] = {
    "look": NOTHING,
    "leases": writes("record.read"),
    "hourly": writes("object.swept"),
}


def test_every_job_and_tick_says_what_it_writes() -> None:
    assert set(JOBS) == set(handlers.table(handlers.Readers(Settings())))
    assert set(KEEPER_JOBS) == {name for name, _ in KEPT}
    assert set(TICKS) == set(re.findall(r'what == "(\w+)"', Path(handlers.__file__).read_text("utf-8")))


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive.open(tmp_path / "data")
    yield made
    made.close()


def _run_jobs(archive: Archive, queues: tuple[str, ...]) -> None:
    readers = handlers.Readers(archive.runtime.settings)
    try:
        Runner(archive.runtime, handlers.table(readers), leases.incarnation("test")).run_all(queues)
    finally:
        readers.stop()


def test_reading_writes_what_it_says(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.receive(b"Sehr geehrte Damen und Herren", "brief.txt")
    with watching(archive.runtime, monkeypatch) as seen:
        _run_jobs(archive, ("interactive", "extraction", "ocr"))
    held_against(seen, JOBS["ingest.read"])


def test_locks_of_a_store_that_has_none_open_nothing(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.receive(b"Guten Tag", record_class="supplier_invoice")
    with archive.runtime.main.write() as session:
        lock_check.begin_when_due(session, zone="Europe/Berlin", at=archive.now)
    with watching(archive.runtime, monkeypatch) as seen:
        _run_jobs(archive, ("maintenance",))
    assert (seen.content_keys, seen.around_the_door, seen.fetched_at) == (0, 0, [])


@pytest.mark.parametrize("name", KEEPER_JOBS)
def test_the_keeper_s_work_writes_what_it_says(archive: Archive, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    archive.receive(b"Guten Tag", record_class="letter")
    run = archive.runtime
    if name == "search.rebuild":
        archive.index()
        with run.main.write() as session:
            reindex.ask(session, by=archive.principal("boss"), at=archive.now)
    keeper = Keeper(run, leases.incarnation("keeper"), signer_of(run))
    try:
        with watching(run, monkeypatch) as seen:
            while keeper.step():
                pass
            keeper.settle()
    finally:
        keeper.close()
    held_against(seen, KEEPER_JOBS[name])


@pytest.mark.parametrize("what", TICKS)
def test_a_tick_writes_what_it_says(archive: Archive, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    run = archive.runtime
    row = archive.receive(b"Guten Tag")
    if what == "leases":
        with run.main.write() as session:
            for job in session.query(jobs.Job).where(jobs.Job.subject == row.id):
                job.state, job.error_code, job.ended_at = jobs.FAILED, "gave_up", archive.now
    if what == "hourly":
        monkeypatch.setattr(sweep, "UNNAMED_FOR", timedelta(0))
        archive.receiver.seal([b"named by no row"], record=uuid4(), entity=archive.entity)
    with watching(run, monkeypatch) as seen:
        handlers.tick(run, what, look=lambda queues: None)
    held_against(seen, TICKS[what])


def test_a_page_image_is_made_under_the_log_too(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    row = archive.receive(b"Guten Tag", record_class="letter")
    images = Images(archive.runtime)
    try:
        with watching(archive.runtime, monkeypatch) as seen:
            images.thumbnail(row.id, by=archive.principal("clerk"))
    finally:
        images.close()
    held_against(seen, writes("record.opened", "record.thumbnail_shown"))


# --- the command line ---


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line, without settings of whoever runs the tests."""
    for name in ("MUNIMENT_TOKEN", "MUNIMENT_DATA", "MUNIMENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MUNIMENT_WORKERS", "1")
    return Cli()


COMMANDS: dict[tuple[str, ...], tuple[str, ...] | str] = {
    ("serve",): "processes, each with rows of its own above",
    ("demo",): "the same, on a folder that is thrown away",
    ("doctor",): "the machine, and no record",
    ("migrate",): "tables",
    ("web",): "a process",
    ("worker",): "a process",
    ("beat",): "a process",
    ("keeper",): "a process",
    ("alive",): "the age of a file",
    ("witness",): "checkpoints of a log, perhaps of another archive",
    ("import",): ("record.captured", "record.read", "record.listed"),
    ("search",): ("record.searched",),
    ("reconcile",): ("record.index_repaired", "record.drift_repaired"),
    ("reindex",): ("search_index.rebuild_asked", "search_index.rebuilt", "record.opened"),
    ("record", "show"): ("record.opened",),
    ("record", "download"): ("record.downloaded",),
    ("record", "history"): ("record.history_shown",),
    ("audit", "verify"): ("log.verified",),
    ("audit", "key"): "a public key",
    ("audit", "proof"): "hashes, and nothing of the entry itself",
    ("audit", "verifier"): "a part of the program",
    ("audit", "unwraps"): "counts",
    ("audit", "rebuild"): "files made from the log, beside it",
    ("audit", "export"): ("log.exported",),
    ("audit", "anchor"): "signatures of others over hashes",
    ("audit", "rotate-key"): ("log.key_changed",),
    ("user", "add"): ("person.added", "grant.begun"),
    ("user", "list"): ("person.listed",),
    ("token", "create"): ("token.made",),
    ("setup", "close"): ("setup.closed",),
}


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from _commands(below, (*path, name))
    else:
        yield path


def test_every_command_says_what_it_writes() -> None:
    _gather()
    assert set(COMMANDS) == set(_commands(typer.main.get_command(command_line)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, UUID, Path]:
    """A data folder that no server runs on, a record in it, and a file to be imported."""
    place = tmp_path_factory.mktemp("commands")
    archive = Archive.open(place / "data")
    row = archive.receive(b"Der Zebrafink singt", "zebrafink.txt", record_class="supplier_invoice")
    archive.settle()
    archive.close()
    (place / "import.txt").write_text("Guten Tag")
    return place / "data", row.id, place / "import.txt"


def _words(command: tuple[str, ...], found: UUID, file: Path) -> tuple[str, ...]:
    rest: dict[tuple[str, ...], tuple[str, ...]] = {
        ("import",): (str(file), "--department", "Accounting"),
        ("search",): ("Zebrafink",),
        ("record", "show"): (str(found),),
        ("record", "download"): (str(found), "--to", str(file.with_name(uuid4().hex))),
        ("record", "history"): (str(found),),
        ("audit", "export"): ("--record", str(found), "--out", str(file.with_name(f"{uuid4().hex}.zip"))),
        ("user", "add"): ("somebody", "--role", "auditor"),
        ("token", "create"): ("clerk",),
    }
    return (*command, *rest.get(command, ()))


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "command", [name for name, row in COMMANDS.items() if not isinstance(row, str)], ids=lambda name: " ".join(name)
)
def test_a_command_writes_what_it_says(
    folder: tuple[Path, UUID, Path], monkeypatch: pytest.MonkeyPatch, cli: Cli, command: tuple[str, ...]
) -> None:
    data, found, file = folder
    name = "boss" if command[0] in ("user", "setup", "reindex") or command[-1] == "rotate-key" else "clerk"
    name = "auditor" if command == ("audit", "export") else name
    name = "auditor" if command == ("audit", "export") else name
    name = "boss" if command == ("audit", "rotate-key") else name
    before = _events(data)
    if command == ("reconcile",):
        _spoil_index(data)
        before = _events(data)
    answer = _run(cli, data, name, _words(command, found, file))
    assert answer.code == 0 or command == ("reconcile",), answer.err
    after = _events(data)[len(before) :]
    expected = COMMANDS[command]
    assert set(expected) <= {action for action, _ in after}
    told = [details["keys"] for action, details in after if action == "key.unwraps_counted"]
    assert not [key for keys in told for key in keys if key.endswith("_unlogged")]


REFUSED: dict[str, tuple[str, tuple[str, ...], str]] = {
    "a record without a role for any": ("auditor", ("record", "show", "RECORD"), "record.refused"),
    "a record that is not theirs": ("hr_clerk", ("record", "download", "RECORD", "--to", "never"), "record.refused"),
    "its history": ("hr_clerk", ("record", "history", "RECORD"), "record.refused"),
    "a number of nothing": ("clerk", ("record", "show", "7K2M-9QXT-4"), "request.refused"),
    "to search without a role for it": ("auditor", ("search", "x"), "request.refused"),
    "to act for nobody": ("nobody-at-all", ("search", "x"), "request.refused"),
}


@pytest.mark.sqlite
@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_on_the_command_line_is_in_the_log(folder: tuple[Path, UUID, Path], cli: Cli, what: str) -> None:
    data, found, _ = folder
    name, words, action = REFUSED[what]
    before = len(_events(data))
    answer = _run(cli, data, name, tuple(str(found) if word == "RECORD" else word for word in words))
    assert answer.code == 1
    assert action in {each for each, _ in _events(data)[before:]}, answer.err


def _run(cli: Cli, data: Path, name: str, words: tuple[str, ...]) -> Any:
    return cli("--data", data, "--as", name, *words)


def _events(data: Path) -> list[tuple[str, dict[str, Any]]]:
    """Actions and details of the whole log."""
    database = databases.open_line(data / "db", "log")
    try:
        with database.read() as session:
            leaves = session.scalars(select(AuditLeaf.entry).order_by(AuditLeaf.seq)).all()
    finally:
        database.close()
    bodies = [parse(entry).body for entry in leaves]
    return [(body["action"], body.get("d", {})) for body in bodies]


def _spoil_index(data: Path) -> None:
    """Have the index forget: the rows say that its records are newer than it knows."""
    databases.tamper(data / "db", "main", [("UPDATE records SET revision = revision + 1", ())])


@pytest.mark.sqlite
def test_settings_that_differ_at_a_start_are_named_in_the_log(tmp_path: Path) -> None:
    for settings in ({}, {}, {"time_zone": "Europe/Vienna"}):
        prepare(Settings(data=tmp_path / "data", port=0, **settings))
    told = [details for action, details in _events(tmp_path / "data") if action == "settings.taken_up"]
    assert told == [{}, {"changed": ["time_zone"]}]
