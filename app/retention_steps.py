"""What the retention jobs do, step by step; each step takes the runtime and writes its own report.

A step looks at how things are and does what is left to do: run twice, or again after it was killed, the second run
finds what the first one did. A step that ends a blocker stands last, so that nothing becomes eligible and
is proposed in one and the same round.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import func, select

from accounts import entities
from accounts.principal import system
from app import locks
from app import retention_disposing as disposing
from app.retention_jobs import Step, Work
from app.runtime import Runtime
from core.clock import civil_date
from core.database import ReadSession
from records import fixity_walk, object_lock
from records.case_file import CaseFile
from records.fixity_walk import FixityTrouble, Walked
from records.record import NEEDS_ATTENTION, NEEDS_REVIEW, PROCESSING, RECEIVED, Record
from retention import alarm, clock_guard, freshness, hold, intermediate, run
from retention.alarm import Found
from retention.held import OVER, Hold
from retention.package import Package

RETENTION = system("retention")
UNCLASSIFIED_FOR = timedelta(days=90)
_WAITING = (RECEIVED, PROCESSING, NEEDS_REVIEW, NEEDS_ATTENTION)


def renew_locks(runtime: Runtime, work: Work) -> None:
    """Ask the store to prolong the locks that run out, and to try again where it refused."""
    if work.dry:
        with runtime.main.read() as session:
            due = object_lock.due(session, today=runtime.clock.now().date(), limit=10_000)
        work.did("asked", len(due))
        return
    work.did("asked", locks.locker_of(runtime).ask_due())


def check_fixity(runtime: Runtime, work: Work) -> None:
    """Read tonight's share of all stored objects again, and compare."""
    days = runtime.settings.fixity_days
    if work.dry:
        with runtime.main.read() as session:
            wanted, left = fixity_walk.plan(session, days=days, at=runtime.clock.now())
        work.did("to_check", wanted)
        work.did("left", left)
        return

    def go_on(walked: Walked) -> bool:
        _tell(work, walked)
        work.step_on()
        return True

    _tell(work, fixity_walk.check_share(runtime.main, runtime.store, runtime.clock, days=days, go_on=go_on))
    now = runtime.clock.now()
    with runtime.main.write() as session:
        open_ones = fixity_walk.troubles(session)
        packed = _places(session, Package, open_ones)
        places = _places(session, Record, open_ones) | packed
        found: dict[bool, list[Found]] = {True: [], False: []}
        for row in open_ones:
            found[row.record in packed].append(Found(places.get(row.record), row.record, row.object_key))
        alarm.settle(session, alarm.FIXITY, found[False], at=now)
        alarm.settle(session, alarm.PACKAGE_FIXITY, found[True], at=now)


def _places(
    session: ReadSession, table: type[Record] | type[Package], rows: Sequence[FixityTrouble]
) -> dict[UUID, UUID]:
    wanted = select(table.id, table.entity).where(table.id.in_([row.record for row in rows]))
    return {row.id: row.entity for row in session.execute(wanted)}


def _tell(work: Work, walked: Walked) -> None:
    for kind in ("checked", "sound", "wrong", "mended", "left"):
        work.counts[kind] = getattr(walked, kind)


def alarm_unclassified(runtime: Runtime, work: Work) -> None:
    """Alarm for records that have waited for a class, or for being read, for 90 days."""
    now = runtime.clock.now()
    waiting = (
        select(Record.entity, func.count())
        .where(Record.state.in_(_WAITING), Record.captured_at <= now - UNCLASSIFIED_FOR)
        .group_by(Record.entity)
    )
    with runtime.main.read() as session:
        counted = session.execute(waiting).all()
    work.did("waiting", sum(count for _, count in counted))
    if not work.dry:
        with runtime.main.write() as session:
            found = [Found(entity, records=count) for entity, count in counted]
            work.counts.update(alarm.settle(session, alarm.UNCLASSIFIED, found, at=now).to_counts("alarm"))


def close_what_ended(runtime: Runtime, work: Work) -> None:
    """Bring records of case files no longer in use into the intermediate archive, where an entity says so."""
    now = runtime.clock.now()
    with runtime.main.read() as session:
        homes = [row.id for row in entities.everything(session)]
        due = {file: day for home in homes for file, day in intermediate.due_files(session, home, at=now).items()}
        if work.dry:
            work.did("to_close", sum(intermediate.count_due(session, home, at=now) for home in homes))
            return
    if due and work.doubt is not None:
        work.skip("clock_in_doubt", len(due))
        return
    for file, day in due.items():
        while _close_some(runtime, file, day, work):
            work.step_on()


