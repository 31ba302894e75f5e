"""Events of access regimes: asked for, decided, changed; who is named for one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from audit.body import Detail
from audit.events import Event, ObjectRef

Details = Mapping[str, Detail]
_CHANGE: Details = {
    "before": Detail("code", "The regime before: active, intermediate, restricted or blocked."),
    "after": Detail("code", "The regime asked for, or from now on."),
    "hold": Detail("id", "The hold that it comes or goes with."),
}


@dataclass(frozen=True, kw_only=True)
class _OfRecord(Event):
    record: UUID
    before: str
    after: str
    hold: UUID | None = None
    reason: str = ""

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("record", self.record),)

    def details(self) -> Mapping[str, Any]:
        return {"before": self.before, "after": self.after, "hold": self.hold.hex if self.hold is not None else None}

    def commitments(self) -> Mapping[str, str]:
        return {"reason": self.reason} if self.reason else {}


@dataclass(frozen=True, kw_only=True)
class RegimeChanged(_OfRecord):
    """The access regime of a record changed."""

    action = "record.regime_changed"
    description = "A record came under another access regime, which decides who of its readers still reads it."
    detail_keys: ClassVar[Details] = _CHANGE


@dataclass(frozen=True, kw_only=True)
class RegimeAsked(_OfRecord):
    """A wider access regime was asked for."""

    action = "record.regime_asked"
    description = "It was asked that a record come under a more open access regime; that waits for a second person."
    detail_keys: ClassVar[Details] = _CHANGE


@dataclass(frozen=True, kw_only=True)
class RegimeRefused(_OfRecord):
    """A wider access regime was refused."""

    action = "record.regime_refused"
    description = "A second person refused, or whoever asked took back, a more open access regime of a record."
    detail_keys: ClassVar[Details] = _CHANGE


@dataclass(frozen=True, kw_only=True)
class _OfReader(Event):
    reader: UUID
    """Of the naming."""
    person: UUID
    regime: str

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("person", self.person), ObjectRef("regime_reader", self.reader))

    def details(self) -> Mapping[str, Any]:
        return {"regime": self.regime}


_REGIME = Detail("code", "intermediate, restricted or blocked.")


@dataclass(frozen=True, kw_only=True)
class RegimeReaderAsked(_OfReader):
    """A person was proposed as a reader of a regime."""

    action = "regime_reader.asked"
    description = "It was proposed that a person go on reading records of an access regime, for a time."
    detail_keys: ClassVar[Details] = {"regime": _REGIME, "until": Detail("date", "The day it ends.")}
    until: date
    reason: str

    def details(self) -> Mapping[str, Any]:
        return {"regime": self.regime, "until": self.until.isoformat()}

    def commitments(self) -> Mapping[str, str]:
        return {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class RegimeReaderDecided(_OfReader):
    """It was decided on a reader of a regime."""

    action = "regime_reader.decided"
    description = "A second person confirmed or refused that a person goes on reading records of an access regime."
    detail_keys: ClassVar[Details] = {"regime": _REGIME}


@dataclass(frozen=True, kw_only=True)
class RegimeReaderEnded(_OfReader):
    """A reader of a regime was ended."""

    action = "regime_reader.ended"
    description = "A person is no longer named for records of an access regime, before the time was over."
    detail_keys: ClassVar[Details] = {"regime": _REGIME}
