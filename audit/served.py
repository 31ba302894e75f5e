"""What the log hands out to whoever holds it against a checkpoint: tiles, bundles, proofs. Never more than is signed.

Made from the database at each request, so that any process can serve it; the same bytes as
``audit.publish`` writes into the folder.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import func, select

from audit.body import Detail
from audit.checkpoint import AuditCheckpoint, published_note
from audit.events import Event
from audit.ranges import NoSuchEntry, consistency_proof, inclusion_proof, tile_content
from audit.tiles import NoSuchTile, Tile
from core.database import ReadSession
from core.errors import NotFound

PROOF_FORMAT = "c2sp.org/tlog-proof@v1"


class NoCheckpoint(NotFound):
    """No checkpoint has been signed yet; the keeper signs one within a second."""

    code = "no_checkpoint"


@dataclass(frozen=True, kw_only=True)
class EntriesRead(Event):
    """A bundle of entries was read."""

    action = "audit.entries_read"
    use = "read"
    description = "The exact bytes of a bundle of entries were handed out, whatever they concern."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "first": Detail("count", "Position of the first entry."),
        "count": Detail("count", "How many entries."),
    }
    first: int
    count: int

    def details(self) -> Mapping[str, Any]:
        return {"first": self.first, "count": self.count}


def newest_note(session: ReadSession) -> str:
    """The latest checkpoint, with the signature lines of witnesses.

    Raises:
        NoCheckpoint: none was signed yet.
    """
    note = published_note(session)
    if note is None:
        raise NoCheckpoint()
    return note


def note_over(session: ReadSession, size: int) -> str | None:
    """The checkpoint over ``size`` entries as it was signed; ``None`` where none was."""
    return session.scalar(select(AuditCheckpoint.note).where(AuditCheckpoint.size == size))


def signed_size(session: ReadSession) -> int:
    """How many entries the latest checkpoint covers."""
    return session.scalar(select(func.max(AuditCheckpoint.size))) or 0


def served_tile(session: ReadSession, tile: Tile) -> bytes:
    """The bytes of a tile or bundle, of any width that a checkpoint covers.

    Raises:
        NoSuchTile: there is none, or it reaches beyond the latest checkpoint.
    """
    if not tile.is_under(signed_size(session)):
        raise NoSuchTile()
    return tile_content(session, tile)


def inclusion(session: ReadSession, seq: int) -> tuple[int, list[bytes]]:
    """Size of the log under the latest checkpoint, and the hashes that lead from entry ``seq`` to its root.

    Raises:
        NoCheckpoint: none was signed yet.
        NoSuchEntry: the latest checkpoint does not cover that entry.
    """
    size = signed_size(session)
    if not size:
        raise NoCheckpoint()
    if seq >= size:
        raise NoSuchEntry(f"the newest checkpoint covers positions below {size}")
    return size, inclusion_proof(session, seq, size)


def consistency(session: ReadSession, first: int, second: int) -> list[bytes]:
    """The hashes that show that the log of ``first`` entries grew into that of ``second``.

    Raises:
        NoSuchEntry: ``first`` is 0 or beyond ``second``, or the latest checkpoint does not cover ``second``.
    """
    size = signed_size(session)
    if second > size:
        raise NoSuchEntry(f"the newest checkpoint covers {size} entries")
    return consistency_proof(session, first, second)


def tlog_proof(session: ReadSession, seq: int) -> str:
    """The proof for entry ``seq`` as a text of its own (C2SP tlog-proof), to be kept with the entry's bytes.

    Raises:
        NoCheckpoint: none was signed yet.
        NoSuchEntry: the latest checkpoint does not cover that entry.
    """
    size = signed_size(session)
    note = newest_note(session)
    if seq >= size:
        raise NoSuchEntry(f"the newest checkpoint covers positions below {size}")
    return proof_under(session, seq, size, note)


def proof_under(session: ReadSession, seq: int, size: int, note: str) -> str:
    """The proof for entry ``seq`` under ``note``, the checkpoint over ``size`` entries (C2SP tlog-proof).

    Raises:
        NoSuchEntry: that checkpoint does not cover the entry.
    """
    hashes = inclusion_proof(session, seq, size)
    lines = [PROOF_FORMAT, f"index {seq}", *(base64.b64encode(each).decode() for each in hashes)]
    return "\n".join(lines) + "\n\n" + note
