"""What time it is. The only place that asks the system; everything else is told."""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Tells the present instant."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC, to the microsecond."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z; exact, no float in between.

    Raises:
        ValueError: ``instant`` is naive, so it names no moment.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return (instant - EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    """The instant that many microseconds after 1970-01-01T00:00Z, in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


def civil_date(instant: datetime, zone: str) -> date:
    """The calendar day of ``instant`` in the named IANA time zone.

    2025-12-31T23:30Z is 1 January 2026 in Europe/Berlin: legal days are those of the entity.
    """
    return instant.astimezone(ZoneInfo(zone)).date()
