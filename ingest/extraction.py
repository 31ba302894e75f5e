"""What was read from one document: pages of text with word boxes, parts, facts, and what went wrong.

Plain values, without a session, a clock or a heavy library, so that the extraction child, the
pipeline and the pages share them. On the pipe between child and parent they travel as JSON and
bytes (``ingest.frames``), never as pickle, since the child is not trusted.

Partial results are kept: an extraction can hold pages *and* a trouble.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from core.errors import Invalid

FULL = 10_000
"""Boxes are whole ten-thousandths of the page's width and height; this is the far edge."""

PageSource = Literal["text_layer", "ocr", "converted"]
PartKind = Literal["attachment", "member", "component"]

_SOURCES: tuple[PageSource, ...] = ("text_layer", "ocr", "converted")
_PART_KINDS: tuple[PartKind, ...] = ("attachment", "member", "component")


class NotAnExtraction(Invalid):
    """The bytes are not part of an extraction."""

    code = "not_an_extraction"


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its box, in ten-thousandths of the page from its upper left corner."""

    text: str
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page as people will see it."""

    number: int
    """From 1."""
    text: str
    """The text in reading order, lines ended by ``\\n``."""
    words: tuple[Word, ...] = ()
    """Where the words are; empty for pages that were made of a text without layout."""
    width: int = 0
    """In points of 1/72 inch (pixels for images that state no resolution); 0 where there is no layout."""
    height: int = 0
    source: PageSource = "converted"
    """``text_layer``: the document's own text. ``ocr``: read from its image. ``converted``: text typeset by us."""
    ocr_language: str | None = None
    """The Tesseract model that read the page, such as ``deu``; ``None`` unless ``source`` is ``ocr``."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file inside the document: it becomes a linked record, or a component of this one.

    ``name`` and ``media_type`` are what the container claims: clean the one, and inspect the data
    before believing the other.
    """

    kind: PartKind
    """``attachment`` and ``member`` become records of their own; ``component`` stays with this one."""
    role: str
    """``mail_attachment``, ``pdf_attachment``, ``archive_member``, ``embedded_invoice``, ``signature`` or ``seal``."""
    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a document, or a part of it, could not be read."""

    code: str
    """A key of :data:`TROUBLES`."""
    detail: str
    """One sentence for people: numbers and package names, never content or names of the document."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a trouble's code means and what a person can do about it."""

    title: str
    advice: str


TROUBLES: dict[str, Meaning] = {
    "archive_damaged": Meaning(
        "The archive is damaged", "Ask for the archive again. The members that could be read are kept."
    ),
    "damaged": Meaning("The file is damaged", "Open the original; if it does not open there either, ask for it again."),
    "empty": Meaning("The file is empty", "Check where it came from: there is nothing in it to keep."),
    "encrypted": Meaning(
        "The file is protected by a password", "Remove the password in its own program and upload it as a new version."
    ),
    "entities": Meaning(
        "The XML defines entities", "They were not expanded, since they are used for attacks. Ask for a plain export."
    ),
    "expansion_too_large": Meaning(
        "Unpacked, the file is far larger than it may be", "Unpack it on a machine of yours and upload what matters."
    ),
    "infected": Meaning(
        "The malware scanner reports this file",
        "It is kept sealed and was not read. Ask for a clean copy; download this one only where you must.",
    ),
    "image_too_large": Meaning("The image has too many pixels", "Save it at a lower resolution and upload it again."),
    "memory_limit": Meaning(
        "Reading it took more memory than allowed", "Split the document, or raise the memory limit and retry."
    ),
    "no_text": Meaning("No text was found", "Look at the original: a photo or a blank page has none. File it by hand."),
    "not_scanned": Meaning(
        "It was not scanned for malware",
        "The scanner could not be reached, so it was not read. Have clamd started, then retry.",
    ),
    "ocr_model_missing": Meaning(
        "The text recognition model of its language is not installed", "Install the package named here and retry."
    ),
    "reader_failed": Meaning("The reader broke down on it", "Retry once; if it stays so, open the original."),
    "text_too_long": Meaning(
        "There is more text than can be kept", "The first part was kept. Split the document to find all of it."
    ),
    "time_limit": Meaning("Reading it took too long", "The pages read so far are kept. Split the document, or retry."),
    "too_deep": Meaning("Too many containers inside one another", "Unpack the inner ones and upload them."),
    "too_large": Meaning("The file is larger than can be read", "It is kept. Split it to make its text searchable."),
    "too_large_to_scan": Meaning(
        "The file is larger than the malware scanner takes",
        "It is kept and was not read. Have clamd's limits raised and retry, or split the file.",
    ),
    "too_many_pages": Meaning(
        "It has too many pages", "The first ones were read. Split the document to find the rest."
    ),
    "too_many_parts": Meaning("It holds too many files", "The first ones were kept. Unpack the rest and upload them."),
    "unreadable_type": Meaning(
        "Muniment cannot read this kind of file", "It is kept and can be opened. Upload a PDF of it to find its text."
    ),
}
"""Every code a :class:`Trouble` may carry; stable and never reused."""

