"""Disposition: records whose period has ended are proposed, decided one by one, and submitted for approval.

Proposing destroys nothing and decides nothing. A record is in one live batch at most. What was shown of an item is
written with it; where the record or its date has changed since, submitting reopens the item instead of taking the
decision along. An item that nobody decided is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from accounts import entities
from accounts.principal import Principal
from audit import intake
from core.clock import civil_date
from core.database import ReadSession, WriteSession, insert_for
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from records import placement, record
from records.record import Record
from retention import batch as batches_
from retention import disposition_terms, voiding
from retention.batch import DECIDED, KEPT, LIVE, OPEN, REVIEWED, Batch, Decided, Hand, Item
from retention.blocker import blockers_of
from retention.disposition_events import (
    DispositionDecided,
    DispositionProposed,
    DispositionSubmitted,
    ReclassificationDecided,
)
from retention.held import OVER, HeldRecord, Hold
from retention.kept import MOST_AUTHORITY
from retention.record_date import RecordDate
from retention.schedule_rows import RetentionRule
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

PREPARE = "disposition.prepare"
ACTIONS = ("destroy", "review", "transfer")
"""What a rule may provide for a record to be proposed: what it keeps permanently has no end."""
MOST_ITEMS = 1_000
MOST_REASON = 500
_AT_ONCE = 500


class NotUnderReview(Conflict):
    """The batch is not under review."""

    code = "disposition_not_under_review"


class NothingEligible(Conflict):
    """No record can be proposed now."""

    code = "disposition_nothing_eligible"


class BeyondMaximum(Conflict):
    """A statutory maximum says until when it may be kept, so it cannot be kept permanently."""

    code = "disposition_beyond_maximum"


class NothingDecided(Conflict):
    """Nothing has been decided in this batch."""

    code = "disposition_nothing_decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDecision:
    """What is to become of one record; ``None`` takes a decision back."""

    decision: Decided | None
    reason: str = ""
    """Needed to extend, to keep permanently, and to destroy what its rule wants transferred."""
    until: date | None = None
    """Last day of an extension."""
    to_class: str | None = None
    authority: str = ""
    """What a transfer or a permanent keeping rests on: the provision, or the decision of the organisation. A transfer
    that the rule asks for rests on the rule's."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What came of a submission."""

    digest: bytes
    submitted: int
    reopened: tuple[UUID, ...]
    """Records whose decision was taken back, because they, their date or what holds them has changed."""


def propose(
    session: WriteSession, entity: UUID, *, by: Principal, at: datetime, limit: int = MOST_ITEMS
) -> UUID | None:
    """Put the records of an entity whose time has come into a new batch; ``None`` where there are none.

    Left out: what a hold or the like blocks, what is in a live batch, what was extended, and what was found in a
    mail or an archive that stays, since its bytes lie in there too.

    Raises:
        NotAllowed: ``by`` does not prepare dispositions there.
    """
    if by.kind != "system":
        by.require(PREPARE, entity=entity)
    today = civil_date(at, entities.get(session, entity).zone)
    columns = (RecordDate, Record.number, Record.revision, Record.record_class)
    query = select(*columns).join(Record, Record.id == RecordDate.record).where(*_is_eligible(entity, today, at))
    # Left out by the database too: a thousand that are held for years must not stand before all others.
    noted = select(HeldRecord.record).join(Hold, Hold.id == HeldRecord.hold)
    query = query.where(~exists(noted.where(HeldRecord.record == Record.id, Hold.state != OVER)))
    rows = session.execute(query.order_by(RecordDate.eligible_from, Record.id).limit(limit)).all()
    blocked = blockers_of(session, [row.RecordDate.record for row in rows])
    rows = [row for row in rows if not blocked.get(row.RecordDate.record)]
    if not rows:
        return None
    terms = disposition_terms.of(session, entity)
    made = Batch(
        id=new_id(),
        entity=entity,
        state=batches_.PROPOSED,
        proposed_by=by.id,
        proposed_at=at,
        quorum=terms.quorum,
        grace_days=terms.grace_days,
        single_operator=False,
    )
    session.add(made)
    for row in rows:
        item = Item(id=new_id(), batch=made.id, record=row.RecordDate.record, number=row.number, state=OPEN)
        _show(item, row.RecordDate, row.revision, row.record_class)
        session.add(item)
    session.flush()
    _had_a_part(session, made.id, by.id)
    records = tuple(row.RecordDate.record for row in rows)
    intake.append(session, DispositionProposed(by=by.actor, entity=entity, batch=made.id, records=records), at=at)
    return made.id


