"""Commands on holds: place, list, show, release, confirm."""

from typing import Annotated, Any
from uuid import UUID

import typer

from accounts import entities
from app import hold_wanted, holding, simulating
from app.cli.arguments import to_day
from app.cli.options import options_of
from app.cli.retention_dates import tell_simulated
from app.cli.session import Session, opened
from app.hold_wanted import Shown, Wanted
from core.errors import Invalid
from core.identifiers import show_record_number
from retention import held, hold
from retention.hold import KINDS, NewHold

cli = typer.Typer(no_args_is_help=True, help="Holds: what must not be destroyed, and until when.")


@cli.command()
def place(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="What people call the matter.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    authority: Annotated[str, typer.Option(help="What it rests on: a court's file number, a letter, an article.")],
    review: Annotated[str, typer.Option(help="Day (2027-03-31) on which it is looked at again; within a year.")],
    kind: Annotated[str, typer.Option(help=", ".join(KINDS))] = "legal_hold",
    record: Annotated[list[str] | None, typer.Option(help="Number of a record; may be repeated.")] = None,
    case_file: Annotated[str, typer.Option(help="Number of a case file.")] = "",
    party: Annotated[list[str] | None, typer.Option(help="A party as records name it; may be repeated.")] = None,
    colleague: Annotated[str, typer.Option(help="Sign-in name of the person whose case files are meant.")] = "",
    class_: Annotated[list[str] | None, typer.Option("--class", help="A record class; may be repeated.")] = None,
    years: Annotated[str, typer.Option(help="Years such as 2024..2025, of the classes or of the tax.")] = "",
    open_until: Annotated[str, typer.Option(help="Last day on which the tax may be assessed.")] = "",
    query: Annotated[str, typer.Option(help="A query; it also catches what is filed later.")] = "",
    entity: Annotated[str, typer.Option(help="Name of the legal entity, where there are several.")] = "",
    confirmed: Annotated[int | None, typer.Option(help="The number of records, where a query reaches most.")] = None,
    count: Annotated[bool, typer.Option("--count", help="Only count what it would reach.")] = False,
    simulate: Annotated[bool, typer.Option("--simulate", help="Only tell what it would stop, by class.")] = False,
) -> None:
    """Place a hold: at once, by one person."""
    first, last = _years(years)
    wanted = Wanted(
        kind=_scope_kind(kind, record, case_file, party, colleague, class_, query),
        records=tuple(record or ()),
        case_file=case_file,
        parties=tuple(party or ()),
        colleague=colleague,
        classes=tuple(class_ or ()),
        first_year=first,
        last_year=last,
        open_until=to_day(open_until) if open_until else None,
        query=query,
    )
    review_on = to_day(review)
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        home = _entity(session, entity)
        scope = hold_wanted.scope_of(runtime, home, wanted, by=by)
        if simulate:
            tell_simulated(session, simulating.ask_hold(runtime, home, scope, by=by, with_job=False))
            return
        if count:
            found = holding.preview(runtime, home, scope, by=by)
            told = {"found": found.found, "of": found.of, "confirm": found.is_wide, "query": found.scope.query}
            session.settle()
            session.emit(told, f"{found.found} of {found.of} records")
            return
        new = NewHold(
            entity=home,
            kind=kind,
            scope=scope,
            title=title,
            reason=reason,
            authority=authority,
            review_on=review_on,
        )
        row = holding.place(runtime, new, by=by, confirmed=confirmed)
        session.work_off("maintenance")
        _emit(session, row.id)
        session.settle()


@cli.command("list")
def list_(context: typer.Context) -> None:
    """The holds of your legal entities, those in force first."""
    with opened(options_of(context)) as session:
        by = session.principal()
        by.require("retention.read")
        with session.runtime.main.read() as reading:
            rows = held.visible(reading, by=by)
        for shown in hold_wanted.show(session.runtime, rows, by=by):
            session.emit(_object(shown), _line(shown))
        session.settle()


