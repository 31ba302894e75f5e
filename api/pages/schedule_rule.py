"""One rule of the schedule: what a version says, drafting it, publishing or refusing it, its review and its end."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import entities
from accounts.entities import COUNTRIES
from accounts.principal import Principal
from api.deps import Drafter, Now, ReadSession, RetentionReader, RulePublisher, Run, WriteSession
from api.errors import status_of
from api.i18n import gettext as _
from api.pages import schedule_words
from api.pages.rule_simulated import simulated
from api.pages.schedule import firms_of
from api.pages.show import Form, Posted, go, page, page_router
from core.clock import civil_date
from core.errors import Conflict, Forbidden, Invalid, NotFound
from retention import freshness, schedule, schedule_compare, simulation
from retention.anchor import ANCHORS
from retention.rule import ACTIONS, BOUNDS, CONFIDENCES, EU, TRIGGERS, Rule
from retention.rule_draft import KEYS, TRANSITIONS, read
from retention.schedule import DRAFT, PUBLISHED, RetentionRule

router = page_router()


@router.get("/retention/rules/new")
def draft_form(
    request: Request, by: Drafter, session: ReadSession, version: Annotated[UUID | None, Query(alias="from")] = None
) -> Response:
    """The form for a rule, or for a new version of one."""
    values: dict[str, Any] = {}
    if version is not None:
        row = schedule.get(session, version, by=by)
        values = row.draft.to_json() | {
            "entity": str(row.entity),
            "marking": "",
            "last_reviewed": None,
            "review_due": None,
        }
        values["later_of"] = "\n".join(f"{w['trigger']} {w['anchor']} {w['period']}" for w in values["later_of"])
    return _draft_form(request, by, session, values, "")


@router.post("/retention/rules")
def draft(request: Request, by: Drafter, run: Run, now: Now, given: Form) -> Response:
    """Draft it."""
    values = {key: given.text(key) for key in (*KEYS, "entity")}
    try:
        entity = given.id("entity")
        if entity is None:
            raise Invalid(_("choose a legal entity"))
        stated = read(_stated(given))
        with run.main.write() as session:
            row = schedule.draft(session, entity, stated, by=by, at=now)
            made = row.id
    except (Invalid, Conflict, NotFound) as error:
        with run.main.read() as session:
            return _draft_form(request, by, session, values, error.detail or error.title(), status_of(error))
    return go(f"/retention/rules/{made}", done="drafted")


@router.get("/retention/rules/{version_id}")
def show_rule(
    request: Request,
    version_id: UUID,
    by: RetentionReader,
    session: ReadSession,
    now: Now,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """One version: what it says, what it changes, its other versions, and what may be done with it."""
    return _rule(request, by, session, version_id, now, done=done)


@router.post("/retention/rules/{version_id}/publication")
def publish(request: Request, version_id: UUID, by: RulePublisher, run: Run, now: Now, given: Form) -> Response:
    """The second person's word: publish."""

    def act(session: WriteSession) -> object:
        return schedule.publish(session, version_id, simulation=given.id("simulation"), by=by, at=now)

    return _act(request, by, run, version_id, now, act, "published", given)


@router.post("/retention/rules/{version_id}/refusal")
def refuse(request: Request, version_id: UUID, by: RetentionReader, run: Run, now: Now, given: Form) -> Response:
    """Refuse a draft, or take one's own back."""

    def act(session: WriteSession) -> object:
        return schedule.refuse(session, version_id, by=by, at=now)

    return _act(request, by, run, version_id, now, act, "refused", given)


@router.post("/retention/rules/{version_id}/retirement")
def retire(request: Request, version_id: UUID, by: RetentionReader, run: Run, now: Now, given: Form) -> Response:
    """Ask that it be taken out of the schedule; or, as the second person, take it out."""

    def act(session: WriteSession) -> object:
        if given.text("word") == "retire":
            return schedule.retire(session, version_id, simulation=given.id("simulation"), by=by, at=now)
        return schedule.ask_retirement(session, version_id, by=by, at=now)

    return _act(request, by, run, version_id, now, act, "retired" if given.text("word") == "retire" else "asked", given)


@router.post("/retention/rules/{version_id}/review")
def review(request: Request, version_id: UUID, by: RetentionReader, run: Run, now: Now, given: Form) -> Response:
    """Note that it is still the law."""

    def act(session: WriteSession) -> object:
        due = given.day("due_on")
        if due is None:
            raise Invalid(_("give the day of the next review"))
        return freshness.review(session, version_id, due_on=due, owner=given.text("owner"), by=by, at=now)

    return _act(request, by, run, version_id, now, act, "reviewed", given)


