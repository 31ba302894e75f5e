"""Audit events as the packages write them: who did what, to which things, with what outcome.

An event is a frozen dataclass with an action name. Its class declares the action once and
for ever: actions may be added, a published action's shape never changes. It holds ids,
codes, numbers and digests; what is personal and must be provable goes into
``commitments()``, whose values stand outside the log and can be erased. No foreign key
ties an event to anything, so none can take it away.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from uuid import UUID

from audit.body import DETAIL_TYPES, RESERVED_DETAILS, Detail, is_action
from core.canonical import canonical
from core.errors import MunimentError

ActorKind = Literal["person", "system", "operator"]
Outcome = Literal["done", "refused", "failed"]
Use = Literal["change", "read"]


class WronglyDeclared(MunimentError):
    """An event class does not declare its action as it must. A defect of the program."""

    code = "audit_declaration"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. In the log a person and a department are random aliases of the calendar year."""

    kind: ActorKind
    id: UUID | None = None
    """The person; for an operator the person they act for. ``None`` where nobody was identified."""
    name: str | None = None
    """For the system: the component, such as ``worker``; a code, never a person's name."""
    department: UUID | None = None
    """The person's department when it happened."""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """A thing an event is about. Persons, entities and departments appear under their alias."""

    kind: str
    id: UUID
    version: int | None = None
    digest: bytes | None = None
    """SHA-256 of stored ciphertext, 32 bytes; never of plaintext, which could be guessed."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events; a subclass that names an ``action`` is declared by being defined."""

    action: ClassVar[str] = ""
    """Such as ``record.opened``: the thing, then what happened to it."""
    use: ClassVar[Use] = "change"
    """Which aliases it takes: those of changes live as long as the evidence, those of reads shorter."""
    detail_keys: ClassVar[Mapping[str, Detail | tuple[str, str]]] = {}
    """The keys ``details()`` may have, each with its type (``audit.body.DETAIL_TYPES``) and meaning."""
    description: ClassVar[str] = ""
    """One sentence for the catalogue."""

    by: Actor
    entity: UUID | None = None
    """The legal entity concerned."""
    second: UUID | None = None
    """The second person, where the act took two."""
    outcome: Outcome = "done"
    basis: str = ""
    """Code of the rule, permission or ground the act rests on."""
    request: str | None = None
    """Id of the request or job it came with."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "action" in cls.__dict__:
            _declare(cls)

    def objects(self) -> "tuple[ObjectRef, ...] | list[ObjectRef]":
        """The things it is about."""
        return ()

    def details(self) -> Mapping[str, Any]:
        """What else is to be known: declared keys, values ``None`` are left out."""
        return {}

    def commitments(self) -> Mapping[str, str]:
        """Field and value of what must be provable later but may have to be erased."""
        return {}


_declared: dict[str, type[Event]] = {}
_details: dict[str, dict[str, Detail]] = {}


def declared_details(action: str) -> dict[str, Detail]:
    """The detail keys of an action of this program."""
    return _details[action]


def use_of(action: str) -> Use:
    """Whether an action of this program changes or reads."""
    return _declared[action].use


def is_reading(action: str) -> bool:
    """Whether an action reads; false also where this program does not know it (a log outlives programs)."""
    declared = _declared.get(action)
    return declared is not None and declared.use == "read"


def description_of(action: str) -> str | None:
    """What the catalogue says of an action; ``None`` where this program does not know it."""
    declared = _declared.get(action)
    return None if declared is None else declared.description


def catalogue() -> list[dict[str, Any]]:
    """All actions that the loaded packages declare, by name, as canonical JSON holds them.

    Each is ``{"action", "description", "details": [{"key", "meaning", "type"}], "use"}``.
    """
    return [_entry(_declared[action]) for action in sorted(_declared)]


def catalogue_digest(actions: list[dict[str, Any]] | None = None) -> bytes:
    """SHA-256 of a catalogue's canonical bytes, 32 bytes; by default of ``catalogue()``."""
    return hashlib.sha256(canonical(catalogue() if actions is None else actions)).digest()


def _entry(cls: type[Event]) -> dict[str, Any]:
    details = sorted((key, Detail(*value)) for key, value in cls.detail_keys.items())
    return {
        "action": cls.action,
        "description": cls.description,
        "details": [{"key": key, "meaning": detail.meaning, "type": detail.type} for key, detail in details],
        "use": cls.use,
    }


