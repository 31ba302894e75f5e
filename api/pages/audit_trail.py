"""Audit: the trail with its filters, and one entry with its proof. For auditors and the data protection officer."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response

from accounts import entities
from accounts.principal import Principal
from api.deps import AuditReader, RequestId, Run
from api.i18n import gettext as _
from api.pages import audit_words, shown, words
from api.pages.frame import departments_of
from api.pages.show import fragment, is_piecewise, page, page_router, to_id
from api.rest.trail import Position, oversight_of
from app.runtime import Runtime
from audit.events import catalogue
from audit.origin import started_as
from audit.trail import TrailEntry
from core.database import ReadSession
from core.errors import Invalid, NotFound
from records.overseen import Overseen
from records.oversight import Filter, Page, things_of

router = page_router()
PAGE = 50

Text = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it stands in the list."""

    seq: int
    sentence: str
    at: datetime
    things: tuple[tuple[str, UUID, str | None, int | None], ...]
    more_things: int
    outcome: str
    action: str


@router.get("/audit")
def show_trail(
    request: Request,
    by: AuditReader,
    run: Run,
    request_id: RequestId,
    record: Text = "",
    case_file: Text = "",
    class_: Annotated[str, Query(alias="class", max_length=60)] = "",
    action: Text = "",
    outcome: Text = "",
    department: Text = "",
    asked_request: Annotated[str, Query(alias="request", max_length=64)] = "",
    since: Annotated[str, Query(alias="from", max_length=10)] = "",
    until: Annotated[str, Query(alias="to", max_length=10)] = "",
    before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
) -> Response:
    """The trail, newest first; the address holds every filter."""
    values = {
        "record": record.strip(),
        "case_file": case_file.strip(),
        "class": class_,
        "action": action,
        "outcome": outcome,
        "department": department,
        "request": asked_request.strip(),
        "from": since,
        "to": until,
    }
    with run.main.read() as session:
        zone, places = zone_of(session, run, by), departments_of(session, by)
    wrong = ""
    found: Page | None = None
    try:
        asked = _asked(values, zone)
        found = oversight_of(run).trail(asked, by=by, request=request_id, before=before, limit=PAGE)
    except (NotFound, Invalid) as error:
        wrong = error.detail
    rows = rows_of(found, by, places) if found else []
    set_values = {name: value for name, value in values.items() if value}
    following = found.found.next if found else None
    more = f"/audit?{urlencode(set_values | {'before': str(following)})}" if following is not None else ""
    reached = found.found.reached if found else None
    if before is not None and is_piecewise(request):
        piece = fragment(request, "parts/audit_rows.html", rows=rows, more=more, reached=reached)
        return HTMLResponse(piece)
    return page(
        request,
        "audit.html",
        status=404 if wrong else 200,
        values=values,
        wrong=wrong,
        chips=[
            (audit_words.filter_name(name), _value(name, value, places, found), _without(set_values, name))
            for name, value in set_values.items()
        ],
        rows=rows,
        more=more,
        reached=reached,
        departments=places,
        classes=words.class_choices(),
        actions=audit_words.action_choices([each["action"] for each in catalogue()]),
        outcomes=[(code, audit_words.outcome(code)) for code in ("done", "refused", "failed")],
        vkey=vkey_of(run),
        first_page=before is None,
    )


@router.get("/audit/entries/{seq}")
def show_entry(request: Request, by: AuditReader, run: Run, request_id: RequestId, seq: Position) -> Response:
    """One entry: what it says, its exact bytes, and its proof on demand."""
    found, data = oversight_of(run).entry(seq, by=by, request=request_id)
    with run.main.read() as session:
        places = departments_of(session, by)
    entry = found.found.entries[0]
    return page(
        request,
        "audit_entry.html",
        row=rows_of(found, by, places)[0],
        entry=entry,
        things=things_of(entry, found),
        leaf=data.decode("ascii"),
        outcome=audit_words.outcome(entry.outcome),
        who=audit_words.who(entry, by.id, places),
        vkey=vkey_of(run),
    )


MOST_THINGS = 4


def rows_of(found: Page, by: Principal, places: dict[UUID, str]) -> list[Row]:
    """The entries of a page as they stand in the list."""
    return [_row(entry, found, by, places) for entry in found.found.entries]


def _row(entry: TrailEntry, found: Page, by: Principal, places: dict[UUID, str]) -> Row:
    named = [thing for thing in things_of(entry, found) if thing[2] is not None]
    return Row(
        entry.seq,
        audit_words.sentence(entry, by.id, places),
        entry.appended_at,
        tuple(named[:MOST_THINGS]),
        max(0, len(named) - MOST_THINGS),
        entry.outcome,
        entry.action,
    )


def zone_of(session: ReadSession, run: Runtime, by: Principal) -> str:
    """The time zone in which ``by`` means a day."""
    zones = [row.zone for row in entities.everything(session) if row.id in by.entities]
    return zones[0] if zones else run.settings.time_zone


def vkey_of(run: Runtime) -> str:
    """The verifier key of the log, as this server names it."""
    with run.log_database.read() as session:
        return (started_as(session) or ("", ""))[1]


def day_of(text: str) -> date | None:
    """A day as browsers send it; ``None`` where it was left empty.

    Raises:
        Invalid: it is none.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid(_("a date reads year-month-day")) from None


def start_of(day: date, zone: str) -> datetime:
    """The first instant of a day in a zone."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))


def _asked(values: dict[str, str], zone: str) -> Filter:
    since, until = day_of(values["from"]), day_of(values["to"])
    if values["outcome"] not in ("", "done", "refused", "failed"):
        raise Invalid(_("an outcome is done, refused or failed"))
    return Filter(
        record=values["record"],
        case_file=values["case_file"],
        record_class=values["class"],
        action=values["action"],
        outcome=values["outcome"],
        department=to_id(values["department"]),
        request=values["request"],
        since=start_of(since, zone) if since else None,
        until=start_of(until + timedelta(days=1), zone) if until else None,
    )


def _value(name: str, value: str, places: dict[UUID, str], found: Page | None) -> str:
    if name == "record":
        return next((shown.number(row.number) for row in _records(found) if str(row.id) == value), value)
    if name == "case_file":
        return next((text for file, text in found.case_files.items() if str(file) == value), value) if found else value
    if name == "class":
        return words.record_class(value)
    if name == "outcome":
        return audit_words.outcome(value)
    if name == "department":
        return next((text for place, text in places.items() if str(place) == value), value)
    return value


def _records(found: Page | None) -> list[Overseen]:
    return list(found.records.values()) if found else []


def _without(values: dict[str, str], name: str) -> str:
    rest = urlencode({key: value for key, value in values.items() if key != name})
    return f"/audit?{rest}" if rest else "/audit"
