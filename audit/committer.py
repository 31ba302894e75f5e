"""A thread that ends transactions, so that the one that fills them can read what arrives meanwhile.

Most of the time of a commit is the disk's. The recorder takes the next callers' requests in that time,
checks and serialises them, and fills the next transaction as soon as this one is durable.
"""

import os
import threading
from queue import SimpleQueue

from audit.appender import Begun
from audit.entries import Receipt


class Committer:
    """Ends one transaction at a time. For one thread, which gives, waits for ``ended`` to be readable, and takes."""

    def __init__(self) -> None:
        self.ended, self._telling = os.pipe()
        """A descriptor that can be read once the transaction given is over."""
        self._given: SimpleQueue[Begun | None] = SimpleQueue()
        self._told: list[list[Receipt]] | None = None
        self._thread = threading.Thread(target=self._run, name="recorder-committer", daemon=True)
        self._thread.start()

    def give(self, begun: Begun) -> None:
        """Have a transaction ended; the thread that gives it must not touch the database before ``take``."""
        self._given.put(begun)

    def take(self) -> list[list[Receipt]] | None:
        """Wait for the transaction given: its receipts, or ``None`` where the log took nothing."""
        os.read(self.ended, 1)
        return self._told

    def close(self) -> None:
        """End the thread; nothing may be under way."""
        self._given.put(None)
        self._thread.join()
        os.close(self.ended)
        os.close(self._telling)

    def _run(self) -> None:
        while (begun := self._given.get()) is not None:
            try:
                self._told = begun.finish()
            except Exception:  # Who asked is told by what follows: they append alone, and meet the error.
                self._told = None
            os.write(self._telling, b"\0")
