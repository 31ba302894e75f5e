"""Simulations: which there are, asking for one, and what it found by class and year, with samples."""

from datetime import date
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from accounts import entities
from api.deps import HoldPlacer, Now, ReadSession, RetentionReader, Run, WriteSession
from api.errors import status_of
from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import hold_words, shown, terms_words, words
from api.pages.retention_words import state_word
from api.pages.show import Form, go, page, page_router
from app.runtime import Runtime
from core.errors import Forbidden, Invalid, NotFound
from core.identifiers import show_record_number
from records import file_plan
from records.record import Record
from retention import hold_simulation, simulation, terms_change
from retention.simulation import Simulation
from retention.terms_change import EntityTerms, TermsChange

router = page_router()


@router.get("/retention/simulations")
def list_simulations(request: Request, by: RetentionReader, run: Run, now: Now) -> Response:
    """The newest simulations, and the form for a change of class."""
    return _list(request, by, run, now)


@router.post("/retention/simulations")
def simulate(request: Request, by: RetentionReader, run: Run, now: Now, given: Form) -> Response:
    """Have it simulated what another class would do to the records of one; or another calendar, to all."""
    change = given.id("terms")
    try:
        if change is not None:
            return _simulate_calendar(run, change, by, now)
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


@router.post("/holds/{hold_id}/simulation")
def simulate_release(session: WriteSession, hold_id: UUID, by: HoldPlacer, now: Now) -> Response:
    """Have it simulated what the release of a hold would let go on."""
    row = hold_simulation.ask_release(session, hold_id, by=by, at=now)
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
        title=_title(row),
        about=_about(row),
        is_hold=row.kind in hold_simulation.KINDS,
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
        title=_title,
        fresh=fresh,
        wrong=wrong,
        classes=[(each.code, words.record_class(each.code)) for each in file_plan.load().fileable()],
    )


def _code(text: str) -> str:
    """A date or state of a sample, in words."""
    if len(text) == 10 and text[:1].isdigit():
        return shown.day(date.fromisoformat(text))
    return text if text.isdigit() else state_word(text)[0]


def _simulate_calendar(run: Runtime, change_id: UUID, by: RetentionReader, now: Now) -> Response:
    with run.main.write() as session:
        asked = session.get(TermsChange, change_id)
        if asked is None or not by.may(terms_change.READ, entity=asked.entity):
            raise NotFound(_("nobody asked for that"))
        after = EntityTerms(**asked.after)
        row = simulation.ask_calendar(
            session, asked.entity, zone=after.zone, fiscal_year_start=after.fiscal_year_start, by=by, at=now
        )
    return go(f"/retention/simulations/{row.id}")


def _title(row: Simulation) -> str:
    return {
        "rules": _("Publishing rules"),
        "retire": _("Taking rules out"),
        "class": _("Another class"),
        "calendar": _("Another calendar"),
        "hold": _("Placing a hold"),
        "release": _("Releasing a hold"),
    }[row.kind]


def _about(row: Simulation) -> str:
    """What is simulated, in a line."""
    spec: dict[str, Any] = row.spec
    if row.kind == "class":
        return f"{words.record_class(spec['from_class'])} → {words.record_class(spec['to_class'])}"
    if row.kind == "calendar":
        return f"{spec['zone']} · {terms_words.month_day(spec['fiscal_year_start'])}"
    if row.kind == "hold":
        return hold_words.scope_kind(spec["kind"])
    if row.kind == "release":
        return ""
    return ngettext("one rule", "%(num)s rules", len(row.versions)) % {"num": len(row.versions)}
