"""The chart of what becomes eligible when: its periods, its sums, its scale, and what stands in it."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import i18n
from api.pages.eligible_chart import MONTHS, OTHERS, SERIES, UNITS, Unit, ceiling, chart, draw, spans


@given(st.sampled_from(UNITS), st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(1, 30))
def test_periods_follow_one_another_without_a_gap_and_begin_around_the_day(
    unit: Unit, around: date, count: int
) -> None:
    found = spans(unit, around, count)
    assert found[0].first <= around < found[0].end
    assert all(before.end == after.first for before, after in pairwise(found))
    assert all(each.first.day == 1 and (each.first.month - 1) % MONTHS[unit] == 0 for each in found)


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        pytest.param("month", "December 2026", id="a month"),
        pytest.param("quarter", "Q4 2026", id="a quarter"),
        pytest.param("year", "2026", id="a year"),
    ],
)
def test_a_period_is_named_as_people_name_it(unit: Unit, text: str) -> None:
    i18n.use("en")
    assert spans(unit, date(2026, 12, 31), 1)[0].text == text


@given(
    st.dictionaries(
        st.sampled_from([each.first for each in spans("month", date(2026, 1, 1))]),
        st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.integers(1, 10**6), max_size=12),
    )
)
def test_no_record_is_lost_between_the_numbers_the_bars_and_the_table(counts: dict[date, dict[str, int]]) -> None:
    made = chart(spans("month", date(2026, 1, 1)), counts)
    assert sum(bar.total for bar in made.bars) == sum(sum(each.values()) for each in counts.values())
    assert all(bar.total == sum(many for _code, many in bar.by_class) for bar in made.bars)
    assert len(made.series) <= SERIES + 1
    assert all(bar.total <= made.top for bar in made.bars)


@given(st.integers(0, 10**9))
def test_the_scale_is_a_round_number_that_holds_the_largest_and_not_much_more(most: int) -> None:
    top = ceiling(most)
    assert top >= most
    assert top % 4 == 0 or top % 2 == 0
    assert top <= max(4, most * 2.5)


def test_smaller_classes_stand_together() -> None:
    made = chart(spans("year", date(2026, 1, 1)), {date(2026, 1, 1): {f"class_{n}": n + 1 for n in range(8)}})
    assert made.series[-1] == OTHERS
    assert made.bars[0].counts == (8, 7, 6, 5, 4, 6)


def test_what_is_drawn_is_hidden_from_those_who_read_the_table_and_escapes_nothing_of_others() -> None:
    i18n.use("en")
    first = date(2026, 1, 1)
    text = str(draw(chart(spans("quarter", first), {first: {"<b>": 1200}})))
    assert 'aria-hidden="true"' in text
    assert "1,200" in text
    assert "<b>" not in text
    assert "style=" not in text


def test_an_empty_chart_has_a_scale_and_no_bars() -> None:
    text = str(draw(chart(spans("month", date(2026, 1, 1) + timedelta(40)), {})))
    assert "series-" not in text
