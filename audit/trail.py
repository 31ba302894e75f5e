"""The log as people read it: what happened to a record, what a person did, with proofs.

Entries are found by the trail and told from their own bytes. An alias is resolved where its
mapping still exists; otherwise the entry says only that it was somebody. Who may ask
what is decided above: staff get no names from a record's history.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select

from audit.alias import aliases_of, subjects_of
from audit.draft import ALIASED_KINDS
from audit.entries import AuditLeaf, AuditTrail
from audit.events import Actor, ObjectRef
from audit.leaf import leaf_hash, parse
from audit.ranges import NoSuchEntry, consistency_proof, inclusion_proof
from audit.withdrawal import EntryWithdrawn, covering
from core.clock import from_us
from core.database import ReadSession

__all__ = [
    "TrailEntry",
    "by_action",
    "consistency_proof",
    "entry",
    "history",
    "leaf",
    "of_person",
    "proof",
    "tell",
]

MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One entry, told."""

    seq: int
    leaf_hash: bytes
    event_id: UUID
    action: str
    outcome: str
    basis: str
    at: datetime
    """When it was asked for."""
    appended_at: datetime
    """When the log took it."""
    by: Actor
    """``id`` and ``department`` are ``None`` where nobody was identified or the mapping was erased."""
    second: UUID | None
    entity: UUID | None
    request: str | None
    objects: tuple[ObjectRef, ...]
    """Without those persons, entities and departments whose mapping was erased."""
    details: dict[str, Any]
    commitments: dict[str, bytes]
    """Field and hash of what was committed to; see ``openings_of``."""
    nameless: int
    """How many aliases in the entry stand for nobody any more."""
    alias: str | None = None
    """The actor's alias of that year and use, 32 hex digits: tells two of them apart without naming either."""
    entity_known: bool = True
    """Whether ``entity`` says all there is: false where the entry names one whose mapping was erased."""


def history(
    session: ReadSession, kind: str, subject: UUID, *, before: int | None = None, limit: int = 50
) -> list[TrailEntry]:
    """Entries that are about a thing, newest first; ``before`` is the ``seq`` to go on from."""
    return _newest(session, _about(session, kind, subject), before, limit)


def of_person(session: ReadSession, person: UUID, *, before: int | None = None, limit: int = 50) -> list[TrailEntry]:
    """Entries in which a person acted, was the second person or the object, newest first.

    Only those under aliases whose mapping still exists.
    """
    keys = [
        (topic, alias)
        for alias in aliases_of(session, "person", person)
        for topic in ("actor", "second", "object.person")
    ]
    return _newest(session, keys, before, limit)


def by_action(session: ReadSession, action: str, *, before: int | None = None, limit: int = 50) -> list[TrailEntry]:
    """Entries of one action, newest first."""
    return _newest(session, [("action", action.encode())], before, limit)


def entry(session: ReadSession, seq: int) -> TrailEntry:
    """One entry.

    Raises:
        NoSuchEntry: the log has none at that position.
        EntryWithdrawn: it was withdrawn.
    """
    return tell(session, [leaf(session, seq)])[0]


def proof(session: ReadSession, seq: int, size: int) -> list[bytes]:
    """Inclusion proof of entry ``seq`` under a checkpoint of ``size``: sibling hashes, lowest first.

    Raises:
        NoSuchEntry: there is no such entry, or the log is shorter than ``size``.
    """
    return inclusion_proof(session, seq, size)


def _about(session: ReadSession, kind: str, subject: UUID) -> list[tuple[str, bytes]]:
    topic = f"object.{kind}"
    if kind in ALIASED_KINDS:
        return [(topic, alias) for alias in aliases_of(session, kind, subject)]
    return [(topic, subject.bytes)]


def _newest(
    session: ReadSession, keys: Sequence[tuple[str, bytes]], before: int | None, limit: int
) -> list[TrailEntry]:
    if not keys:
        return []
    statement = select(AuditTrail.seq).where(
        or_(*(and_(AuditTrail.topic == topic, AuditTrail.key == key) for topic, key in keys))
    )
    if before is not None:
        statement = statement.where(AuditTrail.seq < before)
    statement = statement.distinct().order_by(AuditTrail.seq.desc()).limit(min(limit, MAX_LIMIT))
    return _told(session, session.scalars(statement).all())


def leaf(session: ReadSession, seq: int) -> bytes:
    """The exact bytes of one entry, as they are hashed.

    Raises:
        NoSuchEntry: the log has none at that position.
        EntryWithdrawn: it was withdrawn.
    """
    found = session.scalar(select(AuditLeaf.entry).where(AuditLeaf.seq == seq))
    if found is None:
        raise NoSuchEntry("the log has no such entry")
    if not found:
        gone = covering(session, seq)
        raise EntryWithdrawn("" if gone is None else f"entry {gone.event} of the log says so")
    return found


def tell(session: ReadSession, entries: Iterable[bytes]) -> list[TrailEntry]:
    """Entries told from their bytes, in the order given, without those that were withdrawn."""
    leaves = [(data, parse(data)) for data in entries if data]
    names = subjects_of(session, (alias for _, leaf in leaves for alias in _aliases(leaf.body)))
    return [_tell(data, leaf.sequence, leaf.appended_us, leaf.body, names) for data, leaf in leaves]


def _told(session: ReadSession, positions: Iterable[int]) -> list[TrailEntry]:
    return tell(
        session,
        session.scalars(
            select(AuditLeaf.entry).where(AuditLeaf.seq.in_(list(positions))).order_by(AuditLeaf.seq.desc())
        ),
    )


def _aliases(body: dict[str, Any]) -> list[str]:
    found = [body[field] for field in ("x", "g", "e") if field in body]
    if "i" in body["actor"]:
        found.append(body["actor"]["i"])
    return found + [item["i"] for item in body.get("objects", ()) if item["k"] in ALIASED_KINDS]


def _tell(
    data: bytes, seq: int, appended_us: int, body: dict[str, Any], names: dict[str, tuple[str, UUID]]
) -> TrailEntry:
    def named(alias: str | None) -> UUID | None:
        return names[alias][1] if alias in names else None

    actor = body["actor"]
    objects = []
    for item in body.get("objects", ()):
        subject = named(item["i"]) if item["k"] in ALIASED_KINDS else UUID(item["i"])
        if subject is not None:
            digest = bytes.fromhex(item["h"]) if "h" in item else None
            objects.append(ObjectRef(item["k"], subject, item.get("v"), digest))
    return TrailEntry(
        seq=seq,
        leaf_hash=leaf_hash(data),
        event_id=UUID(body["id"]),
        action=body["action"],
        outcome=body["outcome"],
        basis=body.get("basis", ""),
        at=from_us(body["t"]),
        appended_at=from_us(appended_us),
        by=Actor(actor["k"], named(actor.get("i")), actor.get("n"), named(body.get("g"))),
        second=named(body.get("x")),
        entity=named(body.get("e")),
        request=body.get("r"),
        objects=tuple(objects),
        details=dict(body.get("d", {})),
        commitments={item["f"]: bytes.fromhex(item["h"]) for item in body.get("c", ())},
        nameless=sum(alias not in names for alias in _aliases(body)),
        alias=actor.get("i"),
        entity_known="e" not in body or body["e"] in names,
    )
