"""Commands on the log: verify it, show its key, take a proof out of it."""

import hashlib
import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from app import anchor_check, settings, verifier_file
from app import unwraps as unwrapped
from app.anchoring import Anchoring
from app.cli.arguments import to_id
from app.cli.options import Options, options_of
from app.cli.session import opened
from app.cli.trail import trail
from app.databases import databases_of
from app.folders import folder_of
from app.runtime import Runtime
from app.settings import Settings
from app.withdrawals import withdrawals_of
from audit import checkpoint, rotation, served
from audit.anchors import anchors
from audit.check import check
from audit.events import LogKeyChanged, LogVerified
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

    main, database = databases_of(chosen)
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
        if verdict.fault is None and origin is not None:
            verdict = replace(verdict, fault=anchor_check.first_fault(chosen, main, database, origin=origin))
    finally:
        main.close()
        database.close()
    fault = verdict.fault
    told = {
        "origin": origin,
        "entries": verdict.size,
        "checkpoints": verdict.checkpoints,
        "root": verdict.root.hex(),
        "withdrawn": verdict.gone,
        "fault": fault and {"position": fault.position, "kind": fault.kind, "sentence": fault.sentence},
    }
    words = f"{verdict.size} entries verified, {verdict.checkpoints} checkpoints; root {verdict.root.hex()}"
    if verdict.gone:
        words += f"; {verdict.gone} entries were withdrawn by two persons, their hashes are there"
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
def proof(
    context: typer.Context,
    position: Annotated[int, typer.Argument(min=0)],
    out: Annotated[Path | None, typer.Option(help="File to write it to, such as 12.tlog-proof.")] = None,
) -> None:
    """An offline proof (c2sp.org/tlog-proof@v1) that the entry at a position is under the newest checkpoint."""
    with opened(options_of(context)) as session:
        session.settle()
        with session.runtime.log_database.read() as reading:
            text = served.tlog_proof(reading, position)
        if out is not None:
            out.write_text(text, "utf-8", newline="")
        session.emit({"position": position, "proof": text}, text.rstrip("\n") if out is None else str(out))


@cli.command()
def rebuild(context: typer.Context) -> None:
    """Write the published tiles and entry bundles that are missing in `log/`; exit 1 where one holds other bytes."""
    with opened(options_of(context)) as session:
        session.settle()
        written = checkpoint.rebuild(session.runtime.log_database, session.runtime.folder.log / "checkpoint")
        session.emit({"written": written}, f"{written} files written; all others hold what the log makes of them")


@cli.command()
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="File to write the archive to; it must not exist.")],
    range_: Annotated[str, typer.Option("--range", help="Positions A..B, both included; either may be left out.")] = "",
    record: Annotated[str, typer.Option(help="Number or id of a record: its trail.")] = "",
    person: Annotated[str, typer.Option(help="Name at sign-in: what that person changed, not what they read.")] = "",
    request: Annotated[str, typer.Option(help="Id of a request.")] = "",
    sample: Annotated[
        str, typer.Option(help="CLASS/YEAR/COUNT, /SEED and /ENTITY if wanted: records drawn by a seed, with trails.")
    ] = "",
) -> None:
    """Export evidence as a zip file that is checked elsewhere: entries with proofs, a checkpoint, the verifier."""
    from app.evidence import evidence_of
    from exports.scope import Wanted

    if out.exists():
        raise Invalid(f"{out} is there already")
    with opened(options_of(context)) as session:
        by = session.principal()
        session.settle()
        wanted = Wanted(range=range_, record=record, person=person, request=request, sample=sample)
        made = evidence_of(session.runtime).export(wanted, by=by, request=None)
        # Under another name until it is whole: an archive that ends early must not pass for one.
        draft = out.with_name(f".{out.name}.new")
        try:
            with draft.open("wb") as file:
                for piece in made.pieces:
                    file.write(piece)
            draft.replace(out)
        finally:
            draft.unlink(missing_ok=True)
        session.settle()
        told = {"file": str(out), "entries": made.scope.count, "size": made.size}
        words = f"{out}: {made.scope.count} entries under the checkpoint over {made.size}"
        if made.scope.drawn is not None:
            drawn = made.scope.drawn.sample
            told |= {"seed": drawn.seed, "drawn": len(drawn.drawn), "population": drawn.population}
            words += f"; {len(drawn.drawn)} of {drawn.population} records, seed {drawn.seed}"
        session.emit(told, words)


@cli.command()
def anchor(context: typer.Context) -> None:
    """Ask the witnesses and the time stamping service now, and seal the journal; then tell what is not protected.

    Exit 1 where something did not answer, or disagrees.
    """
    with opened(options_of(context)) as session:
        session.settle()
        anchoring = Anchoring(session.runtime)
        troubles = anchoring.once(seal=not session.served)
        session.settle()
        told = _anchors(session.runtime, anchoring)
        lines = [f"{place}: {code or 'done'}" for place, code in troubles.items()]
        session.emit(told | {"tried": troubles}, "\n".join([*lines, *(gap["sentence"] for gap in told["gaps"])]))
        if any(troubles.values()):
            raise typer.Exit(1)


