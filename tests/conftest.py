"""What every test may use: the corpus where it is present, and which marked tests run."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORPUS = Path(os.environ.get("MUNIMENT_CORPUS", ROOT.parent / "shared" / "corpus"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-all", action="store_true", help="also run tests marked slow or browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "corpus" in item.keywords and not CORPUS.is_dir():
            item.add_marker(pytest.mark.skip(reason="the development corpus is not here (MUNIMENT_CORPUS)"))
        if config.getoption("--run-all"):
            continue
        for name in ("slow", "browser"):
            if name in item.keywords:
                item.add_marker(pytest.mark.skip(reason=f"{name}: run by .ci/run (pytest --run-all)"))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The development corpus; tests that use it are marked ``corpus``."""
    return CORPUS
