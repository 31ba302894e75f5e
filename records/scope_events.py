"""Events of auditors' scopes: asked for, decided, ended, and what was handed over under one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Event, ObjectRef

Details = Mapping[str, Detail]


@dataclass(frozen=True, kw_only=True)
class _OfScope(Event):
    scope: UUID
    person: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("person", self.person), ObjectRef("auditor_scope", self.scope))


@dataclass(frozen=True, kw_only=True)
class ScopeAsked(_OfScope):
    """Reading for an auditor was asked for."""

    action = "auditor_scope.asked"
    description = "It was proposed that a person reads the records of some classes and years for a time."
    detail_keys: ClassVar[Details] = {
        "classes": Detail("codes", "Record classes; those below them count too."),
        "first_year": Detail("count", "First year of the documents."),
        "last_year": Detail("count", "Last year of the documents."),
        "days": Detail("count", "How many days it is to hold."),
    }
    classes: tuple[str, ...]
    first_year: int
    last_year: int
    days: int

    def details(self) -> Mapping[str, Any]:
        return {
            "classes": list(self.classes),
            "first_year": self.first_year,
            "last_year": self.last_year,
            "days": self.days,
        }


@dataclass(frozen=True, kw_only=True)
class ScopeDecided(_OfScope):
    """A second person decided."""

    action = "auditor_scope.decided"
    description = "A second person confirmed or refused that a person reads the records of some classes and years."


@dataclass(frozen=True, kw_only=True)
class ScopeEnded(_OfScope):
    """A scope was ended before its time."""

    action = "auditor_scope.ended"
    description = "Reading by class and year was ended before its last day, or its proposal taken back."


@dataclass(frozen=True, kw_only=True)
class RecordsHandedOver(Event):
    """Records of a scope were taken away."""

    action = "record.handed_over"
    use = "read"
    description = "The files of the named records were sent to an auditor to be kept, with an index of them."
    detail_keys: ClassVar[Details] = {
        "records": Detail("count", "How many records."),
        "bytes": Detail("count", "How many bytes of files were to be sent."),
    }
    scope: UUID
    records: tuple[ObjectRef, ...]
    """With version and digest of the sealed file."""
    size_bytes: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("auditor_scope", self.scope), *self.records)

    def details(self) -> Mapping[str, Any]:
        return {"records": len(self.records), "bytes": self.size_bytes}
