"""Rules of the schedule as REST shapes: what one states, how it stands, and where two differ."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from api.rest.parameters import Change, View
from retention.schedule_compare import Comparison, Difference


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
