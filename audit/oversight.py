"""Who oversees is overseen: what auditors and the data protection officer read in the log is itself on the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Event, ObjectRef


@dataclass(frozen=True, kw_only=True)
class TrailRead(Event):
    """Entries of the log were read."""

    action = "audit.trail_read"
    use = "read"
    description = "Entries of the log were read, as a page that was asked for by the filters named."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "asked": Detail("codes", "Which filters were set; those that name a thing name it as an object."),
        "action": Detail("code", "The action that was asked for; absent if any."),
        "shown": Detail("count", "How many entries were shown."),
        "first": Detail("count", "Position of the oldest entry shown; absent if none was."),
        "last": Detail("count", "Position of the newest entry shown; absent if none was."),
    }
    asked: tuple[str, ...]
    asked_action: str | None = None
    about: tuple[ObjectRef, ...] = ()
    shown: int
    first: int | None
    last: int | None

    def objects(self) -> tuple[ObjectRef, ...]:
        return self.about

    def details(self) -> Mapping[str, Any]:
        return {
            "asked": list(self.asked),
            "action": self.asked_action,
            "shown": self.shown,
            "first": self.first,
            "last": self.last,
        }


@dataclass(frozen=True, kw_only=True)
class AccessReviewed(Event):
    """It was asked who had seen something, or could have."""

    action = "audit.access_reviewed"
    use = "read"
    description = "It was asked who saw a record, who could see it on a day, or what a role could see on a day."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "question": Detail("code", "saw, could_see or role."),
        "day": Detail("date", "The day asked about; absent where the question has none."),
        "role": Detail("code", "The role asked about; absent where the question has none."),
        "answers": Detail("count", "How many rows the answer had."),
    }
    question: str
    day: str | None = None
    role: str | None = None
    about: tuple[ObjectRef, ...] = ()
    answers: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return self.about

    def details(self) -> Mapping[str, Any]:
        return {"question": self.question, "day": self.day, "role": self.role, "answers": self.answers}


@dataclass(frozen=True, kw_only=True)
class LogHealthRead(Event):
    """The state of the log was looked at."""

    action = "audit.health_read"
    use = "read"
    description = "The state of the log was looked at, with refusals and downloads counted by department."
    detail_keys: ClassVar[Mapping[str, Detail]] = {"size": Detail("count", "Size of the log when it was looked at.")}
    size: int

    def details(self) -> Mapping[str, Any]:
        return {"size": self.size}


@dataclass(frozen=True, kw_only=True)
class SampleDrawn(Event):
    """Records were drawn for somebody to look at."""

    action = "audit.sample_drawn"
    use = "read"
    description = "A sample of records was drawn by a seed; the same seed and the same records draw the same ones."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "seed": Detail("label", "The seed."),
        "class": Detail("code", "The class drawn from; those below it count too."),
        "year": Detail("count", "Year of the document date."),
        "population": Detail("count", "How many records there were to be drawn."),
        "digest": Detail("digest", "SHA-256 over the sorted ids of all of them."),
    }
    seed: str
    record_class: str
    year: int
    population: int
    digest: bytes
    records: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("record", record) for record in self.records)

    def details(self) -> Mapping[str, Any]:
        return {
            "seed": self.seed,
            "class": self.record_class,
            "year": self.year,
            "population": self.population,
            "digest": self.digest.hex(),
        }


@dataclass(frozen=True, kw_only=True)
class OwnFileRead(Event):
    """Somebody asked who had accessed the file about themselves."""

    action = "audit.own_file_read"
    use = "read"
    description = "A person was told who accessed the case files about them: by department, purpose and day, no names."
    files: tuple[UUID, ...]

    def objects(self) -> tuple[ObjectRef, ...]:
        return tuple(ObjectRef("case_file", file) for file in self.files)


@dataclass(frozen=True, kw_only=True)
class FileReportMade(Event):
    """A report was made for the person whom a case file is about."""

    action = "audit.file_report_made"
    use = "read"
    description = (
        "Who accessed a case file was reported for the person it is about: by department and purpose, no names."
    )
    detail_keys: ClassVar[Mapping[str, Detail]] = {"rows": Detail("count", "How many rows the report has.")}
    file: UUID
    rows: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("case_file", self.file),)

    def details(self) -> Mapping[str, Any]:
        return {"rows": self.rows}
