"""Entries that two persons withdrew when the log's own retention was over: their hashes stay, their bytes go.

Whole bundles only. Never one that the verifier needs to follow the log: that of entry 0, of a key, of a
catalogue, of another withdrawal; and never the newest. What is withdrawn is said by entries
``log.withdrawn`` first; when a checkpoint covers them, the keeper takes bytes, openings and trail away.
A row of a withdrawn entry keeps its position and its leaf hash, so chain and tree can still be followed.
The database lets this go and nothing else: ``guards`` here and in ``audit.entries``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, String, delete, select, text
from sqlalchemy.orm import Mapped, mapped_column

from audit.body import Detail
from audit.entries import AuditLeaf, AuditTrail, guard, trail_of
from audit.events import SYSTEM, Actor, Event, ObjectRef
from audit.leaf import parse
from audit.opening import AuditOpening
from audit.tiles import WIDTH
from core.clock import from_us, to_us
from core.database import Database, LogTable, ReadSession
from core.errors import NotFound

WITHDRAWN = "log.withdrawn"
KEPT_ACTIONS = ("log.started", "log.key_changed", "log.catalogue_extended", WITHDRAWN)
"""A bundle that holds an entry of one of these is never withdrawn."""
_IDS = 500


class EntryWithdrawn(NotFound):
    """The entry was withdrawn when the log's own retention was over; its hash is there."""

    code = "audit_withdrawn"


class Range(NamedTuple):
    """Positions from ``first`` to below ``past``, whole bundles."""

    first: int
    past: int


@dataclass(frozen=True, kw_only=True)
class WithdrawalAsked(Event):
    """Entries are to be withdrawn, if a second person agrees."""

    action = "log.withdrawal_asked"
    description = "A person asked that entries older than the log's own retention be withdrawn."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "below": Detail("count", "Entries from this position on stay."),
        "entries": Detail("count", "How many entries are to be withdrawn."),
        "years": Detail("count", "The log's own retention, in years."),
    }
    withdrawal: UUID
    below: int
    entries: int
    years: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("withdrawal", self.withdrawal),)

    def details(self) -> Mapping[str, Any]:
        return {"below": self.below, "entries": self.entries, "years": self.years}


@dataclass(frozen=True, kw_only=True)
class WithdrawalRefused(Event):
    """Entries stay."""

    action = "log.withdrawal_refused"
    description = "A person refused that entries of the log be withdrawn, or took back having asked for it."
    withdrawal: UUID

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("withdrawal", self.withdrawal),)


@dataclass(frozen=True, kw_only=True)
class LogWithdrawn(Event):
    """Entries are withdrawn."""

    action = WITHDRAWN
    description = "Two persons withdrew the entries of whole bundles after the log's own retention; their hashes stay."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "from": Detail("count", "Position of the first entry withdrawn."),
        "to": Detail("count", "Position of the first entry behind them."),
        "newest_us": Detail("instant", "Append time of the newest of them."),
        "years": Detail("count", "The log's own retention, in years."),
    }
    by: Actor = SYSTEM
    withdrawal: UUID
    range: Range
    newest: datetime
    years: int

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("withdrawal", self.withdrawal),)

    def details(self) -> Mapping[str, Any]:
        return {
            "from": self.range.first,
            "to": self.range.past,
            "newest_us": to_us(self.newest),
            "years": self.years,
        }


class AuditWithdrawal(LogTable):
    """A range that was withdrawn; made before its first byte goes, never changed."""

    __tablename__ = "audit_withdrawals"
    __table_args__ = (
        CheckConstraint(
            f"first >= {WIDTH} AND first / {WIDTH} * {WIDTH} = first AND past / {WIDTH} * {WIDTH} = past",
            name="bundles",
        ),
        CheckConstraint("first < past AND past <= event", name="older"),
    )

    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    past: Mapped[int]
    event: Mapped[int] = mapped_column(BigInteger, unique=True)
    """Position of the entry that says so."""


class WithdrawalRequest(LogTable):
    """What somebody asked to withdraw, and what became of it."""

    __tablename__ = "audit_withdrawal_requests"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    below: Mapped[int]
    """Entries from here on stay."""
    entries: Mapped[int]
    years: Mapped[int]
    asked_by: Mapped[UUID]
    asked_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10))
    """pending, confirmed, refused or withdrawn."""
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]


guard(AuditWithdrawal.__table__)


def ranges(session: ReadSession) -> list[AuditWithdrawal]:
    """What was withdrawn, in order of position."""
    return list(session.scalars(select(AuditWithdrawal).order_by(AuditWithdrawal.first)))


def told(session: ReadSession) -> list[dict[str, int]]:
    """What ``withdrawn.json`` says: ``[{"from","to","event"}, …]``."""
    return [{"from": row.first, "to": row.past, "event": row.event} for row in ranges(session)]


def covering(session: ReadSession, seq: int) -> AuditWithdrawal | None:
    """The withdrawal that a position lies in."""
    row = session.scalars(
        select(AuditWithdrawal).where(AuditWithdrawal.first <= seq).order_by(AuditWithdrawal.first.desc()).limit(1)
    ).one_or_none()
    return row if row is not None and seq < row.past else None


