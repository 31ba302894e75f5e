"""Commands on records: import, search, show, download, history, reconcile."""

import errno
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import and_, func, or_, select

from accounts.departments import Department
from accounts.principal import Principal
from app import reconcile as agreement
from app.cli import show
from app.cli.arguments import to_day
from app.cli.options import options_of
from app.cli.session import Session, opened, pipeline
from audit import trail
from audit.events import Actor
from core import jobs
from core.errors import MunimentError, NotFound
from core.identifiers import parse_record_number
from core.priority import give_way
from ingest.receive import Metadata
from ingest.retry import settle_failed
from records import record
from records.record import Record
from search.find import find

cli = typer.Typer()
record_cli = typer.Typer(no_args_is_help=True, help="One record: show it, download it, see what happened to it.")

CHUNK = 256 * 1024
RETRIED_SOON = timedelta(seconds=15)
"""A step that failed and is tried again within this time is waited for."""
_NICENESS = 5
"""People at work wait less while an import takes in as much as the machine lets it."""
_Paths = Annotated[list[Path], typer.Argument(help="Files and folders.", exists=True)]


@cli.command("import")
def import_(
    context: typer.Context,
    paths: _Paths,
    department: Annotated[str | None, typer.Option(help="Name of the department the files are for.")] = None,
    record_class: Annotated[str | None, typer.Option("--class", help="Record class of all the files.")] = None,
    case_file: Annotated[str | None, typer.Option(help="Number of the case file they belong to.")] = None,
    document_date: Annotated[str | None, typer.Option(help="Date of all the documents, YYYY-MM-DD.")] = None,
) -> None:
    """Take files in. Returns when all of them are read and found, or say why not."""
    give_way(_NICENESS)
    with opened(options_of(context)) as session:
        by = session.principal()
        metadata = Metadata(
            department=_department(session, department),
            record_class=record_class,
            case_file=case_file,
            document_date=to_day(document_date) if document_date else None,
        )
        session.runtime.receiver.check(metadata, by=by)
        taken: list[UUID] = []
        failed, begun = 0, session.runtime.clock.now()
        with pipeline(session) as broken:
            for path in _files(paths):
                try:
                    received = session.runtime.receiver.receive(
                        _chunks(path), name=path.name, metadata=metadata, channel="cli", by=by
                    )
                    taken.append(received.record.id)
                    if received.duplicate_of is not None and not session.options.as_json:
                        typer.echo(f"{path}: same content as {show.number(received.duplicate_of)}", err=True)
                except (MunimentError, OSError) as error:
                    failed += 1
                    typer.echo(f"{path}: {error}", err=True)
                _progress(len(taken), None)
            _wait(session, len(taken), by, begun, broken)
        _report(session, taken, failed)
        if failed:
            raise typer.Exit(1)


@cli.command()
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help='Words, "phrases", -not, OR, prefix*, class:invoice, date:2024..2025 …')],
    limit: Annotated[int, typer.Option(min=1, max=200)] = 25,
    sort: Annotated[str, typer.Option(help="relevance, -date, date, -received, -total, title …")] = "relevance",
) -> None:
    """Find records by their text and fields."""
    with opened(options_of(context)) as session:
        session.settle()
        runtime = session.runtime
        found = find(runtime.content, runtime.index, query, by=session.principal(), sort=show.sort(sort), limit=limit)
        for item in found.items:
            snippet = " ".join(item.snippet.text.split()) if item.snippet else ""
            session.emit(show.found_json(item), f"{show.line(item.record, item.title)}\n    {snippet}")
        for note in found.notes:
            typer.echo(str(note), err=True)
        typer.echo(f"{found.total} found", err=True)


