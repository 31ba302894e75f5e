"""The first administrator's account: with entity, departments, and roles to file and read.

Made once, by the set-up link, in one transaction: either all of it is there afterwards or
nothing. People who were added from the command line before stay as they are.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from accounts import departments, entities, grant_requests, people, setup
from accounts.departments import DepartmentKind
from accounts.entities import NewEntity
from accounts.passwords import PasswordHash
from accounts.principal import Grant, Principal
from core.database import WriteSession
from core.errors import Conflict
from vault.keyring import Keyring

STARTING_DEPARTMENTS: tuple[tuple[str, DepartmentKind], ...] = (
    ("Accounting", "accounting"),
    ("Human resources", "hr"),
    ("Legal", "legal"),
    ("Compliance", "compliance"),
    ("Management", "management"),
)
"""A usual back office (names are English source strings)."""


class NotFirst(Conflict):
    """There is an administrator already."""

    code = "not_first"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPerson:
    """Who will look after people and machines."""

    sign_in_name: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
    mail: str | None = field(default=None, repr=False)
    password: PasswordHash
    files: bool = True
    """Also staff of every department; false for somebody who only administers."""
    named_clerk: bool = True
    """Also named clerk for the personnel files of HR departments."""


@dataclass(frozen=True, slots=True)
class Founded:
    """What the first account brought with it."""

    entity: UUID
    departments: tuple[UUID, ...]
    person: UUID


def found(
    session: WriteSession,
    entity: NewEntity | UUID,
    first: FirstPerson,
    *,
    departments_of: Collection[tuple[str, DepartmentKind]] = STARTING_DEPARTMENTS,
    by: Principal,
    at: datetime,
    keys: Keyring,
) -> Founded:
    """Make entity, departments, person and grants; ``by`` is what ``setup`` gave out.

    ``entity`` is the id where one was made before, with its departments.

    Raises:
        NotFirst: somebody is or was administrator.
        UnknownEntity: there is no entity of that id.
        InvalidEntity, InvalidDepartment, SameDepartment, InvalidName: what was given cannot be used.
    """
    if not setup.needs_first_account(session):
        raise NotFirst("sign in instead")
    if isinstance(entity, UUID):
        founded = entities.get(session, entity)
    else:
        founded = found_entity(session, entity, departments_of=departments_of, by=by, at=at)
    person = people.add(
        session,
        first.sign_in_name,
        name=first.name,
        mail=first.mail,
        password=first.password,
        by=by,
        at=at,
        keys=keys,
    )
    grant_requests.propose(session, person, Grant("administrator", founded.id), by=by, at=at)
    rows = departments.of_entity(session, founded.id)
    for row in rows if first.files else ():
        clerk = first.named_clerk and row.kind == "hr"
        grant_requests.propose(session, person, Grant("staff", founded.id, row.id, clerk), by=by, at=at)
    return Founded(founded.id, tuple(row.id for row in rows), person)


def found_entity(
    session: WriteSession,
    entity: NewEntity,
    *,
    departments_of: Collection[tuple[str, DepartmentKind]] = STARTING_DEPARTMENTS,
    by: Principal,
    at: datetime,
) -> entities.LegalEntity:
    """Make a legal entity with its departments, and nobody in it yet.

    Raises:
        NotAllowed: ``by`` may not.
        InvalidEntity, InvalidDepartment, SameDepartment: what was given cannot be used.
    """
    row = entities.add(session, entity, by=by, at=at)
    for name, kind in departments_of:
        departments.add(session, row.id, name, kind, by=by, at=at)
    return row
