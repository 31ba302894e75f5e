"""The parent's side of extraction: drives one caged child, bounds its time and memory, believes nothing it says.

Documents travel in memory (memfd), so that no plaintext reaches a disk. A child that passes a limit
or breaks down is killed with everything it started; what it had sent is kept, the document gets a
trouble, and the next one gets a new child. An extractor reads one document at a time, for whichever thread.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from core.errors import Conflict, Invalid, NotFound, Unavailable
from ingest import ocr_models
from ingest.assembly import Assembly
from ingest.driver import Driver, Ended, ExtractionInterrupted
from ingest.extraction import Extraction, NotAnExtraction, Trouble, expect, graver, trouble_from_json
from ingest.inspect import MIB, Limits, inspect

__all__ = ["CannotRender", "ExtractionInterrupted", "Extractor", "NeedsRecognition"]


class CannotRender(Invalid):
    """No image can be made of this page."""

    code = "cannot_render"


class NeedsRecognition(Conflict):
    """Text must be recognised in images, and this reading was not to do that."""

    code = "needs_recognition"


class Extractor:
    """One extraction child at a time, started when needed and replaced when it has served."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        tessdata_dirs: Sequence[Path] | None = None,
        idle_seconds: float = 60.0,
        documents_per_child: int = 500,
        niceness: int = 0,
    ) -> None:
        """``tessdata_dirs`` are folders of Tesseract models, by default those found on this machine.

        ``niceness`` (0 to 19) makes the child give way to whatever else wants a processor.
        """
        self.limits = limits or Limits()
        folders = ocr_models.default_folders() if tessdata_dirs is None else tuple(tessdata_dirs)
        self._child = Driver(
            self.limits,
            tessdata=folders,
            idle_seconds=idle_seconds,
            documents_per_child=documents_per_child,
            niceness=niceness,
        )

    @property
    def in_force(self) -> dict[str, str]:
        """What protects the present child, by name (``cage.enter``); empty before one was started."""
        return dict(self._child.in_force)

    @property
    def child_id(self) -> int | None:
        """Process id of the present child; ``None`` where none runs."""
        return self._child.pid

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
        with contextlib.suppress(Ended):
            for _ in self._child.ask({"do": "warm_up"}, -1, 0):
                pass

    def extract(
        self,
        data: Iterable[bytes],
        *,
        name: str,
        languages: Sequence[str] = (),
        keep_if_killed: bool = True,
        recognise: bool = True,
    ) -> Extraction:
        """Everything that can be read from ``data``, within the limits; never an exception for bad content.

        ``name`` is the file's name, used for its ending only. ``languages`` are ISO 639-1 codes the
        document is probably written in, likeliest first; they choose the model of text recognition.
        A child that somebody else kills is replaced once; where the next one is killed as well, what was read
        is the answer, with the trouble ``memory_limit``, unless ``keep_if_killed`` is false.
        With ``recognise`` false it stops where an image would have to be read, which takes long.

        Raises:
            NeedsRecognition: it came to such an image, and ``recognise`` is false.
            Unavailable: no child can be started, or two were killed and ``keep_if_killed`` is false.
            ExtractionInterrupted: :meth:`stop` was called.
        """
        descriptor, size, head = self._hold(data)
        try:
            if size > self.limits.read_bytes:
                most = self.limits.read_bytes // MIB
                return Extraction(inspect(head, name), trouble=Trouble("too_large", f"It is larger than {most} MiB."))
            request = {"do": "extract", "name": name[-255:], "languages": list(languages), "recognise": recognise}
            used = self._child.served > 0
            found, killed = self._extract(request, descriptor, size)
            if killed or (used and found.trouble is not None and found.trouble.code == "memory_limit"):
                # What earlier documents left loaded may have been too much: once more with all of the memory.
                self._child.kill()
                found, killed = self._extract(request, descriptor, size)
            if killed and not keep_if_killed:
                raise Unavailable("two extraction children were killed")
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
        self._child.stop()

    def close(self) -> None:
        """End the child and remove its folder; the next document starts a new one."""
        self._child.kill()

    def _extract(self, request: dict[str, Any], descriptor: int, size: int) -> tuple[Extraction, bool]:
        """What one child finds, and whether it was killed by somebody else."""
        found, killed, stopped = Assembly(self.limits), False, False
        try:
            for header, payload in self._child.ask(request, descriptor, size):
                if header.get("frame") == "needs_recognition" and not request["recognise"]:
                    stopped = True
                else:
                    found.add(header, payload)
        except Ended as ended:
            found.trouble, killed = graver(found.trouble, ended.trouble), ended.killed
        except NotAnExtraction:
            self._child.kill()
            found.trouble = Trouble("reader_failed", "The reader gave an answer that makes no sense.")
        if stopped:
            raise NeedsRecognition
        return found.extraction(), killed

    def _image(self, data: Iterable[bytes], request: dict[str, Any]) -> bytes:
        return self._single(data, request, "image")[1]

    def _single(self, data: Iterable[bytes], request: dict[str, Any], wanted: str) -> tuple[dict[str, Any], bytes]:
        descriptor, size, _ = self._hold(data)
        trouble: Trouble | None = None
        answer: tuple[dict[str, Any], bytes] | None = None
        try:
            if size > self.limits.read_bytes:
                raise CannotRender("it is too large", trouble="too_large")
            for header, payload in self._child.ask(request, descriptor, size):
                if header.get("frame") == wanted:
                    answer = (header, payload)
                elif header.get("frame") == "absent":
                    raise NotFound("there is no such page")
                elif header.get("frame") == "trouble":
                    trouble = trouble_from_json(header.get("trouble"))
        except Ended as ended:
            trouble = ended.trouble
        except NotAnExtraction:
            self._child.kill()
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
