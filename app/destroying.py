"""Carries out what was approved: looks at each record once more, passes the point of no return, and finishes.

Everything here can be killed at any point and run again. Before the point of no return nothing has happened to a
record; after it the rows of ``retention.destruction`` say what is left to do:

1. ``execute_due`` takes approved batches whose grace is over. In the transaction that begins the destruction of a
   record it looks again at approvals, holds, dates, rule and state. What must stay is passed over, and why is said.
2. ``delete_objects`` deletes what the store has of them; what a lock keeps is noted with its end.
3. ``destroy_keys`` has the key service destroy the key epochs.
4. The keeper erases them from the index, and issues the certificate once all is confirmed (``app.certifying``).
"""

import hashlib
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from accounts import entities
from app import holding
from app.finishing import RETENTION, Outcome, Passing, finish, nobody
from app.runtime import Runtime
from app.withdrawing import destroy_withdrawn
from audit import intake
from core.canonical import canonical
from core.clock import civil_date
from core.database import ReadSession, WriteSession
from records.record import WITHDRAWN, Record
from records.regime import RESTRICTED
from retention import approval, dating, destruction, running_day, stub
from retention import batch as batches
from retention.batch import Batch, Hand, Item
from retention.destruction import Doomed
from retention.disposition import ACTIONS
from retention.disposition_events import DestructionSkipped
from retention.hold import lock_holds
from retention.last_look import BEING_READ, being_read, blocked_by
from retention.verdict import Facts, Verdict

log = logging.getLogger("muniment.destroying")

LONGEST_SECONDS = 0.025
"""Of looking at records in one transaction, which others wait for; what is then found is destroyed in the same."""
MOST_AT_ONCE = 16
_LISTED = 200


def execute_due(runtime: Runtime, *, at: datetime, limit: int = 10_000, passing: Passing = nobody) -> Outcome:
    """Carry out what is due, at most ``limit`` records, and finish what earlier runs began.

    One at a time (the caller has the run's lease). It destroys nothing that was not approved, or that is not due by
    the clock of ``at``; whether that clock can be believed is for the caller to know.
    """
    outcome = Outcome()
    with runtime.main.read() as session:
        due = [row.id for row in _due(session, at)]
    for batch_id in due:
        shown = _start(runtime, batch_id, outcome, at)
        if shown is not None and outcome.begun < limit:
            _destroy_batch(runtime, batch_id, shown, outcome, at, limit, passing)
    destroy_withdrawn(runtime, outcome, at, passing)
    finish(runtime, at=at, outcome=outcome, passing=passing)
    outcome.purged = _purge_stubs(runtime, at)
    return outcome


def _purge_stubs(runtime: Runtime, at: datetime) -> int:
    count = 0
    while True:
        with runtime.main.write() as session:
            purged = stub.purge(session, today=at.date(), by=RETENTION, at=at, keys=runtime.keys)
        count += purged
        if purged == 0:
            return count


def _due(session: ReadSession, at: datetime) -> list[Batch]:
    rows = session.scalars(
        select(Batch)
        .where(Batch.state.in_((batches.APPROVED, batches.EXECUTING, batches.PARTLY_FAILED)))
        .order_by(Batch.approved_at, Batch.id)
    )
    return [row for row in rows if row.state != batches.APPROVED or _grace_is_over(session, row, at)]


def _grace_is_over(session: ReadSession, row: Batch, at: datetime) -> bool:
    if row.approved_at is None:
        return False
    zone = entities.get(session, row.entity).zone
    return running_day.grace_is_over(session, row.approved_at, row.grace_days, zone=zone, at=at)


