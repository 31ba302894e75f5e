"""The intake: events of changes, written with the change and moved into the log by the keeper.

The row stands in ``main.db`` in the same transaction as the change, so neither is ever
without the other. The keeper copies rows into the log and then deletes them; dying in
between repeats the copy, which the unique event id makes harmless. Until a row is moved it
is the only part of the log that somebody with the database could make vanish, so the
numbers of the rows moved are counted in the log and told by every heartbeat.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
)
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


# Built once, and of the tables themselves: every change adds a row, and every row is moved.
_INTAKE, _OPENINGS = cast(Table, AuditIntake.__table__), cast(Table, AuditIntakeOpening.__table__)
# Inline: nobody asks for the number of the row.
_ADD, _ADD_OPENING = insert(_INTAKE).inline(), insert(_OPENINGS)
_OLDEST = select(_INTAKE.c.number, _INTAKE.c.event_id, _INTAKE.c.draft).order_by(_INTAKE.c.number).limit(BATCH)
_THESE: BindParameter[bytes] = bindparam("ids", expanding=True)
_OPENINGS_OF = select(_OPENINGS.c.event_id, _OPENINGS.c.field, _OPENINGS.c.nonce, _OPENINGS.c.sealed).where(
    _OPENINGS.c.event_id.in_(_THESE)
)
_REMOVE = delete(_INTAKE).where(_INTAKE.c.event_id.in_(_THESE))
_REMOVE_OPENINGS = delete(_OPENINGS).where(_OPENINGS.c.event_id.in_(_THESE))


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
    connection = session.connection()
    for item in drafts:
        connection.execute(_ADD, {"event_id": item.event_id.bytes, "draft": item.to_bytes(), "added_at": at})
    openings = [opening for item in drafts for opening in item.openings]
    if openings:
        rows = sealed(openings, seal_for(session))
        connection.execute(_ADD_OPENING, [row._asdict() for row in rows])
    session.wake.add(QUEUE)
    return drafts[0].event_id


def sequence_intake(main: Database, log: Log, *, at: datetime) -> int:
    """Move up to 256 waiting rows into the log, oldest first; tells how many were moved.

    For the keeper alone. No transaction holds both databases; it may be killed at any point.

    Raises:
        LogUnavailable: the log cannot be written; the rows wait on.
    """
    with main.read() as session:
        rows = session.execute(_OLDEST).all()
        if not rows:
            return 0
        ids = [row.event_id for row in rows]
        openings = [SealedOpening(*row) for row in session.execute(_OPENINGS_OF, {"ids": ids})]
    log.move([Draft.from_bytes(row.draft) for row in rows], openings, high=rows[-1].number)
    with main.write(beside=True) as session:
        session.execute(_REMOVE_OPENINGS, {"ids": ids})
        session.execute(_REMOVE, {"ids": ids})
    return len(rows)


def backlog(session: ReadSession, *, at: datetime) -> Backlog:
    """How much waits in the intake, and for how long."""
    count, oldest = session.execute(select(func.count(), func.min(AuditIntake.added_at))).one()
    return Backlog(count, max(at - oldest, timedelta()) if count else timedelta())
