"""The newest simulation of some versions, as the pages of the schedule show it."""

from dataclasses import dataclass
from datetime import datetime

from accounts.principal import Principal
from api.deps import ReadSession
from retention import schedule, simulation
from retention.schedule import RetentionRule
from retention.simulation import Simulation


@dataclass(frozen=True, slots=True)
class Simulated:
    """What is known of what a decision would do."""

    needed: bool
    """Whether records are kept already, so that somebody has to look first."""
    row: Simulation | None
    """The newest simulation of exactly this."""
    is_fresh: bool


def simulated(
    session: ReadSession, rows: list[RetentionRule], kind: simulation.Kind, by: Principal, now: datetime
) -> Simulated:
    needed = schedule.has_records(session, rows[0].entity)
    wanted = sorted(row.id.hex for row in rows)
    newest = simulation.listed(session, by=by, limit=100) if needed else []
    found = next((each for each in newest if (each.kind, each.versions) == (kind, wanted)), None)
    return Simulated(needed, found, found is not None and simulation.is_fresh(session, found, now))
