"""Commands on an entity's terms of retention: show, set, confirm."""

from typing import Annotated, Any
from uuid import UUID

import typer

from app.cli.options import options_of
from app.cli.session import opened
from app.papers.sources import entity_named
from core.errors import Invalid
from retention import terms_change
from retention.terms_change import EntityTerms, TermsChange

cli = typer.Typer(no_args_is_help=True, help="What a legal entity has set: quorum, grace, shares, calendar.")
Entity = Annotated[str, typer.Option(help="Name of the legal entity, where there are several.")]


@cli.command()
def show(context: typer.Context, entity: Entity = "") -> None:
    """The terms that hold, and the changes to them, the newest first."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        home = entity_named(runtime, entity, by=by)
        with runtime.main.read() as reading:
            terms = terms_change.of(reading, home.id)
            rows = terms_change.history(reading, home.id, by=by)
        session.emit({"entity": str(home.id), "terms": _json(terms)}, _text(terms))
        for row in rows:
            session.emit(_row(row), f"{row.id}  {row.state:9}  {_difference(row)}")


@cli.command("set")
def set_(
    context: typer.Context,
    entity: Entity = "",
    quorum: Annotated[int | None, typer.Option(help="How many persons approve a batch.")] = None,
    grace_days: Annotated[int | None, typer.Option(help="Days of grace after the approval.")] = None,
    percent: Annotated[str, typer.Option(help="Share of a class that one run destroys at most, or installation.")] = "",
    intermediate: Annotated[
        str, typer.Option(help="Months from the end of active use to the intermediate archive, or never.")
    ] = "",
    zone: Annotated[str, typer.Option(help="Time zone of legal days, such as Europe/Berlin.")] = "",
    fiscal_year: Annotated[
        str, typer.Option(help="First day of the fiscal year as MM-DD; 01-01/2025-04-01 where it was moved.")
    ] = "",
) -> None:
    """Change them: at once where that only holds back more, else once a second person confirms."""
    values: dict[str, Any] = {"quorum": quorum, "grace_days": grace_days}
    values |= {"zone": zone or None, "fiscal_year_start": fiscal_year or None}
    values = {name: value for name, value in values.items() if value is not None}
    if percent:
        values["destroy_percent"] = None if percent == "installation" else _number(percent)
    if intermediate:
        values["intermediate_months"] = None if intermediate == "never" else _number(intermediate)
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        home = entity_named(runtime, entity, by=by)
        with runtime.main.write() as writing:
            wanted = terms_change.wanted(terms_change.of(writing, home.id), **values)
            row = terms_change.ask(
                writing, home.id, wanted, percent=runtime.settings.destroy_percent, by=by, at=runtime.clock.now()
            )
            told = _row(row)
        session.work_off("maintenance")
        session.settle()
        words = "waits for a second person" if row.state == terms_change.PENDING else "in force"
        session.emit(told, f"{row.id}  {words}")


@cli.command()
def confirm(
    context: typer.Context,
    change: Annotated[UUID, typer.Argument(metavar="CHANGE")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse it, or take back one's own.")] = False,
) -> None:
    """Confirm terms that somebody else asked for. This takes an API token of the person."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            percent, now = runtime.settings.destroy_percent, runtime.clock.now()
            row = terms_change.decide(writing, change, confirmed=not refuse, percent=percent, by=by, at=now)
            told = _row(row)
        session.work_off("maintenance")
        session.settle()
        session.emit(told, f"{row.id}  {row.state}")


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Invalid("state a whole number") from None


def _json(terms: EntityTerms) -> dict[str, Any]:
    told = {name: getattr(terms, name) for name in terms_change.NAMES}
    return {"time_zone" if name == "zone" else name: value for name, value in told.items()}


def _row(row: TermsChange) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "state": row.state,
        "before": _json(EntityTerms(**row.before)),
        "after": _json(EntityTerms(**row.after)),
        "asked_at": row.asked_at.isoformat(),
    }


def _text(terms: EntityTerms) -> str:
    return "\n".join(f"{name:20} {'–' if value is None else value}" for name, value in _json(terms).items())


def _difference(row: TermsChange) -> str:
    before, after = EntityTerms(**row.before), EntityTerms(**row.after)
    names = terms_change.changed(before, after)
    return ", ".join(f"{name} {getattr(before, name)} → {getattr(after, name)}" for name in names)
