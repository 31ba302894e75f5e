"""Audit events of an entity's terms of retention: asked for, in force, refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Event, ObjectRef

_KEYS: Mapping[str, Detail] = {
    "quorum": Detail("count", "How many persons approve a batch; absent where it stays as it was."),
    "grace_days": Detail("count", "Days of grace after an approval; absent where they stay as they were."),
    "destroy_percent": Detail(
        "count", "Percent of a class that one run destroys at most; 0 is that of the installation; absent as above."
    ),
    "intermediate_months": Detail(
        "int", "Months from the end of active use to the intermediate archive; -1 is never; absent as above."
    ),
    "zone": Detail("label", "Time zone of the entity's legal days; absent where it stays as it was."),
    "fiscal_year": Detail(
        "label", "Month and day on which the fiscal year starts, and since when on another; absent where it stays."
    ),
    "loosens": Detail("codes", "Which of them destroy sooner, or close less: these take a second person."),
}


@dataclass(frozen=True, kw_only=True)
class _OfTerms(Event):
    detail_keys: ClassVar[Mapping[str, Detail]] = _KEYS
    change: UUID
    changed: Mapping[str, Any]
    """Name and new value of all that is another."""
    loosens: tuple[str, ...] = ()

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("terms_change", self.change),)

    def details(self) -> Mapping[str, Any]:
        told = dict(self.changed)
        if "destroy_percent" in told:
            told["destroy_percent"] = told["destroy_percent"] or 0
        if "intermediate_months" in told and told["intermediate_months"] is None:
            told["intermediate_months"] = -1
        if "fiscal_year_start" in told:
            told["fiscal_year"] = told.pop("fiscal_year_start")
        return told | {"loosens": list(self.loosens)}


@dataclass(frozen=True, kw_only=True)
class TermsAsked(_OfTerms):
    """Other terms of retention wait for a second person."""

    action = "retention.terms_asked"
    description = "A person asked for other terms of retention of an entity. They wait for a second person."


@dataclass(frozen=True, kw_only=True)
class TermsChanged(_OfTerms):
    """Other terms of retention are in force."""

    action = "retention.terms_changed"
    description = (
        "Other terms of retention of an entity are in force: at once where they only hold back more, else once a "
        "second person confirmed them."
    )


@dataclass(frozen=True, kw_only=True)
class TermsRefused(_OfTerms):
    """Other terms of retention were refused."""

    action = "retention.terms_refused"
    description = "A second person refused other terms of retention, or whoever asked took that back."
