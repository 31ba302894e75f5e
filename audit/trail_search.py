"""The log asked by several things at once: entries that meet all of them, newest first, page by page.

What the trail holds (action, objects, request, actor) is answered from its index, beginning with the
rarest of the things asked. The rest (outcome, department, legal entity, class of a
record) is read off the entries themselves, up to ``EXAMINED`` of them a page: a page may
therefore be short, or empty, and still say where to go on. Time is when the log took an entry,
which never goes back.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import Integer, Select, bindparam, func, select

from audit.alias import aliases_of
from audit.entries import AuditLeaf, AuditTrail, request_key
from audit.events import Outcome
from audit.leaf import parse
from audit.trail import TrailEntry, tell
from audit.withdrawal import covering
from core.clock import from_us, to_us
from core.database import ReadSession

EXAMINED = 10_000
"""How many entries one page looks at, at most."""
_COUNTED = 4_000
_FIRST_CHUNK, _CHUNK = 64, 500
"""Mostly the first positions fit, and a page needs no more; where they do not, larger steps read faster."""

Key = tuple[str, bytes]
OfClass = Callable[[set[UUID]], set[UUID]]
"""Those of some records that are, or were, of a class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an entry must be to be found; ``None`` asks nothing."""

    action: str | None = None
    record: UUID | None = None
    case_file: UUID | None = None
    person: UUID | None = None
    """Who acted. Whether that may be asked at all is decided above."""
    outcome: Outcome | None = None
    department: UUID | None = None
    request: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """The first instant that is too late."""
    entities: frozenset[UUID] | None = None
    """Entries of these legal entities, and those of none; ``None`` is all of them."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was asked for."""

    entries: list[TrailEntry]
    next: int | None
    """``before`` of the next page; ``None`` where the log was read to its beginning."""
    reached: datetime | None
    """How far back this page looked, where it ended before it was full."""


def find(
    session: ReadSession, asked: Asked, *, before: int | None = None, limit: int = 50, of_class: OfClass | None = None
) -> Found:
    """The newest entries below position ``before`` that meet everything asked."""
    begin, end = _between(session, asked, before)
    groups = _groups(session, asked)
    if begin >= end or any(not keys for keys in groups):
        return Found([], None, None)
    groups.sort(key=partial(_rows, session, begin, end))
    fits = _Fits(session, asked)
    found: list[TrailEntry] = []
    examined, last = 0, end
    for chunk in _candidates(session, groups[0] if groups else [], begin, end):
        examined += len(chunk)
        kept = _in_all(session, chunk, groups[1:])
        leaves = _leaves(session, kept)
        entries = [entry for entry in tell(session, filter(fits.roughly, leaves)) if fits.exactly(entry)]
        if of_class is not None:
            entries = _of_class(entries, of_class)
        found += entries
        last = chunk[-1]
        if len(found) > limit:
            return Found(found[:limit], found[limit - 1].seq, None)
        if examined >= EXAMINED:
            leaf = parse(_leaves(session, [last])[0])
            return Found(found, last, from_us(leaf.appended_us))
    return Found(found, None, None)


class _Fits:
    """What the trail has no index for, asked of an entry: first of its bytes, then of what they say."""

    def __init__(self, session: ReadSession, asked: Asked) -> None:
        self._asked = asked
        wanted = []
        if asked.outcome is not None:
            wanted.append([f'"outcome":"{asked.outcome}"'.encode()])
        if asked.department is not None:
            aliases = aliases_of(session, "department", asked.department)
            wanted.append([f'"g":"{alias.hex()}"'.encode() for alias in aliases])
        self._wanted = wanted

    def roughly(self, data: bytes) -> bool:
        """Whether the bytes can be of an entry that fits; takes a fraction of reading them."""
        return all(any(piece in data for piece in pieces) for pieces in self._wanted)

    def exactly(self, entry: TrailEntry) -> bool:
        """Whether the entry fits."""
        asked = self._asked
        return (
            (asked.outcome is None or entry.outcome == asked.outcome)
            and (asked.request is None or entry.request == asked.request)
            and (asked.department is None or entry.by.department == asked.department)
            and is_within(entry, asked.entities)
        )


def is_within(entry: TrailEntry, entities: frozenset[UUID] | None) -> bool:
    """Whether an entry is of one of these legal entities, or of none at all."""
    if entities is None:
        return True
    return entry.entity_known and (entry.entity is None or entry.entity in entities)


