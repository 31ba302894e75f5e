"""Simulations: what rules, another class or calendar, a hold or its release would do, over the whole archive."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from starlette.responses import StreamingResponse

from accounts import entities, fiscal_year
from api.deps import Now, ReadSession, RequestId, RetentionReader, Run
from api.disposition import disposition
from api.rest.hold_views import ScopeWanted
from api.rest.parameters import PREFIX, Change, Limit, View
from api.routing import Router
from app import hold_wanted, simulating
from core.errors import Invalid
from retention import hold_simulation, simulation
from retention.simulation import Simulation

router = Router(prefix=PREFIX, tags=["retention"])
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "One line a record that moves."}
}


class SimulationWanted(Change):
    """A change to be simulated."""

    entity: UUID
    kind: simulation.Kind = Field(
        description="rules: publish drafts; retire: take rules out; class: another class; calendar: another time zone "
        "or fiscal year; hold: place one; release: release one."
    )
    versions: list[UUID] = Field([], max_length=simulation.MOST_RULES)
    from_class: str | None = Field(None, max_length=60)
    to_class: str | None = Field(None, max_length=60)
    time_zone: str | None = Field(None, max_length=60, description="For a calendar; the one of now where left out.")
    fiscal_year_start: str | None = Field(
        None, max_length=fiscal_year.LONGEST, description="As among the terms of retention; likewise."
    )
    scope: ScopeWanted | None = Field(None, description="What a hold would reach.")
    hold: UUID | None = Field(None, description="The hold whose release is simulated.")


class SimulationView(View):
    """A simulation, and its result once there is one."""

    id: UUID
    entity: UUID
    kind: str
    versions: list[UUID]
    spec: dict[str, Any] = Field(description="Classes, calendar, hold or its scope; without the words of a query.")
    asked_at: datetime
    ended_at: datetime | None
    schedule: int
    inputs: str = Field(description="Digest of what it rests on, in hex.")
    fresh: bool = Field(description="Whether a publication may rest on it.")
    result: dict[str, Any] | None

    @classmethod
    def of(cls, row: Simulation, *, fresh: bool) -> "SimulationView":
        return cls(
            id=row.id,
            entity=row.entity,
            kind=row.kind,
            versions=[UUID(hex=each) for each in row.versions],
            spec={name: value for name, value in row.spec.items() if name != "query"},
            asked_at=row.asked_at,
            ended_at=row.ended_at,
            schedule=row.schedule,
            inputs=row.inputs.hex(),
            fresh=fresh,
            result=row.result,
        )


class Simulations(View):
    """Simulations, the newest first."""

    items: list[SimulationView]


@router.post("/retention/simulations", status_code=202)
def simulate(run: Run, given: SimulationWanted, by: RetentionReader, now: Now, request_id: RequestId) -> SimulationView:
    """Have a change simulated; ask for the result by the id."""
    if given.kind == "hold":
        if given.scope is None:
            raise Invalid("say what the hold would reach")
        scope = hold_wanted.scope_of(run, given.entity, given.scope.wanted(), by=by)
        return SimulationView.of(simulating.ask_hold(run, given.entity, scope, by=by, request=request_id), fresh=False)
    with run.main.write() as session:
        if given.kind == "release":
            if given.hold is None:
                raise Invalid("name the hold")
            row = hold_simulation.ask_release(session, given.hold, by=by, at=now)
        elif given.kind == "calendar":
            by.require(simulation.READ, entity=given.entity)
            home = entities.get(session, given.entity)
            row = simulation.ask_calendar(
                session,
                home.id,
                zone=given.time_zone or home.zone,
                fiscal_year_start=given.fiscal_year_start or home.fiscal_year_start,
                by=by,
                at=now,
            )
        else:
            row = simulation.ask(
                session,
                given.entity,
                given.kind,
                versions=given.versions,
                from_class=given.from_class,
                to_class=given.to_class,
                by=by,
                at=now,
            )
        return SimulationView.of(row, fresh=False)


@router.get("/retention/simulations")
def list_simulations(session: ReadSession, by: RetentionReader, now: Now, limit: Limit = 20) -> Simulations:
    """The newest simulations."""
    rows = simulation.listed(session, by=by, limit=limit)
    return Simulations(items=[SimulationView.of(row, fresh=simulation.is_fresh(session, row, now)) for row in rows])


@router.get("/retention/simulations/{simulation_id}")
def show_simulation(session: ReadSession, simulation_id: UUID, by: RetentionReader, now: Now) -> SimulationView:
    """A simulation, and its result once it has ended."""
    row = simulation.get(session, simulation_id, by=by)
    return SimulationView.of(row, fresh=simulation.is_fresh(session, row, now))


@router.get("/retention/simulations/{simulation_id}/list", responses=_CSV, response_class=StreamingResponse)
def simulation_list(simulation_id: UUID, by: RetentionReader, run: Run, request_id: RequestId) -> StreamingResponse:
    """Every record whose date would move, as CSV, reckoned while it is sent."""
    with run.main.read() as session:
        row = simulation.get(session, simulation_id, by=by)
    headers = {"Content-Disposition": disposition(f"simulation-{row.id.hex[:8]}.csv")}
    lines = simulating.csv_of(run, row, by=by, request=request_id)
    return StreamingResponse(lines, media_type="text/csv", headers=headers)
