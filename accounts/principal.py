"""Who acts: the value that every command takes as ``by``.

A principal is built at the edge (``accounts.principals``) from what is valid at that
instant, and holds no session and no clock. It answers whether something is allowed; what
it may not see does not exist for it, so a caller who finds nothing says ``NotFound``.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from accounts.permissions import (
    ROLE_PERMISSIONS,
    SYSTEM_DUTIES,
    Role,
    covers_installation,
    scope_of,
)
from audit.events import Actor
from core.errors import Forbidden

PrincipalKind = Literal["person", "system", "operator"]


class NotAllowed(Forbidden):
    """Your roles do not allow this."""

    code = "not_allowed"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role somebody holds now, and where."""

    role: Role
    entity: UUID
    department: UUID | None = None
    """The department of staff; ``None`` is the whole entity."""
    named_clerk: bool = False
    """Named for the personnel files of that department."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person, a part of the program, or an operator acting for a person."""

    id: UUID | None
    """The person; ``None`` for a part of the program."""
    kind: PrincipalKind
    grants: frozenset[Grant] = frozenset()
    scopes: frozenset[str] | None = None
    """What the API token reaches; ``None`` where no token limits."""
    withheld: frozenset[str] = frozenset()
    """Permissions the grants would give and the moment does not (paused approvals, a password to change)."""
    session_id: UUID | None = None
    token_id: UUID | None = None
    name: str | None = None
    """The name of the part of the program; never that of a person."""

    @property
    def actor(self) -> Actor:
        """Who is written into the audit log. A department is named only where it is the only one."""
        departments = {grant.department for grant in self.grants if grant.department is not None}
        only = next(iter(departments)) if len(departments) == 1 else None
        return Actor(kind=self.kind, id=self.id, name=self.name, department=only)

    @property
    def person(self) -> UUID:
        """The person who acts.

        Raises:
            NotAllowed: a part of the program acts, where only people do.
        """
        if self.id is None:
            raise NotAllowed("only people do this")
        return self.id

    @property
    def entities(self) -> frozenset[UUID]:
        """The entities in which the principal holds any role."""
        return frozenset(grant.entity for grant in self.grants)

    def may(self, permission: str, *, entity: UUID | None = None, department: UUID | None = None) -> bool:
        """Whether ``permission`` is given, at the place as far as it is named.

        Without a place the answer is "somewhere at all": good for showing a button, and
        not to be taken for leave to touch a particular thing.

        Raises:
            KeyError: there is no such permission; a defect of the program.
        """
        if not self.reaches(permission):
            return False
        if self.kind == "system":
            return permission in SYSTEM_DUTIES[self.name or ""]
        return any(
            (entity is None or grant.entity == entity or covers_installation(grant.role))
            and (department is None or grant.department is None or grant.department == department)
            for grant in self._giving(permission)
        )

    def require(self, permission: str, *, entity: UUID | None = None, department: UUID | None = None) -> None:
        """Pass, or refuse.

        Raises:
            NotAllowed: ``may`` says no.
        """
        if not self.may(permission, entity=entity, department=department):
            raise NotAllowed(f"this needs the permission {permission}", permission=permission)

    def entities_for(self, permission: str) -> frozenset[UUID]:
        """Entities in which ``permission`` holds for every department."""
        return frozenset(grant.entity for grant in self._giving(permission) if grant.department is None)

    def departments_for(self, permission: str) -> frozenset[UUID]:
        """Departments for which ``permission`` was given by name; those of ``entities_for`` come on top."""
        return frozenset(grant.department for grant in self._giving(permission) if grant.department is not None)

    def clerk_departments(self) -> frozenset[UUID]:
        """Departments for whose personnel files the principal is a named clerk."""
        return frozenset(
            grant.department
            for grant in self._giving("record.read")
            if grant.named_clerk and grant.department is not None
        )

    def is_named_clerk(self, entity: UUID) -> bool:
        """Whether the principal may handle personnel files of ``entity`` at all.

        Not even a named clerk handles the file about themselves: the case file decides that.
        """
        return any(grant.named_clerk and grant.entity == entity for grant in self._giving("record.read"))

    def reaches(self, permission: str) -> bool:
        """Whether the token and the moment let ``permission`` through, whatever gives it."""
        scope = scope_of(permission)
        return permission not in self.withheld and (self.scopes is None or scope in self.scopes)

    def _giving(self, permission: str) -> list[Grant]:
        if not self.reaches(permission):
            return []
        return [grant for grant in self.grants if permission in ROLE_PERMISSIONS[grant.role]]


def system(name: str) -> Principal:
    """The part of the program called ``name``, with the duties listed for it and no others.

    Raises:
        KeyError: no duties are listed for that name; a defect of the program.
    """
    if name not in SYSTEM_DUTIES:
        raise KeyError(name)
    return Principal(id=None, kind="system", name=name)
