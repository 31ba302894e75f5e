"""How an entity disposes: how many persons approve a batch, and how many days of grace follow.

A row is added for each change and none is altered, so that what held on a day can be told. Changes apply to
batches submitted afterwards.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import entities
from accounts.principal import Principal
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Invalid
from core.identifiers import new_id
from retention.disposition_events import DispositionTermsSet

DEFAULT_QUORUM, DEFAULT_GRACE_DAYS = 1, 7
MOST_QUORUM, MOST_GRACE_DAYS = 5, 365


class DispositionTerms(MainTable):
    """What an entity has set, and when."""

    __tablename__ = "disposition_terms"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID] = mapped_column(index=True)
    quorum: Mapped[int]
    grace_days: Mapped[int]
    set_by: Mapped[UUID]
    set_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for an entity."""

    quorum: int
    grace_days: int


def of(session: ReadSession, entity: UUID) -> Terms:
    """What holds for an entity now."""
    newest = select(DispositionTerms).where(DispositionTerms.entity == entity)
    row = session.scalar(newest.order_by(DispositionTerms.set_at.desc(), DispositionTerms.id.desc()).limit(1))
    return Terms(row.quorum, row.grace_days) if row else Terms(DEFAULT_QUORUM, DEFAULT_GRACE_DAYS)


def set_terms(session: WriteSession, entity: UUID, terms: Terms, *, by: Principal, at: datetime) -> None:
    """Set how an entity disposes from now on.

    Raises:
        NotAllowed: ``by`` does not approve dispositions there.
        UnknownEntity: there is none.
        Invalid: fewer than one person, or more days than a year.
    """
    by.require("disposition.approve", entity=entity)
    entities.get(session, entity)
    if not 1 <= terms.quorum <= MOST_QUORUM:
        raise Invalid(f"one to {MOST_QUORUM} persons approve")
    if not 0 <= terms.grace_days <= MOST_GRACE_DAYS:
        raise Invalid(f"grace lasts 0 to {MOST_GRACE_DAYS} days")
    session.add(
        DispositionTerms(
            id=new_id(),
            entity=entity,
            quorum=terms.quorum,
            grace_days=terms.grace_days,
            set_by=by.person,
            set_at=at,
        )
    )
    session.flush()
    event = DispositionTermsSet(by=by.actor, entity=entity, quorum=terms.quorum, grace_days=terms.grace_days)
    intake.append(session, event, at=at)
