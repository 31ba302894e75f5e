"""An extraction put together from what a child sends, held to the limits once more: the child is not trusted."""

from typing import Any

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
from ingest.inspect import UNKNOWN, Limits

_MAX_FACTS = 100


class Assembly:
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
