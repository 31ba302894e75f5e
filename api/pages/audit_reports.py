"""Audit: reports about one person's reading. Asked for with a reason, confirmed by another, then open for two weeks."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import directory, entities, people, person_reports
from accounts.person_reports import REASONS, ReportsOff
from api.deps import AuditReader, Now, PersonReader, ReportDecider, RequestId, Run, WriteSession
from api.i18n import gettext as _
from api.pages.audit_trail import day_of, rows_of, start_of, zone_of
from api.pages.frame import departments_of
from api.pages.show import Form, go, page, page_router
from api.rest.person_reports import lawful_basis
from api.rest.trail import oversight_of
from core.errors import Conflict, Invalid, NotFound

router = page_router()


@router.get("/audit/reports")
def list_reports(
    request: Request,
    by: PersonReader,
    run: Run,
    now: Now,
    request_id: RequestId,
    done: Annotated[str, Query(max_length=20)] = "",
    wrong: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The reports one knows of, the form to ask for one, and the second person's buttons."""
    lawful, off = lawful_basis(run.settings), ""
    try:
        person_reports.require_on(lawful, now.date())
    except ReportsOff as error:
        off = error.detail
    with run.main.read() as session:
        rows = person_reports.visible(session, by=by)
        everybody = {row.person for row, _d in rows} | {row.asked_by for row, _d in rows}
        names = people.reveal_names(session, everybody, run.keys)
        directory.note_shown(run.log, sorted(everybody), by=by, at=now, request=request_id)
        firms = [(row.id, row.name) for row in entities.everything(session) if by.may("audit.read", entity=row.id)]
    return page(
        request,
        "audit_reports.html",
        rows=[
            (
                row,
                decision,
                names.get(row.person, _("Erased person")),
                names.get(row.asked_by, _("Erased person")),
                by.id != row.asked_by and by.may("report.decide", entity=row.entity),
                decision is not None and decision.confirmed and now < decision.decided_at + person_reports.READABLE,
            )
            for row, decision in rows
        ],
        reason=reason,
        reasons=[(code, reason(code)) for code in REASONS],
        firms=firms,
        lawful=lawful,
        off=off,
        may_ask=by.may("audit.read") and not off,
        oversees=by.may("audit.read"),
        done=done,
        wrong=wrong,
    )


@router.post("/audit/reports")
def ask(by: AuditReader, run: Run, now: Now, given: Form) -> Response:
    """Ask for a report."""
    with run.main.read() as session:
        zone = zone_of(session, run, by)
        person = people.find_by_name(session, given.text("person"), run.keys) if given.text("person") else None
        firm = given.id("entity") or next(
            (row.id for row in entities.everything(session) if by.may("audit.read", entity=row.id)), None
        )
    since, until = day_of(given.text("from")), day_of(given.text("to"))
    if person is None or firm is None or since is None or until is None:
        return go("/audit/reports", wrong="person" if person is None else "days")
    try:
        with run.main.write() as session:
            person_reports.ask(
                session,
                person,
                firm,
                start_of(since, zone),
                start_of(until + timedelta(days=1), zone),
                given.text("reason"),
                given.text("reference"),
                lawful=lawful_basis(run.settings),
                by=by,
                at=now,
            )
    except NotFound:
        return go("/audit/reports", wrong="person")
    except Invalid:
        return go("/audit/reports", wrong="days")
    return go("/audit/reports", done="asked")


@router.post("/audit/reports/{report_id}/decision")
def decide(session: WriteSession, report_id: UUID, by: ReportDecider, now: Now, given: Form) -> Response:
    """The second person's word."""
    confirmed = given.text("word") == "confirm"
    person_reports.decide(session, report_id, confirmed=confirmed, by=by, at=now)
    return go("/audit/reports", done="confirmed" if confirmed else "refused")


@router.get("/audit/reports/{report_id}")
def show_report(
    request: Request,
    report_id: UUID,
    by: AuditReader,
    run: Run,
    request_id: RequestId,
    before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
) -> Response:
    """What the person read, while the report is open."""
    row = found = None
    wrong = ""
    try:
        row, found = oversight_of(run).person_report(
            report_id, lawful=lawful_basis(run.settings), by=by, request=request_id, before=before
        )
    except (Conflict, ReportsOff) as error:
        wrong = error.detail
    with run.main.read() as session:
        places = departments_of(session, by)
        name = people.reveal_names(session, [row.person], run.keys).get(row.person, "") if row is not None else ""
    following = found.found.next if found is not None else None
    return page(
        request,
        "audit_report.html",
        status=409 if wrong else 200,
        row=row,
        name=name or _("Erased person"),
        rows=rows_of(found, by, places) if found is not None else [],
        more=f"/audit/reports/{report_id}?before={following}" if following is not None else "",
        reason=reason,
        wrong=wrong,
    )


def reason(code: str) -> str:
    """Why a report is needed."""
    return {
        "security_incident": _("Security incident"),
        "leak": _("Content got out"),
        "suspected_misuse": _("Suspected misuse"),
        "legal_claim": _("Legal claim"),
        "authority_request": _("An authority asked"),
    }.get(code, code)
