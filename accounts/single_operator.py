"""Single operator mode: a firm of one, where there is no second person to ask.

While it is on, who proposed a grant may confirm it themselves, 72 hours later and marked
so. It is refused while somebody else could confirm, or could have in the last 30 days, so
that nobody makes themselves alone by suspending the others; and it is of no use from the
moment somebody can. Pages show a banner for as long as it is on. The switch is a row with a
beginning and an end.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import rights
from accounts.events import SingleOperatorSwitched
from accounts.principal import Principal
from audit import intake
from core.database import AT, MainTable, ReadSession, WriteSession
from core.errors import Conflict
from core.identifiers import new_id

DELAY = timedelta(hours=72)
"""Between a proposal and its confirmation by the same person."""

ALONE_FOR = timedelta(days=30)
"""How long nobody else may have been able to confirm."""


class NotSingle(Conflict):
    """There is a second person to ask, or was in the last 30 days."""

    code = "not_single"


class SingleOperator(MainTable):
    """A time in which single operator mode was on."""

    __tablename__ = "single_operator"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    begun_by: Mapped[UUID | None]
    ended_by: Mapped[UUID | None]


def is_on(session: ReadSession, at: datetime) -> bool:
    """Whether the mode is on at ``at``."""
    return session.scalar(_ON, {"at": at}) is not None


_ON = select(SingleOperator.id).where(
    SingleOperator.valid_from <= AT, or_(SingleOperator.valid_to.is_(None), SingleOperator.valid_to > AT)
)


def is_alone(session: ReadSession, person: UUID, at: datetime) -> bool:
    """Whether nobody but ``person`` can confirm a grant, or could in the last 30 days."""
    return rights.deciders(session, at - ALONE_FOR, at) <= {person}


def second_word(
    session: ReadSession, first: UUID | None, first_at: datetime, *, by: Principal, at: datetime
) -> str | None:
    """On what a second person's word rests: empty where another person gives it; ``single_operator`` where the one
    person there is confirms their own, 72 hours later; ``None`` where it is nobody's second word."""
    if by.person != first:
        return ""
    waited = at - first_at >= DELAY
    return "single_operator" if waited and is_on(session, at) and is_alone(session, by.person, at) else None


def switch(session: WriteSession, on: bool, *, by: Principal, at: datetime) -> None:
    """Switch the mode; switching it to what it is changes nothing.

    Raises:
        NotAllowed: ``by`` may not.
        NotSingle: somebody else is, or just was, able to be the second person.
    """
    by.require("installation.manage")
    row = session.scalar(select(SingleOperator).where(SingleOperator.valid_to.is_(None)))
    if on == (row is not None):
        return
    if row is None:
        if not is_alone(session, by.person, at):
            raise NotSingle("whoever can confirm should; the mode is for a firm of one")
        session.add(SingleOperator(id=new_id(), valid_from=at, begun_by=by.id))
    else:
        row.valid_to, row.ended_by = at, by.id
    session.flush()
    intake.append(session, SingleOperatorSwitched(by=by.actor, on=on), at=at)
