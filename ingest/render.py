"""Images of pages: PDF pages and scans as they are, everything else typeset from its text.

Runs inside the extraction child.
"""

import hashlib
import io
import unicodedata
from functools import lru_cache
from typing import Any

from ingest import inspect as kinds
from ingest.extraction import Page
from ingest.fonts import find_font
from ingest.inspect import Limits
from ingest.readers import base, choose
from ingest.readers.ocr import Recognizer

_LEAST_WIDTH, _MOST_WIDTH = 16, 4000
_MOST_PIXELS = 40_000_000
_PAPER = (595, 842)
"""A4 in points."""
_MARGIN, _LINE, _SIZE = 50, 11.2, 9
_INK, _GROUND = 24, 255
_IMAGES = (kinds.PNG, kinds.JPEG, kinds.TIFF, kinds.GIF, kinds.BMP, kinds.WEBP, kinds.JPEG2000)

_last: tuple[bytes, list[str]] = (b"", [])
"""The texts of the document typeset last: people turn pages one after another."""


class NoSuchPage(Exception):  # an answer, not an error
    """The document has fewer pages."""


def page_count(document: base.Document, limits: Limits, recognizer: Recognizer) -> int:
    """How many pages there are images of.

    Raises:
        Stop: the document cannot be read.
    """
    if document.media_type == kinds.PDF:
        from ingest.readers.pdf import open_pdf

        pdf = open_pdf(document.data())
        try:
            return min(len(pdf), limits.pages)
        finally:
            pdf.close()
    if document.media_type in _IMAGES:
        from ingest.readers.image import open_image

        with open_image(document, limits) as image:
            return min(int(getattr(image, "n_frames", 1)), limits.pages)
    return len(_texts(document, limits, recognizer))


def page_image(document: base.Document, limits: Limits, recognizer: Recognizer, *, number: int, width: int) -> bytes:
    """A PNG of page ``number``, ``width`` pixels wide.

    Raises:
        NoSuchPage: there is none of that number.
        Stop: the document cannot be read.
    """
    width = max(_LEAST_WIDTH, min(_MOST_WIDTH, width))
    if number < 1 or number > page_count(document, limits, recognizer):
        raise NoSuchPage
    if document.media_type == kinds.PDF:
        return _pdf_page(document, number, width)
    if document.media_type in _IMAGES:
        from ingest.readers.image import frame

        return _png(_to_width(frame(document, limits, number), width))
    return typeset(_texts(document, limits, recognizer)[number - 1], width=width)


def typeset(text: str, *, width: int) -> bytes:
    """A PNG of ``text`` on a white page of A4 proportions (longer where the text is), ``width`` pixels wide."""
    from PIL import Image, ImageDraw

    width = max(_LEAST_WIDTH, min(_MOST_WIDTH, width))
    scale = width / _PAPER[0]
    # Small type cannot be set: thumbnails are set large and made smaller.
    setting = max(scale, 1.0)
    font, covers = _font(max(1, round(_SIZE * setting)))
    room = (_PAPER[0] - 2 * _MARGIN) * setting
    lines = [piece for line in text.split("\n") for piece in _wrap(line if covers else _plain(line), font, room)]
    lines = lines[:400]
    height = max(_PAPER[1], round(2 * _MARGIN + len(lines) * _LINE))
    page = Image.new("L", (round(_PAPER[0] * setting), round(height * setting)), _GROUND)
    draw = ImageDraw.Draw(page)
    for place, line in enumerate(lines):
        draw.text((_MARGIN * setting, (_MARGIN + place * _LINE) * setting), line, fill=_INK, font=font)
    return _png(_to_width(page, width))


def _pdf_page(document: base.Document, number: int, width: int) -> bytes:
    from ingest.readers.pdf import load_page, open_pdf

    pdf = open_pdf(document.data())
    try:
        page = load_page(pdf, number - 1)
        across, up = page.get_size()
        scale = width / max(across, 1.0)
        if width * up * scale > _MOST_PIXELS:
            scale = (_MOST_PIXELS / max(across * up, 1.0)) ** 0.5
        bitmap = page.render(scale=scale, may_draw_forms=False)
        return _png(_to_width(bitmap.to_pil(), width))
    finally:
        pdf.close()


def _texts(document: base.Document, limits: Limits, recognizer: Recognizer) -> list[str]:
    global _last  # one document, one process
    digest = hashlib.sha256(document.data()).digest() + document.media_type.encode()
    if _last[0] != digest:
        found = base.bounded(choose.read(document, limits, recognizer), limits)
        _last = (digest, [item.text for item in found if isinstance(item, Page)])
    return _last[1]


@lru_cache(maxsize=8)
def _font(size: int) -> tuple[Any, bool]:
    """A font of that size in pixels, and whether it has more than the letters of English."""
    from PIL import ImageFont

    path = find_font()
    if path is None:
        return ImageFont.load_default(size), False
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC), True


def _plain(line: str) -> str:
    """Without accents, for a font that has none."""
    return "".join(
        character for character in unicodedata.normalize("NFKD", line) if not unicodedata.combining(character)
    )


def _wrap(line: str, font: Any, room: float) -> list[str]:
    line = line.replace("\t", "    ").rstrip()
    if not line or font.getlength(line) <= room:
        return [line]
    pieces, current = [], ""
    for word in line.split(" "):
        while font.getlength(word) > room and len(word) > 1:
            cut = max(1, int(len(word) * room / font.getlength(word)) - 1)
            if current:
                pieces.append(current)
                current = ""
            pieces.append(word[:cut])
            word = word[cut:]  # the rest of the same word
        longer = f"{current} {word}" if current else word
        if current and font.getlength(longer) > room:
            pieces.append(current)
            longer = word
        current = longer
    return [*pieces, current]


def _to_width(image: Any, width: int) -> Any:
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    if image.width == width:
        return image
    height = max(1, min(round(image.height * width / image.width), _MOST_PIXELS // width))
    return image.resize((width, height), reducing_gap=2.0)


def _png(image: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=3)
    return out.getvalue()
