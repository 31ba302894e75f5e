"""*Why this date?* of a record, as a sum on paper; and what a simulation found."""

from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from api.deps import Now, RequestId, Run, SignedIn
from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import shown
from api.pages.retention_words import state_word
from api.pages.show import page, page_router
from api.rest.retention_dates import told
from retention import explain, why_sentences
from retention.why_words import Language

router = page_router()
PARTS = ("result", "rule", "sum", "other", "blocker", "change")


@router.get("/records/{record_id}/why")
def show_why(request: Request, record_id: UUID, by: SignedIn, run: Run, now: Now, request_id: RequestId) -> Response:
    """Rule, event, anchor, period, result; then the losers, blockers, and what would change it."""
    with run.main.read() as session:
        found = explain.get(session, record_id, by=by, at=now)
    told(run, found, by, request_id, now)
    sentences = why_sentences.tell(found.why, Language(_, ngettext, shown.day))
    return page(
        request,
        "why.html",
        found=found,
        row=found.row,
        verdict=found.why.verdict,
        parts={part: [each for each in sentences if each.part == part] for part in PARTS},
        state=state_word(found.why.verdict.state),
    )
