"""Which legal entity and which day a question about the schedule is for."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query

from accounts import entities
from accounts.principal import Principal
from api.deps import ReadSession
from core.clock import civil_date
from core.errors import Invalid

Entity = Annotated[UUID | None, Query(description="Legal entity; needed only where you see more than one.")]
Day = Annotated[date | None, Query(description="Civil day in the entity's zone; today by default.")]


def entity_of(session: ReadSession, by: Principal, entity: UUID | None) -> UUID:
    """The legal entity that is meant: the one named, or the only one whose retention ``by`` sees.

    Raises:
        Invalid: it has to be named.
    """
    if entity is not None:
        return entities.get(session, entity).id
    own = [row.id for row in entities.everything(session) if by.may("retention.read", entity=row.id)]
    if len(own) != 1:
        raise Invalid("name the legal entity")
    return own[0]


def today_of(session: ReadSession, entity: UUID, now: datetime) -> date:
    return civil_date(now, entities.get(session, entity).zone)
