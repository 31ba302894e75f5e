"""Puts records into the class that was decided in a batch, once it is approved and its days of grace are over.

By the path that every change of class takes (``records.placement``): its event, the index, and dates that are
reckoned anew. Whoever decided could have classified the record then, and a second person approved it. A record that has
changed since is passed over, and the item says so. Killed anywhere and run again, it goes on with what is left.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.finishing import RETENTION, Outcome, Passing
from app.looking import digest_of, is_approved, pass_over
from app.runtime import Runtime
from core.database import WriteSession
from core.errors import Invalid, NotFound
from records import placement
from records.record import WITHDRAWN, Record
from retention import batch as batches
from retention.batch import Batch, Item

AT_ONCE = 10
"""Records of one transaction, which others wait for: each takes several statements."""
RECLASSIFIED = "reclassified"


def reclassify_batch(
    runtime: Runtime, batch_id: UUID, shown: dict[UUID, bytes], outcome: Outcome, at: datetime, passing: Passing
) -> None:
    """Carry out the changes of class of a batch; ``shown``: what its approvers were shown of each record."""
    while True:
        with runtime.main.read() as session:
            wanted = select(Item.id).where(
                Item.batch == batch_id, Item.state == batches.DECIDED, Item.decision == "reclassify"
            )
            # Whoever only looks does not stand in line with those who write.
            if session.scalar(wanted.limit(1)) is None:
                return
        passing("reclassify")
        with runtime.main.write() as session:
            row = session.get_one(Batch, batch_id, with_for_update=True, populate_existing=True)
            if row.state != batches.EXECUTING or not is_approved(session, row):
                return
            ids = list(session.scalars(wanted.order_by(Item.record).limit(AT_ONCE)))
            for item in session.scalars(select(Item).where(Item.id.in_(ids)).order_by(Item.record)).all():
                why = _reclassify(session, item, shown, at)
                if why is None:
                    item.state, item.code = batches.KEPT, RECLASSIFIED
                    outcome.reclassified += 1
                else:
                    pass_over(session, row, item, why, at)
                    outcome.skipped[why] = outcome.skipped.get(why, 0) + 1
            passing("reclassified")


def _reclassify(session: WriteSession, item: Item, shown: dict[UUID, bytes], at: datetime) -> str | None:
    """Why the record stays as it is; ``None`` where it has the other class now."""
    row = session.get(Record, item.record, with_for_update=True)
    if row is None:
        return "gone"
    if shown.get(item.record) != digest_of(item):
        return "not_as_approved"
    if row.state == WITHDRAWN:
        return "withdrawal_asked"
    if row.revision != item.revision:
        return "changed"
    try:
        placement.carry_out_class(session, row.id, item.to_class or "", by=RETENTION, at=at)
    except (Invalid, NotFound) as error:
        # The file plan of another release has no such class any more.
        return error.code
    return None
