"""the first schema"""

import sqlalchemy as sa
from alembic import op

import core.database as types
from audit.entries import guards

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_aliases",
        sa.Column("alias", sa.LargeBinary(length=16), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=16), nullable=False),
        sa.Column("year", sa.BigInteger(), nullable=False),
        sa.Column("use", sa.String(length=6), nullable=False),
        sa.PrimaryKeyConstraint("alias", name=op.f("pk_audit_aliases")),
        sa.UniqueConstraint("subject", "kind", "year", "use", name=op.f("uq_audit_aliases_subject_kind_year_use")),
    )
    op.create_table(
        "audit_catalogues",
        sa.Column("actions", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("actions", name=op.f("pk_audit_catalogues")),
        sa.UniqueConstraint("digest", name=op.f("uq_audit_catalogues_digest")),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("range", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signed_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_checkpoints")),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("range", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=False),
        sa.Column("last_append_us", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_intake_mark",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.Column("moved", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_intake_mark")),
    )
    op.create_table(
        "audit_leaves",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.CheckConstraint("length(entry) <= 65535", name=op.f("ck_audit_leaves_entry_length")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_leaves")),
        sa.UniqueConstraint("event_id", name=op.f("uq_audit_leaves_event_id")),
    )
    op.create_table(
        "audit_nodes",
        sa.Column("height", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("height", "number", name=op.f("pk_audit_nodes")),
    )
    op.create_table(
        "audit_openings",
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "field", name=op.f("pk_audit_openings")),
    )
    op.create_table(
        "audit_trail",
        sa.Column("topic", sa.String(length=50), nullable=False),
        sa.Column("key", sa.LargeBinary(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("topic", "key", "seq", name=op.f("pk_audit_trail")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("audit_trail", schema=None) as batch_op:
        batch_op.create_index("ix_audit_trail_seq", ["seq"], unique=False)

    for table in ("audit_head", "audit_leaves", "audit_nodes", "audit_checkpoints", "audit_catalogues"):
        for statement in guards(table, op.get_bind().dialect.name):
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
