"""The time zone of a country: what legal days of a new entity are reckoned by, unless its people say otherwise.

Source: ``zone.tab`` of the IANA time zone database, as the package ``tzdata`` carries it. Where a country has several
zones and nearly everybody lives in one, that one stands in ``_MAIN`` (Unicode CLDR, primary zones).
"""

from functools import lru_cache
from importlib.resources import files

from core.errors import Invalid

_MAIN = {
    "CL": "America/Santiago", "CN": "Asia/Shanghai", "CY": "Asia/Nicosia", "DE": "Europe/Berlin",
    "EC": "America/Guayaquil", "ES": "Europe/Madrid", "MY": "Asia/Kuala_Lumpur", "NZ": "Pacific/Auckland",
    "PT": "Europe/Lisbon", "UA": "Europe/Kyiv", "UZ": "Asia/Tashkent",
}  # fmt: skip


def of_country(country: str) -> str:
    """The zone of a country (ISO 3166-1 alpha-2), by its IANA name.

    Raises:
        Invalid: it has several, or none is known; people must choose.
    """
    found = _by_country().get(country, ())
    if country in _MAIN:
        return _MAIN[country]
    if len(found) != 1:
        raise Invalid("choose the time zone: this country has several" if found else "choose the time zone")
    return found[0]


@lru_cache(maxsize=1)
def _by_country() -> dict[str, tuple[str, ...]]:
    text = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    rows: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            country, _place, zone = line.split("\t")[:3]
            rows[country] = (*rows.get(country, ()), zone)
    return rows
