"""The retention schedule: who keeps what how long by whose law; versions, drafts, freshness, starter packs, files."""

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response

from accounts import entities
from accounts.entities import COUNTRIES, LegalEntity
from accounts.principal import Principal
from api.deps import Drafter, Now, ReadSession, RetentionReader, RulePublisher, Run, WriteSession
from api.errors import status_of
from api.i18n import gettext as _
from api.pages import schedule_words
from api.pages.show import Form, Posted, go, page, page_router
from core.clock import civil_date
from core.errors import Conflict, Forbidden, Invalid, NotFound
from retention import freshness, packs, schedule, schedule_compare, schedule_files, simulation
from retention.anchor import ANCHORS
from retention.freshness import WARNINGS, Freshness
from retention.rule import ACTIONS, BOUNDS, CONFIDENCES, EU, TRIGGERS, Rule
from retention.rule_draft import KEYS, TRANSITIONS, read
from retention.schedule import DRAFT, PUBLISHED, RetentionRule
from retention.simulation import Simulation

router = page_router()


@dataclass(frozen=True, slots=True)
class Cell:
    """One rule in the matrix."""

    row: RetentionRule
    rule: Rule
    fresh: Freshness


@dataclass(frozen=True, slots=True)
class Column:
    """The rules of one entity by one country's law."""

    entity: UUID
    firm: str
    jurisdiction: str
    cells: dict[str, list[Cell]] = field(default_factory=dict)
    """By class."""


@router.get("/retention")
def show_schedule(
    request: Request,
    by: RetentionReader,
    session: ReadSession,
    now: Now,
    entity: UUID | None = None,
    on: date | None = None,
    warning: Annotated[str, Query(max_length=20)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The schedule on a day: class by country, what waits for a second person, and how fresh the rules are."""
    firms = firms_of(session, by)
    shown_firms = [firm for firm in firms if entity in (None, firm.id)] or firms
    columns: list[Column] = []
    waiting: list[RetentionRule] = []
    held: list[Cell] = []
    for firm in shown_firms:
        day = on or civil_date(now, firm.zone)
        rows = {row.id: row for row in schedule.listed(session, firm.id, by=by)}
        waiting += [row for row in rows.values() if row.state == DRAFT]
        rules = schedule.published(session, firm.id, day)
        fresh = freshness.of_rows(session, [rows[rule.id] for rule in rules], day)
        cells = [Cell(rows[rule.id], rule, fresh[rule.id]) for rule in rules]
        held += cells
        columns += _columns(firm, cells)
    counts = {code: sum(code in cell.fresh.warnings for cell in held) for code in WARNINGS}
    listed = [cell for cell in held if (warning in cell.fresh.warnings if warning else not cell.fresh.is_fresh)]
    listed.sort(key=lambda cell: (cell.fresh.review_due or date.max, cell.rule.code))
    drafting = [firm for firm in firms if by.may("plan.draft", entity=firm.id)]
    return page(
        request,
        "retention.html",
        firms=firms,
        entity=entity,
        on=on,
        groups=_groups(columns),
        columns=columns,
        several=len(firms) > 1,
        rules=len(held),
        batches=_batches(session, waiting, by, now),
        singles=[row for row in waiting if row.batch is None],
        counts=[(code, count) for code, count in counts.items() if count],
        warning=warning,
        stale=listed,
        drafting=drafting,
        offers=[(code, packs.load(code)) for code in packs.countries()],
        zone_day=on or (civil_date(now, firms[0].zone) if firms else None),
        w=schedule_words,
        done=done,
    )


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


def firms_of(session: ReadSession, by: Principal) -> list[LegalEntity]:
    """The legal entities whose retention one sees."""
    return [row for row in entities.everything(session) if by.may("retention.read", entity=row.id)]


def _columns(firm: LegalEntity, cells: list[Cell]) -> list[Column]:
    found: dict[str, Column] = {}
    own_first = sorted(cells, key=lambda cell: (cell.rule.jurisdiction != firm.jurisdiction, cell.rule.jurisdiction))
    for cell in own_first:
        column = found.setdefault(cell.rule.jurisdiction, Column(firm.id, firm.name, cell.rule.jurisdiction))
        column.cells.setdefault(cell.rule.record_class, []).append(cell)
    return list(found.values())


def _groups(columns: list[Column]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Heading, then code and words of each class that any column has a rule for, in the file plan's order."""
    used = {code for column in columns for code in column.cells}
    groups = [
        (heading, [(code, title) for code, title in rows if code in used])
        for heading, rows in schedule_words.class_choices()
    ]
    return [(heading, rows) for heading, rows in groups if rows]


def _batches(session: ReadSession, waiting: list[RetentionRule], by: Principal, now: datetime) -> list[dict[str, Any]]:
    found: dict[UUID, list[RetentionRule]] = {}
    for row in waiting:
        if row.batch is not None:
            found.setdefault(row.batch, []).append(row)
    return [
        {
            "id": batch,
            "rows": rows,
            "at": rows[0].drafted_at,
            "entity": rows[0].entity,
            "countries": sorted({row.jurisdiction for row in rows}),
            "unverified": sum(row.draft.confidence == "unverified" for row in rows),
            "may_publish": by.may("retention.publish", entity=rows[0].entity) and rows[0].drafted_by != by.id,
            "simulated": _simulated(session, rows, "rules", by, now),
        }
        for batch, rows in found.items()
    ]


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
        simulated=_simulated(session, [row], "rules" if row.state == DRAFT else "retire", by, now),
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


@dataclass(frozen=True, slots=True)
class Simulated:
    """What is known of what a decision would do."""

    needed: bool
    """Whether records are kept already, so that somebody has to look first."""
    row: Simulation | None
    """The newest simulation of exactly this."""
    is_fresh: bool


def _simulated(
    session: ReadSession, rows: list[RetentionRule], kind: simulation.Kind, by: Principal, now: datetime
) -> Simulated:
    needed = schedule.has_records(session, rows[0].entity)
    wanted = sorted(row.id.hex for row in rows)
    newest = simulation.listed(session, by=by, limit=100) if needed else []
    found = next((each for each in newest if (each.kind, each.versions) == (kind, wanted)), None)
    return Simulated(needed, found, found is not None and simulation.is_fresh(session, found, now))


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
