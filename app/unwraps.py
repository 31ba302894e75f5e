"""Were all keys of content unwrapped for reads that stand in the log? What the processes told, beside what it holds.

Each process counts by itself and tells now and then. What one that was killed had not told yet is missing on
both sides: its reads are in the log and its keys in no count. The other way round there is no excuse: a key
unwrapped for no read in the log, or more reads counted than the log holds.
"""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select

from app.runtime import Runtime
from audit import trail
from audit.entries import AuditTrail
from records.key_events import UnwrapsCounted
from vault.tally import LOGGED, SEALED, UNLOGGED, WITHHELD

KINDS = ("version", "party", "case_file")
"""Whose keys open what records and case files hold."""
READS = (
    "case_file.listed",
    "record.downloaded",
    "record.listed",
    "record.opened",
    "record.page_shown",
    "record.previewed",
    "record.print_view_requested",
    "record.searched",
    "record.suggested",
    "record.table_taken",
    "record.thumbnail_shown",
    "record.viewed",
)
"""Actions of the one door."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the keys of one kind were unwrapped for."""

    kind: str
    logged: int
    withheld: int
    """For a read that failed, so that nothing left."""
    sealed: int
    """To seal something new."""
    unlogged: int
    """For nothing that stands in the log."""

    @property
    def unwrapped(self) -> int:
        """All of them."""
        return self.logged + self.withheld + self.sealed + self.unlogged


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The counts, compared."""

    kinds: tuple[Kind, ...]
    reads_counted: int
    """Entries of the log that processes say they read content under."""
    reads_logged: int
    """Such entries in the log. More than were counted: some process has not told yet, or was killed before it did."""
    processes: int

    @property
    def agrees(self) -> bool:
        """Whether every key that opens content was unwrapped for something the log knows."""
        return not any(each.unlogged for each in self.kinds) and self.reads_counted <= self.reads_logged

    def to_json(self) -> dict[str, object]:
        """As ``muniment audit unwraps --json`` prints it."""
        return {
            "keys": {
                each.kind: {
                    "unwrapped": each.unwrapped,
                    "logged": each.logged,
                    "withheld": each.withheld,
                    "sealed": each.sealed,
                    "unlogged": each.unlogged,
                }
                for each in self.kinds
            },
            "reads_counted": self.reads_counted,
            "reads_logged": self.reads_logged,
            "processes": self.processes,
            "agrees": self.agrees,
        }


def look(runtime: Runtime) -> Reconciled:
    """Add up what all processes told until now; this one tells first."""
    runtime.content.tell_unwraps()
    keys, reads, processes = Counter[str](), 0, set[str]()
    with runtime.log_database.read() as session:
        before: int | None = None
        while found := trail.by_action(session, UnwrapsCounted.action, before=before, limit=trail.MAX_LIMIT):
            for entry in found:
                keys.update(entry.details["keys"])
                reads += int(entry.details["reads"])
                processes.add(str(entry.details["process"]))
            before = found[-1].seq
        of_the_door = AuditTrail.key.in_([action.encode() for action in READS])
        logged = session.scalar(select(func.count()).where(AuditTrail.topic == "action", of_the_door)) or 0
    kinds = tuple(
        Kind(kind, *(keys[f"{kind}_{use}"] for use in (LOGGED, WITHHELD, SEALED, UNLOGGED))) for kind in KINDS
    )
    return Reconciled(kinds, reads, logged, len(processes))
