"""anchors"""

import sqlalchemy as sa
from alembic import op

import core.database as types
from audit.entries import guards

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_cosignatures",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key_id", sa.LargeBinary(length=4), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("size", "name", "key_id", name=op.f("pk_audit_cosignatures")),
    )
    op.create_table(
        "audit_anchor_tries",
        sa.Column("place", sa.String(length=220), nullable=False),
        sa.Column("tried_at", types.Instant(), nullable=False),
        sa.Column("failing_since", types.Instant(), nullable=True),
        sa.Column("trouble", sa.String(length=60), nullable=True),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_audit_anchor_tries")),
    )
    op.create_table(
        "audit_timestamps",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", "at", name=op.f("pk_audit_timestamps")),
    )
    op.create_table(
        "audit_seals",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("object_key", sa.String(length=80), nullable=False),
        sa.Column("object_version", sa.String(length=80), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_seals")),
        sa.UniqueConstraint("day", name=op.f("uq_audit_seals_day")),
        sa.UniqueConstraint("object_key", name=op.f("uq_audit_seals_object_key")),
    )
    for table in ("audit_cosignatures", "audit_timestamps", "audit_seals"):
        for statement in guards(table, op.get_bind().dialect.name):
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
