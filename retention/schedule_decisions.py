"""Deciding on the schedule: publishing what somebody else drafted, refusing it, taking a rule out by two persons.

What is published is never changed. Every change of what holds counts the entity's schedule up by one and has all its
dates held against it.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select

from accounts import entities, single_operator
from accounts.principal import Principal
from audit.intake import append
from core.clock import civil_date
from core.database import ReadSession, WriteSession
from core.errors import Conflict, Forbidden
from retention import record_date
from retention import schedule_events as events
from retention import simulation as simulations
from retention.rule import contradictions
from retention.rule_draft import check
from retention.schedule_rows import (
    DRAFT,
    PUBLISHED,
    REFUSED,
    RETIRED,
    RetentionRule,
    ScheduleRevision,
    UnknownRule,
    drafts_of,
    get,
    has_records,
    published,
    published_rows,
    revision,
    version_before,
    versions_of,
)
from retention.schedule_versions import check_place, loosened


class SameDrafter(Forbidden):
    """A rule is drafted by one person and published by another."""

    code = "same_drafter"


class RuleDecided(Conflict):
    """This version is not a draft any more."""

    code = "rule_decided"


class ContradictoryRules(Conflict):
    """Two rules of the schedule can never both be kept."""

    code = "contradictory_rules"


class NotInForce(Conflict):
    """The rule is not part of the schedule."""

    code = "rule_not_in_force"


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
    settle(session, [row], simulation=simulation, basis=basis, by=by, at=at)
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
    settle(session, rows, simulation=simulation, basis=max(bases), by=by, at=at)
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
    number = count_up(session, row.entity, today, "retired", at)
    event = events.RuleRetired(
        by=by.actor, entity=row.entity, second=row.retirement_asked_by, version_id=row.id, code=row.code,
        version=row.version, simulation=looked_at, schedule=number,
    )  # fmt: skip
    append(session, event, at=at)
    return row


def turn(session: WriteSession, *, at: datetime) -> list[UUID]:
    """Count the schedules up in which the day of a published version has come; gives their entities. For the night."""
    turned = []
    for home in entities.everything(session):
        today = civil_date(at, home.zone)
        last = session.scalar(select(func.max(ScheduleRevision.day)).where(ScheduleRevision.entity == home.id))
        days = {row.in_force_on for row in published_rows(session, home.id)}
        if last is not None and any(day is not None and last < day <= today for day in days):
            number = count_up(session, home.id, today, "turned", at)
            append(session, events.ScheduleTurned(by=events.RETENTION, entity=home.id, schedule=number), at=at)
            turned.append(home.id)
    return turned


def settle(
    session: WriteSession, rows: Sequence[RetentionRule], *, simulation: UUID | None, basis: str, by: Principal,
    at: datetime,
) -> None:  # fmt: skip
    """Put drafts in force together; the caller has asked who may, and on what ground (``basis``).

    Raises:
        RuleDecided, SimulationNeeded, OverlappingVersions, ContradictoryRules: as ``publish`` does.
    """
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
    number = count_up(session, entity, today, "published", at)
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
    basis = single_operator.second_word(session, first, first_at, by=by, at=at)
    if basis is None:
        if single_operator.is_on(session, at) and single_operator.is_alone(session, by.person, at):
            raise SameDrafter("alone, one may publish one's own draft after 72 hours")
        raise SameDrafter("somebody who did not draft it")
    return basis


def _require_draft(row: RetentionRule) -> None:
    if row.state != DRAFT:
        raise RuleDecided(f"it was {row.state}")


def _require_newest(session: ReadSession, row: RetentionRule) -> None:
    newest = next((each for each in versions_of(session, row.rule) if each.state in (PUBLISHED, RETIRED)), None)
    if row.state != PUBLISHED or newest is None or newest.id != row.id:
        raise NotInForce("choose the newest published version of a rule in the schedule")


def count_up(session: WriteSession, entity: UUID, day: date, cause: str, at: datetime) -> int:
    """Count the schedule of an entity up, and have its dates held against it; gives the new number."""
    number = revision(session, entity) + 1
    session.add(ScheduleRevision(entity=entity, number=number, day=day, at=at, cause=cause))
    session.flush()
    record_date.ask_all(session, entity, at)
    return number
