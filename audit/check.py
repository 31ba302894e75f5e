"""The stored log, checked: its bytes by ``audit.verify``, then every copy of them beside.

Reads the rows as the database holds them and trusts none: hash and id columns, trail,
nodes, head row and checkpoint columns are compared with what the entries themselves say.
Entries appended meanwhile are left for the next time.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from sqlalchemy import text

from audit.leaf import Leaf
from audit.note import NotANote, parse_checkpoint, parse_note
from audit.trail_sums import TrailSums
from audit.tree import CompactRange
from audit.verify import Fault, Gone, Verdict, verify
from core.database import Database, ReadSession

_CHUNK = 2000
Progress = Callable[[int, int], None]

# Plain SQL: what somebody has put into a column must arrive as it is, whatever its type.
_HEAD = text("SELECT size, range, previous, last_append_us FROM audit_head")
_LEAVES = text("SELECT seq, entry, hash, event_id FROM audit_leaves WHERE seq >= :first AND seq < :end ORDER BY seq")
_HIGHEST = text("SELECT count(*), max(seq) FROM audit_leaves")
_NODES = text("SELECT height, number, hash FROM audit_nodes ORDER BY height, number")
_CHECKPOINTS = text("SELECT size, root, range, note FROM audit_checkpoints ORDER BY size")
_CATALOGUES = text("SELECT digest, content FROM audit_catalogues")
_LISTED = text("SELECT seq FROM audit_trail WHERE seq = :seq LIMIT 1")
_WITHDRAWALS = text("SELECT first, past, event FROM audit_withdrawals ORDER BY first")


class _Wrong(Exception):
    """A stored row that is wrong, whatever the entries say."""

    def __init__(self, position: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.fault = Fault(position, kind, sentence)


def check(
    database: Database,
    *,
    origin: str | None = None,
    vkey: str | None = None,
    file: Path | None = None,
    progress: Progress | None = None,
) -> Verdict:
    """Re-read the whole stored log; the verdict names the first fault, if there is one.

    ``origin`` and ``vkey`` are what one knows of the log from outside, ``file`` the published
    checkpoint. ``progress`` is told how many entries were read, and how many there are.
    """
    stored = _Stored(database, progress)
    # The file first: what it covers is in any later snapshot.
    published = file.read_text(encoding="utf-8", errors="replace") if file is not None and file.exists() else None
    with database.read() as session:
        stored.begin(session)
        notes = _notes(session, published)
        rows = session.execute(_CATALOGUES).all()
    stored.trail.read(database)
    catalogues = {
        digest: content for digest, content in rows if isinstance(digest, bytes) and isinstance(content, bytes)
    }
    verdict = verify(stored.entries(), notes, origin=origin, vkey=vkey, catalogues=catalogues, watch=stored.compare)
    if verdict.fault is None:
        try:
            with database.read() as session:
                stored.end(session, verdict)
        except _Wrong as found:
            return replace(verdict, fault=found.fault)
    elif stored.gap is not None and stored.gap.position <= verdict.fault.position:
        return replace(verdict, fault=stored.gap)
    return verdict


class _Stored:
    """The rows of one log, as far as they reached when the check began."""

    def __init__(self, database: Database, progress: Progress | None) -> None:
        self._database, self._progress = database, progress
        self._size = 0
        self._highest = -1
        self._head: Any = None
        self.gap: Fault | None = None
        """Where the rows stop being one behind the other."""
        self.trail = TrailSums(0)
        self._columns: deque[tuple[Any, Any]] = deque()
        self._nodes: list[tuple[int, int, bytes]] = []
        self._ranges: dict[int, bytes] = {}
        self._signed: frozenset[int] = frozenset()
        self._last = (bytes(32), 0)
        self._tree = CompactRange()
        self._withdrawn: list[tuple[int, ...]] = []
        self._listed: list[int] = []
        """The first withdrawn position that the trail listed."""

    def begin(self, session: ReadSession) -> None:
        """Note where the log ends, in the snapshot that the checkpoints are read from."""
        self._head = session.execute(_HEAD).one_or_none()
        count, highest = session.execute(_HIGHEST).one()
        self._highest = highest if isinstance(highest, int) else -1
        # No more can stand one behind the other, wherever the last was moved to.
        self.trail = TrailSums(count)
        size = 0 if self._head is None else self._head.size
        # A head row that was set back hides no entry from the check.
        self._size = max(self._highest + 1, size if isinstance(size, int) else 0)
        rows = session.execute(_CHECKPOINTS)
        self._signed = frozenset(row.size for row in rows if isinstance(row.size, int))
        self._withdrawn = [tuple(row) for row in session.execute(_WITHDRAWALS)]

    def entries(self) -> Iterator[bytes | Gone]:
        """The stored entries in order, their columns kept aside for ``compare``."""
        for first in range(0, self._size, _CHUNK):
            end = min(first + _CHUNK, self._size)
            with self._database.read() as session:
                rows = session.execute(_LEAVES, {"first": first, "end": end}).all()
            position = first
            for seq, entry, own, event_id in rows:
                if seq != position:
                    break
                if not isinstance(entry, bytes):
                    self.gap = Fault(position, "form", f"entry {position} is not stored as bytes")
                    return
                self._columns.append((own, event_id))
                if entry == b"" and isinstance(own, bytes) and len(own) == 32 and self._is_withdrawn(position):
                    yield Gone(own)
                else:
                    yield entry
                position += 1
            if position < end:
                if position < self._highest:
                    self.gap = Fault(position, "missing", f"entry {position} is missing")
                # Otherwise the tail is cut off: the checkpoints and the head tell where it should end.
                return
            if self._progress is not None:
                self._progress(end, self._size)

    def compare(self, leaf: Leaf | None, own: bytes) -> str | None:
        """Whether the columns of the next row say what its entry says; ``None`` for one that was withdrawn."""
        stored, event_id = self._columns.popleft()
        position = self._tree.size
        if stored != own:
            return f"the stored hash of entry {position} is not that of its bytes"
        if event_id != (own[:16] if leaf is None else bytes.fromhex(leaf.body["id"])):
            return f"the stored event id of entry {position} is not the one in its bytes"
        if leaf is None and not self.trail.is_empty(position) and not self._listed:
            self._listed.append(position)
        if leaf is not None and not self.trail.fits(leaf):
            return f"the trail does not list entry {position} under what it concerns"
        self._tree.append(own, self._nodes)
        if self._tree.size in self._signed:
            self._ranges[self._tree.size] = self._tree.to_bytes()
        self._last = (own, self._last[1] if leaf is None else leaf.appended_us)
        return None

    def _is_withdrawn(self, position: int) -> bool:
        if any(first <= position < past for first, past, _event in self._withdrawn):
            return True
        with self._database.read() as session:
            rows = [tuple(row) for row in session.execute(_WITHDRAWALS)]
        # Withdrawn since this began.
        self._withdrawn += [row for row in rows if row not in self._withdrawn and row[0] <= position < row[1]]
        return any(first <= position < past for first, past, _event in self._withdrawn)

    def end(self, session: ReadSession, verdict: Verdict) -> None:
        """Compare head row, nodes and checkpoint columns with the tree that the entries make."""
        size = verdict.size
        if self.gap is not None:
            raise _Wrong(*astuple(self.gap))
        if size < self._size:
            raise _Wrong(size, "truncated", f"entry {size} and all behind it are missing; the head row has them")
        for first, past, event in self._withdrawn:
            if (first, past, event) not in verdict.withdrawn:
                raise _Wrong(first, "column", f"entry {first} is said to be withdrawn by entry {event}: it is not")
        for position in self._listed:
            # Where it was withdrawn while this ran, its rows went after the trail was summed.
            if session.execute(_LISTED, {"seq": position}).first() is not None:
                raise _Wrong(position, "column", f"the trail lists entry {position}, which was withdrawn")
        if self.trail.names_none(session):
            raise _Wrong(size, "column", f"the trail lists an entry that is none; the log ends before entry {size}")
        row = () if self._head is None else tuple(self._head)
        if size and row != (size, self._tree.to_bytes(), *self._last):
            raise _Wrong(size - 1, "head", f"the head row does not fit entry {size - 1}, the last")
        known = {(height, number): value for height, number, value in self._nodes}
        for height, number, value in session.execute(_NODES):
            inside = (number + 1) << height <= size
            if inside and known.pop((height, number), None) != value:
                raise _Wrong(number << height, "column", f"the tree node over entry {number << height} is altered")
        if known:
            height, number = min(known)
            raise _Wrong(number << height, "missing", f"the tree node over entry {number << height} is missing")
        for size, root, edge, note in session.execute(_CHECKPOINTS):
            if isinstance(size, int) and size not in self._signed:
                # Signed since the check began.
                continue
            checkpoint = parse_checkpoint(parse_note(note).text)
            if (checkpoint.size, checkpoint.root, self._ranges.get(size)) != (size, root, edge):
                raise _Wrong(size - 1, "column", f"the columns of the checkpoint over {size} entries are altered")


def _notes(session: ReadSession, published: str | None) -> list[str]:
    """The stored and the published notes in order of size; one that cannot be read goes first."""
    notes = [str(note) for _, _, _, note in session.execute(_CHECKPOINTS)]
    if published is not None and published not in notes:
        notes.append(published)
    return sorted(notes, key=_size)


def _size(note: str) -> int:
    try:
        return parse_checkpoint(parse_note(note).text).size
    except NotANote:
        return -1
