"""the trail is kept once, in the order of its key"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_audit_trail_seq", table_name="audit_trail")


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
