"""Every command tells what it does: its help is made without a fault, in full."""

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from app.cli.main import _gather
from app.cli.main import cli as command_line


def _ways(command: object, way: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = getattr(command, "commands", {})
    return [way, *(each for name, one in sorted(below.items()) for each in _ways(one, (*way, name)))]


def _every_way() -> list[tuple[str, ...]]:
    _gather()
    return _ways(get_command(command_line))


@pytest.mark.parametrize("way", _every_way(), ids=lambda way: " ".join(way) or "muniment")
def test_the_help_of_each_command_can_be_read(way: tuple[str, ...]) -> None:
    told = CliRunner().invoke(command_line, [*way, "--help"], catch_exceptions=True)
    assert told.exit_code == 0, told.exception
    assert "Usage" in told.output
