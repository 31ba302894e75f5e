"""Fiscal years of a legal entity: on which day they start, and since when on another one.

Written ``MM-DD``; where the start was moved, the first day of the first year of the new kind stands behind it, and so
on. ``01-01/2025-04-01`` is the calendar year up to 2024, a short year of three months in 2025, and a year from April
since then. A year that was begun before keeps its end, so a move makes no date of what is older another one.

A fiscal year has twelve months at most (HGB § 240(2)): a move cuts a year short and never makes one longer, as British
law would allow once (Companies Act 2006 s. 392).
"""

from dataclasses import dataclass
from datetime import MAXYEAR, date, timedelta
from functools import lru_cache

MOST_MOVES = 10
LONGEST = 5 + 11 * MOST_MOVES
"""Characters."""
_EARLIEST, _LATEST = date(1800, 1, 1), date(2300, 12, 31)


@dataclass(frozen=True, slots=True)
class FiscalYears:
    """When the fiscal years of an entity begin."""

    start: tuple[int, int]
    """Month and day, of a day that every year has."""
    moves: tuple[date, ...] = ()
    """First days of the first years that start on another day, the oldest first."""

    def last_day(self, event: date) -> date:
        """The last day of the fiscal year that contains the event.

        Raises:
            OverflowError: it lies beyond the year 9999.
        """
        month, day = self.start
        following = None
        for each in self.moves:
            if each > event:
                following = each
                break
            month, day = each.month, each.day
        year = event.year if (event.month, event.day) < (month, day) else event.year + 1
        if (month, day) == (1, 1):
            last = date(year - 1, 12, 31)
        elif year > MAXYEAR:
            raise OverflowError("beyond the year 9999")
        else:
            last = date(year, month, day) - timedelta(days=1)
        return last if following is None else min(last, following - timedelta(days=1))


@lru_cache(maxsize=400)
def parse(text: str) -> FiscalYears:
    """Read what ``FiscalYears`` are written as.

    Raises:
        ValueError: with words for people.
    """
    first, *others = text.split("/")
    start = _month_and_day(first)
    moves, before = list[date](), start
    if len(others) > MOST_MOVES:
        raise ValueError(f"a fiscal year is moved {MOST_MOVES} times at most")
    for each in others:
        try:
            moved = date.fromisoformat(each)
        except ValueError:
            moved = date.min
        if len(each) != 10 or not _EARLIEST <= moved <= _LATEST:
            raise ValueError("state the first day of the first fiscal year that starts on another day, as 2025-04-01")
        now = _month_and_day(each[5:])
        if now == before or (moves and moved <= moves[-1]):
            raise ValueError("a fiscal year is moved to another day, and later than the move before")
        moves.append(moved)
        before = now
    return FiscalYears(start, tuple(moves))


def moved(text: str, first_day: date) -> str:
    """The same fiscal years, which from ``first_day`` on start on its day.

    Raises:
        ValueError: with words for people.
    """
    text = f"{text}/{first_day.isoformat()}"
    parse(text)
    return text


def _month_and_day(text: str) -> tuple[int, int]:
    try:
        # 2025 has no 29 February.
        day = date.fromisoformat(f"2025-{text}")
    except ValueError:
        day = None
    if day is None or len(text) != 5:
        raise ValueError("the fiscal year starts on a day that every year has, such as 01-01")
    return day.month, day.day