def _start(runtime: Runtime, batch_id: UUID, outcome: Outcome, at: datetime) -> dict[UUID, bytes] | None:
    """Turn to a batch: what was shown of each record, or ``None`` where it is not as it was approved."""
    with runtime.main.write() as session:
        row = session.get_one(Batch, batch_id, with_for_update=True, populate_existing=True)
        if row.state not in (batches.APPROVED, batches.EXECUTING, batches.PARTLY_FAILED):
            return None
        if row.state == batches.APPROVED and not _grace_is_over(session, row, at):
            return None
        if not _is_approved(session, row) or batches.digest_of(session, row) != row.digest:
            log.error("a batch is not as it was approved", extra={"id": str(row.id)})
            outcome.voided += 1
            if row.state == batches.APPROVED:
                approval.void(session, row, (), "not_as_approved", by=RETENTION, at=at)
            return None
        row.state = batches.EXECUTING
        others = (Item.batch == row.id, Item.state.in_((batches.OPEN, batches.DECIDED)))
        session.execute(update(Item).where(*others, Item.decision == "extend").values(state=batches.KEPT, code=None))
        undecided = Item.decision.is_(None)
        # What made it so stays said: a hold that came before the submission, for example.
        code = func.coalesce(Item.code, "undecided")
        session.execute(update(Item).where(*others, undecided).values(state=batches.KEPT, code=code))
        session.flush()
        return {item.record: _seen(item) for item in _every_item(session, row.id)}


def _is_approved(session: ReadSession, row: Batch) -> bool:
    """Whether enough persons who had no part in it approved exactly this digest."""
    given = {each.person for each in batches.approvals(session, row.id) if each.digest == row.digest}
    if row.single_operator:
        return len(given) >= 1
    hands = set(session.scalars(select(Hand.person).where(Hand.batch == row.id)))
    return row.digest is not None and len(given - hands) >= max(row.quorum, 1)


def _destroy_batch(
    runtime: Runtime,
    batch_id: UUID,
    shown: dict[UUID, bytes],
    outcome: Outcome,
    at: datetime,
    limit: int,
    passing: Passing,
) -> None:
    after: UUID | None = None
    while outcome.begun < limit:
        with runtime.main.read() as session:
            query = select(Item.record).where(Item.batch == batch_id, Item.state == batches.DECIDED)
            if after is not None:
                query = query.where(Item.record > after)
            waiting = list(session.scalars(query.order_by(Item.record).limit(min(_LISTED, limit - outcome.begun))))
        if not waiting:
            return
        after = waiting[-1]
        passing("catch")
        holding.catch(runtime, waiting)
        while waiting:
            passing("begin")
            with runtime.main.write() as session:
                done = _destroy_some(runtime, session, batch_id, waiting[:MOST_AT_ONCE], shown, outcome, at)
                passing("begun")
            if done == 0:
                # It was voided or undone meanwhile.
                return
            waiting = waiting[done:]


