from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.archive import Archive
from tests.support.cli import Cli


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line, without settings of whoever runs the tests."""
    for name in ("MUNIMENT_TOKEN", "MUNIMENT_DATA", "MUNIMENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MUNIMENT_WORKERS", "1")
    return Cli()


@pytest.fixture
def fresh_archive(tmp_path: Path) -> Iterator[Archive]:
    """A firm of its own."""
    made = Archive.open(tmp_path / "data")
    yield made
    made.close()
