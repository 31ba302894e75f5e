"""Review: one record after the other, by keyboard."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from api.deps import Now, RequestId, Reviewer, Run, WriteSession
from api.pages import words
from api.pages.record_page import MOST_WORDS, decision, department_choices, file_choices, require_revision
from api.pages.show import Form, go, page, page_router, to_id
from records import file_plan, listing, placement, record

router = page_router()
CHOICES = 9
_USUAL = (
    "supplier_invoice",
    "customer_invoice",
    "receipt",
    "letter",
    "contract",
    "bank_statement",
    "credit_note",
    "mail",
    "other",
)
"""Offered after the classes near the proposal."""

Id = Annotated[str, Query(max_length=40)]


def choices(proposed: str | None) -> list[str]:
    """Codes of up to nine classes for the number keys: the proposal, its neighbours in the plan, the usual ones."""
    plan = file_plan.load()
    codes: list[str] = []
    if proposed is not None and proposed in plan:
        each = plan.get(proposed)
        codes += [*plan.descendants(proposed)] if each.group else [proposed]
        if each.parent is not None:
            codes += [*plan.children(each.parent)[:4]]
    codes += _USUAL
    known = [code for code in dict.fromkeys(codes) if code in plan and not plan.get(code).group]
    return known[:CHOICES]


@router.get("/review")
def review(
    request: Request,
    by: Reviewer,
    run: Run,
    now: Now,
    request_id: RequestId,
    at: Id = "",
    after: Id = "",
    undo: Id = "",
) -> Response:
    """The record that is asked for, or the next one that waits."""
    with run.main.read() as session:
        waiting = listing.counts_by_state(session, by, now, (record.NEEDS_REVIEW,))[record.NEEDS_REVIEW]
        chosen = to_id(at)
        if chosen is None:
            ids, _next = listing.list_records(session, by, now, state=record.NEEDS_REVIEW, before=to_id(after), limit=2)
            if not ids and after:
                ids, _next = listing.list_records(session, by, now, state=record.NEEDS_REVIEW, limit=2)
            chosen = ids[0] if ids else None
    if chosen is None:
        return page(request, "review_done.html", undo=to_id(undo))
    detail = run.content.detail(chosen, by=by, request=request_id)
    row = detail.record
    current, name, title = next(each for each in detail.versions if each[0].id == row.current_version)

    return page(
        request,
        "review.html",
        row=row,
        current=current,
        name=name,
        title=title or name,
        detail=detail,
        reasons=[each for each in sorted(detail.reasons, key=lambda one: -one[1]) if each[1] > 0][:MOST_WORDS],
        why=words.why_unsure(row),
        choices=choices(row.record_class),
        classes=words.class_choices(),
        departments=department_choices(run, row, by),
        files=file_choices(run, row, by, now, request_id),
        waiting=waiting,
        undo=to_id(undo),
        is_settled=row.state != record.NEEDS_REVIEW,
    )


@router.post("/review/{record_id}")
def decide(session: WriteSession, record_id: UUID, by: Reviewer, now: Now, given: Form) -> Response:
    """Settle where the record belongs, and go on to the next."""
    row = record.get_visible(session, record_id, by, now)
    require_revision(given, row)
    placement.decide(session, record_id, decision(given, row, session), by=by, at=now)
    return go("/review", after=str(record_id), undo=str(record_id))
