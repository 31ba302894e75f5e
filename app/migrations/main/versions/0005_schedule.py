"""schedule"""

import sqlalchemy as sa
from alembic import op

import core.database as types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("jurisdiction", sa.String(length=2), nullable=False),
        sa.Column("record_class", sa.String(length=60), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("batch", sa.Uuid(), nullable=True),
        sa.Column("drafted_by", sa.Uuid(), nullable=True),
        sa.Column("drafted_at", types.Instant(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", types.Instant(), nullable=True),
        sa.Column("simulation", sa.Uuid(), nullable=True),
        sa.Column("in_force_on", sa.Date(), nullable=True),
        sa.Column("retirement_asked_by", sa.Uuid(), nullable=True),
        sa.Column("retired_by", sa.Uuid(), nullable=True),
        sa.Column("retired_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["entity"], ["legal_entities.id"], name=op.f("fk_retention_rules_entity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_rules")),
        sa.UniqueConstraint("entity", "code", "version", name=op.f("uq_retention_rules_entity_code_version")),
    )
    with op.batch_alter_table("retention_rules", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retention_rules_batch"), ["batch"], unique=False)
        batch_op.create_index(batch_op.f("ix_retention_rules_entity_state"), ["entity", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_retention_rules_rule"), ["rule"], unique=False)
    op.create_table(
        "schedule_revisions",
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["entity"], ["legal_entities.id"], name=op.f("fk_schedule_revisions_entity")),
        sa.PrimaryKeyConstraint("entity", "number", name=op.f("pk_schedule_revisions")),
    )
    op.create_table(
        "rule_reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Uuid(), nullable=False),
        sa.Column("reviewed_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("reviewed_by", sa.Uuid(), nullable=False),
        sa.Column("reviewed_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["retention_rules.id"], name=op.f("fk_rule_reviews_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_reviews")),
    )
    with op.batch_alter_table("rule_reviews", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rule_reviews_version"), ["version"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
