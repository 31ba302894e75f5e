"""Starter packs: retention rules as they are usual in a country, for counsel to review.

One file a country, and one of the European Union. They are a starting point and no legal advice; every rule of a
pack carries its marking until somebody publishes a version of their own. Sources and how sure each row is stand in it.
"""

from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from importlib.resources import files

import yaml

from core.errors import IntegrityFailure, Invalid, NotFound
from retention.rule import EU
from retention.rule_draft import STARTER, RuleDraft, read

_EU_LAW = """AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"""
"""Where the GDPR applies: the member states and the European Economic Area."""
_SOURCE = {
    "verified": "Starter pack, law as of {day}: period and event agree with a published source; check the section",
    "unverified": "Starter pack, law as of {day}: from general knowledge; confirm the period and the citation",
}


class UnknownPack(NotFound):
    """There is no starter pack for this country."""

    code = "unknown_pack"


class DamagedPack(IntegrityFailure):
    """A starter pack in the program is damaged."""

    code = "damaged_pack"


@dataclass(frozen=True, slots=True)
class Pack:
    """The starter rules of one country."""

    jurisdiction: str
    stated_as_of: date
    rules: tuple[RuleDraft, ...]


def countries() -> tuple[str, ...]:
    """The codes for which there is a pack, sorted; ``EU`` among them."""
    found = (each.name for each in files("retention.packs").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


def suited_to(country: str) -> tuple[str, ...]:
    """The packs that suit an entity of a country: its own, and that of the Union where its law applies."""
    there = countries()
    wanted = (country, EU) if country in _EU_LAW.split() else (country,)
    return tuple(code for code in wanted if code in there)


@lru_cache(maxsize=32)
def load(country: str) -> Pack:
    """The pack of a country.

    Raises:
        UnknownPack: there is none.
        DamagedPack: its file is not what was shipped.
    """
    if country not in countries():
        raise UnknownPack(f"there are packs for {', '.join(countries())}")
    try:
        document = yaml.safe_load((files("retention.packs") / f"{country}.yaml").read_bytes())
        day: date = document["stated_as_of"]
        rows = []
        for row in document["rules"]:
            values = {key: value for key, value in row.items() if key != "id"}
            draft = read({**values, "code": row["id"], "jurisdiction": country, "marking": STARTER})
            rows.append(replace(draft, source=_SOURCE[draft.confidence].format(day=day.isoformat())))
        if document["jurisdiction"] != country or document["marking"] != STARTER or not rows:
            raise DamagedPack(country)
    except (Invalid, yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise DamagedPack(country) from error
    return Pack(country, day, tuple(rows))
