import pytest

from tests.support.cli import Cli


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line, without settings of whoever runs the tests."""
    for name in ("MUNIMENT_TOKEN", "MUNIMENT_DATA", "MUNIMENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MUNIMENT_WORKERS", "1")
    return Cli()