def _close_some(runtime: Runtime, file: UUID, day: date, work: Work) -> int:
    now = runtime.clock.now()
    with runtime.main.read() as session:
        # Whoever only looks does not stand in line with those who write.
        entity = session.get_one(CaseFile, file).entity
        zone = entities.get(session, entity).zone
        if not intermediate.due_records(session, file, day, zone=zone, limit=1):
            return 0
    with runtime.main.write() as session:
        if intermediate.due_files(session, entity, at=now, only=file).get(file) != day:
            return 0
        count = intermediate.close_some(session, file, day, by=RETENTION, at=now)
    work.did("closed", count)
    return count


def remind_of_holds(runtime: Runtime, work: Work) -> None:
    """Remind of holds whose day of review has come, and end those whose years can no longer be assessed."""
    now = runtime.clock.now()
    with runtime.main.read() as session:
        zones = {row.id: row.zone for row in entities.everything(session)}
        rows = session.scalars(select(Hold).where(Hold.state != OVER)).all()
        due = [row for row in rows if row.review_on <= civil_date(now, zones[row.entity])]
        # The first day that any entity has.
        reminded = hold.holds_due(session, max((civil_date(now, zone) for zone in zones.values()), default=now.date()))
    work.did("due", len(due))
    if work.dry:
        work.did("to_remind", len([row for row in reminded if row in due]))
        return
    with runtime.main.write() as session:
        found = [Found(row.entity, row.id, due_on=row.review_on) for row in due]
        work.counts.update(alarm.settle(session, alarm.HOLD_REVIEW_DUE, found, at=now).to_counts("alarm"))
        for row in reminded:
            hold.note_reminded(session, row.id, civil_date(now, zones[row.entity]), by=RETENTION, at=now)
            work.did("reminded")
    if work.doubt is not None:
        over = [
            row for row in rows if row.open_until is not None and row.open_until < civil_date(now, zones[row.entity])
        ]
        work.skip("clock_in_doubt", len(over))
        return
    with runtime.main.write() as session:
        work.did("lapsed", len(hold.lapse_due(session, by=RETENTION, at=now)))


def tell_state(runtime: Runtime, work: Work) -> None:
    """Alarms about the jobs themselves: a clock in doubt, a run that waits to be let through."""
    if work.dry:
        return
    now = runtime.clock.now()
    with runtime.main.write() as session:
        state = clock_guard.state_of(session)
        doubted = [] if state is None or state.doubt is None else [Found(None, about=state.doubt)]
        work.counts.update(alarm.settle(session, alarm.CLOCK, doubted, at=now).to_counts("clock"))
        stopped = run.waiting_stop(session)
        waiting = (
            []
            if stopped is None
            else [Found(None, about=run.EXECUTE, records=sum(s["records"] for s in stopped.stops))]
        )
        work.counts.update(alarm.settle(session, alarm.TOO_MUCH, waiting, at=now).to_counts("stops"))


def remind_of_rules(runtime: Runtime, work: Work) -> None:
    """Remind of published rules that somebody has to hold against the law again."""
    now = runtime.clock.now()
    with runtime.main.read() as session:
        due = freshness.overdue(session, at=now)
    work.did("due", len(due))
    if not work.dry:
        with runtime.main.write() as session:
            found = [Found(entity, version, due_on=day) for entity, version, day in due]
            work.counts.update(alarm.settle(session, alarm.RULE_REVIEW_DUE, found, at=now).to_counts("alarm"))


STEPS: tuple[Step, ...] = (
    Step("dates", disposing.reckon_dates, often=True),
    Step("regimes", close_what_ended, often=True),
    Step("propose", disposing.propose, often=True),
    Step("remind", disposing.remind),
    Step("execute", disposing.execute, often=True),
    Step("ceilings", disposing.look_ahead),
    Step("locks", renew_locks),
    Step("fixity", check_fixity),
    Step("rules", remind_of_rules),
    Step("unclassified", alarm_unclassified),
    Step("holds", remind_of_holds),
    Step("state", tell_state, often=True),
)
"""In this order."""
