"""The options that stand before every command."""

from dataclasses import dataclass
from pathlib import Path

import typer

from core.errors import Invalid


@dataclass(frozen=True, slots=True)
class Options:
    """What stands before the command."""

    data: Path | None
    as_name: str | None
    token: str | None
    as_json: bool


def options_of(context: typer.Context) -> Options:
    """The shared options of the command under way."""
    found = context.obj
    if not isinstance(found, Options):
        raise Invalid("run this through the command muniment")
    return found
