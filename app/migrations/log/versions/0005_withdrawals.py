"""withdrawals of entries"""

import sqlalchemy as sa
from alembic import op

import core.database as types
from audit.entries import guards

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_withdrawals",
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("past", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "first >= 256 AND first / 256 * 256 = first AND past / 256 * 256 = past",
            name=op.f("ck_audit_withdrawals_bundles"),
        ),
        sa.CheckConstraint("first < past AND past <= event", name=op.f("ck_audit_withdrawals_older")),
        sa.PrimaryKeyConstraint("first", name=op.f("pk_audit_withdrawals")),
        sa.UniqueConstraint("event", name=op.f("uq_audit_withdrawals_event")),
    )
    op.create_table(
        "audit_withdrawal_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("below", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("years", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_withdrawal_requests")),
    )
    dialect = op.get_bind().dialect.name
    for table in ("audit_head", "audit_leaves"):
        for change in ("update", "delete", "truncate") if dialect == "postgresql" else ("update", "delete"):
            on = f" ON {table}" if dialect == "postgresql" else ""
            op.execute(f"DROP TRIGGER IF EXISTS {table}_no_{change}{on}")
    for table in ("audit_head", "audit_leaves", "audit_trail", "audit_withdrawals"):
        for statement in guards(table, dialect):
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
