"""Commands on disposition: list, show, decide, submit, approve, undo; certificates and their check."""

import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from app.cli.arguments import to_day, to_digest, to_id
from app.cli.options import options_of
from app.cli.session import Session, opened
from audit.statement import pem_of
from core.errors import Invalid
from core.identifiers import show_record_number
from retention import approval, batch, certificate, disposition
from retention.batch import Batch, Counts, Item
from retention.disposition import ItemDecision

cli = typer.Typer(no_args_is_help=True, help="Batches of records whose period has ended.")
certificates = typer.Typer(no_args_is_help=True, help="Certificates of destruction.")


@cli.command("list")
def list_batches(context: typer.Context) -> None:
    """Batches, the newest first."""
    with opened(options_of(context)) as session:
        by = session.principal()
        with session.runtime.main.read() as reading:
            rows = batch.batches(reading, by=by)
            counted = batch.counts(reading, [row.id for row in rows])
        for row in rows:
            session.emit(*_told(row, counted[row.id]))


@cli.command()
def show(context: typer.Context, batch_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """A batch and its records."""
    with opened(options_of(context)) as session:
        by = session.principal()
        with session.runtime.main.read() as reading:
            row = batch.get(reading, to_id(batch_id), by=by)
            session.emit(*_told(row, batch.counts(reading, [row.id])[row.id]))
            after = None
            while items := batch.items(reading, row.id, after=after):
                after = items[-1].record
                for item in items:
                    session.emit(*_item(item))


@cli.command()
def decide(
    context: typer.Context,
    batch_id: Annotated[str, typer.Argument(metavar="ID")],
    decision: Annotated[str, typer.Argument(help="destroy, extend, reclassify, transfer, or permanent.")],
    record: Annotated[list[str] | None, typer.Option(help="Id of a record; all undecided ones where left out.")] = None,
    reason: Annotated[str, typer.Option(help="Why; needed to extend and to keep permanently.")] = "",
    until: Annotated[str, typer.Option(help="Last day of an extension.")] = "",
    to_class: Annotated[str, typer.Option("--class", help="The class they come into.")] = "",
    authority: Annotated[str, typer.Option(help="What a transfer or a permanent keeping rests on.")] = "",
) -> None:
    """Decide what is to become of records of a batch. It takes effect once another person has approved."""
    if decision not in batch.DECISIONS:
        raise Invalid("decide to destroy, to extend, to reclassify, to transfer or to keep permanently")
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        word = ItemDecision(
            decision=next(each for each in batch.DECISIONS if each == decision),
            reason=reason,
            until=to_day(until) if until else None,
            to_class=to_class or None,
            authority=authority,
        )
        with runtime.main.write() as writing:
            wanted = [to_id(each) for each in record or ()] or _open_ones(writing, to_id(batch_id), session)
            if not wanted:
                raise Invalid("no record of this batch is undecided")
            now = runtime.clock.now()
            count = disposition.decide_items(
                writing, to_id(batch_id), dict.fromkeys(wanted, word), by=by, at=now, keys=runtime.keys
            )
        session.settle()
        session.emit({"decided": count}, f"{count} decided")


@cli.command()
def submit(context: typer.Context, batch_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Submit what is decided for approval by another person."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            done = disposition.submit(writing, to_id(batch_id), by=by, at=runtime.clock.now())
        session.settle()
        told = {"digest": done.digest.hex(), "submitted": done.submitted, "reopened": [str(r) for r in done.reopened]}
        session.emit(told, f"{done.submitted} submitted, {len(done.reopened)} reopened; digest {done.digest.hex()}")


@cli.command()
def approve(
    context: typer.Context,
    batch_id: Annotated[str, typer.Argument(metavar="ID")],
    digest: Annotated[str, typer.Argument(help="Of the batch as you saw it.")],
) -> None:
    """Approve a batch in which you had no part. Takes the token of the person: an operator approves nothing."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        seen = to_digest(digest)
        with runtime.main.write() as writing:
            done = approval.approve(writing, to_id(batch_id), seen, by=by, at=runtime.clock.now())
        session.settle()
        told = {"outcome": done.state, "missing": done.missing, "changed": [str(r) for r in done.changed]}
        session.emit(told, f"{done.state}; {done.missing} more to approve")
        if done.state == "voided":
            raise typer.Exit(1)


@cli.command()
def undo(context: typer.Context, batch_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Undo an approved batch before it is carried out."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            approval.undo(writing, to_id(batch_id), by=by, at=runtime.clock.now())
        session.settle()
        session.emit({"state": batch.UNDONE}, "undone")


@certificates.command("list")
def list_certificates(context: typer.Context) -> None:
    """Certificates, the newest first."""
    with opened(options_of(context)) as session:
        by = session.principal()
        with session.runtime.main.read() as reading:
            rows = certificate.certificates(reading, by=by)
        for row in rows:
            told = {"id": str(row.id), "records": row.records, "issued_at": row.issued_at.isoformat()}
            session.emit(told, f"{row.issued_at:%Y-%m-%d %H:%M}  {row.id}  {row.records} records")


@certificates.command("export")
def export(
    context: typer.Context,
    certificate_id: Annotated[str, typer.Argument(metavar="ID")],
    folder: Annotated[Path, typer.Option(help="Where to put certificate.json, certificate.sig and log.pem.")],
) -> None:
    """Write a certificate, its signature and the public key into a folder, to be checked without Muniment."""
    with opened(options_of(context)) as session:
        by = session.principal()
        with session.runtime.main.read() as reading:
            row = certificate.get(reading, to_id(certificate_id), by=by)
        known = certificate.verify(row.body, row.signature, row.vkey)
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in (
            ("certificate.json", row.body),
            ("certificate.sig", row.signature),
            ("log.pem", pem_of(known.key)),
            ("log.vkey", f"{row.vkey}\n".encode()),
        ):
            (folder / name).write_bytes(data)
        session.emit({"folder": str(folder)}, f"written to {folder}")


@certificates.command("verify")
def verify(
    body: Annotated[Path, typer.Argument(help="certificate.json")],
    signature: Annotated[Path, typer.Argument(help="certificate.sig")],
    key: Annotated[str, typer.Option(help="The log's verifier key, from elsewhere than the certificate.")],
) -> None:
    """Check a certificate with nothing but these three. Exit 1 where it does not hold."""
    found = certificate.verify(body.read_bytes(), signature.read_bytes(), key)
    sys.stdout.write(f"good: {len(found.content['records'])} records, signed by {found.key.name}\n")


def _told(row: Batch, counts: Counts) -> tuple[dict[str, Any], str]:
    told = {
        "id": str(row.id),
        "state": row.state,
        "items": counts.total,
        "states": counts.states,
        "digest": row.digest.hex() if row.digest else None,
    }
    return told, f"{row.proposed_at:%Y-%m-%d}  {row.id}  {row.state}  {counts.total} records"


def _item(item: Item) -> tuple[dict[str, Any], str]:
    told = {
        "record": str(item.record),
        "number": item.number,
        "class": item.record_class,
        "state": item.state,
        "code": item.code,
        "decision": item.decision,
        "retain_through": item.retain_through.isoformat() if item.retain_through else None,
    }
    line = f"  {show_record_number(item.number)}  {item.record}  kept through {item.retain_through}  "
    return told, line + f"{item.decision or '-'}  {item.state}{f' ({item.code})' if item.code else ''}"


def _open_ones(writing: Any, batch_id: UUID, session: Session) -> list[UUID]:
    batch.get(writing, batch_id, by=session.principal())
    found, after = list[UUID](), None
    while items := batch.items(writing, batch_id, after=after, limit=1_000, state=batch.OPEN):
        after = items[-1].record
        found += [item.record for item in items]
    return found
