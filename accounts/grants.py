"""Grants: a role a person holds at a place, from one instant to another.

A row is inserted and later closed, never changed in between and never deleted: "who could
see it on that day" is read from these rows. Membership of a department is a grant of staff
that names it; a named clerk for personnel files is such a grant in an HR department, marked.
How a grant comes about, and who else must agree, is in ``accounts.grant_requests``.
"""

from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, ForeignKey, Index, String, and_, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.events import GrantBegun, GrantEnded
from accounts.permissions import Role
from accounts.principal import Grant, Principal
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, NotFound
from core.identifiers import new_id

Basis = Literal["second_person", "set_up", "single_operator"]


class UnknownGrant(NotFound):
    """There is no such grant."""

    code = "unknown_grant"


class GrantOver(Conflict):
    """The grant has ended already."""

    code = "grant_over"


class OwnAdministration(Conflict):
    """Another administrator must end your administration."""

    code = "own_administration"


class RoleGrant(MainTable):
    """One role of one person at one place."""

    __tablename__ = "grants"
    __table_args__ = (Index("ix_grants_person_valid_from", "person", "valid_from"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    role: Mapped[str] = mapped_column(String(20))
    entity: Mapped[UUID] = mapped_column(ForeignKey("legal_entities.id"))
    department: Mapped[UUID | None] = mapped_column(ForeignKey("departments.id"))
    named_clerk: Mapped[bool]
    basis: Mapped[str] = mapped_column(String(16))
    """On what it rests: a second person, the open set-up, single operator mode."""
    requested_by: Mapped[UUID | None]
    confirmed_by: Mapped[UUID | None]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    """The first instant at which it holds no more; ``None`` while no end is known."""
    ended_by: Mapped[UUID | None]

    @property
    def value(self) -> Grant:
        """The grant as a principal holds it."""
        return Grant(cast(Role, self.role), self.entity, self.department, self.named_clerk)


def holds_at(at: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """The condition of a grant that holds at ``at``; suspension of the person comes on top."""
    return and_(RoleGrant.valid_from <= at, or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to > at))


def begin(
    session: WriteSession,
    person: UUID,
    grant: Grant,
    *,
    basis: Basis,
    requested_by: UUID | None,
    until: datetime | None,
    by: Principal,
    at: datetime,
) -> RoleGrant:
    """Write a grant that has been agreed on. Only ``accounts.grant_requests`` calls this."""
    row = RoleGrant(
        id=new_id(),
        person=person,
        role=grant.role,
        entity=grant.entity,
        department=grant.department,
        named_clerk=grant.named_clerk,
        basis=basis,
        requested_by=requested_by,
        confirmed_by=by.id,
        valid_from=at,
        valid_to=until,
    )
    session.add(row)
    session.flush()
    intake.append(
        session,
        GrantBegun(
            by=by.actor,
            entity=grant.entity,
            second=requested_by if requested_by != by.id else None,
            basis=basis,
            grant=row.id,
            person=person,
            role=grant.role,
            department=grant.department,
            named_clerk=grant.named_clerk,
        ),
        at=at,
    )
    return row


def end(session: WriteSession, grant_id: UUID, *, by: Principal, at: datetime) -> RoleGrant:
    """End a grant now. Taking rights away needs no second person, and one may give up one's own.

    Raises:
        NotAllowed: ``by`` may not.
        UnknownGrant: there is none of that id.
        GrantOver: it has ended already.
        OwnAdministration: it makes ``by`` an administrator. So one always remains.
    """
    row = session.get(RoleGrant, grant_id)
    if row is None:
        raise UnknownGrant()
    if by.id != row.person:
        by.require("grant.propose", entity=row.entity)
    if row.valid_to is not None and row.valid_to <= at:
        raise GrantOver("it has ended already")
    if by.id == row.person and row.role == "administrator":
        raise OwnAdministration()
    close(session, row, by=by, at=at)
    return row


def close(session: WriteSession, row: RoleGrant, *, by: Principal, at: datetime) -> None:
    """Write the end of a grant; whether ``by`` may end it is decided by whoever calls."""
    row.valid_to, row.ended_by = at, by.id
    session.flush()
    intake.append(
        session,
        GrantEnded(
            by=by.actor,
            entity=row.entity,
            grant=row.id,
            person=row.person,
            role=row.role,
            department=row.department,
            named_clerk=row.named_clerk,
        ),
        at=at,
    )


def of_person(session: ReadSession, person: UUID, at: datetime) -> list[RoleGrant]:
    """The grants of a person that hold at ``at``, whether or not they are suspended."""
    return list(session.scalars(select(RoleGrant).where(RoleGrant.person == person, holds_at(at))))
