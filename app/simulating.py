"""Simulations at work: over all records of an entity, in pieces, without a transaction that others wait for."""

import csv
import io
from collections.abc import Callable, Iterator
from uuid import UUID

from accounts.principal import system
from app.runtime import Runtime
from core import jobs
from core.identifiers import show_record_number
from core.jobs import Claim
from records.record import Record
from retention import simulation
from retention.date_batch import FIRST, READ_AT_ONCE
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


def csv_of(runtime: Runtime, row: Simulation) -> Iterator[bytes]:
    """The full list as CSV, reckoned while it is read."""
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
    with runtime.main.read() as session:
        change = Change(session, row, at)
    while True:
        with runtime.main.read() as session:
            rows = simulation.next_rows(session, row, after)
            found = change.differences(session, rows)
        yield len(rows), found
        if len(rows) < READ_AT_ONCE:
            return
        after = as_id(rows[-1].id)


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
