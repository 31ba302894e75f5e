"""Commands on the log: verify it, show its key, take a proof out of it."""

import base64
import json
import sys
from contextlib import ExitStack
from typing import Annotated

import typer

from app import settings
from app.build import databases_of
from app.cli.options import Options, options_of
from app.cli.session import opened
from app.folders import folder_of
from app.settings import Settings
from audit import trail
from audit.check import check
from audit.checkpoint import last_note
from audit.events import LogVerified
from audit.origin import started_as
from audit.verify import Verdict
from core.errors import IntegrityFailure, Invalid, NotFound

cli = typer.Typer(no_args_is_help=True, help="The audit log: verify it, its key, proofs.")


@cli.command()
def verify(context: typer.Context) -> None:
    """Re-read all of the log from its stored bytes. Exit 0, or 1 naming the first wrong position and its kind."""
    options = options_of(context)
    with ExitStack() as stack:
        session, refused = None, None
        try:
            session = stack.enter_context(opened(options))
            session.settle()
        except (IntegrityFailure, Invalid) as error:
            # Nothing starts on a log that is wrong, and least of all may it go unread.
            refused = error
        verdict = _check(settings.load(data=options.data), options)
        if verdict.fault is not None:
            raise typer.Exit(1)
        if refused is not None or session is None:
            raise refused or IntegrityFailure()
        # Nothing is appended to a log that is wrong.
        event = LogVerified(size=verdict.size, root=verdict.root)
        session.runtime.log.record([event], at=session.runtime.clock.now())
        session.settle()


def _check(chosen: Settings, options: Options) -> Verdict:
    """Check the stored log, needing nothing to run on it, and print the verdict."""

    def progress(done: int, size: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done} of {size} entries ")
            sys.stderr.flush()

    _, database = databases_of(chosen)
    try:
        try:
            with database.read() as reading:
                origin, vkey = started_as(reading) or (None, None)
        except (Invalid, LookupError):
            # Its very first entry cannot be read: the check says so.
            origin, vkey = None, None
        verdict = check(
            database, origin=origin, vkey=vkey, file=folder_of(chosen).log / "checkpoint", progress=progress
        )
    finally:
        database.close()
    fault = verdict.fault
    told = {
        "origin": origin,
        "entries": verdict.size,
        "checkpoints": verdict.checkpoints,
        "root": verdict.root.hex(),
        "fault": fault and {"position": fault.position, "kind": fault.kind, "sentence": fault.sentence},
    }
    words = f"{verdict.size} entries verified, {verdict.checkpoints} checkpoints; root {verdict.root.hex()}"
    if fault is not None:
        words = f"position {fault.position}: {fault.kind}: {fault.sentence}"
    typer.echo(json.dumps(told) if options.as_json else words)
    return verdict


@cli.command()
def key(context: typer.Context) -> None:
    """The verifier key line, for an auditor to write down."""
    with opened(options_of(context)) as session, session.runtime.log_database.read() as reading:
        origin, vkey = started_as(reading) or ("", "")
        session.emit({"origin": origin, "key": vkey}, vkey)


@cli.command()
def proof(context: typer.Context, position: Annotated[int, typer.Argument(min=0)]) -> None:
    """An offline proof (c2sp.org/tlog-proof@v1) that the entry at a position is under the newest checkpoint."""
    with opened(options_of(context)) as session:
        session.settle()
        with session.runtime.log_database.read() as reading:
            note = last_note(reading)
            size = int(note.splitlines()[1]) if note else 0
            if note is None or position >= size:
                raise NotFound(f"the newest checkpoint covers positions below {size}")
            hashes = [base64.b64encode(h).decode() for h in trail.proof(reading, position, size)]
        lines = ["c2sp.org/tlog-proof@v1", f"index {position}", *hashes, "", note]
        session.emit({"position": position, "proof": "\n".join(lines)}, "\n".join(lines).rstrip("\n"))
