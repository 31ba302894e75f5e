"""Counts the data keys that are unwrapped, and what for, so that a read that is not in the log shows.

A key comes out of the ring inside an *account* of the thread that asks: for reading, which is settled
once the access stands in the log, or for sealing something new. Whatever comes out without an account,
or by one that nobody settled, was read around the door. Counting takes no part in any transaction: the
numbers of a process are told in the log now and then, and those of one that is killed are lost, both
sides of them at once.
"""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

log = logging.getLogger("muniment.keys")

TELL_SECONDS = 600.0
"""How often a process tells its numbers, with a read that it logs anyway."""
LOGGED, WITHHELD, SEALED, UNLOGGED = "logged", "withheld", "sealed", "unlogged"
USES = (LOGGED, WITHHELD, SEALED, UNLOGGED)
"""For a read that stands in the log; for one that failed, so that nothing left; to seal; for anything else."""


_UNWATCHED = frozenset({"person", "openings", "journal", "hold", "regime", "batch", "disclosure", "withdrawal"})
"""Kinds whose keys open what is no record: a colleague's name, the openings and seals of the log itself, and what was
written to hold, restrict or dispose of records."""


class Counts(NamedTuple):
    """What a process counted since it told last."""

    keys: dict[str, int]
    """By ``<kind>_<use>``, such as ``version_logged``."""
    reads: int
    """Entries of the log that these keys were unwrapped for."""


class Account:
    """The keys of one piece of work in one thread; a context manager."""

    __slots__ = ("_before", "_kinds", "_reads", "_tally", "_use")

    def __init__(self, tally: "Tally", use: str) -> None:
        self._tally, self._use = tally, use
        self._kinds: list[str] = []
        self._reads = 0

    def logged(self, entries: int) -> None:
        """The read stands in the log, as so many entries; none where an earlier account told them."""
        self._use = LOGGED
        self._reads += entries

    def __enter__(self) -> "Account":
        own = self._tally._own
        self._before: Account | None = getattr(own, "account", None)
        own.account = self
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._tally._own.account = self._before
        use = WITHHELD if kind is not None and self._use == UNLOGGED else self._use
        self._tally._enter(self._kinds, use, self._reads)


class Tally:
    """The counters of one process. Safe to use from many threads."""

    def __init__(self) -> None:
        self.process = os.urandom(16)
        """Names this process in what it tells."""
        self._own = threading.local()
        self._mutex = threading.Lock()
        self._counts = Counter[str]()
        self._reads = 0
        self._next = time.monotonic() + TELL_SECONDS

    def reading(self) -> Account:
        """Keys unwrapped inside it are for a read, which says ``logged`` before anything leaves."""
        return Account(self, UNLOGGED)

    def sealing(self) -> Account:
        """Keys unwrapped inside it seal something new, and open nothing."""
        return Account(self, SEALED)

    def add(self, kinds: Sequence[str]) -> None:
        """Keys of these kinds were unwrapped; for the keyring."""
        kinds = [kind for kind in kinds if kind not in _UNWATCHED]
        if not kinds:
            return
        account: Account | None = getattr(self._own, "account", None)
        if account is not None:
            account._kinds.extend(kinds)
        else:
            self._enter(kinds, UNLOGGED, 0)

    @property
    def is_due(self) -> bool:
        """Whether it is time to tell the numbers."""
        return time.monotonic() >= self._next

    def drain(self) -> Counts | None:
        """The numbers, which begin anew; ``None`` where nothing was counted."""
        with self._mutex:
            self._next = time.monotonic() + TELL_SECONDS
            if not self._counts and not self._reads:
                return None
            counts = Counts(dict(self._counts), self._reads)
            self._counts, self._reads = Counter(), 0
        return counts

    def put_back(self, counts: Counts) -> None:
        """Count them again: they could not be told."""
        with self._mutex:
            self._counts.update(counts.keys)
            self._reads += counts.reads

    def _enter(self, kinds: Sequence[str], use: str, reads: int) -> None:
        with self._mutex:
            for kind in kinds:
                self._counts[f"{kind}_{use}"] += 1
            self._reads += reads
        if use == UNLOGGED and kinds:
            log.error("data keys were unwrapped for a read that is not in the log", extra={"count": len(kinds)})
