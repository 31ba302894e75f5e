"""The list of people: names, state and roles, for those who look after them.

Administrators see everybody. Compliance officers, data protection officers and auditors see
those who ever had a role in an entity of theirs.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select

from accounts import people
from accounts.events import PeopleListed
from accounts.grants import RoleGrant, holds_at
from accounts.people import Names, Person
from accounts.principal import Principal
from accounts.suspensions import active_at
from audit.entries import Receipt
from audit.log import Log
from core.database import ReadSession
from vault.keyring import Keyring

State = Literal["active", "suspended"]
PAGE = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One person of the list."""

    names: Names
    state: State
    added_at: datetime
    grants: tuple[RoleGrant, ...]
    """Those that hold now, or would but for the suspension."""


def note_shown(
    log: Log, shown: Collection[UUID], *, by: Principal, at: datetime, request: str | None = None
) -> Receipt | None:
    """Write that names of these people are shown, before they are; nothing where there are none.

    Raises:
        LogUnavailable: it could not be logged; show nothing.
    """
    if not shown:
        return None
    return log.record([PeopleListed(by=by.actor, request=request, people=tuple(shown))], at=at)[0]


def page(
    session: ReadSession, *, after: UUID | None = None, limit: int = PAGE, by: Principal, at: datetime, keys: Keyring
) -> list[Entry]:
    """Up to ``limit`` people added after the person ``after``, in the order in which they were added.

    Raises:
        NotAllowed: ``by`` may not read the list.
    """
    by.require("person.read")
    query = select(Person.id, Person.added_at, active_at(at, Person.id)).order_by(Person.id).limit(limit)
    if after is not None:
        query = query.where(Person.id > after)
    if not by.may("person.manage"):
        near = select(RoleGrant.person).where(RoleGrant.entity.in_(by.entities_for("person.read")))
        query = query.where(Person.id.in_(near))
    rows = session.execute(query).all()
    ids = [row.id for row in rows]
    names = {found.id: found for found in people.open_names(session, ids, keys)}
    held: dict[UUID, list[RoleGrant]] = {}
    for grant in session.scalars(select(RoleGrant).where(RoleGrant.person.in_(ids), holds_at(at))):
        if by.may("person.read", entity=grant.entity):
            held.setdefault(grant.person, []).append(grant)
    return [
        Entry(names[person], "active" if active else "suspended", added_at, tuple(held.get(person, ())))
        for person, added_at, active in rows
        if person in names
    ]
