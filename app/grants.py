"""What the role that Muniment runs as may do in PostgreSQL: enough to work, too little to rewrite the log.

Said anew after each migration, table by table, so that what an earlier version granted and this one
does not need is taken back. Rows of the log are inserted and read; the triggers of
``audit.entries`` refuse the same to whoever has more rights, and the tree finds what both let pass.
"""

from sqlalchemy import Connection, text

from app import schema
from core.database import Line
from core.errors import Invalid

_MAIN = ("SELECT", "INSERT", "UPDATE", "DELETE")
_LOG: dict[str, tuple[str, ...]] = {
    "audit_leaves": ("SELECT", "INSERT"),
    "audit_nodes": ("SELECT", "INSERT"),
    "audit_checkpoints": ("SELECT", "INSERT"),
    "audit_catalogues": ("SELECT", "INSERT"),
    "audit_trail": ("SELECT", "INSERT"),
    "audit_withdrawals": ("SELECT", "INSERT"),
    "audit_withdrawal_requests": ("SELECT", "INSERT", "UPDATE (state, decided_by, decided_at)"),
    "audit_cosignatures": ("SELECT", "INSERT"),
    "audit_timestamps": ("SELECT", "INSERT"),
    "audit_seals": ("SELECT", "INSERT"),
    "audit_anchor_tries": ("SELECT", "INSERT", "UPDATE (tried_at, failing_since, trouble)"),
    "audit_head": ("SELECT", "INSERT", "UPDATE (size, range, previous, last_append_us, epoch)"),
    "audit_intake_mark": ("SELECT", "INSERT", "UPDATE (high, moved)"),
    # An erasure takes the name from an alias, and the value from a commitment.
    "audit_aliases": ("SELECT", "INSERT", "DELETE"),
    "audit_openings": ("SELECT", "INSERT", "DELETE"),
}


class RolesNotApart(Invalid):
    """The database role that Muniment runs as must not be the one that owns the tables."""

    code = "database_roles_not_apart"


def granted(line: Line) -> dict[str, tuple[str, ...]]:
    """What the application's role may do, by table."""
    if line == "main":
        return dict.fromkeys(schema.MAIN.tables, _MAIN)
    return {name: _LOG[name] for name in schema.LOG.tables}


def grant(connection: Connection, line: Line, role: str) -> None:
    """Give ``role`` these rights on one line's tables and no others.

    Raises:
        RolesNotApart: it could change the log with the rights it has anyway, or there is no such role.
    """
    _check_apart(connection, role)
    quoted = connection.dialect.identifier_preparer.quote_identifier(role)
    statements = [f"GRANT USAGE ON SCHEMA public TO {quoted}"]
    for table, rights in granted(line).items():
        statements.append(f"REVOKE ALL ON {table} FROM PUBLIC, {quoted}")
        statements.append(f"GRANT {', '.join(rights)} ON {table} TO {quoted}")
    statements.append(f"GRANT SELECT ON alembic_version_{line} TO {quoted}")
    if line == "log":
        # The one way in which an entry loses its bytes; the triggers look whether it was withdrawn.
        statements.append(f"GRANT EXECUTE ON FUNCTION audit_strip(bigint, text[], bytea[], bigint[]) TO {quoted}")
    if line == "main":
        statements.append(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {quoted}")
    for statement in statements:
        connection.exec_driver_sql(statement)


def _check_apart(connection: Connection, role: str) -> None:
    row = connection.execute(
        text(
            "SELECT rolsuper OR pg_has_role(:role, current_user, 'MEMBER') AS mighty"
            " FROM pg_roles WHERE rolname = :role"
        ),
        {"role": role},
    ).one_or_none()
    if row is None:
        raise RolesNotApart("make the role that Muniment runs as first: CREATE ROLE … LOGIN")
    if row.mighty:
        raise RolesNotApart("give Muniment a role that is no superuser and no member of the tables' owner")
