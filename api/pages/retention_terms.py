"""An entity's terms of retention: what holds, what waits for a second person, what held before."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import entities
from accounts.entities import LegalEntity
from accounts.principal import Principal
from api.deps import Now, RequestId, RetentionReader, Run
from api.errors import status_of
from api.i18n import gettext as _
from api.pages import terms_words
from api.pages.disposition_views import names_for
from api.pages.set_up import zones
from api.pages.show import Form, Posted, go, page, page_router
from app.runtime import Runtime
from core.errors import Conflict, Forbidden, Invalid, MunimentError, NotFound
from retention import terms_change
from retention.disposition_terms import MOST_GRACE_DAYS, MOST_MONTHS, MOST_QUORUM
from retention.terms_change import EntityTerms, TermsChange

router = page_router()
_FIELDS = (*terms_change.NAMES, "day", "month", "moves", "moved_on")
Code = Annotated[str, Query(max_length=20)]


@router.get("/retention/terms")
def show_terms(
    request: Request,
    by: RetentionReader,
    run: Run,
    now: Now,
    request_id: RequestId,
    entity: UUID | None = None,
    done: Code = "",
) -> Response:
    """The terms of one legal entity."""
    return _show(request, by, run, now, request_id, entity, done=done)


@router.post("/retention/terms")
def ask(request: Request, by: RetentionReader, run: Run, now: Now, request_id: RequestId, given: Form) -> Response:
    """Ask for other terms."""
    entity = None
    try:
        entity = given.id("entity")
        if entity is None:
            raise Invalid(_("choose the legal entity"))
        by.require(terms_change.READ, entity=entity)
        with run.main.write() as session:
            wanted = terms_change.wanted(terms_change.of(session, entity), **_values(given))
            row = terms_change.ask(session, entity, wanted, percent=run.settings.destroy_percent, by=by, at=now)
            done = "asked" if row.state == terms_change.PENDING else "set"
    except (Invalid, Conflict, Forbidden, NotFound) as error:
        return _show(request, by, run, now, request_id, entity, error=error, given=given)
    return go("/retention/terms", entity=str(entity), done=done)


@router.post("/retention/terms/changes/{change_id}/decision")
def decide(
    request: Request, change_id: UUID, by: RetentionReader, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """The second person's word, or taking one's own back."""
    confirmed = given.text("word") == "confirm"
    try:
        with run.main.write() as session:
            percent = run.settings.destroy_percent
            row = terms_change.decide(session, change_id, confirmed=confirmed, percent=percent, by=by, at=now)
            entity = row.entity
    except (Conflict, Forbidden) as error:
        return _show(request, by, run, now, request_id, given.id("entity"), error=error)
    return go("/retention/terms", entity=str(entity), done="set" if confirmed else "refused")


def _show(
    request: Request,
    by: Principal,
    run: Runtime,
    now: datetime,
    request_id: str,
    entity: UUID | None,
    *,
    done: str = "",
    error: MunimentError | None = None,
    given: Posted | None = None,
) -> Response:
    percent = run.settings.destroy_percent
    with run.main.read() as session:
        firms = [row for row in entities.everything(session) if by.may(terms_change.READ, entity=row.id)]
        firm = next((row for row in firms if row.id == entity), firms[0] if firms else None)
        if firm is None or (entity is not None and firm.id != entity):
            raise NotFound(_("there is no such legal entity, or its retention is not yours to see"))
        terms = terms_change.of(session, firm.id)
        rows = terms_change.history(session, firm.id, by=by)
    people = {row.asked_by for row in rows} | {row.decided_by for row in rows if row.decided_by is not None}
    names = names_for(run, people, by, now, request_id)
    told = [_told(row, names, firm, by, percent) for row in rows]
    return page(
        request,
        "retention_terms.html",
        status=status_of(error) if error is not None else 200,
        firms=firms,
        firm=firm,
        facts=terms_words.facts(terms, percent),
        values=_typed(given) if given is not None else _of(terms),
        waiting=[each for each in told if each["row"].state == terms_change.PENDING],
        over=[each for each in told if each["row"].state != terms_change.PENDING],
        may_ask=any(by.may(each, entity=firm.id) for each in terms_change.ASK),
        zones=sorted({*zones(), terms.zone}),
        months=terms_words.months(),
        percent=percent,
        most={"quorum": MOST_QUORUM, "grace_days": MOST_GRACE_DAYS, "months": MOST_MONTHS},
        done=terms_words.DONE().get(done, ""),
        wrong=_said(error),
    )


def _told(row: TermsChange, names: dict[UUID, str], firm: LegalEntity, by: Principal, percent: int) -> dict[str, Any]:
    before, after = EntityTerms(**row.before), EntityTerms(**row.after)
    may_decide = by.may(terms_change.DECIDE, entity=firm.id)
    return {
        "row": row,
        "lines": terms_words.lines(before, after, percent),
        "asked_by": names.get(row.asked_by, ""),
        "decided_by": names.get(row.decided_by, "") if row.decided_by is not None else "",
        "moves_dates": not set(terms_change.changed(before, after)).isdisjoint(terms_change.CALENDAR),
        "is_own": row.asked_by == by.id,
        "may_confirm": may_decide and row.asked_by != by.id,
    }


def _values(given: Posted) -> dict[str, Any]:
    """What the form asks for; a number that was left empty is none."""
    return {
        "quorum": _number(given, "quorum", _("how many persons approve")),
        "grace_days": _number(given, "grace_days", _("the days of grace")),
        "destroy_percent": _number(given, "destroy_percent", _("the share of a class"), empty=True),
        "intermediate_months": _number(given, "intermediate_months", _("the months"), empty=True),
        "zone": given.text("zone"),
        "fiscal_year_start": _fiscal_years(given),
    }


def _fiscal_years(given: Posted) -> str:
    """The first day as it is stated, the moves so far, and one more where a day is given for it."""
    text = f"{given.text('month').zfill(2)}-{given.text('day').zfill(2)}{given.text('moves')}"
    moved_on = given.text("moved_on")
    return f"{text}/{moved_on}" if moved_on else text


def _number(given: Posted, name: str, what: str, *, empty: bool = False) -> int | None:
    text = given.text(name)
    if not text and empty:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise Invalid(_("state %(what)s as a whole number") % {"what": what})
    return int(text)


def _typed(given: Posted) -> dict[str, str]:
    return {name: given.text(name) for name in _FIELDS}


def _of(terms: EntityTerms) -> dict[str, str]:
    first, *moves = terms.fiscal_year_start.split("/")
    month, day = first.split("-")
    shown = {name: getattr(terms, name) for name in terms_change.NAMES}
    return {name: "" if value is None else str(value) for name, value in shown.items()} | {
        "month": month,
        "day": str(int(day)),
        "moves": "".join(f"/{each}" for each in moves),
        "moved_on": "",
    }


def _said(error: MunimentError | None) -> str:
    if error is None:
        return ""
    text = error.title() if error.detail in ("", error.title()) else f"{error.title()}: {error.detail}"
    return text if not isinstance(error, Invalid) else error.detail or text
