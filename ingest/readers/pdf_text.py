"""The text layer of a PDF page: its text in the document's own order, and where the words are."""

import ctypes
from dataclasses import dataclass

import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from ingest.extraction import FULL, Word

_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00ad": None, "\ufeff": None}
)
_HYPHENS = (0x02, 0xFFFE)
"""What PDFium puts for a hyphen that only divides a word at the end of a line."""
_LINE_ENDS = "\n\x0b\x0c\x85\u2028\u2029"

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in the page's own coordinates."""


@dataclass(frozen=True, slots=True)
class TextLayer:
    """What the text layer of one page holds."""

    text: str
    words: tuple[Word, ...]
    letters: int
    """Characters that are not white space."""
    garbage: float
    """Share of the letters that mean nothing: unmapped, private use, control characters."""
    legible: float
    """Share of the letters that are letters or digits of some script."""


def read_text_layer(page: pypdfium2.PdfPage) -> TextLayer:
    """The text layer of ``page``; empty if it has none.

    Raises:
        pypdfium2.PdfiumError: the page's content cannot be read.
    """
    layer = page.get_textpage()
    try:
        return _read(page, layer)
    finally:
        layer.close()


def _read(page: pypdfium2.PdfPage, layer: pypdfium2.PdfTextPage) -> TextLayer:
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    text: list[str] = []
    words: list[Word] = []
    word: list[str] = []
    box: Box | None = None
    letters = bad = legible = 0
    divided = False  # after a dividing hyphen: the word goes on in the next line, its box does not
    for index in range(layer.count_chars() + 1):
        code = pdfium.FPDFText_GetUnicode(layer, index) if index < layer.count_chars() else 0x20
        if code in _HYPHENS:
            divided = True
            continue
        character = chr(code) if code <= 0x10FFFF else "\ufffd"
        if character.isspace() or code == 0x85:
            if divided and character in "\r\n":
                continue
            if word:
                words += _make_word(page, "".join(word), box)
                word, box, divided = [], None, False
            if character != "\r":
                text.append("\n" if character in _LINE_ENDS else " ")
            continue
        letters += 1
        if code < 0x20 or code == 0xFFFD or 0xE000 <= code <= 0xF8FF or 0x7F <= code <= 0x9F:
            bad += 1
        elif character.isalnum():
            legible += 1
        if code < 0x20:
            continue
        text.append(character)
        word.append(character)
        if not divided and pdfium.FPDFText_GetCharBox(layer, index, left, right, bottom, top):
            here = (left.value, bottom.value, right.value, top.value)
            box = here if box is None else _around(box, here)
    return TextLayer(
        _tidy("".join(text)),
        tuple(words),
        letters,
        bad / letters if letters else 0.0,
        legible / letters if letters else 0.0,
    )


def _around(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _make_word(page: pypdfium2.PdfPage, text: str, box: Box | None) -> list[Word]:
    """The word on the page as it is shown: PDFium knows its rotation and its crop box."""
    text = _clean(text)
    if box is None or not text:
        return []
    x, y = ctypes.c_int(), ctypes.c_int()
    corners = []
    for across, up in ((box[0], box[1]), (box[2], box[3])):
        if not pdfium.FPDF_PageToDevice(page, 0, 0, FULL, FULL, 0, across, up, x, y):
            return []
        corners.append((max(0, min(FULL, x.value)), max(0, min(FULL, y.value))))
    (x1, y1), (x2, y2) = corners
    return [Word(text, min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))]


def _clean(text: str) -> str:
    """Without ligatures, soft hyphens, and halves of characters beyond the basic plane left alone."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.translate(_LIGATURES)


def _tidy(text: str) -> str:
    """Cleaned, no spaces at the ends of lines, no empty lines at the end."""
    return "\n".join(line.rstrip() for line in _clean(text).split("\n")).strip("\n")
