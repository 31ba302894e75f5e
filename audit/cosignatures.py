"""The cosignatures that witnesses gave, kept beside the log, and the checkpoints that carry them.

A note in ``audit_checkpoints`` stays as it was first signed; whoever publishes one appends the
cosignatures of its size. ``audit_anchor_tries`` tells how the last attempts outside went.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import LargeBinary, String, Text, func, select
from sqlalchemy.orm import Mapped, mapped_column

from audit.cosignature import Cosignature, WitnessKey
from audit.entries import guard
from core.database import LogTable, ReadSession, WriteSession, insert_for


class AuditCosignature(LogTable):
    """One witness's signature line under one checkpoint; never changed."""

    __tablename__ = "audit_cosignatures"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    """Of the witness's key."""
    key_id: Mapped[bytes] = mapped_column(LargeBinary(4), primary_key=True)
    line: Mapped[str] = mapped_column(Text)
    """As it stands in the note, without the line feed."""
    at: Mapped[datetime]
    """By the witness's clock, as signed."""


class AuditAnchorTry(LogTable):
    """How the last attempt at one place outside went; one row each, for people to look at."""

    __tablename__ = "audit_anchor_tries"

    place: Mapped[str] = mapped_column(String(220), primary_key=True)
    """``witness:<name of its key>``, ``timestamp`` or ``seal``."""
    tried_at: Mapped[datetime]
    failing_since: Mapped[datetime | None]
    """First of the failures since it last worked."""
    trouble: Mapped[str | None] = mapped_column(String(60))
    """Code of the last failure."""


guard(AuditCosignature.__table__)


def cosignatures_of(session: ReadSession, size: int) -> list[str]:
    """The signature lines, without line feeds, that witnesses gave under the checkpoint of ``size`` entries."""
    statement = select(AuditCosignature.line).where(AuditCosignature.size == size)
    return list(session.scalars(statement.order_by(AuditCosignature.name, AuditCosignature.key_id)))


def with_cosignatures(session: ReadSession, size: int, note: str) -> str:
    """The note over ``size`` entries with the cosignatures it has got; what stands in it already stays once."""
    return note + "".join(f"{line}\n" for line in cosignatures_of(session, size) if f"\n{line}\n" not in note)


def keep(session: WriteSession, size: int, found: Sequence[Cosignature]) -> None:
    """Keep verified cosignatures of the checkpoint of ``size`` entries; the first of each witness stays."""
    for item in found:
        row = {
            "size": size,
            "name": item.key.name,
            "key_id": item.key.id,
            "line": item.line,
            "at": item.at,
        }
        session.execute(insert_for(session, AuditCosignature).values(**row).on_conflict_do_nothing())


def last_size(session: ReadSession, key: WitnessKey) -> int:
    """The size of the largest checkpoint that this witness is known to have cosigned; 0 for none."""
    statement = select(func.max(AuditCosignature.size)).where(
        AuditCosignature.name == key.name, AuditCosignature.key_id == key.id
    )
    return session.scalar(statement) or 0


def note_try(session: WriteSession, place: str, *, at: datetime, trouble: str | None) -> None:
    """Note how an attempt went; ``trouble`` is the code of what went wrong."""
    row = session.get(AuditAnchorTry, place)
    if row is None:
        row = AuditAnchorTry(place=place, tried_at=at, failing_since=None, trouble=None)
        session.add(row)
    row.tried_at, row.trouble = at, trouble
    row.failing_since = None if trouble is None else row.failing_since or at
