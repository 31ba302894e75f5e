"""Disposition: batches of records whose time has come, decided by one person, approved by another, then carried out."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response

from accounts import entities
from accounts.principal import Principal
from api.deps import DispositionPreparer, Now, RequestId, RetentionReader, Run
from api.errors import status_of
from api.i18n import gettext as _
from api.pages import disposition_views as views
from api.pages.disposition_look import Look, said
from api.pages.show import Form, Posted, fragment, go, is_piecewise, page, page_router, to_id
from app import words_shown
from app.runtime import Runtime
from core.errors import Conflict, Forbidden, Invalid, NotFound
from retention import approval, disposition
from retention import batch as batches
from retention.disposition import MOST_ITEMS, ItemDecision

router = page_router()
_REFUSALS = (Invalid, Conflict, Forbidden, NotFound)

Code = Annotated[str, Query(max_length=20)]
Id = Annotated[str, Query(max_length=40)]


@router.get("/dispositions")
def list_batches(
    request: Request, by: RetentionReader, run: Run, now: Now, done: Code = "", wrong: Code = ""
) -> Response:
    """What waits, the longest first; what is under way; what is over."""
    return _list(request, by, run, now, done=done, wrong=_("Nothing is due that is not in a batch.") if wrong else "")


@router.post("/dispositions")
def propose(request: Request, by: DispositionPreparer, run: Run, now: Now, given: Form) -> Response:
    """Put what is due into a batch without waiting for the night."""
    try:
        with run.main.read() as session:
            firm = given.id("entity") or next(
                (row.id for row in entities.everything(session) if by.may(disposition.PREPARE, entity=row.id)), None
            )
        if firm is None:
            raise NotFound(_("you prepare dispositions of no legal entity"))
        with run.main.write() as session:
            made = disposition.propose(session, firm, by=by, at=now)
    except _REFUSALS as error:
        return _list(request, by, run, now, wrong=said(error), status=status_of(error))
    return go(f"/dispositions/{made}") if made is not None else go("/dispositions", wrong="nothing")


@router.get("/dispositions/{batch_id}")
def show_batch(
    request: Request,
    batch_id: UUID,
    by: RetentionReader,
    run: Run,
    now: Now,
    request_id: RequestId,
    group: Code = "class",
    show: Code = "all",
    after: Id = "",
    done: Code = "",
) -> Response:
    """One batch: to be worked through, to be approved, or carried out."""
    look = Look(request, by, run, now, request_id)
    with run.main.read() as session:
        row = batches.get(session, batch_id, by=by)
    if row.state in batches.REVIEWED:
        return look.workbench(row, group, show, to_id(after), done=_DONE().get(done, ""))
    return look.whole(row, done=_DONE().get(done, ""))


@router.get("/dispositions/{batch_id}/items/{record_id}")
def show_item(
    request: Request, batch_id: UUID, record_id: UUID, by: RetentionReader, run: Run, now: Now, request_id: RequestId
) -> Response:
    """The preview beside the list: the first page where the reader may open the record, the dates in any case."""
    with run.main.read() as session:
        batches.get(session, batch_id, by=by)
        item = next(iter(views.picked(session, batch_id, [record_id])), None)
        if item is None:
            raise NotFound(_("the record is not in this batch"))
    reasons = words_shown.reasons(run, [item], by=by, request=request_id)
    row = views.item_views(run, [item], reasons, by, now, request_id)[0]
    detail = current = None
    if row.title:
        detail = run.content.detail(record_id, by=by, purpose="preview", request=request_id)
        current = next(each for each, _name, _title in detail.versions if each.id == detail.record.current_version)
    return HTMLResponse(
        fragment(request, "parts/disposition_peek.html", row=row, detail=detail, current=current, batch=batch_id)
    )


@router.post("/dispositions/{batch_id}/decisions")
def decide(
    request: Request, batch_id: UUID, by: DispositionPreparer, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """What is to become of the records that were selected."""
    look = Look(request, by, run, now, request_id)
    chosen = [each for each in (to_id(text) for text in given.all("record")[:MOST_ITEMS]) if each is not None]
    try:
        wanted = _wanted(given)
        if not chosen:
            raise Invalid(_("select a record first"))
        with run.main.write() as session:
            disposition.decide_items(session, batch_id, dict.fromkeys(chosen, wanted), by=by, at=now, keys=run.keys)
    except _REFUSALS as error:
        if is_piecewise(request):
            text = fragment(request, "parts/problem.html", title=said(error), lost=_("Nothing was decided."), advice="")
            return HTMLResponse(text, status_of(error))
        with run.main.read() as session:
            row = batches.get(session, batch_id, by=by)
        return look.workbench(row, given.text("group"), given.text("show"), None, wrong=error)
    if not is_piecewise(request):
        return go(f"/dispositions/{batch_id}", group=given.text("group"), show=given.text("show"), done="decided")
    return look.decided(batch_id, chosen, given.text("group"))


@router.post("/dispositions/{batch_id}/submission")
def submit(
    request: Request, batch_id: UUID, by: DispositionPreparer, run: Run, now: Now, request_id: RequestId
) -> Response:
    """Hand the decisions over for approval."""
    try:
        with run.main.write() as session:
            came = disposition.submit(session, batch_id, by=by, at=now)
    except (Invalid, Conflict) as error:
        with run.main.read() as session:
            row = batches.get(session, batch_id, by=by)
        look = Look(request, by, run, now, request_id)
        return (
            look.workbench(row, "", "", None, wrong=error)
            if row.state in batches.REVIEWED
            else look.whole(row, wrong=error)
        )
    return go(f"/dispositions/{batch_id}", done="reopened" if came.reopened else "submitted")


def _list(
    request: Request,
    by: Principal,
    run: Runtime,
    now: datetime,
    *,
    done: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response:
    with run.main.read() as session:
        rows = batches.batches(session, by=by)
        found = views.batch_views(session, rows, now)
        firms = [
            (row.id, row.name) for row in entities.everything(session) if by.may(disposition.PREPARE, entity=row.id)
        ]
        mine = {row.id for row in rows if approval.why_not(session, row, by=by, at=now) is None}
    waiting = [each for each in found if each.waits_since is not None]
    waiting.sort(key=lambda each: (each.waits_since, each.id))
    return page(
        request,
        "dispositions.html",
        status=status,
        sections=[
            (_("Waits for a person"), waiting),
            (_("Under way"), [each for each in found if each.row.state in _UNDER_WAY]),
            (_("Over"), [each for each in found if each.row.state in (batches.DONE, batches.UNDONE)]),
        ],
        mine=mine,
        waiting_text=lambda each: views.waiting_text(each, now),
        firms=firms,
        done=_DONE().get(done, ""),
        wrong=wrong,
    )


_UNDER_WAY = (batches.APPROVED, batches.EXECUTING, batches.PARTLY_FAILED)


def _wanted(given: Posted) -> ItemDecision:
    code = given.text("decision")
    if code not in ("", *batches.DECISIONS):
        raise Invalid(_("decide to destroy, to keep longer, on another class, to transfer, or to keep permanently"))
    if code in batches.PACKED:
        return ItemDecision(
            decision="transfer" if code == "transfer" else "permanent",
            reason=given.text("reason"),
            authority=given.text("authority"),
        )
    if code == "reclassify":
        return ItemDecision(decision="reclassify", reason=given.text("reason"), to_class=given.text("class"))
    if code != "extend":
        return ItemDecision(decision="destroy" if code else None, reason=given.text("reason") if code else "")
    return ItemDecision(decision="extend", reason=given.text("reason"), until=given.day("until"))


def _DONE() -> dict[str, str]:  # noqa: N802 - words, but in the language of the request
    return {
        "decided": _("Decided."),
        "submitted": _("Submitted. A person who had no part in it approves it now."),
        "reopened": _("Some records had changed meanwhile: they have no decision any more. Look at them first."),
        "approved": _("Approved. The days of grace have begun."),
        "waiting": _("Approved. One more person must approve it."),
        "voided": _("Something had changed since it was submitted. It is under review again."),
        "returned": _("Given back for review."),
        "undone": _("Undone. Its records will be proposed again."),
    }
