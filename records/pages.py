"""The read pages of a version as one derived object, of which a single page can be read.

Layout, before sealing: four bytes with the length of the index (big-endian), the index (JSON:
``{"pages":[{"offset","length","number","source","width","height","language"}]}``, offsets
from the end of the index), then one zlib block a page: JSON ``{"text", "words":
[[text, left, top, right, bottom], …]}`` with boxes in ten-thousandths of the page. Derived
data can be made anew from the original, so this layout may change.
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
    blocks = [
        zlib.compress(json.dumps({"text": p.text, "words": p.words}, ensure_ascii=False).encode(), 6) for p in pages
    ]
    index, offset = [], 0
    for page, block in zip(pages, blocks, strict=True):
        index.append(
            {
                "offset": offset,
                "length": len(block),
                "number": page.number,
                "source": page.source,
                "width": page.width,
                "height": page.height,
                "language": page.language,
            }
        )
        offset += len(block)
    head = json.dumps({"pages": index}).encode()
    yield _LENGTH.pack(len(head)) + head
    yield from blocks


def decode(data: bytes) -> list[ReadPage]:
    """All pages of a derived object read whole."""
    start, index = _head(lambda a, b: data[a:b])
    return [_page(row, data[start + row["offset"] : start + row["offset"] + row["length"]]) for row in index]


def beginning(data: bytes, most: int = 400_000) -> str:
    """The text of the first pages, up to about ``most`` characters: enough to take a snippet from."""
    start, index = _head(lambda a, b: data[a:b])
    texts, length = [], 0
    for row in index:
        text = _page(row, data[start + row["offset"] : start + row["offset"] + row["length"]]).text
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
            return _page(row, fetch(start + row["offset"], start + row["offset"] + row["length"]))
    return None


def join_text(pages: Iterable[ReadPage]) -> str:
    """The text of all pages, a form feed between them."""
    return "\f".join(page.text for page in pages)


def _head(fetch: Callable[[int, int], bytes]) -> tuple[int, list[dict[str, Any]]]:
    try:
        (length,) = _LENGTH.unpack(fetch(0, 4))
        index = json.loads(fetch(4, 4 + length))["pages"]
        for row in index:
            if not all(isinstance(row[name], int) and row[name] >= 0 for name in ("offset", "length", "number")):
                raise ValueError
        return 4 + length, index
    except _MALFORMED as error:
        raise IntegrityFailure("the read text of the record is damaged; read it anew") from error


def _page(row: dict[str, Any], block: bytes) -> ReadPage:
    try:
        body = json.loads(zlib.decompress(block))
        return ReadPage(
            number=row["number"],
            text=body["text"],
            words=tuple((w[0], w[1], w[2], w[3], w[4]) for w in body["words"]),
            width=row["width"],
            height=row["height"],
            source=row["source"],
            language=row["language"],
        )
    except _MALFORMED as error:
        raise IntegrityFailure("the read text of the record is damaged; read it anew") from error
