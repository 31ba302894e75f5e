"""Start anchors, worked by hand from the statutes that use them."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.anchor import ANCHORS, Calendar, InvalidCalendar, anchored, fiscal_year_end
from retention.period import BeyondCalendar

CASES = [
    # the day itself
    ("event_date", "2024-02-29", "01-01", "2024-02-29", "C. civ. 2224: the day the contract ended"),
    ("event_date", "1899-12-31", "01-01", "1899-12-31", "long before 1970"),
    # AO § 147(4), HGB § 257(5): end of the calendar year in which it arose
    ("end_of_calendar_year", "2025-01-01", "01-01", "2025-12-31", "AO 147(4): the first day of the year"),
    ("end_of_calendar_year", "2025-12-31", "01-01", "2025-12-31", "AO 147(4): the last day of the year"),
    ("end_of_calendar_year", "2025-02-10", "04-01", "2025-12-31", "AO 147(4): also with a fiscal year from April"),
    ("end_of_calendar_year", "2025-11-10", "04-01", "2025-12-31", "HGB 257(5): also late in that calendar year"),
    # C. com. L123-22: from the close of the fiscal year
    ("end_of_fiscal_year", "2025-09-01", "01-01", "2025-12-31", "L123-22: the fiscal year is the calendar year"),
    ("end_of_fiscal_year", "2025-06-30", "07-01", "2025-06-30", "L123-22: the last day of a year from July"),
    ("end_of_fiscal_year", "2025-07-01", "07-01", "2026-06-30", "L123-22: the first day of a year from July"),
    ("end_of_fiscal_year", "2024-01-15", "03-01", "2024-02-29", "L123-22: a year from March ends on 29 February"),
    ("end_of_fiscal_year", "2024-03-01", "03-01", "2025-02-28", "L123-22: and on the 28th otherwise"),
    ("end_of_fiscal_year", "2025-12-31", "12-31", "2026-12-30", "L123-22: a year from the last day of December"),
    # BAO § 132(1): calendar year in which the fiscal year ends
    ("end_of_cy_of_fiscal_year_end", "2025-05-10", "01-01", "2025-12-31", "BAO 132: a calendar-year business"),
    ("end_of_cy_of_fiscal_year_end", "2025-02-28", "04-01", "2025-12-31", "BAO 132: fiscal year to 31 March 2025"),
    ("end_of_cy_of_fiscal_year_end", "2025-05-10", "04-01", "2026-12-31", "BAO 132: fiscal year to 31 March 2026"),
    # PAYE Regulations 2003 reg. 97: end of the tax year, 5 April
    ("end_of_tax_year", "2025-04-05", "01-01", "2025-04-05", "PAYE reg. 97: the last day of 2024-25"),
    ("end_of_tax_year", "2025-04-06", "01-01", "2026-04-05", "PAYE reg. 97: the first day of 2025-26"),
    ("end_of_tax_year", "2025-12-31", "07-01", "2026-04-05", "PAYE reg. 97: whatever the fiscal year"),
    # Legea 82/1991 art. 25: 1 July of the year after the one in which the fiscal year ends
    ("july_1_after_fiscal_year", "2025-01-01", "01-01", "2026-07-01", "Legea 82/1991: the first day of 2025"),
    ("july_1_after_fiscal_year", "2025-12-31", "01-01", "2026-07-01", "Legea 82/1991: the last day of 2025"),
    ("july_1_after_fiscal_year", "2025-09-30", "10-01", "2026-07-01", "Legea 82/1991: fiscal year to September 2025"),
    ("july_1_after_fiscal_year", "2025-10-01", "10-01", "2027-07-01", "Legea 82/1991: fiscal year to September 2026"),
]


@pytest.mark.parametrize(
    ("anchor", "event", "fiscal_year_start", "expected"),
    [pytest.param(*case[:4], id=f"{case[4]} ({case[1]})") for case in CASES],
)
def test_a_period_is_counted_from(anchor, event, fiscal_year_start, expected):
    calendar = Calendar("Europe/Berlin", fiscal_year_start)
    assert anchored(anchor, date.fromisoformat(event), calendar) == date.fromisoformat(expected)


def test_the_table_covers_every_anchor():
    assert {case[0] for case in CASES} == set(ANCHORS)


STARTS = st.dates(date(2025, 1, 1), date(2025, 12, 31)).map(lambda day: f"{day:%m-%d}")
EVENTS = st.dates(date(1, 1, 1), date(9997, 12, 31))


@given(st.sampled_from(ANCHORS), EVENTS, EVENTS, STARTS, STARTS)
def test_an_anchor_never_moves_back_as_events_move_on(anchor, one, other, fiscal, tax):
    calendar = Calendar("UTC", fiscal, tax)
    first, second = sorted((one, other))
    assert anchored(anchor, first, calendar) <= anchored(anchor, second, calendar)


@given(st.sampled_from(ANCHORS), EVENTS, STARTS, STARTS)
def test_no_anchor_lies_before_its_event(anchor, event, fiscal, tax):
    assert anchored(anchor, event, Calendar("UTC", fiscal, tax)) >= event


@given(EVENTS, STARTS)
def test_a_fiscal_year_ends_the_day_before_the_next_begins(event, start):
    calendar = Calendar("UTC", start)
    end = fiscal_year_end(event, calendar)
    assert event <= end
    assert (end - event).days < 366
    begins = date.fromordinal(end.toordinal() + 1)
    assert f"{begins:%m-%d}" == start
    assert fiscal_year_end(begins, calendar) > end


@pytest.mark.parametrize("anchor", ["end_of_fiscal_year", "end_of_tax_year", "july_1_after_fiscal_year"])
def test_a_year_that_ends_beyond_9999_is_said_plainly(anchor):
    with pytest.raises(BeyondCalendar):
        anchored(anchor, date(9999, 12, 31), Calendar("UTC", "07-01"))


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        pytest.param("2025-12-31T23:30", "Europe/Berlin", "2026-01-01", id="already January in Berlin"),
        pytest.param("2025-12-31T23:30", "Europe/London", "2025-12-31", id="still December in London"),
        pytest.param("2025-12-31T22:30", "Europe/Bucharest", "2026-01-01", id="already January in Bucharest"),
        pytest.param("2026-01-01T03:00", "America/New_York", "2025-12-31", id="still December in New York"),
        pytest.param("2025-12-31T10:30", "Pacific/Kiritimati", "2026-01-01", id="January first of all in Kiritimati"),
        pytest.param("2026-06-30T22:15", "Europe/Paris", "2026-07-01", id="already July in Paris in summer time"),
    ],
)
def test_an_instant_falls_on_the_civil_day_of_the_entity(instant, zone, day):
    assert Calendar(zone).day_of(datetime.fromisoformat(instant).replace(tzinfo=UTC)) == date.fromisoformat(day)


@pytest.mark.parametrize(
    "stated",
    [
        {"fiscal_year_start": "02-29"},
        {"fiscal_year_start": "13-01"},
        {"fiscal_year_start": "1-1"},
        {"fiscal_year_start": "01-01T00"},
        {"tax_year_end": "04-31"},
        {"zone": "Mars/Olympus"},
        {"zone": "../etc/passwd"},
    ],
    ids=str,
)
def test_a_calendar_names_a_zone_and_days_of_every_year(stated):
    with pytest.raises(InvalidCalendar):
        Calendar(**{"zone": "Europe/Berlin", **stated})


def test_an_instant_without_a_zone_has_no_civil_day():
    with pytest.raises(InvalidCalendar):
        Calendar("Europe/Berlin").day_of(datetime(2026, 1, 1))