def _destroy_some(
    runtime: Runtime,
    session: WriteSession,
    batch_id: UUID,
    ids: list[UUID],
    shown: dict[UUID, bytes],
    outcome: Outcome,
    at: datetime,
) -> int:
    """Look at as many of the records as fit into one transaction, and begin with those that may go."""
    row = session.get_one(Batch, batch_id)
    entity = row.entity
    lock_holds(session, entity)
    row = session.get_one(Batch, batch_id, with_for_update=True, populate_existing=True)
    if row.state != batches.EXECUTING or not _is_approved(session, row):
        return 0
    today = civil_date(at, entities.get(session, entity).zone)
    found = {
        item.record: item for item in session.scalars(select(Item).where(Item.batch == batch_id, Item.record.in_(ids)))
    }
    seen = _Seen(shown, blocked_by(session, ids), being_read(session, ids), today, at)
    rows = {each.id: each for each in session.scalars(select(Record).where(Record.id.in_(ids)))}
    begun, looked, doomed = time.monotonic(), 0, list[Doomed]()
    for record_id in ids:
        if looked and time.monotonic() - begun > LONGEST_SECONDS:
            break
        looked += 1
        item = found[record_id]
        if item.state != batches.DECIDED or item.decision != "destroy":
            continue
        why, one = _look(session, item, rows.get(record_id), seen)
        if one is not None:
            item.state, item.code = batches.ITEM_EXECUTING, None
            seen.going.add(record_id)
            doomed.append(one)
        elif why != BEING_READ:
            _skip(session, row, item, why, at)
            outcome.skipped[why] = outcome.skipped.get(why, 0) + 1
    session.flush()
    if doomed:
        cause = destruction.DISPOSITION
        destruction.begin(session, doomed, kind=cause, cause=batch_id, by=RETENTION, keys=runtime.keys, at=at)
        outcome.begun += len(doomed)
    return looked


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen of all records of one transaction."""

    shown: dict[UUID, bytes]
    """Digest of what the approvers were shown of each."""
    blocked: dict[UUID, str]
    busy: set[UUID]
    today: date
    at: datetime
    going: set[UUID] = field(default_factory=set)
    """Records that go in this very transaction."""


def _look(session: ReadSession, item: Item, row: Record | None, seen: _Seen) -> tuple[str, Doomed | None]:
    """Whether the record of an item goes now; else why it stays, as a code."""
    if row is None:
        return "gone", None
    if seen.shown.get(item.record) != _seen(item):
        return "not_as_approved", None
    if item.record in seen.blocked:
        return seen.blocked[item.record], None
    if row.state == WITHDRAWN:
        return "withdrawal_asked", None
    if row.regime == RESTRICTED:
        # Stored, and not processed otherwise (GDPR Art. 18): to destroy is to process.
        return RESTRICTED, None
    if row.parent is not None and row.parent not in seen.going and session.get(Record, row.parent) is not None:
        # Its bytes lie in the mail or archive, too.
        return "kept_in_parent", None
    if row.revision != item.revision:
        return "changed", None
    if row.id in seen.busy:
        return BEING_READ, None
    verdict, facts, basis = dating.fresh(session, row.id, seen.at)
    why = stays(verdict, basis, item, seen.today, seen.at)
    if why is not None:
        return why, None
    return "", Doomed(row, _facts(item, verdict, facts), item.rule)


def stays(verdict: Verdict, basis: bytes, item: Item, today: date, at: datetime) -> str | None:
    """Why what was computed just now lets a record stay; ``None`` where it is as it was approved, and due."""
    if verdict.state != "dated" or verdict.action not in ACTIONS or verdict.winner is None:
        return "not_eligible"
    if verdict.eligible_at is not None:
        if verdict.eligible_at > at:
            return "not_eligible"
    elif verdict.eligible_from is None or verdict.eligible_from > today:
        return "not_eligible"
    return None if basis == item.basis else "changed"


def _facts(item: Item, verdict: Verdict, facts: Facts) -> dict[str, Any]:
    """What the certificate says of why the record went."""
    rule = verdict.winner
    assert rule is not None
    event = facts.triggers.get(rule.trigger)
    return {
        "number": item.number,
        "class": item.record_class,
        "rule": {
            "id": item.rule.hex,
            "code": rule.code,
            "version": rule.version,
            "legal_basis": rule.legal_basis,
            "period": rule.period.text,
            "trigger": rule.trigger,
            "event": event.isoformat() if event is not None else None,
        },
        "basis": item.basis.hex(),
        "retain_through": item.retain_through.isoformat() if item.retain_through else None,
        "eligible_from": item.eligible_from.isoformat() if item.eligible_from else None,
        "decided_by": item.decided_by.hex if item.decided_by else None,
    }


def _skip(session: WriteSession, row: Batch, item: Item, why: str, at: datetime) -> None:
    item.state, item.code = batches.SKIPPED, why
    event = DestructionSkipped(by=RETENTION.actor, entity=row.entity, batch=row.id, record=item.record, reason=why)
    intake.append(session, event, at=at)


def _every_item(session: ReadSession, batch_id: UUID) -> Iterable[Item]:
    after = None
    while chunk := batches.items(session, batch_id, after=after, limit=1_000):
        yield from chunk
        after = chunk[-1].record


def _seen(item: Item) -> bytes:
    return hashlib.sha256(canonical(batches.shown(item))).digest()
