"""That a record is kept permanently by a decision of two persons: the rows, and what a verdict knows of them."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, exists, literal, select
from sqlalchemy.orm import Mapped, mapped_column

from core.database import MainTable, ReadSession
from retention.reckoning import KeptByDecision

IN_FORCE, END_ASKED, OVER = "in_force", "end_asked", "over"
MOST_AUTHORITY = 300
_AT_ONCE = 500


class PermanentKeeping(MainTable):
    """One decision to keep one record; it is in force until a second person has confirmed its end."""

    __tablename__ = "permanent_keepings"
    __table_args__ = (Index("ix_permanent_keepings_entity_state", "entity", "state"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[UUID] = mapped_column(index=True)
    entity: Mapped[UUID]
    number: Mapped[str] = mapped_column(String(9))
    record_class: Mapped[str | None] = mapped_column(String(60))
    batch: Mapped[UUID]
    """What two persons approved; the reason stands with its item."""
    package: Mapped[UUID]
    authority: Mapped[str] = mapped_column(String(MOST_AUTHORITY))
    """The provision, or the decision of the organisation, that it rests on."""
    kept_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(String(10))
    end_asked_by: Mapped[UUID | None]
    end_asked_at: Mapped[datetime | None]
    end_reason_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed under the key of the batch."""
    ended_by: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]


_ANY = select(literal(1)).where(exists().where(PermanentKeeping.state != OVER))


def is_any(session: ReadSession) -> bool:
    """Whether anything is kept permanently by decision: most archives keep nothing so, and are spared the rest."""
    return session.scalar(_ANY) is not None


def by_decision(session: ReadSession, record_ids: Collection[UUID]) -> dict[UUID, KeptByDecision]:
    """What is kept permanently of these records, by record."""
    rows = select(PermanentKeeping).where(PermanentKeeping.record.in_(list(record_ids)), PermanentKeeping.state != OVER)
    return {row.record: KeptByDecision(row.id, row.authority, row.kept_at) for row in session.scalars(rows)}
