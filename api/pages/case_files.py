"""Case files: the list, opening one, and the page with its records, readers, sections and trigger facts."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response

from accounts import directory, entities, people
from accounts.principal import Principal
from api.deps import CaseFileManager, CaseFileReader, Now, RequestId, Run, WriteSession
from api.i18n import gettext as _
from api.pages.case_names import name_of, named
from api.pages.show import Form, fragment, go, is_piecewise, page, page_router, to_id
from app.runtime import Runtime
from core.clock import civil_date
from core.errors import Conflict, Invalid
from records import case_file, listing
from records.case_file import KINDS, SECTIONS, TRIGGERS, NewCaseFile

router = page_router()
PAGE = 50


@router.get("/case-files")
def case_files(
    request: Request,
    by: CaseFileReader,
    run: Run,
    now: Now,
    request_id: RequestId,
    kind: Annotated[str, Query(max_length=20)] = "",
    starting: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The files the person may see, by number."""
    with run.main.read() as session:
        files = case_file.visible_files(session, by, now)
    kinds = sorted({file.kind for file in files}, key=KINDS.index)
    wanted = [
        file
        for file in files
        if (not kind or file.kind == kind) and file.number.casefold().startswith(starting.strip().casefold())
    ]
    return page(
        request,
        "case_files.html",
        rows=named(run, wanted[:PAGE], by, request_id),
        total=len(wanted),
        hidden=max(0, len(wanted) - PAGE),
        kinds=kinds,
        kind=kind,
        starting=starting,
        any=bool(files),
        may_open=by.may("case_file.manage"),
    )


@router.get("/case-files/new")
def form(request: Request, by: CaseFileManager, run: Run, now: Now) -> Response:
    """The form to open a case file."""
    return _form(request, run, by, {"opened_on": _today(run, by).isoformat()}, {})


@router.post("/case-files/new")
def open_one(request: Request, by: CaseFileManager, run: Run, now: Now, given: Form) -> Response:
    """Open a case file."""
    values = {name: given.text(name) for name in ("number", "name", "kind", "opened_on", "entity", "about", "listed")}
    wrong = {}
    if not values["number"]:
        wrong["number"] = _("Give the file a number; everybody may see it.")
    if not values["name"]:
        wrong["name"] = _("Give the file a name.")
    about: UUID | None = None
    try:
        opened_on = given.day("opened_on") or _today(run, by)
    except Invalid:
        opened_on, wrong["opened_on"] = _today(run, by), _("Give the day as year-month-day.")
    with run.main.read() as session:
        if values["about"]:
            about = people.find_by_name(session, values["about"], run.keys)
            if about is None:
                wrong["about"] = _("Nobody has this sign-in name.")
    if wrong:
        return _form(request, run, by, values, wrong)
    entity = given.id("entity") or next(iter(_entities(run, by)))[0]
    new = NewCaseFile(
        entity=entity,
        kind=values["kind"],
        number=values["number"],
        name=values["name"],
        opened_on=opened_on,
        listed_only=bool(values["listed"]),
        about_person=about,
    )
    try:
        with run.main.write() as session:
            file = case_file.open_case_file(session, new, by=by, at=now, keys=run.keys)
    except Conflict as error:
        return _form(request, run, by, values, {"number": error.detail})
    return go(f"/case-files/{file.id}", done="opened")


@router.get("/case-files/{case_file_id}")
def show_file(
    request: Request,
    case_file_id: UUID,
    by: CaseFileReader,
    run: Run,
    now: Now,
    request_id: RequestId,
    before: Annotated[str, Query(max_length=40)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
    wrong: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """One file with everything in it."""
    with run.main.read() as session:
        file = case_file.get_visible(session, case_file_id, by, now)
        listed = case_file.access_list(session, file.id, now)
        triggers = case_file.triggers_of(session, file.id)
        ids, following = (
            listing.list_records(session, by, now, case_file=file.id, before=to_id(before), limit=PAGE)
            if by.may("record.read")
            else ([], None)
        )
        everybody = {person for person, _section in listed} | {file.owner}
        if file.about_person:
            everybody.add(file.about_person)
        names = people.reveal_names(session, everybody, run.keys)
    shown = run.content.reveal(ids, by=by, where="file", request=request_id)[0] if ids else []
    more = f"/case-files/{file.id}?before={following}" if following else ""
    if before and is_piecewise(request):
        return HTMLResponse(fragment(request, "parts/record_rows.html", rows=shown, more=more))
    if others := sorted(everybody - {by.id}):
        directory.note_shown(run.log, others, by=by, at=now, request=request_id)
    may_manage = by.may("case_file.manage", entity=file.entity) and file.about_person != by.id
    sections = SECTIONS.get(file.kind, ())
    return page(
        request,
        "case_file.html",
        file=file,
        name=name_of(run, file, by, request_id),
        owner=names.get(file.owner, ""),
        about=names.get(file.about_person, "") if file.about_person else "",
        rows=shown,
        more=more,
        lists=[
            (section, [(person, names.get(person, _("Erased person"))) for person, of in listed if of == section])
            for section in (None, *sections)
        ],
        sections=sections,
        triggers=[(code, triggers.get(code)) for code in case_file.triggers_for(file.kind)],
        stated=[(code, triggers[code]) for code in TRIGGERS if code in triggers],
        may_manage=may_manage,
        done=done,
        wrong=wrong,
    )


@router.post("/case-files/{case_file_id}/access")
def change_access(
    session: WriteSession, case_file_id: UUID, by: CaseFileManager, run: Run, now: Now, given: Form
) -> Response:
    """Put somebody on the access list, or take them off it."""
    section = given.text("section") or None
    back = f"/case-files/{case_file_id}"
    if (person := given.id("off")) is not None:
        case_file.disallow(session, case_file_id, person, section=section, by=by, at=now)
        return go(back, done="off")
    person = people.find_by_name(session, given.text("name"), run.keys) if given.text("name") else None
    case_file.get_managed(session, case_file_id, by, now)
    if person is None:
        return go(back, wrong="nobody")
    case_file.allow(session, case_file_id, person, section=section, by=by, at=now)
    return go(back, done="on")


@router.post("/case-files/{case_file_id}/triggers")
def state_trigger(session: WriteSession, case_file_id: UUID, by: CaseFileManager, now: Now, given: Form) -> Response:
    """State, correct or withdraw the day of a trigger event."""
    day = None if given.flag("withdraw") else given.day("happened_on")
    case_file.state_trigger(session, case_file_id, given.text("trigger"), day, by=by, at=now)
    return go(f"/case-files/{case_file_id}", done="stated")


def _form(request: Request, run: Runtime, by: Principal, values: dict[str, str], wrong: dict[str, str]) -> Response:
    empty = dict.fromkeys(("number", "name", "kind", "opened_on", "entity", "about", "listed"), "")
    return page(
        request,
        "case_file_new.html",
        status=422 if wrong else 200,
        values=empty | values,
        wrong=wrong,
        kinds=KINDS,
        entities=_entities(run, by),
    )


def _entities(run: Runtime, by: Principal) -> list[tuple[UUID, str]]:
    with run.main.read() as session:
        return [(row.id, row.name) for row in entities.everything(session) if by.may("case_file.manage", entity=row.id)]


def _today(run: Runtime, by: Principal) -> date:
    with run.main.read() as session:
        zones = [row.zone for row in entities.everything(session) if row.id in by.entities]
    return civil_date(run.clock.now(), zones[0] if zones else run.settings.time_zone)
