"""Commands on packages for an archive, and on what is kept permanently by decision."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app import packing, words_shown
from app.cli.arguments import to_day, to_digest, to_id
from app.cli.options import options_of
from app.cli.session import opened
from core.identifiers import show_record_number
from retention import keeping, package
from retention.kept import PermanentKeeping
from retention.package import Acknowledgement, Package

cli = typer.Typer(no_args_is_help=True, help="Packages of records for an archive, or to be kept outside.")
keepings = typer.Typer(no_args_is_help=True, help="Records that are kept permanently by decision.")
_ID = typer.Argument(metavar="ID")


@cli.command("list")
def list_packages(context: typer.Context) -> None:
    """Packages, the newest first."""
    with opened(options_of(context)) as session:
        by = session.principal()
        with session.runtime.main.read() as reading:
            rows = package.packages(reading, by=by)
        for row in rows:
            session.emit(*_told(row))


@cli.command()
def take(
    context: typer.Context,
    package_id: Annotated[str, _ID],
    out: Annotated[
        Path | None, typer.Option(help="Where to write it; its own name in this folder if left out.")
    ] = None,
) -> None:
    """Take a package away: a BagIt bag as a zip file. For who may read every record in it; it is logged."""
    with opened(options_of(context)) as session:
        taken = packing.take(session.runtime, to_id(package_id), by=session.principal())
        path = out or Path(taken.name)
        with path.open("wb") as file:
            for piece in taken.pieces:
                file.write(piece)
        told = {"file": str(path), "bytes": taken.size_bytes, "sha256": taken.sha256.hex()}
        session.emit(told, f"{path}\nSHA-256 {taken.sha256.hex()}")


@cli.command()
def acknowledge(
    context: typer.Context,
    package_id: Annotated[str, _ID],
    archive: Annotated[str, typer.Option(help="Name of the institution.")],
    reference: Annotated[str, typer.Option(help="Under which it keeps the package.")],
    on: Annotated[str, typer.Option(help="The day of its acknowledgement.")],
    sha256: Annotated[str, typer.Option(help="Of the package, as the archive names it.")],
) -> None:
    """State what the archive acknowledged. Nothing is destroyed before another person confirms it."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        said = Acknowledgement(archive, reference, to_day(on), to_digest(sha256))
        with runtime.main.write() as writing:
            row = package.state_acknowledgement(writing, to_id(package_id), said, by=by, at=runtime.clock.now())
            told = _told(row)
        session.settle()
        session.emit(*told)


@cli.command()
def confirm(
    context: typer.Context,
    package_id: Annotated[str, _ID],
    sha256: Annotated[str, typer.Argument(help="Of the package as you saw it.")],
    back: Annotated[bool, typer.Option("--back", help="Send it back instead: the records stay.")] = False,
) -> None:
    """Confirm what was stated, as a second person. Takes the token of the person: an operator confirms nothing."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            row = package.decide_acknowledgement(
                writing, to_id(package_id), confirmed=not back, sha256=to_digest(sha256), by=by, at=runtime.clock.now()
            )
            told = _told(row)
        session.settle()
        session.emit(*told)


@cli.command()
def end(context: typer.Context, package_id: Annotated[str, _ID]) -> None:
    """Call a transfer off, which keeps its records; or drop a package of permanent keeping that was brought away."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            now = runtime.clock.now()
            told = _told(package.call_off(writing, to_id(package_id), by=by, at=now, keys=runtime.keys))
        session.settle()
        session.emit(*told)


@keepings.command("list")
def list_keepings(context: typer.Context) -> None:
    """What is kept permanently by decision."""
    with opened(options_of(context)) as session:
        by = session.principal()
        with session.runtime.main.read() as reading:
            rows = keeping.keepings(reading, by=by)
        reasons = words_shown.ends_of_keeping(session.runtime, rows, by=by)
        for row in rows:
            session.emit(*_kept(row, reasons.get(row.id, "")))


@keepings.command("end")
def ask_end(
    context: typer.Context, keeping_id: Annotated[str, _ID], reason: Annotated[str, typer.Option(help="Why.")]
) -> None:
    """Ask that a record is not kept permanently any more. Another person confirms it."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            now = runtime.clock.now()
            told = _kept(keeping.ask_end(writing, to_id(keeping_id), reason, by=by, at=now, keys=runtime.keys), reason)
        session.settle()
        session.emit(*told)


@keepings.command("confirm")
def confirm_end(
    context: typer.Context,
    keeping_id: Annotated[str, _ID],
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse instead: it is kept permanently.")] = False,
) -> None:
    """Confirm that, as a second person. Takes the token of the person: an operator confirms nothing."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            now = runtime.clock.now()
            told = _kept(keeping.decide_end(writing, to_id(keeping_id), confirmed=not refuse, by=by, at=now), "")
        session.settle()
        session.emit(*told)


def _told(row: Package) -> tuple[dict[str, Any], str]:
    told = {
        "id": str(row.id),
        "batch": str(row.batch),
        "kind": row.kind,
        "state": row.state,
        "records": row.records,
        "bytes": row.size_bytes,
        "sha256": row.sha256.hex() if row.sha256 else None,
        "archive": row.archive,
        "reference": row.reference,
        "trouble": row.trouble,
        "end": row.end_code,
    }
    state = f"{row.state} ({row.end_code or row.trouble})" if row.end_code or row.trouble else row.state
    line = f"{row.begun_at:%Y-%m-%d}  {row.id}  {row.kind}  {state}  {row.records} records"
    return told, f"{line}  {told['sha256'] or ''}".rstrip()


def _kept(row: PermanentKeeping, reason: str) -> tuple[dict[str, Any], str]:
    told = {
        "id": str(row.id),
        "record": str(row.record),
        "number": row.number,
        "authority": row.authority,
        "kept_at": row.kept_at.isoformat(),
        "state": row.state,
        "end_reason": reason,
    }
    return told, f"{show_record_number(row.number)}  {row.id}  {row.state}  {row.authority}"
