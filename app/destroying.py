"""Carries out what was approved: looks at each record once more, passes the point of no return, and finishes.

Everything here can be killed at any point and run again. Before the point of no return nothing has happened to a
record; after it the rows of ``retention.destruction`` say what is left to do:

1. ``execute_due`` takes approved batches whose grace is over. In the transaction that begins the destruction of a
   record it looks again at approvals, holds, dates, rule and state (``app.looking``). What must stay is passed over,
   and why is said. What is to be transferred or kept permanently is packed (``app.packing``); what was transferred
   goes the same way as everything else, once two persons have said that an archive acknowledged its package.
2. ``delete_objects`` deletes what the store has of them; what a lock keeps is noted with its end.
3. ``destroy_keys`` has the key service destroy the key epochs.
4. The keeper erases them from the index, and issues the certificate once all is confirmed (``app.certifying``).
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select, update

from accounts import entities
from app import holding, packing
from app.finishing import RETENTION, Outcome, Passing, finish, nobody
from app.looking import digest_of, is_approved, look, pass_over, seen_now
from app.reclassifying import reclassify_batch
from app.runtime import Runtime
from app.withdrawing import destroy_withdrawn
from audit import intake
from core.clock import civil_date
from core.database import ReadSession, WriteSession
from records.record import Record
from retention import batch as batches
from retention import destruction, package, running_day, stub_end, voiding
from retention.batch import Batch, Item
from retention.destruction import Doomed
from retention.disposition_events import DispositionBegun
from retention.hold import lock_holds
from retention.last_look import BEING_READ

log = logging.getLogger("muniment.destroying")

LONGEST_SECONDS = 0.010
"""Of looking at records in one transaction, which others wait for; what is then found is destroyed in the same."""
MOST_AT_ONCE = 8
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
        if shown is None:
            continue
        reclassify_batch(runtime, batch_id, shown, outcome, at, passing)
        for kind in (destruction.DISPOSITION, destruction.TRANSFER):
            _destroy_batch(runtime, batch_id, kind, shown, outcome, at, limit, passing)
        packing.pack_batch(runtime, batch_id, shown, outcome, at, passing)
    destroy_withdrawn(runtime, outcome, at, passing)
    finish(runtime, at=at, outcome=outcome, passing=passing)
    outcome.purged = _purge_stubs(runtime, at)
    return outcome


def _purge_stubs(runtime: Runtime, at: datetime) -> int:
    count = 0
    while True:
        with runtime.main.write() as session:
            purged = stub_end.purge(session, today=at.date(), by=RETENTION, at=at, keys=runtime.keys)
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
    with runtime.main.read() as session:
        # Whoever changes an item makes the approval void with it, so this need not be read while others wait.
        found = batches.digest_of(session, session.get_one(Batch, batch_id))
        shown = {item.record: digest_of(item) for item in _every_item(session, batch_id)}
    with runtime.main.write() as session:
        row = session.get_one(Batch, batch_id, with_for_update=True, populate_existing=True)
        if row.state not in (batches.APPROVED, batches.EXECUTING, batches.PARTLY_FAILED):
            return None
        if row.state == batches.APPROVED and not _grace_is_over(session, row, at):
            return None
        if not is_approved(session, row) or found != row.digest:
            log.error("a batch is not as it was approved", extra={"id": str(row.id)})
            outcome.voided += 1
            if row.state == batches.APPROVED:
                voiding.void(session, row, (), "not_as_approved", by=RETENTION, at=at)
            return None
        if row.state == batches.APPROVED:
            event = DispositionBegun(by=RETENTION.actor, entity=row.entity, batch=row.id, digest=found)
            intake.append(session, event, at=at)
        row.state = batches.EXECUTING
        others = (Item.batch == row.id, Item.state.in_((batches.OPEN, batches.DECIDED)))
        session.execute(update(Item).where(*others, Item.decision == "extend").values(state=batches.KEPT, code=None))
        undecided = Item.decision.is_(None)
        # What made it so stays said: a hold that came before the submission, for example.
        code = func.coalesce(Item.code, "undecided")
        session.execute(update(Item).where(*others, undecided).values(state=batches.KEPT, code=code))
        session.flush()
        return shown


def _waiting(batch_id: UUID, kind: str) -> Select[UUID]:
    """The records of a batch that wait to be destroyed: as decided, or transferred, acknowledged and confirmed."""
    of_batch = select(Item.record).where(Item.batch == batch_id)
    if kind == destruction.DISPOSITION:
        return of_batch.where(Item.state == batches.DECIDED, Item.decision == "destroy")
    confirmed = of_batch.join(package.Package, package.Package.id == Item.package)
    return confirmed.where(
        Item.state == batches.PACKAGED, Item.decision == "transfer", package.Package.confirmed_at.is_not(None)
    )


def _destroy_batch(
    runtime: Runtime,
    batch_id: UUID,
    kind: str,
    shown: dict[UUID, bytes],
    outcome: Outcome,
    at: datetime,
    limit: int,
    passing: Passing,
) -> None:
    after: UUID | None = None
    while outcome.begun < limit:
        with runtime.main.read() as session:
            query = _waiting(batch_id, kind)
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
                done = _destroy_some(runtime, session, batch_id, kind, waiting[:MOST_AT_ONCE], shown, outcome, at)
                passing("begun")
            if done == 0:
                # It was voided or undone meanwhile.
                return
            waiting = waiting[done:]


def _destroy_some(
    runtime: Runtime,
    session: WriteSession,
    batch_id: UUID,
    kind: str,
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
    if row.state != batches.EXECUTING or not is_approved(session, row):
        return 0
    today = civil_date(at, entities.get(session, entity).zone)
    found = {
        item.record: item for item in session.scalars(select(Item).where(Item.batch == batch_id, Item.record.in_(ids)))
    }
    still = set(session.scalars(_waiting(batch_id, kind).where(Item.record.in_(ids))))
    packages = package.of_items(session, list(found.values()))
    seen = seen_now(session, ids, shown, today, at)
    rows = {each.id: each for each in session.scalars(select(Record).where(Record.id.in_(ids)))}
    begun, looked, doomed = time.monotonic(), 0, list[Doomed]()
    for record_id in ids:
        if looked and time.monotonic() - begun > LONGEST_SECONDS:
            break
        looked += 1
        item = found[record_id]
        if record_id not in still:
            continue
        why, one = look(session, item, rows.get(record_id), seen)
        if one is not None:
            item.state, item.code = batches.ITEM_EXECUTING, None
            seen.going.add(record_id)
            if item.package is not None:
                one = replace(one, facts=one.facts | {"transferred": package.told(packages[item.package])})
            doomed.append(one)
        elif why != BEING_READ:
            pass_over(session, row, item, why, at)
            if item.package is not None and record_id in rows:
                # The archive has a copy of what stays here.
                package.note_outside(
                    session, packages[item.package], [record_id], by=RETENTION, at=at, keys=runtime.keys
                )
            outcome.skipped[why] = outcome.skipped.get(why, 0) + 1
    session.flush()
    if doomed:
        destruction.begin(session, doomed, kind=kind, cause=batch_id, by=RETENTION, keys=runtime.keys, at=at)
        outcome.begun += len(doomed)
    return looked


def _every_item(session: ReadSession, batch_id: UUID) -> Iterable[Item]:
    after = None
    while chunk := batches.items(session, batch_id, after=after, limit=1_000):
        yield from chunk
        after = chunk[-1].record
