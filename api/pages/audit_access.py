"""Audit: who saw a record, who could have seen it on a past day, and what a role opened then."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import departments, directory, entities, people
from accounts.permissions import ROLE_PERMISSIONS, ROLES
from accounts.principal import Grant, Principal
from api.deps import AuditReader, RequestId, Run
from api.i18n import gettext as _
from api.pages import audit_words, words
from api.pages.audit_trail import Text, day_of, start_of, zone_of
from api.pages.frame import departments_of
from api.pages.people_pages import places_of
from api.pages.show import page, page_router
from api.rest.trail import bounds_of, oversight_of
from app.runtime import Runtime
from core.clock import civil_date
from core.database import ReadSession
from core.errors import Invalid, NotFound
from records.access_past import CouldRead
from records.oversight import Sight

router = page_router()
READING_ROLES = tuple(role for role in ROLES if "record.read" in ROLE_PERMISSIONS[role])


@router.get("/audit/seen")
def who_saw(request: Request, by: AuditReader, run: Run, request_id: RequestId, record: Text = "") -> Response:
    """Who saw a record, by department and without names."""
    row, more, wrong = None, False, ""
    seen: list[Sight] = []
    if record.strip():
        try:
            row, seen, more = oversight_of(run).who_saw(record.strip(), by=by, request=request_id)
        except (NotFound, Invalid) as error:
            wrong = error.detail
    with run.main.read() as session:
        places = departments_of(session, by)
    return page(
        request,
        "audit_seen.html",
        status=404 if wrong else 200,
        record=record,
        row=row,
        seen=[(_somebody(each, places), each) for each in seen],
        ways=audit_words.way,
        more=more,
        wrong=wrong,
        may_report=by.may("file_report.make"),
    )


@router.get("/audit/rights")
def rights(
    request: Request,
    by: AuditReader,
    run: Run,
    request_id: RequestId,
    record: Text = "",
    day: Annotated[str, Query(max_length=10)] = "",
    role: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """Who could have seen a record on a day; or what a role opened at its end."""
    with run.main.read() as session:
        zone = zone_of(session, run, by)
        choices, places = _roles(session, by), places_of(session)
    today = civil_date(run.clock.now(), zone)
    wrong, row, opened, asked = "", None, None, today
    could: list[CouldRead] = []
    try:
        asked = day_of(day) or today
        if record.strip():
            begin, end = bounds_of(run, by, asked, record.strip())
            row, could = oversight_of(run).who_could_see(record.strip(), begin, end, asked, by=by, request=request_id)
        elif role:
            opened = _opened(run, by, role, choices, asked, zone, request_id)
    except (NotFound, Invalid) as error:
        wrong = error.detail
    with run.main.read() as session:
        names = people.reveal_names(session, [each.person for each in could], run.keys)
    shown = [each.person for each in could]
    directory.note_shown(run.log, shown, by=by, at=run.clock.now(), request=request_id)
    return page(
        request,
        "audit_rights.html",
        status=404 if wrong else 200,
        record=record,
        day=asked,
        role=role,
        roles=choices,
        row=row,
        could=[(names.get(each.person, _("Erased person")), _why(each.why), each) for each in could],
        opened=opened,
        places=places,
        wrong=wrong,
    )


def _somebody(sight: Sight, places: dict[UUID, str]) -> str:
    if sight.kind == "operator":
        return _("An operator at the machine's command line")
    place = places.get(sight.department) if sight.department is not None else None
    if not sight.who:
        return _("Somebody whose name was erased")
    if place is None:
        return _("Colleague %(number)s") % {"number": sight.who}
    return _("Colleague %(number)s, %(department)s") % {"number": sight.who, "department": place}


def _why(code: str) -> str:
    return {
        "uploader": _("took it in, and nobody had confirmed it yet"),
        "channel": _("belongs to the department it came in through, and reads its class; nobody had confirmed it yet"),
        "listed": _("is on the access list of its case file"),
        "class": _("reads its class"),
        "department": _("belongs to its department"),
        "auditor_scope": _("audits its class and year, as two persons agreed"),
    }.get(code, code)


def _roles(session: ReadSession, by: Principal) -> list[tuple[str, str, Grant]]:
    """What may be asked about: value, words, and the grant it stands for."""
    found = []
    firms = [row for row in entities.everything(session) if by.may("audit.read", entity=row.id)]
    for firm in firms:
        suffix = f" · {firm.name}" if len(firms) > 1 else ""
        for role in READING_ROLES:
            if role != "staff":
                found.append((f"{role}:{firm.id}", words.role(role) + suffix, Grant(role, firm.id)))
        for place in departments.of_entity(session, firm.id):
            text = _("Staff, %(department)s") % {"department": place.name} + suffix
            found.append((f"staff:{place.id}", text, Grant("staff", firm.id, place.id)))
            if place.kind == "hr":
                named = Grant("staff", firm.id, place.id, named_clerk=True)
                found.append((f"clerk:{place.id}", _("%(role)s, named clerk") % {"role": text}, named))
    return found


def _opened(
    run: Runtime,
    by: Principal,
    role: str,
    choices: list[tuple[str, str, Grant]],
    day: date,
    zone: str,
    request_id: str,
) -> list[tuple[str, int]]:
    grant = next((grant for value, _text, grant in choices if value == role), None)
    if grant is None:
        raise NotFound(_("there is no such role in the legal entities you oversee"))
    at = min(start_of(day + timedelta(days=1), zone), run.clock.now())
    if start_of(day, zone) > at:
        raise Invalid(_("the day has not begun"))
    found = oversight_of(run).role_could_see(grant, at, day, by=by, request=request_id)
    return [(words.record_class(each.record_class), each.records) for each in found]
