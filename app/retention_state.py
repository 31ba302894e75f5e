"""How the retention jobs stand, in one value: for the page, REST, readiness and metrics."""

from dataclasses import dataclass
from datetime import datetime

from app import retention_jobs
from app.retention_jobs import Step
from app.retention_steps import STEPS
from app.runtime import Runtime
from core.database import ReadSession
from records import fixity_walk
from records.fixity_walk import FixityWalk
from retention import clock_guard, run
from retention.clock_guard import ClockState
from retention.run import RetentionRun


@dataclass(frozen=True, slots=True)
class State:
    """The jobs, the clock and the fixity check at one instant."""

    at: datetime
    newest: dict[str, RetentionRun]
    overdue: tuple[str, ...]
    next_night: datetime | None
    """``None``: within minutes."""
    clock: ClockState | None
    stopped: RetentionRun | None
    """The run that waits to be let through."""
    fixity: FixityWalk | None
    fixity_wrong: int

    @property
    def steps(self) -> tuple[Step, ...]:
        """The jobs there are, in the order in which they run."""
        return STEPS


def of(session: ReadSession, runtime: Runtime) -> State:
    """How the jobs stand now; nothing is looked at but rows."""
    at = runtime.clock.now()
    return State(
        at=at,
        newest=run.newest(session),
        overdue=tuple(retention_jobs.overdue(session, STEPS, at)),
        next_night=retention_jobs.next_night(run.last_night(session), at, runtime.settings.time_zone),
        clock=clock_guard.state_of(session),
        stopped=run.waiting_stop(session),
        fixity=session.get(FixityWalk, 1),
        fixity_wrong=len(fixity_walk.troubles(session)),
    )
