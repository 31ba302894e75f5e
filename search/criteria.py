"""What may stand after the colon of a field filter.

Each reader takes the typed value and returns a criterion, or ``None`` where the value means
nothing in that field. Days are civil days; amounts assume a currency of two decimals.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final, TypeVar

from search.tree import Amounts, Beginning, Criterion, Days, Exactly

FIELDS: Final = {
    "class": "code",
    "party": "name",
    "title": "name",
    "number": "code",
    "record": "code",
    "case": "code",
    "department": "code",
    "entity": "code",
    "currency": "code",
    "language": "code",
    "state": "code",
    "type": "code",
    "date": "days",
    "received": "days",
    "total": "amounts",
}
"""Field names of the query language and the kind of value each takes."""

ALIASES: Final = {"lang": "language", "dept": "department", "amount": "total", "file": "case"}

LARGEST_AMOUNT: Final = 10**15
"""In minor units; larger ones are no sums of money and would not fit the index."""

_T = TypeVar("_T", date, int)


def read_criterion(field: str, value: str, *, starred: bool, today: date | None) -> Criterion | None:
    """The criterion that ``value`` states for ``field``; ``None`` if it states none.

    ``starred`` says that an asterisk followed. ``today`` gives ``today``, ``yesterday``,
    ``this-month`` and their like a meaning; without it they have none.
    """
    kind = FIELDS[field]
    if kind in ("code", "name"):
        if not any(character.isalnum() for character in value):
            return None
        return Beginning(value) if starred else Exactly(value)
    if starred:
        return None
    if kind == "days":
        span = _read_span(value, lambda part: _read_days(part, today), lambda day, by: day + by * _ONE_DAY)
        return None if span is None else Days(*span)
    amounts = _read_span(value, _read_amount, lambda amount, by: amount + by)
    return None if amounts is None else Amounts(*amounts)


_ONE_DAY: Final = timedelta(days=1)
_COMPARISON = re.compile(r"(>=|<=|>|<|=)\s*(.*)\Z", re.DOTALL)


def _read_span(
    value: str, read: Callable[[str], tuple[_T, _T] | None], step: Callable[[_T, int], _T]
) -> tuple[_T | None, _T | None] | None:
    """First and last of ``a``, ``a..b``, ``a..``, ``..b``, ``>a`` and so on; each ``a`` is itself a span (a year)."""
    try:
        if comparison := _COMPARISON.match(value):
            return _compare(comparison[1], read(comparison[2]), step)
        if ".." not in value:
            return read(value)
        low, _, high = value.partition("..")
        below, above = (read(low) if low else None), (read(high.lstrip(".")) if high.lstrip(".") else None)
    except OverflowError:  # a day after the last or before the first that there is
        return None
    if (low and below is None) or (high.lstrip(".") and above is None) or (below is None and above is None):
        return None
    if below is not None and above is not None and below[0] > above[1]:
        below, above = above, below
    return (below[0] if below else None), (above[1] if above else None)


def _compare(
    sign: str, span: tuple[_T, _T] | None, step: Callable[[_T, int], _T]
) -> tuple[_T | None, _T | None] | None:
    match sign, span:
        case ">=", (first, _):
            return first, None
        case ">", (_, last):
            return step(last, 1), None
        case "<=", (_, last):
            return None, last
        case "<", (first, _):
            return None, step(first, -1)
        case _:
            return span


_ISO_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?\Z", re.ASCII)
_EUROPEAN_DAY = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4})\Z", re.ASCII)


def _read_days(text: str, today: date | None) -> tuple[date, date] | None:
    """First and last day of ``2024``, ``2024-03``, ``2024-03-09``, ``9.3.2024`` or a word such as ``this-month``."""
    try:
        if found := _ISO_DAY.match(text):
            year, month, day = int(found[1]), found[2], found[3]
            if day:
                return (exact := date(year, int(month), int(day))), exact
            if month:
                return _month(year, int(month))
            return date(year, 1, 1), date(year, 12, 31)
        if found := _EUROPEAN_DAY.match(text):
            return (exact := date(int(found[4]), int(found[3]), int(found[1]))), exact
    except ValueError:
        return None
    return _read_relative(text.casefold(), today) if today else None


def _read_relative(text: str, today: date) -> tuple[date, date] | None:
    previous_month = today.replace(day=1) - _ONE_DAY
    monday = today - timedelta(days=today.weekday())
    spans = {
        "today": (today, today),
        "yesterday": (today - _ONE_DAY, today - _ONE_DAY),
        "this-week": (monday, monday + timedelta(days=6)),
        "this-month": _month(today.year, today.month),
        "last-month": _month(previous_month.year, previous_month.month),
        "this-year": (date(today.year, 1, 1), date(today.year, 12, 31)),
        "last-year": (date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)),
    }
    return spans.get(text)


def _month(year: int, month: int) -> tuple[date, date]:
    first = date(year, month, 1)
    if (year, month) == (9999, 12):
        return first, date.max
    return first, date(year + month // 12, month % 12 + 1, 1) - _ONE_DAY


_AMOUNT = re.compile(r"(-?)(\d{1,3}(?:,\d{3})+|\d{1,3}(?:\.\d{3})+|\d+)(?:[.,](\d{1,2}))?\Z", re.ASCII)


def _read_amount(text: str) -> tuple[int, int] | None:
    """Minor units of ``1000``, ``1,000.50`` or ``1.000,50``; three digits after a lone mark are thousands."""
    found = _AMOUNT.match(text)
    if found is None:
        return None
    digits = found[2].replace(",", "").replace(".", "")
    if len(digits) > len(str(LARGEST_AMOUNT)):
        return None
    minor = int(digits) * 100 + int((found[3] or "").ljust(2, "0"))
    if minor > LARGEST_AMOUNT:
        return None
    return (minor, minor) if not found[1] else (-minor, -minor)
