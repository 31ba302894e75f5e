from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.archive import Archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """One firm for all tests of a module: each makes records of its own."""
    made = Archive.open(tmp_path_factory.mktemp("archive") / "data")
    yield made
    made.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Archive]:
    """A firm of its own, for tests that break things or count all of them."""
    made = Archive.open(tmp_path / "data")
    yield made
    made.close()
