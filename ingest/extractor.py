"""The parent's side of extraction: drives one caged child, bounds its time and memory, believes nothing it says.

Documents travel in memory (memfd), so that no plaintext reaches a disk. A child that passes a limit
or breaks down is killed with everything it started; what it had sent is kept, the document gets a
trouble, and the next one gets a new child. Use one extractor per thread: the system ends a child
when the *thread* that started it ends.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from core.errors import Invalid, NotFound, Unavailable
from ingest import cage, memory, ocr_models
from ingest.extraction import (
    Extraction,
    NotAnExtraction,
    Page,
    Part,
    Trouble,
    expect,
    graver,
    page_from_json,
    part_from_json,
    trouble_from_json,
)
from ingest.fonts import FONT_FOLDERS
from ingest.frames import FrameReader, send_frame
from ingest.inspect import MIB, UNKNOWN, Limits, inspect

_START_SECONDS = 30.0
_WATCH_SECONDS = 0.1
_MAX_FACTS = 100
_KEEP_SHARE = 0.6
"""A child that holds more than this share of its memory between two documents is replaced."""


class ExtractionInterrupted(Unavailable):
    """The extraction was stopped because the service is stopping."""

    code = "extraction_interrupted"


class CannotRender(Invalid):
    """No image can be made of this page."""

    code = "cannot_render"


class _Ended(Exception):
    """The child is gone, or had to be killed; ``trouble`` says why (``None``: it was idle and had not begun)."""

    def __init__(self, trouble: Trouble | None) -> None:
        super().__init__()
        self.trouble = trouble


class Extractor:
    """One extraction child at a time, started when needed and replaced when it has served."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        tessdata_dirs: Sequence[Path] | None = None,
        idle_seconds: float = 60.0,
        documents_per_child: int = 500,
    ) -> None:
        """``tessdata_dirs`` are folders of Tesseract models, by default those found on this machine."""
        self.limits = limits or Limits()
        folders = ocr_models.default_folders() if tessdata_dirs is None else tuple(tessdata_dirs)
        self._tessdata = [str(folder) for folder in folders]
        self._idle_seconds = idle_seconds
        self._documents_per_child = documents_per_child
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._folder: Path | None = None
        self._frames = FrameReader(0)
        self._served = 0
        self._stopped = False
        self.in_force: dict[str, str] = {}
        """What protects the present child, by name (``cage.enter``); empty before one was started."""

    def __enter__(self) -> "Extractor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def prestart(self) -> None:
        """Start the child and load the libraries that office documents need, some seconds' work.

        Raises:
            Unavailable: no child can be started.
        """
        with contextlib.suppress(_Ended):
            for _ in self._ask({"do": "warm_up"}, -1, 0):
                pass

    def extract(self, data: Iterable[bytes], *, name: str, languages: Sequence[str] = ()) -> Extraction:
        """Everything that can be read from ``data``, within the limits; never an exception for bad content.

        ``name`` is the file's name, used for its ending only. ``languages`` are ISO 639-1 codes the
        document is probably written in, likeliest first; they choose the model of text recognition.

        Raises:
            Unavailable: no child can be started.
            ExtractionInterrupted: :meth:`stop` was called.
        """
        descriptor, size, head = self._hold(data)
        try:
            if size > self.limits.read_bytes:
                most = self.limits.read_bytes // MIB
                return Extraction(inspect(head, name), trouble=Trouble("too_large", f"It is larger than {most} MiB."))
            request = {"do": "extract", "name": name[-255:], "languages": list(languages)}
            used = self._served > 0
            found = self._extract(request, descriptor, size)
            if used and found.trouble is not None and found.trouble.code == "memory_limit":
                # What earlier documents left loaded may have been too much: once more with all of the memory.
                self._kill()
                found = self._extract(request, descriptor, size)
            return found
        finally:
            os.close(descriptor)

    def render_page(self, data: Iterable[bytes], *, number: int, width: int, name: str = "") -> bytes:
        """A PNG of page ``number`` (from 1), ``width`` pixels wide (16 to 4,000).

        Documents without pages of their own are typeset, so that every page read has an image.

        Raises:
            NotFound: there is no such page.
            CannotRender: the document cannot be read; ``code`` of the trouble is in ``fields``.
            Unavailable: no child can be started.
        """
        return self._image(data, {"do": "page", "number": number, "width": width, "name": name[-255:]})

    def thumbnail(self, data: Iterable[bytes], *, name: str = "", width: int = 240) -> bytes:
        """A small PNG of the first page. Raises as :meth:`render_page` does."""
        return self.render_page(data, number=1, width=width, name=name)

    def typeset(self, text: str, *, width: int) -> bytes:
        """A PNG of a page's text, as :meth:`render_page` makes it for converted pages. Raises as that does."""
        return self._image([], {"do": "typeset", "text": text, "width": width})

    def page_count(self, data: Iterable[bytes], *, name: str = "") -> int:
        """How many pages :meth:`render_page` has images of. Raises as that does."""
        header, _ = self._single(data, {"do": "count", "name": name[-255:]}, "count")
        return int(expect(header.get("pages"), int))

    def stop(self) -> None:
        """End the child now and refuse further work; callable from another thread while a document is read."""
        self._stopped = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the child and remove its folder; the next document starts a new one."""
        self._kill()

    def _extract(self, request: dict[str, Any], descriptor: int, size: int) -> Extraction:
        found = _Assembly(self.limits)
        try:
            for header, payload in self._ask(request, descriptor, size):
                found.add(header, payload)
        except _Ended as ended:
            found.trouble = graver(found.trouble, ended.trouble)
        except NotAnExtraction:
            self._kill()
            found.trouble = Trouble("reader_failed", "The reader gave an answer that makes no sense.")
        return found.extraction()

    def _image(self, data: Iterable[bytes], request: dict[str, Any]) -> bytes:
        return self._single(data, request, "image")[1]

    def _single(self, data: Iterable[bytes], request: dict[str, Any], wanted: str) -> tuple[dict[str, Any], bytes]:
        descriptor, size, _ = self._hold(data)
        trouble: Trouble | None = None
        answer: tuple[dict[str, Any], bytes] | None = None
        try:
            if size > self.limits.read_bytes:
                raise CannotRender("it is too large", trouble="too_large")
            for header, payload in self._ask(request, descriptor, size):
                if header.get("frame") == wanted:
                    answer = (header, payload)
                elif header.get("frame") == "absent":
                    raise NotFound("there is no such page")
                elif header.get("frame") == "trouble":
                    trouble = trouble_from_json(header.get("trouble"))
        except _Ended as ended:
            trouble = ended.trouble
        except NotAnExtraction:
            self._kill()
        finally:
            os.close(descriptor)
        if answer is None:
            detail = trouble.detail if trouble else "the reader gave no answer"
            raise CannotRender(detail, trouble=trouble.code if trouble else "reader_failed")
        return answer

    def _hold(self, data: Iterable[bytes]) -> tuple[int, int, bytes]:
        """``data`` in memory that nobody can change: descriptor, size, first bytes. Stops past the limit."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("document", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        else:
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        size, head = 0, b""
        try:
            for piece in data:
                size += len(piece)
                if len(head) < 65536:
                    head += piece[:65536]
                if size > self.limits.read_bytes:
                    return descriptor, size, head
                view = memoryview(piece)
                while view:
                    view = view[os.write(descriptor, view) :]
            if hasattr(fcntl, "F_ADD_SEALS"):
                seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
                fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, size, head

    def _ask(self, request: dict[str, Any], descriptor: int, size: int) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The frames of the answer, without its end. A child that had just ended for idleness is replaced once.

        Raises:
            _Ended: the child broke down or passed a limit.
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
                    raise _Ended(self._why_ended(size)) from None
                for frame in self._receive(size):
                    begun = True
                    yield frame
                self._served += 1
                return
            except _Ended as ended:
                self._kill()
                if begun or ended.trouble is not None or attempt == 2:
                    raise _Ended(ended.trouble or Trouble("reader_failed", "The reader ended at once.")) from None
            except GeneratorExit:
                self._kill()  # frames of this answer are still to come: never mix them with the next one's
                raise

    def _receive(self, size: int) -> Iterator[tuple[dict[str, Any], bytes]]:
        assert self._channel is not None
        deadline = time.monotonic() + self.limits.base_seconds
        watched = time.monotonic()
        self._channel.settimeout(_WATCH_SECONDS)
        while True:
            while (frame := self._frames.take()) is not None:
                if frame[0].get("frame") == "end":
                    return
                if frame[0].get("frame") in ("page", "part"):
                    deadline = time.monotonic() + self.limits.page_seconds
                yield frame
            try:
                piece = self._channel.recv(1 << 20)
                if not piece:
                    raise _Ended(self._why_ended(size))
                self._frames.feed(piece)
            except TimeoutError:
                pass
            except OSError:
                raise _Ended(self._why_ended(size)) from None
            now = time.monotonic()
            if now > deadline:
                raise _Ended(Trouble("time_limit", "It was stopped after taking too long for a page."))
            if now - watched >= _WATCH_SECONDS:
                watched = now
                self._watch(size)

    def _watch(self, size: int) -> None:
        assert self._process is not None
        assert self._folder is not None
        used = memory.used_by(self._process.pid)
        if used > self.limits.memory_bytes + size or memory.folder_bytes(self._folder) > self.limits.folder_bytes:
            raise _Ended(_memory_trouble(self.limits))

    def _why_ended(self, size: int) -> Trouble | None:
        """Why the child is gone, by its exit status; ``None`` if it ended by itself while idle."""
        if self._stopped:
            raise ExtractionInterrupted("retry when the service is running")
        assert self._process is not None
        try:
            status = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return Trouble("reader_failed", "The reader hung up.")
        if status == 0:
            return None
        if status == -signal.SIGXCPU:
            return Trouble("time_limit", "It took too much processor time.")
        if status == -signal.SIGKILL:
            return _memory_trouble(self.limits)
        return Trouble("reader_failed", "The reader broke down on it.")

    def _ensure_child(self) -> None:
        if self._stopped:
            raise ExtractionInterrupted("retry when the service is running")
        if self._process is not None and (
            self._process.poll() is not None
            or self._served >= self._documents_per_child
            or memory.used_by(self._process.pid) > self.limits.memory_bytes * _KEEP_SHARE
        ):
            self._kill()
        if self._process is None:
            self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        folder = cage.make_private_folder()
        told = {
            "channel": theirs.fileno(),
            "folder": str(folder),
            "limits": asdict(self.limits),
            "tessdata": self._tessdata,
            "fonts": [str(path) for path in FONT_FOLDERS],
            "execute": [str(path) for path in cage.pandoc()],
            "idle_seconds": self._idle_seconds,
            "parent": os.getpid(),
        }
        try:
            self._process = cage.spawn("ingest.child", [json.dumps(told)], folder=folder, pass_fds=[theirs.fileno()])
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            ours.close()
            raise Unavailable("no extraction child can be started") from error
        finally:
            theirs.close()
        self._channel, self._folder, self._served = ours, folder, 0
        self._frames = FrameReader(self.limits.expansion_bytes)
        ours.settimeout(_START_SECONDS)
        try:
            while (frame := self._frames.take()) is None:
                piece = ours.recv(65536)
                if not piece:
                    raise ConnectionError
                self._frames.feed(piece)
            self.in_force = {str(name): str(text) for name, text in expect(frame[0].get("in_force"), dict).items()}
        except (OSError, NotAnExtraction) as error:
            self._kill()
            raise Unavailable("the extraction child did not come up") from error

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