def _groups(session: ReadSession, asked: Asked) -> list[list[Key]]:
    """For each thing that the trail indexes: the keys of which an entry has at least one."""
    groups: list[list[Key]] = []
    if asked.action is not None:
        groups.append([("action", asked.action.encode())])
    for kind, thing in (("record", asked.record), ("case_file", asked.case_file)):
        if thing is not None:
            groups.append([(f"object.{kind}", thing.bytes)])
    if asked.request is not None:
        groups.append([("request", request_key(asked.request))])
    if asked.person is not None:
        groups.append([("actor", alias) for alias in aliases_of(session, "person", asked.person)])
    return groups


_OF_KEY = (
    select(AuditTrail.seq)
    .where(
        AuditTrail.topic == bindparam("topic"),
        AuditTrail.key == bindparam("key"),
        AuditTrail.seq >= bindparam("begin"),
        AuditTrail.seq < bindparam("end"),
    )
    .order_by(AuditTrail.seq.desc())
    .limit(bindparam("most", type_=Integer()))
)
_HOW_MANY = select(func.count()).select_from(_OF_KEY.subquery())


def _rows(session: ReadSession, begin: int, end: int, keys: Sequence[Key]) -> int:
    """How many rows the trail has for these keys; counted to a limit, beyond which it does not matter."""
    counted = 0
    for topic, key in keys:
        values = {"topic": topic, "key": key, "begin": begin, "end": end, "most": _COUNTED - counted}
        counted += session.scalar(_HOW_MANY, values) or 0
        if counted >= _COUNTED:
            break
    return counted


def _candidates(session: ReadSession, keys: Sequence[Key], begin: int, end: int) -> Iterator[list[int]]:
    """Positions that may fit, newest first, a chunk at a time; every position where no key is given."""
    most = min(_FIRST_CHUNK, _CHUNK)
    while end > begin:
        if keys:
            # Each key by itself: asked together, the database would sort every row there is.
            values = {"begin": begin, "end": end, "most": most}
            lists = [session.scalars(_OF_KEY, values | {"topic": topic, "key": key}).all() for topic, key in keys]
            chunk = list(dict.fromkeys(heapq.merge(*lists, reverse=True)))[:most]
        else:
            chunk = list(range(end - 1, max(begin, end - most) - 1, -1))
        if not chunk:
            return
        yield chunk
        end, most = chunk[-1], _CHUNK


def _in_all(session: ReadSession, positions: list[int], groups: Sequence[Sequence[Key]]) -> list[int]:
    for keys in groups:
        topic = keys[0][0]
        statement = select(AuditTrail.seq).where(
            AuditTrail.topic == topic, AuditTrail.key.in_([key for _, key in keys]), AuditTrail.seq.in_(positions)
        )
        kept = set(session.scalars(statement))
        positions = [seq for seq in positions if seq in kept]
    return positions


def _leaves(session: ReadSession, positions: Sequence[int]) -> list[bytes]:
    if not positions:
        return []
    statement: Select[bytes] = select(AuditLeaf.entry).order_by(AuditLeaf.seq.desc())
    if positions[0] - positions[-1] == len(positions) - 1:
        statement = statement.where(AuditLeaf.seq >= positions[-1], AuditLeaf.seq <= positions[0])
    else:
        statement = statement.where(AuditLeaf.seq.in_(positions))
    return list(session.scalars(statement.where(AuditLeaf.entry != b"")))


def _of_class(entries: list[TrailEntry], of_class: OfClass) -> list[TrailEntry]:
    named = [{thing.id for thing in entry.objects if thing.kind == "record"} for entry in entries]
    fitting = of_class(set().union(*named)) if any(named) else set()
    return [entry for entry, records in zip(entries, named, strict=True) if records & fitting]


_LAST = select(func.max(AuditLeaf.seq))
_AT = select(AuditLeaf.entry).where(AuditLeaf.seq == bindparam("seq"))


def _between(session: ReadSession, asked: Asked, before: int | None) -> tuple[int, int]:
    """The positions to look at: from the first to below the second."""
    size = (session.scalar(_LAST) if before is None or asked.since or asked.until else before - 1) or 0
    size = size + 1
    begin = first_from(session, asked.since, size) if asked.since is not None else 0
    end = first_from(session, asked.until, size) if asked.until is not None else size
    return begin, end if before is None else min(end, before)


def first_from(session: ReadSession, at: datetime, size: int) -> int:
    """The first position whose entry was taken at ``at`` or later; ``size`` where none was.

    Of entries that were withdrawn nobody knows when they were taken: they are passed over as a whole.
    """
    low, high, wanted = 0, size, to_us(at)
    while low < high:
        middle = (low + high) // 2
        data = session.scalar(_AT, {"seq": middle})
        asked = middle
        while data == b"":
            gone = covering(session, asked)
            asked = asked + 1 if gone is None else gone.past
            data = session.scalar(_AT, {"seq": asked})
        if data is not None and parse(data).appended_us < wanted:
            low = asked + 1
        else:
            high = middle
    return low
