"""Plain text in any encoding, cut into pages."""

import codecs
import re
from collections.abc import Iterator

from ingest.extraction import Page
from ingest.inspect import Limits, is_utf16
from ingest.readers.base import Document, Found, Stop

_LINES, _COLUMNS = 66, 100
"""A typeset page: so many lines of so many characters."""
_BLANK = re.compile(r"\n[ \t]*\n[ \t]*(?:\n[ \t]*)+")
_EUROPEAN = ("cp1252", "cp1250", "iso8859_15", "cp1254", "cp1251", "cp1253", "cp1257")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip


def read(document: Document, limits: Limits) -> Iterator[Found]:
    """The text, page by page; its own form feeds end pages.

    Raises:
        Stop: there is nothing but white space.
    """
    text = decode(document.data())
    if not text.strip():
        raise Stop("empty", "It holds nothing but white space.")
    yield from pages_of([text])


def decode(data: bytes) -> str:
    """The text of ``data``: by its byte order mark, else UTF-8, else UTF-16, else the likeliest old encoding.

    Never fails; what cannot be decoded becomes U+FFFD. Line ends become ``\\n``, zeros vanish.
    """
    return normalize(_decode(data))


def normalize(text: str) -> str:
    """``text`` with ``\\n`` as the only line end, and without zeros and byte order marks."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").replace("\ufeff", "")


def _decode(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").removeprefix("\ufeff")
    if wide := is_utf16(data[:65536]):
        return data.decode(wide, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A long text with one broken character, or one cut in the middle, is still UTF-8.
        if _mostly_utf8(data, error.start):
            return data.decode("utf-8", "replace")
    import charset_normalizer

    sample = data[:200_000]
    best = charset_normalizer.from_bytes(sample, cp_isolation=list(_EUROPEAN), explain=False).best()
    if best is None:
        best = charset_normalizer.from_bytes(sample).best()
    encoding = best.encoding if best is not None else "cp1252"
    return data.decode(encoding, "replace")


def _mostly_utf8(data: bytes, first_error: int) -> bool:
    text = data[: 1 << 20].decode("utf-8", "replace")
    wide = sum(character > "\x7f" and character != "\ufffd" for character in text)
    return text.count("\ufffd") * 20 < wide or first_error >= len(data) - 3


def pages_of(sheets: Iterator[str] | list[str]) -> Iterator[Page]:
    """Converted pages of texts: each text begins a page, and pages that would not fit on paper are divided."""
    number = 0
    for sheet in sheets:
        for text in divide(sheet):
            number += 1
            yield Page(number, text)


def divide(text: str) -> Iterator[str]:
    """``text`` in pieces of at most a typeset page, cut between lines, at paragraphs where possible.

    Nothing is lost but white space at the cuts and empty lines beyond one.
    """
    for section in text.split("\f"):
        section = _BLANK.sub("\n\n", section).strip("\n")
        lines = section.split("\n")
        page: list[str] = []
        used = 0
        for line in lines:
            for piece in _fold(line.rstrip()):
                need = max(1, -(-len(piece) // _COLUMNS))
                if page and used + need > _LINES:
                    cut = _paragraph_end(page)
                    yield "\n".join(page[:cut]).strip("\n")
                    page = page[cut:]
                    used = sum(max(1, -(-len(kept) // _COLUMNS)) for kept in page)
                page.append(piece)
                used += need
        rest = "\n".join(page).strip("\n")
        if rest.strip():
            yield rest


def _fold(line: str) -> Iterator[str]:
    """A line that alone would fill more than a page, in pieces cut at spaces."""
    most = _LINES * _COLUMNS // 2
    while len(line) > most:
        cut = line.rfind(" ", most // 2, most)
        cut = cut if cut > 0 else most
        yield line[:cut]
        line = line[cut:].lstrip(" ")
    yield line


def _paragraph_end(page: list[str]) -> int:
    """Where to cut a full page: after its last empty line, if that is in its last quarter; else at its end."""
    for place in range(len(page) - 1, len(page) * 3 // 4, -1):
        if not page[place].strip():
            return place + 1
    return len(page)
