"""the trail finds entries by their request"""

import sqlalchemy as sa
from alembic import op

from audit.entries import request_key
from audit.leaf import parse

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AT_ONCE = 2000
_LEAVES = sa.table("audit_leaves", sa.column("seq", sa.BigInteger()), sa.column("entry", sa.LargeBinary()))
_TRAIL = sa.table(
    "audit_trail",
    sa.column("topic", sa.String()),
    sa.column("key", sa.LargeBinary()),
    sa.column("seq", sa.BigInteger()),
)


def upgrade() -> None:
    connection, first = op.get_bind(), -1
    while True:
        rows = connection.execute(
            sa.select(_LEAVES.c.seq, _LEAVES.c.entry)
            .where(_LEAVES.c.seq > first)
            .order_by(_LEAVES.c.seq)
            .limit(_AT_ONCE)
        ).all()
        if not rows:
            return
        first = rows[-1].seq
        bodies = [(row.seq, parse(bytes(row.entry)).body) for row in rows]
        added = [{"topic": "request", "key": request_key(body["r"]), "seq": seq} for seq, body in bodies if "r" in body]
        if added:
            connection.execute(sa.insert(_TRAIL), added)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
