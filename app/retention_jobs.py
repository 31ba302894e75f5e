"""The retention jobs, run by themselves: every night in the zone of the installation, some of them every few minutes.

A round runs the steps of ``app.retention_steps`` one after the other. Each step holds a lease of its own while it
runs, writes a report also where nothing happened, and can be killed: the round is taken up again with the steps that
had not ended, and each of those finds what was done already. A night that was missed is made up for as soon as the
machine runs; days of grace it stood still do not count (``retention.running_day``).
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts.principal import Principal
from app import clock_watch
from app.runtime import Runtime
from core import jobs, leases
from core.database import ReadSession
from core.errors import Conflict, MunimentError, Unavailable
from core.identifiers import new_id
from core.jobs import Claim
from retention import clock_guard, run, running_day
from retention.run import DONE, FAILED, HAND, NIGHT, OFTEN, STOPPED, Stop

log = logging.getLogger("muniment.retention")

RUN = "retention.run"
AWAY = Unavailable.code
LATE = timedelta(hours=36)
"""A step that has not ended for so long is overdue."""


class RunsAlready(Conflict):
    """This job is running already."""

    code = "retention_runs_already"


class LeaseLost(Conflict):
    """Another process has taken over the job."""

    code = "retention_lease_lost"


@dataclass(slots=True)
class Work:
    """What a step is given, and into which it writes its report."""

    how: str
    dry: bool = False
    """Tell what would be done, and change nothing."""
    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    stops: list[Stop] = field(default_factory=list)
    scope: bytes | None = None
    doubt: str | None = None
    """Why nothing may be executed: the clock is in doubt."""
    still_mine: Callable[[], bool] = lambda: True
    noted: Callable[["Work"], None] = lambda work: None

    def did(self, kind: str, count: int = 1) -> None:
        """Count what was done, or in a dry run would be."""
        if count:
            self.counts[kind] += count

    def skip(self, reason: str, count: int = 1) -> None:
        """Count what was left out, and why."""
        if count:
            self.skipped[reason] += count

    def step_on(self) -> None:
        """Between two batches: write down how far it has come.

        Raises:
            LeaseLost: another process does this now.
        """
        if not self.still_mine():
            raise LeaseLost
        self.noted(self)


@dataclass(frozen=True, slots=True)
class Step:
    """One job."""

    name: str
    act: Callable[[Runtime, Work], None]
    often: bool = False
    """Also every few minutes, for periods in hours."""

    @property
    def meaning(self) -> str:
        """What it does, in one sentence."""
        return (self.act.__doc__ or self.name).strip().splitlines()[0]


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one step, for whoever waits for it."""

    job: str
    state: str
    counts: dict[str, int]
    skipped: dict[str, int]
    stops: list[Stop]
    error_code: str | None = None
    doubt: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "job": self.job,
            "state": self.state,
            "counts": self.counts,
            "skipped": self.skipped,
            "stops": [stop.to_json() for stop in self.stops],
            "error": self.error_code,
        }


def ask_due(runtime: Runtime) -> None:
    """Every few minutes, by beat: note that the system runs, look at the clock, and leave what is due as a job."""
    look(runtime)
    now, zone = runtime.clock.now(), runtime.settings.time_zone
    with runtime.main.write(beside=True) as session:
        how = NIGHT if run.is_night_due(run.last_night(session), now, zone) else OFTEN
        key = f"{RUN}/{how}"
        jobs.add(session, "retention.run", queue="maintenance", at=now, key=key, how=how, round=new_id())


def carry_out(runtime: Runtime, claim: Claim, holder: str, steps: Sequence[Step]) -> None:
    """Run the round that a job names, or what is left of it.

    Raises:
        Unavailable: a step could not reach what it needs; the round is taken up again later.
        RunsAlready: so it is where another round holds a step.
    """
    how, round_ = claim.arguments["how"], UUID(claim.arguments["round"])
    with runtime.main.read() as session:
        now = runtime.clock.now()
        last = run.last_night(session, other_than=round_)
        is_due = how != NIGHT or run.is_night_due(last, now, runtime.settings.time_zone)
    if is_due:
        # What was waited for may have become due meanwhile; a day may have begun.
        look(runtime)
        told = run_round(runtime, steps, how=how, round_=round_, process=holder.split("/")[1])
        if any(each.error_code == AWAY for each in told):
            raise Unavailable("a step waits for what it needs")
        if how == NIGHT and any(each.state == run.RUNNING for each in told):
            # Somebody runs it by hand, or the lease of one that was killed has not run out.
            raise RunsAlready("tried again until it was run in this round")
    with runtime.main.write(beside=True) as session:
        jobs.finish(session, claim.id, holder=holder, at=runtime.clock.now())


def look(runtime: Runtime) -> str | None:
    """Note the day and look at the clock; tells what is in doubt."""
    with runtime.main.write(beside=True) as session:
        running_day.note(session, zone=runtime.settings.time_zone, at=runtime.clock.now())
    return clock_watch.look(runtime).doubt


