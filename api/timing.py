"""How long a request waited for the audit log, and what the log gave back for it.

A ``Visit`` belongs to one request and travels with it into its threads (``contextvars``
are copied there, so it is one mutable object and not a value). ``TimedLog`` is the log of a
runtime whose waits are counted to the visit under way: told in ``Server-Timing``, with the
receipts of everything recorded in ``Muniment-Receipt`` and the log that gave them in ``Muniment-Receipt-Origin``.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.runtime import Runtime
from audit.draft import Draft
from audit.entries import Receipt
from audit.events import Event
from audit.log import Log
from audit.opening import SealedOpening

MOST_RECEIPTS = 10


@dataclass(slots=True)
class Visit:
    """What is counted of one request."""

    log_seconds: float = 0.0
    waits: int = 0
    receipts: list[Receipt] = field(default_factory=list)
    origin: str = ""
    """Of the log that gave the receipts."""

    def headers(self) -> dict[str, str]:
        """``Server-Timing`` with the wait in milliseconds, the receipts as ``<seq>:<hex leaf hash>``, and their log."""
        if not self.waits:
            return {}
        shown = ", ".join(f"{receipt.seq}:{receipt.leaf_hash.hex()}" for receipt in self.receipts[:MOST_RECEIPTS])
        timing = f"log;dur={self.log_seconds * 1000:.2f}"
        return {"Server-Timing": timing, "Muniment-Receipt": shown, "Muniment-Receipt-Origin": self.origin}


visit: ContextVar[Visit | None] = ContextVar("visit", default=None)


class TimedLog(Log):
    """Another log, with its waits counted to the request under way."""

    def __init__(self, log: Log) -> None:
        super().__init__(log.database, log.origin, log.clock)
        self._log = log

    def start(self, origin: str, vkey: str) -> None:
        self._log.start(origin, vkey)

    def record(self, events: Sequence[Event], *, at: datetime) -> list[Receipt]:
        began = time.perf_counter()
        receipts = self._log.record(events, at=at)
        if (present := visit.get()) is not None:
            present.log_seconds += time.perf_counter() - began
            present.waits += 1
            present.receipts.extend(receipts)
            present.origin = self.origin
        return receipts

    def submit(self, events: Sequence[Event], *, at: datetime) -> "Future[list[Receipt]]":
        return self._log.submit(events, at=at)

    def move(self, drafts: Sequence[Draft], openings: Sequence[SealedOpening], *, high: int) -> int:
        return self._log.move(drafts, openings, high=high)

    def close(self) -> None:
        self._log.close()


def timed(run: Runtime) -> Runtime:
    """The same runtime, with a log that counts its waits."""
    log = TimedLog(run.log)
    return replace(run, log=log, content=replace(run.content, log=log))
