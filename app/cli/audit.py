"""Commands on the log: verify it, show its key, take a proof out of it."""

import base64
import sys
from typing import Annotated

import typer

from app.cli.options import options_of
from app.cli.session import opened
from audit import trail
from audit.check import check
from audit.checkpoint import last_note
from audit.events import LogVerified
from audit.origin import started_as
from core.errors import NotFound

cli = typer.Typer(no_args_is_help=True, help="The audit log: verify it, its key, proofs.")


@cli.command()
def verify(context: typer.Context) -> None:
    """Re-read all of the log from its stored bytes. Exit 0, or 1 naming the first wrong position and its kind."""
    with opened(options_of(context)) as session:
        session.settle()
        runtime = session.runtime
        with runtime.log_database.read() as reading:
            origin, vkey = started_as(reading) or (None, None)

        def progress(done: int, size: int) -> None:
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{done} of {size} entries ")
                sys.stderr.flush()

        verdict = check(
            runtime.log_database, origin=origin, vkey=vkey, file=runtime.folder.log / "checkpoint", progress=progress
        )
        fault = verdict.fault
        told = {
            "origin": origin,
            "entries": verdict.size,
            "checkpoints": verdict.checkpoints,
            "root": verdict.root.hex(),
            "fault": None
            if fault is None
            else {"position": fault.position, "kind": fault.kind, "sentence": fault.sentence},
        }
        if fault is None:
            session.emit(
                told, f"{verdict.size} entries verified, {verdict.checkpoints} checkpoints; root {verdict.root.hex()}"
            )
        else:
            session.emit(told, f"position {fault.position}: {fault.kind}: {fault.sentence}")
        event = LogVerified(
            size=verdict.size,
            root=verdict.root,
            outcome="done" if fault is None else "failed",
            fault=fault.kind if fault else None,
            position=fault.position if fault else None,
        )
        if fault is None:
            # Nothing is appended to a log that is wrong.
            runtime.log.record([event], at=runtime.clock.now())
            session.settle()
        else:
            raise typer.Exit(1)


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
