"""Destroys the wrong uploads whose withdrawal a second person confirmed."""

from datetime import datetime

from sqlalchemy import select

from app.finishing import RETENTION, Outcome, Passing, finish, nobody
from app.runtime import Runtime
from core import jobs
from core.jobs import Claim
from records.record import WITHDRAWN
from retention import destruction, withdrawal
from retention.destruction import Doomed
from retention.hold import lock_holds
from retention.last_look import BEING_READ, being_read, blocked_by
from retention.withdrawal import Withdrawal


def carry_out(runtime: Runtime, claim: Claim, holder: str) -> None:
    """The job that a confirmation leaves. What a hold keeps meanwhile is looked at again by the nightly run."""
    now = runtime.clock.now()
    outcome = Outcome()
    destroy_withdrawn(runtime, outcome, now, nobody)
    finish(runtime, at=now, outcome=outcome)
    with runtime.main.write(beside=True) as session:
        jobs.finish(session, claim.id, holder=holder, at=runtime.clock.now())


def destroy_withdrawn(runtime: Runtime, outcome: Outcome, at: datetime, passing: Passing) -> None:
    """Destroy the wrong uploads that a second person confirmed; a hold placed since keeps them closed and there."""
    with runtime.main.read() as session:
        confirmed = select(Withdrawal.id).where(Withdrawal.state == withdrawal.CONFIRMED).order_by(Withdrawal.id)
        waiting = list(session.scalars(confirmed))
    for withdrawal_id in waiting:
        passing("begin")
        with runtime.main.write() as session:
            row = session.get_one(Withdrawal, withdrawal_id)
            lock_holds(session, row.entity)
            row = session.get_one(Withdrawal, withdrawal_id, with_for_update=True, populate_existing=True)
            family = withdrawal.records_of(session, row)
            if row.state != withdrawal.CONFIRMED or not family or family[0].state != WITHDRAWN:
                continue
            held = blocked_by(session, [row.record]).get(row.record)
            if held is not None or being_read(session, [each.id for each in family]):
                row.code = held or BEING_READ
                outcome.skipped[row.code] = outcome.skipped.get(row.code, 0) + 1
                continue
            row.state, row.code = withdrawal.EXECUTING, None
            going = [Doomed(each, {"number": each.number}, None) for each in family]
            session.flush()
            # What was written about it may name somebody, too.
            runtime.keys.shred(session, [withdrawal_id], at=at)
            kind = destruction.WITHDRAWAL
            destruction.begin(session, going, kind=kind, cause=withdrawal_id, by=RETENTION, keys=runtime.keys, at=at)
            passing("begun")
        outcome.begun += len(going)
