"""The state of the log for those who oversee: how far it is signed, what waits, where it was silent, who was refused.

Read from the stored rows as they are; that they are right is for ``audit.check`` and the verifier.
Counts by department come from the newest entries of the time asked about, up to ``MOST`` of each action.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from sqlalchemy import select

from audit.alias import aliases_of, subjects_of
from audit.checkpoint import AuditCheckpoint
from audit.entries import AuditHead, AuditLeaf, AuditTrail
from audit.heartbeat import SILENCE
from audit.leaf import Leaf, parse
from audit.mark import intake_mark
from audit.trail_search import first_from
from core.clock import from_us
from core.database import ReadSession

MOST = 10_000
HEARTBEATS = 1_500
"""How many of the newest heartbeats are looked at: a day of them, at one a minute."""
REFUSALS = ("record.refused", "request.refused", "sign_in.refused")
DOWNLOADS = ("record.downloaded", "record.opened")
HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which the log was not written."""

    since: datetime
    until: datetime
    noted: bool
    """The log says so itself; otherwise only the heartbeats are missing."""
    position: int
    """Of the entry that ends it."""


@dataclass(frozen=True, slots=True)
class Health:
    """The log's own part of its state."""

    size: int
    appended_at: datetime | None
    signed_size: int
    """Entries under the newest checkpoint."""
    signed_at: datetime | None
    vanished: int
    """Rows of the change intake that were numbered and never moved: somebody took them away."""
    began_at: datetime | None
    """When entry 0 was appended."""
    heartbeat_at: datetime | None
    silences: tuple[Silence, ...]
    """Of the last day of heartbeats, and the newest ones the log noted; the newest first."""


@dataclass(slots=True)
class Activity:
    """What one department did that somebody may want to ask about. Nobody is named."""

    department: UUID | None
    refused: int = 0
    refused_people: set[str] = field(default_factory=set)
    downloads: int = 0
    hours: dict[tuple[str, int], int] = field(default_factory=dict)
    """Downloads by one colleague in one hour of the clock (UTC)."""

    @property
    def most_in_an_hour(self) -> int:
        """The largest number of downloads by one colleague within an hour of the clock."""
        return max(self.hours.values(), default=0)


def health(session: ReadSession) -> Health:
    """How the log stands."""
    head = session.get(AuditHead, 1)
    signed = session.execute(
        select(AuditCheckpoint.size, AuditCheckpoint.signed_at).order_by(AuditCheckpoint.size.desc()).limit(1)
    ).one_or_none()
    high, moved = intake_mark(session)
    beats = _newest(session, ("log.heartbeat",), 0, HEARTBEATS)
    return Health(
        size=0 if head is None else head.size,
        appended_at=from_us(head.last_append_us) if head is not None and head.last_append_us else None,
        signed_size=0 if signed is None else signed.size,
        signed_at=None if signed is None else signed.signed_at,
        vanished=max(0, high - moved),
        began_at=_began_at(session),
        heartbeat_at=from_us(beats[0].appended_us) if beats else None,
        silences=_silences(session, beats),
    )


def _began_at(session: ReadSession) -> datetime | None:
    first = session.scalar(select(AuditLeaf.entry).where(AuditLeaf.seq == 0))
    return None if first is None else from_us(parse(first).appended_us)


def activity(session: ReadSession, since: datetime, entities: Iterable[UUID]) -> list[Activity]:
    """Refusals and downloads since an instant, by department, those with most refusals first."""
    size = session.scalar(select(AuditLeaf.seq).order_by(AuditLeaf.seq.desc()).limit(1))
    if size is None:
        return []
    begin = first_from(session, since, size + 1)
    allowed = {alias.hex() for entity in entities for alias in aliases_of(session, "entity", entity)}
    found: dict[str | None, Activity] = {}

    def of(body: dict[str, object]) -> Activity | None:
        if "e" in body and body["e"] not in allowed:
            return None
        alias = body.get("g")
        return found.setdefault(alias if isinstance(alias, str) else None, Activity(None))

    for leaf in _newest(session, REFUSALS, begin, MOST):
        row = of(leaf.body)
        if row is not None:
            row.refused += 1
            row.refused_people.add(str(leaf.body["actor"].get("i", "")))
    for leaf in _newest(session, DOWNLOADS, begin, MOST):
        if leaf.body.get("d", {}).get("purpose") != "download" or leaf.body["actor"]["k"] == "system":
            continue
        row = of(leaf.body)
        if row is not None:
            row.downloads += 1
            hour = (str(leaf.body["actor"].get("i", "")), leaf.appended_us // HOUR_US)
            row.hours[hour] = row.hours.get(hour, 0) + 1
    return _by_department(session, found)


def _by_department(session: ReadSession, found: dict[str | None, Activity]) -> list[Activity]:
    """One row a department: it has an alias for each year and use."""
    names = subjects_of(session, (alias for alias in found if alias is not None))
    merged: dict[UUID | None, Activity] = {}
    for alias, row in found.items():
        department = names[alias][1] if alias in names else None
        into = merged.setdefault(department, Activity(department))
        into.refused += row.refused
        into.refused_people |= row.refused_people
        into.downloads += row.downloads
        for hour, count in row.hours.items():
            into.hours[hour] = into.hours.get(hour, 0) + count
    return sorted(merged.values(), key=lambda row: (-row.refused, -row.downloads))


def _newest(session: ReadSession, actions: Iterable[str], begin: int, most: int) -> list[Leaf]:
    """The newest entries of some actions from a position on, newest first."""
    positions: list[int] = []
    for action in actions:
        positions += session.scalars(
            select(AuditTrail.seq)
            .where(AuditTrail.topic == "action", AuditTrail.key == action.encode(), AuditTrail.seq >= begin)
            .order_by(AuditTrail.seq.desc())
            .limit(most)
        )
    positions.sort(reverse=True)
    found: list[Leaf] = []
    for start in range(0, min(len(positions), most), 500):
        chunk = positions[start : start + 500]
        rows = session.scalars(select(AuditLeaf.entry).where(AuditLeaf.seq.in_(chunk)).order_by(AuditLeaf.seq.desc()))
        found += [parse(data) for data in rows]
    return found


def _silences(session: ReadSession, beats: list[Leaf]) -> tuple[Silence, ...]:
    gaps = [
        Silence(from_us(leaf.body["d"]["since_us"]), from_us(leaf.appended_us), True, leaf.sequence)
        for leaf in _newest(session, ("log.gap",), 0, 20)
    ]
    noted = [gap.position for gap in gaps]
    missing = [
        Silence(from_us(older.appended_us), from_us(newer.appended_us), False, newer.sequence)
        for newer, older in pairwise(beats)
        if newer.appended_us - older.appended_us > SILENCE / timedelta(microseconds=1)
        and not any(older.sequence < position <= newer.sequence for position in noted)
    ]
    return tuple(sorted([*gaps, *missing], key=lambda one: one.until, reverse=True))
