"""What makes a submission and the approvals of a batch void: a decision taken anew, a hold, a date that moved.

The batch is under review again, the decisions about the records concerned are open, and the log names the cause.
Whoever changes what a batch rests on calls this in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from accounts.principal import Principal
from audit import intake
from audit.events import Actor
from core.database import WriteSession
from retention import batch as batches
from retention.batch import APPROVED, IN_REVIEW, SUBMITTED, Approval, Batch, Item
from retention.blocker import blockers_of
from retention.disposition_events import DispositionVoided

RETENTION = Actor("system", name="retention")
_AT_ONCE = 500


def void_for(
    session: WriteSession, record_ids: Sequence[UUID], cause: str, *, at: datetime, by: Actor = RETENTION
) -> int:
    """Void what was submitted or approved about any of these records, because of what this transaction changes.

    For whoever changes dates, triggers or holds. The decisions about these records are taken back. A batch that is
    being carried out goes on: each of its records is looked at once more. Tells how many batches it was.
    """
    if (
        not record_ids
        or session.scalar(select(Batch.id).where(Batch.state.in_((SUBMITTED, APPROVED))).limit(1)) is None
    ):
        return 0
    waiting: set[UUID] = set()
    for start in range(0, len(record_ids), _AT_ONCE):
        some = Item.record.in_(record_ids[start : start + _AT_ONCE])
        of_live = select(Item.batch).join(Batch, Batch.id == Item.batch).where(some, Item.state == batches.DECIDED)
        waiting.update(session.scalars(of_live.where(Batch.state.in_((SUBMITTED, APPROVED))).distinct()))
    for batch_id in sorted(waiting):
        row = session.get_one(Batch, batch_id, with_for_update=True, populate_existing=True)
        if row.state in (SUBMITTED, APPROVED):
            _void(session, row, tuple(record_ids), cause, by=by, at=at)
    return len(waiting)


def void_blocked(session: WriteSession, entity: UUID, *, at: datetime, by: Actor = RETENTION) -> int:
    """Void what was submitted or approved in an entity about records that something blocks now; tells how many batches.

    For whoever has just placed a hold. Where a query has not been asked yet nothing is voided: the last look before
    the destruction waits for its answer.
    """
    waiting = select(Item.record).join(Batch, Batch.id == Item.batch)
    of_entity = (Batch.entity == entity, Batch.state.in_((SUBMITTED, APPROVED)), Item.state == batches.DECIDED)
    ids = list(session.scalars(waiting.where(*of_entity)))
    blocked: list[UUID] = []
    for start in range(0, len(ids), _AT_ONCE):
        for record_id, blockers in blockers_of(session, ids[start : start + _AT_ONCE]).items():
            if not all(each.undecided for each in blockers):
                blocked.append(record_id)
    return void_for(session, blocked, "hold_placed", at=at, by=by)


def void(
    session: WriteSession, row: Batch, records: Sequence[UUID], cause: str, *, by: Principal, at: datetime
) -> None:
    """Take submission and approvals of a batch back; the caller has locked it and checked who asks."""
    _void(session, row, records, cause, by=by.actor, at=at)


def _void(session: WriteSession, row: Batch, records: Sequence[UUID], cause: str, *, by: Actor, at: datetime) -> None:
    named: list[UUID] = []
    for start in range(0, len(records), _AT_ONCE):
        some = Item.record.in_(records[start : start + _AT_ONCE])
        for item in session.scalars(select(Item).where(Item.batch == row.id, some)):
            if item.state == batches.DECIDED:
                item.state, item.code = batches.OPEN, cause
                item.decision = item.until_on = item.reason_sealed = item.authority = None
            named.append(item.record)
    lost = void_approvals(session, row.id, cause, at)
    row.state, row.digest, row.approved_at = IN_REVIEW, None, None
    row.submitted_at = row.submitted_by = None
    session.flush()
    event = DispositionVoided(
        by=by, entity=row.entity, batch=row.id, records=tuple(sorted(named)), cause=cause, approvals=lost
    )
    intake.append(session, event, at=at)


def void_approvals(session: WriteSession, batch_id: UUID, cause: str, at: datetime) -> int:
    """Make the approvals given to a batch void, and nothing else; tells how many there were."""
    gone = session.scalars(
        update(Approval)
        .where(Approval.batch == batch_id, Approval.voided_at.is_(None))
        .values(voided_at=at, voided_code=cause)
        .returning(Approval.id)
    )
    return len(gone.all())
