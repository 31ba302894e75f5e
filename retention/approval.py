"""Approval of a batch by a person who had no part in it, and all that makes an approval void.

An approval is of a digest: what the person was shown. Excluded is, by person and not by role or account, whoever
proposed, decided or submitted any of it, also where somebody else's word replaced theirs. Two accounts of one human
being are two persons to the program; that nobody is given two is for those who give accounts (two persons, each).

Approving takes the entity's lock of holds first, so that a hold placed at the same moment comes either before, and
is found here, or after, and then makes the approval void. Whatever changes later voids it as well, and the
execution looks at everything once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select, update

from accounts import single_operator
from accounts.principal import NotAllowed, Principal
from audit import intake
from audit.events import Actor
from core.database import ReadSession, WriteSession
from core.errors import Conflict
from core.identifiers import new_id
from retention import batch as batches
from retention.batch import APPROVED, IN_REVIEW, SUBMITTED, Approval, Batch, Hand, Item
from retention.disposition import PREPARE, reopen_changed
from retention.disposition_events import (
    DispositionApproved,
    DispositionReturned,
    DispositionUndone,
    DispositionVoided,
)
from retention.hold import blockers_of, lock_holds

APPROVE = "disposition.approve"
ALONE_DAYS = 3
"""Days of grace at least where one person is both, as with grants (72 hours)."""
RETENTION = Actor("system", name="retention")
_AT_ONCE = 500


class OwnBatch(NotAllowed):
    """Whoever proposed, decided or submitted any of a batch does not approve it."""

    code = "own_disposition"


class NotSubmitted(Conflict):
    """The batch does not wait for approval."""

    code = "disposition_not_submitted"


class ApprovedAlready(Conflict):
    """You have approved this batch already."""

    code = "disposition_approved_already"


class ShownOtherwise(Conflict):
    """The batch is not what you were shown."""

    code = "disposition_shown_otherwise"


class NotInGrace(Conflict):
    """There is nothing to undo: the batch is not approved, or is being carried out."""

    code = "disposition_not_in_grace"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an approval."""

    state: Literal["approved", "waiting", "voided"]
    missing: int
    """How many more approvals are needed."""
    changed: tuple[UUID, ...] = ()
    """``voided``: the records that are not as they were submitted any more."""


def approve(session: WriteSession, batch_id: UUID, digest: bytes, *, by: Principal, at: datetime) -> Outcome:
    """Approve exactly what ``digest`` stands for; with the last approval needed the days of grace begin.

    ``voided`` is an outcome and no error, because it must be committed: something changed since the submission
    (a hold, a date), and the batch is under review again.

    Raises:
        NotFound: no such batch for ``by``.
        NotAllowed: ``by`` does not approve dispositions there (the operator of the command line never does).
        OwnBatch: ``by`` had a part in it.
        NotSubmitted: it does not wait for approval (any more).
        ApprovedAlready: ``by`` did.
        ShownOtherwise: ``digest`` is not that of the batch.
    """
    lock_holds(session, batches.get(session, batch_id, by=by).entity)
    row = batches.get(session, batch_id, by=by, lock=True)
    by.require(APPROVE, entity=row.entity)
    person = by.person
    if row.state != SUBMITTED:
        raise NotSubmitted(f"it is {row.state}")
    alone = _require_other(session, row, person, at)
    given = batches.approvals(session, row.id)
    if person in {each.person for each in given}:
        raise ApprovedAlready("another person must approve it")
    if row.digest != digest:
        raise ShownOtherwise("look at it again")
    changed = reopen_changed(session, row)
    if changed or batches.digest_of(session, row) != digest:
        void(session, row, changed, "changed_since", by=by, at=at)
        return Outcome("voided", row.quorum, changed)
    session.add(Approval(id=new_id(), batch=row.id, person=person, digest=digest, approved_at=at))
    missing = 0 if alone else max(row.quorum - len(given) - 1, 0)
    if missing == 0:
        row.state, row.approved_at, row.single_operator = APPROVED, at, alone
        row.grace_days = max(row.grace_days, ALONE_DAYS if alone else 0)
    session.flush()
    event = DispositionApproved(
        by=by.actor,
        entity=row.entity,
        second=row.submitted_by,
        batch=row.id,
        digest=digest,
        missing=missing,
        alone=alone,
    )
    intake.append(session, event, at=at)
    return Outcome("waiting" if missing else "approved", missing)


