"""The time zone of a country."""

import pytest

from accounts import zones
from core.errors import Invalid


@pytest.mark.parametrize(
    ("country", "zone"),
    [
        pytest.param("RO", "Europe/Bucharest", id="a country with one"),
        pytest.param("DE", "Europe/Berlin", id="an exclave has another name"),
        pytest.param("ES", "Europe/Madrid", id="islands have another"),
    ],
)
def test_a_country_has_its_zone(country: str, zone: str) -> None:
    assert zones.of_country(country) == zone


@pytest.mark.parametrize("country", ["US", "RU", "AU", "XX"])
def test_people_choose_where_a_country_has_several_or_is_unknown(country: str) -> None:
    with pytest.raises(Invalid, match="choose the time zone"):
        zones.of_country(country)
