"""Audit: the state of the log, in plain words what is not protected, and a verification while one waits."""

from datetime import timedelta
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response

from api.deps import AuditReader, AuditVerifier, RequestId, Run
from api.i18n import gettext as _
from api.pages.frame import departments_of
from api.pages.show import page, page_router
from api.rest.log_state import anchors_of
from api.rest.trail import oversight_of
from records.oversight import MOST_VERIFIED, TooLong

router = page_router()
DAYS = 30
STALE = timedelta(minutes=3)


@router.get("/audit/health")
def show_state(
    request: Request,
    by: AuditReader,
    run: Run,
    request_id: RequestId,
    days: Annotated[int, Query(ge=1, le=366)] = DAYS,
) -> Response:
    """How far the log is signed, what waits, what ties it to the outside, and what does not."""
    now = run.clock.now()
    found, waits, acts = oversight_of(run).state(now - timedelta(days=days), by=by, request=request_id)
    with run.main.read() as session:
        places = departments_of(session, by)
    # A log that has just begun has had no time for a sign.
    sign_at = found.heartbeat_at or found.began_at
    return page(
        request,
        "audit_state.html",
        found=found,
        waits=waits,
        waits_long=waits.waiting and waits.oldest_age > timedelta(seconds=60),
        silent=sign_at is None or now - sign_at > STALE,
        tied=anchors_of(run),
        acts=[
            (
                places.get(each.department, _("Without a department"))
                if each.department
                else _("Without a department"),
                each,
            )
            for each in acts
        ],
        days=days,
        may_verify=by.may("audit.verify") and found.size <= MOST_VERIFIED,
        most=MOST_VERIFIED,
        may_withdraw=by.may("withdrawal.ask"),
    )


@router.post("/audit/health/verification")
def verify(request: Request, by: AuditVerifier, run: Run, request_id: RequestId) -> Response:
    """Re-read the whole log and check it, while the person waits."""
    wrong = ""
    verdict = None
    try:
        verdict = oversight_of(run).verify(run.folder.log / "checkpoint", by=by, request=request_id)
    except TooLong as error:
        wrong = error.detail
    return page(request, "audit_verified.html", status=409 if wrong else 200, verdict=verdict, wrong=wrong)
