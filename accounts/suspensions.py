"""Suspensions: times in which a person has no rights, whatever their grants say.

A row with a beginning and an end, so that "could they, on that day?" stays answerable.
Nobody suspends themselves; so whoever suspends remains, and there is always an
administrator to undo it.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, ForeignKey, and_, bindparam, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from accounts import people, sessions
from accounts.events import PersonReinstated, PersonSuspended
from accounts.people import Person
from accounts.principal import NotAllowed, Principal
from audit import intake
from core.database import AT, MainTable, ReadSession, WriteSession
from core.errors import Conflict
from core.identifiers import new_id


class AlreadySo(Conflict):
    """The account is in that state already."""

    code = "account_state"


class Suspension(MainTable):
    """A time in which a person has no rights; closed by its end, never otherwise changed."""

    __tablename__ = "suspensions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[UUID] = mapped_column(ForeignKey("people.id"), index=True)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    begun_by: Mapped[UUID | None]
    ended_by: Mapped[UUID | None]


def suspend(session: WriteSession, person_id: UUID, *, by: Principal, at: datetime) -> None:
    """Take all rights from a person now: sessions end, tokens and grants rest.

    Raises:
        NotAllowed: ``by`` may not, or is that person.
        UnknownPerson: there is no such person.
        AlreadySo: the person is suspended.
    """
    by.require("person.manage")
    if by.id == person_id:
        raise NotAllowed("nobody suspends themselves; another administrator can")
    people.get(session, person_id)
    if _open(session, person_id) is not None:
        raise AlreadySo("the account is suspended")
    session.add(Suspension(id=new_id(), person=person_id, valid_from=at, begun_by=by.id))
    session.flush()
    sessions.end_all(session, person_id, "suspended", by=by, at=at)
    intake.append(session, PersonSuspended(by=by.actor, person=person_id), at=at)


def reinstate(session: WriteSession, person_id: UUID, *, by: Principal, at: datetime) -> None:
    """End a suspension: the grants that were agreed on before hold again.

    Raises:
        NotAllowed: ``by`` may not.
        AlreadySo: the person is not suspended.
    """
    by.require("person.manage")
    row = _open(session, person_id)
    if row is None:
        raise AlreadySo("the account is not suspended")
    row.valid_to, row.ended_by = at, by.id
    intake.append(session, PersonReinstated(by=by.actor, person=person_id), at=at)


def is_active(session: ReadSession, person_id: UUID, at: datetime) -> bool:
    """Whether there is such a person, already added and not suspended at that instant."""
    return session.scalar(_ACTIVE, {"person": person_id, "at": at}) is not None


def active_at(at: datetime | BindParameter[datetime], person: object) -> ColumnElement[bool]:
    """The condition that the person in column ``person`` is not suspended at ``at``."""
    return not_suspended_throughout(at, at, person)


def not_suspended_throughout(
    since: datetime | BindParameter[datetime], at: datetime | BindParameter[datetime], person: object
) -> ColumnElement[bool]:
    """The condition that no single suspension lasted all the time from ``since`` to ``at``."""
    return ~exists().where(
        and_(
            Suspension.person == person,
            Suspension.valid_from <= since,
            or_(Suspension.valid_to.is_(None), Suspension.valid_to > at),
        )
    )


def is_active_at(
    person: UUID | BindParameter[UUID] | InstrumentedAttribute[UUID], at: datetime | BindParameter[datetime]
) -> ColumnElement[bool]:
    """The condition that a row of ``Person`` is that person, already added and not suspended at ``at``."""
    return and_(Person.id == person, Person.added_at <= at, active_at(at, Person.id))


_ACTIVE = select(Person.id).where(is_active_at(bindparam("person"), AT))


def _open(session: ReadSession, person_id: UUID) -> Suspension | None:
    return session.scalar(select(Suspension).where(Suspension.person == person_id, Suspension.valid_to.is_(None)))
