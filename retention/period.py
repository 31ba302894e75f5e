"""Periods as statutes state them, and adding one to a day.

Counting follows Regulation (EEC, Euratom) 1182/71, art. 3, and BGB §§ 187 and 188: the day of
the event is not counted, and a period in years or months ends with the day of the same number
in the last month, or with that month's last day where it has no such day. So ``add`` names the
**last day of the period**. A period is added once: four times one year from 29 February 2024 is
not four years from it.

There is no roll from a weekend or holiday: art. 3(4) and BGB § 193 are about acts to be done
in time, and keeping is not one. Hours are elapsed time between instants, whatever the clocks
on the wall do.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from core.errors import Invalid

Rounding = Literal["none", "calendar_year_end"]
ROUNDINGS: tuple[Rounding, ...] = ("none", "calendar_year_end")

_WRITTEN = re.compile(
    r"P(?=[0-9T])(?:([0-9]{1,4})Y)?(?:([0-9]{1,5})M)?(?:([0-9]{1,5})W)?(?:([0-9]{1,6})D)?(?:T([0-9]{1,6})H)?\Z"
)


class InvalidPeriod(Invalid):
    """This is not a period of retention."""

    code = "invalid_period"


class BeyondCalendar(Invalid):
    """The day lies beyond the year 9999."""

    code = "beyond_calendar"


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time in calendar units; ``P0D`` means: until the event, and then act."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0
    hours: int = 0

    def __post_init__(self) -> None:
        if min(self.years, self.months, self.weeks, self.days, self.hours) < 0:
            raise InvalidPeriod("a period does not run backwards")
        if self.hours and (self.years or self.months or self.weeks or self.days):
            raise InvalidPeriod("hours stand alone: days are civil days, hours are elapsed time")

    @classmethod
    def parse(cls, text: str) -> "Period":
        """The period written in ISO 8601: ``P8Y``, ``P1Y6M``, ``P4W``, ``P30D``, ``PT72H``, ``P0D``.

        Raises:
            InvalidPeriod: not such a text; or minutes, seconds, fractions, a sign, or days with hours.
        """
        found = _WRITTEN.match(text)
        if found is None:
            raise InvalidPeriod("write the period as P8Y, P6M, P4W, P30D or PT72H")
        return cls(*(int(digits or 0) for digits in found.groups()))

    @property
    def text(self) -> str:
        """The period in ISO 8601, without what is zero."""
        if self.hours:
            return f"PT{self.hours}H"
        units = zip((self.years, self.months, self.weeks, self.days), "YMWD", strict=True)
        return "P" + ("".join(f"{count}{unit}" for count, unit in units if count) or "0D")

    @property
    def is_hours(self) -> bool:
        """Whether it is elapsed time, counted from an instant and not from a day."""
        return self.hours > 0

    @property
    def is_zero(self) -> bool:
        """Whether it ends with the event itself."""
        return self == NOTHING

    def __str__(self) -> str:
        return self.text


NOTHING = Period()
"""``P0D``: keep until the event, then act."""


def add(anchor: date, period: Period) -> date:
    """The last day of a period that starts at ``anchor``, which is not counted itself.

    Years and months are added together and clamped to the month's end, then weeks and days.

    Raises:
        InvalidPeriod: the period is in hours; see ``elapse``.
        BeyondCalendar: the day lies beyond the year 9999.
    """
    if period.hours:
        raise InvalidPeriod("a period in hours starts at an instant, not on a day")
    day = _clamped(anchor, period.years * 12 + period.months)
    try:
        return day + timedelta(days=period.weeks * 7 + period.days)
    except OverflowError:
        raise BeyondCalendar("the period ends beyond the year 9999") from None


def latest_start(day: date, period: Period) -> date:
    """The latest start from which a period is over by ``day``: where a slack has to fit in before a maximum.

    Raises:
        InvalidPeriod: the period is in hours.
        BeyondCalendar: the start would lie before the year 1.
    """
    if period.hours:
        raise InvalidPeriod("a period in hours starts at an instant, not on a day")
    try:
        start = _clamped(day, -(period.years * 12 + period.months)) - timedelta(days=period.weeks * 7 + period.days)
        # Months differ in length, so the way back can miss by a few days.
        while add(start, period) > day:
            start -= timedelta(days=1)
        while start < day and add(start + timedelta(days=1), period) <= day:
            start += timedelta(days=1)
    except OverflowError:
        raise BeyondCalendar("the day lies before the year 1") from None
    return start


def elapse(start: datetime, period: Period) -> datetime:
    """The instant at which a period in hours is over, in UTC.

    Hours are hours: over a night in which the clocks change, 72 of them are not three days.

    Raises:
        InvalidPeriod: the period is not in hours, or ``start`` names no zone.
        BeyondCalendar: the instant lies beyond the year 9999.
    """
    if not period.hours or start.tzinfo is None:
        raise InvalidPeriod("hours are counted from an instant with a time zone")
    try:
        return start.astimezone(UTC) + timedelta(hours=period.hours)
    except OverflowError:
        raise BeyondCalendar("the period ends beyond the year 9999") from None


def rounded(day: date, rounding: Rounding) -> date:
    """The end of a period, moved to 31 December where the rule says so (Polish Civil Code, art. 118)."""
    return day.replace(month=12, day=31) if rounding == "calendar_year_end" else day


def day_after(day: date) -> date:
    """The next day: the first on which a record may go that is kept through ``day``.

    Raises:
        BeyondCalendar: ``day`` is the last one of the year 9999.
    """
    if day == date.max:
        raise BeyondCalendar("the day after lies beyond the year 9999")
    return day + timedelta(days=1)


def _clamped(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise BeyondCalendar("the period ends beyond the years 1 to 9999")
    return date(year, month + 1, min(day.day, _length(year, month + 1)))


def _length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
