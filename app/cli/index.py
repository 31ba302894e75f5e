"""The command on the search index: build it anew."""

import sys
import time

import typer

from app import reindex as rebuilding
from app.cli.options import options_of
from app.cli.session import opened
from app.reindex import Progress
from core import jobs
from core.errors import Conflict

cli = typer.Typer()


class NotRebuilt(Conflict):
    """The search index was not rebuilt; the old one is as it was."""

    code = "search_index_not_rebuilt"


@cli.command()
def reindex(context: typer.Context) -> None:
    """Build the search index anew from records and stored texts, while searching goes on. Returns when it is done.

    Where a server runs, its keeper does it, and goes on when this command is ended.
    """
    with opened(options_of(context)) as session:
        runtime, begun = session.runtime, time.monotonic()
        by = session.operator()
        with runtime.main.write() as writing:
            job = rebuilding.ask(writing, by=by, at=runtime.clock.now())
        with session.keeping() as step:
            while (found := rebuilding.progress(runtime, job)).state in (jobs.READY, jobs.LEASED):
                _show(found)
                step()
        _show(found)
        if found.state == jobs.FAILED:
            raise NotRebuilt(found.error_code or "")
        held, seconds = runtime.index.count(), time.monotonic() - begun
        session.emit(
            {"records": found.records, "index_documents": held, "seconds": round(seconds, 1)},
            f"rebuilt: {held} of {found.records} records in {seconds:.0f} s",
        )


def _show(found: Progress) -> None:
    """On a terminal one line that is written over; elsewhere nothing."""
    if not sys.stderr.isatty():
        return
    if found.state == jobs.READY:
        text = "waiting for the keeper" + (f", which could not: {found.error_code}" if found.error_code else "")
    else:
        done = found.records if found.state == jobs.DONE else min(found.done, found.records)
        text = f"{done} of {found.records} records"
    sys.stderr.write(f"\r{text:60}" + ("" if found.state in (jobs.READY, jobs.LEASED) else "\n"))
    sys.stderr.flush()
