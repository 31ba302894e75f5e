"""One commit for what several threads have to write, where only one writer is let in at a time.

Nobody lingers: while one waits for its turn to write, and while it writes, others gather, and the first of them
goes next and takes the rest along. Each is answered once the commit that holds its part is durable. Where one part
fails, all of them are taken back and each is done by itself, so that nobody bears another's fault.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from core.database import WriteSession

MOST, SECONDS = 8, 0.015
"""Parts of one transaction, and for how long more are begun in it: nobody may be the one writer for long."""

T = TypeVar("T")


class _Part:
    """What one thread has to write, and the gate at which it waits while another one writes it."""

    __slots__ = ("_gate", "error", "leads", "made", "work")

    def __init__(self, work: Callable[[WriteSession], Any]) -> None:
        self.work = work
        self.made: Any = None
        self.error: BaseException | None = None
        self.leads = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def wait(self) -> None:
        self._gate.acquire()

    def let_go(self) -> None:
        self._gate.release()


class Together:
    """Gathers the threads of one process that write to one database. Thread-safe."""

    def __init__(
        self, write: Callable[[], AbstractContextManager[WriteSession]], wake: Callable[[Collection[str]], None]
    ) -> None:
        """``write`` opens a writing session that is durable when it has ended, or raises and leaves nothing; ``wake``
        is told of the queues that got work."""
        self._write, self._wake = write, wake
        self._mutex = threading.Lock()
        self._arrived = deque[_Part]()
        self._is_led = False

    def do(self, work: Callable[[WriteSession], T]) -> T:
        """What ``work`` makes, once it is durable; raises what it, or the commit, raises, and then nothing of it stays.

        ``work`` may run in another thread, beside the work of others, and a second time after it was taken back.
        """
        part = _Part(work)
        with self._mutex:
            if self._is_led:
                self._arrived.append(part)
            else:
                self._is_led = part.leads = True
        if not part.leads:
            part.wait()
        if part.leads and (woken := self._lead(part)):
            self._wake(woken)
        if part.error is not None:
            raise part.error
        made: T = part.made
        return made

    def _lead(self, first: _Part) -> frozenset[str]:
        """Write this part and those that have gathered; tells the queues to wake."""
        parts = [first]
        try:
            with self._write() as session:
                begun = time.monotonic()
                first.made = first.work(session)
                # Whoever came while this one waited for its turn, or comes now, goes along.
                while len(parts) < MOST and time.monotonic() - begun < SECONDS and (part := self._next()) is not None:
                    parts.append(part)
                    part.made = part.work(session)
            return frozenset(session.wake)
        except Exception as error:
            if len(parts) == 1:
                first.error = error
                return frozenset()
            return self._one_by_one(parts)
        except BaseException as error:
            for part in parts:
                part.error = error
            raise
        finally:
            self._hand_on()
            for part in parts[1:]:
                part.let_go()

    def _one_by_one(self, parts: list[_Part]) -> frozenset[str]:
        woken: frozenset[str] = frozenset()
        for part in parts:
            try:
                with self._write() as session:
                    part.made = part.work(session)
                woken |= session.wake
            except Exception as error:
                part.error = error
        return woken

    def _next(self) -> _Part | None:
        with self._mutex:
            return self._arrived.popleft() if self._arrived else None

    def _hand_on(self) -> None:
        with self._mutex:
            following = self._arrived.popleft() if self._arrived else None
            self._is_led = following is not None
        if following is not None:
            following.leads = True
            following.let_go()
