"""Every route states a permission, and gives what it gives to nobody without it.

The routes are those of the application, not of a list here: a new REST route fails these
tests until it has a row in ``REQUESTS``, which shows it succeeding for somebody.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.routing import APIRoute

from accounts.permissions import PERMISSIONS, ROLE_PERMISSIONS
from api.deps import ANYBODY, LOOPBACK_OR, OPEN_LOG_OR, SIGNED_IN, permission_of
from api.rest import routes
from app import simulating
from audit.withdrawal import WithdrawalRequest
from core.clock import civil_date
from retention import run, simulation
from retention.clock_guard import ClockState
from retention.run import Stop
from tests.support import office_disposing, office_packages
from tests.support.app import ROLES, STRANGER, Office, form_of

Request = tuple[str, dict[str, Any]]
V1 = "/api/v1"
REST = [route for route in routes() if isinstance(route, APIRoute)]


def _new_record(office: Office) -> str:
    return str(office.upload(uuid4().bytes, "bytes.bin", class_="supplier_invoice")["id"])


def _read_record(office: Office) -> str:
    return str(office.client("clerk").get(f"{V1}/search?q=Zebrafink").json()["items"][0]["id"])


def _about_record(suffix: str = "", **arguments: Any) -> Callable[[Office], Request]:
    return lambda office: (f"{V1}/records/{_read_record(office)}{suffix}", arguments)


def _change(office: Office) -> Request:
    record = _new_record(office)
    tag = office.client("clerk").get(f"{V1}/records/{record}").headers["etag"]
    return f"{V1}/records/{record}", {"json": {"class": "receipt"}, "headers": {"If-Match": tag}}


def _component(office: Office) -> Request:
    invoice = b"%PDF"  # The component is added below the door, since reading one takes a whole e-invoice.
    record = office.upload(invoice, "invoice.pdf", class_="supplier_invoice")["id"]
    return f"{V1}/records/{record}/components/{office.add_component(UUID(record))}", {}


def _case_file(office: Office) -> str:
    body = {
        "entity": str(office.entity),
        "kind": "supplier",
        "number": f"S-{uuid4().hex[:8]}",
        "name": "Acme",
        "opened_on": "2026-01-02",
    }
    return str(office.client("clerk").post(f"{V1}/case-files", json=body).json()["id"])


def _opening(office: Office) -> Request:
    number = f"S-{uuid4().hex[:8]}"
    body = {"entity": str(office.entity), "kind": "supplier", "number": number, "name": "A", "opened_on": "2026-01-02"}
    return f"{V1}/case-files", {"json": body}


def _person(office: Office) -> str:
    answer = office.client("admin").post(f"{V1}/people", json={"sign_in_name": f"p{uuid4().hex[:10]}"})
    return str(answer.json()["id"])


def _suspended(office: Office) -> Request:
    person = _person(office)
    assert office.client("admin").put(f"{V1}/people/{person}/suspension").status_code == 204
    return f"{V1}/people/{person}/suspension", {}


def _proposal(office: Office) -> Request:
    return f"{V1}/people/{_person(office)}/grants", {"json": {"role": "auditor", "entity": str(office.entity)}}


def _request_for_grant(office: Office) -> str:
    path, arguments = _proposal(office)
    return str(office.client("admin").post(path, **arguments).json()["id"])


def _grant(office: Office) -> str:
    answer = office.client("officer").post(f"{V1}/grant-requests/{_request_for_grant(office)}/confirmation")
    return str(answer.json()["id"])


def _token(office: Office) -> Request:
    made = office.client("clerk").post(f"{V1}/me/tokens", json={"scopes": ["read"]})
    return f"{V1}/me/tokens/{made.json()['id']}", {}


def _report_asked(office: Office) -> Request:
    body = {
        "person": str(office.people["clerk"]),
        "entity": str(office.entity),
        "from": "2026-11-01T00:00:00Z",
        "to": "2026-12-01T00:00:00Z",
        "reason": "leak",
        "reference": "CASE-1",
    }
    return f"{V1}/audit/person-reports", {"json": body}


def _report(office: Office) -> str:
    path, arguments = _report_asked(office)
    return str(office.client("auditor").post(path, **arguments).json()["id"])


def _report_confirmed(office: Office) -> Request:
    path = f"{V1}/audit/person-reports/{_report(office)}"
    assert office.client("officer").post(f"{path}/decision", json={"confirmed": True}).status_code == 200
    return f"{path}/entries", {}


def _withdrawal(office: Office) -> str:
    """One that waits, as if somebody had asked when there was something to withdraw."""
    row = WithdrawalRequest(
        id=uuid4(),
        below=512,
        entries=256,
        years=11,
        asked_by=office.people["dpo"],
        asked_at=office.runtime.clock.now(),
        state="pending",
    )
    with office.runtime.log_database.write() as session:
        session.add(row)
        return str(row.id)


def _scope_asked(office: Office, person: str = "auditor") -> Request:
    year = office.runtime.clock.now().year
    body = {
        "person": str(office.people[person]),
        "entity": str(office.entity),
        "classes": ["accounting"],
        "first_year": year - 1,
        "last_year": year + 1,
        "reference": "PA-2026/7",
        "until": (office.runtime.clock.now() + timedelta(days=30)).isoformat(),
    }
    return f"{V1}/scopes", {"json": body}


def _scope(office: Office) -> str:
    path, arguments = _scope_asked(office)
    return str(office.client("admin").post(path, **arguments).json()["id"])


def _scope_confirmed(office: Office) -> str:
    path = f"{V1}/scopes/{_scope(office)}"
    assert office.client("officer").post(f"{path}/decision", json={"confirmed": True}).status_code == 200
    return path


def _scoped_list(office: Office) -> Request:
    _new_record(office)
    return f"{_scope_confirmed(office)}/records", {}


def _scoped_content(office: Office) -> Request:
    record = _new_record(office)
    return f"{_scope_confirmed(office)}/records/{record}/content", {}


def _scoped_export(office: Office) -> Request:
    _new_record(office)
    return f"{_scope_confirmed(office)}/export", {}


def _stopped_run(office: Office) -> Request:
    stops, scope = [Stop(office.entity, "invoice", 60, 80, 50)], uuid4().bytes * 2
    now = office.runtime.clock.now()
    with office.runtime.main.write() as session:
        row = run.begin(session, run.EXECUTE, round_=uuid4(), how="night", at=now)
        run.end(session, row.id, state="stopped", counts={}, skipped={}, stops=stops, scope=scope, at=now)
        return f"{V1}/retention/runs/{row.id}/leave", {}


def _doubted_clock(office: Office) -> Request:
    now = office.runtime.clock.now()
    with office.runtime.main.write() as session:
        state = session.get(ClockState, 1) or ClockState(id=1, seen_at=now, position=0)
        state.doubt, state.trusted_at, state.shown_at = "gap", now - timedelta(days=9), now
        session.add(state)
    today = civil_date(now, office.runtime.settings.time_zone)
    return f"{V1}/retention/clock/confirmation", {"json": {"date": today.isoformat()}}


def _document(office: Office) -> Request:
    return f"{V1}/retention/documents/deletion-concept?entity={office.entity}", {}


def _hold_asked(office: Office, record: str = "") -> Request:
    scope: dict[str, Any] = {"kind": "classes", "classes": ["whistleblower_report"]}
    scope |= {"first_year": 2001, "last_year": 2002}
    if record:
        scope = {"kind": "records", "records": [record]}
    review_on = (office.runtime.clock.now() + timedelta(days=90)).date().isoformat()
    words = {"title": "A matter", "reason": "A claim", "authority": "312 O 44/26", "review_on": review_on}
    return f"{V1}/holds", {"json": {"entity": str(office.entity), "scope": scope, **words}}


def _hold_counted(office: Office) -> Request:
    _path, arguments = _hold_asked(office)
    wanted = {name: arguments["json"][name] for name in ("entity", "scope")}
    return f"{V1}/holds/preview", {"json": wanted}


def _hold(office: Office, record: str = "") -> str:
    path, arguments = _hold_asked(office, record)
    return f"{path}/{office.client('officer').post(path, **arguments).json()['id']}"


def _hold_release(office: Office) -> Request:
    return f"{_hold(office)}/release", {"json": {"reason": "settled"}}


def _hold_release_asked(office: Office) -> Request:
    path, arguments = _hold_release(office)
    assert office.client("manager").post(path, **arguments).status_code == 200
    return f"{path}/decision", {"json": {"confirmed": True}}


def _hold_review(office: Office) -> Request:
    day = (office.runtime.clock.now() + timedelta(days=200)).date().isoformat()
    return f"{_hold(office)}/review", {"json": {"review_on": day}}


def _regime_wanted(office: Office, regime: str = "intermediate", record: str = "") -> Request:
    wanted = {"record": record or _new_record(office), "regime": regime, "reason": "No longer in use"}
    return f"{V1}/regime-changes", {"json": wanted}


def _regime_to_open(office: Office) -> Request:
    record = str(_new_record(office))
    path, arguments = _regime_wanted(office, record=record)
    assert office.client("officer").post(path, **arguments).status_code == 201
    path, arguments = _regime_wanted(office, "active", record)
    asked = office.client("manager").post(path, **arguments).json()
    return f"{path}/{asked['id']}/decision", {"json": {"confirmed": True}}


def _regime_reader(office: Office) -> Request:
    until = (office.runtime.clock.now() + timedelta(days=30)).isoformat()
    named = {"regime": "blocked", "person": str(office.people["hr"]), "until": until, "reason": "Answers the court"}
    return f"{V1}/regime-readers", {"json": {"entity": str(office.entity)} | named}


def _regime_reader_asked(office: Office) -> str:
    path, arguments = _regime_reader(office)
    return f"{path}/{office.client('manager').post(path, **arguments).json()['id']}"


def _regime_reader_named(office: Office) -> Request:
    path = _regime_reader_asked(office)
    decided = office.client("officer").post(f"{path}/decision", json={"confirmed": True})
    assert decided.status_code == 200
    return path, {}


def _hold_notice(office: Office) -> Request:
    return f"{_hold(office)}/notices", {"json": {"people": [str(office.people["clerk"])], "text": "Keep it."}}


def _notice_given(office: Office) -> tuple[str, str]:
    """Where the notices of its hold are, and its id."""
    path, arguments = _hold_notice(office)
    return path, str(office.client("officer").post(path, **arguments).json()["id"])


def _notice_to_acknowledge(office: Office) -> Request:
    return f"{V1}/me/notices/{_notice_given(office)[1]}/acknowledgement", {}


def _rule_to_draft(office: Office) -> Request:
    body = {
        "entity": str(office.entity),
        "code": f"r-{uuid4().hex[:10]}",
        "jurisdiction": "DE",
        "class": "cctv_recording",
        "trigger": "recorded",
        "anchor": "event_date",
        "period": "P3D",
        "bound": "guidance",
        "action": "review",
        "legal_basis": "GDPR Art. 5(1)(e)",
    }
    return f"{V1}/retention/rules", {"json": body}


def _drafted_rule(office: Office) -> str:
    path, arguments = _rule_to_draft(office)
    return str(office.client("manager").post(path, **arguments).json()["id"])


def _simulated(office: Office, *versions: str, kind: simulation.Kind = "rules") -> dict[str, Any]:
    """The words of an officer who has looked at what these versions would do."""
    by, now = office.principal("manager"), office.runtime.clock.now()
    with office.runtime.main.write() as session:
        ids = [UUID(each) for each in versions]
        made = simulation.ask(session, office.entity, kind, versions=ids, by=by, at=now, with_job=False).id
    simulating.simulate(office.runtime, made)
    return {"json": {"simulation": str(made)}}


def _rule_to_publish(office: Office) -> Request:
    version = _drafted_rule(office)
    return f"{V1}/retention/rules/{version}/publication", _simulated(office, version)


def _about_draft(suffix: str = "", **arguments: Any) -> Callable[[Office], Request]:
    return lambda office: (f"{V1}/retention/rules/{_drafted_rule(office)}{suffix}", arguments)


def _published_rule(office: Office) -> str:
    path, arguments = _rule_to_publish(office)
    answer = office.client("officer").post(path, **arguments)
    assert answer.status_code == 200, answer.text
    return path.removesuffix("/publication")


def _rule_to_retire(office: Office) -> Request:
    path = _published_rule(office)
    assert office.client("manager").post(f"{path}/retirement-request").status_code == 200
    return f"{path}/retirement", _simulated(office, path.rpartition("/")[2], kind="retire")


def _rule_file(office: Office) -> Request:
    _path, arguments = _rule_to_draft(office)
    fields = {key: value for key, value in arguments["json"].items() if key != "entity"}
    fields["record_class"] = fields.pop("class")
    text = ",".join(fields) + "\n" + ",".join(fields.values()) + "\n"
    return f"{V1}/retention/rules/file", {"json": {"entity": str(office.entity), "format": "csv", "text": text}}


def _rule_batch(office: Office) -> Request:
    path, arguments = _rule_file(office)
    batch = office.client("manager").post(path, **arguments).json()["batch"]
    drafts = office.client("manager").get(f"{V1}/retention/rules?state=draft").json()["items"]
    ids = [each["id"] for each in drafts if each["batch"] == batch]
    return f"{V1}/retention/rules/batches/{batch}/publication", _simulated(office, *ids)


def _rule_review(office: Office) -> Request:
    day = (office.runtime.clock.now() + timedelta(days=300)).date().isoformat()
    return f"{_published_rule(office)}/reviews", {"json": {"due_on": day, "owner": "Head of accounting"}}


def _pack(office: Office) -> Request:
    return f"{V1}/retention/packs/RO", {"json": {"entity": str(office.entity)}}


def _two_versions(office: Office) -> Request:
    version = _drafted_rule(office)
    return f"{V1}/retention/rules/{version}/comparison?other={version}", {}


def _class_to_simulate(office: Office) -> Request:
    body = {"entity": str(office.entity), "kind": "class", "from_class": "supplier_invoice", "to_class": "contract"}
    return f"{V1}/retention/simulations", {"json": body}


def _simulation(suffix: str = "") -> Callable[[Office], Request]:
    def build(office: Office) -> Request:
        path, arguments = _class_to_simulate(office)
        made = office.client("manager").post(path, **arguments).json()["id"]
        simulating.simulate(office.runtime, UUID(made))
        return f"{path}/{made}{suffix}", {}

    return build


def _events_to_state(office: Office) -> Request:
    file = office.client("manager").get(f"{V1}/case-files/{_case_file(office)}").json()["number"]
    row = {"holder": "file", "number": file, "event": "case_closed", "day": "2026-06-30"}
    return f"{V1}/retention/triggers", {"json": {"entity": str(office.entity), "statements": [row]}}


def _fact_to_state(office: Office) -> Request:
    return f"{V1}/retention/facts/entity/{office.entity}/sector", {"json": {"value": "bank"}}


def _fixed(path: str, **arguments: Any) -> Callable[[Office], Request]:
    return lambda _: (path, arguments)


REQUESTS: dict[tuple[str, str], tuple[str, Callable[[Office], Request]]] = {
    ("POST", f"{V1}/records"): ("clerk", _fixed(f"{V1}/records", files=form_of(b"x", "x.txt"))),
    ("PUT", f"{V1}/uploads"): ("clerk", _fixed(f"{V1}/uploads", content=b"x")),
    ("POST", f"{V1}/records/{{record_id}}/versions"): (
        "clerk",
        lambda office: (f"{V1}/records/{_new_record(office)}/versions", {"content": b"better"}),
    ),
    ("GET", f"{V1}/records"): ("clerk", _fixed(f"{V1}/records")),
    ("GET", f"{V1}/records/{{record_id}}"): ("clerk", _about_record()),
    ("PATCH", f"{V1}/records/{{record_id}}"): ("clerk", _change),
    ("POST", f"{V1}/records/{{record_id}}/reading"): (
        "clerk",
        lambda office: (f"{V1}/records/{_new_record(office)}/reading", {}),
    ),
    ("GET", f"{V1}/records/{{record_id}}/history"): ("clerk", _about_record("/history")),
    ("HEAD", f"{V1}/records/{{record_id}}/content"): ("clerk", _about_record("/content")),
    ("GET", f"{V1}/records/{{record_id}}/content"): ("clerk", _about_record("/content")),
    ("GET", f"{V1}/records/{{record_id}}/components/{{component_id}}"): ("clerk", _component),
    ("GET", f"{V1}/records/{{record_id}}/text"): ("clerk", _about_record("/text")),
    ("GET", f"{V1}/records/{{record_id}}/pages/{{number}}.png"): ("clerk", _about_record("/pages/1.png?width=240")),
    ("GET", f"{V1}/records/{{record_id}}/pages/{{number}}"): ("clerk", _about_record("/pages/1")),
    ("GET", f"{V1}/records/{{record_id}}/thumbnail.png"): ("clerk", _about_record("/thumbnail.png")),
    ("GET", f"{V1}/search"): ("clerk", _fixed(f"{V1}/search?q=Zebrafink")),
    ("GET", f"{V1}/suggest"): ("clerk", _fixed(f"{V1}/suggest?q=ze")),
    ("GET", f"{V1}/record-classes"): ("auditor", _fixed(f"{V1}/record-classes")),
    ("GET", f"{V1}/entities"): ("auditor", _fixed(f"{V1}/entities")),
    ("GET", f"{V1}/departments"): ("auditor", _fixed(f"{V1}/departments")),
    ("GET", f"{V1}/case-files"): ("clerk", _fixed(f"{V1}/case-files")),
    ("POST", f"{V1}/case-files"): ("clerk", _opening),
    ("GET", f"{V1}/case-files/{{case_file_id}}"): (
        "clerk",
        lambda office: (f"{V1}/case-files/{_case_file(office)}", {}),
    ),
    ("PUT", f"{V1}/case-files/{{case_file_id}}/access/{{person_id}}"): (
        "clerk",
        lambda office: (f"{V1}/case-files/{_case_file(office)}/access/{office.people['hr']}", {}),
    ),
    ("DELETE", f"{V1}/case-files/{{case_file_id}}/access/{{person_id}}"): (
        "clerk",
        lambda office: (f"{V1}/case-files/{_case_file(office)}/access/{office.people['hr']}", {}),
    ),
    ("PUT", f"{V1}/case-files/{{case_file_id}}/triggers/{{trigger}}"): (
        "clerk",
        lambda office: (
            f"{V1}/case-files/{_case_file(office)}/triggers/contract_end",
            {"json": {"happened_on": "2026-06-30"}},
        ),
    ),
    ("GET", f"{V1}/people"): ("admin", _fixed(f"{V1}/people")),
    ("POST", f"{V1}/people"): (
        "admin",
        lambda _: (f"{V1}/people", {"json": {"sign_in_name": f"n{uuid4().hex[:10]}"}}),
    ),
    ("PUT", f"{V1}/people/{{person_id}}/suspension"): (
        "admin",
        lambda office: (f"{V1}/people/{_person(office)}/suspension", {}),
    ),
    ("DELETE", f"{V1}/people/{{person_id}}/suspension"): ("admin", _suspended),
    ("GET", f"{V1}/grant-requests"): ("officer", _fixed(f"{V1}/grant-requests")),
    ("POST", f"{V1}/people/{{person_id}}/grants"): ("admin", _proposal),
    ("POST", f"{V1}/grant-requests/{{grant_request_id}}/confirmation"): (
        "officer",
        lambda office: (f"{V1}/grant-requests/{_request_for_grant(office)}/confirmation", {}),
    ),
    ("DELETE", f"{V1}/grant-requests/{{grant_request_id}}"): (
        "officer",
        lambda office: (f"{V1}/grant-requests/{_request_for_grant(office)}", {}),
    ),
    ("DELETE", f"{V1}/grants/{{grant_id}}"): ("admin", lambda office: (f"{V1}/grants/{_grant(office)}", {})),
    ("GET", f"{V1}/grants/due"): ("auditor", _fixed(f"{V1}/grants/due")),
    ("POST", f"{V1}/grants/{{grant_id}}/sign-off"): (
        "officer",
        lambda office: (f"{V1}/grants/{_grant(office)}/sign-off", {"json": {"kept": True}}),
    ),
    ("GET", f"{V1}/me"): ("dpo", _fixed(f"{V1}/me")),
    ("GET", f"{V1}/me/tokens"): ("dpo", _fixed(f"{V1}/me/tokens")),
    ("POST", f"{V1}/me/tokens"): ("dpo", _fixed(f"{V1}/me/tokens", json={"scopes": ["audit"]})),
    ("DELETE", f"{V1}/me/tokens/{{token_id}}"): ("clerk", _token),
    ("GET", f"{V1}/audit/checkpoint"): ("auditor", _fixed(f"{V1}/audit/checkpoint")),
    ("GET", f"{V1}/audit/tile/entries/{{path:path}}"): ("auditor", _fixed(f"{V1}/audit/tile/entries/000.p/2")),
    ("GET", f"{V1}/audit/tile/{{path:path}}"): ("auditor", _fixed(f"{V1}/audit/tile/0/000.p/2")),
    ("GET", f"{V1}/audit/consistency"): ("auditor", _fixed(f"{V1}/audit/consistency?from=1")),
    ("GET", f"{V1}/audit/proof/{{seq}}"): ("auditor", _fixed(f"{V1}/audit/proof/1")),
    ("GET", f"{V1}/audit/witnessed"): ("auditor", _fixed(f"{V1}/audit/witnessed")),
    ("GET", f"{V1}/audit/timestamps"): ("auditor", _fixed(f"{V1}/audit/timestamps")),
    ("GET", f"{V1}/audit/seals"): ("auditor", _fixed(f"{V1}/audit/seals")),
    ("GET", f"{V1}/audit/trail"): ("auditor", _fixed(f"{V1}/audit/trail?action=record.captured")),
    ("GET", f"{V1}/audit/trail/{{seq}}"): ("auditor", _fixed(f"{V1}/audit/trail/1")),
    ("GET", f"{V1}/audit/sample"): (
        "auditor",
        lambda office: (f"{V1}/audit/sample?entity={office.entity}&class=supplier_invoice&year=2025&count=5", {}),
    ),
    ("GET", f"{V1}/me/file-accesses"): ("clerk", _fixed(f"{V1}/me/file-accesses")),
    ("GET", f"{V1}/audit/person-reports"): ("auditor", _fixed(f"{V1}/audit/person-reports")),
    ("POST", f"{V1}/audit/person-reports"): ("auditor", _report_asked),
    ("POST", f"{V1}/audit/person-reports/{{report_id}}/decision"): (
        "officer",
        lambda office: (f"{V1}/audit/person-reports/{_report(office)}/decision", {"json": {"confirmed": True}}),
    ),
    ("GET", f"{V1}/audit/person-reports/{{report_id}}/entries"): ("auditor", _report_confirmed),
    ("GET", f"{V1}/scopes"): ("auditor", _fixed(f"{V1}/scopes")),
    ("POST", f"{V1}/scopes"): ("admin", _scope_asked),
    ("POST", f"{V1}/scopes/{{scope_id}}/decision"): (
        "officer",
        lambda office: (f"{V1}/scopes/{_scope(office)}/decision", {"json": {"confirmed": True}}),
    ),
    ("DELETE", f"{V1}/scopes/{{scope_id}}"): ("auditor", lambda office: (_scope_confirmed(office), {})),
    ("GET", f"{V1}/scopes/{{scope_id}}/records"): ("auditor", _scoped_list),
    ("GET", f"{V1}/scopes/{{scope_id}}/records/{{record_id}}/content"): ("auditor", _scoped_content),
    ("POST", f"{V1}/scopes/{{scope_id}}/export"): ("auditor", _scoped_export),
    ("GET", f"{V1}/holds"): ("auditor", lambda office: (_hold(office).rpartition("/")[0], {})),
    ("POST", f"{V1}/holds/preview"): ("officer", _hold_counted),
    ("POST", f"{V1}/holds"): ("officer", _hold_asked),
    ("GET", f"{V1}/holds/{{hold_id}}"): ("auditor", lambda office: (_hold(office), {})),
    ("GET", f"{V1}/holds/{{hold_id}}/records"): (
        "auditor",
        lambda office: (f"{_hold(office, record=_new_record(office))}/records", {}),
    ),
    ("POST", f"{V1}/holds/{{hold_id}}/release"): ("manager", _hold_release),
    ("POST", f"{V1}/holds/{{hold_id}}/release/decision"): ("officer", _hold_release_asked),
    ("POST", f"{V1}/holds/{{hold_id}}/review"): ("manager", _hold_review),
    ("GET", f"{V1}/holds/{{hold_id}}/notices"): ("dpo", lambda office: (_notice_given(office)[0], {})),
    ("POST", f"{V1}/holds/{{hold_id}}/notices"): ("officer", _hold_notice),
    ("GET", f"{V1}/regime-changes"): (
        "manager",
        lambda office: (_regime_to_open(office) and f"{V1}/regime-changes", {}),
    ),
    ("POST", f"{V1}/regime-changes"): ("officer", _regime_wanted),
    ("POST", f"{V1}/regime-changes/{{change_id}}/decision"): ("officer", _regime_to_open),
    ("GET", f"{V1}/regime-readers"): ("auditor", lambda office: (_regime_reader_asked(office).rpartition("/")[0], {})),
    ("POST", f"{V1}/regime-readers"): ("officer", _regime_reader),
    ("POST", f"{V1}/regime-readers/{{reader_id}}/decision"): (
        "officer",
        lambda office: (f"{_regime_reader_asked(office)}/decision", {"json": {"confirmed": True}}),
    ),
    ("DELETE", f"{V1}/regime-readers/{{reader_id}}"): ("officer", _regime_reader_named),
    ("GET", f"{V1}/me/notices"): ("clerk", lambda office: (_notice_given(office) and f"{V1}/me/notices", {})),
    ("POST", f"{V1}/me/notices/{{notice_id}}/acknowledgement"): ("clerk", _notice_to_acknowledge),
    ("GET", f"{V1}/records/{{record_id}}/holds"): ("clerk", _about_record("/holds")),
    ("GET", f"{V1}/retention/rules"): ("auditor", _fixed(f"{V1}/retention/rules?state=published")),
    ("POST", f"{V1}/retention/rules"): ("manager", _rule_to_draft),
    ("GET", f"{V1}/retention/rules/file"): ("auditor", _fixed(f"{V1}/retention/rules/file?format=csv")),
    ("POST", f"{V1}/retention/rules/file"): ("manager", _rule_file),
    ("GET", f"{V1}/retention/rules/comparison"): (
        "dpo",
        _fixed(f"{V1}/retention/rules/comparison?before=2026-01-02"),
    ),
    ("POST", f"{V1}/retention/rules/batches/{{batch}}/publication"): ("officer", _rule_batch),
    ("GET", f"{V1}/retention/rules/{{version_id}}"): ("auditor", _about_draft()),
    ("GET", f"{V1}/retention/rules/{{version_id}}/versions"): ("auditor", _about_draft("/versions")),
    ("GET", f"{V1}/retention/rules/{{version_id}}/comparison"): ("auditor", _two_versions),
    ("POST", f"{V1}/retention/rules/{{version_id}}/publication"): ("officer", _rule_to_publish),
    ("POST", f"{V1}/retention/rules/{{version_id}}/refusal"): ("officer", _about_draft("/refusal")),
    ("POST", f"{V1}/retention/rules/{{version_id}}/retirement-request"): (
        "manager",
        lambda office: (f"{_published_rule(office)}/retirement-request", {}),
    ),
    ("POST", f"{V1}/retention/rules/{{version_id}}/retirement"): ("officer", _rule_to_retire),
    ("POST", f"{V1}/retention/rules/{{version_id}}/reviews"): ("officer", _rule_review),
    ("GET", f"{V1}/retention/packs"): ("auditor", _fixed(f"{V1}/retention/packs")),
    ("POST", f"{V1}/retention/packs/{{country}}"): ("manager", _pack),
    ("GET", f"{V1}/retention/packs/{{country}}/comparison"): ("dpo", _fixed(f"{V1}/retention/packs/DE/comparison")),
    ("GET", f"{V1}/retention/records/{{record_id}}/why"): (
        "clerk",
        lambda office: (f"{V1}/retention/records/{_read_record(office)}/why", {}),
    ),
    ("GET", f"{V1}/retention/triggers"): ("auditor", _fixed(f"{V1}/retention/triggers?state=no_rule")),
    ("POST", f"{V1}/retention/triggers"): ("manager", _events_to_state),
    ("PUT", f"{V1}/retention/facts/{{holder}}/{{subject}}/{{name}}"): ("manager", _fact_to_state),
    ("GET", f"{V1}/retention/simulations"): ("dpo", lambda office: (_simulation()(office)[0].rpartition("/")[0], {})),
    ("POST", f"{V1}/retention/simulations"): ("officer", _class_to_simulate),
    ("GET", f"{V1}/retention/simulations/{{simulation_id}}"): ("auditor", _simulation()),
    ("GET", f"{V1}/retention/simulations/{{simulation_id}}/list"): ("auditor", _simulation("/list")),
    ("GET", f"{V1}/retention/runs"): ("auditor", _fixed(f"{V1}/retention/runs")),
    ("POST", f"{V1}/retention/runs/{{run_id}}/leave"): ("officer", _stopped_run),
    ("POST", f"{V1}/retention/clock/confirmation"): ("officer", _doubted_clock),
    ("GET", f"{V1}/retention/documents/{{code}}"): ("dpo", _document),
    ("GET", f"{V1}/audit/state"): ("auditor", _fixed(f"{V1}/audit/state")),
    ("GET", f"{V1}/audit/seen"): (
        "auditor",
        lambda office: (f"{V1}/audit/seen?record={_read_record(office)}", {}),
    ),
    ("GET", f"{V1}/audit/could-see"): (
        "auditor",
        lambda office: (f"{V1}/audit/could-see?record={_read_record(office)}&day=2026-01-02", {}),
    ),
    ("GET", f"{V1}/audit/role-sees"): (
        "auditor",
        lambda office: (f"{V1}/audit/role-sees?role=records_manager&entity={office.entity}&day=2026-01-02", {}),
    ),
    ("GET", f"{V1}/audit/file-report"): (
        "dpo",
        lambda office: (f"{V1}/audit/file-report?case_file={_case_file(office)}", {}),
    ),
    ("GET", f"{V1}/audit/withdrawn.json"): ("auditor", _fixed(f"{V1}/audit/withdrawn.json")),
    ("GET", f"{V1}/audit/withdrawals"): ("dpo", _fixed(f"{V1}/audit/withdrawals")),
    ("POST", f"{V1}/audit/withdrawals/{{withdrawal_id}}/decision"): (
        "officer",
        lambda office: (f"{V1}/audit/withdrawals/{_withdrawal(office)}/decision", {"json": {"confirmed": False}}),
    ),
    ("POST", f"{V1}/audit/exports"): ("auditor", _fixed(f"{V1}/audit/exports", json={"range": "0..9"})),
    ("GET", "/healthz"): (STRANGER, _fixed("/healthz")),
    ("GET", "/metrics"): (STRANGER, _fixed("/metrics")),
    ("GET", f"{V1}/openapi.json"): (STRANGER, _fixed(f"{V1}/openapi.json")),
    **office_disposing.requests(),
    **office_packages.requests(),
}
UNREADY = {("GET", "/readyz"), ("POST", f"{V1}/audit/withdrawals")}
"""Answers by the state of the installation, not only by who asks: see ``test_api_state``, ``test_log_withdrawal``."""


def _keys() -> list[tuple[str, str]]:
    return [(method, route.path) for route in REST for method in sorted(route.methods or ())]


def test_every_route_of_the_application_states_one_permission(shared_office: Office) -> None:
    known = {*PERMISSIONS, ANYBODY, SIGNED_IN, *(LOOPBACK_OR + each for each in PERMISSIONS)}
    known.add(OPEN_LOG_OR + "audit.verify")
    paths = [route for route in shared_office.app.routes if isinstance(route, APIRoute)]
    silent = [route.path for route in paths if permission_of(route) not in known]
    assert silent == []
    assert len(paths) > len(REST)


def test_nothing_but_routes_with_a_permission_answers(shared_office: Office) -> None:
    others = [route for route in shared_office.app.routes if not isinstance(route, APIRoute)]
    assert others == []


def test_every_rest_route_is_tried() -> None:
    assert set(_keys()) - UNREADY == set(REQUESTS)


@pytest.mark.parametrize(("method", "path"), sorted(REQUESTS), ids=lambda value: re.sub(r"[{}]", "", value))
def test_a_request_succeeds_for_one_role_and_for_none_without_the_permission(
    shared_office: Office, method: str, path: str
) -> None:
    route = next(route for route in REST if route.path == path and method in (route.methods or ()))
    permission = (permission_of(route) or "").removeprefix(OPEN_LOG_OR)
    allowed, build = REQUESTS[method, path]
    address, arguments = build(shared_office)

    if permission not in (ANYBODY, LOOPBACK_OR + "installation.manage"):
        refused = shared_office.client(STRANGER).request(method, address, **arguments)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
    for name, (role, _) in ROLES.items():
        if permission in PERMISSIONS and permission not in ROLE_PERMISSIONS[role]:  # type: ignore[index]
            refused = shared_office.client(name).request(method, address, **arguments)
            assert refused.status_code == 403, name
            if method != "HEAD":
                assert refused.json()["code"] == "not_allowed"

    answer = shared_office.client(allowed).request(method, address, **arguments)
    assert 200 <= answer.status_code < 300, answer.text


@pytest.mark.parametrize(("method", "path"), sorted(REQUESTS), ids=lambda value: re.sub(r"[{}]", "", value))
def test_a_token_reaches_no_farther_than_its_scopes(shared_office: Office, method: str, path: str) -> None:
    route = next(route for route in REST if route.path == path and method in (route.methods or ()))
    permission = (permission_of(route) or "").removeprefix(OPEN_LOG_OR)
    if permission not in PERMISSIONS:
        return
    allowed, build = REQUESTS[method, path]
    address, arguments = build(shared_office)
    others = [scope for scope in ("capture", "read", "audit", "admin") if scope != PERMISSIONS[permission][0]]
    assert shared_office.client(allowed, *others).request(method, address, **arguments).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    sorted(key for key in REQUESTS if "{record_id}" in key[1]),
    ids=lambda value: re.sub(r"[{}]", "", value),
)
def test_a_record_of_another_department_answers_as_one_that_never_was(
    shared_office: Office, method: str, path: str
) -> None:
    address, arguments = REQUESTS[method, path][1](shared_office)
    hidden = shared_office.client("hr").request(method, address, **arguments)
    number = re.search(r"/records/([0-9a-f-]{36})", address)
    assert number is not None
    absent = shared_office.client("hr").request(method, address.replace(number[1], str(uuid4())), **arguments)
    assert (hidden.status_code, absent.status_code) == (404, 404)
    if method != "HEAD":
        assert _without_request(hidden.json()) == _without_request(absent.json())


def _without_request(problem: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in problem.items() if key != "request"}


def test_refusals_of_people_are_in_the_log_and_those_of_strangers_are_not(shared_office: Office) -> None:
    record = _read_record(shared_office)
    before = shared_office.leaves()
    shared_office.client(STRANGER).get(f"{V1}/records/{record}")
    assert shared_office.leaves() == before
    shared_office.client("hr").get(f"{V1}/records/{record}")
    shared_office.client("admin").get(f"{V1}/records/{record}")
    assert shared_office.actions_since(before) == ["record.refused", "request.refused"]
