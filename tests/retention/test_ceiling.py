"""What a ceiling rests on."""

from datetime import date

import pytest

from retention.ceiling import is_statutory
from retention.period import Period
from retention.rule import Rule
from tests.support.laws import law

END = date(2021, 12, 31)


@pytest.mark.parametrize(
    ("ceiling", "through", "rule", "expected"),
    [
        pytest.param(date(2022, 3, 31), END, law("a", "P8Y"), False, id="three months after years"),
        pytest.param(
            date(2022, 1, 30), END, law("a", "P8Y", slack=Period(days=30)), False, id="the slack its rule states"
        ),
        pytest.param(END, END, law("a", "P1M", bound="maximum"), True, id="a maximum decides"),
        pytest.param(date(2022, 2, 1), END, law("a", "P8Y"), True, id="a floor decides, a maximum ends soon after"),
        pytest.param(date(2022, 3, 31), None, None, True, id="a floor beyond a maximum"),
    ],
)
def test_a_ceiling_is_of_a_statute_or_of_those_who_work(
    ceiling: date, through: date | None, rule: Rule | None, expected: bool
) -> None:
    assert is_statutory(ceiling, through, rule) is expected