@cli.command()
def show(context: typer.Context, hold_id: Annotated[UUID, typer.Argument(metavar="HOLD")]) -> None:
    """One hold, with the numbers of the records noted under it."""
    with opened(options_of(context)) as session:
        by = session.principal()
        by.require("retention.read")
        _emit(session, hold_id)
        if not session.options.as_json:
            after: UUID | None = None
            while True:
                with session.runtime.main.read() as reading:
                    row = held.get_visible(reading, hold_id, by)
                    noted, after = hold_wanted.noted(reading, row, after=after, limit=200)
                for each in noted:
                    typer.echo(f"  {show_record_number(each.number) if each.number else each.record}")
                if after is None:
                    break
        session.settle()


@cli.command()
def release(
    context: typer.Context,
    hold_id: Annotated[UUID, typer.Argument(metavar="HOLD")],
    reason: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Ask for the release of a hold. It blocks until somebody else confirms."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            hold.ask_release(writing, hold_id, reason, by=by, at=runtime.clock.now(), keys=runtime.keys)
        _emit(session, hold_id)
        session.settle()


@cli.command()
def confirm(
    context: typer.Context,
    hold_id: Annotated[UUID, typer.Argument(metavar="HOLD")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse it, or take back one's own.")] = False,
) -> None:
    """Confirm the release of a hold that somebody else asked for. This takes an API token of the person."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            hold.decide_release(writing, hold_id, confirmed=not refuse, by=by, at=runtime.clock.now())
        session.work_off("maintenance")
        _emit(session, hold_id)
        session.settle()


def _emit(session: Session, hold_id: UUID) -> None:
    by = session.principal()
    with session.runtime.main.read() as reading:
        row = held.get_visible(reading, hold_id, by)
    for shown in hold_wanted.show(session.runtime, [row], by=by):
        session.emit(_object(shown), _line(shown))


def _line(shown: Shown) -> str:
    row = shown.row
    title = shown.words.title if shown.words else ""
    return f"{row.id}  {row.state:14} {row.kind:12} {shown.records:7} records, review {row.review_on}  {title}"


def _object(shown: Shown) -> dict[str, Any]:
    row, words = shown.row, shown.words
    return {
        "id": str(row.id),
        "entity": str(row.entity),
        "kind": row.kind,
        "scope": row.scope,
        "title": words.title if words else "",
        "reason": words.reason if words else "",
        "authority": words.authority if words else "",
        "query": words.query if words else "",
        "case_file": shown.case_file,
        "classes": row.classes,
        "first_year": row.first_year,
        "last_year": row.last_year,
        "open_until": row.open_until.isoformat() if row.open_until else None,
        "owner": str(row.owner),
        "review_on": row.review_on.isoformat(),
        "state": row.state,
        "records": shown.records,
        "complete": row.covered_at is not None,
        "placed_by": str(row.placed_by),
        "placed_at": row.placed_at.isoformat(),
        "release_asked_by": str(row.asked_by) if row.asked_by else None,
        "release_reason": words.release if words else "",
        "ended_by": str(row.ended_by) if row.ended_by else None,
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
    }


def _scope_kind(
    kind: str,
    record: list[str] | None,
    case_file: str,
    party: list[str] | None,
    colleague: str,
    class_: list[str] | None,
    query: str,
) -> str:
    if kind == "tax_audit":
        return "tax"
    given = {"records": record, "case_file": case_file, "person": party or colleague, "classes": class_, "query": query}
    named = [name for name, value in given.items() if value]
    if len(named) != 1:
        raise Invalid("name one of --record, --case-file, --party or --colleague, --class with --years, --query")
    return named[0]


def _years(text: str) -> tuple[int | None, int | None]:
    first, _, last = text.partition("..")
    try:
        return (int(first), int(last or first)) if text else (None, None)
    except ValueError:
        raise Invalid("years read 2024..2025") from None


def _entity(session: Session, name: str) -> UUID:
    with session.runtime.main.read() as reading:
        known = entities.everything(reading)
    found = [row.id for row in known if not name or row.name == name]
    if len(found) != 1:
        raise Invalid("name the legal entity by --entity")
    return found[0]
