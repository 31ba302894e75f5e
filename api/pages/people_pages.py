"""People and roles: who has an account, what they may do, and the second person's word on it."""

from datetime import datetime, time, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import (
    departments,
    directory,
    entities,
    grant_requests,
    grants,
    passwords,
    people,
    recertification,
    setup,
    suspensions,
)
from accounts.directory import Entry
from accounts.grant_requests import GrantRequest
from accounts.password_rules import MIN_LENGTH
from accounts.permissions import ROLE_MEANINGS, ROLES, Role
from accounts.principal import Grant, Principal
from api.deps import (
    GrantDecider,
    GrantProposer,
    Now,
    PersonManager,
    PersonReader,
    RequestId,
    Run,
    SignedIn,
    WriteSession,
)
from api.i18n import gettext as _
from api.pages.show import Form, go, page, page_router, to_id
from app.runtime import Runtime
from core.database import ReadSession
from core.errors import Conflict, Invalid

router = page_router()
PAGE = 50


@router.get("/people")
def list_people(
    request: Request,
    by: PersonReader,
    session: ReadSession,
    run: Run,
    now: Now,
    request_id: RequestId,
    after: Annotated[str, Query(max_length=40)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Everybody with an account, and the roles that wait for a second person."""
    rows = directory.page(session, after=to_id(after), limit=PAGE + 1, by=by, at=now, keys=run.keys)
    waiting = grant_requests.pending(session, by=by)
    named = dict.fromkeys([*(row.names.id for row in rows[:PAGE]), *(each.person for each in waiting)])
    directory.note_shown(run.log, named, by=by, at=now, request=request_id)
    return page(
        request,
        "people.html",
        rows=rows[:PAGE],
        more=f"/people?after={rows[PAGE - 1].names.id}" if len(rows) > PAGE else "",
        waiting=[_told(session, run, each, by) for each in waiting],
        places=places_of(session),
        may_add=by.may("person.manage"),
        may_decide=by.may("grant.decide"),
        done=done,
    )


@router.get("/people/new")
def form(request: Request, by: PersonManager) -> Response:
    """The form to add a person."""
    return page(request, "person_new.html", values={}, wrong={}, min_length=MIN_LENGTH)


@router.post("/people/new")
def add(request: Request, by: PersonManager, run: Run, now: Now, given: Form) -> Response:
    """Add a person; they may do nothing until they have a role."""
    values = {name: given.text(name) for name in ("sign_in_name", "name", "mail")}
    try:
        hashed = passwords.hash_password(given.secret("password"), names=(values["sign_in_name"], values["name"]))
        with run.main.write() as session:
            person = people.add(
                session,
                values["sign_in_name"],
                name=values["name"] or None,
                mail=values["mail"] or None,
                password=hashed,
                by=by,
                at=now,
                keys=run.keys,
            )
    except (Invalid, Conflict) as error:
        at_fault = "password" if error.code == "weak_password" else "sign_in_name"
        at_fault = "mail" if "mail" in error.detail else at_fault
        return page(
            request,
            "person_new.html",
            status=422,
            values=values,
            wrong={at_fault: error.detail},
            min_length=MIN_LENGTH,
        )
    return go(f"/people/{person}", done="added")


@router.get("/people/recertification")
def list_due(
    request: Request,
    by: PersonReader,
    session: ReadSession,
    run: Run,
    now: Now,
    request_id: RequestId,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The roles that somebody is to sign for, the first due first."""
    rows = recertification.due(session, now, by=by)
    persons = [each.grant.person for each in rows[:PAGE]]
    names = people.reveal_names(session, persons, run.keys)
    directory.note_shown(run.log, list(dict.fromkeys(persons)), by=by, at=now, request=request_id)
    return page(
        request,
        "recertification.html",
        rows=[
            (
                each,
                names.get(each.grant.person, _("Erased person")),
                by.id != each.grant.person and by.may("grant.decide", entity=each.grant.entity),
            )
            for each in rows[:PAGE]
        ],
        waiting=len(rows),
        now=now,
        places=places_of(session),
        done=done,
    )


@router.post("/people/recertification/{grant_id}")
def sign_for(grant_id: UUID, session: WriteSession, by: GrantDecider, now: Now, given: Form) -> Response:
    """Sign that a role is still needed, or that it is not, which ends it."""
    word = given.text("word")
    if word not in ("keep", "end"):
        raise Invalid("say whether the role is still needed")
    recertification.sign(session, grant_id, kept=word == "keep", by=by, at=now)
    return go("/people/recertification", done=word)


@router.get("/people/{person_id}")
def show_person(
    request: Request,
    person_id: UUID,
    by: PersonReader,
    session: ReadSession,
    run: Run,
    now: Now,
    request_id: RequestId,
    done: Annotated[str, Query(max_length=20)] = "",
    wrong: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """One person with their roles."""
    entry = _entry(session, run, person_id, by, now)
    directory.note_shown(run.log, [person_id], by=by, at=now, request=request_id)
    waiting = [each for each in grant_requests.pending(session, by=by) if each.person == person_id]
    return page(
        request,
        "person.html",
        entry=entry,
        waiting=[_told(session, run, each, by) for each in waiting],
        places=places_of(session),
        roles=[(role, ROLE_MEANINGS[role]) for role in ROLES],
        entities=[
            (row, departments.of_entity(session, row.id))
            for row in entities.everything(session)
            if by.may("grant.propose", entity=row.id)
        ],
        is_self=by.id == person_id,
        may_propose=by.may("grant.propose"),
        may_manage=by.may("person.manage"),
        may_decide=by.may("grant.decide"),
        in_setup=setup.is_open(session, now),
        min_length=MIN_LENGTH,
        done=done,
        wrong=wrong,
    )


@router.post("/people/{person_id}/grants")
def propose(person_id: UUID, session: WriteSession, by: GrantProposer, now: Now, given: Form) -> Response:
    """Propose a role; a second person confirms it."""
    role = next((role for role in ROLES if role == given.text("role")), None)
    if role is None:
        raise Invalid("choose a role")
    department, entity = _place(session, role, given.text("place"))
    grant = Grant(role, entity, department, role == "staff" and given.flag("named_clerk"))
    last = given.day("until")
    # The whole of the last day, where the role holds.
    zone = entities.get(session, entity).zone
    until = None if last is None else datetime.combine(last + timedelta(days=1), time.min, ZoneInfo(zone))
    made = grant_requests.propose(session, person_id, grant, until=until, by=by, at=now)
    return go(f"/people/{person_id}", done="granted" if made.state == "confirmed" else "proposed")


@router.post("/grants/{grant_id}/end")
def end_grant(grant_id: UUID, session: WriteSession, by: SignedIn, now: Now) -> Response:
    """End a role now."""
    row = grants.end(session, grant_id, by=by, at=now)
    return go(f"/people/{row.person}" if by.may("person.read") else "/profile", done="ended")


@router.post("/grant-requests/{request_id}")
def decide(request_id: UUID, session: WriteSession, by: PersonReader, now: Now, given: Form) -> Response:
    """The second person's word: confirm or refuse; or withdraw one's own proposal."""
    if given.text("word") == "confirm":
        grant_requests.confirm(session, request_id, by=by, at=now)
        return go("/people", done="confirmed")
    grant_requests.refuse(session, request_id, by=by, at=now)
    return go("/people", done="refused")


@router.post("/people/{person_id}/suspension")
def suspend(person_id: UUID, session: WriteSession, by: PersonManager, now: Now, given: Form) -> Response:
    """Take all rights from a person, or give them back."""
    if given.text("word") == "suspend":
        suspensions.suspend(session, person_id, by=by, at=now)
        return go(f"/people/{person_id}", done="suspended")
    suspensions.reinstate(session, person_id, by=by, at=now)
    return go(f"/people/{person_id}", done="reinstated")


@router.post("/people/{person_id}/password")
def reset_password(person_id: UUID, by: PersonManager, run: Run, now: Now, given: Form) -> Response:
    """Set a password that the person must change; their approvals rest for 72 hours."""
    with run.main.read() as session:
        names = people.open_names(session, [person_id], run.keys)
    known = tuple(text for each in names for text in (each.sign_in_name, each.name))
    try:
        hashed = passwords.hash_password(given.secret("password"), names=known)
    except passwords.WeakPassword:
        return go(f"/people/{person_id}", wrong="password")
    with run.main.write() as session:
        passwords.reset(session, person_id, hashed, by=by, at=now)
    return go(f"/people/{person_id}", done="reset")


def _entry(session: ReadSession, run: Runtime, person: UUID, by: Principal, now: datetime) -> Entry:
    """The person's entry of the list, if ``by`` sees them there."""
    # Ids are in the order of the list, so the page that begins just before holds the person.
    just_before = UUID(int=person.int - 1) if person.int else None
    for entry in directory.page(session, after=just_before, limit=1, by=by, at=now, keys=run.keys):
        if entry.names.id == person:
            return entry
    raise people.UnknownPerson("there is no such person, or they have no role in your legal entities")


def _told(
    session: ReadSession, run: Runtime, each: GrantRequest, by: Principal
) -> tuple[GrantRequest, str, str, bool, bool]:
    """A request with the names of whom it is for and who asked, and whether ``by`` may confirm or withdraw it."""
    names = people.reveal_names(session, [i for i in (each.person, each.requested_by) if i], run.keys)
    neither = by.id not in (each.person, each.requested_by)
    asked = names.get(each.requested_by, _("the set-up")) if each.requested_by else _("the set-up")
    may_confirm = by.may("grant.decide", entity=each.entity) and neither
    return each, names.get(each.person, ""), asked, may_confirm, by.id == each.requested_by


def places_of(session: ReadSession) -> dict[UUID, str]:
    """Names of entities and departments by id."""
    named = {row.id: row.name for row in entities.everything(session)}
    for entity in list(named):
        named |= {row.id: row.name for row in departments.of_entity(session, entity)}
    return named


def _place(session: ReadSession, role: Role, text: str) -> tuple[UUID | None, UUID]:
    """Department and entity of a grant, from the form's ``department:<id>`` or ``entity:<id>``."""
    kind, _colon, rest = text.partition(":")
    found = to_id(rest)
    if found is None:
        raise Invalid("choose where the role holds")
    if kind == "department":
        entity = departments.get(session, found).entity
        return (found if role == "staff" else None), entity
    return None, found
