"""An event on its way to the log: its body, still with the ids of persons instead of their aliases.

A draft has passed every check an entry has to pass, and an alias is as long as the id it
replaces: so what became a draft can be appended, and nothing is refused later.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from audit.body import MAX_OBJECTS, RESERVED_DETAILS, body_bytes, check_body, details_fit
from audit.events import Event, ObjectRef, declared_details, use_of
from audit.leaf import commitment
from core.clock import from_us, to_us
from core.errors import Invalid

ALIASED_KINDS = frozenset({"person", "entity", "department"})
"""What never appears in the log under its own id, as actor or as object."""
SPLIT_BYTES = 60_000
_ROOM_FOR_GROUP = 120

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


class EventRefused(Invalid):
    """The event says something that has no place in the log."""

    code = "audit_event"


class AliasKey(NamedTuple):
    """What one alias stands for."""

    kind: str
    subject: str
    """32 hex digits of the id."""
    year: int
    """Calendar year (UTC) of the event's request time."""
    use: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens one commitment; kept outside the log, where it can be erased."""

    event_id: UUID
    field: str
    nonce: bytes
    value: str


class Draft(NamedTuple):
    """One entry's body before its aliases are known."""

    body: dict[str, Any]
    use: str
    year: int
    openings: tuple[Opening, ...] = ()

    @property
    def event_id(self) -> UUID:
        """The entry's 128 random bits."""
        return UUID(self.body["id"])

    @property
    def action(self) -> str:
        """What happened."""
        return str(self.body["action"])

    def to_bytes(self) -> bytes:
        """The draft as the intake keeps it, without its openings."""
        return _encode({"body": self.body, "use": self.use}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Draft":
        """The draft kept by ``to_bytes``, without openings.

        Raises:
            NotABody: the row was altered into something that has no place in the log.
        """
        value = json.loads(data)
        check_body(value["body"])
        return cls(value["body"], value["use"], from_us(value["body"]["t"]).year)


def draft(event: Event, at: datetime) -> list[Draft]:
    """The event as drafts: one, or several of one group when it names very many objects.

    An entry holds at most 500 objects and 60,000 bytes. The parts of a group carry ``group``
    (the first part's id), ``part`` and ``parts`` in their details; the commitments stand in
    the first.

    Raises:
        EventRefused: an undeclared detail, a value not of its declared type, or too much of it.
        NotABody: an id, code or number that is not as the format has it.
    """
    base = _base(event, at)
    objects = [_object(item) for item in event.objects()]
    commitments, openings = _commit(event, base["id"])
    body = dict(base)
    if commitments:
        body["c"] = commitments
    if objects:
        body["objects"] = objects
    use, year = use_of(event.action), from_us(body["t"]).year
    if _is_short(body):
        check_body(body)
        return [Draft(body, use, year, openings)]
    parts = _split(objects, SPLIT_BYTES - len(_encode(base)) - len(_encode(commitments)) - _ROOM_FOR_GROUP)
    if len(parts) == 1:
        body_bytes(body)
        return [Draft(body, use, year, openings)]
    drafts = []
    for part, chunk in enumerate(parts):
        group = {"group": base["id"], "part": part, "parts": len(parts)}
        body = {**base, "d": {**base.get("d", {}), **group}, "objects": chunk}
        if part == 0 and commitments:
            body["c"] = commitments
        if part > 0:
            body["id"] = os.urandom(16).hex()
        body_bytes(body)
        drafts.append(Draft(body, use, year, openings if part == 0 else ()))
    return drafts


def alias_keys(item: Draft) -> list[AliasKey]:
    """The aliases that a draft needs."""
    body, year, keys = item.body, item.year, []
    if "i" in body["actor"]:
        keys.append(AliasKey("person", body["actor"]["i"], year, item.use))
    for field, kind in (("x", "person"), ("g", "department"), ("e", "entity")):
        if field in body:
            keys.append(AliasKey(kind, body[field], year, item.use))
    for thing in body.get("objects", ()):
        if thing["k"] in ALIASED_KINDS:
            keys.append(AliasKey(thing["k"], thing["i"], year, item.use))
    return keys


def aliased(item: Draft, aliases: Mapping[AliasKey, str]) -> dict[str, Any]:
    """The body as the log holds it: every person, entity and department under its alias.

    Raises:
        KeyError: ``aliases`` lacks one of ``alias_keys(item)``.
    """
    body, use, year = dict(item.body), item.use, item.year
    if "i" in body["actor"]:
        body["actor"] = {**body["actor"], "i": aliases[AliasKey("person", body["actor"]["i"], year, use)]}
    for field, kind in (("x", "person"), ("g", "department"), ("e", "entity")):
        if field in body:
            body[field] = aliases[AliasKey(kind, body[field], year, use)]
    if "objects" in body and any(thing["k"] in ALIASED_KINDS for thing in body["objects"]):
        body["objects"] = [
            {**thing, "i": aliases[AliasKey(thing["k"], thing["i"], year, use)]}
            if thing["k"] in ALIASED_KINDS
            else thing
            for thing in body["objects"]
        ]
    return body


def serialise(body: dict[str, Any]) -> bytes:
    """Canonical bytes of an aliased body; its draft was checked, so this is not done again."""
    return _encode(body).encode("ascii")


def _base(event: Event, at: datetime) -> dict[str, Any]:
    details = {key: value for key, value in event.details().items() if value is not None}
    if not RESERVED_DETAILS.isdisjoint(details):
        raise EventRefused(f"{event.action}: group, part and parts are the log's own details")
    wrong = details_fit(declared_details(event.action), details)
    if wrong is not None:
        raise EventRefused(f"{event.action}: detail {wrong!r} is not declared, or not of its type")
    actor: dict[str, str] = {"k": event.by.kind}
    if event.by.id is not None:
        actor["i"] = event.by.id.hex
    if event.by.name is not None:
        actor["n"] = event.by.name
    body: dict[str, Any] = {
        "action": event.action,
        "actor": actor,
        "id": os.urandom(16).hex(),
        "outcome": event.outcome,
        "t": to_us(at),
    }
    if event.basis:
        body["basis"] = event.basis
    if details:
        body["d"] = details
    if event.entity is not None:
        body["e"] = event.entity.hex
    if event.by.department is not None:
        body["g"] = event.by.department.hex
    if event.request is not None:
        body["r"] = event.request
    if event.second is not None:
        body["x"] = event.second.hex
    return body


def _object(item: ObjectRef) -> dict[str, Any]:
    value: dict[str, Any] = {"i": item.id.hex, "k": item.kind}
    if item.version is not None:
        value["v"] = item.version
    if item.digest is not None:
        value["h"] = item.digest.hex()
    return value


def _is_short(body: dict[str, Any]) -> bool:
    """Whether a body cannot come near the limit, so that nobody needs to measure it."""
    details = body.get("d", {}).values()
    plain = all(isinstance(value, str | int) for value in details)
    return plain and len(details) <= 40 and len(body.get("objects", ())) <= 40 and len(body.get("c", ())) <= 40


def _commit(event: Event, event_id: str) -> tuple[list[dict[str, str]], tuple[Opening, ...]]:
    values = event.commitments()
    if not values:
        return [], ()
    openings = tuple(Opening(UUID(event_id), field, os.urandom(32), value) for field, value in sorted(values.items()))
    hashes = [{"f": item.field, "h": commitment(item.nonce, item.field, item.value).hex()} for item in openings]
    return hashes, openings


def _split(objects: list[dict[str, Any]], room: int) -> list[list[dict[str, Any]]]:
    if len(objects) <= MAX_OBJECTS and len(_encode(objects)) - 1 <= room:
        # As below, measured together: each with its comma or bracket.
        return [objects]
    chunks: list[list[dict[str, Any]]] = [[]]
    used = 0
    for item in objects:
        length = len(_encode(item)) + 1
        if chunks[-1] and (len(chunks[-1]) == MAX_OBJECTS or used + length > room):
            chunks.append([])
            used = 0
        chunks[-1].append(item)
        used += length
    return chunks
