"""What an act leaves in the log, and what content it touched, seen from below: unwrapped keys and fetched objects."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import func, select

from app.runtime import Runtime
from audit import trail
from audit.draft import Draft
from audit.entries import AuditHead
from audit.intake import AuditIntake
from vault.tally import LOGGED, UNLOGGED

CONTENT = ("version", "party", "case_file")
"""Kinds of keys that open what a record or a case file holds."""


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
    began_at: int = 0

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
    with patch.context() as patched:
        patched.setattr(type(run.store), "get", noting)
        yield seen
    counts = run.keys.tally.drain()
    seen.keys = counts.keys if counts is not None else {}
    with run.log_database.read() as session:
        seen.read = [trail.entry(session, seq).action for seq in range(seen.began_at, length(run))]
    with run.main.read() as session:
        drafts = session.scalars(select(AuditIntake.draft).where(AuditIntake.number > newest))
        seen.changed = [Draft.from_bytes(each).action for each in drafts.all()]
