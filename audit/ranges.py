"""Tree hashes read back from the stored log: ranges, roots and proofs at any size.

The roots of full subtrees of 2^8, 2^16, … leaves are stored, so that any hash of the tree
needs at most 255 rows of each height. Ranges hash the entries themselves; proofs and tiles are
made of the stored hashes: where one of those was altered they do not verify.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from sqlalchemy import select

from audit.entries import AuditLeaf, AuditNode
from audit.leaf import leaf_hash
from audit.tiles import ENTRIES, HEIGHT, WIDTH, NoSuchTile, Tile, bundle_bytes, tile_bytes
from audit.tree import CompactRange, consistency_subtrees, inclusion_subtrees
from audit.withdrawal import EntryWithdrawn, covering
from core.database import ReadSession
from core.errors import NotFound

_HEIGHTS = (48, 40, 32, 24, 16, 8, 0)


class NoSuchEntry(NotFound):
    """The log has no entry at that position, or is not that long."""

    code = "audit_no_entry"


def range_over(session: ReadSession, begin: int, end: int) -> CompactRange:
    """The compact range of leaves ``begin`` to ``end`` (exclusive), where ``begin`` starts a subtree of the tree.

    The leaves at the right edge are hashed from their bytes.

    Raises:
        NoSuchEntry: the log does not reach that far.
    """
    return _range(lambda height, first, count: _level(session, height, first, count), begin, end)


def inclusion_proof(session: ReadSession, seq: int, size: int) -> list[bytes]:
    """The sibling hashes that show entry ``seq`` in the tree of ``size`` entries (RFC 9162, 2.1.3).

    Raises:
        NoSuchEntry: there is no such entry, or the log is shorter than ``size``.
    """
    if not 0 <= seq < size:
        raise NoSuchEntry("no such entry in a log of that size")
    return _roots(session, inclusion_subtrees(seq, size), size)


def consistency_proof(session: ReadSession, first: int, second: int) -> list[bytes]:
    """The hashes that show that the tree of ``first`` entries grew into that of ``second`` (RFC 9162, 2.1.4).

    Raises:
        NoSuchEntry: ``first`` is 0 or beyond ``second``, or the log is shorter.
    """
    if not 0 < first <= second:
        raise NoSuchEntry("a log grows from one entry or more")
    return _roots(session, consistency_subtrees(first, second), second)


def tile_hashes(session: ReadSession, tile: Tile) -> list[bytes]:
    """The hashes of a tile, as stored.

    Raises:
        NoSuchTile: the log does not reach that far.
    """
    first, end = tile.number * WIDTH, tile.number * WIDTH + tile.width
    if tile.level == 0:
        statement = select(AuditLeaf.hash).where(AuditLeaf.seq >= first, AuditLeaf.seq < end).order_by(AuditLeaf.seq)
    else:
        statement = (
            select(AuditNode.hash)
            .where(AuditNode.height == tile.height, AuditNode.number >= first, AuditNode.number < end)
            .order_by(AuditNode.number)
        )
    found = list(session.scalars(statement))
    if len(found) != tile.width:
        raise NoSuchTile()
    return found


def tile_content(session: ReadSession, tile: Tile) -> bytes:
    """The bytes of a tile or bundle.

    Raises:
        NoSuchTile: the log does not reach that far.
        EntryWithdrawn: the entries of that bundle were withdrawn.
    """
    if tile.level != ENTRIES:
        return tile_bytes(tile_hashes(session, tile))
    first = tile.number * WIDTH
    if covering(session, first) is not None:
        raise EntryWithdrawn()
    statement = select(AuditLeaf.entry).where(AuditLeaf.seq >= first, AuditLeaf.seq < first + tile.width)
    entries = list(session.scalars(statement.order_by(AuditLeaf.seq)))
    if len(entries) != tile.width:
        raise NoSuchTile()
    return bundle_bytes(entries)


def _roots(session: ReadSession, subtrees: Sequence[tuple[int, int]], size: int) -> list[bytes]:
    """The roots over some subtrees of a tree of that size, each tile read once."""

    @cache
    def hashes(level: int, number: int) -> list[bytes]:
        width = min(WIDTH, (size >> level * HEIGHT) - number * WIDTH)
        try:
            return tile_hashes(session, Tile(level, number, width))
        except NoSuchTile as error:
            raise NoSuchEntry("the log does not reach that far", position=number * WIDTH << level * HEIGHT) from error

    def level(height: int, first: int, count: int) -> list[bytes]:
        # What is left of a subtree at one height never lies in two tiles.
        number, place = divmod(first, WIDTH)
        return hashes(height // HEIGHT, number)[place : place + count]

    return [_range(level, begin, end).root() for begin, end in subtrees]


def _range(level: Callable[[int, int, int], Iterable[bytes]], begin: int, end: int) -> CompactRange:
    """The range over some leaves, where ``level(height, first, count)`` gives hashes of that height."""
    hashes: list[bytes] = []
    place = begin
    for height in _HEIGHTS:
        count = (end - place) >> height
        if count:
            growing = CompactRange()
            for value in level(height, place >> height, count):
                growing.append(value)
            if growing.size != count:
                raise NoSuchEntry("the log does not reach that far", position=place + (growing.size << height))
            hashes += growing.hashes
            place += count << height
    return CompactRange(end - begin, hashes)


def _level(session: ReadSession, height: int, first: int, count: int) -> Iterator[bytes]:
    if height == 0:
        entries = session.execute(
            select(AuditLeaf.seq, AuditLeaf.entry, AuditLeaf.hash)
            .where(AuditLeaf.seq >= first, AuditLeaf.seq < first + count)
            .order_by(AuditLeaf.seq)
        )
        rows = ((seq, leaf_hash(entry) if entry else stored) for seq, entry, stored in entries)
    else:
        nodes = session.execute(
            select(AuditNode.number, AuditNode.hash)
            .where(AuditNode.height == height, AuditNode.number >= first, AuditNode.number < first + count)
            .order_by(AuditNode.number)
        )
        rows = ((number, value) for number, value in nodes)
    for expected, (number, value) in enumerate(rows, start=first):
        if number != expected:
            return
        yield value
