"""Periods: how they are written, and how one is added to a day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.period import BeyondCalendar, InvalidPeriod, Period, add, day_after, elapse, latest_start, rounded

DAYS = st.dates(date(1600, 1, 1), date(2400, 12, 31))
PERIODS = st.builds(
    Period,
    years=st.integers(0, 120),
    months=st.integers(0, 600),
    weeks=st.integers(0, 600),
    days=st.integers(0, 4000),
)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("P8Y", Period(years=8)),
        ("P6M", Period(months=6)),
        ("P1Y6M", Period(years=1, months=6)),
        ("P4W", Period(weeks=4)),
        ("P30D", Period(days=30)),
        ("P1Y2M3W4D", Period(1, 2, 3, 4)),
        ("PT72H", Period(hours=72)),
        ("P0D", Period()),
    ],
)
def test_a_period_is_read_and_written_as_iso_8601(text, period):
    assert Period.parse(text) == period
    assert period.text == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("P", id="no amount"),
        pytest.param("PT", id="no amount of time"),
        pytest.param("P3YT", id="a T without hours"),
        pytest.param("8Y", id="no P"),
        pytest.param("p8y", id="small letters"),
        pytest.param("P-8Y", id="a sign"),
        pytest.param("P1.5Y", id="a fraction"),
        pytest.param("P6M1Y", id="months before years"),
        pytest.param("PT30M", id="minutes"),
        pytest.param("PT30S", id="seconds"),
        pytest.param("P1DT12H", id="days and hours"),
        pytest.param("P٨Y", id="digits of another script"),
        pytest.param("P8Y\n", id="a line break"),
        pytest.param(" P8Y", id="a space"),
        pytest.param("P99999Y", id="more years than a calendar has"),
        pytest.param("P" + "9" * 5000 + "D", id="thousands of digits"),
    ],
)
def test_what_is_no_period_is_refused(text):
    with pytest.raises(InvalidPeriod):
        Period.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_period_or_refused(text):
    try:
        period = Period.parse(text)
    except InvalidPeriod:
        return
    assert Period.parse(period.text) == period


@given(PERIODS)
def test_a_period_survives_being_written(period):
    assert Period.parse(period.text) == period


@pytest.mark.parametrize(
    ("anchor", "period", "last"),
    [
        pytest.param("2026-01-01", "P1D", "2026-01-02", id="1182/71 art. 3(1): the day of the event is not counted"),
        pytest.param("2026-05-15", "P1M", "2026-06-15", id="BGB 188(2): ends on the day of the same number"),
        pytest.param("2026-01-31", "P1M", "2026-02-28", id="BGB 188(3): no such day, so the month's last"),
        pytest.param("2024-01-31", "P1M", "2024-02-29", id="BGB 188(3): in a leap year"),
        pytest.param("2026-03-31", "P6M", "2026-09-30", id="1182/71 art. 3(2)(c): September has thirty days"),
        pytest.param("2026-02-28", "P1M", "2026-03-28", id="the last day of a month stays its number"),
        pytest.param("2024-02-29", "P1Y", "2025-02-28", id="29 February and one year"),
        pytest.param("2024-02-29", "P4Y", "2028-02-29", id="29 February and four years, added once"),
        pytest.param("2096-02-29", "P4Y", "2100-02-28", id="2100 is no leap year"),
        pytest.param("1996-02-29", "P4Y", "2000-02-29", id="2000 is a leap year"),
        pytest.param("1899-12-31", "P2M", "1900-02-28", id="1900 was none"),
        pytest.param("2026-12-31", "P1Y6M", "2028-06-30", id="years and months together, clamped once"),
        pytest.param("2026-01-31", "P1M1W", "2026-03-07", id="months first and clamped, then weeks"),
        pytest.param("2026-02-02", "P4W", "2026-03-02", id="four weeks end on the same weekday"),
        pytest.param("2025-01-01", "P52W", "2025-12-31", id="52 weeks are not a year"),
        pytest.param("2026-01-31", "P30D", "2026-03-02", id="thirty days are not a month"),
        pytest.param("1965-08-14", "P40Y", "2005-08-14", id="before 1970"),
        pytest.param("2099-12-31", "P50Y", "2149-12-31", id="after 2100"),
        pytest.param("2026-05-31", "P0D", "2026-05-31", id="no period at all"),
        pytest.param("2026-12-24", "P1D", "2026-12-25", id="no roll from a holiday"),
        pytest.param("2026-08-01", "P1W", "2026-08-08", id="no roll from a Saturday"),
    ],
)
def test_the_last_day_of_a_period(anchor, period, last):
    assert add(date.fromisoformat(anchor), Period.parse(period)) == date.fromisoformat(last)


def test_a_period_is_added_once_and_not_year_by_year():
    day = date(2024, 2, 29)
    stepwise = day
    for _ in range(4):
        stepwise = add(stepwise, Period(years=1))
    assert stepwise == date(2028, 2, 28)
    assert add(day, Period(years=4)) == date(2028, 2, 29)


@given(DAYS, DAYS, PERIODS)
def test_a_later_start_never_ends_earlier(one, other, period):
    first, second = sorted((one, other))
    assert add(first, period) <= add(second, period)


@given(DAYS, PERIODS, st.integers(0, 400))
def test_a_longer_period_never_ends_earlier(day, period, more):
    longer = Period(period.years, period.months + more, period.weeks, period.days)
    assert add(day, period) <= add(day, longer)


@given(DAYS, st.integers(0, 1200))
def test_months_only_ever_clamp_back_to_the_months_end(day, months):
    end = add(day, Period(months=months))
    assert (end.year * 12 + end.month) - (day.year * 12 + day.month) == months
    assert end.day == day.day or (end + timedelta(days=1)).day == 1


@given(DAYS, PERIODS)
def test_the_latest_start_is_the_last_from_which_the_period_is_over_in_time(day, period):
    start = latest_start(day, period)
    assert add(start, period) <= day
    assert start == day or add(start + timedelta(days=1), period) > day


@pytest.mark.parametrize(
    ("anchor", "period"),
    [("9999-12-31", "P1D"), ("9999-01-31", "P12M"), ("2026-01-01", "P9999Y"), ("9000-01-01", "P99999W")],
)
def test_an_end_beyond_the_year_9999_is_said_plainly(anchor, period):
    with pytest.raises(BeyondCalendar):
        add(date.fromisoformat(anchor), Period.parse(period))


def test_the_last_day_of_the_calendar_has_no_next():
    assert add(date(9999, 12, 30), Period(days=1)) == date(9999, 12, 31)
    with pytest.raises(BeyondCalendar):
        day_after(date(9999, 12, 31))


@pytest.mark.parametrize(("day", "end"), [("2027-03-15", "2027-12-31"), ("2027-12-31", "2027-12-31")])
def test_an_end_is_moved_to_the_end_of_its_year(day, end):
    assert rounded(date.fromisoformat(day), "calendar_year_end") == date.fromisoformat(end)
    assert rounded(date.fromisoformat(day), "none") == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("start", "over"),
    [
        pytest.param("2026-03-27T12:00", "2026-03-30T13:00", id="an hour later on the wall where summer time begins"),
        pytest.param("2026-10-23T12:00", "2026-10-26T11:00", id="an hour earlier where it ends"),
        pytest.param("2026-06-01T00:00", "2026-06-04T00:00", id="three days where the clocks stay"),
    ],
)
def test_hours_are_elapsed_time(start, over):
    berlin = ZoneInfo("Europe/Berlin")
    end = elapse(datetime.fromisoformat(start).replace(tzinfo=berlin), Period(hours=72))
    assert end.tzinfo is UTC
    assert end.astimezone(berlin).replace(tzinfo=None) == datetime.fromisoformat(over)


def test_days_and_hours_are_not_taken_for_each_other():
    with pytest.raises(InvalidPeriod):
        add(date(2026, 1, 1), Period(hours=72))
    with pytest.raises(InvalidPeriod):
        elapse(datetime(2026, 1, 1, tzinfo=UTC), Period(days=3))
    with pytest.raises(InvalidPeriod):
        elapse(datetime(2026, 1, 1), Period(hours=72))
    with pytest.raises(InvalidPeriod):
        Period(days=1, hours=12)
