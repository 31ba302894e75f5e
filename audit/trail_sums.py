"""The trail compared with the entries, without an index by position.

One pass in the order of its key adds up, for each position, a hash of every (topic, key) listed there,
under a key drawn for this pass alone: what an entry says comes to the same sum only if the trail lists
just that. Eight bytes an entry, whatever the trail holds. Reads in pages, and so holds no snapshot.
"""

import os
from array import array
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from sqlalchemy import text

from audit.entries import trail_of
from audit.leaf import Leaf
from core.database import Database, ReadSession

_PAGE = 5_000
_ALL_BITS = (1 << 64) - 1
_KEPT_HASHES = 4_096
"""Actions and actors come back in one entry after the other."""

# Plain SQL: what somebody has put into a column must arrive as it is, whatever its type.
_FIRST = text("SELECT topic, key, seq FROM audit_trail ORDER BY topic, key, seq LIMIT :page")
_NEXT = text(
    "SELECT topic, key, seq FROM audit_trail WHERE (topic, key, seq) > (:topic, :key, :seq)"
    " ORDER BY topic, key, seq LIMIT :page"
)
_HIGHEST = text("SELECT max(seq) FROM audit_leaves")


class TrailSums:
    """What the trail lists for the first ``size`` entries of a log."""

    def __init__(self, size: int) -> None:
        self._sums = array("Q", bytes(8 * size))
        self._beyond = -1
        self._misplaced = False
        key = os.urandom(32)

        def hashed(topic: str, value: bytes) -> int:
            name = topic.encode()
            # With its length, so that no part of the one can pass for a part of the other.
            digest = blake2b(b"%d:%b%b" % (len(name), name, value), digest_size=8, key=key).digest()
            return int.from_bytes(digest, "big")

        self._hash = lru_cache(_KEPT_HASHES)(hashed)

    def read(self, database: Database) -> None:
        """Go through the whole trail; once, after the entries that are to be compared were written."""
        statement, values = _FIRST, dict[str, Any](page=_PAGE)
        while True:
            with database.read() as session:
                # The driver's own tuples: a row of SQLAlchemy's takes longer than all else here.
                cursor = session.connection().execute(statement, values).cursor
                rows = [] if cursor is None else cursor.fetchall()
            self._add(rows)
            if len(rows) < _PAGE:
                return
            statement, values = _NEXT, values | dict(zip(("topic", "key", "seq"), rows[-1], strict=True))

    def fits(self, leaf: Leaf) -> bool:
        """Whether the trail lists an entry under all that it concerns, and under nothing else."""
        told = sum(self._hash(topic, key) for topic, key in trail_of(leaf.body))
        # One put in since, by whoever tampers at this moment, was not summed.
        return leaf.sequence < len(self._sums) and told & _ALL_BITS == self._sums[leaf.sequence]

    def is_empty(self, position: int) -> bool:
        """Whether the trail does not list an entry at all, as where it was withdrawn."""
        return position < len(self._sums) and self._sums[position] == 0

    def names_none(self, session: ReadSession) -> bool:
        """Whether the trail listed an entry that the log does not have by now."""
        highest = session.execute(_HIGHEST).scalar_one()
        return self._misplaced or self._beyond > (-1 if highest is None else highest)

    def _add(self, rows: Sequence[tuple[Any, Any, Any]]) -> None:
        sums, size, hashed = self._sums, len(self._sums), self._hash
        for topic, key, seq in rows:
            if type(seq) is not int or seq < 0:
                self._misplaced = True
            elif seq >= size:
                # Appended since, or a row that leads nowhere: the end of the log tells.
                self._beyond = max(self._beyond, seq)
            elif type(topic) is str and type(key) is bytes:
                sums[seq] = sums[seq] + hashed(topic, key) & _ALL_BITS
            else:
                sums[seq] = sums[seq] + hashed("", repr((topic, key)).encode()) & _ALL_BITS
