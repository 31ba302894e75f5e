"""Access regimes: what closes a record beyond class, department and case file, and who is named for it all the same.

- ``active``: nothing does;
- ``intermediate``: no longer in daily use; for people who are named (as the French intermediate archive asks for);
- ``restricted``: stored, and not processed otherwise (GDPR Art. 18);
- ``blocked``: kept for courts and authorities alone (as the Spanish *bloqueo* asks for).

A regime only narrows. Whoever reads a record of another regime than ``active`` reads it by the usual rule,
and is named for that regime in that legal entity at that moment, by two others and for a time.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import MainTable

ACTIVE, INTERMEDIATE, RESTRICTED, BLOCKED = "active", "intermediate", "restricted", "blocked"
REGIMES: tuple[str, ...] = (ACTIVE, INTERMEDIATE, RESTRICTED, BLOCKED)
"""From the most open to the most closed."""
SCOPED: tuple[str, ...] = (ACTIVE, INTERMEDIATE)
"""What an auditor's scope reaches; the others leave in no bulk."""


class RegimeReader(MainTable):
    """That a person is named for the records of a regime, from and until when."""

    __tablename__ = "regime_readers"
    __table_args__ = (Index("ix_regime_readers_person", "person", "entity", "regime"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID]
    regime: Mapped[str] = mapped_column(String(12))
    person: Mapped[UUID]
    reason_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10))
    """``pending``, ``confirmed`` or ``refused``."""
    asked_by: Mapped[UUID]
    asked_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    valid_from: Mapped[datetime]
    """Not before it was confirmed."""
    valid_to: Mapped[datetime]
    ended_by: Mapped[UUID | None]
    """Whoever ended it before its time."""


def is_narrower(regime: str, than: str) -> bool:
    """Whether a regime closes more than another."""
    return REGIMES.index(regime) > REGIMES.index(than)
