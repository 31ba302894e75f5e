"""retention terms"""

import sqlalchemy as sa
from alembic import op

import core.database as types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("disposition_terms", schema=None) as batch_op:
        batch_op.add_column(sa.Column("destroy_percent", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("intermediate_months", sa.BigInteger(), nullable=True))
    op.create_table(
        "terms_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terms_changes")),
    )
    with op.batch_alter_table("terms_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_terms_changes_entity"), ["entity"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
