"""The retention schedule: the rules of a legal entity, in versions that nobody ever changes.

A version is drafted by one person and published by another, by person and not by role or account. What is
published stays as it was said: a later version takes its place by what it states itself
(``retention.schedule_versions``), and taking a rule out of the schedule takes two persons as well. Every change of
what holds counts the entity's schedule up by one, so that a date can name the schedule it was reckoned by.

While the set-up is open one hand is enough, as for roles: a starter pack is published at once then, and the log
says on what basis.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from accounts import entities, setup, single_operator
from accounts.entities import LegalEntity
from accounts.principal import Principal
from audit.intake import append
from core.clock import civil_date
from core.database import ReadSession, WriteSession
from core.errors import Conflict, Forbidden
from core.identifiers import new_id
from retention import packs, record_date
from retention import schedule_events as events
from retention.rule import contradictions
from retention.rule_draft import InvalidDraft, RuleDraft, check, differences
from retention.schedule_rows import (
    DRAFT,
    PUBLISHED,
    REFUSED,
    RETIRED,
    STATES,
    RetentionRule,
    ScheduleRevision,
    UnknownRule,
    drafts_of,
    get,
    has_records,
    listed,
    newest_of,
    published,
    published_rows,
    revision,
    version_before,
    versions_of,
)
from retention.schedule_versions import check_place, loosened

__all__ = [
    "COUNSEL_WITHIN",
    "DRAFT",
    "PUBLISHED",
    "REFUSED",
    "RETIRED",
    "SET_UP",
    "STATES",
    "ContradictoryRules",
    "DraftOpen",
    "InvalidDraft",
    "NoChange",
    "NotInForce",
    "RetentionRule",
    "RuleDecided",
    "SameDrafter",
    "ScheduleRevision",
    "UnknownRule",
    "ask_retirement",
    "draft",
    "drafts_of",
    "get",
    "has_records",
    "listed",
    "newest_of",
    "publish",
    "publish_batch",
    "published",
    "refuse",
    "retire",
    "revision",
    "take_file",
    "take_pack",
    "takes_by_one_hand",
    "turn",
    "version_before",
    "versions_of",
]

SET_UP = "set_up"
"""What a publication by one hand rests on, as the log says it."""
COUNSEL_WITHIN = {"verified": timedelta(days=90), "unverified": timedelta(days=30)}
"""How soon counsel should have looked at a starter rule."""


class SameDrafter(Forbidden):
    """A rule is drafted by one person and published by another."""

    code = "same_drafter"


class RuleDecided(Conflict):
    """This version is not a draft any more."""

    code = "rule_decided"


class DraftOpen(Conflict):
    """There is a draft of this rule already."""

    code = "rule_draft_open"


class ContradictoryRules(Conflict):
    """Two rules of the schedule can never both be kept."""

    code = "contradictory_rules"


class NoChange(Conflict):
    """The version in force says the same."""

    code = "rule_without_change"


class NotInForce(Conflict):
    """The rule is not part of the schedule."""

    code = "rule_not_in_force"


def draft(session: WriteSession, entity: UUID, stated: RuleDraft, *, by: Principal, at: datetime) -> RetentionRule:
    """Draft a rule, or a new version of the one of that code. Nothing is kept by it yet.

    Raises:
        NotAllowed: ``by`` drafts no rules there.
        UnknownEntity: there is none.
        InvalidRule, InvalidDraft: it cannot be a rule, or not a version of the one of that code.
        DraftOpen: there is a draft of it; publish or refuse that first.
        NoChange: it says what the newest published version says.
    """
    by.require("plan.draft", entity=entity)
    entities.get(session, entity)
    check(stated)
    newest = newest_of(session, entity).get(stated.code)
    if newest is not None and newest.state == DRAFT:
        raise DraftOpen("publish or refuse the draft first", version=str(newest.id))
    if newest is not None and newest.state == PUBLISHED and not differences(newest.draft, stated, reviews=False):
        raise NoChange("change something, or mark the rule as reviewed")
    return _add(session, entity, stated, newest, batch=None, by=by, at=at)


def publish(
    session: WriteSession, version_id: UUID, *, simulation: UUID | None = None, by: Principal, at: datetime
) -> RetentionRule:
    """Publish a draft that somebody else made, after its simulation.

    Raises:
        UnknownRule: ``by`` sees no such version.
        NotAllowed: ``by`` publishes no rules there.
        SameDrafter: ``by`` drafted it.
        RuleDecided: it is no draft.
        SimulationNeeded: nobody has simulated this very draft lately, and records are kept already.
        OverlappingVersions, ContradictoryRules: it does not go with what is published.
    """
    row = get(session, version_id, by=by)
    by.require("retention.publish", entity=row.entity)
    basis = _second_person(session, row.drafted_by, row.drafted_at, by, at)
    _settle(session, [row], simulation=simulation, basis=basis, by=by, at=at)
    return row


def publish_batch(
    session: WriteSession, batch: UUID, *, simulation: UUID | None = None, by: Principal, at: datetime
) -> list[RetentionRule]:
    """Publish every draft of a pack or file in one go: all of them or none.

    Raises:
        UnknownRule: there is no draft of such a batch for ``by``.
        NotAllowed, SameDrafter, SimulationNeeded, OverlappingVersions, ContradictoryRules: as ``publish`` does.
    """
    rows = drafts_of(session, batch, by=by)
    if not rows:
        raise UnknownRule("no draft of this batch is left")
    by.require("retention.publish", entity=rows[0].entity)
    bases = {_second_person(session, row.drafted_by, row.drafted_at, by, at) for row in rows}
    _settle(session, rows, simulation=simulation, basis=max(bases), by=by, at=at)
    return rows


def refuse(session: WriteSession, version_id: UUID, *, by: Principal, at: datetime) -> RetentionRule:
    """Refuse a draft, or take one's own back.

    Raises:
        UnknownRule, NotAllowed, RuleDecided: as ``publish`` does.
    """
    row = get(session, version_id, by=by)
    if row.drafted_by is None or row.drafted_by != by.id:
        by.require("retention.publish", entity=row.entity)
    _require_draft(row)
    row.state, row.decided_by, row.decided_at = REFUSED, by.person, at
    session.flush()
    event = events.RuleRefused(
        by=by.actor, entity=row.entity, second=row.drafted_by, version_id=row.id, code=row.code, version=row.version
    )
    append(session, event, at=at)
    return row


def ask_retirement(session: WriteSession, version_id: UUID, *, by: Principal, at: datetime) -> RetentionRule:
    """Ask that a rule be taken out of the schedule; it goes on until a second person takes it out.

    Raises:
        UnknownRule: ``by`` sees no such version.
        NotAllowed: ``by`` neither drafts nor publishes rules there.
        NotInForce: it is not the newest published version of its rule, or was taken out already.
    """
    row = get(session, version_id, by=by)
    if not by.may("plan.draft", entity=row.entity):
        by.require("retention.publish", entity=row.entity)
    _require_newest(session, row)
    if row.retirement_asked_by is None:
        row.retirement_asked_by = by.person
        session.flush()
        asked = events.RetirementAsked(
            by=by.actor, entity=row.entity, version_id=row.id, code=row.code, version=row.version
        )
        append(session, asked, at=at)
    return row


def retire(
    session: WriteSession, version_id: UUID, *, simulation: UUID | None = None, by: Principal, at: datetime
) -> RetentionRule:
    """Take a rule out of the schedule with all its versions, after somebody else asked for it.

    Raises:
        UnknownRule, NotAllowed, NotInForce: as ``ask_retirement`` does; or nobody asked for it.
        SameDrafter: ``by`` asked for it.
        SimulationNeeded: nobody has simulated it lately, and records are kept already.
    """
    row = get(session, version_id, by=by)
    by.require("retention.publish", entity=row.entity)
    _require_newest(session, row)
    if row.retirement_asked_by is None:
        raise NotInForce("somebody else asks for it first")
    if row.retirement_asked_by == by.person:
        raise SameDrafter("somebody who did not ask for it")
    looked_at = _simulated(session, [row], simulation, at, retiring=True)
    today = civil_date(at, entities.get(session, row.entity).zone)
    for each in versions_of(session, row.rule):
        if each.state == PUBLISHED:
            each.state, each.retired_by, each.retired_on = RETIRED, by.person, today
    number = _count_up(session, row.entity, today, "retired", at)
    event = events.RuleRetired(
        by=by.actor, entity=row.entity, second=row.retirement_asked_by, version_id=row.id, code=row.code,
        version=row.version, simulation=looked_at, schedule=number,
    )  # fmt: skip
    append(session, event, at=at)
    return row


def take_pack(session: WriteSession, entity: UUID, country: str, *, by: Principal, at: datetime) -> UUID | None:
    """Take the starter pack of a country into an entity, as drafts that somebody else publishes in one go.

    While the set-up is open and nothing is filed they are published at once (``takes_by_one_hand``). Whoever adds an
    entity may take its first pack. What the entity has of the pack already stays as it is. Gives the batch, or
    ``None`` where nothing was new.

    Raises:
        UnknownPack: there is none for this country.
        UnknownEntity: there is none.
        NotAllowed: ``by`` neither drafts rules there nor adds entities.
    """
    home, pack = entities.get(session, entity), packs.load(country)
    by_one_hand = takes_by_one_hand(session, entity, by=by, at=at)
    if not by_one_hand and not (by.may("entity.manage") and _is_new(session, entity)):
        by.require("plan.draft", entity=entity)
    today = civil_date(at, home.zone)
    wanted = [replace(each, review_due=today + COUNSEL_WITHIN[each.confidence]) for each in pack.rules]
    rows = _take(session, home, wanted, origin="pack", country=country, only_new=True, by=by, at=at)
    if rows and by_one_hand:
        _settle(session, rows, simulation=None, basis=SET_UP, by=by, at=at)
    return rows[0].batch if rows else None


def takes_by_one_hand(session: ReadSession, entity: UUID, *, by: Principal, at: datetime) -> bool:
    """Whether a pack that ``by`` takes is in force at once: at the set-up, in an entity where nothing is kept."""
    return setup.is_open(session, at) and by.may("entity.manage") and not has_records(session, entity)


def take_file(
    session: WriteSession, entity: UUID, stated: Sequence[RuleDraft], *, by: Principal, at: datetime
) -> tuple[UUID | None, int]:
    """Take the rules of a file as drafts, in one batch; gives it, and how many rules were there as stated.

    Raises:
        NotAllowed: ``by`` drafts no rules there.
        UnknownEntity: there is none.
        InvalidRule, InvalidDraft, DraftOpen: one of them cannot be drafted, and so none is.
    """
    by.require("plan.draft", entity=entity)
    home = entities.get(session, entity)
    rows = _take(session, home, stated, origin="file", country=None, only_new=False, by=by, at=at)
    return (rows[0].batch if rows else None), len(stated) - len(rows)


def turn(session: WriteSession, *, at: datetime) -> list[UUID]:
    """Count the schedules up in which the day of a published version has come; gives their entities. For the night."""
    turned = []
    for home in entities.everything(session):
        today = civil_date(at, home.zone)
        last = session.scalar(select(func.max(ScheduleRevision.day)).where(ScheduleRevision.entity == home.id))
        days = {row.in_force_on for row in published_rows(session, home.id)}
        if last is not None and any(day is not None and last < day <= today for day in days):
            number = _count_up(session, home.id, today, "turned", at)
            append(session, events.ScheduleTurned(by=events.RETENTION, entity=home.id, schedule=number), at=at)
            turned.append(home.id)
    return turned


def _is_new(session: ReadSession, entity: UUID) -> bool:
    """Whether nothing was filed for an entity, and nobody has decided about any rule of it."""
    decided = select(RetentionRule.id).where(RetentionRule.entity == entity, RetentionRule.state != DRAFT)
    return session.scalar(decided.limit(1)) is None and not has_records(session, entity)


def _take(
    session: WriteSession, home: LegalEntity, stated: Iterable[RuleDraft], *, origin: str, country: str | None,
    only_new: bool, by: Principal, at: datetime,
) -> list[RetentionRule]:  # fmt: skip
    known, batch, made, left = newest_of(session, home.id), new_id(), [], 0
    for each in stated:
        check(each)
        before = known.get(each.code)
        if before is not None and (only_new or not differences(before.draft, each, reviews=False)):
            left += 1
            continue
        if before is not None and before.state == DRAFT:
            raise DraftOpen(f"{each.code}: publish or refuse its draft first", version=str(before.id))
        made.append(_add(session, home.id, each, before, batch=batch, by=by, at=at))
    if made:
        event = events.RulesTaken(
            by=by.actor, entity=home.id, batch=batch, origin=origin, jurisdiction=country, rules=len(made), known=left
        )
        append(session, event, at=at)
    return made


def _add(
    session: WriteSession, entity: UUID, stated: RuleDraft, newest: RetentionRule | None, *, batch: UUID | None,
    by: Principal, at: datetime,
) -> RetentionRule:  # fmt: skip
    if newest is not None and (newest.jurisdiction, newest.record_class) != (stated.jurisdiction, stated.record_class):
        raise InvalidDraft(
            f"{stated.code} is a rule of {newest.jurisdiction} for {newest.record_class}: choose another code"
        )
    same = (RetentionRule.entity == entity, RetentionRule.code == stated.code)
    last = session.scalar(select(func.max(RetentionRule.version)).where(*same)) or 0
    first = session.scalar(select(RetentionRule.rule).where(*same).limit(1))
    row = RetentionRule(
        id=new_id(),
        rule=first or new_id(),
        version=last + 1,
        entity=entity,
        code=stated.code,
        jurisdiction=stated.jurisdiction,
        record_class=stated.record_class,
        content=stated.to_json(),
        state=DRAFT,
        batch=batch,
        drafted_by=by.id,
        drafted_at=at,
    )
    session.add(row)
    session.flush()
    event = events.RuleDrafted(
        by=by.actor, entity=entity, version_id=row.id, code=row.code, version=row.version,
        jurisdiction=row.jurisdiction, record_class=row.record_class, period=stated.period.text, content=stated.digest,
    )  # fmt: skip
    append(session, event, at=at)
    return row


def _settle(
    session: WriteSession, rows: Sequence[RetentionRule], *, simulation: UUID | None, basis: str, by: Principal,
    at: datetime,
) -> None:  # fmt: skip
    for row in rows:
        _require_draft(row)
    entity = rows[0].entity
    looked_at = _simulated(session, rows, simulation, at)
    today = civil_date(at, entities.get(session, entity).zone)
    before = {row.id: version_before(session, row) for row in rows}
    for row in rows:
        stated = row.draft
        check(stated)
        check_place(
            row.value(), [each.standing() for each in versions_of(session, row.rule) if each.in_force_on], today
        )
        later = stated.transition == "every_record" and stated.valid_from is not None and stated.valid_from > today
        row.in_force_on = stated.valid_from if later else today
        row.state, row.decided_by, row.decided_at, row.simulation = PUBLISHED, by.id, at, looked_at
    session.flush()
    _check_together(session, entity, rows, today)
    number = _count_up(session, entity, today, "published", at)
    for row in rows:
        assert row.in_force_on is not None
        earlier = before[row.id]
        event = events.RulePublished(
            by=by.actor, entity=entity, second=row.drafted_by, basis=basis, version_id=row.id, code=row.code,
            version=row.version, content=row.draft.digest, in_force=row.in_force_on.isoformat(),
            loosens=loosened(earlier.value() if earlier else None, row.value()), simulation=looked_at, schedule=number,
        )  # fmt: skip
        append(session, event, at=at)


def _check_together(session: ReadSession, entity: UUID, rows: Sequence[RetentionRule], today: date) -> None:
    """Refuse a floor beyond a ceiling for the same event: no record could be kept and destroyed lawfully."""
    day = max([today, *(row.in_force_on for row in rows if row.in_force_on)])
    new = {row.id for row in rows}
    for floor, ceiling in contradictions(published(session, entity, day)):
        if floor.id in new or ceiling.id in new:
            raise ContradictoryRules(
                f"{floor.code} keeps for {floor.period.text}, {ceiling.code} lets nobody keep longer than "
                f"{ceiling.period.text}: mend one of them, or retire it"
            )


def _simulated(
    session: WriteSession,
    rows: Sequence[RetentionRule],
    simulation: UUID | None,
    at: datetime,
    *,
    retiring: bool = False,
) -> UUID | None:
    """The simulation that was looked at; none is needed while nothing was ever filed for the entity."""
    # A simulation reckons with the schedule, so it cannot be imported before it.
    from retention import simulation as simulations

    if not has_records(session, rows[0].entity):
        return None
    kind: simulations.Kind = "retire" if retiring else "rules"
    ids = [row.id for row in rows]
    if simulation is None:
        return simulations.require_fresh(session, ids, at, kind)
    named = session.get(simulations.Simulation, simulation)
    same = named is not None and (named.kind, named.versions) == (kind, sorted(each.hex for each in ids))
    if named is None or not same or not simulations.is_fresh(session, named, at):
        raise simulations.SimulationNeeded("simulate exactly what is to be decided, and look at the result")
    return named.id


def _second_person(session: ReadSession, first: UUID | None, first_at: datetime, by: Principal, at: datetime) -> str:
    """The basis of a second person's act: empty, or that of the mode for a firm of one."""
    if by.person != first:
        return ""
    if single_operator.is_on(session, at) and single_operator.is_alone(session, by.person, at):
        if at - first_at >= single_operator.DELAY:
            return "single_operator"
        raise SameDrafter("alone, one may publish one's own draft after 72 hours")
    raise SameDrafter("somebody who did not draft it")


def _require_draft(row: RetentionRule) -> None:
    if row.state != DRAFT:
        raise RuleDecided(f"it was {row.state}")


def _require_newest(session: ReadSession, row: RetentionRule) -> None:
    newest = next((each for each in versions_of(session, row.rule) if each.state in (PUBLISHED, RETIRED)), None)
    if row.state != PUBLISHED or newest is None or newest.id != row.id:
        raise NotInForce("choose the newest published version of a rule in the schedule")


def _count_up(session: WriteSession, entity: UUID, day: date, cause: str, at: datetime) -> int:
    number = revision(session, entity) + 1
    session.add(ScheduleRevision(entity=entity, number=number, day=day, at=at, cause=cause))
    session.flush()
    record_date.ask_all(session, entity, at)
    return number
