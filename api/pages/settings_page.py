"""Settings: legal entities and departments, the set-up, single operator mode, the state of the installation."""

from typing import Annotated

from babel import Locale
from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response

from accounts import departments, entities, setup, single_operator
from accounts.departments import KINDS, DepartmentKind
from accounts.entities import COUNTRIES, NewEntity
from accounts.zones import of_country
from api import i18n
from api.deps import EntityManager, InstallationManager, Now, Run, WriteSession
from api.i18n import gettext as _
from api.pages import schedule_words
from api.pages.set_up import zones
from api.pages.show import Form, fragment, go, page, page_router
from app import reconcile
from core.database import ReadSession
from core.errors import Invalid
from retention import packs, schedule

router = page_router()


@router.get("/settings")
def overview(
    request: Request,
    by: InstallationManager,
    session: ReadSession,
    run: Run,
    now: Now,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """What this installation is made of."""
    own = run.settings
    return page(
        request,
        "settings.html",
        firms=[(row, departments.of_entity(session, row.id)) for row in entities.everything(session)],
        kinds=KINDS,
        setup_open=setup.is_open(session, now),
        single=single_operator.is_on(session, now),
        alone=by.id is not None and single_operator.is_alone(session, by.id, now),
        territories=Locale.parse(i18n.locale()).territories,
        facts=[
            (_("Address"), own.public_url or f"{own.host}:{own.port}"),
            (_("Documents read at the same time"), str(own.worker_count)),
            (_("Name of the audit log"), run.log.origin),
        ],
        largest=own.largest_upload_bytes,
        largest_read=own.largest_read_bytes,
        done=done,
    )


@router.get("/settings/state")
def state(request: Request, by: InstallationManager, run: Run) -> Response:
    """The counts that must agree, taken now."""
    return HTMLResponse(fragment(request, "parts/agreement.html", counts=reconcile.look(run)))


@router.get("/settings/entities/new")
def entity_form(request: Request, by: EntityManager, run: Run) -> Response:
    """The form to add a legal entity."""
    return _entity_form(request, {"country": "DE", "pack": "1"}, {})


@router.post("/settings/entities/new")
def add_entity(request: Request, by: EntityManager, run: Run, now: Now, given: Form) -> Response:
    """Add a legal entity."""
    values = {name: given.text(name) for name in ("name", "country", "zone", "controller", "pack")}
    try:
        new = NewEntity(
            name=values["name"],
            jurisdiction=values["country"],
            zone=values["zone"] or of_country(values["country"]),
            controller="processor" if values["controller"] else "own",
            controller_name=values["controller"] or None,
        )
        with run.main.write() as session:
            made = entities.add(session, new, by=by, at=now)
            for country in packs.suited_to(made.jurisdiction) if given.flag("pack") else ():
                schedule.take_pack(session, made.id, country, by=by, at=now)
    except Invalid as error:
        return _entity_form(request, values, {"zone" if "zone" in error.detail else "name": error.detail})
    return go("/settings", done="entity")


@router.post("/settings/departments")
def add_department(session: WriteSession, by: EntityManager, now: Now, given: Form) -> Response:
    """Add a department to a legal entity."""
    entity = given.id("entity")
    kind: DepartmentKind = next((kind for kind in KINDS if kind == given.text("kind")), "other")
    if entity is None:
        raise Invalid("choose a legal entity")
    departments.add(session, entity, given.text("name"), kind, by=by, at=now)
    return go("/settings", done="department")


@router.post("/settings/set-up/close")
def close_setup(session: WriteSession, by: InstallationManager, now: Now) -> Response:
    """Close the set-up: from here every role takes two persons."""
    setup.close(session, by=by, at=now)
    return go("/settings", done="closed")


@router.post("/settings/single-operator")
def switch_single(session: WriteSession, by: InstallationManager, now: Now, given: Form) -> Response:
    """Switch single operator mode."""
    single_operator.switch(session, given.text("on") == "1", by=by, at=now)
    return go("/settings", done="single")


def _entity_form(request: Request, values: dict[str, str], wrong: dict[str, str]) -> Response:
    names = Locale.parse(i18n.locale()).territories
    empty = dict.fromkeys(("name", "country", "zone", "controller", "pack"), "")
    return page(
        request,
        "entity_new.html",
        status=422 if wrong else 200,
        values=empty | values,
        wrong=wrong,
        countries=sorted(((code, names.get(code, code)) for code in COUNTRIES), key=lambda row: row[1]),
        zones=zones(),
        packs=", ".join(sorted(schedule_words.country(code) for code in packs.countries())),
    )
