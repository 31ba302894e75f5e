"""What the log says was done to records, with proofs, for a package that leaves.

Of each record the entries of changes: captured, placed, dated, held, decided, approved. Who read or searched it is not
for the receiving archive. What the newest checkpoint covers is in; what came in the last second may be missing.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from audit import served
from audit.events import is_reading
from audit.note import parse_checkpoint, parse_note
from audit.served import NoCheckpoint
from audit.trail import TrailEntry, history, leaf
from audit.withdrawal import EntryWithdrawn
from core.database import Database
from exports.bag_metadata import instant

MOST_ENTRIES = 500
"""Of one record, or of its batch."""
_PAGE = 100


class LogPart:
    """The log's part of one package; entries come with the records, their files after all of them."""

    def __init__(self, log: Database) -> None:
        self._log = log
        self._positions: set[int] = set()
        self.size, self.note = 0, ""
        try:
            with log.read() as session:
                self.note = served.newest_note(session)
            self.size = parse_checkpoint(parse_note(self.note).text).size
        except NoCheckpoint:
            # Nothing was signed yet: then there is nothing to prove anything by.
            self.note = ""

    def entries_of(self, record: UUID, batch: UUID) -> list[dict[str, Any]]:
        """What was done to a record, and what was decided about the batch it leaves with, the first first."""
        found = {entry.seq: entry for entry in (*self._changes("record", record), *self._changes("disposition", batch))}
        self._positions.update(found)
        return [
            {"seq": seq, "action": entry.action, "at": instant(entry.at), "outcome": entry.outcome}
            for seq, entry in sorted(found.items())
        ]

    def _changes(self, kind: str, subject: UUID) -> list[TrailEntry]:
        found: list[TrailEntry] = []
        before: int | None = self.size
        with self._log.read() as session:
            while before and len(found) < MOST_ENTRIES:
                page = history(session, kind, subject, before=before, limit=_PAGE)
                if not page:
                    break
                found += [entry for entry in page if not is_reading(entry.action)]
                before = page[-1].seq
        return found[:MOST_ENTRIES]

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The checkpoint, and each entry with its proof."""
        if not self.note:
            return
        yield "checkpoint", self.note.encode()
        for seq in sorted(self._positions):
            with self._log.read() as session:
                try:
                    entry = leaf(session, seq)
                except EntryWithdrawn:
                    continue
                proof = served.proof_under(session, seq, self.size, self.note)
            yield f"leaves/{seq}.json", entry
            yield f"proofs/{seq}.tlog-proof", proof.encode()

    @property
    def missing_text(self) -> str:
        """What is to be said where nothing could be proved."""
        return "" if self.note else "\nThe log had not been signed yet, so it is empty."
