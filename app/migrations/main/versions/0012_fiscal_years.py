"""fiscal years that were moved"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("legal_entities", schema=None) as batch_op:
        batch_op.add_column(sa.Column("fiscal_year_moves", sa.String(length=110), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
