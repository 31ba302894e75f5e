"""Stubs: what is left to tell that there was a record and that it was destroyed.

A stub holds what its class allows, never a title or a name: of a sensitive class its heading only, of a withdrawn
upload nothing but number and days. It ends ten years after the year of the destruction, as the accounting rules that
ask for proof do (AO § 147 Abs. 3), and is purged then; the certificate and the log stay.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import Principal
from core.database import MainTable, ReadSession
from core.errors import NotFound
from records import file_plan
from records.record import Record

STUB_YEARS = 10


class RecordStub(MainTable):
    """What may still be told of one destroyed record."""

    __tablename__ = "record_stubs"
    __table_args__ = (Index("ix_record_stubs_entity_destroyed_at", "entity", "destroyed_at"),)

    record: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID]
    number: Mapped[str] = mapped_column(String(9), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    """``disposition``, ``transfer`` or ``withdrawal``."""
    record_class: Mapped[str | None] = mapped_column(String(60))
    document_date: Mapped[date | None]
    captured_at: Mapped[datetime]
    destroyed_at: Mapped[datetime]
    rule: Mapped[UUID | None]
    """Version of the rule."""
    certificate: Mapped[UUID | None] = mapped_column(index=True)
    """Empty until the last trace was confirmed to be gone."""
    keep_through: Mapped[date] = mapped_column(index=True)
    """Last day of the stub itself."""


def of_record(row: Record, *, kind: str, rule: UUID | None, at: datetime) -> RecordStub:
    """The stub of a record that goes now."""
    shown_class, shown_date = (None, None) if kind == "withdrawal" else _allowed(row)
    return RecordStub(
        record=row.id,
        entity=row.entity,
        number=row.number,
        kind=kind,
        record_class=shown_class,
        document_date=shown_date,
        captured_at=row.captured_at,
        destroyed_at=at,
        rule=rule,
        keep_through=date(at.year + STUB_YEARS, 12, 31),
    )


def find(session: ReadSession, record_id: UUID, *, by: Principal) -> RecordStub | None:
    """The stub of a destroyed record, for those who see retention in its entity."""
    row = session.get(RecordStub, record_id)
    return row if row is not None and by.may("retention.read", entity=row.entity) else None


def get(session: ReadSession, record_id: UUID, *, by: Principal) -> RecordStub:
    """The same.

    Raises:
        NotFound: there is none, or not for ``by``.
    """
    row = find(session, record_id, by=by)
    if row is None:
        raise NotFound("there is no such record, or it is not yours to see")
    return row


def _allowed(row: Record) -> tuple[str | None, date | None]:
    """Class and document date, as far as the class lets them stay."""
    if row.record_class is None or row.record_class not in file_plan.load():
        return None, None
    chosen = file_plan.load().get(row.record_class)
    if chosen.sensitivity == "normal":
        return chosen.code, row.document_date
    top = chosen
    while top.parent is not None:
        top = file_plan.load().get(top.parent)
    return top.code, None
