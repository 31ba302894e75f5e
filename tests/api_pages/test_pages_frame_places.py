"""Which places stand below a narrow screen, and which under More."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.app import Office


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("frame")
    made = Office.open(folder / "data")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        pytest.param("manager", "/retention", "/upload", id="whoever prepares dispositions has retention at hand"),
        pytest.param("clerk", "/upload", "/retention", id="whoever files has the upload at hand"),
        pytest.param("officer", "/retention", "/upload", id="an officer has retention at hand"),
    ],
)
def test_the_places_at_hand_are_those_of_the_role(office: Office, name: str, inside: str, outside: str) -> None:
    text = office.browser(name)[0].get("/profile").text
    rail = text.split('class="rail"')[1].split("<summary")[0]
    at_hand = re.findall(r'<li>\s*<a[^>]*href="([^"]+)"', rail)
    assert inside in at_hand
    assert outside not in at_hand