def count_eligible(session: ReadSession, entity: UUID, *, at: datetime) -> int:
    """How many records ``propose`` would look at now, blocked ones included."""
    today = civil_date(at, entities.get(session, entity).zone)
    query = select(func.count()).select_from(RecordDate).join(Record, Record.id == RecordDate.record)
    return session.scalar(query.where(*_is_eligible(entity, today, at))) or 0


def decide_items(
    session: WriteSession,
    batch_id: UUID,
    decisions: Mapping[UUID, ItemDecision],
    *,
    by: Principal,
    at: datetime,
    keys: Keyring,
) -> int:
    """Write what is to become of records of a batch; tells how many. A submission and its approvals are void by that.

    To reclassify takes the right of ``by`` to classify the record. Like everything else it is carried out once
    another person has approved it and the days of grace are over (``app.reclassifying``).

    Raises:
        NotFound: no such batch for ``by``, or a record is not in it.
        NotAllowed: ``by`` does not prepare dispositions there, or may not classify the record.
        NotUnderReview: it is being carried out, or over.
        Invalid: an extension without a reason or a day to come, a reclassification without a class, a transfer or
            permanent keeping without what it rests on, destruction of what its rule wants transferred without a reason.
        BeyondMaximum: permanent keeping where a statutory maximum decides.
    """
    row = batches_.get(session, batch_id, by=by, lock=True)
    by.require(PREPARE, entity=row.entity)
    if row.state in (batches_.SUBMITTED, batches_.APPROVED):
        voiding.void(session, row, tuple(decisions), "decided_anew", by=by, at=at)
    _require_review(row)
    today = civil_date(at, entities.get(session, row.entity).zone)
    found = {item.record: item for item in _items(session, batch_id, list(decisions))}
    for record_id, wanted in decisions.items():
        item = found.get(record_id)
        if item is None or item.state not in (OPEN, DECIDED):
            raise NotFound("the record is not in this batch, or has left it")
        _check(wanted, item, today)
        if wanted.decision == "permanent":
            _require_no_maximum(session, item)
        _decide(session, row, item, wanted, by=by, at=at, keys=keys)
    row.state = batches_.IN_REVIEW
    session.flush()
    _had_a_part(session, row.id, by.person)
    for event in _told(row, decisions, by):
        intake.append(session, event, at=at)
    return len(decisions)


def submit(session: WriteSession, batch_id: UUID, *, by: Principal, at: datetime) -> Submitted:
    """Submit what is decided. From now on the digest stands for it, and every change makes that void.

    The caller must show ``reopened``: what has changed since it was shown lost its decision.

    Raises:
        NotFound: no such batch for ``by``.
        NotAllowed: ``by`` does not prepare dispositions there.
        NotUnderReview: it was submitted already, or is over.
        NothingDecided: there is nothing to submit.
    """
    row = batches_.get(session, batch_id, by=by, lock=True)
    by.require(PREPARE, entity=row.entity)
    _require_review(row)
    reopened = reopen_changed(session, row)
    decided = session.scalars(select(Item).where(Item.batch == row.id, Item.state == DECIDED)).all()
    if not decided and not reopened:
        raise NothingDecided("decide about one of its records first")
    if not decided:
        return Submitted(b"", 0, reopened)
    terms = disposition_terms.of(session, row.entity)
    row.quorum, row.grace_days, row.single_operator = terms.quorum, terms.grace_days, False
    row.state, row.submitted_by, row.submitted_at = batches_.SUBMITTED, by.person, at
    session.flush()
    row.digest = batches_.digest_of(session, row)
    _had_a_part(session, row.id, by.person)
    destroy = sum(item.decision == "destroy" for item in decided)
    event = DispositionSubmitted(
        by=by.actor,
        entity=row.entity,
        batch=row.id,
        digest=row.digest,
        destroy=destroy,
        others=len(decided) - destroy,
    )
    intake.append(session, event, at=at)
    return Submitted(row.digest, len(decided), reopened)


