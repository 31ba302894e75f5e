"""The dates of each record as they were last reckoned, and what is to be reckoned anew.

A row is a cache of a verdict: lists, charts and proposals read it. Whoever destroys reckons again
(``retention.dating.fresh``) and compares ``basis``. A row is written only where something in it changed, so
``schedule`` names the schedule by which the date was first reckoned as it stands; ``dated_schedules`` says
which schedule all dates of an entity have been held against.
"""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import JSON, Date, ForeignKey, Index, LargeBinary, String, select, text
from sqlalchemy.orm import Mapped, mapped_column

from core import jobs
from core.database import MainTable, ReadSession, WriteSession

_AT_ONCE = 500
_NOT_ASKED = text("lock_asked = false")


class RecordDate(MainTable):
    """Until when one record is kept, and from when it may go."""

    __tablename__ = "record_dates"
    __table_args__ = (
        Index(None, "entity", "state"),
        Index("ix_record_dates_lock_waits", "record", sqlite_where=_NOT_ASKED, postgresql_where=_NOT_ASKED),
    )

    record: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID]
    record_class: Mapped[str | None] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(20))
    """``dated``, ``awaiting_trigger``, ``no_rule``, ``conflict`` or ``permanent``; only the first has dates."""
    retain_through: Mapped[date | None] = mapped_column(Date)
    """Last day kept."""
    eligible_from: Mapped[date | None] = mapped_column(Date, index=True)
    eligible_at: Mapped[datetime | None]
    """For periods in hours."""
    floor_through: Mapped[date | None] = mapped_column(Date)
    ceiling_through: Mapped[date | None] = mapped_column(Date)
    rule: Mapped[UUID | None]
    """The version that decided."""
    action: Mapped[str | None] = mapped_column(String(10))
    schedule: Mapped[int]
    """Number of the entity's schedule by which it was reckoned."""
    revision: Mapped[int]
    """Of the record, when it was reckoned."""
    basis: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Digest of the rule versions and facts it rests on."""
    missing: Mapped[list[str]] = mapped_column(JSON)
    """Events and facts without which there is no date."""
    lock_through: Mapped[date | None] = mapped_column(Date)
    """Until when the object store is to lock the originals: a confirmed class under a dated minimum."""
    lock_asked: Mapped[bool]
    """Whether the store's rows say so already."""
    computed_at: Mapped[datetime]


class DatedSchedule(MainTable):
    """That all records of an entity have been held against a schedule."""

    __tablename__ = "dated_schedules"

    entity: Mapped[UUID] = mapped_column(ForeignKey("legal_entities.id"), primary_key=True)
    schedule: Mapped[int]
    at: Mapped[datetime]


def dates_of(session: ReadSession, record_ids: Collection[UUID]) -> dict[UUID, RecordDate]:
    """The dates of those of the records that have been reckoned."""
    ids = list(record_ids)
    found: dict[UUID, RecordDate] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = RecordDate.record.in_(ids[start : start + _AT_ONCE])
        found |= {row.record: row for row in session.scalars(select(RecordDate).where(some))}
    return found


def ask_all(session: WriteSession, entity: UUID, at: datetime) -> None:
    """Have the dates of all records of an entity held against its schedule as it will be after this transaction."""
    jobs.add(
        session,
        "retention.date",
        queue="maintenance",
        at=at,
        subject=entity,
        key=f"retention.date/{entity.hex}",
        priority=6,
        entity=entity,
    )
