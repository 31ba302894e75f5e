"""Start anchors: the day a period is counted from, given the day of the event.

Statutes seldom count from the event itself. German tax law counts from the end of the calendar
year (AO § 147(4)), French commercial law from the close of the fiscal year (C. com. L123-22),
Austrian tax law from the end of the calendar year in which the fiscal year ends (BAO § 132(1)),
British wage-tax law from the end of the tax year on 5 April, Romanian accounting law from
1 July of the year after the fiscal year (Legea 82/1991 art. 25). Like the event, the anchor is
itself a kept day and is not counted.

Beware: the German year is that in which the document arose, also where the fiscal year is not
the calendar year; the Austrian one is that in which the fiscal year ends.
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from accounts import fiscal_year
from core.clock import civil_date
from core.errors import Invalid
from retention.period import BeyondCalendar

Anchor = Literal[
    "event_date",
    "end_of_calendar_year",
    "end_of_fiscal_year",
    "end_of_cy_of_fiscal_year_end",
    "end_of_tax_year",
    "july_1_after_fiscal_year",
]
ANCHORS: tuple[Anchor, ...] = (
    "event_date",
    "end_of_calendar_year",
    "end_of_fiscal_year",
    "end_of_cy_of_fiscal_year_end",
    "end_of_tax_year",
    "july_1_after_fiscal_year",
)


class InvalidCalendar(Invalid):
    """The entity's calendar names no such zone or day."""

    code = "invalid_calendar"


@dataclass(frozen=True, slots=True)
class Calendar:
    """How a legal entity counts days and years."""

    zone: str
    """IANA time zone: legal days are civil days in it."""
    fiscal_year_start: str = "01-01"
    """First day of the fiscal year, ``MM-DD``, and since when it is another one (``accounts.fiscal_year``)."""
    tax_year_end: str = "04-05"
    """Last day of the statutory tax year, ``MM-DD``: 5 April in the United Kingdom."""

    def __post_init__(self) -> None:
        _fiscal_years(self.fiscal_year_start)
        _month_and_day(self.tax_year_end)
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InvalidCalendar("the time zone is a name such as Europe/Berlin") from error

    def day_of(self, instant: datetime) -> date:
        """The civil day of an instant: 2025-12-31T23:30Z is 1 January 2026 in Berlin.

        Raises:
            InvalidCalendar: the instant is naive, so it names no moment.
            BeyondCalendar: there it is a day before the year 1 or beyond 9999.
        """
        if instant.tzinfo is None:
            raise InvalidCalendar("an instant needs a time zone")
        try:
            return civil_date(instant, self.zone)
        except OverflowError:
            raise BeyondCalendar("the instant lies beyond the years 1 to 9999") from None


def anchored(anchor: Anchor, event: date, calendar: Calendar) -> date:
    """The day a period is counted from; it is not counted itself.

    Raises:
        BeyondCalendar: the year of the event ends beyond the year 9999.
    """
    match anchor:
        case "event_date":
            return event
        case "end_of_calendar_year":
            return date(event.year, 12, 31)
        case "end_of_fiscal_year":
            return fiscal_year_end(event, calendar)
        case "end_of_cy_of_fiscal_year_end":
            return date(fiscal_year_end(event, calendar).year, 12, 31)
        case "end_of_tax_year":
            month, day = _month_and_day(calendar.tax_year_end)
            return _day(event.year if (event.month, event.day) <= (month, day) else event.year + 1, month, day)
        case "july_1_after_fiscal_year":
            return _day(fiscal_year_end(event, calendar).year + 1, 7, 1)


def fiscal_year_end(event: date, calendar: Calendar) -> date:
    """The last day of the fiscal year that contains the event.

    Raises:
        BeyondCalendar: it lies beyond the year 9999.
    """
    try:
        return _fiscal_years(calendar.fiscal_year_start).last_day(event)
    except OverflowError:
        raise BeyondCalendar("the year of the event ends beyond the year 9999") from None


def _fiscal_years(text: str) -> fiscal_year.FiscalYears:
    try:
        return fiscal_year.parse(text)
    except ValueError as error:
        raise InvalidCalendar(str(error)) from None


@lru_cache(maxsize=400)
def _month_and_day(text: str) -> tuple[int, int]:
    """The month and day of ``MM-DD``; a day that every year has, so not 29 February."""
    try:
        day = date.fromisoformat(f"2025-{text}")
    except ValueError:
        raise InvalidCalendar("write a day that every year has, such as 04-01") from None
    if len(text) != 5:
        raise InvalidCalendar("write a day that every year has, such as 04-01")
    return day.month, day.day


def _day(year: int, month: int, day: int) -> date:
    if year > 9999:
        raise BeyondCalendar("the year of the event ends beyond the year 9999")
    return date(year, month, day)
