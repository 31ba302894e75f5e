"""holds"""

import sqlalchemy as sa
from alembic import op

import core.database as types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("case_file", sa.Uuid(), nullable=True),
        sa.Column("colleague", sa.Uuid(), nullable=True),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("first_year", sa.BigInteger(), nullable=True),
        sa.Column("last_year", sa.BigInteger(), nullable=True),
        sa.Column("open_until", sa.Date(), nullable=True),
        sa.Column("owner", sa.Uuid(), nullable=False),
        sa.Column("review_on", sa.Date(), nullable=False),
        sa.Column("reminded_on", sa.Date(), nullable=True),
        sa.Column("words_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=14), nullable=False),
        sa.Column("placed_by", sa.Uuid(), nullable=False),
        sa.Column("placed_at", types.Instant(), nullable=False),
        sa.Column("covered_at", types.Instant(), nullable=True),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("asked_at", types.Instant(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index("ix_holds_entity_state", ["entity", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_holds_case_file"), ["case_file"], unique=False)
    op.create_table(
        "hold_parties",
        sa.Column("hold", sa.Uuid(), nullable=False),
        sa.Column("party", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("hold", "party", name=op.f("pk_hold_parties")),
    )
    op.create_table(
        "held_records",
        sa.Column("hold", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("caught_at", types.Instant(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("released_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("hold", "record", name=op.f("pk_held_records")),
    )
    with op.batch_alter_table("held_records", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_held_records_record"), ["record"], unique=False)
    op.create_table(
        "hold_counters",
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entity", name=op.f("pk_hold_counters")),
    )
    op.create_table(
        "uncaught_records",
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("mark", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_uncaught_records")),
    )
    op.create_table(
        "hold_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hold", sa.Uuid(), nullable=False),
        sa.Column("words_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("given_by", sa.Uuid(), nullable=False),
        sa.Column("given_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold_notices")),
    )
    with op.batch_alter_table("hold_notices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_notices_hold"), ["hold"], unique=False)
    op.create_table(
        "hold_custodians",
        sa.Column("notice", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("acknowledged_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("notice", "person", name=op.f("pk_hold_custodians")),
    )
    with op.batch_alter_table("hold_custodians", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_custodians_person"), ["person"], unique=False)
    for table in ("records", "placements", "access_sets"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("regime", sa.String(length=12), nullable=False, server_default="active"))
    op.create_table(
        "regime_readers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("regime", sa.String(length=12), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", types.Instant(), nullable=True),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_to", types.Instant(), nullable=False),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regime_readers")),
    )
    with op.batch_alter_table("regime_readers", schema=None) as batch_op:
        batch_op.create_index("ix_regime_readers_person", ["person", "entity", "regime"], unique=False)
    op.create_table(
        "regime_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("before", sa.String(length=12), nullable=False),
        sa.Column("after", sa.String(length=12), nullable=False),
        sa.Column("hold", sa.Uuid(), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regime_changes")),
    )
    with op.batch_alter_table("regime_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_regime_changes_record"), ["record"], unique=False)
        batch_op.create_index("ix_regime_changes_entity_state", ["entity", "state"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
