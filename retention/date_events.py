"""Events of dates: what was stated, whose date moved and why, what was simulated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Actor, Event, ObjectRef

Details = Mapping[str, Detail]
RETENTION = Actor("system", name="retention")
MOST_RECORDS = 400
"""Of one event."""


@dataclass(frozen=True, kw_only=True)
class FactStated(Event):
    """A fact that dates depend on was stated."""

    action = "retention.fact_stated"
    description = (
        "An event of one record, or a fact that a rule's condition asks for, was stated, corrected or withdrawn."
    )
    detail_keys: ClassVar[Details] = {
        "fact": Detail("code", "Which event or fact."),
        "before": Detail("label", "The value stated before; absent if none."),
        "after": Detail("label", "The value from now on; absent if withdrawn."),
    }
    holder: str
    subject: UUID
    fact: str
    before: str | None
    after: str | None

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("legal_entity" if self.holder == "entity" else self.holder, self.subject),)

    def details(self) -> Mapping[str, Any]:
        return {"fact": self.fact, "before": self.before, "after": self.after}


@dataclass(frozen=True, kw_only=True)
class DateChanged(Event):
    """Retention dates changed."""

    action = "retention.date_changed"
    description = (
        "The dates until which the named records are kept changed. The n-th value belongs to the n-th record; "
        "one value alone belongs to all of them."
    )
    detail_keys: ClassVar[Details] = {
        "before": Detail("codes", "Last day kept before, or a state without a date; none where it was never reckoned."),
        "after": Detail("codes", "Last day kept from now on, or a state without a date."),
        "cause": Detail("code", "record, fact, trigger, keeping, or schedule where the rules or the entity changed."),
        "schedule": Detail("count", "Number of the schedule it was reckoned by."),
        "rules": Detail("ids", "Rule versions that decide from now on."),
    }
    by: Actor = RETENTION
    records: tuple[UUID, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    cause: str
    schedule: int
    rules: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("record", each) for each in self.records)

    def details(self) -> Mapping[str, Any]:
        return {
            "before": list(self.before),
            "after": list(self.after),
            "cause": self.cause,
            "schedule": self.schedule,
            "rules": [each.hex for each in self.rules] or None,
        }


@dataclass(frozen=True, kw_only=True)
class SimulationAsked(Event):
    """A simulation was asked for."""

    action = "retention.simulation_asked"
    description = "A person asked what a change of rules, classes, calendar or holds would do; nothing changes by that."
    detail_keys: ClassVar[Details] = {
        "kind": Detail("code", "rules, retire, class, calendar, hold or release."),
        "from_class": Detail("code", "Records of this class, for a change of class."),
        "to_class": Detail("code", "The class they would have."),
        "inputs": Detail("digest", "What it rests on: schedule and versions."),
    }
    simulation: UUID
    kind: str
    versions: tuple[UUID, ...]
    from_class: str | None
    to_class: str | None
    hold: UUID | None
    """The one that would be released."""
    inputs: bytes

    def objects(self) -> tuple[ObjectRef, ...]:
        rules = (ObjectRef("retention_rule", each) for each in self.versions)
        holds = (ObjectRef("hold", self.hold),) if self.hold is not None else ()
        return (ObjectRef("simulation", self.simulation), *rules, *holds)

    def details(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "from_class": self.from_class,
            "to_class": self.to_class,
            "inputs": self.inputs.hex(),
        }


@dataclass(frozen=True, kw_only=True)
class SimulationListTaken(Event):
    """The list of a simulation was taken."""

    action = "retention.simulation_list_taken"
    use = "read"
    description = (
        "The full list of a simulation was sent: numbers, classes and dates of the records whose dates would move, "
        "and nothing of their content."
    )
    simulation: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("simulation", self.simulation),)


@dataclass(frozen=True, kw_only=True)
class Simulated(Event):
    """A change was simulated."""

    action = "retention.simulated"
    description = "It was reckoned which dates a change of rules or classes would move; no date was written."
    detail_keys: ClassVar[Details] = {
        "kind": Detail("code", "rules, retire, class, calendar, hold or release."),
        "records": Detail("count", "Records that were looked at."),
        "moved": Detail("count", "How many would have another date."),
        "becoming": Detail("count", "How many would become eligible at once."),
        "ceasing": Detail("count", "How many would not be eligible any more."),
        "inputs": Detail("digest", "What it rests on: schedule, versions and the state of the records."),
    }
    simulation: UUID
    kind: str
    records: int
    moved: int
    becoming: int
    ceasing: int
    inputs: bytes

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("simulation", self.simulation),)

    def details(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "records": self.records,
            "moved": self.moved,
            "becoming": self.becoming,
            "ceasing": self.ceasing,
            "inputs": self.inputs.hex(),
        }


@dataclass(frozen=True, kw_only=True)
class WhyShown(Event):
    """Somebody was shown why a record has its date."""

    action = "retention.why_shown"
    use = "read"
    description = "The dates of the named record, and what they rest on, were shown; nothing of its content."
    record: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record),)
