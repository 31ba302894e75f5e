"""Who could do what, on any day: grants and suspensions read together.

The same questions answer "now" (principals are built from them) and "on that day" (for an
auditor). Nothing here writes.
"""

from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import bindparam, or_, select

from accounts.grants import RoleGrant, holds_at
from accounts.permissions import ROLE_PERMISSIONS, ROLES, Role
from accounts.principal import Grant
from accounts.suspensions import active_at, not_suspended_throughout
from core.database import AT, ReadSession

_HELD = (RoleGrant.person == bindparam("person"), holds_at(AT), active_at(AT, RoleGrant.person))
_GRANTS = select(RoleGrant).where(*_HELD).order_by(RoleGrant.valid_from, RoleGrant.id)
_VALUES = select(RoleGrant.role, RoleGrant.entity, RoleGrant.department, RoleGrant.named_clerk).where(*_HELD)


def grants_at(session: ReadSession, person: UUID, at: datetime) -> list[RoleGrant]:
    """The grants that gave a person rights at ``at``: none while they were suspended."""
    return list(session.scalars(_GRANTS, {"person": person, "at": at}))


def values_at(session: ReadSession, person: UUID, at: datetime) -> frozenset[Grant]:
    """The same grants as a principal holds them: every request asks for these."""
    if session.autoflush:
        session.flush()
    # By the connection: a session's way around a row takes longer than the row.
    rows = session.connection().execute(_VALUES, {"person": person, "at": at})
    return frozenset(Grant(cast(Role, role), entity, department, clerk) for role, entity, department, clerk in rows)


def holders_at(
    session: ReadSession, permission: str, at: datetime, *, entity: UUID, department: UUID | None = None
) -> list[RoleGrant]:
    """The grants that gave ``permission`` at a place at ``at``, whoever holds them.

    With a department: those for it by name and those for the whole entity. The caller must
    not conclude that these people opened anything; the trail says that.
    """
    roles = [role for role in ROLES if permission in ROLE_PERMISSIONS[role]]
    there = [RoleGrant.entity == entity]
    if department is not None:
        there.append(or_(RoleGrant.department.is_(None), RoleGrant.department == department))
    return list(
        session.scalars(
            select(RoleGrant)
            .where(RoleGrant.role.in_(roles), holds_at(at), active_at(at, RoleGrant.person), *there)
            .order_by(RoleGrant.valid_from, RoleGrant.id)
        )
    )


def deciders(session: ReadSession, since: datetime, at: datetime) -> frozenset[UUID]:
    """The people who could have been somebody's second person at any time from ``since`` to ``at``.

    A suspension keeps somebody out only if it lasted all that time.
    """
    roles = [role for role in ROLES if "grant.decide" in ROLE_PERMISSIONS[role]]
    return frozenset(
        session.scalars(
            select(RoleGrant.person)
            .where(
                RoleGrant.role.in_(roles),
                RoleGrant.valid_from <= at,
                or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to > since),
                not_suspended_throughout(since, at, RoleGrant.person),
            )
            .distinct()
        )
    )
