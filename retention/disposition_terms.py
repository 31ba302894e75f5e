"""How an entity disposes: how many approve a batch, days of grace, how much of a class one run destroys, and when
records go into the intermediate archive by themselves.

A row is added for each change and none is altered, so that what held on a day can be told. Changes apply to
batches submitted afterwards. Who may change them stands in ``retention.terms_change``.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from core.database import MainTable, ReadSession, WriteSession
from core.errors import Invalid
from core.identifiers import new_id

DEFAULT_QUORUM, DEFAULT_GRACE_DAYS = 1, 7
MOST_QUORUM, MOST_GRACE_DAYS = 5, 365
MOST_MONTHS = 600


class DispositionTerms(MainTable):
    """What an entity has set, and when."""

    __tablename__ = "disposition_terms"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID] = mapped_column(index=True)
    quorum: Mapped[int]
    grace_days: Mapped[int]
    set_by: Mapped[UUID]
    set_at: Mapped[datetime]
    destroy_percent: Mapped[int | None]
    """Empty: that of the installation."""
    intermediate_months: Mapped[int | None]
    """From the end of active use; empty: never by themselves."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for an entity."""

    quorum: int = DEFAULT_QUORUM
    grace_days: int = DEFAULT_GRACE_DAYS
    destroy_percent: int | None = None
    intermediate_months: int | None = None


def of(session: ReadSession, entity: UUID) -> Terms:
    """What holds for an entity now."""
    newest = select(DispositionTerms).where(DispositionTerms.entity == entity)
    row = session.scalar(newest.order_by(DispositionTerms.set_at.desc(), DispositionTerms.id.desc()).limit(1))
    return Terms(row.quorum, row.grace_days, row.destroy_percent, row.intermediate_months) if row else Terms()


def check(terms: Terms) -> None:
    """Pass if an entity can dispose so.

    Raises:
        Invalid: fewer than one person, more days than a year, a share that is none.
    """
    if not 1 <= terms.quorum <= MOST_QUORUM:
        raise Invalid(f"one to {MOST_QUORUM} persons approve")
    if not 0 <= terms.grace_days <= MOST_GRACE_DAYS:
        raise Invalid(f"grace lasts 0 to {MOST_GRACE_DAYS} days")
    if terms.destroy_percent is not None and not 1 <= terms.destroy_percent <= 100:
        raise Invalid("one run destroys 1 to 100 percent of a class")
    if terms.intermediate_months is not None and not 0 <= terms.intermediate_months <= MOST_MONTHS:
        raise Invalid(f"records go into the intermediate archive after 0 to {MOST_MONTHS} months, or never")


def write(session: WriteSession, entity: UUID, terms: Terms, *, by: UUID, at: datetime) -> None:
    """Have these terms hold from now on; the caller has asked who may, and tells the log."""
    session.add(
        DispositionTerms(
            id=new_id(),
            entity=entity,
            quorum=terms.quorum,
            grace_days=terms.grace_days,
            destroy_percent=terms.destroy_percent,
            intermediate_months=terms.intermediate_months,
            set_by=by,
            set_at=at,
        )
    )
    session.flush()
