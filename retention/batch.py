"""Batches of records whose period has ended, with what is to become of each: the rows, their states, their digest.

proposed -> in_review -> submitted -> approved (days of grace) -> executing -> done | partly_failed; or undone.
An item without a decision is kept. A batch with a transfer goes on until an archive has acknowledged its
package, which may take months. The digest is over everything an approver is shown, so that an approval is of that
and of nothing else; whatever changes afterwards makes it void (``retention.approval``).

Reasons that people write are sealed under the batch's key, which is made with the first of them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import Principal
from core.canonical import canonical
from core.clock import to_us
from core.database import MainTable, ReadSession
from core.errors import NotFound

PROPOSED, IN_REVIEW, SUBMITTED, APPROVED = "proposed", "in_review", "submitted", "approved"
EXECUTING, DONE, PARTLY_FAILED, UNDONE = "executing", "done", "partly_failed", "undone"
BATCH_STATES = (PROPOSED, IN_REVIEW, SUBMITTED, APPROVED, EXECUTING, DONE, PARTLY_FAILED, UNDONE)
REVIEWED = (PROPOSED, IN_REVIEW)
"""States in which items are decided."""
LIVE = (*REVIEWED, SUBMITTED, APPROVED, EXECUTING, PARTLY_FAILED)
"""States in which the records of a batch are in no other."""

Decided = Literal["destroy", "extend", "reclassify", "transfer", "permanent"]
DECISIONS: tuple[Decided, ...] = ("destroy", "extend", "reclassify", "transfer", "permanent")
PACKED: tuple[Decided, ...] = ("transfer", "permanent")
"""Decisions that make a package."""

OPEN, DECIDED, ITEM_EXECUTING, DESTROYED = "open", "decided", "executing", "destroyed"
SKIPPED, FAILED, KEPT = "skipped", "failed", "kept"
PACKAGED = "packaged"
"""In a package that waits until an archive has acknowledged it."""
ITEM_STATES = (OPEN, DECIDED, PACKAGED, ITEM_EXECUTING, DESTROYED, SKIPPED, FAILED, KEPT)


class Batch(MainTable):
    """One batch: who had a part in it, and how far it has come."""

    __tablename__ = "disposition_batches"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(14), index=True)
    proposed_by: Mapped[UUID | None]
    """Empty where the nightly job did."""
    proposed_at: Mapped[datetime]
    submitted_by: Mapped[UUID | None]
    submitted_at: Mapped[datetime | None]
    digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """What an approver is shown; empty while it is not submitted."""
    quorum: Mapped[int]
    """How many persons must approve, as of the submission."""
    approved_at: Mapped[datetime | None]
    """When the last approval that was needed came: the days of grace begin."""
    grace_days: Mapped[int]
    single_operator: Mapped[bool]
    """Approved by the one person there is."""
    ended_at: Mapped[datetime | None]
    undone_by: Mapped[UUID | None]


class Item(MainTable):
    """One record of a batch, with what was true of it when it was shown."""

    __tablename__ = "disposition_items"
    __table_args__ = (UniqueConstraint("batch", "record"), Index("ix_disposition_items_batch_state", "batch", "state"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    batch: Mapped[UUID]
    record: Mapped[UUID] = mapped_column(index=True)
    number: Mapped[str] = mapped_column(String(9))
    record_class: Mapped[str | None] = mapped_column(String(60))
    revision: Mapped[int]
    """Of the record, as it was shown."""
    action: Mapped[str] = mapped_column(String(10))
    """What the rule provides for: destroy, review or transfer."""
    rule: Mapped[UUID]
    """Version of the winning rule."""
    retain_through: Mapped[date | None]
    eligible_from: Mapped[date | None]
    basis: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Digest of rule versions and facts."""
    state: Mapped[str] = mapped_column(String(10))
    code: Mapped[str | None] = mapped_column(String(40))
    """Why it was reopened, skipped, kept or has failed."""
    decision: Mapped[str | None] = mapped_column(String(10))
    until_on: Mapped[date | None]
    """Last day of an extension."""
    to_class: Mapped[str | None] = mapped_column(String(60))
    """Of a reclassification: the class it comes into when the batch is carried out."""
    reason_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    authority: Mapped[str | None] = mapped_column(String(300))
    """What a transfer or a permanent keeping rests on, as cited to an auditor; empty where the rule says it."""
    package: Mapped[UUID | None] = mapped_column(index=True)
    """The package it is in, once it is carried out."""


class Hand(MainTable):
    """That a person had a part in a batch: whoever did never approves it, also where a later word replaced theirs."""

    __tablename__ = "disposition_hands"

    batch: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[UUID] = mapped_column(primary_key=True)


