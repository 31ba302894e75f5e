"""Packages for an archive, and what is kept permanently: taken away, acknowledged, confirmed, ended by two persons."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import entities
from accounts.principal import Principal
from api.deps import DispositionApprover, Now, RequestId, RetentionReader, Run
from api.errors import status_of
from api.i18n import gettext as _
from api.pages.disposition_views import names_for
from api.pages.show import Form, go, page, page_router
from api.pages.words import StateWords
from api.rest.packages import package_answer
from app import words_shown
from app.runtime import Runtime
from core.clock import civil_date
from core.errors import Conflict, Forbidden, Invalid, MunimentError
from records.record import find_visible
from retention import approval, disposition, keeping, package
from retention.kept import END_ASKED, IN_FORCE, OVER
from retention.package import MOST_NAME, MOST_REFERENCE, Acknowledgement, Package

router = page_router()
_REFUSALS = (Invalid, Conflict, Forbidden)
Code = Annotated[str, Query(max_length=20)]


@router.get("/packages/{package_id}")
def show_package(
    request: Request, package_id: UUID, by: RetentionReader, run: Run, now: Now, request_id: RequestId, done: Code = ""
) -> Response:
    """One package: what it holds, how it stands, and what is to be done next."""
    return _package(request, package_id, by, run, now, request_id, done=_DONE().get(done, ""))


@router.get("/packages/{package_id}/content")
def take(package_id: UUID, by: RetentionReader, run: Run, request_id: RequestId) -> Response:
    """The package itself; the log has it first."""
    return package_answer(run, package_id, by, request_id)


@router.post("/packages/{package_id}/acknowledgement")
def acknowledge(
    request: Request, package_id: UUID, by: RetentionReader, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """What the archive acknowledged, as somebody reads it to us."""
    try:
        day = given.day("acknowledged_on")
        if day is None:
            raise Invalid(_("say on which day the archive acknowledged it"))
        said = Acknowledgement(given.text("archive"), given.text("reference"), day, _digest(given.text("sha256")))
        with run.main.write() as session:
            package.state_acknowledgement(session, package_id, said, by=by, at=now)
    except _REFUSALS as error:
        return _package(request, package_id, by, run, now, request_id, wrong=error)
    return go(f"/packages/{package_id}", done="stated")


@router.post("/packages/{package_id}/acknowledgement/decision")
def decide(
    request: Request, package_id: UUID, by: DispositionApprover, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """The second person's word: confirmed, or sent back."""
    confirmed = given.text("word") == "confirm"
    try:
        if confirmed and not given.flag("looked"):
            raise Invalid(_("say that you have seen the acknowledgement: tick the box above the button"))
        with run.main.write() as session:
            digest = _digest(given.text("sha256"))
            package.decide_acknowledgement(session, package_id, confirmed=confirmed, sha256=digest, by=by, at=now)
    except _REFUSALS as error:
        return _package(request, package_id, by, run, now, request_id, wrong=error)
    return go(f"/packages/{package_id}", done="confirmed" if confirmed else "back")


@router.post("/packages/{package_id}/end")
def end(request: Request, package_id: UUID, by: RetentionReader, run: Run, now: Now, request_id: RequestId) -> Response:
    """The transfer is called off; or the package of permanent keeping was brought where it is kept."""
    try:
        with run.main.write() as session:
            package.call_off(session, package_id, by=by, at=now, keys=run.keys)
    except _REFUSALS as error:
        return _package(request, package_id, by, run, now, request_id, wrong=error)
    return go(f"/packages/{package_id}", done="ended")


@router.get("/keepings")
def list_keepings(
    request: Request, by: RetentionReader, run: Run, now: Now, request_id: RequestId, done: Code = ""
) -> Response:
    """What is kept permanently by decision, and whose end waits for a second person."""
    return _keepings(request, by, run, now, request_id, done=_DONE().get(done, ""))


