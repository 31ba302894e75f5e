"""The intake: events of changes, written with the change and moved into the log by the keeper.

The row stands in ``main.db`` in the same transaction as the change, so neither is ever
without the other. The keeper copies rows into the log and then deletes them; dying in
between repeats the copy, which the unique event id makes harmless. Until a row is moved it
is the only part of the log that somebody with the database could make vanish, so the
numbers of the rows moved are counted in the log and told by every heartbeat.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, String, delete, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from audit.draft import Draft, draft
from audit.events import Event
from audit.log import Log
from audit.opening import SealedOpening, sealed
from audit.seal import seal_for
from core.database import Database, MainTable, ReadSession, WriteSession

BATCH = 256
QUEUE = "keeper"


class AuditIntake(MainTable):
    """One entry on its way to the log."""

    __tablename__ = "audit_intake"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 (SQLAlchemy's own interface)

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    """Never used twice, so that a vanished row leaves a gap."""
    event_id: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)
    draft: Mapped[bytes] = mapped_column(LargeBinary)
    """Body with ids that are not yet aliases."""
    added_at: Mapped[datetime]


class AuditIntakeOpening(MainTable):
    """What opens a commitment of a waiting entry; sealed."""

    __tablename__ = "audit_intake_openings"

    event_id: Mapped[bytes] = mapped_column(
        LargeBinary(16), ForeignKey("audit_intake.event_id", ondelete="CASCADE"), primary_key=True
    )
    field: Mapped[str] = mapped_column(String(40), primary_key=True)
    nonce: Mapped[bytes] = mapped_column(LargeBinary(32))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be moved."""

    waiting: int
    oldest_age: timedelta
    """Zero where nothing waits."""


def append(session: WriteSession, event: Event, *, at: datetime) -> UUID:
    """Write the event of a change in the transaction of the change; tells the (first) entry's id.

    Raises:
        EventRefused, NotABody: the event says what has no place in the log.
        NotSealable: it commits to a value, and ``seal_openings`` was never called.
    """
    drafts = draft(event, at)
    session.execute(
        insert(AuditIntake),
        [{"event_id": item.event_id.bytes, "draft": item.to_bytes(), "added_at": at} for item in drafts],
    )
    openings = [opening for item in drafts for opening in item.openings]
    if openings:
        rows = sealed(openings, seal_for(session))
        session.execute(insert(AuditIntakeOpening), [row._asdict() for row in rows])
    session.wake.add(QUEUE)
    return drafts[0].event_id


def sequence_intake(main: Database, log: Log, *, at: datetime) -> int:
    """Move up to 256 waiting rows into the log, oldest first; tells how many were moved.

    For the keeper alone. No transaction holds both databases; it may be killed at any point.

    Raises:
        LogUnavailable: the log cannot be written; the rows wait on.
    """
    with main.read() as session:
        rows = session.execute(
            select(AuditIntake.number, AuditIntake.event_id, AuditIntake.draft)
            .order_by(AuditIntake.number)
            .limit(BATCH)
        ).all()
        ids = [row.event_id for row in rows]
        openings = [
            SealedOpening(row.event_id, row.field, row.nonce, row.sealed)
            for row in session.scalars(select(AuditIntakeOpening).where(AuditIntakeOpening.event_id.in_(ids)))
        ]
    if not rows:
        return 0
    log.move([Draft.from_bytes(row.draft) for row in rows], openings, high=rows[-1].number)
    with main.write() as session:
        session.execute(delete(AuditIntakeOpening).where(AuditIntakeOpening.event_id.in_(ids)))
        session.execute(delete(AuditIntake).where(AuditIntake.event_id.in_(ids)))
    return len(rows)


def backlog(session: ReadSession, *, at: datetime) -> Backlog:
    """How much waits in the intake, and for how long."""
    count, oldest = session.execute(select(func.count(), func.min(AuditIntake.added_at))).one()
    return Backlog(count, max(at - oldest, timedelta()) if count else timedelta())
