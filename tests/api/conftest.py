from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.app import Office


@pytest.fixture(scope="session")
def shared_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One firm for all tests that leave it as usable as they found it."""
    office = Office.open(
        tmp_path_factory.mktemp("office"),
        person_reports_basis="works-agreement/7",
        person_reports_until="2200-01-01",
    )
    office.upload(b"Rechnung Nr. 4711\nDer Zebrafink singt.\nSumme 12,00 EUR", "rechnung.txt")
    office.settle()
    yield office
    office.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A firm of one's own."""
    office = Office.open(tmp_path / "data")
    yield office
    office.close()
