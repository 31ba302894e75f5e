"""Commands on what leaves by another way than the schedule: copies outside, and wrong uploads."""

from typing import Annotated
from uuid import UUID

import typer

from app import words_shown
from app.cli.arguments import to_id
from app.cli.options import options_of
from app.cli.session import Session, opened
from core.errors import Invalid
from core.identifiers import show_record_number
from retention import disclosure, withdrawal
from retention.disclosure import Disclosure
from retention.withdrawal import Withdrawal

copies = typer.Typer(no_args_is_help=True, help="The register of disclosures: copies outside, on paper too.")
wrong_uploads = typer.Typer(no_args_is_help=True, help="Captures that are withdrawn: wrong uploads.")
PAGE = 500


@copies.command("list")
def list_copies(
    context: typer.Context,
    state: Annotated[str, typer.Option(help="asked_back (to be seen to), out, settled or all.")] = "asked_back",
) -> None:
    """Who outside has a copy of which record, the newest entry first."""
    if state not in (*disclosure.STATES, "all"):
        raise Invalid(f"a state is {', '.join(disclosure.STATES)} or all")
    with opened(options_of(context)) as session:
        by, after = session.principal(), None
        while rows := _next(session, None if state == "all" else state, after):
            told = words_shown.recipients(session.runtime, rows, by=by)
            for row in rows:
                _tell_copy(session, row, told[row.id])
            after = rows[-1].id


@copies.command()
def settle(context: typer.Context, copy_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Write down that a copy came back or was destroyed."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            row = disclosure.settle(writing, to_id(copy_id), by=by, at=runtime.clock.now())
        told = words_shown.recipients(runtime, [row], by=by)
        session.settle()
        _tell_copy(session, row, told[row.id])


@wrong_uploads.command("list")
def list_wrong_uploads(
    context: typer.Context, over: Annotated[bool, typer.Option("--over", help="Those that are over.")] = False
) -> None:
    """Yours, and those you may confirm; the reason is gone with the record."""
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.read() as reading:
            rows = withdrawal.listed(reading, by=by, over=over)
        reasons = words_shown.withdrawals(runtime, rows, by=by)
        for row in rows:
            _tell_withdrawal(session, row, reasons[row.id])


@wrong_uploads.command()
def confirm(context: typer.Context, withdrawal_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Have a wrong upload destroyed that somebody else closed. Takes the token of the person."""
    _decide(context, withdrawal_id, confirmed=True)


@wrong_uploads.command()
def refuse(context: typer.Context, withdrawal_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Open it again; whoever closed it takes it back so."""
    _decide(context, withdrawal_id, confirmed=False)


def _decide(context: typer.Context, withdrawal_id: str, *, confirmed: bool) -> None:
    with opened(options_of(context)) as session:
        by, runtime = session.principal(), session.runtime
        with runtime.main.write() as writing:
            row = withdrawal.decide(writing, to_id(withdrawal_id), confirmed=confirmed, by=by, at=runtime.clock.now())
        told = words_shown.withdrawals(runtime, [row], by=by)
        session.settle()
        _tell_withdrawal(session, row, told[row.id])


def _next(session: Session, state: str | None, after: UUID | None) -> list[Disclosure]:
    with session.runtime.main.read() as reading:
        return disclosure.listed(reading, by=session.principal(), state=state, after=after, limit=PAGE)


def _tell_copy(session: Session, row: Disclosure, recipient: str) -> None:
    told = {
        "id": str(row.id),
        "record": str(row.record),
        "kind": row.kind,
        "recipient": recipient,
        "state": row.state,
        "disclosed_at": row.disclosed_at.isoformat(),
        "settled_at": row.settled_at.isoformat() if row.settled_at else None,
    }
    session.emit(told, f"{row.disclosed_at:%Y-%m-%d}  {row.id}  {row.state}  {row.kind}  {recipient}")


def _tell_withdrawal(session: Session, row: Withdrawal, reason: str) -> None:
    told = {
        "id": str(row.id),
        "record": str(row.record),
        "number": show_record_number(row.number),
        "state": row.state,
        "code": row.code,
        "reason": reason,
        "asked_at": row.asked_at.isoformat(),
    }
    state = f"{row.state}{f' ({row.code})' if row.code else ''}"
    session.emit(told, f"{row.asked_at:%Y-%m-%d}  {row.id}  {show_record_number(row.number)}  {state}  {reason}")