def reopen_changed(session: WriteSession, row: Batch) -> tuple[UUID, ...]:
    """Take back the decisions about records that are not as they were shown; tells which. Open items are shown anew.

    ``code`` of the item says why: ``changed``, ``not_eligible``, or the kind of what blocks it.
    """
    reopened = []
    after = None
    while chunk := batches_.items(session, row.id, after=after, limit=_AT_ONCE):
        after = chunk[-1].record
        waiting = [item for item in chunk if item.state in (OPEN, DECIDED)]
        for item, code in changes(session, waiting):
            was_decided = item.state == DECIDED
            dated, now = session.get(RecordDate, item.record), session.get(Record, item.record)
            if dated is None or now is None or dated.rule is None:
                item.state, item.code = KEPT, "not_eligible"
            else:
                _show(item, dated, now.revision, now.record_class)
                item.state, item.code = OPEN, code
            item.decision = item.until_on = item.reason_sealed = item.authority = None
            if was_decided:
                reopened.append(item.record)
    session.flush()
    return tuple(reopened)


def changes(session: ReadSession, waiting: Sequence[Item]) -> list[tuple[Item, str]]:
    """Those of the items that are not as they were shown, and why: by the rows of this transaction."""
    ids = [item.record for item in waiting]
    dates = {row.record: row for row in session.scalars(select(RecordDate).where(RecordDate.record.in_(ids)))}
    revisions = {
        row.id: row.revision for row in session.execute(select(Record.id, Record.revision).where(Record.id.in_(ids)))
    }
    blocked = blockers_of(session, ids)
    found = []
    for item in waiting:
        dated = dates.get(item.record)
        if blocked.get(item.record):
            found.append((item, blocked[item.record][0].kind))
        elif dated is None or dated.state != "dated" or dated.action not in ACTIONS:
            found.append((item, "not_eligible"))
        elif dated.basis != item.basis or revisions.get(item.record) != item.revision:
            found.append((item, "changed"))
    return found


def reasons_of(session: ReadSession, items: Sequence[Item], keys: Keyring) -> dict[UUID, str]:
    """The reasons that were written about items, by record; the caller has asked for the batch."""
    known = keys.get_many(session, {item.batch for item in items if item.reason_sealed})
    return {
        item.record: open_text(known[item.batch], item.batch, None, f"reason/{item.id.hex}", item.reason_sealed)
        for item in items
        if item.reason_sealed is not None and item.batch in known
    }


def _is_eligible(entity: UUID, today: date, at: datetime) -> tuple[ColumnElement[bool], ...]:
    live = select(Item.id).join(Batch, Batch.id == Item.batch).where(Item.record == Record.id, Batch.state.in_(LIVE))
    live = live.where(Item.state.not_in((KEPT, batches_.SKIPPED)))
    extended = select(Item.id).where(
        Item.record == Record.id, Item.state == KEPT, Item.decision == "extend", Item.until_on >= today
    )
    whole, of_whole = aliased(Record), aliased(RecordDate)
    kept_in = (
        select(whole.id)
        .outerjoin(of_whole, of_whole.record == whole.id)
        .where(whole.id == Record.parent)
        .where(or_(of_whole.record.is_(None), of_whole.state != "dated", of_whole.eligible_from > today))
    )
    return (
        RecordDate.entity == entity,
        RecordDate.state == "dated",
        RecordDate.action.in_(ACTIONS),
        RecordDate.rule.is_not(None),
        or_(
            and_(RecordDate.eligible_at.is_(None), RecordDate.eligible_from <= today),
            RecordDate.eligible_at <= at,
        ),
        Record.state != record.WITHDRAWN,
        ~exists(live),
        ~exists(extended),
        ~exists(kept_in),
    )


def _show(item: Item, dated: RecordDate, revision: int, record_class: str | None) -> None:
    """Write what is shown of the item from now on."""
    if dated.rule is None or dated.action is None:
        raise Invalid("a record without a rule is not disposed of")
    item.record_class, item.revision = record_class, revision
    item.action, item.rule, item.basis = dated.action, dated.rule, dated.basis
    item.retain_through, item.eligible_from = dated.retain_through, dated.eligible_from


