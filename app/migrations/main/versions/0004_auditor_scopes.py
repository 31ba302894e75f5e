"""auditor scopes"""

import sqlalchemy as sa
from alembic import op

import core.database as types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "auditor_scopes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("first_year", sa.BigInteger(), nullable=False),
        sa.Column("last_year", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_to", types.Instant(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", types.Instant(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["entity"], ["legal_entities.id"], name=op.f("fk_auditor_scopes_entity")),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_auditor_scopes_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auditor_scopes")),
    )
    with op.batch_alter_table("auditor_scopes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_auditor_scopes_entity"), ["entity"], unique=False)
        batch_op.create_index(batch_op.f("ix_auditor_scopes_person"), ["person"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