@router.post("/retention/rules/{version_id}/simulation")
def simulate(session: WriteSession, version_id: UUID, by: RetentionReader, now: Now) -> Response:
    """Have it simulated what publishing a draft, or taking a rule out, would do to the records."""
    row = schedule.get(session, version_id, by=by)
    kind: simulation.Kind = "rules" if row.state == DRAFT else "retire"
    simulation.ask(session, row.entity, kind, versions=[row.id], by=by, at=now)
    return go(f"/retention/rules/{version_id}")


def _rule(
    request: Request, by: Principal, session: ReadSession, version_id: UUID, now: datetime, *,
    done: str = "", wrong: str = "", status: int = 200,
) -> Response:  # fmt: skip
    row = schedule.get(session, version_id, by=by)
    firm = entities.get(session, row.entity)
    today = civil_date(now, firm.zone)
    others = schedule.versions_of(session, row.rule)
    held = {rule.id: rule for rule in schedule.published(session, row.entity, today) if rule.code == row.code}
    before = schedule.version_before(session, row)
    newest = next((each for each in others if each.state == PUBLISHED), None)
    may_publish = by.may("retention.publish", entity=row.entity)
    may_draft = by.may("plan.draft", entity=row.entity)
    return page(
        request,
        "retention_rule.html",
        status=status,
        row=row,
        rule=held.get(row.id, row.value()),
        stated=row.draft,
        firm=firm,
        fresh=freshness.of_rows(session, [row], today)[row.id],
        others=[(each, _standing(each, held, today), held.get(each.id)) for each in others],
        standing=_standing(row, held, today),
        change=schedule_compare.difference(before, row) if before is not None else None,
        is_newest=newest is not None and newest.id == row.id,
        open_draft=next((each for each in others if each.state == DRAFT), None),
        simulated=simulated(session, [row], "rules" if row.state == DRAFT else "retire", by, now),
        may_draft=may_draft,
        may_publish=may_publish and row.state == DRAFT and row.drafted_by != by.id,
        may_refuse=row.state == DRAFT and (may_publish or row.drafted_by == by.id),
        may_retire=may_publish and row.retirement_asked_by is not None and row.retirement_asked_by != by.id,
        may_ask=(may_draft or may_publish) and row.retirement_asked_by is None,
        may_review=(may_draft or may_publish) and row.state == PUBLISHED,
        w=schedule_words,
        done=done,
        wrong=wrong,
    )


def _standing(row: RetentionRule, held: dict[UUID, Rule], today: date) -> str:
    if row.state != PUBLISHED or row.id in held:
        return row.state
    return "to_come" if row.in_force_on is not None and row.in_force_on > today else "superseded"


def _act(
    request: Request, by: Principal, run: Run, version_id: UUID, now: datetime, act: Any, done: str, given: Posted
) -> Response:
    try:
        with run.main.write() as session:
            act(session)
    except (Invalid, Conflict, Forbidden) as error:
        wrong = error.title() if error.detail in ("", error.title()) else f"{error.title()}: {error.detail}"
        with run.main.read() as session:
            return _rule(request, by, session, version_id, now, wrong=wrong, status=status_of(error))
    return go(f"/retention/rules/{version_id}", done=done)


def _stated(given: Posted) -> dict[str, Any]:
    """The fields of the form as a rule states them."""
    values: dict[str, Any] = {key: given.text(key) for key in KEYS if given.text(key)}
    if text := given.text("later_of"):
        ways = [line.split() for line in text.splitlines() if line.strip()]
        if any(len(way) != 3 for way in ways):
            raise Invalid(_("write event, day to count from and period of each alternative on a line of its own"))
        values["later_of"] = [dict(zip(("trigger", "anchor", "period"), way, strict=True)) for way in ways]
    return values


def _draft_form(
    request: Request, by: Principal, session: ReadSession, values: dict[str, Any], wrong: str, status: int = 200
) -> Response:
    drafting = [firm for firm in firms_of(session, by) if by.may("plan.draft", entity=firm.id)]
    empty = dict.fromkeys((*KEYS, "entity"), "")
    return page(
        request,
        "retention_rule_new.html",
        status=status,
        firms=drafting,
        values=empty | {key: value for key, value in values.items() if value is not None},
        countries=sorted(((code, schedule_words.country(code)) for code in (*COUNTRIES, EU)), key=lambda each: each[1]),
        classes=schedule_words.class_choices(),
        triggers=sorted(((code, schedule_words.event(code)) for code in TRIGGERS), key=lambda each: each[1]),
        anchors_of=[(code, schedule_words.value("anchor", code)) for code in ANCHORS],
        bounds_of=[(code, schedule_words.value("bound", code)) for code in BOUNDS],
        actions_of=[(code, schedule_words.action(code)) for code in ACTIONS],
        confidences_of=[(code, schedule_words.confidence(code)) for code in reversed(CONFIDENCES)],
        transitions_of=[(code, schedule_words.transition(code)) for code in TRANSITIONS],
        w=schedule_words,
        wrong=wrong,
    )
