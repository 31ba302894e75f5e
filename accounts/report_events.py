"""Events of reports about one person's reading."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Event, ObjectRef


@dataclass(frozen=True, kw_only=True)
class _About(Event):
    report: UUID
    person: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("person", self.person), ObjectRef("report", self.report))


@dataclass(frozen=True, kw_only=True)
class PersonReportAsked(_About):
    """A report was asked for."""

    action = "person_report.asked"
    description = "A report about what one person read was asked for; the basis is the agreement that allows it."
    detail_keys: ClassVar[Mapping[str, Detail]] = {"reason": Detail("code", "Why, as a code.")}
    reason: str

    def details(self) -> Mapping[str, Any]:
        return {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class PersonReportDecided(_About):
    """A second person decided on a report."""

    action = "person_report.decided"
    description = "A second person confirmed or refused a report about what one person read."


@dataclass(frozen=True, kw_only=True)
class PersonReportRead(_About):
    """A report was read."""

    action = "person_report.read"
    use = "read"
    description = "A confirmed report about what one person read was shown."
    detail_keys: ClassVar[Mapping[str, Detail]] = {"shown": Detail("count", "How many entries were shown.")}
    shown: int

    def details(self) -> Mapping[str, Any]:
        return {"shown": self.shown}
