"""What becomes eligible when, by class; what cannot be dated; and which ceilings are near or have been passed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response
from sqlalchemy import func, select

from accounts import entities
from api.deps import Now, RetentionReader, Run
from api.i18n import gettext as _
from api.pages import eligible_chart, words
from api.pages.disposition_views import NEAR_CEILING
from api.pages.eligible_chart import BARS, MONTHS, OTHERS, UNITS, Span, Unit
from api.pages.show import page, page_router
from app.runtime import Runtime
from core.clock import civil_date
from core.database import ReadSession
from retention import ceiling
from retention.record_date import RecordDate

router = page_router()
MOST_CEILINGS = 200


@dataclass(frozen=True, slots=True)
class Ceiling:
    """One record whose statutory maximum is near or over, or whose time for review and destruction runs out."""

    record: UUID
    number: str
    class_text: str
    through: date
    is_over: bool
    """Whether a statute's maximum has passed."""
    is_statutory: bool
    is_dated: bool
    """Whether it may be destroyed already; otherwise a person has to look why not."""


@router.get("/retention/calendar")
def show_calendar(
    request: Request,
    by: RetentionReader,
    run: Run,
    now: Now,
    unit: Annotated[str, Query(max_length=8)] = "quarter",
    start: Annotated[date | None, Query(alias="from")] = None,
) -> Response:
    """The chart with its table, the figures above it, and the ceilings below."""
    chosen: Unit = next((each for each in UNITS if each == unit), "quarter")
    places = by.entities_for("retention.read")
    with run.main.read() as session:
        today = _today(session, places, run, now)
        over = eligible_chart.spans(chosen, _start(start, today, chosen))
        chart = eligible_chart.chart(over, _counts(session, places, over))
        states = _states(session, places)
        due = _due(session, places, today)
        ceilings = _ceilings(session, places, today)
    return page(
        request,
        "retention_calendar.html",
        today=today,
        unit=chosen,
        units=[("month", _("Months")), ("quarter", _("Quarters")), ("year", _("Years"))],
        chart=chart,
        drawing=eligible_chart.draw(chart),
        legend=[
            (eligible_chart.swatch(place + 1), _("all other classes") if code == OTHERS else words.record_class(code))
            for place, code in enumerate(chart.series)
        ],
        earlier=_moved(over[0].first, chosen, -BARS),
        later=_moved(over[0].first, chosen, BARS),
        is_now=over[0].first <= today < over[-1].end,
        states=states,
        due=due,
        ceilings=ceilings,
        near_days=NEAR_CEILING.days,
        total=sum(states.values()),
    )


def _today(session: ReadSession, places: Collection[UUID], run: Runtime, now: datetime) -> date:
    zone = next((row.zone for row in entities.everything(session) if row.id in places), run.settings.time_zone)
    return civil_date(now, zone)


def _start(asked: date | None, today: date, unit: Unit) -> date:
    if asked is not None and 1900 <= asked.year <= 2300:
        return asked
    return today


def _moved(first: date, unit: Unit, by: int) -> date:
    at = first.year * 12 + first.month - 1 + MONTHS[unit] * by
    return date(max(1900, min(2300, at // 12)), at % 12 + 1, 1)


def _counts(session: ReadSession, places: Collection[UUID], over: list[Span]) -> Mapping[date, Mapping[str, int]]:
    first, end = over[0].first, over[-1].end
    query = (
        select(RecordDate.eligible_from, RecordDate.record_class, func.count())
        .where(RecordDate.entity.in_(places), RecordDate.state == "dated")
        .where(RecordDate.eligible_from >= first, RecordDate.eligible_from < end)
        .group_by(RecordDate.eligible_from, RecordDate.record_class)
    )
    found: dict[date, dict[str, int]] = {span.first: {} for span in over}
    months = MONTHS[over[0].unit]
    for day, code, many in session.execute(query):
        if day is None:
            continue
        at = (day.year * 12 + day.month - 1) // months * months
        here = found[date(at // 12, at % 12 + 1, 1)]
        here[code or ""] = here.get(code or "", 0) + many
    return found


def _states(session: ReadSession, places: Collection[UUID]) -> dict[str, int]:
    query = select(RecordDate.state, func.count()).where(RecordDate.entity.in_(places)).group_by(RecordDate.state)
    found: dict[str, int] = {}
    for state, many in session.execute(query):
        found[state] = many
    return found


def _due(session: ReadSession, places: Collection[UUID], today: date) -> int:
    query = select(func.count()).where(RecordDate.entity.in_(places), RecordDate.state == "dated")
    return session.scalar(query.where(RecordDate.eligible_from <= today)) or 0


def _ceilings(session: ReadSession, places: Collection[UUID], today: date) -> list[Ceiling]:
    found = []
    for each in ceiling.near(session, places, today, today + NEAR_CEILING, limit=MOST_CEILINGS):
        row = each.row
        is_dated = row.state == "dated" and row.eligible_from is not None and row.eligible_from <= today
        text = words.record_class(row.record_class)
        if (through := row.ceiling_through) is not None:
            found.append(Ceiling(row.record, each.number, text, through, through < today, each.is_statutory, is_dated))
    return found
