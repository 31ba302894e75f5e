"""Every route, job and command: what it leaves in the log, and that nothing of a record leaves without.

The routes, jobs and commands are those of the program, not of a list here: a new one fails these tests until
it has a row that says what it writes, or why it writes nothing. Each is run against a real installation, and
watched from below: no key of content may be unwrapped and no sealed byte fetched before the log has it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
from app import handlers, holding, reindex, simulating, sweep, words_shown
from app.build import build, signer_of
from app.cli.main import _gather
from app.cli.main import cli as command_line
from app.images import Images
from app.keeper import Keeper
from app.prepare import prepare
from app.runner import Runner
from app.settings import Settings
from audit import trail
from audit.entries import AuditHead, AuditLeaf
from audit.leaf import parse
from core import jobs, leases
from core.clock import civil_date
from records import lock_check, record
from records.record import Record
from records.stub import RecordStub
from retention import disclosure, keeping, package, schedule, simulation, terms_change, withdrawal
from retention.held import Hold
from retention.hold import NewHold
from retention.hold_scope import Scope
from retention.schedule import RetentionRule
from tests.api.test_api_access import (
    REQUESTS,
    V1,
    _doubted_clock,
    _drafted_rule,
    _events_to_state,
    _hold,
    _hold_asked,
    _hold_notice,
    _hold_release,
    _hold_release_asked,
    _hold_review,
    _notice_given,
    _regime_reader_asked,
    _regime_reader_named,
    _regime_to_open,
    _report,
    _report_confirmed,
    _rule_batch,
    _rule_file,
    _rule_review,
    _rule_to_draft,
    _rule_to_publish,
    _rule_to_retire,
    _scope,
    _scoped_export,
    _scoped_list,
    _simulation,
    _stopped_run,
    _withdrawal,
)
from tests.app.test_jobs_have_handlers import KEPT
from tests.support import databases, office_disposing, office_packages, packages
from tests.support.app import PASSWORD, STRANGER, Office, the_hash
from tests.support.archive import Archive
from tests.support.cli import Cli
from tests.support.depot import CLASS, LONG_AGO, Depot
from tests.support.watch import Seen, kinds_of, named_by, opening, unnamed, watching
from vault.envelope import context
from vault.reader import read
from vault.store import ObjectRef

Actions = frozenset[str]


def writes(*actions: str) -> Actions:
    return frozenset(actions)


NOTHING: Actions = frozenset()
READ = writes("record.opened")
VIEWED = writes("record.viewed")
WORDS = writes("retention.words_shown")

# --- over HTTP, for programs ---

RULES_ONLY = "rules, and nobody's name"
PUBLISHED = writes("retention.rule_published")
NUMBERS_ONLY = "numbers, classes and dates of records, of no title and no content"
PACKAGES = "ids, states and digests, and the name of an institution"
CERTIFIED = "numbers, digests and dates of records that are gone, and nobody's name"

REST: dict[tuple[str, str], Actions | str] = {
    ("POST", f"{V1}/records"): writes("record.captured"),
    ("PUT", f"{V1}/uploads"): writes("record.captured"),
    ("POST", f"{V1}/records/{{record_id}}/versions"): writes("record.version_added"),
    ("GET", f"{V1}/records"): writes("record.listed"),
    ("GET", f"{V1}/records/{{record_id}}"): VIEWED,
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
    ("GET", f"{V1}/audit/file-report"): writes("audit.file_report_made"),
    ("GET", f"{V1}/audit/withdrawn.json"): "positions",
    ("GET", f"{V1}/audit/withdrawals"): "positions, ids of persons, and nobody's name",
    ("POST", f"{V1}/audit/withdrawals"): writes("log.withdrawal_asked"),
    ("POST", f"{V1}/audit/withdrawals/{{withdrawal_id}}/decision"): writes("log.withdrawal_refused"),
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
    ("GET", f"{V1}/retention/rules"): RULES_ONLY,
    ("POST", f"{V1}/retention/rules"): writes("retention.rule_drafted"),
    ("GET", f"{V1}/retention/rules/file"): RULES_ONLY,
    ("POST", f"{V1}/retention/rules/file"): writes("retention.rule_drafted", "retention.rules_taken"),
    ("GET", f"{V1}/retention/rules/comparison"): RULES_ONLY,
    ("POST", f"{V1}/retention/rules/batches/{{batch}}/publication"): PUBLISHED,
    ("GET", f"{V1}/retention/rules/{{version_id}}"): RULES_ONLY,
    ("GET", f"{V1}/retention/rules/{{version_id}}/versions"): RULES_ONLY,
    ("GET", f"{V1}/retention/rules/{{version_id}}/comparison"): RULES_ONLY,
    ("POST", f"{V1}/retention/rules/{{version_id}}/publication"): PUBLISHED,
    ("POST", f"{V1}/retention/rules/{{version_id}}/refusal"): writes("retention.rule_refused"),
    ("POST", f"{V1}/retention/rules/{{version_id}}/retirement-request"): writes("retention.rule_retirement_asked"),
    ("POST", f"{V1}/retention/rules/{{version_id}}/retirement"): writes("retention.rule_retired"),
    ("POST", f"{V1}/retention/rules/{{version_id}}/reviews"): writes("retention.rule_reviewed"),
    ("GET", f"{V1}/retention/packs"): "a part of the program",
    ("POST", f"{V1}/retention/packs/{{country}}"): writes("retention.rule_drafted", "retention.rules_taken"),
    ("GET", f"{V1}/retention/packs/{{country}}/comparison"): RULES_ONLY,
    ("GET", f"{V1}/retention/records/{{record_id}}/why"): writes("retention.why_shown"),
    ("GET", f"{V1}/retention/triggers"): NUMBERS_ONLY,
    ("POST", f"{V1}/retention/triggers"): writes("case_file.trigger_stated"),
    ("PUT", f"{V1}/retention/facts/{{holder}}/{{subject}}/{{name}}"): writes("retention.fact_stated"),
    ("GET", f"{V1}/retention/simulations"): "rules, classes and counts",
    ("POST", f"{V1}/retention/simulations"): writes("retention.simulation_asked"),
    ("GET", f"{V1}/retention/simulations/{{simulation_id}}"): NUMBERS_ONLY,
    ("GET", f"{V1}/retention/simulations/{{simulation_id}}/list"): writes("retention.simulation_list_taken"),
    ("GET", f"{V1}/dispositions"): "ids, states and counts, and nobody's name",
    ("POST", f"{V1}/dispositions"): writes("disposition.proposed"),
    ("GET", f"{V1}/retention/terms"): "numbers, a calendar, ids, and nobody's name",
    ("POST", f"{V1}/retention/terms/changes"): writes("retention.terms_changed"),
    ("POST", f"{V1}/retention/terms/changes/{{change_id}}/decision"): writes("retention.terms_changed"),
    ("GET", f"{V1}/dispositions/{{batch_id}}"): "ids, states and counts, and nobody's name",
    ("GET", f"{V1}/dispositions/{{batch_id}}/items"): WORDS,
    ("PATCH", f"{V1}/dispositions/{{batch_id}}/items"): writes("disposition.decided"),
    ("POST", f"{V1}/dispositions/{{batch_id}}/submission"): writes("disposition.submitted"),
    ("POST", f"{V1}/dispositions/{{batch_id}}/approval"): writes("disposition.approved"),
    ("POST", f"{V1}/dispositions/{{batch_id}}/return"): writes("disposition.returned", "disposition.voided"),
    ("POST", f"{V1}/dispositions/{{batch_id}}/undo"): writes("disposition.undone"),
    ("GET", f"{V1}/certificates"): CERTIFIED,
    ("GET", f"{V1}/certificates/{{certificate_id}}"): CERTIFIED,
    ("GET", f"{V1}/certificates/{{certificate_id}}/body"): CERTIFIED,
    ("GET", f"{V1}/certificates/{{certificate_id}}/signature"): "a signature",
    ("GET", f"{V1}/packages"): PACKAGES,
    ("GET", f"{V1}/packages/{{package_id}}"): PACKAGES,
    ("GET", f"{V1}/packages/{{package_id}}/content"): writes("record.package_taken"),
    ("POST", f"{V1}/packages/{{package_id}}/acknowledgement"): writes("package.acknowledged"),
    ("POST", f"{V1}/packages/{{package_id}}/acknowledgement/decision"): writes("package.confirmed"),
    ("POST", f"{V1}/packages/{{package_id}}/end"): writes("package.ended"),
    ("GET", f"{V1}/keepings"): WORDS,
    ("POST", f"{V1}/keepings/{{keeping_id}}/end"): writes("record.keeping_end_asked"),
    ("POST", f"{V1}/keepings/{{keeping_id}}/end/decision"): writes("record.keeping_end_decided"),
    ("GET", f"{V1}/stubs/{{stub_id}}"): "number, class and dates of a record that is gone",
    ("GET", f"{V1}/disclosures"): WORDS,
    ("POST", f"{V1}/records/{{record_id}}/disclosures"): writes("disclosure.noted"),
    ("POST", f"{V1}/disclosures/{{disclosure_id}}/settlement"): writes("disclosure.noted") | WORDS,
    ("POST", f"{V1}/records/{{record_id}}/withdrawal"): writes("capture.withdrawal_asked"),
    ("GET", f"{V1}/capture-withdrawals"): WORDS,
    ("POST", f"{V1}/capture-withdrawals/{{withdrawal_id}}/decision"): writes("capture.withdrawal_decided") | WORDS,
    ("GET", f"{V1}/holds"): writes("hold.shown"),
    ("POST", f"{V1}/holds"): writes("hold.placed", "hold.shown"),
    ("POST", f"{V1}/holds/preview"): writes("hold.previewed"),
    ("GET", f"{V1}/holds/{{hold_id}}"): writes("hold.shown"),
    ("GET", f"{V1}/holds/{{hold_id}}/records"): NUMBERS_ONLY,
    ("POST", f"{V1}/holds/{{hold_id}}/release"): writes("hold.release_asked", "hold.shown"),
    ("POST", f"{V1}/holds/{{hold_id}}/release/decision"): writes("hold.release_decided", "hold.shown"),
    ("POST", f"{V1}/holds/{{hold_id}}/review"): writes("hold.reviewed", "hold.shown"),
    ("GET", f"{V1}/holds/{{hold_id}}/notices"): "ids of people, and nobody's name",
    ("POST", f"{V1}/holds/{{hold_id}}/notices"): writes("hold.notice_given"),
    ("GET", f"{V1}/me/notices"): writes("hold.notice_shown"),
    ("POST", f"{V1}/me/notices/{{notice_id}}/acknowledgement"): writes("hold.notice_acknowledged"),
    ("GET", f"{V1}/records/{{record_id}}/holds"): "since when, and ids of holds",
    ("GET", f"{V1}/regime-changes"): "ids of records and people, and nobody's name",
    ("POST", f"{V1}/regime-changes"): writes("record.regime_changed"),
    ("POST", f"{V1}/regime-changes/{{change_id}}/decision"): writes("record.regime_changed"),
    ("GET", f"{V1}/regime-readers"): "ids of people, and nobody's name",
    ("POST", f"{V1}/regime-readers"): writes("regime_reader.asked"),
    ("POST", f"{V1}/regime-readers/{{reader_id}}/decision"): writes("regime_reader.decided"),
    ("DELETE", f"{V1}/regime-readers/{{reader_id}}"): writes("regime_reader.ended"),
    ("GET", f"{V1}/retention/runs"): "counts, codes and ids",
    ("POST", f"{V1}/retention/runs/{{run_id}}/leave"): writes("retention.run_let_through"),
    ("POST", f"{V1}/retention/clock/confirmation"): writes("retention.clock_confirmed"),
    ("GET", f"{V1}/retention/documents/{{code}}"): "rules, jobs, settings and counts, and nobody's name",
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


def held_against(seen: Seen, expected: Actions | str, own: UUID | None = None) -> None:
    """Pass if an act left what its row says, and touched no content before it stood in the log.

    ``own`` is the person who acted: their name stands on their pages.
    """
    assert seen.around_the_door == 0, "a key of content was unwrapped for a read that is not in the log"
    assert all(size > seen.began_at for size in seen.fetched_at), "sealed bytes were fetched before the log had it"
    if seen.content_keys or seen.fetched_at:
        assert seen.read, "content was opened and nothing was logged"
    assert seen.unnamed_words(own) == {}, "sealed words were opened, and no entry names what they belong to"
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


YEARS_LATER = {("POST", f"{V1}/audit/withdrawals"), ("POST", "/audit/withdrawals")}
"""These need a log of eleven years, and are held against the same table by ``test_log_withdrawal``."""


@pytest.mark.parametrize(
    ("method", "path"), sorted(set(REST) - YEARS_LATER), ids=lambda value: re.sub(r"[{}]", "", value)
)
def test_a_rest_route_writes_what_it_says(
    office: Office, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    name, address, arguments = _ready(office, method, path)
    client = office.client(name)
    with watching(office.runtime, monkeypatch) as seen:
        answer = client.request(method, address, **arguments)
    assert answer.status_code < 400 or path == "/readyz", answer.text
    held_against(seen, REST[method, path], office.people.get(name))


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
    until = civil_date(office.runtime.clock.now(), "Europe/Berlin") + timedelta(days=30)
    form = {"person": "auditor", "class": "invoice", "first_year": "2025", "last_year": "2026"}
    return "admin", "/scopes", form | {"until": until.isoformat(), "reference": "PA-1"}


def _of_rest(build: Callable[[Office], Any], name: str, **more: str) -> Callable[[Office], Asked]:
    """The form that says what a request of the REST table does."""

    def asked(office: Office) -> Asked:
        address, arguments = build(office)
        return name, address.removeprefix(V1), arguments["json"] | more

    return asked


def _rule_form(office: Office) -> Asked:
    form = _rule_to_draft(office)[1]["json"]
    return "manager", "/retention/rules", form | {"record_class": form["class"]}


def _batch_form(office: Office) -> tuple[str, Fields]:
    address, arguments = _rule_batch(office)
    return address.removeprefix(V1).replace("/rules/", "/"), arguments["json"]


def _batch_address(office: Office) -> str:
    return _batch_form(office)[0]


def _without_prefix(build: Callable[[Office], Any], name: str, **form: Any) -> Callable[[Office], Asked]:
    """The page under the address of a request of the REST table, with a form of its own; none for a reading."""
    return lambda office: (name, build(office)[0].removeprefix(V1), form or None)


def _of_batch(name: str, suffix: str, build: Callable[[Office], str], **form: str) -> Callable[[Office], Asked]:
    return lambda office: (name, f"/dispositions/{build(office)}{suffix}", form)


def _item_page(office: Office) -> Asked:
    made, found = office_disposing.explained(office)
    return "manager", f"/dispositions/{made}/items/{found}", None


def _decided_form(office: Office) -> Asked:
    made, found = office_disposing.batch(office)
    return "manager", f"/dispositions/{made}/decisions", {"record": str(found), "decision": "destroy"}


def _approval_form(office: Office) -> Asked:
    made, digest = office_disposing.submitted(office)
    return "officer", f"/dispositions/{made}/approval", {"digest": digest, "looked": "1"}


def _terms_form(office: Office) -> Asked:
    percent = office_disposing.terms_wanted(office)[1]["json"]["destroy_percent"]
    with office.runtime.main.read() as session:
        terms = terms_change.of(session, office.entity)
    form = {"quorum": str(terms.quorum), "grace_days": str(terms.grace_days), "destroy_percent": str(percent)}
    form |= {"zone": terms.zone, "month": terms.fiscal_year_start[:2], "day": terms.fiscal_year_start[3:]}
    return "officer", "/retention/terms", form | {"entity": str(office.entity)}


def _proposed_form(office: Office) -> Asked:
    office_disposing.eligible(office)
    return "manager", "/dispositions", {}


def _acknowledged_form(office: Office) -> Asked:
    row = office_packages.taken(office)
    return "manager", f"/packages/{row.id}/acknowledgement", office_packages.acknowledgement_of(row)


def _confirmed_form(office: Office) -> Asked:
    row = office_packages.stated(office)
    assert row.sha256 is not None
    form = {"sha256": row.sha256.hex(), "word": "confirm", "looked": "1"}
    return "officer", f"/packages/{row.id}/acknowledgement/decision", form


def _certificate(office: Office, suffix: str = "") -> Asked:
    """Of a wrong upload that is gone: as the keeper signed it."""
    address, arguments = REQUESTS["POST", f"{V1}/capture-withdrawals/{{withdrawal_id}}/decision"][1](office)
    assert office.client("officer").post(address, **arguments).status_code == 200
    office.settle()
    batch = address.split("/")[-2]
    [row] = office.client("auditor").get(f"{V1}/certificates?batch={batch}").json()["items"]
    return "officer", f"/certificates/{row['id']}{suffix}", None


def _stub(office: Office) -> Asked:
    """Of the wrong upload that is gone."""
    _certificate(office)
    with office.runtime.main.read() as session:
        gone = session.scalars(select(RecordStub.record).order_by(RecordStub.destroyed_at.desc())).first()
    return "auditor", f"/stubs/{gone}", None


def _hold_form(office: Office) -> Asked:
    wanted = _hold_asked(office)[1]["json"]
    scope = wanted.pop("scope")
    years = {name: str(scope[name]) for name in ("first_year", "last_year")}
    return "officer", "/holds", wanted | years | {"scope": "classes", "class": scope["classes"], "step": "place"}


def _regime_form(office: Office) -> Asked:
    form = {"number": _record(office), "regime": "restricted", "reason": "A quarrel"}
    return "officer", "/regimes/changes", form


def _reader_form(office: Office) -> Asked:
    last = (office.runtime.clock.now() + timedelta(days=30)).date().isoformat()
    return "officer", "/regimes/readers", {"person": "hr", "of": "blocked", "until": last, "why": "Answers the court"}


def _events_form(office: Office) -> Asked:
    [row] = _events_to_state(office)[1]["json"]["statements"]
    return "manager", "/retention/triggers", row


def at(name: str, path: str, form: Fields | None = None) -> Callable[[Office], Asked]:
    return lambda _: (name, path, form)


def of_record(suffix: str, name: str = "clerk") -> Callable[[Office], Asked]:
    return lambda office: (name, f"/records/{_read(office)}{suffix}", None)


FIRM = {"name": "Südwind AG", "country": "DE", "zone": "Europe/Berlin"}
NEW_FILE = {"number": "S-7", "name": "Schall und Rauch", "kind": "supplier", "opened_on": "2026-01-02"}
NEW_PASSWORD = "lantern orchard pebble"
FORMS_ONLY = "a form with nothing in it"

CONFIRM = {"word": "confirm"}

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
    ("GET", "/records/{record_id}"): (of_record(""), VIEWED),
    ("GET", "/records/{record_id}/history"): (of_record("/history?before=9999"), writes("record.history_shown")),
    ("GET", "/records/{record_id}/peek"): (of_record("/peek"), writes("record.previewed")),
    ("GET", "/records/{record_id}/print"): (of_record("/print"), writes("record.print_view_requested")),
    ("POST", "/records/{record_id}/placement"): (_place, writes("record.placed")),
    ("POST", "/records/{record_id}/reading"): (
        lambda office: ("clerk", f"/records/{_record(office)}/reading", {}),
        writes("record.reading_asked"),
    ),
    ("GET", "/review"): (lambda office: ("clerk", f"/review?at={_read(office)}", None), VIEWED),
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
    ("GET", "/audit/file-report"): (
        lambda office: ("officer", f"/audit/file-report?case_file={_file(office)}", None),
        writes("audit.file_report_made"),
    ),
    ("GET", "/audit/withdrawals"): (
        lambda office: ("officer", f"/audit/withdrawals?done={_withdrawal(office)[:8]}", None),
        writes("person.listed"),
    ),
    ("POST", "/audit/withdrawals"): (at("dpo", "/audit/withdrawals", {}), writes("log.withdrawal_asked")),
    ("POST", "/audit/withdrawals/{withdrawal_id}/decision"): (
        lambda office: ("officer", f"/audit/withdrawals/{_withdrawal(office)}/decision", {"word": "refuse"}),
        writes("log.withdrawal_refused"),
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
    ("GET", "/retention"): (at("dpo", "/retention"), RULES_ONLY),
    ("GET", "/retention/rules/new"): (at("manager", "/retention/rules/new"), FORMS_ONLY),
    ("POST", "/retention/rules"): (_rule_form, writes("retention.rule_drafted")),
    ("GET", "/retention/rules/{version_id}"): (
        lambda office: ("auditor", f"/retention/rules/{_drafted_rule(office)}", None),
        RULES_ONLY,
    ),
    ("POST", "/retention/rules/{version_id}/publication"): (_of_rest(_rule_to_publish, "officer"), PUBLISHED),
    ("POST", "/retention/rules/{version_id}/refusal"): (
        lambda office: ("officer", f"/retention/rules/{_drafted_rule(office)}/refusal", {}),
        writes("retention.rule_refused"),
    ),
    ("POST", "/retention/rules/{version_id}/retirement"): (
        _of_rest(_rule_to_retire, "officer", word="retire"),
        writes("retention.rule_retired"),
    ),
    ("POST", "/retention/rules/{version_id}/review"): (
        lambda office: ("officer", _rule_review(office)[0].removeprefix(V1)[:-1], _rule_review(office)[1]["json"]),
        writes("retention.rule_reviewed"),
    ),
    ("POST", "/retention/rules/{version_id}/simulation"): (
        lambda office: ("manager", f"/retention/rules/{_drafted_rule(office)}/simulation", {}),
        writes("retention.simulation_asked"),
    ),
    ("POST", "/retention/batches/{batch}/simulation"): (
        lambda office: ("manager", f"{_batch_address(office).removesuffix('/publication')}/simulation", {}),
        writes("retention.simulation_asked"),
    ),
    ("POST", "/retention/batches/{batch}/publication"): (
        lambda office: ("officer", *_batch_form(office)),
        PUBLISHED,
    ),
    ("POST", "/retention/packs"): (
        lambda office: ("manager", "/retention/packs", {"entity": str(office.entity), "country": "ES"}),
        writes("retention.rule_drafted", "retention.rules_taken"),
    ),
    ("GET", "/retention/import"): (at("manager", "/retention/import"), FORMS_ONLY),
    ("POST", "/retention/import"): (
        lambda office: ("manager", "/retention/import", _rule_file(office)[1]["json"]),
        writes("retention.rule_drafted", "retention.rules_taken"),
    ),
    ("GET", "/retention/comparison"): (at("auditor", "/retention/comparison?pack=DE"), RULES_ONLY),
    ("GET", "/retention/runs"): (at("auditor", "/retention/runs"), "counts, codes and ids"),
    ("POST", "/retention/runs/{run_id}/leave"): (
        lambda office: ("officer", _stopped_run(office)[0].removeprefix(V1), {}),
        writes("retention.run_let_through"),
    ),
    ("POST", "/retention/clock/confirmation"): (
        lambda office: ("officer", "/retention/clock/confirmation", _doubted_clock(office)[1]["json"]),
        writes("retention.clock_confirmed"),
    ),
    ("GET", "/retention/documents"): (at("dpo", "/retention/documents"), "names of documents"),
    ("GET", "/retention/documents/{entity}/{code}.{form}"): (
        lambda office: ("dpo", f"/retention/documents/{office.entity}/procedure.md", None),
        "rules, jobs, settings and counts, and nobody's name",
    ),
    ("GET", "/dispositions"): (
        lambda office: ("manager", f"/dispositions?done={office_disposing.batch(office)[0][:8]}", None),
        "states and counts",
    ),
    ("POST", "/dispositions"): (_proposed_form, writes("disposition.proposed")),
    ("GET", "/dispositions/{batch_id}"): (
        lambda office: ("manager", f"/dispositions/{office_disposing.explained(office)[0]}", None),
        writes("record.listed") | WORDS,
    ),
    ("GET", "/dispositions/{batch_id}/items/{record_id}"): (
        _item_page,
        writes("record.listed", "record.previewed") | WORDS,
    ),
    ("POST", "/dispositions/{batch_id}/decisions"): (_decided_form, writes("disposition.decided")),
    ("POST", "/dispositions/{batch_id}/submission"): (
        _of_batch("manager", "/submission", office_disposing.decided),
        writes("disposition.submitted"),
    ),
    ("POST", "/dispositions/{batch_id}/approval"): (_approval_form, writes("disposition.approved")),
    ("POST", "/dispositions/{batch_id}/return"): (
        _of_batch("officer", "/return", lambda office: office_disposing.submitted(office)[0], reason="look again"),
        writes("disposition.returned", "disposition.voided"),
    ),
    ("POST", "/dispositions/{batch_id}/undo"): (
        _of_batch("officer", "/undo", office_disposing.approved),
        writes("disposition.undone"),
    ),
    ("GET", "/packages/{package_id}"): (
        lambda office: ("officer", f"/packages/{office_packages.stated(office).id}", None),
        writes("person.listed"),
    ),
    ("GET", "/packages/{package_id}/content"): (
        lambda office: ("manager", f"/packages/{office_packages.packed(office).id}/content", None),
        writes("record.package_taken"),
    ),
    ("POST", "/packages/{package_id}/acknowledgement"): (_acknowledged_form, writes("package.acknowledged")),
    ("POST", "/packages/{package_id}/acknowledgement/decision"): (_confirmed_form, writes("package.confirmed")),
    ("POST", "/packages/{package_id}/end"): (
        lambda office: ("manager", f"/packages/{office_packages.packed(office).id}/end", {}),
        writes("package.ended"),
    ),
    ("GET", "/keepings"): (
        lambda office: ("auditor", f"/keepings?done={office_packages.end_asked(office)[:8]}", None),
        WORDS,
    ),
    ("POST", "/keepings/{keeping_id}/end"): (
        lambda office: ("manager", f"/keepings/{office_packages.kept(office)}/end", {"reason": "not of value"}),
        writes("record.keeping_end_asked"),
    ),
    ("POST", "/keepings/{keeping_id}/end/decision"): (
        lambda office: ("officer", f"/keepings/{office_packages.end_asked(office)}/end/decision", CONFIRM),
        writes("record.keeping_end_decided"),
    ),
    ("GET", "/certificates"): (lambda office: ("auditor", _certificate(office)[1].rpartition("/")[0], None), CERTIFIED),
    ("GET", "/certificates/{certificate_id}"): (_certificate, writes("person.listed")),
    ("GET", "/certificates/{certificate_id}/{name}"): (
        lambda office: _certificate(office, "/certificate.json"),
        CERTIFIED,
    ),
    ("GET", "/stubs/{stub_id}"): (_stub, "number, class and dates of a record that is gone"),
    ("GET", "/disclosures"): (
        lambda office: ("manager", f"/disclosures?record={office_disposing.disclosed(office)[1]}", None),
        WORDS,
    ),
    ("POST", "/disclosures/{disclosure_id}/settlement"): (
        lambda office: ("manager", f"/disclosures/{office_disposing.disclosed(office)[0]}/settlement", {}),
        writes("disclosure.noted"),
    ),
    ("POST", "/records/{record_id}/disclosures"): (
        lambda office: (
            "clerk",
            f"/records/{_record(office)}/disclosures",
            {"kind": "paper", "recipient": "Tax adviser", "disclosed_on": "2026-01-02"},
        ),
        writes("disclosure.noted"),
    ),
    ("GET", "/capture-withdrawals"): (
        lambda office: ("officer", f"/capture-withdrawals?done={office_disposing.withdrawn(office)[:8]}", None),
        WORDS | writes("person.listed"),
    ),
    ("POST", "/records/{record_id}/withdrawal"): (
        lambda office: ("clerk", f"/records/{_record(office)}/withdrawal", {"reason": "wrong firm"}),
        writes("capture.withdrawal_asked"),
    ),
    ("POST", "/capture-withdrawals/{withdrawal_id}/decision"): (
        lambda office: (
            "officer",
            f"/capture-withdrawals/{office_disposing.withdrawn(office)}/decision",
            {"word": "refuse"},
        ),
        writes("capture.withdrawal_decided"),
    ),
    ("GET", "/holds"): (lambda office: ("officer", f"/holds?done={_hold(office)[-8:]}", None), writes("hold.shown")),
    ("GET", "/holds/new"): (at("officer", "/holds/new?scope=classes"), FORMS_ONLY),
    ("POST", "/holds"): (_hold_form, writes("hold.placed")),
    ("GET", "/holds/{hold_id}"): (
        lambda office: ("auditor", _hold(office).removeprefix(V1), None),
        writes("hold.shown", "person.listed"),
    ),
    ("POST", "/holds/{hold_id}/release"): (_of_rest(_hold_release, "manager"), writes("hold.release_asked")),
    ("POST", "/holds/{hold_id}/release/decision"): (
        _without_prefix(_hold_release_asked, "officer", word="confirm"),
        writes("hold.release_decided"),
    ),
    ("POST", "/holds/{hold_id}/review"): (_of_rest(_hold_review, "manager"), writes("hold.reviewed")),
    ("POST", "/holds/{hold_id}/notices"): (
        _without_prefix(_hold_notice, "officer", others="clerk", text="Keep it."),
        writes("hold.notice_given"),
    ),
    ("GET", "/notices"): (
        lambda office: ("clerk", f"/notices?done={_notice_given(office)[1][:8]}", None),
        writes("hold.notice_shown", "person.listed"),
    ),
    ("POST", "/notices/{notice_id}/acknowledgement"): (
        lambda office: ("clerk", f"/notices/{_notice_given(office)[1]}/acknowledgement", {}),
        writes("hold.notice_acknowledged"),
    ),
    ("GET", "/regimes"): (
        lambda office: ("auditor", f"/regimes?done={_regime_reader_asked(office)[-8:]}", None),
        writes("person.listed"),
    ),
    ("POST", "/regimes/changes"): (_regime_form, writes("record.regime_changed")),
    ("POST", "/regimes/changes/{change_id}/decision"): (
        lambda office: ("officer", f"/regimes/changes/{_regime_to_open(office)[0].split('/')[-2]}/decision", CONFIRM),
        writes("record.regime_changed"),
    ),
    ("POST", "/regimes/readers"): (_reader_form, writes("regime_reader.asked")),
    ("POST", "/regimes/readers/{reader_id}/decision"): (
        lambda office: ("officer", f"/regimes/readers/{_regime_reader_asked(office).split('/')[-1]}/decision", CONFIRM),
        writes("regime_reader.decided"),
    ),
    ("POST", "/regimes/readers/{reader_id}/end"): (
        lambda office: ("officer", f"/regimes/readers/{_regime_reader_named(office)[0].split('/')[-1]}/end", {}),
        writes("regime_reader.ended"),
    ),
    ("GET", "/records/{record_id}/why"): (of_record("/why"), writes("retention.why_shown")),
    ("GET", "/retention/calendar"): (at("auditor", "/retention/calendar"), NUMBERS_ONLY),
    ("GET", "/retention/triggers"): (at("manager", "/retention/triggers?state=no_rule"), writes("record.listed")),
    ("POST", "/retention/triggers"): (_events_form, writes("case_file.trigger_stated")),
    ("GET", "/retention/simulations"): (at("auditor", "/retention/simulations"), "rules, classes and counts"),
    ("POST", "/retention/simulations"): (
        at("manager", "/retention/simulations", {"from_class": "supplier_invoice", "to_class": "contract"}),
        writes("retention.simulation_asked"),
    ),
    ("POST", "/holds/{hold_id}/simulation"): (
        lambda office: ("manager", f"{_hold(office).removeprefix(V1)}/simulation", {}),
        writes("retention.simulation_asked"),
    ),
    ("GET", "/retention/terms"): (
        lambda office: (
            "auditor",
            f"/retention/terms?done={office_disposing.terms_to_decide(office)[0].split('/')[-2][:8]}",
            None,
        ),
        writes("person.listed"),
    ),
    ("POST", "/retention/terms"): (_terms_form, writes("retention.terms_changed")),
    ("POST", "/retention/terms/changes/{change_id}/decision"): (
        _without_prefix(office_disposing.terms_to_decide, "officer", word="confirm"),
        writes("retention.terms_changed"),
    ),
    ("GET", "/retention/simulations/{simulation_id}"): (
        _without_prefix(_simulation(), "auditor"),
        NUMBERS_ONLY,
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


@pytest.mark.parametrize(
    ("method", "path"), sorted(set(PAGES) - YEARS_LATER), ids=lambda value: re.sub(r"[{}]", "", value)
)
def test_a_page_writes_what_it_says(office: Office, monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    build, expected = PAGES[method, path]
    if path == "/attention":
        _give_up(office)
    asked = build(office)
    send = ask(office, method, asked)
    with watching(office.runtime, monkeypatch) as seen:
        answer = send()
    if path == "/search/more":
        # Without a cursor it says so; with the one of a first page it goes on.
        assert answer.status_code == 422
        return
    assert answer.status_code < 400 or "setup" in path, answer.text
    held_against(seen, expected, office.people.get(asked[0]))


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


@pytest.mark.parametrize("path", [f"{V1}/disclosures", f"{V1}/capture-withdrawals", f"{V1}/me/notices"])
def test_whoever_shows_what_staff_wrote_around_the_log_is_seen(
    office: Office, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    name, address, arguments = _ready(office, "GET", path)
    monkeypatch.setattr(words_shown, "_note", lambda *_: None)
    with watching(office.runtime, monkeypatch) as seen:
        assert office.client(name).get(address, **arguments).status_code == 200
    with pytest.raises(AssertionError, match="no entry names what they belong to"):
        held_against(seen, "words", office.people[name])


# --- jobs, and what runs by the clock ---

JOBS: dict[str, Actions | str] = {
    "retention.run": "rows and counts: tests of the retention jobs look at their reports",
    "ingest.read": writes("record.opened", "record.read"),
    "records.lock": "what a store without locks keeps: tests of locks look at the others",
    "records.compare_locks": "what a store without locks keeps: tests of locks look at the others",
    "retention.date": writes("retention.date_changed"),
    "retention.hold": writes("hold.caught"),
    "retention.catch": writes("hold.caught"),
    "retention.simulate": writes("retention.simulated"),
    "retention.destroy": writes("record.destroyed"),
}
KEEPER_JOBS: dict[str, Actions] = {
    "search.index": READ,
    "search.rebuild": writes("record.opened", "search_index.rebuilt"),
    "search.erase": READ,
    "retention.certify": writes("certificate.issued"),
}
TICKS: dict[str, Actions] = {
    "look": NOTHING,
    "leases": writes("record.read"),
    "hourly": writes("object.swept"),
    "retention": NOTHING,
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


def _schedule_changed(depot: Depot) -> None:
    with depot.run.main.read() as session:
        rule = session.scalars(select(RetentionRule.id)).one()
        by, at = depot.by("manager"), depot.now
    with depot.run.main.write() as session:
        schedule.ask_retirement(session, rule, by=by, at=at)
    with depot.run.main.write() as session:
        asked = simulation.ask(
            session, depot.archive.entity, "retire", versions=[rule], by=by, at=at, with_job=False
        ).id
    simulating.simulate(depot.run, asked)
    with depot.run.main.write() as session:
        schedule.retire(session, rule, simulation=asked, by=depot.by("officer"), at=depot.now)


def _held(depot: Depot, record_class: str = CLASS) -> None:
    scope = Scope(kind="classes", classes=(record_class,), first_year=LONG_AGO.year, last_year=LONG_AGO.year)
    wanted = NewHold(
        entity=depot.archive.entity,
        kind="legal_hold",
        scope=scope,
        title="A matter",
        reason="A claim",
        authority="312 O 44/26",
        review_on=depot.today + timedelta(days=90),
    )
    holding.place(depot.run, wanted, by=depot.by("officer"))


def _held_before(depot: Depot) -> None:
    """A record of a held class that comes after the hold: indexed, so that the holds are asked about it."""
    _held(depot)
    depot.archive.settle()
    depot.receive("Another", "another.txt")
    _run_jobs(depot.archive, ("interactive", "extraction", "ocr"))
    depot.archive.index()


def _simulation_asked(depot: Depot) -> None:
    with depot.run.main.write() as session:
        simulation.ask(
            session,
            depot.archive.entity,
            "class",
            from_class=CLASS,
            to_class="contract",
            by=depot.by("manager"),
            at=depot.now,
        )


def _withdrawn(depot: Depot) -> None:
    run, wrong = depot.run, depot.receive("A wrong upload", "wrong.txt")
    depot.archive.settle()
    with run.main.write() as session:
        asked = withdrawal.ask(session, wrong, "wrong firm", by=depot.by("clerk"), at=depot.now, keys=run.keys)
    with run.main.write() as session:
        withdrawal.decide(session, asked, confirmed=True, by=depot.by("officer"), at=depot.now)


def _destroyed(depot: Depot) -> None:
    """The keeper has not heard of it yet, and has another record, which the index writes anew."""
    depot.receive("Invoice of long ago")
    _withdrawn(depot)
    _run_jobs(depot.archive, ("maintenance",))


OF_RETENTION: dict[str, Callable[[Depot], None]] = {
    "retention.date": _schedule_changed,
    "retention.hold": _held,
    "retention.catch": _held_before,
    "retention.simulate": _simulation_asked,
    "retention.destroy": _withdrawn,
}
"""What leaves the job."""


def _waits(archive: Archive, name: str) -> bool:
    with archive.runtime.main.read() as session:
        waiting = select(jobs.Job.id).where(jobs.Job.name == name, jobs.Job.state == jobs.READY)
        return session.scalar(waiting) is not None


@pytest.mark.parametrize("name", OF_RETENTION)
def test_a_job_of_retention_writes_what_it_says(archive: Archive, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    depot = Depot.of(archive)
    depot.file("Invoice of long ago")
    OF_RETENTION[name](depot)
    assert _waits(archive, name)
    with watching(archive.runtime, monkeypatch) as seen:
        _run_jobs(archive, ("maintenance",))
    assert not _waits(archive, name)
    held_against(seen, JOBS[name])


@pytest.mark.parametrize("name", KEEPER_JOBS)
def test_the_keeper_s_work_writes_what_it_says(archive: Archive, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    run = archive.runtime
    if name in ("search.erase", "retention.certify"):
        _destroyed(Depot.of(archive))
    archive.receive(b"Guten Tag", record_class="letter")
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
    ("hold", "place"): ("hold.placed", "hold.caught", "hold.shown"),
    ("hold", "list"): ("hold.shown",),
    ("hold", "show"): ("hold.shown",),
    ("hold", "release"): ("hold.release_asked", "hold.shown"),
    ("hold", "confirm"): "as the REST route; it takes a token",
    ("retention", "explain"): ("retention.why_shown",),
    ("retention", "simulate"): ("retention.simulated",),
    ("retention", "terms", "show"): "numbers, a calendar, ids, and nobody's name",
    ("retention", "terms", "set"): ("retention.terms_changed",),
    ("retention", "terms", "confirm"): "as the REST route; it takes a token",
    ("retention", "dispositions", "list"): "ids, states and counts, and nobody's name",
    ("retention", "dispositions", "show"): NUMBERS_ONLY,
    ("retention", "dispositions", "decide"): ("disposition.decided",),
    ("retention", "dispositions", "submit"): ("disposition.submitted",),
    ("retention", "dispositions", "approve"): "as the REST route; it takes a token",
    ("retention", "dispositions", "undo"): ("disposition.undone",),
    ("retention", "copies", "list"): ("retention.words_shown",),
    ("retention", "copies", "settle"): ("disclosure.noted", "retention.words_shown"),
    ("retention", "wrong-uploads", "list"): ("retention.words_shown",),
    ("retention", "wrong-uploads", "confirm"): "as the REST route; it takes a token",
    ("retention", "wrong-uploads", "refuse"): ("capture.withdrawal_decided", "retention.words_shown"),
    ("retention", "packages", "list"): PACKAGES,
    ("retention", "packages", "take"): ("record.package_taken",),
    ("retention", "packages", "acknowledge"): ("package.acknowledged",),
    ("retention", "packages", "confirm"): "as the REST route; it takes a token",
    ("retention", "packages", "end"): ("package.ended",),
    ("retention", "keepings", "list"): ("retention.words_shown",),
    ("retention", "keepings", "end"): ("record.keeping_end_asked",),
    ("retention", "keepings", "confirm"): "as the REST route; it takes a token",
    ("retention", "certificates", "list"): CERTIFIED,
    ("retention", "certificates", "export"): CERTIFIED,
    ("retention", "certificates", "verify"): "three files that somebody has",
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
    ("record", "show"): ("record.viewed",),
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
    ("audit", "trail"): ("audit.trail_read",),
    ("audit", "withdraw"): "positions; with its options as the REST routes",
    ("retention", "rules", "list"): RULES_ONLY,
    ("retention", "rules", "export"): RULES_ONLY,
    ("retention", "rules", "compare"): RULES_ONLY,
    ("retention", "rules", "import"): "as the REST route; a test of its own tells the story",
    ("retention", "rules", "take-pack"): ("retention.rule_drafted", "retention.rules_taken"),
    ("retention", "rules", "publish"): "as the REST route; it takes a token",
    ("retention", "rules", "refuse"): "as the REST route",
    ("retention", "run"): ("retention.run_ended",),
    ("retention", "runs"): "counts, codes and ids",
    ("retention", "confirm-date"): "as the REST route; it takes a token",
    ("retention", "let-through"): "as the REST route; it takes a token",
    ("retention", "documents"): "rules, jobs, settings and counts, and nobody's name",
    ("user", "add"): ("person.added", "grant.begun"),
    ("user", "list"): ("person.listed",),
    ("token", "create"): ("token.made",),
    ("setup", "close"): ("setup.closed",),
}


DISPOSING: dict[tuple[str, ...], tuple[str, tuple[str, ...]]] = {
    ("hold", "list"): ("officer", ()),
    ("hold", "show"): ("officer", ("{hold}",)),
    ("hold", "release"): ("officer", ("{hold}", "--reason", "settled")),
    ("retention", "explain"): ("clerk", ("{record}",)),
    ("retention", "simulate"): ("manager", ("--from-class", "{class}", "--to-class", "contract")),
    ("retention", "terms", "show"): ("auditor", ()),
    ("retention", "terms", "set"): ("manager", ("--quorum", "2")),
    ("retention", "dispositions", "list"): ("auditor", ()),
    ("retention", "dispositions", "show"): ("auditor", ("{proposed}",)),
    ("retention", "dispositions", "decide"): ("second_manager", ("{proposed}", "destroy")),
    ("retention", "dispositions", "submit"): ("second_manager", ("{decided}",)),
    ("retention", "dispositions", "undo"): ("manager", ("{approved}",)),
    ("retention", "packages", "list"): ("auditor", ()),
    ("retention", "packages", "take"): ("porter", ("{package}", "--out", "{out}")),
    ("retention", "packages", "acknowledge"): (
        "manager",
        ("{taken}", "--archive", "City archive", "--reference", "Acc. 1", "--on", "{day}", "--sha256", "{digest}"),
    ),
    ("retention", "packages", "end"): ("manager", ("{package}",)),
    ("retention", "keepings", "list"): ("auditor", ()),
    ("retention", "keepings", "end"): ("manager", ("{keeping}", "--reason", "not of value")),
    ("retention", "certificates", "list"): ("auditor", ()),
    ("retention", "copies", "list"): ("auditor", ("--state", "all")),
    ("retention", "copies", "settle"): ("manager", ("{copy}",)),
    ("retention", "wrong-uploads", "list"): ("clerk", ()),
    ("retention", "wrong-uploads", "refuse"): ("clerk", ("{withdrawn}",)),
    ("hold", "place"): (
        "officer",
        ("Another", "--reason", "A claim", "--authority", "312 O 44/26", "--review", "{review}", "--class", "{class}",
         "--years", "{year}"),
    ),
}  # fmt: skip
"""Who gives which of the commands on holds and batches, with which words."""


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
        ("retention", "run"): ("--now",),
        ("retention", "rules", "take-pack"): ("AT",),
    }
    return (*command, *rest.get(command, ()))


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "command",
    [name for name, row in COMMANDS.items() if not isinstance(row, str) and name not in DISPOSING],
    ids=" ".join,
)
def test_a_command_writes_what_it_says(
    folder: tuple[Path, UUID, Path], monkeypatch: pytest.MonkeyPatch, cli: Cli, command: tuple[str, ...]
) -> None:
    data, found, file = folder
    name = "boss" if command[0] in ("user", "setup", "reindex") or command[-1] == "rotate-key" else "clerk"
    name = "auditor" if command in (("audit", "export"), ("audit", "trail")) else name
    name = "boss" if command in (("audit", "rotate-key"), ("retention", "run")) else name
    name = "manager" if command == ("retention", "rules", "take-pack") else name
    before = _events(data)
    if command == ("reconcile",):
        _spoil_index(data)
        before = _events(data)
    with opening(monkeypatch) as opened:
        answer = _run(cli, data, name, _words(command, found, file))
    assert answer.code == 0 or command == ("reconcile",), answer.err
    assert _unnamed(data, opened, len(before)) == {}
    after = _events(data)[len(before) :]
    expected = COMMANDS[command]
    assert set(expected) <= {action for action, _ in after}
    told = [details["keys"] for action, details in after if action == "key.unwraps_counted"]
    assert not [key for keys in told for key in keys if key.endswith("_unlogged")]


@pytest.fixture(scope="module")
def disposing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with a hold and with batches of every stage, and the ids of all of it."""
    data = tmp_path_factory.mktemp("disposing") / "data"
    depot = Depot.open(data)
    ids, run = dict[str, str](), depot.run
    for stage in ("approved", "decided", "proposed"):
        [found] = depot.file(f"Invoice {stage}")
        made = depot.approved() if stage == "approved" else depot.propose()
        assert made is not None
        if stage == "decided":
            depot.decide(made, by="second_manager")
        ids |= {stage: str(made), "record": str(found), "class": CLASS, "year": str(LONG_AGO.year)}
    _held(depot, "contract")
    told, manager = {"disclosed_at": depot.now, "at": depot.now, "keys": run.keys}, depot.by("manager")
    for name in ("copy", "another"):
        with run.main.write() as session:
            ids[name] = str(disclosure.note(session, found, "paper", "Tax adviser", by=manager, **told).id)
    for name in ("withdrawn", "another"):
        wrong, clerk = depot.receive("A wrong upload"), depot.by("clerk")
        with run.main.write() as session:
            made = withdrawal.ask(session, wrong, "wrong firm", by=clerk, at=depot.now, keys=run.keys)
        ids[name] = str(made)
    ids |= _packed(depot, data.parent)
    with run.main.read() as session:
        ids["hold"] = str(session.scalars(select(Hold.id)).one())
    depot.archive.settle()
    depot.close()
    return data, ids


