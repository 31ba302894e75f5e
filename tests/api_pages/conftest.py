from collections.abc import Iterator

import pytest

from tests.support.app import Office

TEXT = b"Rechnung Nr. 4711\nDer Zebrafink <b>singt</b>.\nSumme 12,00 EUR"


@pytest.fixture(scope="session")
def pages_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One firm with one read record of the clerk, for all tests of pages that leave it usable."""
    office = Office.open(tmp_path_factory.mktemp("pages"))
    office.upload(TEXT, "rechnung.txt")
    office.settle()
    yield office
    office.close()


@pytest.fixture
def own_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A firm of one's own, for tests that change it."""
    office = Office.open(tmp_path_factory.mktemp("own"))
    yield office
    office.close()
