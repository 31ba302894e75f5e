"""Fiscal years that start on a day of their own, are moved, and are cut short by it."""

import contextlib
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import fiscal_year
from accounts.entities import InvalidEntity, check_calendar

TO_APRIL = "01-01/2025-04-01"
AND_BACK = f"{TO_APRIL}/2028-01-01"


@pytest.mark.parametrize(
    ("text", "event", "last"),
    [
        pytest.param("01-01", "2025-02-01", "2025-12-31", id="the calendar year"),
        pytest.param("04-01", "2025-02-01", "2025-03-31", id="from April"),
        pytest.param("03-01", "2024-01-15", "2024-02-29", id="until 29 February"),
        pytest.param(TO_APRIL, "2020-02-02", "2020-12-31", id="what is older keeps its year"),
        pytest.param(TO_APRIL, "2024-12-31", "2024-12-31", id="the last day of the last full year"),
        pytest.param(TO_APRIL, "2025-01-01", "2025-03-31", id="the first day of the short year"),
        pytest.param(TO_APRIL, "2025-03-31", "2025-03-31", id="the last day of the short year"),
        pytest.param(TO_APRIL, "2025-04-01", "2026-03-31", id="the first day of the new kind"),
        pytest.param(AND_BACK, "2027-03-31", "2027-03-31", id="between two moves"),
        pytest.param(AND_BACK, "2027-05-01", "2027-12-31", id="cut short on the way back"),
        pytest.param(AND_BACK, "2028-01-01", "2028-12-31", id="the calendar year again"),
        pytest.param("01-01", "9999-12-31", "9999-12-31", id="the last day of time"),
    ],
)
def test_the_last_day_of_the_fiscal_year(text: str, event: str, last: str) -> None:
    assert fiscal_year.parse(text).last_day(date.fromisoformat(event)) == date.fromisoformat(last)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("02-29", id="a day that not every year has"),
        pytest.param("13-01", id="no month"),
        pytest.param("1-1", id="written shorter"),
        pytest.param("01-01/", id="moved to nowhere"),
        pytest.param("01-01/04-01", id="moved in no year"),
        pytest.param("01-01/2024-02-29", id="moved to 29 February"),
        pytest.param("01-01/20250401", id="written otherwise"),
        pytest.param("01-01/2025-01-01", id="moved to where it was"),
        pytest.param("01-01/2025-04-01/2025-07-01/2025-05-01", id="moves in disorder"),
        pytest.param("01-01/2025-04-01/2025-04-01", id="moved twice on a day"),
        pytest.param("01-01/0025-04-01", id="a year long past"),
        pytest.param("01-01" + "/2025-04-01" * 11, id="too many moves"),
    ],
)
def test_what_is_no_fiscal_year_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(the|a|state the first day of the first) fiscal year"):
        fiscal_year.parse(text)
    with pytest.raises(InvalidEntity):
        check_calendar("Europe/Berlin", text)


@given(st.text(alphabet="0123456789-/", max_size=40))
def test_any_text_is_fiscal_years_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert fiscal_year.parse(text).last_day(date(2026, 1, 1)) >= date(2026, 1, 1)


DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31)).filter(lambda day: (day.month, day.day) != (2, 29))


@st.composite
def moved_years(draw: st.DrawFn) -> str:
    text = f"{draw(DAYS):%m-%d}"
    for day in sorted(draw(st.sets(DAYS, max_size=3))):
        if f"{day:%m-%d}" != text[-5:]:
            text = fiscal_year.moved(text, day)
    return text


@given(moved_years(), DAYS)
def test_a_year_holds_its_event_and_twelve_months_at_most_and_the_next_begins_after_it(text: str, event: date) -> None:
    years = fiscal_year.parse(text)
    last = years.last_day(event)
    assert timedelta(0) <= last - event < timedelta(days=366)
    assert years.last_day(last) == last
    assert years.last_day(last + timedelta(days=1)) > last


@given(moved_years(), DAYS, DAYS)
def test_a_move_changes_nothing_of_years_that_were_over(text: str, moved_on: date, event: date) -> None:
    years = fiscal_year.parse(text)
    if (years.moves and moved_on <= years.moves[-1]) or f"{moved_on:%m-%d}" == text[-5:]:
        return
    after = fiscal_year.parse(fiscal_year.moved(text, moved_on))
    assert after.last_day(event) == years.last_day(event) or after.last_day(event) >= moved_on - timedelta(days=1)
