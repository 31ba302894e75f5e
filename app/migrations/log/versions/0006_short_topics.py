"""the trail's topics are stored as letters"""

from alembic import op

from audit.entries import guards

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_LETTERS = {"action": "a", "actor": "p", "second": "s", "request": "r", "object.record": "o"}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    refused = {"audit_trail": ("update", "delete"), "audit_withdrawals": ("update", "delete", "insert")}
    for table, changes in refused.items():
        for change in (*changes, "truncate") if dialect == "postgresql" else changes:
            op.execute(f"DROP TRIGGER {table}_no_{change}" + (f" ON {table}" if dialect == "postgresql" else ""))
    for topic, letter in _LETTERS.items():
        op.execute(f"UPDATE audit_trail SET topic = '{letter}' WHERE topic = '{topic}'")  # noqa: S608 (our own words)
    for table in refused:
        for statement in guards(table, dialect):
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
