"""Runs of the retention jobs: their reports, what stopped them, the clock, alarms."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field

from accounts.principal import Principal
from api.deps import DispositionApprover, Now, ReadSession, RetentionReader, Run, WriteSession
from api.rest.parameters import PREFIX, Change, Limit, View
from api.routing import Router
from app import retention_state
from app.retention_state import State
from retention import alarm, clock_guard, run
from retention.alarm import RetentionAlarm
from retention.run import RetentionRun

router = Router(prefix=PREFIX, tags=["retention"])


class StopView(View):
    """A class of which a run would have touched more than may be touched at once."""

    entity: UUID
    record_class: str = Field(alias="class")
    records: int
    of: int = Field(description="Records of the class.")
    most: int = Field(description="How many one run may touch.")


class RunView(View):
    """The report of one run of one job."""

    id: UUID
    round: UUID = Field(description="The same for what ran together.")
    job: str
    how: str = Field(description="night, often (every few minutes) or hand.")
    state: str = Field(description="running, done, stopped, failed or interrupted.")
    started_at: datetime
    ended_at: datetime | None
    seconds: float | None = Field(description="How long it took.")
    counts: dict[str, int] = Field(description="What it did, by kind.")
    skipped: dict[str, int] = Field(description="What it left out, by reason.")
    stops: list[StopView]
    error: str | None = Field(description="Code of what went wrong.")
    let_through_by: UUID | None
    let_through_at: datetime | None

    @classmethod
    def of(cls, row: RetentionRun, by: Principal) -> "RunView":
        stops = [stop for stop in row.stops if by.may("retention.read", entity=UUID(stop["entity"]))]
        return cls.model_validate(
            {
                "id": row.id,
                "round": row.round,
                "job": row.job,
                "how": row.how,
                "state": row.state,
                "started_at": row.started_at,
                "ended_at": row.ended_at,
                "seconds": None if row.ended_at is None else (row.ended_at - row.started_at).total_seconds(),
                "counts": row.counts,
                "skipped": row.skipped,
                "stops": stops,
                "error": row.error_code,
                "let_through_by": row.let_by,
                "let_through_at": row.let_at,
            }
        )


class ClockView(View):
    """Whether the clock is relied on."""

    doubt: str | None = Field(description="gap, back, outside; null where it is relied on.")
    trusted_at: datetime | None = Field(description="The last instant before the doubt.")
    shown_at: datetime | None = Field(description="What the clock showed then.")
    looked_at: datetime | None
    confirmed_at: datetime | None
    confirmed_how: str | None = Field(description="outside or officer.")


class AlarmView(View):
    """Something that waits too long, or is about to be late."""

    id: UUID
    code: str
    level: int = Field(description="1: a reminder; 2: escalated.")
    entity: UUID | None
    subject: UUID | None = Field(description="The batch, rule, hold, record or run it is about.")
    about: str
    records: int
    due_on: date | None
    raised_at: datetime

    @classmethod
    def of(cls, row: RetentionAlarm) -> "AlarmView":
        return cls(
            id=row.id,
            code=row.code,
            level=row.level,
            entity=row.entity,
            subject=row.subject,
            about=row.about,
            records=row.records,
            due_on=row.due_on,
            raised_at=row.raised_at,
        )


class RunsPage(View):
    """Reports, the newest first, and how the jobs stand."""

    items: list[RunView]
    next: UUID | None
    overdue: list[str] = Field(description="Jobs that have not ended for too long.")
    next_night: datetime | None = Field(description="When the next night's work begins; null: within minutes.")
    clock: ClockView
    alarms: list[AlarmView]


class Today(Change):
    """The date, stated by a person."""

    date: date


@router.get("/retention/runs")
def list_runs(
    session: ReadSession,
    by: RetentionReader,
    run_: Run,
    cursor: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> RunsPage:
    """Reports of the retention jobs, the newest first; alarms; the state of the clock; when they run next."""
    rows, following = run.visible(session, by=by, before=cursor, limit=limit)
    state = retention_state.of(session, run_)
    return RunsPage(
        items=[RunView.of(row, by) for row in rows],
        next=following,
        overdue=list(state.overdue),
        next_night=state.next_night,
        clock=clock_of(state),
        alarms=[AlarmView.of(row) for row in alarm.visible(session, by=by)],
    )


@router.post("/retention/runs/{run_id}/leave")
def let_through(session: WriteSession, run_id: UUID, by: DispositionApprover, now: Now) -> RunView:
    """Let what a run stopped at go through once, exactly as its report shows it."""
    return RunView.of(run.let_through(session, run_id, by=by, at=now), by)


@router.post("/retention/clock/confirmation", status_code=204)
def confirm_date(session: WriteSession, by: DispositionApprover, run_: Run, now: Now, today: Today) -> None:
    """State today's date, where the clock is in doubt; it must be the date that the clock shows."""
    clock_guard.confirm(session, today.date, zone=run_.settings.time_zone, by=by, at=now)


def clock_of(state: State) -> ClockView:
    """The clock, as people are told of it."""
    clock = state.clock
    if clock is None:
        return ClockView(
            doubt=None, trusted_at=None, shown_at=None, looked_at=None, confirmed_at=None, confirmed_how=None
        )
    return ClockView(
        doubt=clock.doubt,
        trusted_at=clock.trusted_at if clock.doubt else None,
        shown_at=clock.shown_at if clock.doubt else None,
        looked_at=clock.seen_at,
        confirmed_at=clock.confirmed_at,
        confirmed_how=clock.confirmed_how,
    )
