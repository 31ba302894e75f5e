"""Events of holds and of the notices they are told by. What people wrote is committed to and stands outside the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Event, ObjectRef

Details = Mapping[str, Detail]


@dataclass(frozen=True, kw_only=True)
class _OfHold(Event):
    hold: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("hold", self.hold),)


@dataclass(frozen=True, kw_only=True)
class _WithWords(_OfHold):
    words: Mapping[str, str]
    """What people wrote, by field."""

    def commitments(self) -> Mapping[str, str]:
        return {name: text for name, text in self.words.items() if text}


@dataclass(frozen=True, kw_only=True)
class HoldPlaced(_WithWords):
    """A hold was placed."""

    action = "hold.placed"
    description = "Destruction of what a hold reaches was stopped; its name, reason and authority are committed to."
    detail_keys: ClassVar[Details] = {
        "kind": Detail("code", "legal_hold, tax_audit, restriction or open_request."),
        "scope": Detail("code", "What it reaches: records, case_file, person, classes, tax or query."),
        "found": Detail("count", "How many records it reached when it was placed."),
        "review": Detail("date", "The day by which it must be looked at again."),
        "file": Detail("id", "The case file, where it reaches one."),
        "classes": Detail("codes", "Record classes, where it reaches some; those below them count too."),
        "first_year": Detail("count", "First year, where it reaches years."),
        "last_year": Detail("count", "Last year, where it reaches years."),
        "open_until": Detail("date", "The day after which it lapses by itself."),
        "counter": Detail("count", "How many changes of holds the entity has had with this one."),
    }
    kind: str
    scope: str
    found: int
    review: date
    file: UUID | None
    classes: tuple[str, ...]
    first_year: int | None
    last_year: int | None
    open_until: date | None
    counter: int

    def details(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "scope": self.scope,
            "found": self.found,
            "review": self.review.isoformat(),
            "file": self.file.hex if self.file is not None else None,
            "classes": list(self.classes) or None,
            "first_year": self.first_year,
            "last_year": self.last_year,
            "open_until": self.open_until.isoformat() if self.open_until is not None else None,
            "counter": self.counter,
        }


@dataclass(frozen=True, kw_only=True)
class HoldPreviewed(Event):
    """It was counted what a hold would reach."""

    action = "hold.previewed"
    use = "read"
    description = "It was counted how many records a hold would reach; the words of a query are committed to."
    detail_keys: ClassVar[Details] = {
        "scope": Detail("code", "What was asked about."),
        "found": Detail("count", "How many records it would reach."),
    }
    scope: str
    found: int
    query: str

    def details(self) -> Mapping[str, Any]:
        return {"scope": self.scope, "found": self.found}

    def commitments(self) -> Mapping[str, str]:
        return {"query": self.query} if self.query else {}


@dataclass(frozen=True, kw_only=True)
class RecordsCaught(_OfHold):
    """Records came under a hold."""

    action = "hold.caught"
    description = "The named records came under a hold, when it was placed or later."
    detail_keys: ClassVar[Details] = {"records": Detail("count", "How many.")}
    records: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("hold", self.hold), *(ObjectRef("record", each) for each in self.records))

    def details(self) -> Mapping[str, Any]:
        return {"records": len(self.records)}


@dataclass(frozen=True, kw_only=True)
class HoldsShown(Event):
    """Holds were shown."""

    action = "hold.shown"
    use = "read"
    description = "The names of holds, or all that was written about one, were shown."
    holds: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("hold", each) for each in self.holds)


@dataclass(frozen=True, kw_only=True)
class ReleaseAsked(_WithWords):
    """The release of a hold was asked for."""

    action = "hold.release_asked"
    description = "The release of a hold was asked for; it waits for a second person and blocks as before."


@dataclass(frozen=True, kw_only=True)
class ReleaseDecided(_OfHold):
    """The release of a hold was decided on."""

    action = "hold.release_decided"
    description = "A second person confirmed or refused the release of a hold; nothing is destroyed by that."


@dataclass(frozen=True, kw_only=True)
class HoldLapsed(_OfHold):
    """A hold lapsed."""

    action = "hold.lapsed"
    description = "The last day on which the tax of a hold's years could be assessed has passed, as it said."


@dataclass(frozen=True, kw_only=True)
class HoldReviewed(_OfHold):
    """A hold was looked at again."""

    action = "hold.reviewed"
    description = "Somebody looked at a hold, found it still needed, and set the next day of review."
    detail_keys: ClassVar[Details] = {"review": Detail("date", "The next day by which it must be looked at.")}
    review: date

    def details(self) -> Mapping[str, Any]:
        return {"review": self.review.isoformat()}


@dataclass(frozen=True, kw_only=True)
class ReviewDue(_OfHold):
    """A hold is to be looked at again."""

    action = "hold.review_due"
    description = "The day by which a hold must be looked at again has come; its owner is reminded."


@dataclass(frozen=True, kw_only=True)
class NoticeGiven(_WithWords):
    """People were told of a hold."""

    action = "hold.notice_given"
    description = "The named people were told to keep what a hold reaches; the words are committed to."
    people: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("hold", self.hold), *(ObjectRef("person", each) for each in self.people))


@dataclass(frozen=True, kw_only=True)
class NoticesShown(Event):
    """Notices were shown."""

    action = "hold.notice_shown"
    use = "read"
    description = "The words of notices about holds were shown to a person they went to."
    holds: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("hold", each) for each in self.holds)


@dataclass(frozen=True, kw_only=True)
class NoticeAcknowledged(_OfHold):
    """Somebody acknowledged a notice."""

    action = "hold.notice_acknowledged"
    description = "A person who was told of a hold has acknowledged it."
