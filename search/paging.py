"""Cursors: where a page ended, as an opaque text that needs no memory on the server.

Sorts by a number go on from the last key and record; relevance and title go on by offset.
A cursor opens nothing: access is checked on each page anew, so it needs no signature.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from core.canonical import NotCanonical, canonical, parse_canonical
from search.port import MOST_OFFSET, BadCursor, SearchRequest
from search.tree import to_text

_KEY: Final = re.compile(r"-?\d{1,19}\Z", re.ASCII)
_LONGEST: Final = 400


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A record's place in a sort by number; ties of the key go by id."""

    key: int
    record_id: UUID


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page starts: after ``position``, or at ``offset``."""

    position: Position | None = None
    offset: int = 0


def write_cursor(cursor: Cursor, request: SearchRequest) -> str:
    """The cursor as text, good for the same query, entities and sort only."""
    value: dict[str, object] = {"q": _digest(request)}
    if cursor.position:
        # As text: a key has up to 63 bits, canonical JSON 53.
        value |= {"k": str(cursor.position.key), "i": cursor.position.record_id.hex}
    else:
        value["o"] = cursor.offset
    return base64.urlsafe_b64encode(canonical(value)).decode().rstrip("=")


def read_cursor(text: str, request: SearchRequest) -> Cursor:
    """The cursor that ``text`` holds.

    Raises:
        BadCursor: it is no cursor, or belongs to another search.
    """
    try:
        padded = text[:_LONGEST].encode("ascii") + b"=" * (-len(text) % 4)
        value = parse_canonical(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (NotCanonical, binascii.Error, ValueError) as error:
        raise BadCursor from error
    by_number = request.sort not in ("relevance", "title", "-title")
    match value:
        case {"q": str(digest), "k": str(key), "i": str(record_id), **rest} if not rest and _KEY.match(key):
            position = Position(int(key), _read_id(record_id))
            if digest == _digest(request) and -(2**63) < position.key < 2**63:
                return Cursor(position=position)
        case {"q": str(digest), "o": int(offset), **rest} if not rest and not by_number:
            if digest == _digest(request) and 0 < offset < MOST_OFFSET and not isinstance(offset, bool):
                return Cursor(offset=offset)
    raise BadCursor


def _read_id(text: str) -> UUID:
    if not re.fullmatch("[0-9a-f]{32}", text):
        raise BadCursor
    return UUID(hex=text)


def _digest(request: SearchRequest) -> str:
    """Names the search a cursor belongs to; access is no part, since it may change between pages."""
    parts = [to_text(request.query), request.sort, request.zone, *sorted(request.entities or ())]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