FATAL = frozenset(TROUBLES) - {"no_text", "ocr_model_missing", "too_many_parts", "entities", "archive_damaged"}
"""Codes that say the reading ended early; the others come with everything that could be read."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """Everything read from one document."""

    media_type: str
    """From the content, not from the name."""
    pages: tuple[Page, ...] = ()
    parts: tuple[Part, ...] = ()
    title: str | None = None
    """The title the document gives itself, if any; a mail's subject."""
    facts: dict[str, str] = field(default_factory=dict)
    """Mail: ``from to cc subject date message_id``. Documents: ``author created modified``.
    All: ``name_says`` where the name claims another type, ``macros`` where there are some (never run)."""
    trouble: Trouble | None = None

    @property
    def text(self) -> str:
        """The text of all pages, pages parted by a form feed."""
        return "\f".join(page.text for page in self.pages)


def page_to_json(page: Page) -> dict[str, Any]:
    """The page as JSON values; :func:`page_from_json` is its inverse."""
    return {
        "number": page.number,
        "text": page.text,
        "words": [[word.text, word.left, word.top, word.right, word.bottom] for word in page.words],
        "width": page.width,
        "height": page.height,
        "source": page.source,
        "ocr_language": page.ocr_language,
    }


def page_from_json(value: object) -> Page:
    """The page that :func:`page_to_json` wrote.

    Raises:
        NotAnExtraction: anything is missing, of another type, or outside the page.
    """
    fields = expect(value, dict)
    source = expect(fields.get("source"), str)
    if source not in _SOURCES:
        raise NotAnExtraction("a page has no known source")
    language = fields.get("ocr_language")
    return Page(
        number=_whole(fields.get("number"), 1, 1 << 31),
        text=expect(fields.get("text"), str),
        words=tuple(_word(item) for item in expect(fields.get("words"), list)),
        width=_whole(fields.get("width"), 0, 1 << 31),
        height=_whole(fields.get("height"), 0, 1 << 31),
        source=_SOURCES[_SOURCES.index(source)],
        ocr_language=None if language is None else expect(language, str),
    )


def part_from_json(value: object, data: bytes) -> Part:
    """The part whose description is ``value``.

    Raises:
        NotAnExtraction: anything is missing or of another type.
    """
    fields = expect(value, dict)
    kind = expect(fields.get("kind"), str)
    if kind not in _PART_KINDS:
        raise NotAnExtraction("a part has no known kind")
    role, name, media_type = (expect(fields.get(key), str) for key in ("role", "name", "media_type"))
    return Part(_PART_KINDS[_PART_KINDS.index(kind)], role, name, media_type, data)


def trouble_from_json(value: object) -> Trouble:
    """The trouble that was written as ``{"code", "detail"}``.

    Raises:
        NotAnExtraction: the code is unknown, or anything is of another type.
    """
    fields = expect(value, dict)
    code = expect(fields.get("code"), str)
    if code not in TROUBLES:
        raise NotAnExtraction("a trouble has no known code")
    return Trouble(code, expect(fields.get("detail"), str)[:500])


def graver(first: Trouble | None, second: Trouble | None) -> Trouble | None:
    """The one to show of two: what ended the reading goes before what merely limits it, else the earlier."""
    if first is None or (second is not None and second.code in FATAL and first.code not in FATAL):
        return second
    return first


def expect(value: object, kind: type) -> Any:
    """``value`` if it is a ``kind``.

    Raises:
        NotAnExtraction: it is not.
    """
    if not isinstance(value, kind):
        raise NotAnExtraction(f"expected {kind.__name__}")
    return value


def _whole(value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise NotAnExtraction("a number is out of range")
    return value


def _word(value: object) -> Word:
    # There are thousands in a document, hence without the helpers above.
    if type(value) is list and len(value) == 5:
        text, left, top, right, bottom = value
        are_whole = type(left) is type(top) is type(right) is type(bottom) is int
        if type(text) is str and are_whole and min(left, top, right, bottom) >= 0 and max(value[1:]) <= FULL:
            return Word(text, left, top, right, bottom)
    raise NotAnExtraction("a word is a text and four places on its page")
