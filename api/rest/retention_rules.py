"""The retention schedule: rules in versions, drafted by one person and published by another.

How much a rule keeps is reckoned elsewhere; here is what it says, since when, and who said so.
"""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api.deps import Drafter, Now, ReadSession, RetentionReader, RulePublisher, WriteSession
from api.rest.parameters import PREFIX, Change
from api.rest.rule_parameters import Entity, entity_of, today_of
from api.rest.rule_views import DifferenceView, NewRule, Rules, RuleView
from api.routing import Router
from retention import freshness, schedule, schedule_compare
from retention.rule_draft import read
from retention.rule_object import rule_objects
from retention.schedule import RetentionRule

router = Router(prefix=f"{PREFIX}/retention", tags=["retention"])


class Publication(Change):
    """A draft published, or a rule taken out: after looking at its simulation."""

    simulation: UUID | None = None


class Review(Change):
    """That a rule still says what the law says."""

    due_on: date
    owner: str = Field("", description="A function, never a name; as before by default.")


@router.get("/rules")
def list_rules(
    session: ReadSession,
    by: RetentionReader,
    now: Now,
    entity: Entity = None,
    state: Literal["draft", "published", "refused", "retired"] | None = None,
    on: Annotated[date | None, Query(description="Only what was in force on that day.")] = None,
    record_class: Annotated[str | None, Query(alias="class", max_length=60)] = None,
) -> Rules:
    """The retention schedule of a legal entity: each version of each rule."""
    home = entity_of(session, by, entity)
    rows = schedule.listed(session, home, by=by, states=(state,) if state else schedule.STATES)
    if record_class is not None:
        rows = [row for row in rows if row.record_class == record_class]
    if on is not None:
        held = {rule.id for rule in schedule.published(session, home, on)}
        rows = [row for row in rows if row.id in held]
    return Rules(entity=home, revision=schedule.revision(session, home), items=_views(session, home, rows, now))


@router.post("/rules", status_code=201)
def draft_rule(session: WriteSession, by: Drafter, now: Now, wanted: NewRule) -> RuleView:
    """Draft a rule, or a new version of the rule of that code. Somebody else publishes it."""
    values = wanted.model_dump(exclude={"entity"})
    row = schedule.draft(session, wanted.entity, read(values), by=by, at=now)
    return _view(session, row, now)


@router.post("/rules/batches/{batch}/publication")
def publish_batch(session: WriteSession, batch: UUID, by: RulePublisher, now: Now, word: Publication) -> Rules:
    """Publish all drafts of a pack or file that somebody else took in, in one go."""
    rows = schedule.publish_batch(session, batch, simulation=word.simulation, by=by, at=now)
    home = rows[0].entity
    return Rules(entity=home, revision=schedule.revision(session, home), items=_views(session, home, rows, now))


@router.get("/rules/{version_id}")
def show_rule(session: ReadSession, version_id: UUID, by: RetentionReader, now: Now) -> RuleView:
    """One version of a rule."""
    return _view(session, schedule.get(session, version_id, by=by), now)


@router.get("/rules/{version_id}/versions")
def list_versions(session: ReadSession, version_id: UUID, by: RetentionReader, now: Now) -> Rules:
    """All versions of the rule, the newest first."""
    row = schedule.get(session, version_id, by=by)
    views = _views(session, row.entity, schedule.versions_of(session, row.rule), now)
    return Rules(entity=row.entity, revision=schedule.revision(session, row.entity), items=views)


@router.get("/rules/{version_id}/comparison")
def compare_versions(
    session: ReadSession, version_id: UUID, by: RetentionReader, other: Annotated[UUID, Query()]
) -> DifferenceView:
    """This version and a later one of the same rule, field by field."""
    return DifferenceView.of(schedule_compare.versions(session, version_id, other, by=by))


@router.post("/rules/{version_id}/publication")
def publish(session: WriteSession, version_id: UUID, by: RulePublisher, now: Now, word: Publication) -> RuleView:
    """Publish a draft that somebody else made, after its simulation."""
    return _view(session, schedule.publish(session, version_id, simulation=word.simulation, by=by, at=now), now)


@router.post("/rules/{version_id}/refusal")
def refuse(session: WriteSession, version_id: UUID, by: RetentionReader, now: Now) -> RuleView:
    """Refuse a draft, or take your own back."""
    return _view(session, schedule.refuse(session, version_id, by=by, at=now), now)


@router.post("/rules/{version_id}/retirement-request")
def ask_retirement(session: WriteSession, version_id: UUID, by: RetentionReader, now: Now) -> RuleView:
    """Ask that a rule be taken out of the schedule."""
    return _view(session, schedule.ask_retirement(session, version_id, by=by, at=now), now)


@router.post("/rules/{version_id}/retirement")
def retire(session: WriteSession, version_id: UUID, by: RulePublisher, now: Now, word: Publication) -> RuleView:
    """Take a rule out of the schedule after somebody else asked for it, and after its simulation."""
    return _view(session, schedule.retire(session, version_id, simulation=word.simulation, by=by, at=now), now)


@router.post("/rules/{version_id}/reviews", status_code=201)
def review(session: WriteSession, version_id: UUID, by: RetentionReader, now: Now, seen: Review) -> RuleView:
    """Note that a rule in the schedule still says what the law says."""
    freshness.review(session, version_id, due_on=seen.due_on, owner=seen.owner, by=by, at=now)
    return _view(session, schedule.get(session, version_id, by=by), now)


def _view(session: ReadSession, row: RetentionRule, now: datetime) -> RuleView:
    return _views(session, row.entity, [row], now)[0]


def _views(session: ReadSession, entity: UUID, rows: list[RetentionRule], now: datetime) -> list[RuleView]:
    found = rule_objects(session, entity, rows, today_of(session, entity, now))
    return [RuleView.model_validate(each) for each in found]