class _Assembly:
    """Puts the frames of one document together and holds them to the limits once more."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._media_type = UNKNOWN
        self._pages: list[Page] = []
        self._parts: list[Part] = []
        self._title: str | None = None
        self._facts: dict[str, str] = {}
        self._bytes = 0
        self.trouble: Trouble | None = None

    def add(self, header: dict[str, Any], data: bytes) -> None:
        """Take in one frame.

        Raises:
            NotAnExtraction: it is not one of those a child may send, or there are too many.
        """
        match header.get("frame"):
            case "kind":
                self._media_type = expect(header.get("media_type"), str)[:200]
            case "page":
                page = page_from_json(header.get("page"))
                self._pages.append(page)
                self._bytes += len(page.text)
            case "part":
                self._parts.append(part_from_json(header.get("part"), data))
                self._bytes += len(data)
            case "title":
                self._title = expect(header.get("text"), str)[:1000]
            case "fact":
                self._facts[expect(header.get("name"), str)[:50]] = expect(header.get("text"), str)[:100_000]
            case "trouble":
                self.trouble = graver(self.trouble, trouble_from_json(header.get("trouble")))
            case _:
                raise NotAnExtraction("a frame of no known kind")
        limits = self._limits
        if (
            len(self._pages) > limits.pages
            or len(self._parts) > limits.members
            or len(self._facts) > _MAX_FACTS
            or self._bytes > limits.expansion_bytes + limits.characters
        ):
            raise NotAnExtraction("the child sends more than it may")

    def extraction(self) -> Extraction:
        """What was found."""
        return Extraction(
            self._media_type, tuple(self._pages), tuple(self._parts), self._title, self._facts, self.trouble
        )


def _memory_trouble(limits: Limits) -> Trouble:
    return Trouble("memory_limit", f"It was stopped for taking more than {limits.memory_bytes // MIB} MiB.")
