"""audit work"""

import sqlalchemy as sa
from alembic import op

import core.database as types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("since", types.Instant(), nullable=False),
        sa.Column("until", types.Instant(), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("basis", sa.String(length=80), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["entity"], ["legal_entities.id"], name=op.f("fk_person_reports_entity")),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_person_reports_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_reports")),
    )
    with op.batch_alter_table("person_reports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_reports_entity"), ["entity"], unique=False)
        batch_op.create_index(batch_op.f("ix_person_reports_person"), ["person"], unique=False)
    op.create_table(
        "person_report_decisions",
        sa.Column("report", sa.Uuid(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("decided_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["report"], ["person_reports.id"], name=op.f("fk_person_report_decisions_report")),
        sa.PrimaryKeyConstraint("report", name=op.f("pk_person_report_decisions")),
    )
    op.create_table(
        "recertifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("grant", sa.Uuid(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("signed_by", sa.Uuid(), nullable=False),
        sa.Column("signed_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["grant"], ["grants.id"], name=op.f("fk_recertifications_grant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recertifications")),
    )
    with op.batch_alter_table("recertifications", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recertifications_grant"), ["grant"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