def _anchors(runtime: Runtime, anchoring: Anchoring) -> dict[str, Any]:
    with runtime.log_database.read() as reading:
        found = anchors(
            reading,
            at=runtime.clock.now(),
            policy=anchoring.policy,
            stamps=bool(runtime.settings.timestamp_url),
        )
    return found.to_json()


cli.command()(trail)


@cli.command()
def withdraw(
    context: typer.Context,
    ask: Annotated[bool, typer.Option("--ask", help="Ask that what is due be withdrawn.")] = False,
    confirm: Annotated[str, typer.Option(help="Id of a withdrawal that another person asked for; takes a token.")] = "",
    refuse: Annotated[str, typer.Option(help="Id of a withdrawal to refuse, or to take back.")] = "",
) -> None:
    """Withdraw entries that are older than the log's own retention: one person asks, another confirms.

    Without an option it tells what is due, and what was asked for. Hashes stay; the verifier says "withdrawn".
    """
    if sum(map(bool, (ask, confirm, refuse))) > 1:
        raise Invalid("give one of --ask, --confirm and --refuse")
    with opened(options_of(context)) as session:
        by, now = session.principal(), session.runtime.clock.now()
        withdrawals = withdrawals_of(session.runtime)
        session.settle()
        if ask:
            row = withdrawals.ask(by=by, at=now, request=None)
        elif confirm or refuse:
            act = withdrawals.confirm if confirm else withdrawals.refuse
            row = act(to_id(confirm or refuse), by=by, at=now, request=None)
        session.settle()
        rows, due = withdrawals.requests(by=by), withdrawals.due(at=now)
        if ask or confirm or refuse:
            rows = [one for one in rows if one.id == row.id]
        told = {
            "years": withdrawals.years,
            "due": due.entries,
            "withdrawals": [
                {"id": str(one.id), "state": one.state, "entries": one.entries, "below": one.below} for one in rows
            ],
        }
        lines = [f"{one.id}: {one.entries} entries below position {one.below}: {one.state}" for one in rows]
        if not (ask or confirm or refuse):
            lines.insert(0, f"{due.entries} entries are older than {withdrawals.years} years and could be withdrawn")
        session.emit(told, "\n".join(lines))


@cli.command("unwraps")
def unwraps(context: typer.Context) -> None:
    """Compare the keys that were unwrapped with the reads in the log; exit 1 if one was for no read that is there."""
    with opened(options_of(context)) as session:
        found = unwrapped.look(session.runtime)
        session.settle()
        lines = [
            f"{each.kind.replace('_', ' '):10} {each.unwrapped} unwrapped: {each.logged} for reads in the log, "
            f"{each.withheld} for reads that failed, {each.sealed} to seal, {each.unlogged} for neither"
            for each in found.kinds
        ]
        lines.append(
            f"{found.processes} processes counted {found.reads_counted} reads; the log has {found.reads_logged}"
        )
        lines.append("they agree" if found.agrees else "THEY DO NOT AGREE: something was read around the log")
        session.emit(found.to_json(), "\n".join(lines))
        if not found.agrees:
            raise typer.Exit(1)


@cli.command("rotate-key")
def rotate_key(
    context: typer.Context,
    lost: Annotated[bool, typer.Option("--lost", help="The key file is gone: the new key signs alone.")] = False,
) -> None:
    """Give the log another key. An entry signed by the key before names it; for 30 days both sign."""
    options = options_of(context)
    chosen = settings.load(data=options.data)
    main, database = databases_of(chosen)
    try:
        with database.read() as reading:
            started = started_as(reading)
    finally:
        main.close()
        database.close()
    if started is None:
        raise NotFound("the log has not been started")
    # First: without its key nothing starts on a log, unless there is one that is to come.
    upcoming = rotation.begin(chosen.log_key_file, *started, lost=lost) if lost else None
    with opened(options) as session:
        by = session.operator()
        by.require("installation.manage")
        upcoming = upcoming or rotation.begin(chosen.log_key_file, *started, lost=False)
        event = LogKeyChanged(by=by.actor, vkey=str(upcoming.verifier), lost=lost)
        session.runtime.log.record([event], at=session.runtime.clock.now())
        session.settle()
        session.emit({"origin": started[0], "key": str(upcoming.verifier)}, str(upcoming.verifier))


@cli.command()
def verifier(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Where to write it.", dir_okay=False)] = Path(verifier_file.NAME),
) -> None:
    """Write the verifier, one Python file that checks logs and exports without Muniment."""
    out.write_bytes(verifier_file.content())
    digest = hashlib.sha256(verifier_file.content()).hexdigest()
    told = {"file": str(out), "sha256": digest}
    typer.echo(json.dumps(told) if options_of(context).as_json else f"{out}: SHA-256 {digest}")
