"""Wrong uploads: closed and asked for by one person, decided by another, and what came of it."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response
from sqlalchemy import select

from accounts.principal import Principal
from api.deps import CaptureWithdrawer, Now, RequestId, Run, SignedIn, WriteSession
from api.errors import status_of
from api.i18n import gettext as _
from api.pages.disposition_views import code_text, names_for
from api.pages.show import Form, go, page, page_router
from api.pages.words import StateWords
from app import words_shown
from app.runtime import Runtime
from core.errors import Conflict, Forbidden, Invalid, MunimentError
from records.stub import RecordStub
from retention import withdrawal
from retention.withdrawal import Withdrawal

router = page_router()


@dataclass(frozen=True, slots=True)
class _Shown:
    """One withdrawal in words."""

    row: Withdrawal
    state: StateWords
    code: str
    """Why it is not carried out yet; empty where nothing stands against it."""
    reason: str
    is_own: bool
    may_confirm: bool
    certificate: UUID | None


@router.get("/capture-withdrawals")
def list_withdrawals(
    request: Request,
    by: SignedIn,
    run: Run,
    now: Now,
    request_id: RequestId,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """What waits for somebody, with the second person's buttons; then what is over."""
    return _list(request, by, run, now, request_id, done=done)


@router.post("/records/{record_id}/withdrawal")
def ask(session: WriteSession, record_id: UUID, by: CaptureWithdrawer, run: Run, now: Now, given: Form) -> Response:
    """Close a wrong upload from its own page."""
    withdrawal.ask(session, record_id, given.text("reason"), by=by, at=now, keys=run.keys)
    return go("/capture-withdrawals", done="asked")


@router.post("/capture-withdrawals/{withdrawal_id}/decision")
def decide(
    request: Request, withdrawal_id: UUID, by: SignedIn, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """The second person's word, or the first one's second thought."""
    confirmed = given.text("word") == "confirm"
    try:
        if confirmed and not given.flag("sure"):
            raise Invalid(_("tick the box above the button: it cannot be brought back"))
        with run.main.write() as session:
            row = withdrawal.decide(session, withdrawal_id, confirmed=confirmed, by=by, at=now)
    except (Invalid, Conflict, Forbidden) as error:
        return _list(request, by, run, now, request_id, wrong=error)
    return go("/capture-withdrawals", done="confirmed" if confirmed else "back" if _is_own(row, by) else "refused")


def _list(
    request: Request,
    by: Principal,
    run: Runtime,
    now: Now,
    request_id: str,
    *,
    done: str = "",
    wrong: MunimentError | None = None,
) -> Response:
    with run.main.read() as session:
        waiting = withdrawal.listed(session, by=by)
        over = withdrawal.listed(session, by=by, over=True)
        left = select(RecordStub.record, RecordStub.certificate).where(
            RecordStub.record.in_([row.record for row in over]),
            RecordStub.entity.in_(by.entities_for("retention.read")),
        )
        certificates = {row.record: row.certificate for row in session.execute(left)}
    reasons = words_shown.withdrawals(run, [*waiting, *over], by=by, request=request_id)
    people = {each for row in (*waiting, *over) for each in (row.asked_by, row.decided_by) if each is not None}

    def shown(row: Withdrawal) -> _Shown:
        return _Shown(
            row=row,
            state=_state(row),
            code=code_text(row.code) if row.code else "",
            reason=reasons[row.id],
            is_own=_is_own(row, by),
            may_confirm=not _is_own(row, by) and by.may(withdrawal.APPROVE, entity=row.entity),
            certificate=certificates.get(row.record),
        )

    return page(
        request,
        "capture_withdrawals.html",
        status=200 if wrong is None else status_of(wrong),
        waiting=[shown(row) for row in waiting],
        over=[shown(row) for row in over],
        names=names_for(run, people, by, now, request_id),
        done=done,
        wrong="" if wrong is None else wrong.detail or wrong.title(),
    )


def _is_own(row: Withdrawal, by: Principal) -> bool:
    return row.asked_by == by.id


def _state(row: Withdrawal) -> StateWords:
    if row.state == withdrawal.REFUSED:
        text = _("Taken back") if row.decided_by == row.asked_by else _("Refused")
        return StateWords(text, "info", "undo")
    return {
        withdrawal.ASKED: StateWords(_("Waits for a second person"), "waiting", "clock"),
        withdrawal.CONFIRMED: StateWords(_("Confirmed, about to be destroyed"), "info", "turn"),
        withdrawal.EXECUTING: StateWords(_("Being destroyed"), "info", "turn"),
    }.get(row.state, StateWords(_("Destroyed"), "done", "check"))