def _check(wanted: ItemDecision, item: Item, today: date) -> None:
    if len(wanted.reason) > MOST_REASON:
        raise Invalid(f"a reason has at most {MOST_REASON} characters")
    if wanted.decision == "extend" and not (wanted.reason.strip() and wanted.until and wanted.until > today):
        raise Invalid("an extension takes a reason and a last day to come")
    if wanted.decision == "destroy" and item.action == "transfer" and not wanted.reason.strip():
        raise Invalid(
            "its rule wants it transferred: to destroy it takes a reason, such as that the archive declined it"
        )
    if len(wanted.authority) > MOST_AUTHORITY:
        raise Invalid(f"name what it rests on in {MOST_AUTHORITY} characters at most")
    if wanted.decision == "transfer" and item.action != "transfer" and not wanted.authority.strip():
        raise Invalid("a transfer that the rule does not ask for takes the provision that it rests on")
    if wanted.decision == "permanent" and not (wanted.reason.strip() and wanted.authority.strip()):
        raise Invalid("to keep permanently takes a reason and the provision or decision that it rests on")
    if wanted.decision == "reclassify" and wanted.to_class in (None, "", item.record_class):
        raise Invalid("choose another record class")
    if wanted.decision not in (None, *batches_.DECISIONS):
        raise Invalid("decide to destroy, to extend, to reclassify, to transfer or to keep permanently")


def _require_no_maximum(session: ReadSession, item: Item) -> None:
    """Refuse where a maximum decided; one that has not is looked for before the decision is carried out."""
    rule = session.get(RetentionRule, item.rule)
    if rule is not None and rule.value().bound == "maximum":
        raise BeyondMaximum(rule.value().legal_basis)


def _decide(
    session: WriteSession, row: Batch, item: Item, wanted: ItemDecision, *, by: Principal, at: datetime, keys: Keyring
) -> None:
    item.decision, item.code = wanted.decision, None
    item.state = OPEN if wanted.decision is None else DECIDED
    item.until_on = wanted.until if wanted.decision == "extend" else None
    item.to_class = wanted.to_class if wanted.decision == "reclassify" else None
    item.authority = (wanted.authority.strip() or None) if wanted.decision in batches_.PACKED else None
    item.decided_by, item.decided_at = by.person, at
    reason = wanted.reason.strip()
    item.reason_sealed = None
    if reason:
        key = keys.get_many(session, [row.id]).get(row.id) or keys.create(session, row.id, kind="batch", at=at)
        item.reason_sealed = seal_text(key, row.id, None, f"reason/{item.id.hex}", reason)
    if wanted.decision == "reclassify" and wanted.to_class:
        placement.check_class(session, item.record, wanted.to_class, by=by, at=at)


def _told(row: Batch, decisions: Mapping[UUID, ItemDecision], by: Principal) -> list[DispositionDecided]:
    """One event for all that were decided alike."""
    alike: dict[ItemDecision, list[UUID]] = {}
    for record_id, wanted in decisions.items():
        alike.setdefault(wanted, []).append(record_id)
    told: list[DispositionDecided] = []
    for wanted, records in alike.items():
        said: dict[str, Any] = {
            "by": by.actor,
            "entity": row.entity,
            "batch": row.id,
            "records": tuple(records),
            "decision": wanted.decision,
            "until": wanted.until,
            "reason": wanted.reason.strip() or None,
            "authority": wanted.authority.strip() or None,
        }
        if wanted.decision == "reclassify" and wanted.to_class:
            told.append(ReclassificationDecided(**said, to_class=wanted.to_class))
        else:
            told.append(DispositionDecided(**said))
    return told


def _items(session: ReadSession, batch_id: UUID, records: Sequence[UUID]) -> list[Item]:
    found: list[Item] = []
    for start in range(0, len(records), _AT_ONCE):
        some = Item.record.in_(records[start : start + _AT_ONCE])
        found += session.scalars(select(Item).where(Item.batch == batch_id, some))
    return found


def _had_a_part(session: WriteSession, batch_id: UUID, person: UUID | None) -> None:
    if person is not None:
        row = insert_for(session, Hand).values(batch=batch_id, person=person)
        session.execute(row.on_conflict_do_nothing(index_elements=["batch", "person"]))


def _require_review(row: Batch) -> None:
    if row.state not in REVIEWED:
        raise NotUnderReview(f"it is {row.state}")