@record_cli.command("show")
def show_record(context: typer.Context, id_: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Class, fields, versions and state of a record."""
    with opened(options_of(context)) as session:
        by = session.principal()
        detail = session.runtime.content.detail(_record_id(session, id_), by=by)
        session.settle()
        session.emit(show.detail_json(detail), show.detail_text(detail))


@record_cli.command("download")
def download(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID")],
    to: Annotated[Path | None, typer.Option("--to", "-o", help="File to write; - is standard output.")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    unsafe: Annotated[bool, typer.Option(help="Also what the malware scanner reports or did not scan.")] = False,
) -> None:
    """The original file of a record."""
    if to is not None and to != Path("-") and to.exists():
        raise FileExistsError(errno.EEXIST, "there is such a file already", str(to))
    with opened(options_of(context)) as session:
        by = session.principal()
        opened_file = session.runtime.content.open_original(
            _record_id(session, id_), by=by, purpose="download", version=version, unsafe=unsafe
        )
        if to == Path("-"):
            for chunk in opened_file.chunks:
                sys.stdout.buffer.write(chunk)
        else:
            target = to or Path(opened_file.name)
            # Never over a file that is there: "x" refuses.
            with target.open("xb") as stream:
                try:
                    for chunk in opened_file.chunks:
                        stream.write(chunk)
                except BaseException:
                    # A part of a file must not pass for the record.
                    target.unlink()
                    raise
            typer.echo(f"{target}: {opened_file.size_bytes} bytes, log position {opened_file.receipt.seq}", err=True)
        session.settle()


@record_cli.command("history")
def history(context: typer.Context, id_: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """What happened to a record, newest first, each with its position in the log."""
    with opened(options_of(context)) as session:
        by = session.principal()
        record_id = _record_id(session, id_)
        session.settle()
        with session.runtime.main.read() as reading:
            record.get_visible(reading, record_id, by, session.runtime.clock.now())
        with session.runtime.log_database.read() as reading:
            before: int | None = None
            while found := trail.history(reading, "record", record_id, before=before, limit=trail.MAX_LIMIT):
                # Each page by itself, before it is printed: nobody knows how many there will be.
                session.runtime.content.history_shown(record_id, len(found), by=by)
                for event in found:
                    session.emit(show.event_json(event), show.event_text(event))
                before = found[-1].seq


@cli.command()
def reconcile(context: typer.Context) -> None:
    """Compare records, stored objects, index and log; repair what can be; exit 1 if they still differ."""
    with opened(options_of(context)) as session:
        session.settle()
        by = session.principal().actor if session.options.token or session.options.as_name else Actor("operator")
        indexed, strays, swept = agreement.repair(session.runtime, by=by)
        session.work_off("maintenance")
        session.settle()
        if session.served:
            _wait_for_keeper(session)
        counts = agreement.look(session.runtime)
        text = "\n".join(f"{name.replace('_', ' '):18} {value}" for name, value in counts.to_json().items())
        session.emit(
            counts.to_json() | {"repaired": {"indexed": indexed, "taken_out": strays, "swept": swept}},
            f"{text}\n{_locks(counts)}\nrepaired: {indexed} indexed, {strays} taken out, {swept} swept",
        )
        if not counts.agrees:
            raise typer.Exit(1)


def _locks(counts: agreement.Agreement) -> str:
    if not counts.store_locks:
        return "this store cannot lock: nothing in it is write-once against whoever runs the machine"
    if counts.lock_differences:
        return f"{counts.lock_differences} locks are not as they should be: the log of the server names them"
    return "locks are as they were noted"


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders.sort()
                # Nothing is ever read from a pipe or a device that lies in a folder.
                yield from (found for name in sorted(names) if (found := Path(folder) / name).is_file())
        else:
            yield path


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _wait(session: Session, taken: int, by: Principal, begun: datetime, broken: list[Exception]) -> None:
    """Until what was taken (and what was found in it) is read and indexed, or will be tried again later only.

    A server has work of others too, which is not waited for.
    """
    job, runtime = jobs.Job, session.runtime
    of_ours = select(Record.id).where(Record.captured_by == by.id, Record.captured_at >= begun)
    while not broken:
        soon = runtime.clock.now() + RETRIED_SOON
        waits = or_(job.state == jobs.LEASED, and_(job.state == jobs.READY, job.ready_at <= soon))
        query = select(func.count()).select_from(job).where(job.subject.is_not(None), waits)
        with runtime.main.read() as reading:
            left = reading.scalar(query.where(job.subject.in_(of_ours)) if session.served else query)
        _progress(taken, left or 0)
        # What was given up is shown to people, which changes the index once more.
        if not left and (session.served or not settle_failed(runtime.content)):
            return
        if left:
            time.sleep(0.2)
    raise broken[0]


def _wait_for_keeper(session: Session, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        counts = agreement.look(session.runtime)
        if not counts.waiting_jobs and not counts.intake_waiting:
            return
        time.sleep(0.2)


def _progress(taken: int, left: int | None) -> None:
    if sys.stderr.isatty():
        rest = "" if left is None else f", {left} steps to do"
        sys.stderr.write(f"\r{taken} files taken{rest}        " + ("\n" if left == 0 else ""))
        sys.stderr.flush()


def _report(session: Session, taken: list[UUID], failed: int) -> None:
    by, states = session.principal(), Counter[str]()
    for start in range(0, len(taken), 100):
        shown, _ = session.runtime.content.reveal(taken[start : start + 100], ("title", "name"), by=by, where="import")
        for each in shown:
            states[each.record.state] += 1
            session.emit(show.record_json(each.record, each.title, each.name), show.line(each.record, each.title))
    words = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(states.items()))
    typer.echo(f"{len(taken)} taken in: {words}" + (f"; {failed} not taken in" if failed else ""), err=True)
    session.settle()


def _record_id(session: Session, text: str) -> UUID:
    """A record by its id or its number."""
    session.asked.is_about_record = True
    try:
        session.asked.record = UUID(text)
        return session.asked.record
    except ValueError:
        pass
    number = parse_record_number(text)
    with session.runtime.main.read() as reading:
        found = number and record.find_by_number(reading, number, session.principal(), session.runtime.clock.now())
    if not found:
        raise NotFound("give the record's id or its number, such as 7K2M-9QXT-4")
    session.asked.record = found.id
    return found.id


def _department(session: Session, name: str | None) -> UUID | None:
    if name is None:
        return None
    with session.runtime.main.read() as reading:
        rows = reading.scalars(select(Department.id).where(func.lower(Department.name) == name.lower())).all()
    if len(rows) != 1:
        raise NotFound("there is no department of that name" if not rows else "several entities have such a department")
    return rows[0]
