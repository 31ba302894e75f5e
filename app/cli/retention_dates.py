"""Commands on dates: why a record has its own, and what a change would do."""

from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import select

from accounts import entities
from app import simulating
from app.cli.arguments import to_id
from app.cli.options import options_of
from app.cli.session import Session, opened
from core.database import ReadSession
from core.errors import Invalid, NotFound
from core.identifiers import parse_record_number, show_record_number
from records.record import Record
from retention import explain, hold_simulation, simulation, why_sentences
from retention.date_events import WhyShown
from retention.schedule import RetentionRule
from retention.simulation import Simulation

cli = typer.Typer(no_args_is_help=True)


@cli.command("explain")
def explain_record(
    context: typer.Context, record: Annotated[str, typer.Argument(help="Id or number of the record.")]
) -> None:
    """Why this date: every rule, the sum step by step, blockers, and what would change it."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        now = runtime.clock.now()
        with runtime.main.read() as reading:
            found = explain.get(reading, _record_of(reading, record), by=by, at=now)
        runtime.log.record([WhyShown(by=by.actor, entity=found.row.entity, record=found.row.id)], at=now)
        told = {"id": str(found.row.id), "number": show_record_number(found.row.number)} | found.why.to_json()
        session.emit(told, "\n".join(f"{each.part:8} {each.text}" for each in why_sentences.tell(found.why)))


@cli.command()
def simulate(
    context: typer.Context,
    drafts: Annotated[
        list[str] | None, typer.Argument(help="Ids of drafts; with --retire, of published rules.")
    ] = None,
    retire: Annotated[bool, typer.Option("--retire", help="What taking them out of the schedule would do.")] = False,
    from_class: Annotated[str, typer.Option(help="Records of this class …")] = "",
    to_class: Annotated[str, typer.Option(help="… put into this one.")] = "",
    release: Annotated[str, typer.Option(help="Id of a hold: what its release would let go on.")] = "",
    zone: Annotated[str, typer.Option(help="Another time zone of the legal entity.")] = "",
    fiscal_year: Annotated[str, typer.Option(help="Another first day of its fiscal year, as MM-DD.")] = "",
    entity: Annotated[str, typer.Option(help="Name of the legal entity, where there are several.")] = "",
) -> None:
    """What a change would do to every record. No date is written; a publication may rest on the result."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        ids = [to_id(each) for each in drafts or []]
        if sum(map(bool, (ids, from_class or to_class, release, zone or fiscal_year))) != 1:
            raise Invalid("name drafts, or --from-class and --to-class, or --release, or --zone or --fiscal-year")
        now = runtime.clock.now()
        with runtime.main.write() as writing:
            if release:
                row = hold_simulation.ask_release(writing, to_id(release), by=by, at=now, with_job=False)
            elif zone or fiscal_year:
                home = entities.get(writing, _entity_of(writing, ids, entity))
                row = simulation.ask_calendar(
                    writing, home.id, zone=zone or home.zone, fiscal_year_start=fiscal_year or home.fiscal_year_start,
                    by=by, at=now, with_job=False,
                )  # fmt: skip
            else:
                kind: simulation.Kind = "retire" if retire else "rules" if ids else "class"
                row = simulation.ask(
                    writing, _entity_of(writing, ids, entity), kind, versions=ids, from_class=from_class or None,
                    to_class=to_class or None, by=by, at=now, with_job=False,
                )  # fmt: skip
        tell_simulated(session, row)


def tell_simulated(session: Session, row: Simulation) -> None:
    """Carry a simulation out, and print what it found."""
    result = simulating.simulate(session.runtime, row.id)
    session.settle()
    told = {"id": str(row.id), "kind": row.kind} | result.to_json()
    concerned = "are reached" if row.kind in hold_simulation.KINDS else "have another date"
    words = (
        f"{row.id}  {result.records} records: {result.moved} {concerned}, {result.becoming} would be eligible at "
        f"once, {result.ceasing} no longer"
    )
    session.emit(told, words)


def _record_of(reading: ReadSession, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        number = parse_record_number(text)
        found: UUID | None = reading.scalar(select(Record.id).where(Record.number == (number or "")))
        if found is None:
            raise NotFound("no record has this number") from None
        return found


def _entity_of(reading: ReadSession, ids: list[UUID], name: str) -> UUID:
    if ids:
        row = reading.get(RetentionRule, ids[0])
        if row is not None:
            return row.entity
    found = [each for each in entities.everything(reading) if not name or each.name == name]
    if len(found) != 1:
        raise Invalid("name the legal entity with --entity")
    return found[0].id
