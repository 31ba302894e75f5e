"""Approval of a batch by a person who had no part in it, and all that makes an approval void.

An approval is of a digest: what the person was shown. Excluded is, by person and not by role or account, whoever
proposed, decided or submitted any of it, also where somebody else's word replaced theirs. Two accounts of one human
being are two persons to the program; that nobody is given two is for those who give accounts (two persons, each).

Approving takes the entity's lock of holds first, so that a hold placed at the same moment comes either before, and
is found here, or after, and then makes the approval void. Whatever changes later voids it as well, and the
execution looks at everything once more.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from accounts import single_operator
from accounts.principal import NotAllowed, Principal
from audit import intake
from core.database import ReadSession, WriteSession
from core.errors import Conflict
from core.identifiers import new_id
from retention import batch as batches
from retention import voiding
from retention.batch import APPROVED, SUBMITTED, Approval, Batch, Hand
from retention.disposition import PREPARE, reopen_changed
from retention.disposition_events import (
    DispositionApproved,
    DispositionReturned,
    DispositionUndone,
)
from retention.hold_order import lock_holds

APPROVE = "disposition.approve"
ALONE_DAYS = 3
"""Days of grace at least where one person is both, as with grants (72 hours)."""


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
        voiding.void(session, row, changed, "changed_since", by=by, at=at)
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
    voiding.void(session, row, (), "returned", by=by, at=at)
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
    voiding.void_approvals(session, row.id, "undone", at)
    session.flush()
    intake.append(session, DispositionUndone(by=by.actor, entity=row.entity, batch=row.id), at=at)


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
