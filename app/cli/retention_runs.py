"""Commands on the retention jobs: run them by hand, list their reports, state the date, let a stopped run through."""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from accounts.principal import NotAllowed, Principal
from app import retention_jobs, retention_state
from app.cli.arguments import to_day
from app.cli.options import options_of
from app.cli.session import opened
from app.retention_jobs import Told
from app.retention_steps import STEPS
from core.errors import Invalid
from retention import alarm, clock_guard, run
from retention.run import RetentionRun

cli = typer.Typer(no_args_is_help=True)

_MAY_START = ("disposition.prepare", "disposition.approve", "installation.manage")


@cli.command("run")
def run_jobs(
    context: typer.Context,
    now: Annotated[bool, typer.Option("--now", help="Do at once what the next night would do.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and change nothing.")] = False,
) -> None:
    """Run the retention jobs: one line for each. Exit 1 where one failed or stopped."""
    if now == dry_run:
        raise Invalid("give --dry-run or --now")
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime

        def told(each: Told) -> None:
            session.emit({"dry_run": dry_run} | each.to_json(), _line(each))

        if dry_run:
            by.require("retention.read")
            found = retention_jobs.dry_run(runtime, STEPS, told)
        else:
            _require_any(by)
            # What was written down before: the log says how long nothing was.
            session.settle()
            retention_jobs.look(runtime)
            found = retention_jobs.run_round(runtime, STEPS, by=by, told=told)
            session.settle()
        if found and found[0].doubt and not session.options.as_json:
            typer.echo(f"the clock is in doubt ({found[0].doubt}): nothing is destroyed until the date is confirmed")
        if any(each.state not in ("done", "running") for each in found):
            raise typer.Exit(1)


@cli.command("runs")
def list_runs(context: typer.Context, limit: Annotated[int, typer.Option(min=1, max=1000)] = 20) -> None:
    """The reports of the retention jobs, the newest first; then what is overdue, and alarms."""
    with opened(options_of(context)) as session:
        by = session.principal()
        with session.runtime.main.read() as reading:
            rows, _ = run.visible(reading, by=by, limit=limit)
            alarms = alarm.visible(reading, by=by)
            state = retention_state.of(reading, session.runtime)
        for row in rows:
            session.emit(_report(row), f"{row.started_at:%Y-%m-%d %H:%M}  {row.id}  {_line(_told(row))}")
        if not session.options.as_json:
            for name in state.overdue:
                typer.echo(f"OVERDUE: {name}")
            for each in alarms:
                due = f", {each.due_on}" if each.due_on else ""
                typer.echo(f"ALARM: {each.code} ({each.records}{due}), since {each.raised_at:%Y-%m-%d}")


@cli.command("confirm-date")
def confirm_date(
    context: typer.Context, today: Annotated[str, typer.Argument(help="Today's date, such as 2026-03-31.")]
) -> None:
    """State today's date where the clock is in doubt. Takes the token of a person who approves dispositions."""
    day = to_day(today)
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            zone = runtime.settings.time_zone
            clock_guard.confirm(writing, day, zone=zone, by=by, at=runtime.clock.now())
        session.settle()
        session.emit({"date": today}, f"{today} is confirmed")


@cli.command("let-through")
def let_through(context: typer.Context, run_id: Annotated[UUID, typer.Argument(metavar="RUN")]) -> None:
    """Let what a run stopped at go through once. Takes the token of a person who approves dispositions."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            row = run.let_through(writing, run_id, by=by, at=runtime.clock.now())
            told = _report(row)
        session.settle()
        session.emit(told, "it goes through at the next run")


@cli.command("documents")
def documents(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write to.", file_okay=False)] = Path(),
    entity: Annotated[str, typer.Option(help="Name of the legal entity, where there are several.")] = "",
) -> None:
    """Write deletion concept, procedure documentation and time limits from the live configuration, Markdown and PDF."""
    from app.papers.all import PAPERS, make
    from app.papers.paper import to_markdown
    from app.papers.pdf import to_pdf
    from app.papers.sources import entity_named, gather

    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        sources = gather(runtime, entity_named(runtime, entity, by=by), by=by)
        out.mkdir(parents=True, exist_ok=True)
        for code in PAPERS:
            paper = make(code, sources)
            for form, data in (("md", to_markdown(paper).encode()), ("pdf", to_pdf(paper, sources.at))):
                file = out / f"{code}-{sources.today}.{form}"
                file.write_bytes(data)
                session.emit({"document": code, "file": str(file)}, str(file))


def _require_any(by: Principal) -> None:
    if not any(by.may(permission) for permission in _MAY_START):
        raise NotAllowed("whoever prepares or approves dispositions starts the jobs, or manages the installation")


def _told(row: RetentionRun) -> Told:
    stops = [
        run.Stop(UUID(each["entity"]), each["class"], each["records"], each["of"], each["most"]) for each in row.stops
    ]
    return Told(row.job, row.state, row.counts, row.skipped, stops, row.error_code)


def _report(row: RetentionRun) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "how": row.how,
        "started_at": row.started_at.isoformat(),
        "ended_at": None if row.ended_at is None else row.ended_at.isoformat(),
    } | _told(row).to_json()


def _line(told: Told) -> str:
    done = ", ".join(f"{count} {kind}" for kind, count in told.counts.items()) or "nothing to do"
    parts = [f"{told.job:13} {told.state:8} {done}"]
    parts += [f"left out: {count} {reason}" for reason, count in told.skipped.items()]
    parts += [
        f"STOPPED: {stop.records} of {stop.total} {stop.record_class}, at most {stop.most} in one run"
        for stop in told.stops
    ]
    if told.error_code is not None:
        parts.append(f"error: {told.error_code}")
    return "; ".join(parts)
