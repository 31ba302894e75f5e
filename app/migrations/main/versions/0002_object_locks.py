"""object locks"""

import sqlalchemy as sa
from alembic import op

import core.database as types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "object_locks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("object_key", sa.String(length=80), nullable=False),
        sa.Column("object_version", sa.String(length=80), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Uuid(), nullable=False),
        sa.Column("floor", sa.Boolean(), nullable=False),
        sa.Column("retain_through", sa.Date(), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.Column("ask_on", sa.Date(), nullable=True),
        sa.Column("seen_mode", sa.String(length=12), nullable=True),
        sa.Column("seen_until", types.Instant(), nullable=True),
        sa.Column("seen_held", sa.Boolean(), nullable=False),
        sa.Column("seen_at", types.Instant(), nullable=True),
        sa.Column("event", sa.Uuid(), nullable=True),
        sa.Column("trouble", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_object_locks")),
    )
    with op.batch_alter_table("object_locks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_object_locks_ask_on"), ["ask_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_object_locks_record"), ["record"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
