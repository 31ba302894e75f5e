"""Openings: nonce and value of each commitment, beside the log and erasable.

Whoever has nonce and value can show that an entry committed to them. Once the row is
gone, the commitment in the entry is 32 random-looking bytes and the chain stays whole.
Values are sealed (``audit.seal``).
"""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import LargeBinary, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from audit.draft import Opening
from audit.seal import OpeningSeal, opening_context
from core.database import LogTable, ReadSession, WriteSession


class AuditOpening(LogTable):
    """What opens one commitment."""

    __tablename__ = "audit_openings"

    event_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    field: Mapped[str] = mapped_column(String(40), primary_key=True)
    nonce: Mapped[bytes] = mapped_column(LargeBinary(32))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class SealedOpening(NamedTuple):
    """An opening ready to be stored."""

    event_id: bytes
    field: str
    nonce: bytes
    sealed: bytes


def sealed(openings: Collection[Opening], seal: OpeningSeal) -> list[SealedOpening]:
    """The openings with their values sealed, each for its own place."""
    return [
        SealedOpening(
            item.event_id.bytes,
            item.field,
            item.nonce,
            seal.seal(item.value.encode(), opening_context(item.event_id.bytes, item.field)),
        )
        for item in openings
    ]


def openings_of(session: ReadSession, event_id: UUID, seal: OpeningSeal) -> dict[str, tuple[bytes, str]]:
    """Nonce and value by field, of those openings that still exist.

    Raises:
        IntegrityFailure: a sealed value was altered.
    """
    rows = session.scalars(select(AuditOpening).where(AuditOpening.event_id == event_id.bytes))
    return {
        row.field: (row.nonce, seal.unseal(row.sealed, opening_context(row.event_id, row.field)).decode())
        for row in rows
    }


def forget_openings(session: WriteSession, event_ids: Collection[UUID], *, fields: Collection[str] = ()) -> int:
    """Erase the openings of the given events (of the given fields only, if any are named); tells how many went."""
    gone = 0
    ids = [event_id.bytes for event_id in event_ids]
    for start in range(0, len(ids), 500):
        statement = delete(AuditOpening).where(AuditOpening.event_id.in_(ids[start : start + 500]))
        if fields:
            statement = statement.where(AuditOpening.field.in_(list(fields)))
        gone += len(session.execute(statement.returning(AuditOpening.field)).all())
    return gone
