"""Access for audits: who reads which classes and years until when, the second person's word, what is read so."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import directory, entities, people
from accounts.principal import Principal
from api.deps import GrantDecider, GrantProposer, Now, RequestId, Run, SignedIn, WriteSession
from api.errors import status_of
from api.i18n import gettext as _
from api.pages import words
from api.pages.audit_trail import day_of, start_of
from api.pages.show import Form, Posted, go, page, page_router
from api.rest.scopes import export_answer, records_of
from app.runtime import Runtime
from core.errors import Conflict, Forbidden, Invalid, NotFound
from records import auditor_scope, file_plan
from records.auditor_scope import AuditorScope, ScopeNotOpen

router = page_router()
_FIELDS = ("person", "entity", "first_year", "last_year", "reference", "until")


@router.get("/scopes")
def list_scopes(
    request: Request,
    by: SignedIn,
    run: Run,
    now: Now,
    request_id: RequestId,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The scopes one knows of, the form to propose one, and the second person's buttons."""
    return _list(request, by, run, now, request_id, done=done)


@router.post("/scopes")
def ask(request: Request, by: GrantProposer, run: Run, now: Now, request_id: RequestId, given: Form) -> Response:
    """Propose a scope."""
    try:
        with run.main.read() as session:
            person = people.find_by_name(session, given.text("person"), run.keys) if given.text("person") else None
            firm = given.id("entity") or next(
                (row.id for row in entities.everything(session) if by.may("grant.propose", entity=row.id)), None
            )
            if person is None or firm is None:
                raise NotFound(_("nobody has that sign-in name"))
            zone = entities.get(session, firm).zone
        last = day_of(given.text("until"))
        years = (given.text("first_year"), given.text("last_year"))
        if last is None or not all(each.isascii() and each.isdigit() and len(each) == 4 for each in years):
            raise Invalid(_("give a last day, and years such as 2025"))
        with run.main.write() as session:
            auditor_scope.ask(
                session,
                person,
                firm,
                given.all("class"),
                (int(years[0]), int(years[1])),
                given.text("reference"),
                until=start_of(last + timedelta(days=1), zone),
                by=by,
                at=now,
            )
    except (Invalid, NotFound, Forbidden) as error:
        wrong = error.detail or error.title()
        return _list(request, by, run, now, request_id, wrong=wrong, given=given, status=status_of(error))
    return go("/scopes", done="asked")


@router.post("/scopes/{scope_id}/decision")
def decide(session: WriteSession, scope_id: UUID, by: GrantDecider, now: Now, given: Form) -> Response:
    """The second person's word."""
    confirmed = given.text("word") == "confirm"
    auditor_scope.decide(session, scope_id, confirmed=confirmed, by=by, at=now)
    return go("/scopes", done="confirmed" if confirmed else "refused")


@router.post("/scopes/{scope_id}/end")
def end(session: WriteSession, scope_id: UUID, by: SignedIn, now: Now) -> Response:
    """End it before its time, or take the proposal back."""
    auditor_scope.end(session, scope_id, by=by, at=now)
    return go("/scopes", done="ended")


@router.get("/scopes/{scope_id}")
def show_scope(
    request: Request, scope_id: UUID, by: SignedIn, run: Run, request_id: RequestId, before: UUID | None = None
) -> Response:
    """The records of a scope of one's own."""
    try:
        shown, following, count = records_of(run, scope_id, by, request_id, before, 50)
    except ScopeNotOpen as error:
        return page(request, "scope.html", status=409, scope=None, wrong=error.detail)
    with run.main.read() as session:
        row = session.get_one(AuditorScope, scope_id)
        firm = entities.get(session, row.entity).name
    return page(
        request,
        "scope.html",
        scope=row,
        firm=firm,
        rows=shown,
        count=count,
        more=f"/scopes/{scope_id}?before={following}" if following is not None else "",
        classes=_classes(row),
        most=auditor_scope.MOST_FILES,
        wrong="",
    )


@router.post("/scopes/{scope_id}/export")
def export(request: Request, scope_id: UUID, by: SignedIn, run: Run, request_id: RequestId) -> Response:
    """The archive, or what is wrong."""
    try:
        return export_answer(run, scope_id, by, request_id)
    except (Invalid, Conflict) as error:
        return page(request, "scope.html", status=status_of(error), scope=None, wrong=error.detail)


def _list(
    request: Request,
    by: Principal,
    run: Runtime,
    now: datetime,
    request_id: str,
    *,
    done: str = "",
    wrong: str = "",
    given: Posted | None = None,
    status: int = 200,
) -> Response:
    with run.main.read() as session:
        rows = auditor_scope.visible(session, by=by)
        everybody = {row.person for row in rows} | {row.asked_by for row in rows}
        names = people.reveal_names(session, everybody, run.keys)
        firms = {row.id: row.name for row in entities.everything(session)}
    others = sorted(everybody - {by.id})
    if others:
        directory.note_shown(run.log, others, by=by, at=now, request=request_id)
    return page(
        request,
        "scopes.html",
        status=status,
        rows=[
            {
                "row": row,
                "person": names.get(row.person, _("Erased person")),
                "asker": names.get(row.asked_by, _("Erased person")),
                "firm": firms[row.entity] if len(firms) > 1 else "",
                "classes": _classes(row),
                "last": row.valid_to - timedelta(microseconds=1),
                "is_mine": row.person == by.id,
                "is_open": row.holds_at(now),
                "is_over": row.state == "confirmed" and row.valid_to <= now,
                "may_decide": auditor_scope.may_decide(row, by),
                "may_end": _may_end(row, by, now),
            }
            for row in rows
        ],
        firms=[(each, name) for each, name in firms.items() if by.may("grant.propose", entity=each)],
        classes=_choices(),
        may_ask=by.may("grant.propose"),
        given={name: given.text(name) if given else "" for name in _FIELDS},
        chosen=given.all("class") if given else [],
        done=done,
        wrong=wrong,
    )


def _may_end(row: AuditorScope, by: Principal, now: datetime) -> bool:
    is_live = row.state == "pending" or (row.state == "confirmed" and row.valid_to > now)
    return is_live and (by.id == row.person or by.may("grant.propose", entity=row.entity))


def _classes(row: AuditorScope) -> list[str]:
    plan = file_plan.load()
    return [words.record_class(code) if code in plan else code for code in row.classes]


def _choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Classes that a scope can open, under their headings; a heading with all below it stands first."""
    plan, found = file_plan.load(), []
    for top in plan.children(None):
        codes = [code for code in (top, *plan.descendants(top)) if code in auditor_scope.open_codes()]
        if codes:
            title = words.record_class(top)
            all_of = [(top, _("All of: %(class)s") % {"class": title})] if top not in codes or len(codes) > 1 else []
            found.append((title, [*all_of, *((code, words.record_class(code)) for code in codes if code != top)]))
            if not all_of:
                found[-1] = (title, [(top, title)])
    return found