def _packed(depot: Depot, folder: Path) -> dict[str, str]:
    """Packages for an archive, one of them taken away, and a permanent keeping whose end somebody has asked for."""
    packages.reader(depot)
    wait, taken = packages.made(depot, "transfer"), packages.made(depot, "transfer")
    with depot.run.main.write() as session:
        package.note_taken(session, taken.id, by=depot.by("porter"), at=depot.now)
    kept, asked = (packages.kept_one(depot) for _ in range(2))
    with depot.run.main.write() as session:
        keeping.ask_end(session, asked, "not of value", by=depot.by("manager"), at=depot.now, keys=depot.run.keys)
    assert taken.sha256 is not None
    return {
        "package": str(wait.id),
        "taken": str(taken.id),
        "digest": taken.sha256.hex(),
        "day": depot.today.isoformat(),
        "keeping": str(kept),
        "out": str(folder / "package.zip"),
    }


@pytest.mark.sqlite
@pytest.mark.parametrize("command", DISPOSING, ids=" ".join)
def test_a_command_of_disposition_writes_what_it_says(
    disposing: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch, cli: Cli, command: tuple[str, ...]
) -> None:
    data, ids = disposing
    name, words = DISPOSING[command]
    review = (datetime.now(UTC) + timedelta(days=60)).date().isoformat()
    before = _events(data)
    with opening(monkeypatch) as opened:
        answer = _run(cli, data, name, (*command, *(word.format(review=review, **ids) for word in words)))
    assert answer.code == 0, answer.err
    assert _unnamed(data, opened, len(before)) == {}
    after = [action for action, _ in _events(data)[len(before) :]]
    expected = COMMANDS[command]
    if isinstance(expected, str):
        assert not [action for action in after if action != "key.unwraps_counted"], f"it is said to show {expected}"
    else:
        assert set(expected) <= set(after)


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


def _unnamed(data: Path, opened: dict[UUID, set[str]], after: int) -> dict[str, set[str]]:
    """Sealed words of these that no entry behind the first ``after`` names."""
    main, log = (databases.open_line(data / "db", line) for line in ("main", "log"))
    try:
        with main.read() as session:
            kinds = kinds_of(session, opened)
        with log.read() as session:
            entries = [trail.entry(session, seq) for seq in range(after, session.get_one(AuditHead, 1).size)]
    finally:
        main.close()
        log.close()
    return unnamed(opened, kinds, named_by(entries))


def _spoil_index(data: Path) -> None:
    """Have the index forget: the rows say that its records are newer than it knows."""
    databases.tamper(data / "db", "main", [("UPDATE records SET revision = revision + 1", ())])


@pytest.mark.sqlite
def test_settings_that_differ_at_a_start_are_named_in_the_log(tmp_path: Path) -> None:
    for settings in ({}, {}, {"time_zone": "Europe/Vienna"}):
        prepare(Settings(data=tmp_path / "data", port=0, **settings))
    told = [details for action, details in _events(tmp_path / "data") if action == "settings.taken_up"]
    assert told == [{}, {"changed": ["time_zone"]}]