def _declare(cls: type[Event]) -> None:
    if not is_action(cls.action):
        raise WronglyDeclared(f"{cls.__qualname__}: an action reads thing.happened")
    if cls.use not in ("change", "read") or not cls.description:
        raise WronglyDeclared(f"{cls.action}: needs a description, and a use that is change or read")
    for key, value in cls.detail_keys.items():
        if not re.fullmatch(r"[a-z0-9_]{1,40}", key) or key in RESERVED_DETAILS:
            raise WronglyDeclared(f"{cls.action}: {key!r} cannot be a detail key")
        if len(value) != 2 or value[0] not in DETAIL_TYPES or not value[1]:
            raise WronglyDeclared(f"{cls.action}: {key!r} needs a known type and a meaning")
    other = _declared.get(cls.action)
    # dataclass(slots=True) makes the class a second time under its own name.
    if other is not None and (other.__module__, other.__name__) != (cls.__module__, cls.__name__):
        raise WronglyDeclared(f"{cls.action}: declared by {other.__qualname__} and {cls.__qualname__}")
    _declared[cls.action] = cls
    _details[cls.action] = {key: Detail(*value) for key, value in cls.detail_keys.items()}


SYSTEM = Actor("system", name="log")
"""The log itself, as the actor of its own events."""


@dataclass(frozen=True, kw_only=True)
class LogStarted(Event):
    """Entry 0 of every log."""

    action = "log.started"
    description = "The log began; entry 0 of every log and of no other position."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "origin": Detail("label", "Name of the log, as in its checkpoints."),
        "vkey": Detail("label", "Verifier key of the log, as a C2SP signed-note line."),
        "catalogue": Detail("digest", "SHA-256 of the catalogue of actions in force from here."),
    }
    by: Actor = SYSTEM
    origin: str
    vkey: str
    catalogue: bytes

    def details(self) -> Mapping[str, Any]:
        return {"origin": self.origin, "vkey": self.vkey, "catalogue": self.catalogue.hex()}


@dataclass(frozen=True, kw_only=True)
class CatalogueExtended(Event):
    """Actions were added."""

    action = "log.catalogue_extended"
    description = "Actions were added to the catalogue; those published before keep their shape."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "catalogue": Detail("digest", "SHA-256 of the catalogue of actions in force from here."),
        "added": Detail("count", "How many actions were added."),
    }
    by: Actor = SYSTEM
    catalogue: bytes
    added: int

    def details(self) -> Mapping[str, Any]:
        return {"catalogue": self.catalogue.hex(), "added": self.added}


@dataclass(frozen=True, kw_only=True)
class LogHeartbeat(Event):
    """The log is alive."""

    action = "log.heartbeat"
    description = "Written every 60 seconds while the keeper runs, so that silence shows."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "intake_high": Detail("count", "Highest number of the change intake moved into the log so far."),
        "intake_moved": Detail("count", "How many rows of the change intake were moved into the log so far."),
        "intake_waiting": Detail("count", "How many rows of the change intake wait."),
        "intake_oldest_us": Detail("count", "Age in microseconds of the oldest row that waits."),
    }
    by: Actor = SYSTEM
    intake_high: int = 0
    intake_moved: int = 0
    intake_waiting: int = 0
    intake_oldest_us: int = 0

    def details(self) -> Mapping[str, Any]:
        return {
            "intake_high": self.intake_high,
            "intake_moved": self.intake_moved,
            "intake_waiting": self.intake_waiting,
            "intake_oldest_us": self.intake_oldest_us,
        }


@dataclass(frozen=True, kw_only=True)
class LogVerified(Event):
    """The log was re-read and checked."""

    action = "log.verified"
    use = "read"
    description = "The log was re-read from its stored bytes and checked; a fault makes the outcome failed."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "size": Detail("count", "How many entries were checked."),
        "root": Detail("digest", "Root hash over them."),
        "fault": Detail("code", "Kind of the first fault; absent if there is none."),
        "position": Detail("count", "Position of the first fault; absent if there is none."),
    }
    by: Actor = SYSTEM
    size: int
    root: bytes
    fault: str | None = None
    position: int | None = None

    def details(self) -> Mapping[str, Any]:
        return {"size": self.size, "root": self.root.hex(), "fault": self.fault, "position": self.position}


@dataclass(frozen=True, kw_only=True)
class LogKeyChanged(Event):
    """The log signs with another key from here on."""

    action = "log.key_changed"
    description = "Checkpoints over this entry are signed by the named key instead of the one before."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "vkey": Detail("label", "Verifier key from here on, as a C2SP signed-note line."),
        "lost": Detail("bool", "Whether the key before was lost, so that it cannot sign the change."),
    }
    by: Actor
    vkey: str
    lost: bool = False

    def details(self) -> Mapping[str, Any]:
        return {"vkey": self.vkey, "lost": self.lost}


@dataclass(frozen=True, kw_only=True)
class LogGap(Event):
    """Nothing was written for a while."""

    action = "log.gap"
    description = "Heartbeats were missing for longer than two minutes before this entry."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "since_us": Detail("instant", "Append time of the last entry before the silence."),
        "cause": Detail("code", "What is known: stopped (not running), unknown."),
    }
    by: Actor = SYSTEM
    since_us: int
    cause: str = "unknown"

    def details(self) -> Mapping[str, Any]:
        return {"since_us": self.since_us, "cause": self.cause}


OWN_EVENTS: tuple[type[Event], ...] = (LogStarted, CatalogueExtended, LogHeartbeat, LogVerified, LogKeyChanged, LogGap)
