"""record dates"""

import sqlalchemy as sa
from alembic import op

import core.database as types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "record_dates",
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("record_class", sa.String(length=60), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("retain_through", sa.Date(), nullable=True),
        sa.Column("eligible_from", sa.Date(), nullable=True),
        sa.Column("eligible_at", types.Instant(), nullable=True),
        sa.Column("floor_through", sa.Date(), nullable=True),
        sa.Column("ceiling_through", sa.Date(), nullable=True),
        sa.Column("rule", sa.Uuid(), nullable=True),
        sa.Column("action", sa.String(length=10), nullable=True),
        sa.Column("schedule", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.LargeBinary(length=32), nullable=False),
        sa.Column("missing", sa.JSON(), nullable=False),
        sa.Column("lock_through", sa.Date(), nullable=True),
        sa.Column("lock_asked", sa.Boolean(), nullable=False),
        sa.Column("computed_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_record_dates")),
    )
    with op.batch_alter_table("record_dates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_dates_eligible_from"), ["eligible_from"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_dates_entity_state"), ["entity", "state"], unique=False)
        batch_op.create_index(
            "ix_record_dates_lock_waits",
            ["record"],
            unique=False,
            sqlite_where=sa.text("lock_asked = false"),
            postgresql_where=sa.text("lock_asked = false"),
        )
    op.create_table(
        "undated",
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_undated")),
    )
    op.create_table(
        "dated_schedules",
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("schedule", sa.BigInteger(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["entity"], ["legal_entities.id"], name=op.f("fk_dated_schedules_entity")),
        sa.PrimaryKeyConstraint("entity", name=op.f("pk_dated_schedules")),
    )
    op.create_table(
        "stated_facts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("holder", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.String(length=60), nullable=False),
        sa.Column("stated_by", sa.Uuid(), nullable=True),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_to", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["entity"], ["legal_entities.id"], name=op.f("fk_stated_facts_entity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stated_facts")),
    )
    with op.batch_alter_table("stated_facts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stated_facts_subject"), ["subject"], unique=False)
    op.create_table(
        "simulations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.Column("inputs", sa.LargeBinary(length=32), nullable=False),
        sa.Column("schedule", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["entity"], ["legal_entities.id"], name=op.f("fk_simulations_entity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_simulations")),
    )
    with op.batch_alter_table("simulations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_simulations_entity"), ["entity"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