def run_round(
    runtime: Runtime,
    steps: Sequence[Step],
    *,
    how: str = HAND,
    round_: UUID | None = None,
    process: str = "cli",
    by: Principal | None = None,
    told: Callable[[Told], None] = lambda each: None,
) -> list[Told]:
    """Run the steps of a round that have not ended yet, each with its report; ``told`` hears of each."""
    round_ = round_ or new_id()
    with runtime.main.read() as session:
        ended = run.done_in(session, round_)
    found = []
    for step in steps:
        if step.name in ended or (how == OFTEN and not step.often):
            continue
        try:
            each = _run_step(runtime, step, how, round_, process, by)
        except RunsAlready as error:
            each = Told(step.name, run.RUNNING, {}, {}, [], error.code)
        found.append(each)
        told(each)
    if how != OFTEN:
        with runtime.main.write(beside=True) as session:
            run.forget_empty(session, before=runtime.clock.now() - run.KEEP_EMPTY)
    return found


def dry_run(runtime: Runtime, steps: Sequence[Step], told: Callable[[Told], None] = lambda each: None) -> list[Told]:
    """What every step would do now. Nothing is changed, and nothing is written down."""
    found, doubt = [], clock_watch.peek(runtime)
    for step in steps:
        work = Work(HAND, dry=True, doubt=doubt)
        try:
            step.act(runtime, work)
            state, code = STOPPED if work.stops else DONE, None
        except MunimentError as error:
            state, code = FAILED, error.code
        found.append(Told(step.name, state, dict(work.counts), dict(work.skipped), work.stops, code, doubt))
        told(found[-1])
    return found


def overdue(session: ReadSession, steps: Sequence[Step], at: datetime) -> list[str]:
    """The steps that have not ended for too long."""
    since = running_day.first(session)
    if since is None or at - since <= LATE:
        return []
    ended = run.last_ended(session)
    return [step.name for step in steps if step.name not in ended or at - ended[step.name] > LATE]


def next_night(last: datetime | None, now: datetime, zone: str) -> datetime | None:
    """When the next night's work begins; ``None``: within minutes."""
    if run.is_night_due(last, now, zone):
        return None
    begin = now.astimezone(ZoneInfo(zone)).replace(hour=1, minute=0, second=0, microsecond=0)
    while not (begin > now and run.is_night_due(last, begin, zone)):
        begin += timedelta(days=1)
    return begin


def _run_step(runtime: Runtime, step: Step, how: str, round_: UUID, process: str, by: Principal | None) -> Told:
    with _held(runtime, f"retention.{step.name}", process) as still_mine:
        with runtime.main.write(beside=True) as session:
            row = run.begin(session, step.name, round_=round_, how=how, at=runtime.clock.now(), by=by)
            row_id = row.id

        def noted(work: Work) -> None:
            with runtime.main.write(beside=True) as session:
                run.note(session, row_id, work.counts, work.skipped)

        with runtime.main.read() as reading:
            state_of_clock = clock_guard.state_of(reading)
        doubt = None if state_of_clock is None else state_of_clock.doubt
        work = Work(how, doubt=doubt, still_mine=still_mine, noted=noted)
        code = None
        try:
            step.act(runtime, work)
        except MunimentError as error:
            code = AWAY if isinstance(error, Unavailable) else error.code
            log.error("a retention job failed", extra={"job": step.name, "code": error.code})
        except Exception as error:
            code = type(error).__name__
            log.exception("a retention job failed", extra={"job": step.name, "code": code})
        state = FAILED if code is not None else STOPPED if work.stops else DONE
        counts, skipped = +work.counts, +work.skipped
        with runtime.main.write(beside=True) as session:
            run.end(
                session,
                row_id,
                state=state,
                counts=counts,
                skipped=skipped,
                stops=work.stops,
                scope=work.scope,
                error_code=code,
                at=runtime.clock.now(),
            )
        return Told(step.name, state, dict(counts), dict(skipped), work.stops, code, work.doubt)


@contextmanager
def _held(runtime: Runtime, name: str, process: str) -> Iterator[Callable[[], bool]]:
    """Hold the lease of a step while the block runs; gives what tells whether it still is ours.

    Raises:
        RunsAlready: another has it.
    """
    holder, ended, lost = leases.incarnation(process), threading.Event(), threading.Event()

    def take() -> bool:
        with runtime.main.write(beside=True) as session:
            return leases.take(session, name, holder=holder, at=runtime.clock.now())

    if not take():
        raise RunsAlready("wait until it has ended", job=name)

    def renew() -> None:
        while not ended.wait(leases.RENEW_SECONDS):
            try:
                if not take():
                    lost.set()
            except MunimentError as error:
                log.warning("the lease of a job is not renewed", extra={"code": error.code})

    thread = threading.Thread(target=renew, name="renew-retention", daemon=True)
    thread.start()
    try:
        yield lambda: not lost.is_set()
    finally:
        ended.set()
        thread.join()
        with runtime.main.write(beside=True) as session:
            leases.void(session, holder)
