"""Needs attention: what could not be read, why, and what to do about it."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response

from accounts.principal import Principal
from api.deps import Now, Reader, RequestId, Run
from api.pages import words
from api.pages.show import fragment, is_piecewise, page, page_router, to_id
from app.runtime import Runtime
from records import listing, record
from records.record import RecordVersion
from records.shown import Shown

router = page_router()
PAGE = 25


@router.get("/attention")
def attention(
    request: Request,
    by: Reader,
    run: Run,
    now: Now,
    request_id: RequestId,
    before: Annotated[str, Query(max_length=40)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The records that nobody could read, the newest first."""
    with run.main.read() as session:
        ids, following = listing.list_records(
            session, by, now, state=record.NEEDS_ATTENTION, before=to_id(before), limit=PAGE
        )
        total = listing.counts_by_state(session, by, now, (record.NEEDS_ATTENTION,))[record.NEEDS_ATTENTION]
    shown, _receipt = (
        run.content.reveal(ids, ("title", "name"), by=by, where="attention", request=request_id) if ids else ([], None)
    )
    rows, more = _troubled(run, shown, by), f"/attention?before={following}" if following else ""
    if before and is_piecewise(request):
        return HTMLResponse(fragment(request, "parts/attention_rows.html", rows=rows, more=more))
    return page(request, "attention.html", total=total, done=done, rows=rows, more=more)


def _troubled(
    run: Runtime, shown: list[Shown], by: Principal
) -> list[tuple[Shown, RecordVersion, tuple[str, str], bool]]:
    """Each record with its version, reason and advice, and whether ``by`` may have it read again."""
    with run.main.read() as session:
        versions = {each.record.id: record.get_version(session, each.record) for each in shown}
    return [
        (
            each,
            versions[each.record.id],
            words.trouble(versions[each.record.id].trouble_code),
            by.may("record.review", entity=each.record.entity, department=each.record.department),
        )
        for each in shown
    ]
