"""What every test may use: the corpus where it is present, and which marked tests run."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import services
from vault import tally

ROOT = Path(__file__).parent.parent
CORPUS = Path(os.environ.get("MUNIMENT_CORPUS", ROOT.parent / "shared" / "corpus"))

# Ten minutes after it began, a process tells what it unwrapped keys for, with whatever it logs just then: here in
# the middle of somebody's test of what is logged.
tally.TELL_SECONDS = math.inf

# For a night: ``pytest --hypothesis-profile=long -n0 FILE``.
settings.register_profile("long", max_examples=3000, deadline=None, print_blob=True)
# That a machine is busy refutes no law.
settings.register_profile(
    "unhurried",
    settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="what stands behind tests of packages that do not speak of SQLite's files",
    )
    parser.addoption("--run-all", action="store_true", help="also run tests marked slow or browser")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sqlite: speaks of SQLite's files or words; left out with --database postgresql")
    if config.getoption("--database") == "postgresql":
        # In the environment, so that child processes of tests know it too.
        os.environ["MUNIMENT_TEST_DATABASE"] = "postgresql"
        from tests.support import databases

        databases.stand_in_for_settings()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    no_services = services.skip_reason()
    for item in items:
        if "services" in item.keywords and no_services:
            item.add_marker(pytest.mark.skip(reason=no_services))
        if "sqlite" in item.keywords and config.getoption("--database") == "postgresql":
            item.add_marker(pytest.mark.skip(reason="speaks of SQLite"))
        if "corpus" in item.keywords and not CORPUS.is_dir():
            item.add_marker(pytest.mark.skip(reason="the development corpus is not here (MUNIMENT_CORPUS)"))
        if config.getoption("--run-all"):
            continue
        for name in ("slow", "browser"):
            if name in item.keywords:
                item.add_marker(pytest.mark.skip(reason=f"{name}: run by .ci/run (pytest --run-all)"))


@pytest.fixture(autouse=True)
def _databases_of_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--database") != "postgresql":
        yield
        return
    from tests.support import databases

    with databases.dropped_after():
        yield


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--database") == "postgresql":
        from tests.support import databases

        databases.drop_all()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The development corpus; tests that use it are marked ``corpus``."""
    return CORPUS
