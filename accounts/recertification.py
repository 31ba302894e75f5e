"""Recertification: every half year somebody signs, grant by grant, that a role is still needed, or ends it.

(ISO/IEC 27001:2022, A.5.18.) Nobody signs for themselves. A sign-off is a row that is added and
never changed; a grant that nobody signs for stays in force and stands on the list as overdue,
because a clerk without access on a morning in July is no control either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, func, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import grants
from accounts.grants import GrantOver, RoleGrant, UnknownGrant, holds_at
from accounts.principal import NotAllowed, Principal
from audit import intake
from audit.body import Detail
from audit.events import Event, ObjectRef
from core.database import MainTable, ReadSession, WriteSession
from core.identifiers import new_id

EVERY = timedelta(days=182)
SOON = timedelta(days=30)


class OwnRecertification(NotAllowed):
    """Somebody else must sign for your role."""

    code = "own_recertification"


class Recertification(MainTable):
    """One sign-off of one grant."""

    __tablename__ = "recertifications"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    grant: Mapped[UUID] = mapped_column(ForeignKey("grants.id"), index=True)
    kept: Mapped[bool]
    signed_by: Mapped[UUID]
    signed_at: Mapped[datetime]


@dataclass(frozen=True, kw_only=True)
class GrantRecertified(Event):
    """Somebody signed for a role."""

    action = "grant.recertified"
    description = "Somebody signed that a person still needs a role, or that they do not, which ended it."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "grant": Detail("id", "The grant."),
        "role": Detail("code", "The role."),
        "kept": Detail("bool", "Whether it is still needed."),
    }
    grant: UUID
    person: UUID
    role: str
    kept: bool

    def objects(self) -> tuple[ObjectRef, ...]:
        return (ObjectRef("person", self.person),)

    def details(self) -> Mapping[str, Any]:
        return {"grant": self.grant.hex, "role": self.role, "kept": self.kept}


@dataclass(frozen=True, slots=True)
class Due:
    """A grant, and by when somebody is to sign for it."""

    grant: RoleGrant
    last_signed_at: datetime | None
    due_at: datetime


def due_at(begun_at: datetime, last_signed_at: datetime | None) -> datetime:
    """By when a grant is to be signed for: 182 days after it began or was last signed for."""
    return max(begun_at, last_signed_at or begun_at) + EVERY


def due(session: ReadSession, at: datetime, *, by: Principal) -> list[Due]:
    """The grants that are overdue or due within 30 days, where ``by`` sees who has which role; the first due first."""
    last = (
        select(Recertification.grant, func.max(Recertification.signed_at).label("signed_at"))
        .group_by(Recertification.grant)
        .subquery()
    )
    rows = session.execute(
        select(RoleGrant, last.c.signed_at).outerjoin(last, last.c.grant == RoleGrant.id).where(holds_at(at))
    ).all()
    found = [Due(row, signed_at, due_at(row.valid_from, signed_at)) for row, signed_at in rows]
    seen = [each for each in found if each.due_at <= at + SOON and by.may("person.read", entity=each.grant.entity)]
    return sorted(seen, key=lambda each: (each.due_at, each.grant.id))


def sign(session: WriteSession, grant_id: UUID, *, kept: bool, by: Principal, at: datetime) -> Recertification:
    """Sign for a grant: still needed, or not, which ends it now.

    Raises:
        UnknownGrant: there is none of that id where ``by`` sees roles.
        NotAllowed: ``by`` does not decide there, or would end an administrator without being one.
        OwnRecertification: it is their own.
        GrantOver: it has ended already.
    """
    row = session.get(RoleGrant, grant_id)
    if row is None or not by.may("person.read", entity=row.entity):
        raise UnknownGrant()
    by.require("grant.decide", entity=row.entity)
    if by.person == row.person:
        raise OwnRecertification()
    if row.valid_to is not None and row.valid_to <= at:
        raise GrantOver("it has ended already")
    if not kept and row.role == "administrator":
        # Only another administrator ends one, so that one always remains.
        by.require("grant.propose", entity=row.entity)
    signed = Recertification(id=new_id(), grant=row.id, kept=kept, signed_by=by.person, signed_at=at)
    session.add(signed)
    session.flush()
    event = GrantRecertified(by=by.actor, entity=row.entity, grant=row.id, person=row.person, role=row.role, kept=kept)
    intake.append(session, event, at=at)
    if not kept:
        grants.close(session, row, by=by, at=at)
    return signed
