"""*Why this date?* of a record, as a sum on paper; and what a simulation found."""

from datetime import date
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from accounts import entities
from api.deps import Now, ReadSession, RequestId, RetentionReader, Run, SignedIn
from api.errors import status_of
from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import shown, words
from api.pages.retention_words import state_word
from api.pages.show import Form, go, page, page_router
from api.rest.retention_dates import told
from app.runtime import Runtime
from core.errors import Forbidden, Invalid
from core.identifiers import show_record_number
from records import file_plan
from records.record import Record
from retention import explain, simulation

router = page_router()
PARTS = ("result", "rule", "sum", "other", "blocker", "change")


@router.get("/records/{record_id}/why")
def show_why(request: Request, record_id: UUID, by: SignedIn, run: Run, now: Now, request_id: RequestId) -> Response:
    """Rule, event, anchor, period, result; then the losers, blockers, and what would change it."""
    with run.main.read() as session:
        found = explain.get(session, record_id, by=by, at=now)
    told(run, found, by, request_id, now)
    sentences = found.why.sentences(_, ngettext, shown.day)
    return page(
        request,
        "why.html",
        found=found,
        row=found.row,
        verdict=found.why.verdict,
        parts={part: [each for each in sentences if each.part == part] for part in PARTS},
        state=state_word(found.why.verdict.state),
    )


@router.get("/retention/simulations")
def list_simulations(request: Request, by: RetentionReader, run: Run, now: Now) -> Response:
    """The newest simulations, and the form for a change of class."""
    return _list(request, by, run, now)


@router.post("/retention/simulations")
def simulate_class(request: Request, by: RetentionReader, run: Run, now: Now, given: Form) -> Response:
    """Have it simulated what another class would do to the records of one."""
    try:
        with run.main.write() as session:
            entity = given.id("entity") or next(iter(by.entities))
            row = simulation.ask(
                session,
                entity,
                "class",
                from_class=given.text("from_class"),
                to_class=given.text("to_class"),
                by=by,
                at=now,
            )
    except (Invalid, Forbidden) as error:
        return _list(request, by, run, now, wrong=error.detail or error.title(), status=status_of(error))
    return go(f"/retention/simulations/{row.id}")


@router.get("/retention/simulations/{simulation_id}")
def show_simulation(
    request: Request,
    session: ReadSession,
    simulation_id: UUID,
    by: RetentionReader,
    now: Now,
) -> Response:
    """What it found: counts by class and year, and some records."""
    row = simulation.get(session, simulation_id, by=by)
    samples = {}
    if row.result is not None:
        for kind, some in row.result["samples"].items():
            ids = [UUID(hex=each["record"]) for each in some]
            numbers = {
                r.id: r for r in session.query(Record.id, Record.number, Record.record_class).where(Record.id.in_(ids))
            }
            samples[kind] = [(numbers.get(UUID(hex=each["record"])), each) for each in some]
    return page(
        request,
        "simulation.html",
        row=row,
        fresh=simulation.is_fresh(session, row, now),
        firm=entities.get(session, row.entity).name,
        samples=samples,
        kinds=(("becoming", _("Eligible at once")), ("ceasing", _("No longer eligible")), ("moved", _("Moving"))),
        show_number=show_record_number,
        code=_code,
        class_word=lambda code: words.record_class(code or None),
    )


def _list(
    request: Request, by: RetentionReader, run: Runtime, now: Now, *, wrong: str = "", status: int = 200
) -> Response:
    with run.main.read() as session:
        rows = simulation.listed(session, by=by)
        firms = {
            each: entities.get(session, each).name for each in by.entities if by.may("retention.read", entity=each)
        }
        fresh = {row.id: simulation.is_fresh(session, row, now) for row in rows}
    return page(
        request,
        "simulations.html",
        status=status,
        rows=rows,
        firms=firms,
        fresh=fresh,
        wrong=wrong,
        classes=[(each.code, words.record_class(each.code)) for each in file_plan.load().fileable()],
    )


def _code(text: str) -> str:
    """A date or state of a sample, in words."""
    if len(text) == 10 and text[:1].isdigit():
        return shown.day(date.fromisoformat(text))
    return text if text.isdigit() else state_word(text)[0]
