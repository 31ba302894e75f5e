"""Many rules at once: starter packs, files, the batches of drafts they make, and schedules compared."""

import re
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts.principal import Principal
from api.deps import Drafter, Now, ReadSession, RetentionReader, RulePublisher, Run, WriteSession
from api.errors import status_of
from api.i18n import gettext as _
from api.pages import schedule_words
from api.pages.schedule import firms_of
from api.pages.show import Form, go, page, page_router
from core.clock import civil_date
from core.errors import Conflict, Invalid, NotFound
from retention import packs, schedule, schedule_compare, schedule_files, simulation

router = page_router()


@router.post("/retention/batches/{batch}/simulation")
def simulate_batch(session: WriteSession, batch: UUID, by: RetentionReader, now: Now) -> Response:
    """Have it simulated what publishing all drafts of a pack or file would do to the records."""
    rows = schedule.drafts_of(session, batch, by=by)
    if not rows:
        raise NotFound(_("no draft of this batch is left"))
    simulation.ask(session, rows[0].entity, "rules", versions=[row.id for row in rows], by=by, at=now)
    return go("/retention", entity=str(rows[0].entity))


@router.post("/retention/batches/{batch}/publication")
def publish_batch(session: WriteSession, batch: UUID, by: RulePublisher, now: Now, given: Form) -> Response:
    """Publish all drafts of a pack or file in one go."""
    rows = schedule.publish_batch(session, batch, simulation=given.id("simulation"), by=by, at=now)
    return go("/retention", entity=str(rows[0].entity), done="published")


@router.post("/retention/packs")
def take_pack(session: WriteSession, by: Drafter, now: Now, given: Form) -> Response:
    """Take a starter pack as drafts."""
    entity = given.id("entity")
    if entity is None:
        raise Invalid(_("choose a legal entity"))
    batch = schedule.take_pack(session, entity, given.text("country"), by=by, at=now)
    return go("/retention", entity=str(entity), done="taken" if batch is not None else "known")


@router.get("/retention/import")
def import_form(request: Request, by: Drafter, session: ReadSession) -> Response:
    """The form for a file of rules."""
    return _import_form(request, by, session, {}, "")


@router.post("/retention/import")
def import_rules(request: Request, by: Drafter, run: Run, now: Now, given: Form) -> Response:
    """Take the rules of a file as drafts; a bad row, and nothing is taken."""
    values = {name: given.text(name) for name in ("entity", "text", "format")}
    try:
        entity = given.id("entity")
        if entity is None:
            raise Invalid(_("choose a legal entity"))
        form: schedule_files.Format = "csv" if values["format"] == "csv" else "yaml"
        stated = schedule_files.parse(values["text"].encode(), form)
        with run.main.write() as session:
            batch, _known = schedule.take_file(session, entity, stated, by=by, at=now)
    except (Invalid, Conflict, NotFound) as error:
        with run.main.read() as session:
            return _import_form(request, by, session, values, error.detail or error.title(), status_of(error))
    return go("/retention", entity=str(entity), done="taken" if batch is not None else "known")


@router.get("/retention/comparison")
def compare(
    request: Request,
    by: RetentionReader,
    session: ReadSession,
    now: Now,
    entity: UUID | None = None,
    before: date | None = None,
    after: date | None = None,
    pack: Annotated[str, Query(max_length=2)] = "",
) -> Response:
    """The schedule on two days, or beside a starter pack."""
    firms = firms_of(session, by)
    firm = next((firm for firm in firms if firm.id == entity), firms[0] if firms else None)
    today = civil_date(now, firm.zone) if firm else None
    found = None
    if firm is not None and today is not None and pack:
        found = schedule_compare.with_pack(session, firm.id, pack, after or today, by=by)
    elif firm is not None and today is not None and before is not None:
        found = schedule_compare.days(session, firm.id, before, after or today, by=by)
    return page(
        request,
        "retention_comparison.html",
        firms=firms,
        firm=firm,
        before=before,
        after=after or today,
        pack=pack,
        countries=packs.countries(),
        found=found,
        w=schedule_words,
    )


def _import_form(
    request: Request, by: Principal, session: ReadSession, values: dict[str, str], wrong: str, status: int = 200
) -> Response:
    drafting = [firm for firm in firms_of(session, by) if by.may("plan.draft", entity=firm.id)]
    empty = dict.fromkeys(("entity", "text", "format"), "")
    return page(
        request,
        "retention_import.html",
        status=status,
        firms=drafting,
        values=empty | values,
        formats=schedule_files.FORMATS,
        faults=re.split(r"; (?=line \d|and \d)", wrong) if wrong else [],
    )