def why_not(session: ReadSession, row: Batch, *, by: Principal, at: datetime) -> str | None:
    """Why ``by`` cannot approve it now, as a code; ``None`` where they can."""
    if by.id is None or not by.may(APPROVE, entity=row.entity):
        return "not_allowed"
    if row.state != SUBMITTED:
        return "not_submitted"
    try:
        _require_other(session, row, by.id, at)
    except OwnBatch:
        return "had_a_part"
    given = {each.person for each in batches.approvals(session, row.id)}
    return "approved_already" if by.id in given else None


def return_batch(session: WriteSession, batch_id: UUID, reason: str, *, by: Principal, at: datetime) -> None:
    """Refuse a batch: it is under review again. The reason stands in the log as a commitment.

    Raises:
        NotFound, NotAllowed: as ``approve``.
        NotSubmitted: it does not wait for approval.
    """
    row = batches.get(session, batch_id, by=by, lock=True)
    by.require(APPROVE, entity=row.entity)
    if row.state != SUBMITTED:
        raise NotSubmitted(f"it is {row.state}")
    void(session, row, (), "returned", by=by, at=at)
    event = DispositionReturned(by=by.actor, entity=row.entity, batch=row.id, reason=reason.strip() or None)
    intake.append(session, event, at=at)


def undo(session: WriteSession, batch_id: UUID, *, by: Principal, at: datetime) -> None:
    """Undo an approved batch before it is carried out: one person, whoever prepares or approves. Its records are
    proposed again.

    Raises:
        NotFound: no such batch for ``by``.
        NotAllowed: ``by`` neither prepares nor approves dispositions there.
        NotInGrace: it is not approved, or is being carried out.
    """
    row = batches.get(session, batch_id, by=by, lock=True)
    if not by.may(PREPARE, entity=row.entity):
        by.require(APPROVE, entity=row.entity)
    if row.state != APPROVED:
        raise NotInGrace(f"it is {row.state}")
    row.state, row.ended_at, row.undone_by = batches.UNDONE, at, by.person
    _void_approvals(session, row.id, "undone", at)
    session.flush()
    intake.append(session, DispositionUndone(by=by.actor, entity=row.entity, batch=row.id), at=at)


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
    lost = _void_approvals(session, row.id, cause, at)
    row.state, row.digest, row.approved_at = IN_REVIEW, None, None
    row.submitted_at = row.submitted_by = None
    session.flush()
    event = DispositionVoided(
        by=by, entity=row.entity, batch=row.id, records=tuple(sorted(named)), cause=cause, approvals=lost
    )
    intake.append(session, event, at=at)


def _void_approvals(session: WriteSession, batch_id: UUID, cause: str, at: datetime) -> int:
    gone = session.scalars(
        update(Approval)
        .where(Approval.batch == batch_id, Approval.voided_at.is_(None))
        .values(voided_at=at, voided_code=cause)
        .returning(Approval.id)
    )
    return len(gone.all())


def _require_other(session: ReadSession, row: Batch, person: UUID, at: datetime) -> bool:
    """Refuse a person who had a part in the batch; tells whether single operator mode lets them in all the same.

    Raises:
        OwnBatch: they had, and there is somebody else.
    """
    if session.get(Hand, (row.id, person)) is None:
        return False
    if single_operator.is_on(session, at) and single_operator.is_alone(session, person, at):
        return True
    raise OwnBatch("ask a person who had no part in it")
