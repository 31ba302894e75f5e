"""Events of the retention schedule: a rule drafted, published, refused, retired, reviewed; a pack or file taken in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Actor, Event, ObjectRef

Details = Mapping[str, Detail]
RETENTION = Actor("system", name="retention")


@dataclass(frozen=True, kw_only=True)
class _OfRule(Event):
    version_id: UUID
    code: str
    version: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("retention_rule", self.version_id, version=self.version),)


@dataclass(frozen=True, kw_only=True)
class RuleDrafted(_OfRule):
    """A version of a rule was drafted."""

    action = "retention.rule_drafted"
    description = "A version of a retention rule was drafted; nothing is kept by it yet."
    detail_keys: ClassVar[Details] = {
        "rule": Detail("code", "The rule's name among people."),
        "jurisdiction": Detail("label", "Whose law: a country, or EU."),
        "class": Detail("code", "Record class it is about."),
        "period": Detail("label", "How long, in ISO 8601."),
        "content": Detail("digest", "Digest over everything the draft states."),
    }
    jurisdiction: str
    record_class: str
    period: str
    content: bytes

    def details(self) -> Mapping[str, Any]:
        return {
            "rule": self.code,
            "jurisdiction": self.jurisdiction,
            "class": self.record_class,
            "period": self.period,
            "content": self.content.hex(),
        }


@dataclass(frozen=True, kw_only=True)
class RulePublished(_OfRule):
    """A version was published by a second person."""

    action = "retention.rule_published"
    description = "A second person published a version of a retention rule: dates are reckoned by it from that day on."
    detail_keys: ClassVar[Details] = {
        "rule": Detail("code", "The rule's name among people."),
        "content": Detail("digest", "Digest over everything the version states."),
        "in_force": Detail("date", "The first day on which dates are reckoned by it."),
        "loosens": Detail("codes", "In what it keeps less than the version before."),
        "simulation": Detail("id", "The simulation that was looked at before."),
        "schedule": Detail("count", "Number of the schedule from then on."),
    }
    content: bytes
    in_force: str
    loosens: tuple[str, ...]
    simulation: UUID | None
    schedule: int

    def details(self) -> Mapping[str, Any]:
        return {
            "rule": self.code,
            "content": self.content.hex(),
            "in_force": self.in_force,
            "loosens": list(self.loosens),
            "simulation": self.simulation.hex if self.simulation else None,
            "schedule": self.schedule,
        }


@dataclass(frozen=True, kw_only=True)
class RuleRefused(_OfRule):
    """A draft was refused, or taken back by whoever made it."""

    action = "retention.rule_refused"
    description = "A draft of a retention rule was refused, or taken back by whoever made it."
    detail_keys: ClassVar[Details] = {"rule": Detail("code", "The rule's name among people.")}

    def details(self) -> Mapping[str, Any]:
        return {"rule": self.code}


@dataclass(frozen=True, kw_only=True)
class RetirementAsked(_OfRule):
    """It was asked to take a rule out of the schedule."""

    action = "retention.rule_retirement_asked"
    description = "It was asked to take a retention rule out of the schedule; it goes on until a second person does."
    detail_keys: ClassVar[Details] = {"rule": Detail("code", "The rule's name among people.")}

    def details(self) -> Mapping[str, Any]:
        return {"rule": self.code}


@dataclass(frozen=True, kw_only=True)
class RuleRetired(_OfRule):
    """A rule was taken out of the schedule by a second person."""

    action = "retention.rule_retired"
    description = "A second person took a retention rule out of the schedule: nothing is kept by it any more."
    detail_keys: ClassVar[Details] = {
        "rule": Detail("code", "The rule's name among people."),
        "simulation": Detail("id", "The simulation that was looked at before."),
        "schedule": Detail("count", "Number of the schedule from then on."),
    }
    simulation: UUID | None
    schedule: int

    def details(self) -> Mapping[str, Any]:
        return {
            "rule": self.code,
            "simulation": self.simulation.hex if self.simulation else None,
            "schedule": self.schedule,
        }


@dataclass(frozen=True, kw_only=True)
class RuleReviewed(_OfRule):
    """Somebody looked at whether a rule is still the law."""

    action = "retention.rule_reviewed"
    description = "A person looked at whether a retention rule still says what the law says, and found that it does."
    detail_keys: ClassVar[Details] = {
        "rule": Detail("code", "The rule's name among people."),
        "due": Detail("date", "The day by which it is to be looked at again."),
    }
    due: str

    def details(self) -> Mapping[str, Any]:
        return {"rule": self.code, "due": self.due}


@dataclass(frozen=True, kw_only=True)
class RulesTaken(Event):
    """Rules were taken in together: from a starter pack or a file."""

    action = "retention.rules_taken"
    description = "Retention rules of a starter pack, or of a file, were taken in together as drafts."
    detail_keys: ClassVar[Details] = {
        "origin": Detail("code", "pack or file."),
        "jurisdiction": Detail("label", "Country of the pack."),
        "rules": Detail("count", "How many drafts came of it."),
        "known": Detail("count", "How many were there before and stayed as they are."),
    }
    batch: UUID
    origin: str
    jurisdiction: str | None
    rules: int
    known: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("retention_rule_batch", self.batch),)

    def details(self) -> Mapping[str, Any]:
        return {
            "origin": self.origin,
            "jurisdiction": self.jurisdiction,
            "rules": self.rules,
            "known": self.known,
        }


@dataclass(frozen=True, kw_only=True)
class ScheduleTurned(Event):
    """A day came on which the schedule says something else."""

    action = "retention.schedule_turned"
    description = "The day came on which a published version takes force; dates are reckoned anew."
    detail_keys: ClassVar[Details] = {"schedule": Detail("count", "Number of the schedule from then on.")}
    schedule: int

    def details(self) -> Mapping[str, Any]:
        return {"schedule": self.schedule}