def due(session: ReadSession, below: int) -> list[Range]:
    """What may be withdrawn of the entries below a position: whole bundles that the verifier does not need."""
    above = below // WIDTH
    kept = _kept(session)
    gone = [(first // WIDTH, past // WIDTH) for first, past, _event in _announced(session)]
    found: list[Range] = []
    place = 0
    for begin, end in sorted([*gone, *((number, number + 1) for number in kept), (above, above + 1)]):
        if place < min(begin, above):
            found.append(Range(place * WIDTH, min(begin, above) * WIDTH))
        place = max(place, end)
    return found


def newest_in(session: ReadSession, span: Range) -> datetime:
    """Append time of the last entry of a range that is still there."""
    entry = session.scalar(select(AuditLeaf.entry).where(AuditLeaf.seq == span.past - 1))
    if not entry:
        raise EntryWithdrawn()
    return from_us(parse(entry).appended_us)


def carry_out(database: Database, signed: int) -> int:
    """Take away what entries under a checkpoint of ``signed`` entries say is withdrawn; tells how many entries went.

    One bundle a transaction, so that nobody who appends waits for long; goes on where it was interrupted.
    A range with a bundle that the verifier needs is left as it is, whatever an entry says.
    """
    with database.read() as session:
        kept = _kept(session)
        wanted = [
            (first, past, event)
            for first, past, event in _announced(session)
            if event < signed and kept.isdisjoint(range(first // WIDTH, past // WIDTH))
        ]
        known = {row.first for row in ranges(session)}
        waiting = [each for each in wanted if each[0] not in known or _left(session, each[0], each[1])]
    gone = 0
    for first, past, event in waiting:
        if first not in known:
            with database.write(beside=True) as session:
                session.add(AuditWithdrawal(first=first, past=past, event=event))
        for begin in range(first, past, WIDTH):
            gone += _strip(database, begin)
    return gone


def _kept(session: ReadSession) -> set[int]:
    """Numbers of the bundles that never go."""
    actions = [action.encode() for action in KEPT_ACTIONS]
    named = select(AuditTrail.seq).where(AuditTrail.topic == "action", AuditTrail.key.in_(actions))
    return {0} | {seq // WIDTH for seq in session.scalars(named)}


def _announced(session: ReadSession) -> list[tuple[int, int, int]]:
    """Every range that an entry withdrew, and that entry's position; of two that say the same the first."""
    rows = session.execute(
        select(AuditLeaf.seq, AuditLeaf.entry)
        .join(AuditTrail, AuditTrail.seq == AuditLeaf.seq)
        .where(AuditTrail.topic == "action", AuditTrail.key == WITHDRAWN.encode())
        .order_by(AuditLeaf.seq)
    )
    found: dict[int, tuple[int, int, int]] = {}
    for seq, entry in rows:
        body = parse(entry).body
        if body["action"] == WITHDRAWN:
            found.setdefault(body["d"]["from"], (body["d"]["from"], body["d"]["to"], seq))
    return sorted(found.values())


def _left(session: ReadSession, first: int, past: int) -> bool:
    some = select(AuditLeaf.seq).where(AuditLeaf.seq >= first, AuditLeaf.seq < past, AuditLeaf.entry != b"").limit(1)
    return session.scalar(some) is not None


def _strip(database: Database, first: int) -> int:
    """Take the entries of one bundle away, with their openings and their rows of the trail."""
    with database.write(beside=True) as session:
        within = (AuditLeaf.seq >= first, AuditLeaf.seq < first + WIDTH, AuditLeaf.entry != b"")
        rows = session.execute(select(AuditLeaf.seq, AuditLeaf.entry, AuditLeaf.event_id).where(*within)).all()
        if not rows:
            return 0
        trail = [(topic, key, seq) for seq, entry, _id in rows for topic, key in trail_of(parse(entry).body)]
        for ids in _chunks([event_id for _seq, _entry, event_id in rows]):
            session.execute(delete(AuditOpening).where(AuditOpening.event_id.in_(ids)))
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            # The application's role may change no entry: the owner's function does, where a withdrawal covers it.
            topics, keys, seqs = (list(column) for column in zip(*trail, strict=True))
            values = {"first": first, "topics": topics, "keys": keys, "seqs": seqs}
            connection.execute(text("SELECT audit_strip(:first, :topics, :keys, :seqs)"), values)
        else:
            connection.exec_driver_sql("DELETE FROM audit_trail WHERE topic = ? AND key = ? AND seq = ?", trail)
            connection.exec_driver_sql(_STRIP, (first, first + WIDTH))
        return len(rows)


_STRIP = (
    "UPDATE audit_leaves SET entry = x'', event_id = substr(hash, 1, 16)"
    " WHERE seq >= ? AND seq < ? AND length(entry) > 0"
)


def _chunks(ids: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(ids), _IDS):
        yield ids[start : start + _IDS]
