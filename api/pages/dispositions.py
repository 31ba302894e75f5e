"""Disposition: batches of records whose time has come, decided by one person, approved by another, then carried out."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response

from accounts import entities
from accounts.principal import Principal
from api.deps import DispositionApprover, DispositionPreparer, Now, RequestId, RetentionReader, Run
from api.errors import status_of
from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import disposition_views as views
from api.pages.show import Form, Posted, fragment, go, is_piecewise, page, page_router, to_id
from app.runtime import Runtime
from core.clock import civil_date
from core.errors import Conflict, Forbidden, Invalid, MunimentError, NotFound
from retention import approval, certificate, disposition
from retention import batch as batches
from retention.batch import Batch
from retention.disposition import MOST_ITEMS, ItemDecision

router = page_router()
PAGE = 500
"""Records of a batch on one page: hundreds are worked through without turning it."""
GROUPINGS, FILTERS = ("class", "year", "file", "none"), ("all", "open", "decided", "blocked")
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
        return _list(request, by, run, now, wrong=_said(error), status=status_of(error))
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
    look = _Look(request, by, run, now, request_id)
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
        reasons = disposition.reasons_of(session, [item], run.keys)
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
    look = _Look(request, by, run, now, request_id)
    chosen = [each for each in (to_id(text) for text in given.all("record")[:MOST_ITEMS]) if each is not None]
    try:
        wanted = _wanted(given)
        if not chosen:
            raise Invalid(_("select a record first"))
        with run.main.write() as session:
            disposition.decide_items(session, batch_id, dict.fromkeys(chosen, wanted), by=by, at=now, keys=run.keys)
    except _REFUSALS as error:
        if is_piecewise(request):
            text = fragment(
                request, "parts/problem.html", title=_said(error), lost=_("Nothing was decided."), advice=""
            )
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
        look = _Look(request, by, run, now, request_id)
        return (
            look.workbench(row, "", "", None, wrong=error)
            if row.state in batches.REVIEWED
            else look.whole(row, wrong=error)
        )
    return go(f"/dispositions/{batch_id}", done="reopened" if came.reopened else "submitted")


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
        return _Look(request, by, run, now, request_id).whole(row, wrong=error)
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
        return _Look(request, by, run, now, request_id).whole(row, wrong=error)
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
        return _Look(request, by, run, now, request_id).whole(row, wrong=error)
    return go(f"/dispositions/{batch_id}", done="undone")


class _Look:
    """Makes the pages of one batch for one person."""

    def __init__(self, request: Request, by: Principal, run: Runtime, now: datetime, request_id: str) -> None:
        self._request, self._by, self._run, self._now, self._id = request, by, run, now, request_id

    def workbench(
        self,
        row: Batch,
        group: str,
        show: str,
        after: UUID | None,
        *,
        done: str = "",
        wrong: MunimentError | None = None,
    ) -> Response:
        """The batch as it is worked through."""
        group, show = group if group in GROUPINGS else "class", show if show in FILTERS else "all"
        state = {"open": batches.OPEN, "decided": batches.DECIDED}.get(show)
        with self._run.main.read() as session:
            found = batches.items(session, row.id, after=after, limit=PAGE + 1, state=state)
            reasons = disposition.reasons_of(session, found, self._run.keys)
            batch = views.batch_views(session, [row], self._now)[0]
            zone = entities.get(session, row.entity).zone
        more = len(found) > PAGE
        rows = views.item_views(self._run, found[:PAGE], reasons, self._by, self._now, self._id)
        if show == "blocked":
            rows = [each for each in rows if each.blockers or each.late]
        return page(
            self._request,
            "disposition.html",
            status=status_of(wrong) if wrong is not None else 200,
            batch=batch,
            groups=[_Group(text, each) for text, each in views.groups(rows, group)],
            more=f"/dispositions/{row.id}?group={group}&show={show}&after={found[PAGE - 1].record}" if more else "",
            group=group,
            show=show,
            groupings=list(_grouping_words().items()),
            filters=list(_filter_words().items()),
            may_prepare=self._by.may(disposition.PREPARE, entity=row.entity),
            tomorrow=civil_date(self._now, zone) + timedelta(days=1),
            words_of_script=_script_words(),
            notices=[("blocked", _said(wrong))] if wrong is not None else [],
            done=done,
        )

    def decided(self, batch_id: UUID, records: list[UUID], group: str) -> Response:
        """The rows that were decided about, and how far the batch is."""
        with self._run.main.read() as session:
            row = batches.get(session, batch_id, by=self._by)
            found = views.picked(session, batch_id, records)
            reasons = disposition.reasons_of(session, found, self._run.keys)
            batch = views.batch_views(session, [row], self._now)[0]
        rows = views.item_views(self._run, found, reasons, self._by, self._now, self._id)
        return HTMLResponse(
            fragment(self._request, "parts/disposition_decided.html", batch=batch, rows=rows, group=group)
        )

    def whole(self, row: Batch, *, done: str = "", wrong: MunimentError | None = None) -> Response:
        """The batch as it was submitted, and what has become of it."""
        run, by = self._run, self._by
        with run.main.read() as session:
            found = batches.items(session, row.id, limit=MOST_ITEMS)
            reasons = disposition.reasons_of(session, found, run.keys)
            batch = views.batch_views(session, [row], self._now)[0]
            given = batches.approvals(session, row.id)
            issued = certificate.certificates(session, by=by, cause=row.id)
            refusal = approval.why_not(session, row, by=by, at=self._now)
            zone = entities.get(session, row.entity).zone
        rows = views.item_views(run, found, reasons, by, self._now, self._id)
        hands = {each.person for each in given} | {each for each in (row.proposed_by, row.submitted_by) if each}
        hands |= {each.decided_by for each in found if each.decided_by is not None}
        return page(
            self._request,
            "disposition_whole.html",
            status=status_of(wrong) if wrong is not None else 200,
            batch=batch,
            row=row,
            parts=views.by_outcome(rows),
            sums=views.sums(rows),
            names=views.names_for(run, hands, by, self._now, self._id),
            deciders=sorted({each.decided_by for each in found if each.decided_by is not None}),
            approvals=given,
            refusal=_refusal(refusal, row, by),
            may_approve=refusal is None,
            may_return=row.state == batches.SUBMITTED and by.may(approval.APPROVE, entity=row.entity),
            may_undo=row.state == batches.APPROVED
            and any(by.may(each, entity=row.entity) for each in (disposition.PREPARE, approval.APPROVE)),
            destroying=sum(each.item.decision == "destroy" for each in rows),
            firm_zone=zone,
            certificates=issued,
            wrong=_said(wrong) if wrong is not None else "",
            done=done,
        )


class _Group:
    """Records under one heading."""

    def __init__(self, text: str, rows: list[views.ItemView]) -> None:
        self.text, self.rows = text, rows


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
    if code not in ("", "destroy", "extend"):
        raise Invalid(_("decide to destroy or to keep longer"))
    if code != "extend":
        return ItemDecision(decision="destroy" if code else None, reason=given.text("reason") if code else "")
    return ItemDecision(decision="extend", reason=given.text("reason"), until=given.day("until"))


def _digest(given: Posted) -> bytes:
    try:
        return bytes.fromhex(given.text("digest"))
    except ValueError:
        raise Invalid(_("this is no digest")) from None


def _said(error: MunimentError) -> str:
    detail, title = error.detail or "", error.title()
    text = f"{title}: {detail}" if title and detail and not isinstance(error, Invalid) else detail or title
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _refusal(code: str | None, row: Batch, by: Principal) -> str:
    """Why the person cannot approve it, where they might think that they can."""
    return {
        "had_a_part": _("You proposed, decided or submitted some of this batch. Another person approves it."),
        "approved_already": _("You have approved it. One more person must."),
        "not_allowed": _("A compliance officer who had no part in it approves it.")
        if row.state == batches.SUBMITTED
        else "",
    }.get(code or "", "")


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


def _grouping_words() -> dict[str, str]:
    texts = (_("Class"), _("Year of the document"), _("Case file"), _("Nothing"))
    return dict(zip(GROUPINGS, texts, strict=True))


def _filter_words() -> dict[str, str]:
    texts = (_("All records"), _("Without a decision"), _("With a decision"), _("With something against it"))
    return dict(zip(FILTERS, texts, strict=True))


def _script_words() -> dict[str, Any]:
    return {
        "none": _("No record selected: what you decide is for the one you are at."),
        "one": _("One record selected"),
        "many": _("{0} records selected"),
        "nothing": _("Walk to a record first, or select some."),
        "saidOne": _("Decided for one record."),
        "saidMany": ngettext("Decided for {0} record.", "Decided for {0} records.", 2),
        "undo": _("Undo with u."),
        "undone": _("Undone."),
        "missing": _("“{0}” is needed."),
    }
