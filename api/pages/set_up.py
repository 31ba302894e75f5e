"""The set-up: the first legal entity, its departments and the first person, by a link that works once."""

from dataclasses import dataclass, field
from typing import Annotated
from zoneinfo import available_timezones

from babel import Locale
from fastapi import Query, Request
from fastapi.responses import Response

from accounts import first_account, passwords, sessions, setup
from accounts.departments import KINDS, DepartmentKind
from accounts.entities import COUNTRIES, InvalidEntity, NewEntity
from accounts.first_account import FirstPerson
from accounts.password_rules import MIN_LENGTH
from accounts.zones import of_country
from api import i18n, security
from api.deps import PUBLIC, Now, Run
from api.i18n import gettext as _
from api.pages import schedule_words
from api.pages.show import Form, Posted, go, page, page_router
from app.runtime import Runtime
from core.database import ReadSession
from core.errors import Conflict, Invalid, MunimentError
from retention import packs, schedule

router = page_router()
MORE_ROWS = 2
"""Empty rows for departments of one's own."""


@dataclass
class Draft:
    """What stands in the form."""

    entity: str = ""
    country: str = "DE"
    zone: str = ""
    """Empty: that of the country."""
    departments: list[tuple[str, str, bool]] = field(default_factory=list)
    """Name, kind, and whether it is wanted."""
    name: str = ""
    sign_in_name: str = ""
    files: bool = True
    clerk: bool = False
    pack: bool = True
    """Whether the starter rules of the country are taken."""


@router.get("/setup", dependencies=[PUBLIC])
def form(
    request: Request, run: Run, session: ReadSession, now: Now, token: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """The form, for whoever holds the link that the console printed."""
    if not setup.is_link(session, token, now):
        return page(request, "setup_dead.html", status=404, done=not setup.needs_first_account(session))
    starting = [(_(name), kind, True) for name, kind in first_account.STARTING_DEPARTMENTS]
    draft = Draft(departments=[*starting, *[("", "other", False)] * MORE_ROWS])
    return _form(request, token, draft)


@router.post("/setup", dependencies=[PUBLIC])
def found(request: Request, run: Run, given: Form, now: Now) -> Response:
    """Make the first account and sign its person in."""
    token, draft = given.text("token"), _draft(given)
    with run.main.read() as session:
        if not setup.is_link(session, token, now):
            return page(request, "setup_dead.html", status=404, done=not setup.needs_first_account(session))
    wrong = _wrong(draft, given)
    if wrong:
        return _form(request, token, draft, wrong)
    try:
        secret = _found(run, token, draft, given.secret("password"))
    except (Invalid, Conflict) as error:
        return _form(request, token, draft, {_field_of(error): error.detail})
    answer = go("/upload" if draft.files else "/people", welcome="1")
    security.set_session_cookie(answer, run.settings, secret)
    return answer


def _found(run: Runtime, token: str, draft: Draft, password: str) -> str:
    entity = NewEntity(name=draft.entity, jurisdiction=draft.country, zone=draft.zone or of_country(draft.country))
    hashed = passwords.hash_password(password, names=(draft.sign_in_name, draft.name))
    person = FirstPerson(
        sign_in_name=draft.sign_in_name,
        name=draft.name or None,
        password=hashed,
        files=draft.files,
        named_clerk=draft.files and draft.clerk,
    )
    wanted = [(name, _kind(kind)) for name, kind, on in draft.departments if on and name]
    at = run.clock.now()
    with run.main.write() as session:
        by = setup.use_link(session, token, at=at)
        made = first_account.found(session, entity, person, departments_of=wanted, by=by, at=at, keys=run.keys)
        for country in packs.suited_to(draft.country) if draft.pack else ():
            schedule.take_pack(session, made.entity, country, by=by, at=at)
        return sessions.start(session, made.person, at=at).secret


def _draft(given: Posted) -> Draft:
    names, kinds, wanted = given.all("department"), given.all("kind"), set(given.all("wanted"))
    rows = [
        (name.strip(), kind, str(place) in wanted or (bool(name.strip()) and place >= len(names) - MORE_ROWS))
        for place, (name, kind) in enumerate(zip(names, kinds, strict=False))
    ]
    return Draft(
        entity=given.text("entity"),
        country=given.text("country"),
        zone=given.text("zone"),
        departments=rows,
        name=given.text("name"),
        sign_in_name=given.text("sign_in_name"),
        files=given.flag("files"),
        clerk=given.flag("clerk"),
        pack=given.flag("pack"),
    )


def _wrong(draft: Draft, given: Posted) -> dict[str, str]:
    wrong = {}
    if not draft.entity:
        wrong["entity"] = _("Give the name of the firm or organisation.")
    if not any(on and name for name, _kind_, on in draft.departments):
        wrong["departments"] = _("Keep at least one department: records are filed for one.")
    if not draft.sign_in_name:
        wrong["sign_in_name"] = _("Choose a name to sign in with.")
    if given.secret("password") != given.secret("again"):
        wrong["again"] = _("The two passwords differ.")
    return wrong


def _form(request: Request, token: str, draft: Draft, wrong: dict[str, str] | None = None) -> Response:
    names = Locale.parse(i18n.locale()).territories
    countries = sorted(((code, names.get(code, code)) for code in COUNTRIES), key=lambda row: row[1])
    return page(
        request,
        "setup.html",
        status=422 if wrong else 200,
        token=token,
        draft=draft,
        wrong=wrong or {},
        countries=countries,
        zones=zones(),
        kinds=KINDS,
        min_length=MIN_LENGTH,
        packs=", ".join(sorted(schedule_words.country(code) for code in packs.countries())),
    )


def zones() -> list[str]:
    """Time zones to choose from, by name."""
    return sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))


def _kind(text: str) -> DepartmentKind:
    return next((kind for kind in KINDS if kind == text), "other")


def _field_of(error: MunimentError) -> str:
    """The part of the form that a refusal is about."""
    if "time zone" in error.detail:
        return "zone"
    if error.code == "weak_password":
        return "password"
    if error.code in ("invalid_name", "name_taken"):
        return "sign_in_name"
    if error.code in ("invalid_department", "same_department"):
        return "departments"
    if isinstance(error, InvalidEntity):
        return "zone" if "zone" in error.detail else "entity"
    return "entity"
