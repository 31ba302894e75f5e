"""The retention schedule: rules in versions, drafted by one and published by another; starter packs, files, comparison.

How much a rule keeps is reckoned elsewhere; here is what it says, since when, and who said so.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from accounts import entities
from accounts.principal import Principal
from api.deps import Drafter, Now, ReadSession, RetentionReader, RulePublisher, WriteSession
from api.disposition import disposition
from api.rest.parameters import PREFIX, Change, View
from api.routing import Router
from core.clock import civil_date
from core.errors import Invalid
from retention import freshness, packs, schedule, schedule_compare, schedule_files
from retention.rule_draft import RuleDraft, read
from retention.rule_object import rule_objects
from retention.schedule import RetentionRule
from retention.schedule_compare import Comparison, Difference
from retention.schedule_files import MOST_BYTES, Format

router = Router(prefix=f"{PREFIX}/retention", tags=["retention"])
Entity = Annotated[UUID | None, Query(description="Legal entity; needed only where you see more than one.")]
Day = Annotated[date | None, Query(description="Civil day in the entity's zone; today by default.")]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/yaml": {"schema": {"type": "object"}}, "text/csv": {"schema": {"type": "string"}}},
        "description": "The rules as a file.",
    }
}


class Alternative(Change):
    """Another way to reckon the end; the latest end counts."""

    trigger: str
    anchor: str
    period: str


class RuleText(Change):
    """What a rule states."""

    code: str = Field(description="Its name among people, such as de-invoice; the same for all its versions.")
    jurisdiction: str = Field(description="Country, or EU.")
    record_class: str = Field(alias="class", description="A record class of the facts, or of the file plan.")
    trigger: str = Field(description="The event that starts the period.")
    anchor: str = Field(description="The day the period is counted from, by the event.")
    period: str = Field(description="ISO 8601, such as P8Y.")
    rounding: str = "none"
    later_of: list[Alternative] = Field(default_factory=list, max_length=20)
    bound: str = Field(description="minimum, maximum, limitation or guidance.")
    action: str = Field(description="destroy, review, transfer or permanent.")
    legal_basis: str
    valid_from: date | None = Field(None, description="First day of the events it is for.")
    valid_to: date | None = None
    transition: str = Field("later_events", description="later_events; or every_record, from its first day on.")
    slack: str | None = Field(None, description="Time for review and destruction; the standard one by default.")
    note: str = ""
    source: str = ""
    confidence: str = "unverified"
    marking: str = ""
    last_reviewed: date | None = None
    review_due: date | None = None
    owner: str = Field("", description="A function, never a name.")


class NewRule(RuleText):
    """A rule to draft, or a new version of the one of that code."""

    entity: UUID


class RuleView(RuleText, View):
    """One version of a rule."""

    id: UUID
    rule: UUID = Field(description="The same for all versions.")
    version: int
    entity: UUID
    state: str = Field(description="draft, published, refused or retired.")
    in_force: bool = Field(description="Whether dates are reckoned by it today; an older version may still be.")
    in_force_on: date | None
    retired_on: date | None
    batch: UUID | None = Field(description="What was drafted together, from a pack or a file.")
    drafted_by: UUID | None
    drafted_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    simulation: UUID | None
    retirement_asked: bool
    warnings: list[str] = Field(description="What is wrong with how it is looked after.")


class Rules(View):
    """Versions by code, the newest first."""

    entity: UUID
    revision: int = Field(description="How often the schedule has changed.")
    items: list[RuleView]


class Publication(Change):
    """A draft published, or a rule taken out: after looking at its simulation."""

    simulation: UUID | None = None


class Review(Change):
    """That a rule still says what the law says."""

    due_on: date
    owner: str = Field("", description="A function, never a name; as before by default.")


class RuleFile(BaseModel):
    """A file of rules."""

    model_config = ConfigDict(extra="forbid")

    entity: UUID
    format: Format
    text: str = Field(max_length=MOST_BYTES)


class Taken(View):
    """What came of a pack or file."""

    batch: UUID | None
    drafts: int
    known: int = Field(description="How many rules were there as stated.")
    published: bool = False


class PackView(View):
    """A starter pack."""

    jurisdiction: str
    stated_as_of: date
    rules: int
    unverified: int


class Packs(View):
    """The starter packs."""

    items: list[PackView]


class WantedPack(Change):
    """Where a pack goes."""

    entity: UUID


class FieldChange(View):
    """One field that differs."""

    field: str
    before: Any
    after: Any


class DifferenceView(View):
    """How one rule differs."""

    code: str
    before: int | None = Field(description="Version.")
    after: int | None
    loosens: list[str]
    fields: list[FieldChange]

    @classmethod
    def of(cls, found: Difference) -> "DifferenceView":
        fields = [FieldChange(field=name, before=before, after=after) for name, before, after in found.fields]
        return cls(code=found.code, before=found.before, after=found.after, loosens=list(found.loosens), fields=fields)


class ComparisonView(View):
    """What came, went and changed."""

    added: list[DifferenceView]
    removed: list[DifferenceView]
    changed: list[DifferenceView]
    same: int

    @classmethod
    def of(cls, found: Comparison) -> "ComparisonView":
        return cls(
            added=[DifferenceView.of(each) for each in found.added],
            removed=[DifferenceView.of(each) for each in found.removed],
            changed=[DifferenceView.of(each) for each in found.changed],
            same=found.same,
        )


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


@router.get("/rules/file", response_class=Response, responses=_FILE)
def export_rules(
    session: ReadSession,
    by: RetentionReader,
    now: Now,
    entity: Entity = None,
    on: Day = None,
    form: Annotated[Format, Query(alias="format")] = "yaml",
) -> Response:
    """The rules in force on a day, as YAML or CSV; import takes it back."""
    home = entity_of(session, by, entity)
    day = on or _today(session, home, now)
    text = schedule_files.write(drafts_on(session, home, day, by), form)
    headers = {"Content-Disposition": disposition(f"retention-rules-{day.isoformat()}.{form}")}
    return Response(text.encode(), headers=headers, media_type=schedule_files.MEDIA_TYPES[form])


@router.post("/rules/file", status_code=201)
def import_rules(session: WriteSession, by: Drafter, now: Now, given: RuleFile) -> Taken:
    """Take the rules of a file as drafts: what is there as stated is left alone; a bad row, and nothing is taken."""
    stated = schedule_files.parse(given.text.encode(), given.format)
    batch, known = schedule.take_file(session, given.entity, stated, by=by, at=now)
    return Taken(batch=batch, drafts=len(stated) - known, known=known)


@router.get("/rules/comparison")
def compare(
    session: ReadSession,
    by: RetentionReader,
    now: Now,
    before: Annotated[date, Query(description="The earlier day.")],
    after: Day = None,
    entity: Entity = None,
) -> ComparisonView:
    """The schedule as it was on two days."""
    home = entity_of(session, by, entity)
    found = schedule_compare.days(session, home, before, after or _today(session, home, now), by=by)
    return ComparisonView.of(found)


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


@router.get("/packs")
def list_packs(by: RetentionReader) -> Packs:
    """The starter packs: rules as they are usual in a country, for counsel to review."""
    found = [packs.load(country) for country in packs.countries()]
    return Packs(
        items=[
            PackView(
                jurisdiction=pack.jurisdiction,
                stated_as_of=pack.stated_as_of,
                rules=len(pack.rules),
                unverified=sum(rule.confidence == "unverified" for rule in pack.rules),
            )
            for pack in found
        ]
    )


@router.post("/packs/{country}", status_code=201)
def take_pack(session: WriteSession, country: str, by: Drafter, now: Now, wanted: WantedPack) -> Taken:
    """Take a starter pack into a legal entity, as drafts that somebody else publishes in one go."""
    pack = packs.load(country)
    batch = schedule.take_pack(session, wanted.entity, country, by=by, at=now)
    drafts = len(schedule.drafts_of(session, batch, by=by)) if batch is not None else 0
    return Taken(batch=batch, drafts=drafts, known=len(pack.rules) - drafts)


@router.get("/packs/{country}/comparison")
def compare_pack(
    session: ReadSession, country: str, by: RetentionReader, now: Now, entity: Entity = None
) -> ComparisonView:
    """A starter pack with what a legal entity has of it."""
    home = entity_of(session, by, entity)
    return ComparisonView.of(schedule_compare.with_pack(session, home, country, _today(session, home, now), by=by))


def entity_of(session: ReadSession, by: Principal, entity: UUID | None) -> UUID:
    """The legal entity that is meant: the one named, or the only one whose retention ``by`` sees.

    Raises:
        Invalid: it has to be named.
    """
    if entity is not None:
        return entities.get(session, entity).id
    own = [row.id for row in entities.everything(session) if by.may("retention.read", entity=row.id)]
    if len(own) != 1:
        raise Invalid("name the legal entity")
    return own[0]


def drafts_on(session: ReadSession, entity: UUID, day: date, by: Principal) -> list[RuleDraft]:
    """What the newest version of each rule in force on a day states."""
    rows = {row.id: row for row in schedule.listed(session, entity, by=by)}
    held = sorted(schedule.published(session, entity, day), key=lambda rule: rule.version)
    return [rows[each.id].draft for each in {rule.code: rule for rule in held}.values()]


def _today(session: ReadSession, entity: UUID, now: datetime) -> date:
    return civil_date(now, entities.get(session, entity).zone)


def _view(session: ReadSession, row: RetentionRule, now: datetime) -> RuleView:
    return _views(session, row.entity, [row], now)[0]


def _views(session: ReadSession, entity: UUID, rows: list[RetentionRule], now: datetime) -> list[RuleView]:
    found = rule_objects(session, entity, rows, _today(session, entity, now))
    return [RuleView.model_validate(each) for each in found]
