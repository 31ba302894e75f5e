"""Writing and hashing a large file in a second thread, while its next bytes are being sealed in the first.

That is half of the work on a byte, and neither half needs the interpreter. A small file is written at
once: a thread costs more.
"""

import hashlib
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vault.durable import disk_trouble, write_all

WINDOW_BYTES = 8 * 1024 * 1024
CACHED_BYTES = 32 * 1024 * 1024
"""Of an object just written stay in memory, for who reads it next."""
DEPTH = 4
"""Pieces that may wait for the disk."""


class Behind:
    """Writes one file from its beginning. For one thread, in the block of ``writing``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._written = self._told = 0
        self.digest = hashlib.sha256()
        """Of what was written; complete after ``finish``."""
        self._given: queue.Queue[bytes | None] = queue.Queue(DEPTH)
        self._error: OSError | None = None
        self._thread: threading.Thread | None = None

    def write(self, piece: bytes) -> None:
        """Have a piece written behind those before it.

        Raises:
            StoreUnwritable: this one or one before it could not be written.
        """
        self._complain()
        if self._thread is not None:
            self._given.put(piece)
            return
        with disk_trouble():
            self._put(piece)
        if self._written >= WINDOW_BYTES:
            self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Wait until all of it is written (not: on the disk).

        Raises:
            StoreUnwritable: some of it could not be written.
        """
        if self._thread is not None:
            self._given.put(None)
            self._thread.join()
            self._thread = None
        self._complain()

    def _complain(self) -> None:
        if self._error is not None:
            with disk_trouble():
                raise self._error

    def _run(self) -> None:
        while (piece := self._given.get()) is not None:
            # After an error the rest is taken and dropped, so that nobody waits for room.
            if self._error is None:
                try:
                    self._put(piece)
                except OSError as error:
                    self._error = error

    def _put(self, piece: bytes) -> None:
        write_all(self._descriptor, piece)
        self.digest.update(piece)
        self._written += len(piece)
        if self._written - self._told >= WINDOW_BYTES:
            _go_on_writing(self._descriptor, self._told, self._written)
            self._told = self._written


@contextmanager
def writing(descriptor: int) -> Iterator[Behind]:
    """What writes an open file; nothing of it is under way when the block is left, however it is left."""
    behind = Behind(descriptor)
    try:
        yield behind
    finally:
        with suppress(Exception):
            behind.finish()


def _go_on_writing(descriptor: int, begun: int, size_bytes: int) -> None:
    """Let the disk work while the rest is still being sealed: the sync at the end waits less.

    On Linux this advice starts writing, and drops from memory only what is on disk already. What was
    written this moment is not; what lies further back is, and a large object would else take the
    place of all that others read. Where there is no such advice, nothing is lost but time.
    """
    kept = max(size_bytes - CACHED_BYTES, 0)
    dropped = max(kept - CACHED_BYTES, 0)
    with suppress(OSError, AttributeError):
        os.posix_fadvise(descriptor, begun, size_bytes - begun, os.POSIX_FADV_DONTNEED)
        if kept > dropped:
            os.posix_fadvise(descriptor, dropped, kept - dropped, os.POSIX_FADV_DONTNEED)
