"""How a role comes to be given: proposed by one person, confirmed by another.

Whoever proposes, whoever confirms and whoever benefits: the confirming person is neither of
the others, and nobody proposes for themselves. While the set-up is open a role holds at
once, which the log says. In single operator mode the one person there is may propose for
themselves and confirm 72 hours later. A request is never changed but for its decision, so
that what was shown is what is confirmed.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import departments, entities, grants, people, setup, single_operator
from accounts.events import GrantProposed, GrantRefused
from accounts.grants import Basis, RoleGrant
from accounts.permissions import ROLES, works_in_department
from accounts.principal import Grant, NotAllowed, Principal
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id

State = Literal["pending", "confirmed", "refused", "withdrawn"]


class InvalidGrant(Invalid):
    """No role can be given so."""

    code = "invalid_grant"


class OwnGrant(NotAllowed):
    """Nobody gives themselves a role; ask another administrator."""

    code = "own_grant"


class SamePerson(NotAllowed):
    """This needs somebody who neither proposed it nor benefits from it."""

    code = "same_person"


class TooEarly(Conflict):
    """In single operator mode 72 hours pass between proposing and confirming."""

    code = "too_early"


class AlreadyGranted(Conflict):
    """The person has this role there, or it is waiting to be confirmed."""

    code = "already_granted"


class UnknownRequest(NotFound):
    """There is no such request for a role."""

    code = "unknown_grant_request"


class AlreadyDecided(Conflict):
    """The request was decided already."""

    code = "already_decided"


class GrantRequest(MainTable):
    """A role proposed for a person, and what became of it."""

    __tablename__ = "grant_requests"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[UUID] = mapped_column(ForeignKey("people.id"), index=True)
    role: Mapped[str] = mapped_column(String(20))
    entity: Mapped[UUID] = mapped_column(ForeignKey("legal_entities.id"))
    department: Mapped[UUID | None] = mapped_column(ForeignKey("departments.id"))
    named_clerk: Mapped[bool]
    until: Mapped[datetime | None]
    """When the role ends by itself, if it was asked for a time."""
    requested_by: Mapped[UUID | None]
    requested_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), index=True)
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    grant: Mapped[UUID | None] = mapped_column(ForeignKey("grants.id"))
    """What it became."""

    @property
    def value(self) -> Grant:
        """The grant it asks for."""
        return Grant(self.role, self.entity, self.department, self.named_clerk)  # type: ignore[arg-type]


def check(grant: Grant, kind: str | None, until: datetime | None, at: datetime) -> None:
    """Pass if ``grant`` makes sense; ``kind`` is that of its department.

    Raises:
        InvalidGrant: the detail says why.
    """
    if grant.role not in ROLES:
        raise InvalidGrant(f"the roles are {', '.join(ROLES)}")
    if works_in_department(grant.role) != (grant.department is not None):
        raise InvalidGrant("staff work in a department; the other roles cover the whole entity")
    if grant.named_clerk and kind != "hr":
        raise InvalidGrant("clerks for personnel files are named among the staff of a department of the kind hr")
    if until is not None and until <= at:
        raise InvalidGrant("the end lies in the past")
    if until is not None and grant.role == "administrator":
        raise InvalidGrant("an administrator is ended by another one, so that one always remains")


def propose(
    session: WriteSession,
    person: UUID,
    grant: Grant,
    *,
    until: datetime | None = None,
    by: Principal,
    at: datetime,
) -> GrantRequest:
    """Propose a role; it holds at once only while the set-up is open (state ``confirmed``).

    Raises:
        NotAllowed: ``by`` may not propose here.
        OwnGrant: ``by`` would benefit.
        UnknownPerson, UnknownEntity, UnknownDepartment: there is none.
        InvalidGrant: role, place and marks do not go together.
        AlreadyGranted: the person has it, or it waits.
    """
    by.require("grant.propose", entity=grant.entity)
    in_setup = setup.is_open(session, at)
    if by.id == person and not in_setup and not single_operator.is_on(session, at):
        raise OwnGrant()
    people.get(session, person)
    entities.get(session, grant.entity)
    check(grant, _kind(session, grant), until, at)
    if any(row.value == grant for row in grants.of_person(session, person, at)) or _is_waiting(session, person, grant):
        raise AlreadyGranted()
    request = GrantRequest(
        id=new_id(),
        person=person,
        role=grant.role,
        entity=grant.entity,
        department=grant.department,
        named_clerk=grant.named_clerk,
        until=until,
        requested_by=by.id,
        requested_at=at,
        state="pending",
    )
    session.add(request)
    session.flush()
    if in_setup:
        _begin(session, request, "set_up", by, at)
    else:
        intake.append(session, GrantProposed(by=by.actor, **_about(request)), at=at)
    return request


def confirm(session: WriteSession, request_id: UUID, *, by: Principal, at: datetime) -> RoleGrant:
    """Confirm a proposed role, which holds from now on.

    Raises:
        UnknownRequest: there is none of that id in the places of ``by``.
        NotAllowed: ``by`` may not confirm.
        AlreadyDecided: it was confirmed, refused or withdrawn before.
        SamePerson: ``by`` proposed it or benefits from it.
        TooEarly: the same, in single operator mode, within 72 hours.
        InvalidGrant: its end has passed meanwhile.
        AlreadyGranted: the person got the same role meanwhile.
    """
    request = _get_pending(session, request_id, by)
    by.require("grant.decide", entity=request.entity)
    basis: Basis = "second_person"
    if by.person in (request.requested_by, request.person):
        if not single_operator.is_on(session, at) or not single_operator.is_alone(session, by.person, at):
            raise SamePerson()
        if at < request.requested_at + single_operator.DELAY:
            raise TooEarly(request=request.id)
        basis = "single_operator"
    check(request.value, _kind(session, request.value), request.until, at)
    if any(row.value == request.value for row in grants.of_person(session, request.person, at)):
        raise AlreadyGranted()
    return _begin(session, request, basis, by, at)


def refuse(session: WriteSession, request_id: UUID, *, by: Principal, at: datetime) -> GrantRequest:
    """Refuse a proposed role, or withdraw one's own proposal.

    Raises:
        UnknownRequest: there is none of that id in the places of ``by``.
        NotAllowed: ``by`` neither decides nor proposed it.
        AlreadyDecided: it was confirmed, refused or withdrawn before.
    """
    request = _get_pending(session, request_id, by)
    own = by.id is not None and by.id == request.requested_by
    if not own:
        by.require("grant.decide", entity=request.entity)
    request.state, request.decided_by, request.decided_at = "withdrawn" if own else "refused", by.id, at
    session.flush()
    intake.append(session, GrantRefused(by=by.actor, basis=request.state, **_about(request)), at=at)
    return request


def pending(session: ReadSession, *, by: Principal) -> list[GrantRequest]:
    """The requests that wait, in the places where ``by`` sees who has which role; oldest first."""
    rows = session.scalars(
        select(GrantRequest).where(GrantRequest.state == "pending").order_by(GrantRequest.requested_at, GrantRequest.id)
    )
    return [row for row in rows if by.may("person.read", entity=row.entity)]


def _get_pending(session: WriteSession, request_id: UUID, by: Principal) -> GrantRequest:
    request = session.get(GrantRequest, request_id)
    if request is None or not by.may("person.read", entity=request.entity):
        raise UnknownRequest()
    if request.state != "pending":
        raise AlreadyDecided(f"it was {request.state}")
    return request


def _begin(session: WriteSession, request: GrantRequest, basis: Basis, by: Principal, at: datetime) -> RoleGrant:
    row = grants.begin(
        session,
        request.person,
        request.value,
        basis=basis,
        requested_by=request.requested_by,
        until=request.until,
        by=by,
        at=at,
    )
    request.state, request.decided_by, request.decided_at, request.grant = "confirmed", by.id, at, row.id
    session.flush()
    return row


def _is_waiting(session: ReadSession, person: UUID, grant: Grant) -> bool:
    rows = session.scalars(select(GrantRequest).where(GrantRequest.person == person, GrantRequest.state == "pending"))
    return any(row.value == grant for row in rows)


def _kind(session: ReadSession, grant: Grant) -> str | None:
    """The kind of the grant's department.

    Raises:
        UnknownDepartment: the entity has no such department.
    """
    if grant.department is None:
        return None
    department = departments.get(session, grant.department)
    if department.entity != grant.entity:
        raise departments.UnknownDepartment()
    return department.kind


def _about(request: GrantRequest) -> dict[str, Any]:
    return {
        "entity": request.entity,
        "grant": request.id,
        "person": request.person,
        "role": request.role,
        "department": request.department,
        "named_clerk": request.named_clerk,
    }
