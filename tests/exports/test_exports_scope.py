import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from exports.scope import Wanted, parse_range


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("3..7", (3, 7), id="both ends"),
        pytest.param("..7", (0, 7), id="from the beginning"),
        pytest.param("3..", (3, 99), id="to the end"),
        pytest.param("..", (0, 99), id="everything"),
        pytest.param(" 5..5 ", (5, 5), id="one entry, with blanks"),
        pytest.param("0..99", (0, 99), id="everything, said in full"),
    ],
)
def test_a_range_is_two_positions_both_included(text: str, expected: tuple[int, int]) -> None:
    assert parse_range(text, 100) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "7..3", "0..100", "100..", "-1..3", "a..b", "1...2", "1..2..3", "٣..٤", "1..2\n3"]
)
def test_what_is_no_range_of_the_log_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_range(text, 100)


@given(st.text(max_size=30), st.integers(1, 10_000))
def test_any_text_is_a_range_within_the_log_or_is_refused(text: str, size: int) -> None:
    try:
        first, last = parse_range(text, size)
    except Invalid:
        return
    assert 0 <= first <= last < size


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(Wanted(), id="nothing"),
        pytest.param(Wanted(record="  "), id="blanks"),
        pytest.param(Wanted(record="7K2M-9QXT-4", request="x"), id="two things"),
    ],
)
def test_one_thing_is_exported_at_a_time(wanted: Wanted) -> None:
    with pytest.raises(Invalid):
        _ = wanted.kind
