"""The audit trail on the command line: the filters of the page, one entry a line."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import typer

from accounts import departments, entities
from accounts.principal import Principal
from app.cli.arguments import to_day
from app.cli.options import options_of
from app.cli.session import opened
from app.runtime import Runtime
from audit.trail import TrailEntry
from core.database import ReadSession
from core.errors import Invalid, NotFound
from core.identifiers import show_record_number
from records.oversight import Filter, Oversight, Page, things_of


def trail(
    context: typer.Context,
    record: Annotated[str, typer.Option(help="Number or id of a record.")] = "",
    case_file: Annotated[str, typer.Option(help="Number or id of a case file.")] = "",
    class_: Annotated[str, typer.Option("--class", help="Code of a class; those below it count too.")] = "",
    action: Annotated[str, typer.Option(help="Such as record.downloaded.")] = "",
    outcome: Annotated[str, typer.Option(help="done, refused or failed.")] = "",
    department: Annotated[str, typer.Option(help="Name or id of the department of whoever acted.")] = "",
    request: Annotated[str, typer.Option(help="Id of a request.")] = "",
    since: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day.")] = "",
    before: Annotated[int | None, typer.Option(min=0, help="Go on below this position.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many entries at most.")] = 50,
) -> None:
    """Entries of the log that meet every filter, newest first. That you read them is itself on the log."""
    if outcome not in ("", "done", "refused", "failed"):
        raise Invalid("an outcome is done, refused or failed")
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        session.settle()
        with runtime.main.read() as reading:
            zone, places = _zone(reading, runtime, by), departments.names_in(reading, by.entities)
        names = {key: name for key, name, _entity in places}
        asked = Filter(
            record=record.strip(),
            case_file=case_file.strip(),
            record_class=class_,
            action=action,
            outcome=outcome,
            department=_department(department.strip(), names),
            request=request.strip(),
            since=_start(since, zone),
            until=_start(until, zone, days=1),
        )
        overseer = Oversight(runtime.main, runtime.log, runtime.clock)
        page = overseer.trail(asked, by=by, request=None, before=before, limit=limit)
        session.settle()
        told = {
            "items": [_told(entry, page, by) for entry in page.found.entries],
            "next": page.found.next,
            "reached": page.found.reached.isoformat() if page.found.reached else None,
        }
        lines = [_line(entry, page, by, names, zone) for entry in page.found.entries]
        if page.found.next is not None:
            lines.append(f"there is more: --before {page.found.next}")
        session.emit(told, "\n".join(lines or ["no entry meets all of that"]))


def _told(entry: TrailEntry, page: Page, by: Principal) -> dict[str, Any]:
    """An entry as ``GET /api/v1/audit/trail`` gives it, without what it leaves empty."""
    who = {"kind": entry.by.kind, "part": entry.by.name, "department": _text(entry.by.department)}
    found = {
        "seq": entry.seq,
        "leaf_hash": entry.leaf_hash.hex(),
        "action": entry.action,
        "outcome": entry.outcome,
        "basis": entry.basis,
        "at": entry.at.isoformat(),
        "appended_at": entry.appended_at.isoformat(),
        "by": who | {"you": by.id is not None and entry.by.id == by.id},
        "entity": _text(entry.entity),
        "request": entry.request,
        "objects": [
            {"kind": kind, "id": str(thing), "number": number, "version": version}
            for kind, thing, number, version in things_of(entry, page)
        ],
        "details": entry.details,
        "nameless": entry.nameless,
    }
    return {key: value for key, value in found.items() if value is not None}


def _line(entry: TrailEntry, page: Page, by: Principal, names: dict[UUID, str], zone: str) -> str:
    at = entry.appended_at.astimezone(ZoneInfo(zone))
    who = "you" if by.id is not None and entry.by.id == by.id else entry.by.name or entry.by.kind
    place = names.get(entry.by.department) if entry.by.department is not None else None
    about = [_number(kind, number) for kind, _id, number, _version in things_of(entry, page) if number is not None]
    words = [
        f"{entry.seq:>9}",
        f"{at:%Y-%m-%d %H:%M:%S}",
        entry.action,
        entry.outcome,
        f"{who}, {place}" if place else who,
    ]
    return "  ".join([*words, *about])


def _number(kind: str, number: str) -> str:
    return show_record_number(number) if kind == "record" else number


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _zone(session: ReadSession, runtime: Runtime, by: Principal) -> str:
    own = [row.zone for row in entities.everything(session) if row.id in by.entities]
    return own[0] if own else runtime.settings.time_zone


def _department(text: str, names: dict[UUID, str]) -> UUID | None:
    if not text:
        return None
    found = [key for key, name in names.items() if text.lower() in (name.lower(), str(key), key.hex)]
    if len(found) != 1:
        raise NotFound("there is no department of that name in your legal entities, or more than one: give its id")
    return found[0]


def _start(text: str, zone: str, *, days: int = 0) -> datetime | None:
    if not text:
        return None
    day = to_day(text) + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
