"""Simulations at work: over all records of an entity, in pieces, without a transaction that others wait for."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import UUID

from accounts.principal import Principal, system
from app import holding
from app.runtime import Runtime
from core import jobs
from core.identifiers import show_record_number
from core.jobs import Claim
from records.record import Record
from retention import hold_simulation, simulation
from retention.date_batch import FIRST, READ_AT_ONCE
from retention.date_events import SimulationListTaken
from retention.hold_scope import QUERY, Scope
from retention.hold_simulation import HoldChange
from retention.record_facts import as_id
from retention.simulation import Change, Difference, Result, Simulation

SIMULATE = "retention.simulate"
RETENTION = system("retention")
HEADER = ("number", "record", "class", "now", "then", "eligible_now", "eligible_then", "rule_now", "rule_then")


def carry_out(runtime: Runtime, claim: Claim, holder: str) -> None:
    """Do what the job says."""
    simulate(runtime, UUID(claim.arguments["simulation"]))
    with runtime.main.write(beside=True) as session:
        jobs.finish(session, claim.id, holder=holder, at=runtime.clock.now())


def ask_hold(
    runtime: Runtime, entity: UUID, scope: Scope, *, by: Principal, request: str | None = None, with_job: bool = True
) -> Simulation:
    """Have it simulated what a hold would stop; its query is understood first, as at the placing, and logged.

    Raises:
        As ``app.holding.preview`` and ``retention.hold_simulation.ask_hold``.
    """
    found = holding.preview(runtime, entity, scope, by=by, request=request)
    with runtime.main.write() as session:
        return hold_simulation.ask_hold(
            session, entity, found.scope, by=by, at=runtime.clock.now(), keys=runtime.keys, with_job=with_job
        )


def simulate(runtime: Runtime, simulation_id: UUID, *, told: Callable[[int], None] = lambda count: None) -> Result:
    """Reckon, and write the result; ``told`` hears how many records were looked at."""
    result = Result()
    with runtime.main.read() as session:
        row = session.get_one(Simulation, simulation_id)
    for looked_at, differences in _walk(runtime, row):
        result.records += looked_at
        for each in differences:
            result.count(each)
        told(result.records)
    with runtime.main.write(beside=True) as session:
        simulation.enter(session, simulation_id, result, by=RETENTION, at=runtime.clock.now())
    return result


def csv_of(runtime: Runtime, row: Simulation, *, by: Principal, request: str | None = None) -> Iterator[bytes]:
    """The full list as CSV, reckoned while it is read; the log has it before the first line is there.

    Raises:
        LogUnavailable: it could not be logged.
    """
    event = SimulationListTaken(by=by.actor, entity=row.entity, request=request, simulation=row.id)
    runtime.log.record([event], at=runtime.clock.now())
    return _csv(runtime, row)


def _csv(runtime: Runtime, row: Simulation) -> Iterator[bytes]:
    yield _lines([HEADER])
    for _, differences in _walk(runtime, row):
        with runtime.main.read() as session:
            ids = [each.record for each in differences]
            numbers: dict[UUID, str] = {}
            for start in range(0, len(ids), 500):
                some = session.query(Record.id, Record.number).where(Record.id.in_(ids[start : start + 500]))
                numbers |= {each.id: each.number for each in some}
        yield _lines([_line(each, numbers.get(each.record, "")) for each in differences])


def _walk(runtime: Runtime, row: Simulation) -> Iterator[tuple[int, list[Difference]]]:
    after, at = FIRST, runtime.clock.now()
    change = _change(runtime, row, at)
    while True:
        with runtime.main.read() as session:
            rows = simulation.next_rows(session, row, after)
            found = change.differences(session, rows)
        yield len(rows), found
        if len(rows) < READ_AT_ONCE:
            return
        after = as_id(rows[-1].id)


def _change(runtime: Runtime, row: Simulation, at: datetime) -> Change | HoldChange:
    with runtime.main.read() as session:
        if row.kind not in hold_simulation.KINDS:
            return Change(session, row, at)
        scope = hold_simulation.scope_of(session, row, runtime.keys) if row.kind == hold_simulation.HOLD else None
    found = holding.found_by(runtime, row.entity, scope, at=row.asked_at) if scope and scope.kind == QUERY else ()
    with runtime.main.read() as session:
        return HoldChange(session, row, at, scope, found)


def _line(each: Difference, number: str) -> tuple[str, ...]:
    return (
        show_record_number(number) if number else "",
        str(each.record),
        each.record_class or "",
        each.now.code,
        each.then.code,
        "yes" if each.eligible_now else "no",
        "yes" if each.eligible_then else "no",
        str(each.now.rule or ""),
        str(each.then.rule or ""),
    )


def _lines(rows: list[tuple[str, ...]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerows(rows)
    return stream.getvalue().encode()
