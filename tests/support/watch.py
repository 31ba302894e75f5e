"""What an act leaves in the log, and what it touched, seen from below: keys, stored objects, sealed words."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.runtime import Runtime
from audit import trail
from audit.draft import Draft
from audit.entries import AuditHead
from audit.intake import AuditIntake
from audit.trail import TrailEntry
from core.database import ReadSession
from vault import envelope
from vault.keyring import WrappedKey
from vault.tally import LOGGED, UNLOGGED

CONTENT = ("version", "party", "case_file", "package")
"""Kinds of keys that open what a record or a case file holds."""
PLACE = b"muniment/1\x00"
"""How the place of a sealed value begins; subject and version of 16 bytes follow, then the part."""


@dataclass
class Seen:
    """What one act did."""

    read: list[str] = field(default_factory=list)
    """Actions that were durable in the log when it ended, in order."""
    changed: list[str] = field(default_factory=list)
    """Actions that wait in the intake, in the transaction of their change."""
    keys: dict[str, int] = field(default_factory=dict)
    """Unwrapped, by kind and use."""
    fetched_at: list[int] = field(default_factory=list)
    """How long the log was whenever sealed bytes were fetched."""
    opened: dict[UUID, set[str]] = field(default_factory=dict)
    """Sealed words that it opened: which parts, by the subject they are sealed for."""
    kinds: dict[UUID, str] = field(default_factory=dict)
    """Kinds of the keys of those subjects."""
    named: set[UUID] = field(default_factory=set)
    """Every object and every actor that the entries it left name."""
    began_at: int = 0

    def unnamed_words(self, own: UUID | None = None) -> dict[str, set[str]]:
        """Parts of sealed words, by kind, that it opened and that no entry it left names, but for one's ``own``."""
        return unnamed(self.opened, self.kinds, self.named | {own})

    @property
    def actions(self) -> set[str]:
        """All actions that it left."""
        return {*self.read, *self.changed}

    @property
    def content_keys(self) -> int:
        """Keys of content that it unwrapped for a read."""
        return sum(self.keys.get(f"{kind}_{LOGGED}", 0) for kind in CONTENT)

    @property
    def around_the_door(self) -> int:
        """Keys of content that it unwrapped for a read that is not in the log."""
        return sum(self.keys.get(f"{kind}_{UNLOGGED}", 0) for kind in CONTENT)


def length(run: Runtime) -> int:
    """How many entries the log has."""
    with run.log_database.read() as session:
        return session.get_one(AuditHead, 1).size


@contextmanager
def watching(run: Runtime, patch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """Watch what happens inside the block in this process; what it left is known when it has ended."""
    seen = Seen(began_at=length(run))
    get = type(run.store).get

    def noting(store, *arguments, **named):  # type: ignore[no-untyped-def]
        seen.fetched_at.append(length(run))
        return get(store, *arguments, **named)

    with run.main.read() as session:
        newest = session.scalar(select(func.max(AuditIntake.number))) or 0
    run.keys.tally.drain()
    with patch.context() as patched, opening(patch) as seen.opened:
        patched.setattr(type(run.store), "get", noting)
        yield seen
    counts = run.keys.tally.drain()
    seen.keys = counts.keys if counts is not None else {}
    with run.log_database.read() as session:
        entries = [trail.entry(session, seq) for seq in range(seen.began_at, length(run))]
    seen.read, seen.named = [entry.action for entry in entries], named_by(entries)
    with run.main.read() as session:
        waiting = session.scalars(select(AuditIntake.draft).where(AuditIntake.number > newest))
        drafts = [Draft.from_bytes(each) for each in waiting.all()]
        seen.kinds = kinds_of(session, seen.opened)
    seen.changed = [draft.action for draft in drafts]
    for draft in drafts:
        seen.named |= {UUID(thing["i"]) for thing in draft.body.get("objects", [])}
        if "i" in draft.body["actor"]:
            seen.named.add(UUID(draft.body["actor"]["i"]))


@contextmanager
def opening(patch: pytest.MonkeyPatch) -> Iterator[dict[UUID, set[str]]]:
    """Note each sealed word that is opened inside the block: which part, by the subject that it is sealed for."""
    opened: dict[UUID, set[str]] = {}
    open_bytes = envelope.open_bytes

    def noting(key: bytes, place: bytes, sealed: bytes) -> bytes:
        text = open_bytes(key, place, sealed)
        if place.startswith(PLACE):
            subject, part = place[len(PLACE) :][:16], place[len(PLACE) + 32 :]
            opened.setdefault(UUID(bytes=subject), set()).add(part.decode().partition("/")[0])
        return text

    with patch.context() as patched:
        patched.setattr(envelope, "open_bytes", noting)
        yield opened


def kinds_of(session: ReadSession, subjects: Collection[UUID]) -> dict[UUID, str]:
    """The kind of the key of each subject that has one."""
    rows = session.execute(select(WrappedKey.subject, WrappedKey.kind).where(WrappedKey.subject.in_(subjects)))
    return {row.subject: row.kind for row in rows}


def named_by(entries: Iterable[TrailEntry]) -> set[UUID]:
    """Every object and every actor of these entries."""
    found = {thing.id for entry in entries for thing in entry.objects}
    return found | {entry.by.id for entry in entries if entry.by.id is not None}


def unnamed(
    opened: Mapping[UUID, set[str]], kinds: Mapping[UUID, str], named: Collection[UUID | None]
) -> dict[str, set[str]]:
    """Parts of sealed words, by kind, that were opened for a subject that is not ``named``.

    What a record, a party or a case file holds is not among them: the counts of keys watch over that.
    """
    found: dict[str, set[str]] = {}
    for subject, parts in opened.items():
        kind = kinds.get(subject, CONTENT[0])
        if kind not in CONTENT and subject not in named:
            found.setdefault(kind, set()).update(parts)
    return found
