"""Reports about one person's reading: off unless a setting names their lawful basis and its end; two persons, a reason.

Whoever oversees asks, for a reason and a reference; a compliance officer who is neither of the two
confirms; only then, and for two weeks, the asker and the data protection officer read it.
The data protection officer sees every report that was asked for. Rows are added, never changed.
(Employees' doings: GDPR Art. 88 and national law; a works agreement or the like is the basis.)
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import people
from accounts.grants import RoleGrant
from accounts.principal import NotAllowed, Principal
from accounts.report_events import PersonReportAsked, PersonReportDecided
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.identifiers import new_id

Reason = Literal["security_incident", "leak", "suspected_misuse", "legal_claim", "authority_request"]
REASONS: tuple[Reason, ...] = get_args(Reason)
LONGEST = timedelta(days=92)
READABLE = timedelta(days=14)
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]{0,39}").fullmatch
_BASIS = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]{2,79}").fullmatch


class ReportsOff(Forbidden):
    """Reports about one person's reading are off."""

    code = "person_reports_off"


class OwnReport(NotAllowed):
    """This needs somebody who neither asked for the report nor is the one it is about."""

    code = "own_report"


class ReportNotOpen(Conflict):
    """The report was not confirmed, was refused, or its two weeks are over."""

    code = "person_report_not_open"


class ReportDecided(Conflict):
    """The report was confirmed or refused already."""

    code = "person_report_decided"


@dataclass(frozen=True, slots=True)
class LawfulBasis:
    """What allows reports at all, as the settings name it."""

    basis: str
    """Code of the works agreement or the like; empty: none."""
    until: date | None
    """Last day it holds."""


class PersonReport(MainTable):
    """A report asked for."""

    __tablename__ = "person_reports"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[UUID] = mapped_column(ForeignKey("people.id"), index=True)
    entity: Mapped[UUID] = mapped_column(ForeignKey("legal_entities.id"), index=True)
    since: Mapped[datetime]
    until: Mapped[datetime]
    """The first instant after the time asked about."""
    reason: Mapped[str] = mapped_column(String(30))
    reference: Mapped[str] = mapped_column(String(40))
    basis: Mapped[str] = mapped_column(String(80))
    asked_by: Mapped[UUID]
    asked_at: Mapped[datetime]


class PersonReportDecision(MainTable):
    """The second person's word on a report."""

    __tablename__ = "person_report_decisions"

    report: Mapped[UUID] = mapped_column(ForeignKey("person_reports.id"), primary_key=True)
    confirmed: Mapped[bool]
    decided_by: Mapped[UUID]
    decided_at: Mapped[datetime]


def require_on(lawful: LawfulBasis, on: date) -> None:
    """Pass if reports are allowed on a day.

    Raises:
        ReportsOff: no basis is set, or it has ended.
    """
    if not lawful.basis or lawful.until is None:
        raise ReportsOff("no setting names their lawful basis and its end")
    if _BASIS(lawful.basis) is None:
        raise ReportsOff("the lawful basis is named by 3 to 80 letters, digits, dots, slashes and hyphens")
    if on > lawful.until:
        raise ReportsOff("their lawful basis has ended")


def ask(
    session: WriteSession,
    person: UUID,
    entity: UUID,
    since: datetime,
    until: datetime,
    reason: str,
    reference: str,
    *,
    lawful: LawfulBasis,
    by: Principal,
    at: datetime,
) -> PersonReport:
    """Ask for a report about what a person read; a second person confirms it.

    Raises:
        NotAllowed: ``by`` does not oversee there.
        ReportsOff: no lawful basis.
        UnknownPerson: nobody of that id ever had a role in the entity.
        Invalid: the time, the reason or the reference.
    """
    by.require("audit.read", entity=entity)
    require_on(lawful, at.date())
    if reason not in REASONS or _REFERENCE(reference) is None:
        raise Invalid("give one of the reasons, and a reference of 1 to 40 letters, digits, dots, slashes and hyphens")
    if not since < until or until - since > LONGEST:
        raise Invalid(f"a report covers at most {LONGEST.days} days")
    held = select(RoleGrant.id).where(RoleGrant.person == person, RoleGrant.entity == entity).limit(1)
    if session.scalar(held) is None:
        raise people.UnknownPerson("nobody of that id ever had a role there")
    row = PersonReport(
        id=new_id(),
        person=person,
        entity=entity,
        since=since,
        until=until,
        reason=reason,
        reference=reference,
        basis=lawful.basis,
        asked_by=by.person,
        asked_at=at,
    )
    session.add(row)
    session.flush()
    event = PersonReportAsked(
        by=by.actor, entity=entity, basis=lawful.basis.lower(), report=row.id, person=person, reason=reason
    )
    intake.append(session, event, at=at)
    return row


def decide(session: WriteSession, report_id: UUID, *, confirmed: bool, by: Principal, at: datetime) -> PersonReport:
    """The second person's word.

    Raises:
        NotFound: there is no such report where ``by`` decides.
        OwnReport: ``by`` asked for it, or it is about them.
        ReportDecided: it was decided already.
    """
    row = session.get(PersonReport, report_id)
    if row is None or not by.may("report.decide", entity=row.entity):
        raise NotFound("there is no such report")
    if by.person in (row.asked_by, row.person):
        raise OwnReport()
    if session.get(PersonReportDecision, row.id) is not None:
        raise ReportDecided()
    session.add(PersonReportDecision(report=row.id, confirmed=confirmed, decided_by=by.person, decided_at=at))
    session.flush()
    event = PersonReportDecided(
        by=by.actor,
        entity=row.entity,
        second=row.asked_by,
        basis=row.basis.lower(),
        outcome="done" if confirmed else "refused",
        report=row.id,
        person=row.person,
    )
    intake.append(session, event, at=at)
    return row


def get_open(
    session: ReadSession, report_id: UUID, *, lawful: LawfulBasis, by: Principal, at: datetime
) -> PersonReport:
    """A confirmed report that ``by`` may read now: whoever asked for it, and the data protection officer.

    Raises:
        NotFound: there is no such report for ``by``.
        ReportsOff: the lawful basis has ended since.
        ReportNotOpen: it is not confirmed, or its two weeks are over.
    """
    row = session.get(PersonReport, report_id)
    is_dpo = row is not None and any(grant.role == "dpo" and grant.entity == row.entity for grant in by.grants)
    if row is None or not by.may("audit.read", entity=row.entity) or not (is_dpo or by.id == row.asked_by):
        raise NotFound("there is no such report")
    require_on(lawful, at.date())
    decision = session.get(PersonReportDecision, row.id)
    if decision is None or not decision.confirmed or at >= decision.decided_at + READABLE:
        raise ReportNotOpen("it opens when a second person has confirmed it, for two weeks")
    return row


def visible(session: ReadSession, *, by: Principal) -> list[tuple[PersonReport, PersonReportDecision | None]]:
    """The reports ``by`` knows of, newest first: those they asked for; all, for deciders and the protection officer."""
    rows = session.execute(
        select(PersonReport, PersonReportDecision)
        .outerjoin(PersonReportDecision, PersonReportDecision.report == PersonReport.id)
        .order_by(PersonReport.asked_at.desc(), PersonReport.id.desc())
        .limit(200)
    ).all()
    return [(row, decision) for row, decision in rows if _knows(row, by)]


def _knows(row: PersonReport, by: Principal) -> bool:
    if by.id == row.person:
        return False
    is_dpo = any(grant.role == "dpo" and grant.entity == row.entity for grant in by.grants)
    return is_dpo or by.id == row.asked_by or by.may("report.decide", entity=row.entity)