class Approval(MainTable):
    """One person's approval of one digest."""

    __tablename__ = "approvals"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    batch: Mapped[UUID] = mapped_column(index=True)
    person: Mapped[UUID]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    approved_at: Mapped[datetime]
    voided_at: Mapped[datetime | None]
    voided_code: Mapped[str | None] = mapped_column(String(40))


@dataclass(frozen=True, slots=True)
class Counts:
    """How many items of a batch stand how, by state, and by decision where there is one."""

    total: int
    states: dict[str, int]
    decisions: dict[str, int]


def batches(session: ReadSession, *, by: Principal, state: str | None = None) -> list[Batch]:
    """Batches of the entities in which ``by`` sees retention, the newest first."""
    query = select(Batch).order_by(Batch.proposed_at.desc(), Batch.id.desc())
    if by.kind != "system":
        query = query.where(Batch.entity.in_(by.entities_for("retention.read")))
    if state is not None:
        query = query.where(Batch.state == state)
    return list(session.scalars(query))


def get(session: ReadSession, batch_id: UUID, *, by: Principal, lock: bool = False) -> Batch:
    """A batch of an entity in which ``by`` sees retention.

    ``lock``: nobody else changes it until COMMIT.

    Raises:
        NotFound: there is none, or not for ``by``.
    """
    row = session.get(Batch, batch_id, with_for_update=lock or None, populate_existing=True)
    if row is None or not by.may("retention.read", entity=row.entity):
        raise NotFound("there is no such batch, or it is not yours to see")
    return row


def items(
    session: ReadSession, batch_id: UUID, *, after: UUID | None = None, limit: int = 200, state: str | None = None
) -> list[Item]:
    """Items of a batch by record, those after the record ``after``. The caller has asked ``get`` for the batch."""
    query = select(Item).where(Item.batch == batch_id).order_by(Item.record).limit(limit)
    if after is not None:
        query = query.where(Item.record > after)
    if state is not None:
        query = query.where(Item.state == state)
    return list(session.scalars(query))


def counts(session: ReadSession, batch_ids: Sequence[UUID]) -> dict[UUID, Counts]:
    """The counts of each of the batches."""
    found = {each: Counts(0, {}, {}) for each in batch_ids}
    query = select(Item.batch, Item.state, Item.decision, func.count()).where(Item.batch.in_(list(batch_ids)))
    for batch, state, decision, count in session.execute(query.group_by(Item.batch, Item.state, Item.decision)):
        before = found[batch]
        before.states[state] = before.states.get(state, 0) + count
        if decision is not None:
            before.decisions[decision] = before.decisions.get(decision, 0) + count
        found[batch] = Counts(before.total + count, before.states, before.decisions)
    return found


def approvals(session: ReadSession, batch_id: UUID) -> list[Approval]:
    """The approvals of a batch that hold, the first first."""
    query = select(Approval).where(Approval.batch == batch_id, Approval.voided_at.is_(None))
    return list(session.scalars(query.order_by(Approval.approved_at, Approval.id)))


def digest_of(session: ReadSession, batch: Batch) -> bytes:
    """SHA-256 over all that an approver is shown of a batch, in canonical JSON.

    The items of the batch one by one, then its head: so it takes flat memory however many there are.
    """
    digest = hashlib.sha256(b"muniment/disposition/1\x00")
    after, count = None, 0
    while chunk := items(session, batch.id, after=after, limit=1_000):
        for item in chunk:
            digest.update(canonical(shown(item)) + b"\n")
        after, count = chunk[-1].record, count + len(chunk)
    submitted = to_us(batch.submitted_at) if batch.submitted_at else None
    digest.update(canonical({"batch": batch.id.hex, "entity": batch.entity.hex, "at": submitted, "items": count}))
    return digest.digest()


def shown(item: Item) -> dict[str, object]:
    """All that an approver is shown of an item, and nothing that carrying it out changes."""
    said: dict[str, object] = {"authority": item.authority} if item.authority else {}
    if item.decision == "reclassify":
        said["to_class"] = item.to_class
    return said | {
        "record": item.record.hex,
        "revision": item.revision,
        "class": item.record_class,
        "action": item.action,
        "rule": item.rule.hex,
        "basis": item.basis.hex(),
        "retain_through": item.retain_through.isoformat() if item.retain_through else None,
        "eligible_from": item.eligible_from.isoformat() if item.eligible_from else None,
        "decision": item.decision,
        "until": item.until_on.isoformat() if item.until_on else None,
        "reason": hashlib.sha256(item.reason_sealed).hexdigest() if item.reason_sealed else None,
        "by": item.decided_by.hex if item.decided_by else None,
    }
