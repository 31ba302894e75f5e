import contextlib
import enum
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.canonical import MAX_DEPTH, MAX_INTEGER, NotCanonical, canonical, parse_canonical

KEYS = st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True)
STRINGS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | STRINGS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


@given(VALUES)
def test_a_value_is_read_back_from_its_bytes_and_has_no_other(value):
    data = canonical(value)
    assert parse_canonical(data) == value
    assert canonical(parse_canonical(data)) == data


@given(VALUES)
def test_any_json_reader_reads_the_bytes(value):
    assert json.loads(canonical(value)) == value


@given(VALUES)
def test_another_encoding_of_a_value_is_refused(value):
    data = canonical(value)
    for other in (json.dumps(value).encode(), json.dumps(value, indent=1).encode(), data + b" ", b" " + data):
        if other != data:
            with pytest.raises(NotCanonical):
                parse_canonical(other)


@given(st.binary(max_size=60))
def test_hostile_bytes_are_a_value_or_not_canonical(data):
    with contextlib.suppress(NotCanonical):
        assert canonical(parse_canonical(data)) == data


def test_keys_are_in_order_of_their_characters_and_strings_are_written_as_they_are():
    assert canonical({"b": 1, "a_": 2, "a": 3, "0": "é\u20ac\U0001f600\u2028"}) == (
        '{"0":"é\u20ac\U0001f600\u2028","a":3,"a_":2,"b":1}'.encode()
    )


def test_controls_are_escaped_as_rfc_8785_says():
    assert canonical('\x00\b\t\n\f\r\x1f"\\\x7f/') == b'"\\u0000\\b\\t\\n\\f\\r\\u001f\\"\\\\\x7f/"'


class _Count(enum.IntEnum):
    ONE = 1


def test_an_enumerated_number_is_written_as_its_number():
    assert canonical([_Count.ONE, True, False, None]) == b"[1,true,false,null]"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(1.0, id="float"),
        pytest.param(float("nan"), id="not a number"),
        pytest.param([0.5], id="float within"),
        pytest.param(MAX_INTEGER + 1, id="beyond 2^53"),
        pytest.param(-MAX_INTEGER - 1, id="beyond 2^53 below zero"),
        pytest.param({"A": 1}, id="capital in a key"),
        pytest.param({"\U0001f600": 1}, id="astral key"),
        pytest.param({"é": 1}, id="accent in a key"),
        pytest.param({"a\n": 1}, id="line end behind a key"),
        pytest.param({"": 1}, id="empty key"),
        pytest.param({1: 1}, id="number as key"),
        pytest.param({"a": {1, 2}}, id="a set"),
        pytest.param(b"bytes", id="bytes"),
        pytest.param("\ud800", id="lone surrogate"),
    ],
)
def test_what_is_outside_the_subset_is_refused(value):
    with pytest.raises(NotCanonical):
        canonical(value)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"1.0", id="float"),
        pytest.param(b"1e2", id="exponent"),
        pytest.param(b"NaN", id="not a number"),
        pytest.param(b"-0", id="minus zero"),
        pytest.param(b"01", id="leading zero"),
        pytest.param(b'{"a":1,"a":1}', id="a key twice"),
        pytest.param(b'{"b":1,"a":1}', id="keys out of order"),
        pytest.param(b'"\\u0041"', id="needless escape"),
        pytest.param(b'"\\/"', id="escaped slash"),
        pytest.param(b'"\\ud800"', id="lone surrogate"),
        pytest.param(b'"\\U0001F600"', id="no JSON escape"),
        pytest.param(b"\xef\xbb\xbf1", id="byte order mark"),
        pytest.param(b'"\xff"', id="not UTF-8"),
        pytest.param(b"9" * 6000, id="a number too long to convert"),
        pytest.param(b"[" * 100_000, id="nesting that ends the stack"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_bytes_that_are_not_canonical_are_refused(data):
    with pytest.raises(NotCanonical):
        parse_canonical(data)


def _nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_nesting_has_an_end():
    assert parse_canonical(canonical(_nested(MAX_DEPTH))) == _nested(MAX_DEPTH)
    with pytest.raises(NotCanonical):
        canonical(_nested(MAX_DEPTH + 1))
