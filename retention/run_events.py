"""Events of the retention jobs: a run ended, a stop was let through, the clock was doubted or confirmed, an alarm."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Actor, Event, ObjectRef
from core.clock import to_us

Details = Mapping[str, Detail]
RETENTION = Actor("system", name="retention")
"""Who acts where the clock does."""


@dataclass(frozen=True, kw_only=True)
class _OfRun(Event):
    run: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("retention_run", self.run),)


@dataclass(frozen=True, kw_only=True)
class RunEnded(_OfRun):
    """A retention job ended."""

    action = "retention.run_ended"
    description = "A retention job ended; what it did, left out and why it stopped stand in its report."
    detail_keys: ClassVar[Details] = {
        "job": Detail("code", "Which job."),
        "state": Detail("code", "done, stopped, failed or interrupted."),
        "done": Detail("counts", "What it did, by kind."),
        "skipped": Detail("counts", "What it left out, by reason."),
        "stops": Detail("count", "In how many classes it would have touched more than may be touched at once."),
    }
    by: Actor = RETENTION
    job: str
    state: str
    done: Mapping[str, int]
    skipped: Mapping[str, int]
    stops: int

    def details(self) -> Mapping[str, Any]:
        return {
            "job": self.job,
            "state": self.state,
            "done": dict(self.done),
            "skipped": dict(self.skipped),
            "stops": self.stops,
        }


@dataclass(frozen=True, kw_only=True)
class RunLetThrough(_OfRun):
    """An officer let a stopped run go on."""

    action = "retention.run_let_through"
    description = "A person let what a retention job stopped at go through once, exactly as its report shows it."
    detail_keys: ClassVar[Details] = {
        "records": Detail("count", "How many records the report shows."),
        "scope": Detail("digest", "Digest over what may go through."),
    }
    records: int
    scope: bytes

    def details(self) -> Mapping[str, Any]:
        return {"records": self.records, "scope": self.scope.hex()}


@dataclass(frozen=True, kw_only=True)
class ClockDoubted(Event):
    """The clock cannot be relied on."""

    action = "retention.clock_doubted"
    description = "Between clock and log lies more than a day: nothing is destroyed until the date is confirmed."
    detail_keys: ClassVar[Details] = {
        "doubt": Detail("code", "gap, back, or outside: an anchor tells another time."),
        "trusted_us": Detail("instant", "The last instant before the doubt, by the log."),
        "shown_us": Detail("instant", "What the clock showed, or the entry after the gap."),
    }
    by: Actor = RETENTION
    doubt: str
    trusted_at: datetime
    shown_at: datetime

    def details(self) -> Mapping[str, Any]:
        return {"doubt": self.doubt, "trusted_us": to_us(self.trusted_at), "shown_us": to_us(self.shown_at)}


@dataclass(frozen=True, kw_only=True)
class ClockConfirmed(Event):
    """The date was confirmed."""

    action = "retention.clock_confirmed"
    description = "After a doubt the date was confirmed by an anchor from outside or by a person; jobs may execute."
    detail_keys: ClassVar[Details] = {
        "how": Detail("code", "outside or officer."),
        "day": Detail("date", "The day that was confirmed."),
        "doubt": Detail("code", "What had been doubted."),
    }
    by: Actor = RETENTION
    how: str
    day: date
    doubt: str

    def details(self) -> Mapping[str, Any]:
        return {"how": self.how, "day": self.day.isoformat(), "doubt": self.doubt}


@dataclass(frozen=True, kw_only=True)
class AlarmRaised(Event):
    """Something waits too long, or is about to be late."""

    action = "retention.alarm_raised"
    description = "A retention job raised an alarm, or raised it again to those above."
    detail_keys: ClassVar[Details] = {
        "alarm": Detail("code", "What it is about."),
        "level": Detail("count", "1: a reminder; 2: escalated."),
        "records": Detail("count", "How many things it is about."),
    }
    by: Actor = RETENTION
    alarm: UUID
    code: str
    level: int
    records: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("retention_alarm", self.alarm),)

    def details(self) -> Mapping[str, Any]:
        return {"alarm": self.code, "level": self.level, "records": self.records}
