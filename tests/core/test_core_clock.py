from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SystemClock, civil_date, from_us, to_us

INSTANTS = st.datetimes(timezones=st.just(UTC))


@given(INSTANTS)
def test_an_instant_survives_its_microseconds_exactly(instant):
    assert from_us(to_us(instant)) == instant


@given(INSTANTS, INSTANTS)
def test_microseconds_are_in_the_order_of_instants(one, other):
    assert (to_us(one) < to_us(other)) == (one < other)


def test_the_same_moment_in_another_zone_is_the_same_number():
    utc = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert to_us(utc) == to_us(utc.astimezone(timezone(timedelta(hours=-11))))


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        to_us(datetime(2026, 3, 2))


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        pytest.param(datetime(2025, 12, 31, 23, 30, tzinfo=UTC), "Europe/Berlin", date(2026, 1, 1), id="new year"),
        pytest.param(datetime(2025, 12, 31, 23, 30, tzinfo=UTC), "UTC", date(2025, 12, 31), id="old year in UTC"),
        pytest.param(datetime(2026, 6, 30, 22, 0, tzinfo=UTC), "Europe/Berlin", date(2026, 7, 1), id="summer time"),
        pytest.param(datetime(2026, 1, 1, 2, 0, tzinfo=UTC), "America/New_York", date(2025, 12, 31), id="west"),
    ],
)
def test_a_legal_day_is_that_of_the_entity(instant, zone, day):
    assert civil_date(instant, zone) == day


def test_the_system_clock_tells_utc():
    now = SystemClock().now()
    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)
