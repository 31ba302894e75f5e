"""Days as documents print them, in English, German, French, Romanian, Spanish, Italian and Dutch.

``03/04/2024`` is a day in April for most of Europe and a day in March for Americans: where the
language does not settle it, the reading carries a low probability and nobody should act on it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

AMBIGUOUS = 0.3
"""Probability of a reading that could as well be another day."""

_ISO = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_FIGURES = re.compile(r"(?<![\d./-])(\d{1,2})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{2})(?![\d/-]|\.\d)")
_DAY_FIRST = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|\.|º)?[\s-]+(?:de |of )?([a-z]{3,10})\.?,?[\s-]+(?:de |del )?(\d{4})(?!\d)"
)
_MONTH_FIRST = re.compile(r"\b([a-z]{3,10})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})(?!\d)")


@dataclass(frozen=True, slots=True)
class FoundDay:
    """A day in a text."""

    day: date
    probability: float
    start: int
    end: int


def find_days(folded: str, language: str, months: Mapping[str, int]) -> Iterator[FoundDay]:
    """The days in ``folded`` (lower case, no accents) in their order; ``months`` maps names to 1 to 12."""
    found: list[FoundDay] = []
    for match in _ISO.finditer(folded):
        found += _day(match, int(match[1]), int(match[2]), int(match[3]), 0.95)
    for match in _FIGURES.finditer(folded):
        found += _from_figures(match, language)
    for pattern, day_group, month_group in ((_DAY_FIRST, 1, 2), (_MONTH_FIRST, 2, 1)):
        for match in pattern.finditer(folded):
            if month := months.get(match[month_group]):
                found += _day(match, int(match[3]), month, int(match[day_group]), 0.95)
    return iter(sorted(found, key=lambda item: item.start))


def _from_figures(match: re.Match[str], language: str) -> list[FoundDay]:
    first, mark, second, year = int(match[1]), match[2], int(match[3]), int(match[4])
    probability = 0.9
    if len(match[4]) == 2:
        year += 2000 if year < 70 else 1900
        probability = 0.6
    if first > 12 or mark == "." or language in ("de", "fr", "ro", "es", "it", "nl", "pl"):
        return _day(match, year, second, first, probability)
    if second > 12:
        return _day(match, year, first, second, probability)
    if first == second:
        return _day(match, year, first, second, probability)
    return _day(match, year, second, first, AMBIGUOUS)


def _day(match: re.Match[str], year: int, month: int, day: int, probability: float) -> list[FoundDay]:
    if not 1950 <= year <= 2100:
        return []
    try:
        return [FoundDay(date(year, month, day), probability, match.start(), match.end())]
    except ValueError:
        return []
