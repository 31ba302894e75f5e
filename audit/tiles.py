"""The log as files that never change: tiles of the Merkle tree, and bundles of entries (C2SP tlog-tiles).

    tile/<L>/<N>[.p/<W>]         hashes of height 8 L: up to 256 of them, 32 bytes each
    tile/entries/<N>[.p/<W>]     up to 256 entries, each behind its length in two bytes, the high one first

Level 0 holds leaf hashes; a hash of a level above is the root over one full tile below. ``N`` counts
tiles from 0, in groups of three digits with an ``x`` before all but the last. A tile that is not full has its width
behind it, and never becomes part of a level above. What stands under a path is the same for ever.
Pure functions of sizes, hashes and entries; imports ``core.errors`` and ``audit.tree`` only.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from audit.tree import HASH_BYTES
from core.errors import NotFound

WIDTH = 256
HEIGHT = 8
ENTRIES = -1
"""Level of the bundles; as many entries under each number as hashes in level 0."""
MOST_LEVEL = 63
_LENGTH_BYTES = 2

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<number>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class NoSuchTile(NotFound):
    """The log has no such tile or bundle, or no signed checkpoint covers it yet."""

    code = "audit_no_tile"


class Tile(NamedTuple):
    """One tile or bundle, full or partial."""

    level: int
    """0 and above; ``ENTRIES`` for a bundle."""
    number: int
    width: int = WIDTH

    @property
    def is_full(self) -> bool:
        """Whether it can grow no more."""
        return self.width == WIDTH

    @property
    def full(self) -> "Tile":
        """The full tile that it grows into."""
        return self._replace(width=WIDTH)

    @property
    def path(self) -> str:
        """Where it is served, behind the log's prefix."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        digits = f"{self.number:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[place : place + 3] for place in range(0, len(digits), 3)]
        number = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        return f"tile/{level}/{number}" if self.is_full else f"tile/{level}/{number}.p/{self.width}"

    @property
    def height(self) -> int:
        """Height of its hashes in the tree; 0 for entries."""
        return max(self.level, 0) * HEIGHT

    def position(self, place: int = 0) -> int:
        """The first entry under its hash (or entry) number ``place``."""
        return (self.number * WIDTH + place) << self.height

    def is_under(self, size: int) -> bool:
        """Whether a tree of that size holds all of it."""
        return self.number * WIDTH + self.width <= size >> self.height


def parse_path(path: str) -> Tile:
    """The tile at a path such as ``tile/0/x001/x234/067.p/8``.

    Raises:
        NoSuchTile: no tile has that path; each has one only.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise NoSuchTile()
    level, width = match["level"], match["width"]
    tile = Tile(
        ENTRIES if level == "entries" else int(level),
        int(match["number"].replace("/", "").replace("x", "")),
        WIDTH if width is None else int(width),
    )
    if tile.level > MOST_LEVEL or tile.path != path:
        raise NoSuchTile()
    return tile


def grown(before: int, after: int) -> Iterator[Tile]:
    """What is served under a tree of ``after`` entries and was not under one of ``before``.

    Bundles, then the levels from below; in each from left to right, the partial one last.
    """
    level = ENTRIES
    while count := after >> max(level, 0) * HEIGHT:
        known = before >> max(level, 0) * HEIGHT
        for number in range(known // WIDTH, count // WIDTH):
            yield Tile(level, number)
        if count % WIDTH and count != known:
            yield Tile(level, count // WIDTH, count % WIDTH)
        level += 1


def right_edge(size: int) -> list[Tile]:
    """The last tile of each level, and the last bundle, under a tree of that size."""
    edge: list[Tile] = []
    level = ENTRIES
    while count := size >> max(level, 0) * HEIGHT:
        edge.append(Tile(level, (count - 1) // WIDTH, (count - 1) % WIDTH + 1))
        level += 1
    return edge


def tile_bytes(hashes: Sequence[bytes]) -> bytes:
    """The content of a tile."""
    return b"".join(hashes)


def bundle_bytes(entries: Sequence[bytes]) -> bytes:
    """The content of a bundle; an entry has at most 65,535 bytes."""
    return b"".join(len(entry).to_bytes(_LENGTH_BYTES, "big") + entry for entry in entries)


def first_difference(tile: Tile, ours: bytes, theirs: bytes) -> int | None:
    """The first entry at which two contents of a tile differ; ``None`` where they are the same."""
    if ours == theirs:
        return None
    at = next((i for i, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), len(theirs))
    if tile.level != ENTRIES:
        return tile.position(min(at // HASH_BYTES, tile.width - 1))
    place = end = 0
    while place < tile.width - 1:
        end += _LENGTH_BYTES + int.from_bytes(ours[end : end + _LENGTH_BYTES], "big")
        if at < end:
            break
        place += 1
    return tile.position(place)
