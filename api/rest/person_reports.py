"""Reports about one person's reading: asked for, confirmed by another, then read. Off without a lawful basis."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, Field

from accounts import person_reports
from accounts.person_reports import LawfulBasis, PersonReport, PersonReportDecision, Reason
from api.deps import AuditReader, Now, PersonReader, ReadSession, ReportDecider, RequestId, Run, WriteSession
from api.rest.parameters import PREFIX, Change, Limit, View
from api.rest.trail import TrailPage, oversight_of, told
from api.routing import Router
from app.settings import Settings

router = Router(prefix=PREFIX, tags=["audit"])


class NewReport(Change):
    """A report asked for."""

    person: UUID
    entity: UUID
    since: AwareDatetime = Field(alias="from")
    until: AwareDatetime = Field(alias="to")
    reason: Reason
    reference: str = Field(max_length=40, description="Of the case it is needed for; never a name.")


class Decision(Change):
    """The second person's word."""

    confirmed: bool


class ReportView(View):
    """A report and how it stands."""

    id: UUID
    person: UUID
    entity: UUID
    since: datetime = Field(alias="from")
    until: datetime = Field(alias="to")
    reason: str
    reference: str
    basis: str
    asked_by: UUID
    asked_at: datetime
    confirmed: bool | None = Field(description="Null while nobody has decided.")
    decided_by: UUID | None
    decided_at: datetime | None

    @classmethod
    def of(cls, row: PersonReport, decision: PersonReportDecision | None) -> "ReportView":
        return cls.model_validate(
            {
                "id": row.id,
                "person": row.person,
                "entity": row.entity,
                "from": row.since,
                "to": row.until,
                "reason": row.reason,
                "reference": row.reference,
                "basis": row.basis,
                "asked_by": row.asked_by,
                "asked_at": row.asked_at,
                "confirmed": None if decision is None else decision.confirmed,
                "decided_by": None if decision is None else decision.decided_by,
                "decided_at": None if decision is None else decision.decided_at,
            }
        )


class ReportsView(View):
    """Reports, the newest first."""

    items: list[ReportView]


def lawful_basis(settings: Settings) -> LawfulBasis:
    """What allows reports at all in this installation."""
    until = settings.person_reports_until
    return LawfulBasis(settings.person_reports_basis, date.fromisoformat(until) if until else None)


@router.get("/audit/person-reports")
def list_reports(session: ReadSession, by: PersonReader) -> ReportsView:
    """The reports you asked for, or may decide; all of them for the data protection officer."""
    return ReportsView(items=[ReportView.of(row, decision) for row, decision in person_reports.visible(session, by=by)])


@router.post("/audit/person-reports", status_code=201)
def ask(session: WriteSession, run: Run, by: AuditReader, now: Now, asked: NewReport) -> ReportView:
    """Ask for a report about what one person read; it opens when a second person has confirmed it."""
    row = person_reports.ask(
        session,
        asked.person,
        asked.entity,
        asked.since,
        asked.until,
        asked.reason,
        asked.reference,
        lawful=lawful_basis(run.settings),
        by=by,
        at=now,
    )
    return ReportView.of(row, None)


@router.post("/audit/person-reports/{report_id}/decision")
def decide(session: WriteSession, report_id: UUID, by: ReportDecider, now: Now, word: Decision) -> ReportView:
    """Confirm or refuse a report that neither you asked for nor is about you."""
    row = person_reports.decide(session, report_id, confirmed=word.confirmed, by=by, at=now)
    return ReportView.of(row, session.get(PersonReportDecision, row.id))


@router.get("/audit/person-reports/{report_id}/entries")
def read_report(
    run: Run,
    by: AuditReader,
    request_id: RequestId,
    report_id: UUID,
    cursor: Annotated[int | None, Query(ge=0, le=2**53, description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> TrailPage:
    """What the person read in the time of a confirmed report. Each reading of it is on the log."""
    _row, page = oversight_of(run).person_report(
        report_id, lawful=lawful_basis(run.settings), by=by, request=request_id, before=cursor, limit=limit
    )
    items = [told(entry, page, by) for entry in page.found.entries]
    return TrailPage(items=items, next=page.found.next, reached=page.found.reached)
