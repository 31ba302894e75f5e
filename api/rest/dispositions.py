"""Disposition: batches of records whose period has ended, item decisions, approval by another person, undo."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api.deps import (
    DispositionApprover,
    DispositionPreparer,
    Now,
    ReadSession,
    RequestId,
    RetentionReader,
    Run,
    WriteSession,
)
from api.rest.parameters import PREFIX, Change, Limit, View
from api.routing import Router
from app import words_shown
from core.errors import Invalid
from retention import approval, batch, disposition
from retention.batch import Approval, Batch, Counts, Item
from retention.disposition import ItemDecision
from retention.kept import MOST_AUTHORITY

router = Router(prefix=PREFIX, tags=["retention"])

MOST_DECISIONS = 1_000
State = Literal["proposed", "in_review", "submitted", "approved", "executing", "done", "partly_failed", "undone"]
ItemState = Literal["open", "decided", "packaged", "executing", "destroyed", "skipped", "failed", "kept"]


class NewBatch(Change):
    """A batch to be put together now, beside those of the nightly run."""

    entity: UUID


class ItemWord(Change):
    """What is to become of one record; without a decision the one before is taken back."""

    record: UUID
    decision: Literal["destroy", "extend", "reclassify", "transfer", "permanent"] | None = None
    reason: str = Field(
        "",
        max_length=disposition.MOST_REASON,
        description="Needed to extend, to keep permanently, and to destroy what its rule wants transferred.",
    )
    until: date | None = Field(None, description="Last day of an extension.")
    to_class: Annotated[str | None, Field(alias="class", max_length=60)] = None
    authority: str = Field(
        "",
        max_length=MOST_AUTHORITY,
        description="What a transfer that its rule does not ask for, or a permanent keeping, rests on.",
    )


class ItemWords(Change):
    """Decisions about records of one batch, all of them taken or none."""

    decisions: Annotated[list[ItemWord], Field(min_length=1, max_length=MOST_DECISIONS)]


class ApprovalWord(Change):
    """The approval of exactly what the digest stands for."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the batch as it was shown to you.")


class ReturnWord(Change):
    """Why a batch is returned."""

    reason: str = Field(max_length=disposition.MOST_REASON)


class ApprovalView(View):
    """One person's approval that holds."""

    person: UUID
    approved_at: datetime

    @classmethod
    def of(cls, row: Approval) -> "ApprovalView":
        return cls(person=row.person, approved_at=row.approved_at)


class BatchView(View):
    """A batch and how far it has come."""

    id: UUID
    entity: UUID
    state: str = Field(description=", ".join(batch.BATCH_STATES))
    items: int
    states: dict[str, int] = Field(description="How many items stand how.")
    decisions: dict[str, int]
    proposed_by: UUID | None = Field(description="Nobody where the nightly run did.")
    proposed_at: datetime
    submitted_by: UUID | None
    submitted_at: datetime | None
    digest: str | None = Field(description="What an approval must name; none while it is not submitted.")
    quorum: int = Field(description="How many persons must approve.")
    approvals: list[ApprovalView]
    approved_at: datetime | None
    grace_days: int = Field(description="Days from the approval in which it can be undone.")
    single_operator: bool = Field(description="Approved by the one person there is.")
    ended_at: datetime | None

    @classmethod
    def of(cls, row: Batch, counts: Counts, approvals: list[Approval]) -> "BatchView":
        return cls(
            id=row.id,
            entity=row.entity,
            state=row.state,
            items=counts.total,
            states=counts.states,
            decisions=counts.decisions,
            proposed_by=row.proposed_by,
            proposed_at=row.proposed_at,
            submitted_by=row.submitted_by,
            submitted_at=row.submitted_at,
            digest=row.digest.hex() if row.digest else None,
            quorum=row.quorum,
            approvals=[ApprovalView.of(each) for each in approvals],
            approved_at=row.approved_at,
            grace_days=row.grace_days,
            single_operator=row.single_operator,
            ended_at=row.ended_at,
        )


class Batches(View):
    """Batches, the newest first."""

    items: list[BatchView]


class ItemView(View):
    """One record of a batch, with what was true of it when it was shown. Its title is asked for as a record."""

    record: UUID
    number: str
    record_class: str | None = Field(alias="class")
    action: str = Field(description="What the rule provides for: destroy, review or transfer.")
    rule: UUID = Field(description="Version of the rule.")
    retain_through: date | None
    eligible_from: date | None
    state: str = Field(description=", ".join(batch.ITEM_STATES))
    code: str | None = Field(description="Why it was reopened, passed over, kept or has failed.")
    decision: str | None
    until: date | None
    to_class: str | None = Field(description="The class it comes into, where that was decided.")
    reason: str
    authority: str | None = Field(
        description="What a transfer or permanent keeping rests on; none where its rule says."
    )
    package: UUID | None
    decided_by: UUID | None

    @classmethod
    def of(cls, row: Item, reason: str) -> "ItemView":
        return cls.model_validate(
            {
                "record": row.record,
                "number": row.number,
                "class": row.record_class,
                "action": row.action,
                "rule": row.rule,
                "retain_through": row.retain_through,
                "eligible_from": row.eligible_from,
                "state": row.state,
                "code": row.code,
                "decision": row.decision,
                "until": row.until_on,
                "to_class": row.to_class if row.decision == "reclassify" else None,
                "reason": reason,
                "authority": row.authority,
                "package": row.package,
                "decided_by": row.decided_by,
            }
        )


