"""Holds: which there are, placing one after its count, what each reaches, release by two, notices and their answers."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import directory, entities, people
from accounts.principal import Principal
from api.deps import HoldPlacer, Now, RequestId, RetentionReader, Run, SignedIn, WriteSession
from api.errors import status_of
from api.i18n import gettext as _
from api.pages import hold_words, words
from api.pages.show import Form, Posted, go, page, page_router, to_id
from app import hold_wanted, holding, simulating, words_shown
from app.hold_wanted import Shown, Wanted
from app.runtime import Runtime
from core.clock import civil_date
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from records import file_plan
from retention import custodian, held, hold
from retention.hold import NewHold
from retention.hold_scope import SCOPES

router = page_router()
PAGE = 50
_FIELDS = (
    "entity", "kind", "title", "reason", "authority", "review_on", "records", "case_file", "parties", "colleague",
    "first_year", "last_year", "open_until", "query",
)  # fmt: skip


@router.get("/holds")
def list_holds(
    request: Request,
    by: RetentionReader,
    run: Run,
    now: Now,
    request_id: RequestId,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The holds of one's legal entities, those in force first."""
    with run.main.read() as session:
        rows = held.visible(session, by=by)
        firms = {row.id: row for row in entities.everything(session)}
    shown = hold_wanted.show(run, rows, by=by, request=request_id)
    return page(
        request,
        "holds.html",
        rows=[_line(each, firms[each.row.entity].zone, now) for each in shown],
        firms={each: row.name for each, row in firms.items()} if len(firms) > 1 else {},
        may_place=by.may("hold.place"),
        done=done,
    )


@router.get("/holds/new")
def new_hold(request: Request, by: HoldPlacer, run: Run, scope: Annotated[str, Query(max_length=12)] = "") -> Response:
    """What a hold is to reach, and then the form for that."""
    return _form(request, by, run, scope if scope in SCOPES else "")


@router.post("/holds")
def place(request: Request, by: HoldPlacer, run: Run, request_id: RequestId, given: Form) -> Response:
    """Count what it would reach, or place it."""
    chosen = given.text("scope")
    try:
        entity = given.id("entity") or _only_entity(run, by)
        scope = hold_wanted.scope_of(run, entity, _wanted(given), by=by)
        if given.text("step") == "simulate":
            made = simulating.ask_hold(run, entity, scope, by=by, request=request_id)
            return go(f"/retention/simulations/{made.id}")
        if given.text("step") != "place":
            found = holding.preview(run, entity, scope, by=by, request=request_id)
            return _form(request, by, run, chosen, given=given, found=found)
        review_on = given.day("review_on")
        if review_on is None:
            raise Invalid(_("give the day on which it is looked at again"))
        new = NewHold(
            entity=entity,
            kind="tax_audit" if chosen == "tax" else given.text("kind") or "legal_hold",
            scope=scope,
            title=given.text("title"),
            reason=given.text("reason"),
            authority=given.text("authority"),
            review_on=review_on,
        )
        row = holding.place(run, new, by=by, confirmed=_number(given.text("confirmed")))
    except (Invalid, NotFound, Forbidden, Conflict, Unavailable) as error:
        wrong = error.detail or error.title()
        return _form(request, by, run, chosen, given=given, wrong=wrong, status=status_of(error))
    return go(f"/holds/{row.id}", done="placed")


@router.get("/holds/{hold_id}")
def show_hold(
    request: Request,
    hold_id: UUID,
    by: RetentionReader,
    run: Run,
    now: Now,
    request_id: RequestId,
    done: Annotated[str, Query(max_length=20)] = "",
    after: UUID | None = None,
) -> Response:
    """One hold: why, what it reaches, who was told, and its release."""
    return _show(request, hold_id, by, run, now, request_id, done=done, after=after)


