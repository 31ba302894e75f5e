"""What readers are given and what they give back."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from ingest.extraction import Page, Part, Trouble
from ingest.inspect import Content, Limits


@dataclass(frozen=True, slots=True)
class Title:
    """The title that the document gives itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A property of the document or a header of the mail, as ``Extraction.facts`` names them."""

    name: str
    text: str


Found: TypeAlias = Page | Part | Title | Fact | Trouble


@dataclass(frozen=True, slots=True)
class Document:
    """The document being read."""

    content: Content
    name: str
    media_type: str
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes of what it is probably written in, likeliest first; may be empty."""
    tessdata: tuple[Path, ...] = field(default=())
    """Folders with Tesseract models."""

    def data(self) -> bytes:
        """All of the content, copied."""
        return self.content[: len(self.content)]


class Stop(Exception):  # it is not always an error
    """The reading ends here, for the reason in ``trouble``; what was yielded before is kept."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.trouble = Trouble(code, detail)


def bounded(found: Iterator[Found], limits: Limits) -> Iterator[Found]:
    """The same finds, ended with a :class:`Stop` at the limits on pages, characters and parts.

    Raises:
        Stop: a limit was passed.
    """
    pages = characters = parts = part_bytes = 0
    for item in found:
        if isinstance(item, Page):
            pages += 1
            characters += len(item.text)
            if pages > limits.pages:
                raise Stop(
                    "too_many_pages", f"It has more than {limits.pages} pages; the first {limits.pages} were read."
                )
            if characters > limits.characters:
                raise Stop("text_too_long", f"It has more than {limits.characters} characters of text.")
        elif isinstance(item, Part):
            parts += 1
            part_bytes += len(item.data)
            if parts > limits.members:
                yield Trouble("too_many_parts", f"It holds more than {limits.members} files; the first were kept.")
                return
            if part_bytes > limits.expansion_bytes:
                size = limits.expansion_bytes // (1024 * 1024)
                raise Stop("expansion_too_large", f"The files in it are larger than {size} MiB together.")
        yield item