@router.post("/keepings/{keeping_id}/end")
def ask_end(
    request: Request, keeping_id: UUID, by: RetentionReader, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """One person asks to end a permanent keeping."""
    try:
        with run.main.write() as session:
            keeping.ask_end(session, keeping_id, given.text("reason"), by=by, at=now, keys=run.keys)
    except _REFUSALS as error:
        return _keepings(request, by, run, now, request_id, wrong=error)
    return go("/keepings", done="end_asked")


@router.post("/keepings/{keeping_id}/end/decision")
def decide_end(
    request: Request, keeping_id: UUID, by: DispositionApprover, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """Another person confirms that, or refuses."""
    confirmed = given.text("word") == "confirm"
    try:
        with run.main.write() as session:
            keeping.decide_end(session, keeping_id, confirmed=confirmed, by=by, at=now)
    except _REFUSALS as error:
        return _keepings(request, by, run, now, request_id, wrong=error)
    return go("/keepings", done="end_confirmed" if confirmed else "end_refused")


def state_of(row: Package) -> StateWords:
    """The state of a package in words."""
    if row.state == package.READY and row.kind == package.PERMANENT:
        return StateWords(_("To be brought where it is kept"), "waiting", "download")
    if row.state == package.OVER:
        return {
            package.CARRIED_OUT: StateWords(_("Transferred; the records are destroyed here"), "done", "check"),
            package.CALLED_OFF: StateWords(_("Called off; the records are kept"), "info", "undo"),
            package.BROUGHT_AWAY: StateWords(_("Brought away"), "done", "check"),
        }.get(row.end_code or "", StateWords(_("Gone: a record in it went another way"), "info", "info"))
    return {
        package.MAKING: StateWords(_("Could not be made yet"), "blocked", "attention")
        if row.trouble
        else StateWords(_("Being made"), "info", "turn"),
        package.READY: StateWords(_("To be handed over"), "waiting", "download"),
        package.STATED: StateWords(_("Waits for a second person"), "waiting", "clock"),
        package.CONFIRMED: StateWords(_("Confirmed; the records go with the next run"), "info", "clock"),
    }[row.state]


def _package(
    request: Request,
    package_id: UUID,
    by: Principal,
    run: Runtime,
    now: datetime,
    request_id: str,
    *,
    done: str = "",
    wrong: MunimentError | None = None,
) -> Response:
    with run.main.read() as session:
        row = package.get(session, package_id, by=by)
        firm = entities.get(session, row.entity)
        refusal = package.why_not(session, row, by=by, at=now)
        records = package.records_of(session, row.id)
        reads = len(find_visible(session, records, by, now)) == len(records)
    handles = by.may(disposition.PREPARE, entity=row.entity) or by.may(approval.APPROVE, entity=row.entity)
    hands = {each for each in (row.taken_by, row.stated_by, row.confirmed_by, row.ended_by) if each is not None}
    return page(
        request,
        "package.html",
        status=status_of(wrong) if wrong is not None else 200,
        row=row,
        state=state_of(row),
        firm=firm.name,
        firm_zone=firm.zone,
        today=civil_date(now, firm.zone),
        names=names_for(run, hands, by, now, request_id),
        may_take=handles and reads and row.state in (package.READY, package.STATED, package.CONFIRMED),
        may_state=handles and row.kind == package.TRANSFER and row.state == package.READY and row.taken_at is not None,
        may_end=handles and row.state in (package.READY, package.STATED),
        may_confirm=refusal is None,
        refusal=_("You stated it or had a part in the batch. Another person confirms it.")
        if refusal == "had_a_part"
        else "",
        most_name=MOST_NAME,
        most_reference=MOST_REFERENCE,
        wrong=_said(wrong) if wrong is not None else "",
        done=done,
    )


def _keepings(
    request: Request,
    by: Principal,
    run: Runtime,
    now: datetime,
    request_id: str,
    *,
    done: str = "",
    wrong: MunimentError | None = None,
) -> Response:
    with run.main.read() as session:
        rows = keeping.keepings(session, by=by)
        firms = {row.id: row for row in entities.everything(session)}
    reasons = words_shown.ends_of_keeping(run, rows, by=by, request=request_id)
    handles = {
        firm for firm in firms if by.may(disposition.PREPARE, entity=firm) or by.may(approval.APPROVE, entity=firm)
    }
    return page(
        request,
        "keepings.html",
        status=status_of(wrong) if wrong is not None else 200,
        rows=[row for row in rows if row.state != OVER],
        over=[row for row in rows if row.state == OVER],
        reasons=reasons,
        firms=firms,
        zones={firm: row.zone for firm, row in firms.items()},
        may_ask={row.id for row in rows if row.state == IN_FORCE and row.entity in handles},
        may_decide={
            row.id
            for row in rows
            if row.state == END_ASKED
            and by.id is not None
            and row.end_asked_by != by.id
            and by.may(approval.APPROVE, entity=row.entity)
        },
        wrong=_said(wrong) if wrong is not None else "",
        done=done,
    )


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip())
    except ValueError:
        raise Invalid(_("a digest has 64 digits and letters from a to f")) from None


def _said(error: MunimentError) -> str:
    detail, title = error.detail or "", error.title()
    text = f"{title}: {detail}" if title and detail and not isinstance(error, Invalid) else detail or title
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _DONE() -> dict[str, str]:  # noqa: N802 - words, but in the language of the request
    return {
        "stated": _("Noted. A person who had no part in it confirms it now."),
        "confirmed": _("Confirmed. The records are destroyed here by the next run."),
        "back": _("Sent back. The records stay."),
        "ended": _("The package is not kept here any more."),
        "end_asked": _("Asked. Another person confirms it."),
        "end_confirmed": _("Not kept permanently any more: its rules date the record again."),
        "end_refused": _("Refused. The record is kept permanently."),
    }
