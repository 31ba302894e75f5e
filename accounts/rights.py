"""Who could do what, on any day: grants and suspensions read together.

The same questions answer "now" (principals are built from them) and "on that day" (for an
auditor). Nothing here writes.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, or_, select

from accounts.grants import RoleGrant, holds_at
from accounts.permissions import ROLE_PERMISSIONS, ROLES
from accounts.suspensions import active_at, not_suspended_throughout
from core.database import AT, ReadSession

_GRANTS = (
    select(RoleGrant)
    .where(RoleGrant.person == bindparam("person"), holds_at(AT), active_at(AT, RoleGrant.person))
    .order_by(RoleGrant.valid_from, RoleGrant.id)
)


def grants_at(session: ReadSession, person: UUID, at: datetime) -> list[RoleGrant]:
    """The grants that gave a person rights at ``at``: none while they were suspended."""
    return list(session.scalars(_GRANTS, {"person": person, "at": at}))


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
