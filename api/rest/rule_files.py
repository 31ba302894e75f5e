"""The schedule as a file, starter packs, and schedules compared."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from accounts.principal import Principal
from api.deps import Drafter, Now, ReadSession, RetentionReader, WriteSession
from api.disposition import disposition
from api.rest.parameters import PREFIX, Change, View
from api.rest.rule_parameters import Day, Entity, entity_of, today_of
from api.rest.rule_views import ComparisonView
from api.routing import Router
from retention import packs, schedule, schedule_compare, schedule_files
from retention.rule_draft import RuleDraft
from retention.schedule_files import MOST_BYTES, Format

router = Router(prefix=f"{PREFIX}/retention", tags=["retention"])

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/yaml": {"schema": {"type": "object"}}, "text/csv": {"schema": {"type": "string"}}},
        "description": "The rules as a file.",
    }
}


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
    day = on or today_of(session, home, now)
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
    found = schedule_compare.days(session, home, before, after or today_of(session, home, now), by=by)
    return ComparisonView.of(found)


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
    return ComparisonView.of(schedule_compare.with_pack(session, home, country, today_of(session, home, now), by=by))


def drafts_on(session: ReadSession, entity: UUID, day: date, by: Principal) -> list[RuleDraft]:
    """What the newest version of each rule in force on a day states."""
    rows = {row.id: row for row in schedule.listed(session, entity, by=by)}
    held = sorted(schedule.published(session, entity, day), key=lambda rule: rule.version)
    return [rows[each.id].draft for each in {rule.code: rule for rule in held}.values()]