class Items(View):
    """Items of a batch."""

    items: list[ItemView]
    next: UUID | None


class SubmittedView(View):
    """What came of a submission."""

    digest: str | None = Field(description="None where nothing was left to submit.")
    submitted: int
    reopened: list[UUID] = Field(
        description="Records that changed since they were shown: their decision was taken back."
    )


class OutcomeView(View):
    """What came of an approval."""

    outcome: Literal["approved", "waiting", "voided"] = Field(
        description="waiting: more approvals are needed; voided: something changed, and it is under review again."
    )
    missing: int
    changed: list[UUID]


@router.get("/dispositions")
def list_batches(session: ReadSession, by: RetentionReader, state: Annotated[State | None, Query()] = None) -> Batches:
    """Batches of the legal entities in which you see retention, the newest first."""
    rows = batch.batches(session, by=by, state=state)
    counted = batch.counts(session, [row.id for row in rows])
    return Batches(items=[BatchView.of(row, counted[row.id], batch.approvals(session, row.id)) for row in rows])


@router.post("/dispositions", status_code=201)
def propose(session: WriteSession, by: DispositionPreparer, now: Now, wanted: NewBatch) -> BatchView:
    """Put what is eligible now into a batch, without waiting for the night."""
    made = disposition.propose(session, wanted.entity, by=by, at=now)
    if made is None:
        raise disposition.NothingEligible("every record is kept, held, or in a batch already")
    return _view(session, batch.get(session, made, by=by))


@router.get("/dispositions/{batch_id}")
def read_batch(session: ReadSession, batch_id: UUID, by: RetentionReader) -> BatchView:
    """One batch."""
    return _view(session, batch.get(session, batch_id, by=by))


@router.get("/dispositions/{batch_id}/items")
def read_items(
    run: Run,
    batch_id: UUID,
    by: RetentionReader,
    request_id: RequestId,
    state: Annotated[ItemState | None, Query()] = None,
    cursor: UUID | None = None,
    limit: Limit = 100,
) -> Items:
    """Items of a batch, by record."""
    with run.main.read() as session:
        row = batch.get(session, batch_id, by=by)
        found = batch.items(session, row.id, after=cursor, limit=limit + 1, state=state)
    reasons = words_shown.reasons(run, found[:limit], by=by, request=request_id)
    return Items(
        items=[ItemView.of(item, reasons.get(item.record, "")) for item in found[:limit]],
        next=found[limit - 1].record if len(found) > limit else None,
    )


@router.patch("/dispositions/{batch_id}/items")
def decide(
    run: Run, session: WriteSession, batch_id: UUID, by: DispositionPreparer, now: Now, words: ItemWords
) -> BatchView:
    """Decide what is to become of records of a batch. A submission and its approvals are void by that."""
    decisions = {
        word.record: ItemDecision(
            decision=word.decision,
            reason=word.reason,
            until=word.until,
            to_class=word.to_class,
            authority=word.authority,
        )
        for word in words.decisions
    }
    if len(decisions) != len(words.decisions):
        raise Invalid("a record is named twice")
    disposition.decide_items(session, batch_id, decisions, by=by, at=now, keys=run.keys)
    return _view(session, batch.get(session, batch_id, by=by))


@router.post("/dispositions/{batch_id}/submission")
def submit(session: WriteSession, batch_id: UUID, by: DispositionPreparer, now: Now) -> SubmittedView:
    """Submit what is decided for approval. What nobody decided is kept."""
    done = disposition.submit(session, batch_id, by=by, at=now)
    return SubmittedView(
        digest=done.digest.hex() if done.submitted else None, submitted=done.submitted, reopened=list(done.reopened)
    )


@router.post("/dispositions/{batch_id}/approval")
def approve(
    session: WriteSession, batch_id: UUID, by: DispositionApprover, now: Now, word: ApprovalWord
) -> OutcomeView:
    """Approve a batch in which you had no part; with the last approval needed the days of grace begin."""
    done = approval.approve(session, batch_id, bytes.fromhex(word.digest), by=by, at=now)
    return OutcomeView(outcome=done.state, missing=done.missing, changed=list(done.changed))


@router.post("/dispositions/{batch_id}/return")
def return_batch(
    session: WriteSession, batch_id: UUID, by: DispositionApprover, now: Now, word: ReturnWord
) -> BatchView:
    """Refuse a batch: it is under review again."""
    approval.return_batch(session, batch_id, word.reason, by=by, at=now)
    return _view(session, batch.get(session, batch_id, by=by))


@router.post("/dispositions/{batch_id}/undo")
def undo(session: WriteSession, batch_id: UUID, by: RetentionReader, now: Now) -> BatchView:
    """Undo an approved batch before it is carried out: whoever prepares or approves may."""
    approval.undo(session, batch_id, by=by, at=now)
    return _view(session, batch.get(session, batch_id, by=by))


def _view(session: ReadSession, row: Batch) -> BatchView:
    return BatchView.of(row, batch.counts(session, [row.id])[row.id], batch.approvals(session, row.id))
