"""Audit events of keys: epochs that begin and end, and what data keys were unwrapped for.

The keyring knows nothing of the log; it is told to tell here, in the transaction of its own change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from audit.body import Detail
from audit.events import Actor, Event, ObjectRef
from audit.intake import append
from core.database import WriteSession
from vault.tally import Counts

Details = Mapping[str, Detail]
KEYRING = Actor("system", name="keyring")
"""Who acts: nobody asked for it at that moment."""


@dataclass(frozen=True, kw_only=True)
class _AboutEpoch(Event):
    """An event about one epoch of data keys."""

    by: Actor = KEYRING
    epoch: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("key_epoch", self.epoch),)


@dataclass(frozen=True, kw_only=True)
class KeyEpochBegun(_AboutEpoch):
    """An epoch key was made."""

    action = "key_epoch.begun"
    description = "An epoch key was made at the key service; up to 10,000 data keys are wrapped by it."


@dataclass(frozen=True, kw_only=True)
class KeyEpochRetired(_AboutEpoch):
    """A data key of an epoch was destroyed."""

    action = "key_epoch.retired"
    description = "Data keys of an epoch were destroyed: it takes no more, and its survivors are wrapped anew."
    detail_keys: ClassVar[Details] = {"shredded": Detail("count", "How many data keys were destroyed with it.")}
    shredded: int

    def details(self) -> Mapping[str, Any]:
        return {"shredded": self.shredded}


@dataclass(frozen=True, kw_only=True)
class KeyEpochDestroyed(_AboutEpoch):
    """An epoch key is gone."""

    action = "key_epoch.destroyed"
    description = "The key service has confirmed that an epoch key is gone: no copy of the database opens by it."


_EPOCH: dict[str, type[_AboutEpoch]] = {"begun": KeyEpochBegun, "destroyed": KeyEpochDestroyed}


def tell_epoch(
    session: WriteSession, what: Literal["begun", "retired", "destroyed"], epoch: UUID, shredded: int, at: datetime
) -> None:
    """Write what happened to an epoch in the transaction that notes it; for ``vault.keyring.Keyring``."""
    if what == "retired":
        append(session, KeyEpochRetired(epoch=epoch, shredded=shredded), at=at)
    else:
        append(session, _EPOCH[what](epoch=epoch), at=at)


@dataclass(frozen=True, kw_only=True)
class UnwrapsCounted(Event):
    """A process told for what it unwrapped data keys."""

    action = "key.unwraps_counted"
    use = "read"
    description = "A process told how many data keys it unwrapped, and what for, since it told last or began."
    detail_keys: ClassVar[Details] = {
        "process": Detail("id", "Names the process, which tells several times."),
        "reads": Detail("count", "Entries of the log that content was read under."),
        "keys": Detail(
            "counts",
            "By kind and use: logged (for a read in the log), withheld (for one that failed), sealed, "
            "unlogged (for neither, which is a read around the log).",
        ),
    }
    by: Actor = KEYRING
    process: bytes
    counts: Counts

    def details(self) -> Mapping[str, Any]:
        return {"process": self.process.hex(), "reads": self.counts.reads, "keys": self.counts.keys}
