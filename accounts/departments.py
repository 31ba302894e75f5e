"""Departments of a legal entity: the places where staff file and read.

The kind says what a department does, whatever the firm calls it; the file plan names its
usual readers by kind. Who belongs to a department is a grant, with its history, and no
column here.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import entities
from accounts.events import DepartmentAdded
from accounts.principal import Principal
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id

DepartmentKind = Literal["accounting", "hr", "legal", "compliance", "management", "other"]
KINDS: tuple[DepartmentKind, ...] = get_args(DepartmentKind)


class InvalidDepartment(Invalid):
    """The department cannot be described so."""

    code = "invalid_department"


class UnknownDepartment(NotFound):
    """There is no such department."""

    code = "unknown_department"


class SameDepartment(Conflict):
    """The entity has a department of that name."""

    code = "same_department"


class Department(MainTable):
    """A part of a legal entity that files records of its own."""

    __tablename__ = "departments"
    __table_args__ = (UniqueConstraint("entity", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID] = mapped_column(ForeignKey("legal_entities.id"))
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(12))
    added_at: Mapped[datetime]


def add(
    session: WriteSession, entity_id: UUID, name: str, kind: DepartmentKind, *, by: Principal, at: datetime
) -> Department:
    """Add a department to a legal entity.

    Raises:
        NotAllowed: ``by`` may not.
        UnknownEntity: there is no such legal entity.
        InvalidDepartment: the name is empty or long, or the kind unknown.
        SameDepartment: the entity has one of that name.
    """
    by.require("entity.manage", entity=entity_id)
    entity = entities.get(session, entity_id)
    name = name.strip()
    if not 0 < len(name) <= 100 or kind not in KINDS:
        raise InvalidDepartment(f"give a name of 1 to 100 characters and a kind of {', '.join(KINDS)}")
    if find(session, entity.id, name) is not None:
        raise SameDepartment("choose another name")
    department = Department(id=new_id(), entity=entity.id, name=name, kind=kind, added_at=at)
    session.add(department)
    session.flush()
    intake.append(session, DepartmentAdded(by=by.actor, entity=entity.id, department=department.id, kind=kind), at=at)
    return department


def get(session: ReadSession, department_id: UUID) -> Department:
    """The department.

    Raises:
        UnknownDepartment: there is none of that id.
    """
    department = session.get(Department, department_id)
    if department is None:
        raise UnknownDepartment()
    return department


def find(session: ReadSession, entity_id: UUID, name: str) -> Department | None:
    """The department of that name, whatever its case, as a person would type it."""
    wanted = name.strip().casefold()
    return next((row for row in of_entity(session, entity_id) if row.name.casefold() == wanted), None)


def of_entity(session: ReadSession, entity_id: UUID) -> list[Department]:
    """The departments of one legal entity, by name."""
    return list(session.scalars(_OF_ENTITY, {"entity": entity_id}))


def names_in(session: ReadSession, entity_ids: Collection[UUID]) -> list[tuple[UUID, str, UUID]]:
    """Id, name and entity of the departments of several legal entities, by entity and name."""
    # By the connection: every page asks, and a row is all it wants.
    rows = session.connection().execute(_NAMES_IN, {"entities": list(entity_ids)}).all()
    return [(row.id, row.name, row.entity) for row in rows]


_OF_ENTITY = select(Department).where(Department.entity == bindparam("entity")).order_by(Department.name)
_NAMES_IN = (
    select(Department.id, Department.name, Department.entity)
    .where(Department.entity.in_(bindparam("entities", expanding=True)))
    .order_by(Department.entity, Department.name)
)