@router.post("/holds/{hold_id}/release")
def ask_release(
    request: Request, hold_id: UUID, by: HoldPlacer, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """Ask for its release."""
    try:
        with run.main.write() as session:
            hold.ask_release(session, hold_id, given.text("reason"), by=by, at=now, keys=run.keys)
    except (Invalid, Conflict) as error:
        return _show(request, hold_id, by, run, now, request_id, error=error)
    return go(f"/holds/{hold_id}", done="asked")


@router.post("/holds/{hold_id}/release/decision")
def decide_release(
    request: Request, hold_id: UUID, by: HoldPlacer, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """The second person's word, or taking one's own back."""
    confirmed = given.text("word") == "confirm"
    try:
        with run.main.write() as session:
            hold.decide_release(session, hold_id, confirmed=confirmed, by=by, at=now)
    except (Conflict, Forbidden) as error:
        return _show(request, hold_id, by, run, now, request_id, error=error)
    return go(f"/holds/{hold_id}", done="released" if confirmed else "stays")


@router.post("/holds/{hold_id}/review")
def review(
    request: Request, hold_id: UUID, by: HoldPlacer, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """Say that it is still needed."""
    try:
        review_on = given.day("review_on")
        if review_on is None:
            raise Invalid(_("give the day on which it is looked at again"))
        with run.main.write() as session:
            hold.review(session, hold_id, review_on, by=by, at=now)
    except (Invalid, Conflict) as error:
        return _show(request, hold_id, by, run, now, request_id, error=error)
    return go(f"/holds/{hold_id}", done="reviewed")


@router.post("/holds/{hold_id}/notices")
def give_notice(
    request: Request, hold_id: UUID, by: HoldPlacer, run: Run, now: Now, request_id: RequestId, given: Form
) -> Response:
    """Tell people of it."""
    try:
        persons = [person for person in (to_id(text) for text in given.all("person")) if person is not None]
        with run.main.read() as session:
            for name in given.text("others").replace(",", " ").split():
                person = people.find_by_name(session, name, run.keys)
                if person is None:
                    raise NotFound(_("nobody has the sign-in name %(name)s") % {"name": name[:60]})
                persons.append(person)
        with run.main.write() as session:
            custodian.give_notice(session, hold_id, persons, given.text("text"), by=by, at=now, keys=run.keys)
    except (Invalid, NotFound, Conflict) as error:
        return _show(request, hold_id, by, run, now, request_id, error=error, notice=given.text("text"))
    return go(f"/holds/{hold_id}", done="told")


@router.get("/notices")
def my_notices(
    request: Request,
    by: SignedIn,
    run: Run,
    now: Now,
    request_id: RequestId,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """What one was told to keep, and by whom."""
    with run.main.read() as session:
        rows = custodian.told_me(session, by.id) if by.id is not None else []
        names = people.reveal_names(session, {row.given_by for row in rows}, run.keys)
    if others := sorted({row.given_by for row in rows} - {by.id}):
        directory.note_shown(run.log, others, by=by, at=now, request=request_id)
    texts = words_shown.notices(run, rows, by=by, request=request_id)
    return page(request, "notices.html", rows=rows, texts=texts, names=names, done=done)


@router.post("/notices/{notice_id}/acknowledgement")
def acknowledge(session: WriteSession, notice_id: UUID, by: SignedIn, now: Now) -> Response:
    """Say that one has read it and follows it."""
    custodian.acknowledge(session, notice_id, by=by, at=now)
    return go("/notices", done="acknowledged")


def _show(
    request: Request,
    hold_id: UUID,
    by: Principal,
    run: Runtime,
    now: datetime,
    request_id: str,
    *,
    done: str = "",
    after: UUID | None = None,
    error: Invalid | NotFound | Forbidden | Conflict | None = None,
    notice: str = "",
) -> Response:
    with run.main.read() as session:
        row = held.get_visible(session, hold_id, by)
        firm = entities.get(session, row.entity)
        noted, following = hold_wanted.noted(session, row, after=after, limit=PAGE)
        told = custodian.told(session, row.id)
        may_place = by.may("hold.place", entity=row.entity)
        suggested = custodian.suggest(session, row, now) if may_place and row.state != held.OVER else []
        persons = {row.owner, row.placed_by, row.asked_by, row.ended_by, row.colleague, *suggested}
        persons |= {each.person for each in told}
        wanted = sorted(each for each in persons if each is not None)
        names = people.reveal_names(session, wanted, run.keys)
    if others := [each for each in wanted if each != by.id]:
        directory.note_shown(run.log, others, by=by, at=now, request=request_id)
    shown = hold_wanted.show(run, [row], by=by, request=request_id)[0]
    reached_already = {each.person for each in told}
    return page(
        request,
        "hold.html",
        status=status_of(error) if error is not None else 200,
        **_line(shown, firm.zone, now),
        firm=firm.name,
        noted=noted,
        more=f"/holds/{row.id}?after={following}" if following is not None else "",
        told=told,
        suggested=[each for each in suggested if each not in reached_already],
        names=names,
        notice=notice,
        may_place=may_place,
        may_release=by.may("hold.release", entity=row.entity),
        is_mine=row.asked_by is not None and row.asked_by == by.id,
        may_read=by.may("record.read"),
        done=done,
        wrong=(error.detail or error.title()) if error is not None else "",
    )


def _form(
    request: Request,
    by: Principal,
    run: Runtime,
    scope: str,
    *,
    given: Posted | None = None,
    found: holding.Reach | None = None,
    wrong: str = "",
    status: int = 200,
) -> Response:
    with run.main.read() as session:
        firms = [(row.id, row.name) for row in entities.everything(session) if by.may("hold.place", entity=row.id)]
    values = {name: given.text(name) if given else "" for name in _FIELDS}
    return page(
        request,
        "hold_new.html",
        status=status,
        scope=scope,
        scopes=[(code, hold_words.scope_kind(code), hold_words.scope_hint(code)) for code in SCOPES],
        kinds=[(code, hold_words.kind(code)) for code in hold.KINDS if code != hold.TAX_AUDIT],
        scope_name=hold_words.scope_kind(scope) if scope else "",
        scope_hint=hold_words.scope_hint(scope),
        firms=firms,
        classes=_classes(),
        chosen=given.all("class") if given else [],
        values=values,
        found=found,
        wrong=wrong,
    )


def _line(shown: Shown, zone: str, now: datetime) -> dict[str, Any]:
    row = shown.row
    return {
        "hold": row,
        "said": shown.words,
        "title": shown.words.title if shown.words else _("Words erased"),
        "kind": hold_words.kind(row.kind),
        "reach": hold_words.reach(shown),
        "records": shown.records,
        "is_over": row.state == held.OVER,
        "is_due": row.state != held.OVER and row.review_on <= civil_date(now, zone),
    }


def _wanted(given: Posted) -> Wanted:
    return Wanted(
        kind=given.text("scope"),
        records=tuple(given.text("records").replace(",", " ").split()),
        case_file=given.text("case_file"),
        parties=tuple(line.strip() for line in given.text("parties").splitlines() if line.strip()),
        colleague=given.text("colleague"),
        classes=tuple(given.all("class")),
        first_year=_number(given.text("first_year")),
        last_year=_number(given.text("last_year")) or _number(given.text("first_year")),
        open_until=given.day("open_until"),
        query=given.text("query"),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _only_entity(run: Runtime, by: Principal) -> UUID:
    with run.main.read() as session:
        known = [row.id for row in entities.everything(session) if by.may("hold.place", entity=row.id)]
    if len(known) != 1:
        raise Invalid(_("choose the legal entity"))
    return known[0]


def _classes() -> list[tuple[str, list[tuple[str, str]]]]:
    """All classes under their headings; a heading itself stands first and means all below it."""
    plan, found = file_plan.load(), []
    for top in plan.children(None):
        title, below = words.record_class(top), plan.descendants(top)
        rows = [(code, words.record_class(code)) for code in below]
        first = (top, _("All of: %(class)s") % {"class": title}) if below else (top, title)
        found.append((title, [first, *rows]))
    return found
