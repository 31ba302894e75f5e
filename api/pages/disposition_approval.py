"""The second person's part in a batch: approving exactly what was shown, giving it back, undoing it while one can."""

from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from api.deps import DispositionApprover, Now, RequestId, RetentionReader, Run
from api.i18n import gettext as _
from api.pages.disposition_look import Look
from api.pages.show import Form, Posted, go, page_router
from core.errors import Conflict, Forbidden, Invalid
from retention import approval
from retention import batch as batches

router = page_router()


@router.post("/dispositions/{batch_id}/approval")
def approve(
    request: Request, batch_id: UUID, by: DispositionApprover, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """The second person's word on exactly what was shown."""
    try:
        if not given.flag("looked"):
            raise Invalid(_("say that you have looked at it: tick the box above the button"))
        with run.main.write() as session:
            came = approval.approve(session, batch_id, _digest(given), by=by, at=now)
    except (Invalid, Conflict, Forbidden) as error:
        with run.main.read() as session:
            row = batches.get(session, batch_id, by=by)
        return Look(request, by, run, now, request_id).whole(row, wrong=error)
    return go(f"/dispositions/{batch_id}", done=came.state)


@router.post("/dispositions/{batch_id}/return")
def give_back(
    request: Request, batch_id: UUID, by: DispositionApprover, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """The second person's refusal: the batch is under review again."""
    try:
        with run.main.write() as session:
            approval.return_batch(session, batch_id, given.text("reason"), by=by, at=now)
    except (Invalid, Conflict) as error:
        with run.main.read() as session:
            row = batches.get(session, batch_id, by=by)
        return Look(request, by, run, now, request_id).whole(row, wrong=error)
    return go(f"/dispositions/{batch_id}", done="returned")


@router.post("/dispositions/{batch_id}/undo")
def undo(request: Request, batch_id: UUID, by: RetentionReader, run: Run, now: Now, request_id: RequestId) -> Response:
    """Undo an approved batch in its days of grace."""
    try:
        with run.main.write() as session:
            approval.undo(session, batch_id, by=by, at=now)
    except Conflict as error:
        with run.main.read() as session:
            row = batches.get(session, batch_id, by=by)
        return Look(request, by, run, now, request_id).whole(row, wrong=error)
    return go(f"/dispositions/{batch_id}", done="undone")


def _digest(given: Posted) -> bytes:
    try:
        return bytes.fromhex(given.text("digest"))
    except ValueError:
        raise Invalid(_("this is no digest")) from None
