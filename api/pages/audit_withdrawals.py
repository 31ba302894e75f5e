"""Audit: entries older than the log's own retention, withdrawn by two persons."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import directory, people
from accounts.principal import Principal
from api.deps import Now, RequestId, Run, WithdrawalAsker
from api.errors import status_of
from api.i18n import gettext as _
from api.pages.show import Form, go, page, page_router
from app.runtime import Runtime
from app.withdrawals import withdrawals_of
from audit import withdrawal
from core.errors import Conflict, Forbidden, MunimentError

router = page_router()


@router.get("/audit/withdrawals")
def list_withdrawals(
    request: Request,
    by: WithdrawalAsker,
    run: Run,
    request_id: RequestId,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """What could be withdrawn, what was asked for, the second person's buttons, and what was withdrawn."""
    return _list(request, run, by, request_id, done=done)


@router.post("/audit/withdrawals")
def ask(request: Request, by: WithdrawalAsker, run: Run, now: Now, request_id: RequestId) -> Response:
    """Ask for a withdrawal."""
    try:
        withdrawals_of(run).ask(by=by, at=now, request=request_id)
    except (Conflict, Forbidden) as error:
        return _list(request, run, by, request_id, error=error)
    return go("/audit/withdrawals", done="asked")


@router.post("/audit/withdrawals/{withdrawal_id}/decision")
def decide(
    request: Request, withdrawal_id: UUID, by: WithdrawalAsker, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """The second person's word, or the first one's second thought."""
    withdrawals, confirmed = withdrawals_of(run), given.text("word") == "confirm"
    try:
        act = withdrawals.confirm if confirmed else withdrawals.refuse
        act(withdrawal_id, by=by, at=now, request=request_id)
    except (Conflict, Forbidden) as error:
        return _list(request, run, by, request_id, error=error)
    return go("/audit/withdrawals", done="confirmed" if confirmed else "refused")


def _list(
    request: Request,
    run: Runtime,
    by: Principal,
    request_id: str,
    *,
    done: str = "",
    error: MunimentError | None = None,
) -> Response:
    now, withdrawals = run.clock.now(), withdrawals_of(run)
    rows, due = withdrawals.requests(by=by), withdrawals.due(at=now)
    everybody = {row.asked_by for row in rows} | {row.decided_by for row in rows if row.decided_by is not None}
    with run.main.read() as session:
        names = people.reveal_names(session, everybody, run.keys)
    directory.note_shown(run.log, sorted(everybody), by=by, at=now, request=request_id)
    with run.log_database.read() as session:
        gone = withdrawal.ranges(session)
    wrong = "" if error is None else ": ".join(filter(None, (error.title(), error.detail)))
    return page(
        request,
        "audit_withdrawals.html",
        status=200 if error is None else status_of(error),
        rows=[
            (
                row,
                names.get(row.asked_by, _("Erased person")),
                names.get(row.decided_by, _("Erased person")) if row.decided_by else "",
                row.asked_by != by.id and by.may("withdrawal.decide"),
                row.asked_by == by.id,
            )
            for row in rows
        ],
        waits=any(row.state == "pending" for row in rows),
        due=due,
        years=withdrawals.years,
        gone=gone,
        oversees=by.may("audit.read"),
        done=done,
        wrong=wrong,
    )
