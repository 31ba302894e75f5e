"""Unwrapped epoch keys, in memory for ten minutes at most.

A timer of its own forgets them: a process that has nothing more to do must not keep them.
"""

import threading
import time
from collections.abc import Callable
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LIFETIME_SECONDS = 600.0


class EpochCache:
    """Ciphers of epoch keys, unwrapped on demand. Safe to use from many threads."""

    def __init__(self, unwrap: Callable[[UUID], bytes], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._unwrap = unwrap
        self._monotonic = monotonic
        self._mutex = threading.Lock()
        self._ciphers: dict[UUID, tuple[AESGCM, float]] = {}
        self._timer: threading.Timer | None = None

    def cipher(self, epoch: UUID) -> AESGCM:
        """The cipher of an epoch key. Use it now; do not keep it.

        Raises:
            EpochKeyGone: as the key service says.
        """
        with self._mutex:
            held = self._ciphers.get(epoch)
        if held is not None and held[1] > self._monotonic():
            return held[0]
        # Outside the mutex: a key service may be slow, and two asking for one key does no harm.
        cipher = AESGCM(self._unwrap(epoch))
        with self._mutex:
            self._ciphers[epoch] = cipher, self._monotonic() + LIFETIME_SECONDS
            if self._timer is None:
                self._wait(LIFETIME_SECONDS)
        return cipher

    def forget(self, epoch: UUID) -> None:
        """Let go of one key now."""
        with self._mutex:
            self._ciphers.pop(epoch, None)

    def held(self) -> int:
        """How many keys are in memory now."""
        with self._mutex:
            return len(self._ciphers)

    def _forget_expired(self) -> None:
        with self._mutex:
            now = self._monotonic()
            self._ciphers = {epoch: held for epoch, held in self._ciphers.items() if held[1] > now}
            self._timer = None
            if self._ciphers:
                self._wait(min(until for _, until in self._ciphers.values()) - now)

    def _wait(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._forget_expired)
        # It must not keep the process alive.
        self._timer.daemon = True
        self._timer.start()
