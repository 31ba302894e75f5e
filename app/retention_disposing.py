"""The steps of the retention jobs that lead to destruction: reckon, propose, remind, carry out, look ahead.

Nothing here decides: what is proposed is decided by people, and what is carried out was approved by them.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from accounts import entities
from accounts.principal import system
from app import date_jobs, destroying, finishing
from app.retention_jobs import LeaseLost, Work
from app.runtime import Runtime
from core.clock import civil_date
from core.database import ReadSession
from records.record import Record
from retention import (
    alarm,
    ceiling,
    destruction,
    disposition,
    disposition_terms,
    package,
    record_date,
    run,
    running_day,
    schedule,
)
from retention import batch as batches
from retention.alarm import Found
from retention.batch import APPROVED, DECIDED, REVIEWED, SUBMITTED, Batch, Item
from retention.record_date import DatedSchedule, RecordDate

RETENTION = system("retention")
MOST_AT_ONCE = 10_000
"""Records destroyed in one run; the others wait for the next."""
MOST_BATCHES = 200
"""New batches of an entity in one run."""

Touched = Mapping[tuple[UUID, str], int]


def reckon_dates(runtime: Runtime, work: Work) -> None:
    """Reckon the dates of what changed, and of all records of an entity whose schedule changed."""
    now = runtime.clock.now()
    if not work.dry and work.how != run.OFTEN:
        with runtime.main.write() as session:
            for entity in schedule.turn(session, at=now):
                record_date.ask_all(session, entity, now)
                work.did("schedules_turned")
    with runtime.main.read() as session:
        held_against = {row.entity: row.schedule for row in session.scalars(select(DatedSchedule))}
        behind = [
            row.id
            for row in entities.everything(session)
            if held_against.get(row.id, 0) != schedule.revision(session, row.id)
        ]
    if work.dry:
        for entity in behind:
            work.counts.update(date_jobs.date_entity(runtime, entity, dry=True))
        return
    work.counts.update(date_jobs.date_marked(runtime, go_on=work.step_on))
    for entity in behind:
        work.counts.update(date_jobs.date_entity(runtime, entity, go_on=work.step_on))
    work.did("locks_asked", date_jobs.ask_locks(runtime, go_on=work.step_on))


def propose(runtime: Runtime, work: Work) -> None:
    """Put what has become eligible into batches for people to decide about."""
    now = runtime.clock.now()
    with runtime.main.read() as session:
        homes = [row.id for row in entities.everything(session)]
        hourly = select(RecordDate.record).where(RecordDate.eligible_at <= now).limit(1)
        if work.how == run.OFTEN and session.scalar(hourly) is None:
            return
        if work.dry:
            work.did("to_propose", sum(disposition.count_eligible(session, home, at=now) for home in homes))
            return
    for home in homes:
        for _ in range(MOST_BATCHES):
            with runtime.main.write() as session:
                made = disposition.propose(session, home, by=RETENTION, at=now)
                records = 0 if made is None else batches.counts(session, [made])[made].total
            if made is None:
                break
            work.did("batches")
            work.did("proposed", records)
            work.step_on()


def remind(runtime: Runtime, work: Work) -> None:
    """Remind of batches that wait for review or approval, and of transfers; escalate what goes on waiting."""
    now, late = runtime.clock.now(), timedelta(days=runtime.settings.review_days)
    with runtime.main.read() as session:
        rows = session.scalars(select(Batch).where(Batch.state.in_((*REVIEWED, SUBMITTED)))).all()
        zones = {row.id: row.zone for row in entities.everything(session)}
        totals = batches.counts(session, [row.id for row in rows])
        packed = package.waiting(session)
    reviews, approvals = list[Found](), list[Found]()
    for row in rows:
        since = row.submitted_at if row.state == SUBMITTED else row.proposed_at
        if since is not None and now - since >= late:
            due_on = civil_date(since + late, zones[row.entity])
            found = Found(row.entity, row.id, records=totals[row.id].total, due_on=due_on)
            (approvals if row.state == SUBMITTED else reviews).append(found)
    handed = [
        Found(row.entity, row.id, records=row.records, due_on=civil_date(since + late, zones[row.entity]))
        for row, since in packed
        if now - since >= late
    ]
    work.did("reviews_late", len(reviews))
    work.did("approvals_late", len(approvals))
    work.did("transfers_late", len(handed))
    if not work.dry:
        with runtime.main.write() as session:
            for code, late_ones in (
                (alarm.REVIEW_OVERDUE, reviews),
                (alarm.APPROVAL_OVERDUE, approvals),
                (alarm.TRANSFER_OVERDUE, handed),
            ):
                work.counts.update(alarm.settle(session, code, late_ones, at=now).to_counts(code))


def execute(runtime: Runtime, work: Work) -> None:
    """Destroy what two persons approved and whose days of grace are over; finish what earlier runs began."""
    now = runtime.clock.now()
    if work.how == run.OFTEN and _rests_till_night(runtime, now):
        return
    with runtime.main.read() as session:
        ids, touched = due_batches(session, now)
        homes = {entity for entity, _ in touched}
        own = {home: disposition_terms.of(session, home).destroy_percent for home in homes}
        stops = run.stops_of(
            touched,
            _totals(session, homes),
            percent=runtime.settings.destroy_percent,
            free=runtime.settings.destroy_free,
            own={home: percent for home, percent in own.items() if percent is not None},
        )
        scope = run.scope_of(touched, ids)
        before = run.last_stop(session, run.EXECUTE)
    count = sum(touched.values())
    if work.doubt is not None:
        work.skip("clock_in_doubt", count)
    elif stops and (work.dry or not _has_leave(runtime, scope, now)):
        if work.dry or work.how != run.OFTEN or before is None or before.scope != scope:
            # Between nights it is not told again every few minutes.
            work.stops, work.scope = stops, scope
            work.skip("too_much_at_once", count)
    elif work.dry:
        work.did("to_destroy", count)
    else:
        _tell(work, destroying.execute_due(runtime, at=now, limit=MOST_AT_ONCE, passing=_passing(work)))
        return
    if not work.dry:
        # What is past the point of no return is finished in any case.
        _tell(work, finishing.finish(runtime, at=now, passing=_passing(work)))


def look_ahead(runtime: Runtime, work: Work) -> None:
    """Alarm before records reach their ceiling, and when a statute's has passed.

    Whose time for review and destruction has passed waits in a batch, of which people are reminded.
    """
    now = runtime.clock.now()
    near, breached = list[Found](), list[Found]()
    with runtime.main.read() as session:
        for home in entities.everything(session):
            today = civil_date(now, home.zone)
            last = today + timedelta(days=runtime.settings.ceiling_alarm_days)
            near += _by_class(session, home.id, today, last)
            for code, (count, day) in ceiling.breached_by_class(session, home.id, today).items():
                breached.append(Found(home.id, about=code, records=count, due_on=day))
    work.did("near", sum(each.records for each in near))
    work.did("breached", sum(each.records for each in breached))
    if not work.dry:
        with runtime.main.write() as session:
            for code, found in ((alarm.CEILING_NEAR, near), (alarm.CEILING_BREACHED, breached)):
                work.counts.update(alarm.settle(session, code, found, at=now).to_counts(code))


def due_batches(session: ReadSession, at: datetime) -> tuple[list[UUID], Touched]:
    """The approved batches whose grace is over, and how many records of which class they would destroy or hand over.

    Batches that an earlier run began with are not among them: that they are not too much was looked at then.
    """
    approved = session.scalars(select(Batch).where(Batch.state == APPROVED)).all()
    zones = {row.id: row.zone for row in entities.everything(session)}
    due = [
        row.id
        for row in approved
        if row.approved_at is not None
        and running_day.grace_is_over(session, row.approved_at, row.grace_days, zone=zones[row.entity], at=at)
    ]
    touched: Counter[tuple[UUID, str]] = Counter()
    for start in range(0, len(due), 200):
        some = (
            Item.batch.in_(due[start : start + 200]),
            Item.state == DECIDED,
            Item.decision.in_(("destroy", "transfer")),
        )
        rows = session.execute(
            select(Batch.entity, Item.record_class, func.count())
            .join(Batch, Batch.id == Item.batch)
            .where(*some)
            .group_by(Batch.entity, Item.record_class)
        )
        for entity, code, count in rows:
            touched[entity, code or ""] += count
    return due, touched


def _rests_till_night(runtime: Runtime, at: datetime) -> bool:
    """Whether nothing is to be executed before the night; then what is over is told all the same."""
    under_way = select(Batch.id).where(Batch.state.in_((batches.EXECUTING, batches.PARTLY_FAILED)))
    with runtime.main.read() as session:
        if _cannot_wait(session, at):
            return False
        has_begun = session.scalar(under_way.limit(1)) is not None
    if has_begun:
        # The keeper certifies after the run has ended: a batch is not to look unfinished until the next night.
        with runtime.main.write() as session:
            finishing.settle_batches(session, at=at)
    return True


def _cannot_wait(session: ReadSession, at: datetime) -> bool:
    """Whether there is something to execute before the night: let through, confirmed by an archive, in hours, or begun
    and not finished."""
    if run.waits_for_leave(session, run.EXECUTE) or destruction.unfinished(session):
        return True
    if package.awaits_destruction(session) or package.to_delete(session) or package.is_any_called_off(session):
        return True
    in_hours = (
        select(Item.id)
        .join(Batch, Batch.id == Item.batch)
        .join(RecordDate, RecordDate.record == Item.record)
        .where(Batch.state == APPROVED, RecordDate.eligible_at <= at)
    )
    return session.scalar(in_hours.limit(1)) is not None


def _has_leave(runtime: Runtime, scope: bytes, at: datetime) -> bool:
    with runtime.main.write() as session:
        return run.take_leave(session, run.EXECUTE, scope, at=at)


def _totals(session: ReadSession, homes: set[UUID]) -> dict[tuple[UUID, str], int]:
    rows = session.execute(
        select(Record.entity, Record.record_class, func.count())
        .where(Record.entity.in_(homes))
        .group_by(Record.entity, Record.record_class)
    )
    return {(entity, code or ""): count for entity, code, count in rows}


def _by_class(session: ReadSession, home: UUID, first: date, last: date) -> list[Found]:
    soonest = func.min(RecordDate.ceiling_through)
    rows = session.execute(
        select(RecordDate.record_class, func.count(), soonest)
        .join(Record, Record.id == RecordDate.record)
        .where(RecordDate.entity == home, RecordDate.ceiling_through >= first, RecordDate.ceiling_through <= last)
        .group_by(RecordDate.record_class)
    )
    return [Found(home, about=code or "", records=count, due_on=day) for code, count, day in rows]


def _passing(work: Work) -> finishing.Passing:
    def passing(step: str) -> None:
        if not work.still_mine():
            raise LeaseLost

    return passing


def _tell(work: Work, outcome: finishing.Outcome) -> None:
    work.did("begun", outcome.begun)
    work.did("packed", outcome.packed)
    work.did("reclassified", outcome.reclassified)
    work.did("locked", outcome.locked)
    work.did("voided", outcome.voided)
    for reason, count in outcome.skipped.items():
        work.skip(reason, count)
    for reason, count in outcome.failed.items():
        work.skip(f"failed_{reason}", count)
