"""Tree hashes read back from the stored log: ranges, roots and proofs at any size.

The roots of full subtrees of 2^8, 2^16, … leaves are stored, so that any hash of the tree
needs at most 255 rows of each height.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from audit.entries import AuditLeaf, AuditNode
from audit.leaf import leaf_hash
from audit.tree import CompactRange, consistency_subtrees, inclusion_subtrees
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
    hashes: list[bytes] = []
    place = begin
    for height in _HEIGHTS:
        count = (end - place) >> height
        if count:
            level = CompactRange()
            for value in _level(session, height, place >> height, count):
                level.append(value)
            if level.size != count:
                raise NoSuchEntry("the log does not reach that far", position=place + (level.size << height))
            hashes += level.hashes
            place += count << height
    return CompactRange(end - begin, hashes)


def inclusion_proof(session: ReadSession, seq: int, size: int) -> list[bytes]:
    """The sibling hashes that show entry ``seq`` in the tree of ``size`` entries (RFC 9162, 2.1.3).

    Raises:
        NoSuchEntry: there is no such entry, or the log is shorter than ``size``.
    """
    if not 0 <= seq < size:
        raise NoSuchEntry("no such entry in a log of that size")
    return _roots(session, inclusion_subtrees(seq, size))


def consistency_proof(session: ReadSession, first: int, second: int) -> list[bytes]:
    """The hashes that show that the tree of ``first`` entries grew into that of ``second`` (RFC 9162, 2.1.4).

    Raises:
        NoSuchEntry: ``first`` is 0 or beyond ``second``, or the log is shorter.
    """
    if not 0 < first <= second:
        raise NoSuchEntry("a log grows from one entry or more")
    return _roots(session, consistency_subtrees(first, second))


def _roots(session: ReadSession, subtrees: Sequence[tuple[int, int]]) -> list[bytes]:
    return [range_over(session, begin, end).root() for begin, end in subtrees]


def _level(session: ReadSession, height: int, first: int, count: int) -> Iterator[bytes]:
    if height == 0:
        entries = session.execute(
            select(AuditLeaf.seq, AuditLeaf.entry)
            .where(AuditLeaf.seq >= first, AuditLeaf.seq < first + count)
            .order_by(AuditLeaf.seq)
        )
        rows = ((seq, leaf_hash(entry)) for seq, entry in entries)
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
