"""The read pages of a version as one derived object, of which a single page can be read.

Layout, before sealing: four bytes with the length of the index (big-endian), the index (JSON:
``{"pages":[{"offset","length","boxes","number","source","width","height","language"}]}``, offsets
from the end of the index), then two zlib blocks a page: the text in UTF-8 (``length`` bytes), and
the words as JSON ``[[text, left, top, right, bottom], …]`` (``boxes`` bytes) with boxes in
ten-thousandths of the page. Apart, because a search reads the text of twenty-five records and no
box. Derived data can be made anew from the original, so this layout may change.
"""

import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import IntegrityFailure

_LENGTH = struct.Struct(">I")
_MALFORMED = (struct.error, zlib.error, ValueError, TypeError, LookupError, RecursionError)
_COUNTS = ("offset", "length", "boxes", "number")
Box = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class ReadPage:
    """One page as it was read."""

    number: int
    text: str
    words: tuple[Box, ...]
    """Text and box: left, top, right, bottom in ten-thousandths of the page."""
    width: int
    height: int
    """In points; 0 where the page has no size of its own."""
    source: str
    """``text_layer``, ``ocr`` or ``converted``."""
    language: str | None


def encode(pages: Sequence[ReadPage]) -> Iterator[bytes]:
    """The bytes of the derived object."""
    blocks, index, offset = [], [], 0
    for page in pages:
        text = zlib.compress(page.text.encode(), 6)
        boxes = zlib.compress(json.dumps(page.words, ensure_ascii=False).encode(), 6)
        blocks += [text, boxes]
        index.append(
            {
                "offset": offset,
                "length": len(text),
                "boxes": len(boxes),
                "number": page.number,
                "source": page.source,
                "width": page.width,
                "height": page.height,
                "language": page.language,
            }
        )
        offset += len(text) + len(boxes)
    head = json.dumps({"pages": index}).encode()
    yield _LENGTH.pack(len(head)) + head
    yield from blocks


def decode(data: bytes) -> list[ReadPage]:
    """All pages of a derived object read whole."""
    start, index = _head(lambda a, b: data[a:b])
    return [_page(row, data[start + row["offset"] : start + _end(row)]) for row in index]


def text_of(data: bytes) -> str:
    """The text of all pages of a derived object read whole, a form feed between them."""
    start, index = _head(lambda a, b: data[a:b])
    return "\f".join(_text(_cut(data, start, row)) for row in index)


def beginning(data: bytes, most: int = 400_000) -> str:
    """The text of the first pages, up to about ``most`` characters: enough to take a snippet from."""
    start, index = _head(lambda a, b: data[a:b])
    texts, length = [], 0
    for row in index:
        text = _text(_cut(data, start, row))
        texts.append(text)
        length += len(text)
        if length >= most:
            break
    return "\f".join(texts)


def decode_page(fetch: Callable[[int, int], bytes], number: int) -> ReadPage | None:
    """One page, reading only the index and its block; ``fetch`` gives bytes from start to end."""
    start, index = _head(fetch)
    for row in index:
        if row["number"] == number:
            return _page(row, fetch(start + row["offset"], start + _end(row)))
    return None


def join_text(pages: Iterable[ReadPage]) -> str:
    """The text of all pages, a form feed between them."""
    return "\f".join(page.text for page in pages)


def _head(fetch: Callable[[int, int], bytes]) -> tuple[int, list[dict[str, Any]]]:
    try:
        (length,) = _LENGTH.unpack(fetch(0, 4))
        index = json.loads(fetch(4, 4 + length))["pages"]
        for row in index:
            if not all(isinstance(row[name], int) and row[name] >= 0 for name in _COUNTS):
                raise ValueError
        return 4 + length, index
    except _MALFORMED as error:
        raise IntegrityFailure("the read text of the record is damaged; read it anew") from error


def _cut(data: bytes, start: int, row: dict[str, Any]) -> bytes:
    """The block of a page's text."""
    return data[start + row["offset"] : start + row["offset"] + row["length"]]


def _end(row: dict[str, Any]) -> int:
    return int(row["offset"] + row["length"] + row["boxes"])


def _text(block: bytes) -> str:
    try:
        return zlib.decompress(block).decode()
    except _MALFORMED as error:
        raise IntegrityFailure("the read text of the record is damaged; read it anew") from error


def _page(row: dict[str, Any], blocks: bytes) -> ReadPage:
    try:
        words = json.loads(zlib.decompress(blocks[row["length"] :]))
        return ReadPage(
            number=row["number"],
            text=_text(blocks[: row["length"]]),
            words=tuple((w[0], w[1], w[2], w[3], w[4]) for w in words),
            width=row["width"],
            height=row["height"],
            source=row["source"],
            language=row["language"],
        )
    except _MALFORMED as error:
        raise IntegrityFailure("the read text of the record is damaged; read it anew") from error
