"""The Merkle tree over the leaf hashes: roots, proofs and their verification (RFC 9162, 2.1).

    leaf = SHA-256(0x00 || entry)    node = SHA-256(0x01 || left || right)    empty root = SHA-256("")

A tree of n leaves splits at the largest power of two below n. Its *compact range* is the
roots of its perfect subtrees from left to right, at most 64 hashes: enough to append to
it and to tell its root. Imports nothing of Muniment.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Subtree = tuple[int, int]
"""Leaves ``begin`` to ``end`` (exclusive)."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange:
    """A growing tree, known by its right edge only."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """``hashes`` are the perfect subtrees' roots of a tree of ``size`` leaves, left to right."""
        if size < 0 or len(hashes) != size.bit_count() or any(len(item) != HASH_BYTES for item in hashes):
            raise ValueError("a compact range has one hash for each bit of its size")
        self.size = size
        self.hashes = list(hashes)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> "CompactRange":
        """The range stored by ``to_bytes``."""
        return cls(size, [data[place : place + HASH_BYTES] for place in range(0, len(data), HASH_BYTES)])

    def to_bytes(self) -> bytes:
        """The hashes, one after the other."""
        return b"".join(self.hashes)

    def copy(self) -> "CompactRange":
        """Another range that grows on its own."""
        return CompactRange(self.size, self.hashes)

    def append(self, leaf: bytes, completed: list[Any] | None = None) -> None:
        """Add a leaf hash at the right.

        ``completed`` collects (height, number, hash) of the subtrees of 2^8, 2^16, …
        leaves that this leaf completes; such a subtree never changes again.
        """
        rest, height, top = self.size, 0, leaf
        while rest & 1:
            top = hashlib.sha256(b"\x01" + self.hashes.pop() + top).digest()
            rest >>= 1
            height += 1
            if completed is not None and height % 8 == 0:
                completed.append((height, rest, top))
        self.hashes.append(top)
        self.size += 1

    def root(self) -> bytes:
        """The root hash of the tree as it is now."""
        if not self.hashes:
            return EMPTY_ROOT
        top = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            top = node_hash(left, top)
        return top


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over the given leaf hashes."""
    growing = CompactRange()
    for leaf in leaves:
        growing.append(leaf)
    return growing.root()


def inclusion_subtrees(index: int, size: int) -> list[Subtree]:
    """The subtrees whose roots prove leaf ``index`` in a tree of ``size``, lowest first (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of that size")
    path: list[Subtree] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin = middle
    return path[::-1]


def consistency_subtrees(first: int, second: int) -> list[Subtree]:
    """The subtrees whose roots prove that a tree of ``first`` grew into one of ``second`` (RFC 9162, 2.1.4.1)."""
    if not 0 < first <= second:
        raise ValueError("a tree grows from one leaf or more")
    path: list[Subtree] = []
    begin, end, whole = 0, second, True
    while first != end:
        middle = begin + _split(end - begin)
        if first <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append((begin, end))
    return path[::-1]


def proof(subtrees: Sequence[Subtree], root: Callable[[int, int], bytes]) -> list[bytes]:
    """The hashes of a proof, where ``root(begin, end)`` tells the root over those leaves."""
    return [root(begin, end) for begin, end in subtrees]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``path`` shows leaf hash ``leaf`` at ``index`` under ``root`` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or any(len(item) != HASH_BYTES for item in path):
        return False
    place, last, top = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            top = node_hash(sibling, top)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            top = node_hash(top, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and top == root


def verify_consistency(first: int, second: int, root1: bytes, root2: bytes, path: Sequence[bytes]) -> bool:
    """Whether ``path`` shows that the tree under ``root1`` only grew into ``root2`` (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second or any(len(item) != HASH_BYTES for item in path):
        return False
    if first == second:
        return not path and root1 == root2
    hashes = list(path)
    if first & (first - 1) == 0:
        hashes.insert(0, root1)
    if not hashes:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and old == root1 and new == root2


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1
