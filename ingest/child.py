"""The extraction child: ``python -m ingest.child``, started by ``ingest.extractor`` and by nothing else.

It closes the cage around itself, then answers requests one at a time: the document comes as a
descriptor of memory, what is found goes back as it is found. It ends when the parent hangs up, or
after some idle time. No text of a document is ever written to a log or an error: a failure is told
by the type of its exception only.
"""

import json
import mmap
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest import cage
from ingest.extraction import Page, Part, Trouble, page_to_json
from ingest.frames import receive_request, send_frame
from ingest.inspect import UNKNOWN, Limits, inspect, name_says
from ingest.readers import base, choose, ocr

IDLE_EXIT = 0
_PROCESSOR_SECONDS = 3


@dataclass
class Child:
    """One child at work: what stays loaded from one document to the next."""

    channel: socket.socket
    limits: Limits
    tessdata: tuple[Path, ...]
    folder: Path
    recognizer: ocr.Recognizer = field(init=False)

    def __post_init__(self) -> None:
        self.recognizer = ocr.Recognizer(self.tessdata)

    def answer(self, request: dict[str, Any], descriptor: int) -> None:
        """Do what ``request`` asks and send the answer, ended by one frame ``end``."""
        trouble = None
        try:
            cage.limit_processor_seconds(int(self.limits.base_seconds) + _PROCESSOR_SECONDS)
            document = self._document(request, descriptor)
            if request["do"] == "extract":
                self.recognizer.is_wanted = bool(request.get("recognise", True))
                self._extract(document)
            else:
                self._render(request, document)
        except base.Stop as stop:
            trouble = stop.trouble
        except ocr.NotNow:
            send_frame(self.channel, {"frame": "needs_recognition"})
        except MemoryError:
            trouble = Trouble("memory_limit", f"It took more than {self.limits.memory_bytes // (1024 * 1024)} MiB.")
        except Exception as error:  # whatever a library raises on hostile bytes is its answer
            trouble = Trouble("reader_failed", f"The reader ended with {type(error).__name__}.")
        cage.empty_folder(self.folder)
        if trouble is not None:
            self._send_trouble(trouble)
        send_frame(self.channel, {"frame": "end"})

    def _document(self, request: dict[str, Any], descriptor: int) -> base.Document:
        content: Any = b""
        if descriptor >= 0:
            try:
                if os.fstat(descriptor).st_size:
                    content = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
            finally:
                os.close(descriptor)
        name = str(request.get("name", ""))
        return base.Document(content, name, inspect(content, name), tuple(request.get("languages", ())), self.tessdata)

    def _extract(self, document: base.Document) -> None:
        media_type = document.media_type
        send_frame(self.channel, {"frame": "kind", "media_type": media_type})
        if not len(document.content):
            raise base.Stop("empty", "The file has no content.")
        if len(document.content) < 65536 and not document.data().strip():
            raise base.Stop("empty", "It holds nothing but white space.")
        if media_type != UNKNOWN and (claimed := name_says(document.name, media_type)):
            self._send(base.Fact("name_says", claimed))
        silent, told = True, False
        for found in base.bounded(choose.read(document, self.limits, self.recognizer), self.limits):
            cage.limit_processor_seconds(int(self.limits.page_seconds) + _PROCESSOR_SECONDS)
            self._send(found)
            told = told or isinstance(found, Trouble)
            silent = silent and not isinstance(found, Part) and not (isinstance(found, Page) and found.text.strip())
        if silent and not told:
            raise base.Stop("no_text", "Nothing legible was found on its pages.")

    def _render(self, request: dict[str, Any], document: base.Document) -> None:
        from ingest import render

        if request["do"] == "typeset":
            image = render.typeset(str(request["text"]), width=int(request["width"]))
            send_frame(self.channel, {"frame": "image"}, image)
        elif request["do"] == "count":
            pages = render.page_count(document, self.limits, self.recognizer)
            send_frame(self.channel, {"frame": "count", "pages": pages})
        else:
            number, width = int(request["number"]), int(request["width"])
            try:
                image = render.page_image(document, self.limits, self.recognizer, number=number, width=width)
            except render.NoSuchPage:
                send_frame(self.channel, {"frame": "absent"})
            else:
                send_frame(self.channel, {"frame": "image"}, image)

    def _send(self, found: base.Found) -> None:
        if isinstance(found, Page):
            send_frame(self.channel, {"frame": "page", "page": page_to_json(found)})
        elif isinstance(found, Part):
            described = {"kind": found.kind, "role": found.role, "name": found.name, "media_type": found.media_type}
            send_frame(self.channel, {"frame": "part", "part": described}, found.data)
        elif isinstance(found, base.Title):
            send_frame(self.channel, {"frame": "title", "text": found.text})
        elif isinstance(found, base.Fact):
            send_frame(self.channel, {"frame": "fact", "name": found.name, "text": found.text})
        else:
            self._send_trouble(found)

    def _send_trouble(self, trouble: Trouble) -> None:
        send_frame(self.channel, {"frame": "trouble", "trouble": {"code": trouble.code, "detail": trouble.detail}})


def warm_up() -> None:
    """Load what most documents need, before the first one waits for it."""
    for _ in _everything():
        pass


def _everything() -> Iterator[object]:
    from ingest.language import detect

    yield detect("Load the model of the languages now, since the first page would wait for it.")
    from ingest.readers import elements

    yield elements.load()


def main(arguments: list[str]) -> int:
    """Enter the cage, say so, and serve until the parent hangs up or nothing has come for the idle time."""
    started = json.loads(arguments[0])
    channel = socket.socket(fileno=started["channel"])
    folder = Path(started["folder"])
    limits = Limits(**started["limits"])
    tessdata = tuple(Path(path) for path in started["tessdata"])
    in_force = cage.enter(
        folder,
        memory_bytes=limits.memory_bytes,
        read=[*tessdata, *(Path(path) for path in started["fonts"])],
        execute=[Path(path) for path in started["execute"]],
        parent=started["parent"],
    )
    send_frame(channel, {"frame": "ready", "in_force": in_force})
    child = Child(channel, limits, tessdata, folder)
    while True:
        channel.settimeout(started["idle_seconds"])
        try:
            received = receive_request(channel)
        except TimeoutError:
            return IDLE_EXIT
        channel.settimeout(None)
        if received is None:
            return IDLE_EXIT
        request, _, descriptor = received
        if request["do"] == "warm_up":
            warm_up()
            send_frame(channel, {"frame": "end"})
        else:
            child.answer(request, descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
