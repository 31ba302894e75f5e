"""One extraction child: started in its cage, asked one thing at a time, watched, and killed at its limits.

The system ends a child when the *thread* that started it ends. So one thread of the process starts them all,
and lives as long as it does; who drives a child may change from one question to the next.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import Unavailable
from core.priority import give_way
from ingest import cage, memory
from ingest.extraction import NotAnExtraction, Trouble, expect
from ingest.fonts import FONT_FOLDERS
from ingest.frames import FrameReader, send_frame
from ingest.inspect import MIB, Limits

_START_SECONDS = 30.0
_WATCH_SECONDS = 0.1
_KEEP_SHARE = 0.6
"""A child that holds more than this share of its memory between two documents is replaced."""
_STARTER = ThreadPoolExecutor(1, thread_name_prefix="extraction-starter")


class ExtractionInterrupted(Unavailable):
    """The extraction was stopped because the service is stopping."""

    code = "extraction_interrupted"


class Ended(Exception):
    """The child is gone, or had to be killed; ``trouble`` says why (``None``: it was idle and had not begun).

    ``killed``: somebody else killed it, most likely the system for want of memory, and it need not be the
    document's fault.
    """

    def __init__(self, trouble: Trouble | None, *, killed: bool = False) -> None:
        super().__init__()
        self.trouble = trouble
        self.killed = killed


class Driver:
    """Starts a child when one is needed, and replaces it when it has served, broke down or passed a limit."""

    def __init__(
        self, limits: Limits, *, tessdata: Sequence[Path], idle_seconds: float, documents_per_child: int, niceness: int
    ) -> None:
        self._limits = limits
        self._niceness = niceness
        self._tessdata = [str(folder) for folder in tessdata]
        self._idle_seconds = idle_seconds
        self._documents_per_child = documents_per_child
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._frames = FrameReader(0)
        self._hold = -1
        self._stopped = False
        self.folder: Path | None = None
        """The child's private folder."""
        self.served = 0
        """Requests that the present child has answered."""
        self.in_force: dict[str, str] = {}
        """What protects the present child, by name (``cage.enter``); empty before one was started."""

    @property
    def pid(self) -> int | None:
        """The present child's process id, which is its group's too."""
        return self._process.pid if self._process is not None else None

    def stop(self) -> None:
        """Kill the child now and start no other; callable from another thread while it works."""
        self._stopped = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def ask(self, request: dict[str, Any], descriptor: int, size: int) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The frames of the answer, without its end. A child that had just ended for idleness is replaced once.

        Raises:
            Ended: the child broke down or passed a limit.
        """
        for attempt in (1, 2):
            self._ensure_child()
            begun = False
            try:
                assert self._channel is not None
                self._channel.settimeout(_START_SECONDS)
                try:
                    send_frame(self._channel, request, descriptor=descriptor)
                except OSError:
                    raise self._why_ended() from None
                for frame in self._receive(size):
                    begun = True
                    yield frame
                self.served += 1
                return
            except Ended as ended:
                self.kill()
                if begun or ended.trouble is not None or attempt == 2:
                    trouble = ended.trouble or Trouble("reader_failed", "The reader ended at once.")
                    raise Ended(trouble, killed=ended.killed) from None
            except GeneratorExit:
                self.kill()  # frames of this answer are still to come: never mix them with the next one's
                raise

    def _receive(self, size: int) -> Iterator[tuple[dict[str, Any], bytes]]:
        assert self._channel is not None
        deadline = time.monotonic() + self._limits.base_seconds
        watched = time.monotonic()
        self._channel.settimeout(_WATCH_SECONDS)
        while True:
            while (frame := self._frames.take()) is not None:
                if frame[0].get("frame") == "end":
                    return
                if frame[0].get("frame") in ("page", "part"):
                    deadline = time.monotonic() + self._limits.page_seconds
                yield frame
            try:
                piece = self._channel.recv(1 << 20)
                if not piece:
                    raise self._why_ended()
                self._frames.feed(piece)
            except TimeoutError:
                pass
            except OSError:
                raise self._why_ended() from None
            now = time.monotonic()
            if now > deadline:
                raise Ended(Trouble("time_limit", "It was stopped after taking too long for a page."))
            if now - watched >= _WATCH_SECONDS:
                watched = now
                self._watch(size)

    def _watch(self, size: int) -> None:
        assert self._process is not None
        assert self.folder is not None
        used = memory.used_by(self._process.pid)
        if used > self._limits.memory_bytes + size or memory.folder_bytes(self.folder) > self._limits.folder_bytes:
            raise Ended(_memory_trouble(self._limits))

    def _why_ended(self) -> Ended:
        """Why the child is gone, by its exit status; without a trouble if it ended by itself while idle."""
        if self._stopped:
            raise ExtractionInterrupted("retry when the service is running")
        assert self._process is not None
        try:
            status = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return Ended(Trouble("reader_failed", "The reader hung up."))
        if status == 0:
            return Ended(None)
        if status == -signal.SIGXCPU:
            return Ended(Trouble("time_limit", "It took too much processor time."))
        if status == -signal.SIGKILL:
            return Ended(_memory_trouble(self._limits), killed=True)
        return Ended(Trouble("reader_failed", "The reader broke down on it."))

    def _ensure_child(self) -> None:
        if self._stopped:
            raise ExtractionInterrupted("retry when the service is running")
        if self._process is not None and (
            self._process.poll() is not None
            or self.served >= self._documents_per_child
            or memory.used_by(self._process.pid) > self._limits.memory_bytes * _KEEP_SHARE
        ):
            self.kill()
        if self._process is None:
            self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        cage.sweep_folders()
        folder = cage.make_private_folder()
        self._hold = cage.hold_folder(folder)
        told = {
            "channel": theirs.fileno(),
            "folder": str(folder),
            "limits": asdict(self._limits),
            "tessdata": self._tessdata,
            "fonts": [str(path) for path in FONT_FOLDERS],
            "execute": [str(path) for path in cage.pandoc()],
            "idle_seconds": self._idle_seconds,
            "parent": os.getpid(),
        }
        try:
            starting = _STARTER.submit(
                cage.spawn, "ingest.child", [json.dumps(told)], folder=folder, pass_fds=[theirs.fileno()]
            )
            self._process = starting.result()
            if self._niceness:
                give_way(self._niceness, self._process.pid)
        except OSError as error:
            self.folder = folder
            self.kill()
            ours.close()
            raise Unavailable("no extraction child can be started") from error
        finally:
            theirs.close()
        self._channel, self.folder, self.served = ours, folder, 0
        self._frames = FrameReader(self._limits.expansion_bytes)
        ours.settimeout(_START_SECONDS)
        try:
            while (frame := self._frames.take()) is None:
                piece = ours.recv(65536)
                if not piece:
                    raise ConnectionError
                self._frames.feed(piece)
            self.in_force = {str(name): str(text) for name, text in expect(frame[0].get("in_force"), dict).items()}
        except (OSError, NotAnExtraction) as error:
            self.kill()
            raise Unavailable("the extraction child did not come up") from error

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            os.close(self._hold)
            self.folder = None


def _memory_trouble(limits: Limits) -> Trouble:
    return Trouble("memory_limit", f"It was stopped for taking more than {limits.memory_bytes // MIB} MiB.")
