"""runs"""

import sqlalchemy as sa
from alembic import op

import core.database as types

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Uuid(), nullable=False),
        sa.Column("job", sa.String(length=30), nullable=False),
        sa.Column("how", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("started_at", types.Instant(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("skipped", sa.JSON(), nullable=False),
        sa.Column("stops", sa.JSON(), nullable=False),
        sa.Column("scope", sa.LargeBinary(length=32), nullable=True),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("let_by", sa.Uuid(), nullable=True),
        sa.Column("let_at", types.Instant(), nullable=True),
        sa.Column("used_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_runs")),
    )
    with op.batch_alter_table("retention_runs", schema=None) as batch_op:
        batch_op.create_index("ix_retention_runs_job_started_at", ["job", "started_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_retention_runs_round"), ["round"], unique=False)
    op.create_table(
        "running_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("first_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_running_days")),
    )
    op.create_table(
        "clock_states",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("seen_at", types.Instant(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("doubt", sa.String(length=10), nullable=True),
        sa.Column("trusted_at", types.Instant(), nullable=True),
        sa.Column("shown_at", types.Instant(), nullable=True),
        sa.Column("doubted_at", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_at", types.Instant(), nullable=True),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_how", sa.String(length=10), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_states")),
    )
    op.create_table(
        "retention_alarms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=30), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.Uuid(), nullable=True),
        sa.Column("about", sa.String(length=80), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column("raised_at", types.Instant(), nullable=False),
        sa.Column("found_at", types.Instant(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_alarms")),
    )
    with op.batch_alter_table("retention_alarms", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retention_alarms_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_retention_alarms_ended_at"), ["ended_at"], unique=False)
    op.create_table(
        "fixity_walks",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("cursor", sa.String(length=80), nullable=False),
        sa.Column("pass_started_at", types.Instant(), nullable=False),
        sa.Column("checked", sa.BigInteger(), nullable=False),
        sa.Column("whole_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixity_walks")),
    )
    op.create_table(
        "fixity_troubles",
        sa.Column("object_key", sa.String(length=80), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("found_at", types.Instant(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("object_key", name=op.f("pk_fixity_troubles")),
    )
    with op.batch_alter_table("fixity_troubles", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fixity_troubles_record"), ["record"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
