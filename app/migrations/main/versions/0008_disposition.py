"""disposition"""

import sqlalchemy as sa
from alembic import op

import core.database as types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("approved_at", types.Instant(), nullable=False),
        sa.Column("voided_at", types.Instant(), nullable=True),
        sa.Column("voided_code", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_approvals_batch"), ["batch"], unique=False)

    op.create_table(
        "capture_withdrawals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=9), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("states_before", sa.JSON(), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capture_withdrawals")),
    )
    with op.batch_alter_table("capture_withdrawals", schema=None) as batch_op:
        batch_op.create_index("ix_capture_withdrawals_entity_state", ["entity", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_capture_withdrawals_record"), ["record"], unique=False)

    op.create_table(
        "certificates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("cause", sa.Uuid(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("locked", sa.BigInteger(), nullable=False),
        sa.Column("outside", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("vkey", sa.String(length=200), nullable=False),
        sa.Column("issued_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
    )
    with op.batch_alter_table("certificates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_certificates_cause"), ["cause"], unique=False)
        batch_op.create_index(batch_op.f("ix_certificates_entity"), ["entity"], unique=False)

    op.create_table(
        "destructions",
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("cause", sa.Uuid(), nullable=False),
        sa.Column("begun_at", types.Instant(), nullable=False),
        sa.Column("event", sa.Uuid(), nullable=False),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("objects", sa.JSON(), nullable=False),
        sa.Column("epochs", sa.JSON(), nullable=False),
        sa.Column("removed", sa.JSON(), nullable=False),
        sa.Column("index_erased_at", types.Instant(), nullable=True),
        sa.Column("objects_deleted_at", types.Instant(), nullable=True),
        sa.Column("keys_destroyed_at", types.Instant(), nullable=True),
        sa.Column("locked", sa.JSON(), nullable=False),
        sa.Column("trouble", sa.String(length=60), nullable=True),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("certificate", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_destructions")),
    )
    with op.batch_alter_table("destructions", schema=None) as batch_op:
        batch_op.create_index("ix_destructions_cause", ["cause"], unique=False)
        batch_op.create_index("ix_destructions_certificate_begun_at", ["certificate", "begun_at"], unique=False)

    op.create_table(
        "disclosures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("recipient_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("disclosed_at", types.Instant(), nullable=False),
        sa.Column("noted_by", sa.Uuid(), nullable=False),
        sa.Column("noted_at", types.Instant(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("asked_at", types.Instant(), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosures")),
    )
    with op.batch_alter_table("disclosures", schema=None) as batch_op:
        batch_op.create_index("ix_disclosures_entity_state", ["entity", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_disclosures_record"), ["record"], unique=False)

    op.create_table(
        "disposition_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=14), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=True),
        sa.Column("proposed_at", types.Instant(), nullable=False),
        sa.Column("submitted_by", sa.Uuid(), nullable=True),
        sa.Column("submitted_at", types.Instant(), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("quorum", sa.BigInteger(), nullable=False),
        sa.Column("approved_at", types.Instant(), nullable=True),
        sa.Column("grace_days", sa.BigInteger(), nullable=False),
        sa.Column("single_operator", sa.Boolean(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.Column("undone_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposition_batches")),
    )
    with op.batch_alter_table("disposition_batches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disposition_batches_entity"), ["entity"], unique=False)
        batch_op.create_index(batch_op.f("ix_disposition_batches_state"), ["state"], unique=False)

    op.create_table(
        "disposition_hands",
        sa.Column("batch", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "person", name=op.f("pk_disposition_hands")),
    )
    op.create_table(
        "disposition_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=9), nullable=False),
        sa.Column("record_class", sa.String(length=60), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("rule", sa.Uuid(), nullable=False),
        sa.Column("retain_through", sa.Date(), nullable=True),
        sa.Column("eligible_from", sa.Date(), nullable=True),
        sa.Column("basis", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("decision", sa.String(length=10), nullable=True),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("to_class", sa.String(length=60), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposition_items")),
        sa.UniqueConstraint("batch", "record", name=op.f("uq_disposition_items_batch_record")),
    )
    with op.batch_alter_table("disposition_items", schema=None) as batch_op:
        batch_op.create_index("ix_disposition_items_batch_state", ["batch", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_disposition_items_record"), ["record"], unique=False)

    op.create_table(
        "disposition_terms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("quorum", sa.BigInteger(), nullable=False),
        sa.Column("grace_days", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=False),
        sa.Column("set_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposition_terms")),
    )
    with op.batch_alter_table("disposition_terms", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disposition_terms_entity"), ["entity"], unique=False)

    op.create_table(
        "record_stubs",
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=9), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("record_class", sa.String(length=60), nullable=True),
        sa.Column("document_date", sa.Date(), nullable=True),
        sa.Column("captured_at", types.Instant(), nullable=False),
        sa.Column("destroyed_at", types.Instant(), nullable=False),
        sa.Column("rule", sa.Uuid(), nullable=True),
        sa.Column("certificate", sa.Uuid(), nullable=True),
        sa.Column("keep_through", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_record_stubs")),
        sa.UniqueConstraint("number", name=op.f("uq_record_stubs_number")),
    )
    with op.batch_alter_table("record_stubs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_stubs_certificate"), ["certificate"], unique=False)
        batch_op.create_index("ix_record_stubs_entity_destroyed_at", ["entity", "destroyed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_stubs_keep_through"), ["keep_through"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
