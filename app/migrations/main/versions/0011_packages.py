"""packages"""

import sqlalchemy as sa
from alembic import op

import core.database as types

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("disposition_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("authority", sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column("package", sa.Uuid(), nullable=True))
        batch_op.create_index(batch_op.f("ix_disposition_items_package"), ["package"], unique=False)
    op.create_table(
        "packages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("batch", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("begun_at", types.Instant(), nullable=False),
        sa.Column("trouble", sa.String(length=60), nullable=True),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=True),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=True),
        sa.Column("object_key", sa.String(length=80), nullable=True),
        sa.Column("object_version", sa.String(length=80), nullable=True),
        sa.Column("sealed_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sealed_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("taken_by", sa.Uuid(), nullable=True),
        sa.Column("taken_at", types.Instant(), nullable=True),
        sa.Column("archive", sa.String(length=200), nullable=True),
        sa.Column("reference", sa.String(length=100), nullable=True),
        sa.Column("acknowledged_on", sa.Date(), nullable=True),
        sa.Column("stated_by", sa.Uuid(), nullable=True),
        sa.Column("stated_at", types.Instant(), nullable=True),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", types.Instant(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.Column("end_code", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packages")),
        sa.UniqueConstraint("object_key", name=op.f("uq_packages_object_key")),
    )
    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.create_index("ix_packages_entity_state", ["entity", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_packages_batch"), ["batch"], unique=False)
    op.create_table(
        "permanent_keepings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=9), nullable=False),
        sa.Column("record_class", sa.String(length=60), nullable=True),
        sa.Column("batch", sa.Uuid(), nullable=False),
        sa.Column("package", sa.Uuid(), nullable=False),
        sa.Column("authority", sa.String(length=300), nullable=False),
        sa.Column("kept_at", types.Instant(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("end_asked_by", sa.Uuid(), nullable=True),
        sa.Column("end_asked_at", types.Instant(), nullable=True),
        sa.Column("end_reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permanent_keepings")),
    )
    with op.batch_alter_table("permanent_keepings", schema=None) as batch_op:
        batch_op.create_index("ix_permanent_keepings_entity_state", ["entity", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_permanent_keepings_record"), ["record"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
