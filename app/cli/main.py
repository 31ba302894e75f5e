"""The commands, gathered, and what every one of them shares: options and errors."""

import sys
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from app.cli import processes, server, witness
from app.cli.options import Options
from core.errors import MunimentError

cli = typer.Typer(
    name="muniment",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="File, find and keep records; prove every access to them.",
)
cli.add_typer(server.cli)
cli.add_typer(processes.cli)
cli.add_typer(witness.cli)


@cli.callback()
def shared(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(help="Data folder.", envvar="MUNIMENT_DATA")] = None,
    as_name: Annotated[str | None, typer.Option("--as", help="Act for the person with this sign-in name.")] = None,
    token: Annotated[str | None, typer.Option(help="Act by this API token.", envvar="MUNIMENT_TOKEN")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")] = False,
) -> None:
    """Keep what every command needs to know."""
    context.obj = Options(data=data, as_name=as_name, token=token, as_json=as_json)


def main() -> None:
    """Run a command; turn what went wrong into a sentence and an exit code."""
    try:
        if _command(sys.argv[1:]) not in _RESIDENT:
            _gather()
        cli(windows_expand_args=False)
    except MunimentError as error:
        text = error.title() if error.detail in ("", error.title()) else f"{error.title()}: {error.detail}"
        sys.stderr.write(f"muniment: {text}\n")
        sys.exit(1)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # Whoever reads our output has seen enough, as in ``| head``.
            sys.stderr.close()
        else:
            where = "" if error.filename is None else f"{error.filename}: "
            sys.stderr.write(f"muniment: {where}{error.strerror or type(error).__name__}\n")
        sys.exit(1)


_RESIDENT = frozenset({"serve", "web", "worker", "beat", "keeper", "alive", "witness"})
"""Commands that stay, or are asked every half minute: they load what they need and no more."""


def _command(arguments: list[str]) -> str | None:
    """The command among the words typed: the first that is neither an option nor the value of one."""
    words = iter(arguments)
    for word in words:
        if word in ("--data", "--as", "--token"):
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


@cache
def _gather() -> None:
    """Add the commands that work on the archive. The supervisor stays resident and needs none of their libraries."""
    from app.cli import archive, audit, hold, index, people, retention

    cli.add_typer(archive.cli)
    cli.add_typer(index.cli)
    cli.add_typer(archive.record_cli, name="record")
    cli.add_typer(audit.cli, name="audit")
    cli.add_typer(hold.cli, name="hold")
    cli.add_typer(retention.cli, name="retention")
    cli.add_typer(people.user_cli, name="user")
    cli.add_typer(people.token_cli, name="token")
    cli.add_typer(people.setup_cli, name="setup")
