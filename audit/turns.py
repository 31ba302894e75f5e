"""How threads that wait for one commit are told, without all of them wanting the interpreter at once.

A thread that wants it wakes again each time the switch interval has passed, so thirty of them take longer
to be told than their commit took. Here one of them is told, and each tells the next.
"""

import threading
from collections import deque
from typing import Protocol

from audit.entries import Receipt


class Waiting(Protocol):
    """A thread that waits to be told, and then tells the next."""

    def tell(self) -> None: ...


class Turns:
    """Those whose answers are there, and who do not know it yet. Thread-safe."""

    def __init__(self) -> None:
        self._untold: deque[Waiting] = deque()

    def __bool__(self) -> bool:
        return bool(self._untold)

    def add(self, waiting: Waiting) -> None:
        """Have somebody told once it is its turn."""
        self._untold.append(waiting)

    def tell_next(self) -> bool:
        """Tell one of them, which will tell the next; ``False`` where nobody is left."""
        try:
            waiting = self._untold.popleft()
        except IndexError:
            return False
        waiting.tell()
        return True

    def tell_all(self) -> None:
        """Tell all who are left: one who was interrupted where it waited has told nobody."""
        while self.tell_next():
            pass


class Call:
    """A future for one thread that waits at once: a lock where ``Future`` has a condition and a queue."""

    __slots__ = ("_done", "_error", "_receipts", "_turns")

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._done = threading.Lock()
        self._done.acquire()
        self._receipts: list[Receipt] = []
        self._error: BaseException | None = None

    def set_running_or_notify_cancel(self) -> bool:
        return True

    def set_result(self, receipts: list[Receipt]) -> None:
        """To be told when it is its turn."""
        self._receipts = receipts
        self._turns.add(self)

    def set_exception(self, error: BaseException) -> None:
        self._error = error
        self.tell()

    def tell(self) -> None:
        self._done.release()

    def result(self) -> list[Receipt]:
        self._done.acquire()
        self._turns.tell_next()
        if self._error is not None:
            raise self._error
        return self._receipts
