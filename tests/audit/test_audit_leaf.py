"""Bodies and entries: what has a place in them, and that no two byte strings mean the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.body import DETAIL_TYPES, MAX_BODY_BYTES, NotABody, body_bytes, fits, parse_body
from audit.leaf import MAX_ENTRY_BYTES, NO_PREVIOUS, NotALeaf, commitment, leaf_hash, parse, splice
from core.canonical import canonical, parse_canonical

BODY: dict[str, Any] = {
    "action": "record.opened",
    "actor": {"k": "person", "i": "0" * 32},
    "id": "1" * 32,
    "outcome": "done",
    "t": 1,
}


def entry_of(body: dict[str, Any], sequence: int = 0) -> bytes:
    return splice(body_bytes(body), sequence=sequence, appended_us=2, previous=NO_PREVIOUS)


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param({}, id="nothing optional"),
        pytest.param({"actor": {"k": "person"}}, id="nobody identified"),
        pytest.param({"actor": {"k": "operator", "i": "0" * 32}}, id="operator"),
        pytest.param({"actor": {"k": "system", "n": "worker"}}, id="system"),
        pytest.param(
            {"basis": "de.hgb.257/1:4", "r": "Req-1_a", "x": "2" * 32, "g": "3" * 32, "e": "4" * 32}, id="all ids"
        ),
        pytest.param({"objects": [{"k": "record", "i": "0" * 32}] * 500}, id="500 objects"),
        pytest.param({"objects": [{"k": "record", "i": "0" * 32, "v": 0, "h": "a" * 64}]}, id="version and digest"),
        pytest.param({"c": [{"f": "a", "h": "0" * 64}, {"f": "b", "h": "0" * 64}]}, id="commitments"),
        pytest.param({"d": {"a": -1, "b": True, "c": "x", "d": [1, "y"], "e": {"z": 0}, "f": []}}, id="details"),
        pytest.param({"t": 2**53 - 1}, id="the last instant"),
    ],
)
def test_what_has_a_place_in_an_entry_reads_back(extra: dict[str, Any]) -> None:
    body = BODY | extra
    entry = entry_of(body, sequence=7)
    leaf = parse(entry)
    assert (leaf.sequence, leaf.appended_us, leaf.previous, leaf.body) == (7, 2, NO_PREVIOUS, body)
    assert parse_canonical(entry) == json.loads(entry)


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param({"name": "Anna"}, id="a key that is not known"),
        pytest.param({"action": "opened"}, id="one word for an action"),
        pytest.param({"action": "Record.opened"}, id="a capital in an action"),
        pytest.param({"action": "record." + "x" * 74}, id="81 characters for an action"),
        pytest.param({"outcome": "maybe"}, id="another outcome"),
        pytest.param({"outcome": ["done"]}, id="a list for the outcome"),
        pytest.param({"t": -1}, id="a negative instant"),
        pytest.param({"t": 2**53}, id="an instant beyond 2^53"),
        pytest.param({"t": True}, id="a boolean for an instant"),
        pytest.param({"t": 1.0}, id="a float"),
        pytest.param({"id": "1" * 31}, id="a short id"),
        pytest.param({"id": "A" * 32}, id="a capital in hex"),
        pytest.param({"actor": {"k": "person", "n": "anna"}}, id="a named person"),
        pytest.param({"actor": {"k": "system"}}, id="a nameless system"),
        pytest.param({"actor": {"k": "system", "n": "the worker"}}, id="a space in a code"),
        pytest.param({"actor": {"k": "robot"}}, id="another kind of actor"),
        pytest.param({"actor": "person"}, id="text for an actor"),
        pytest.param({"basis": ""}, id="an empty basis"),
        pytest.param({"basis": "because I say so"}, id="a sentence for a basis"),
        pytest.param({"objects": []}, id="no objects"),
        pytest.param({"objects": [{"k": "record", "i": "0" * 32}] * 501}, id="501 objects"),
        pytest.param({"objects": [{"k": "record", "i": "0" * 32, "n": 1}]}, id="an object with another key"),
        pytest.param({"objects": [{"k": "record"}]}, id="an object without id"),
        pytest.param({"c": []}, id="no commitments"),
        pytest.param({"c": [{"f": "b", "h": "0" * 64}, {"f": "a", "h": "0" * 64}]}, id="fields out of order"),
        pytest.param({"c": [{"f": "a", "h": "0" * 64}] * 2}, id="a field twice"),
        pytest.param({"c": [{"f": 1, "h": "0" * 64}]}, id="a number for a field"),
        pytest.param({"d": {}}, id="no details"),
        pytest.param({"d": {"a": "two words"}}, id="a space in a detail"),
        pytest.param({"d": {"a": "anna@example.com"}}, id="an address in a detail"),
        pytest.param({"d": {"a": "Müller"}}, id="a letter beyond ASCII in a detail"),
        pytest.param({"d": {"a": "x" * 201}}, id="a long detail"),
        pytest.param({"d": {"a": [["x"]]}}, id="a list in a list"),
        pytest.param({"d": {"a": {"b": "x"}}}, id="text in an object of counts"),
        pytest.param({"d": {"A": 1}}, id="a capital in a key"),
        pytest.param({"d": {"a": None}}, id="null"),
        pytest.param({"r": "a b"}, id="a space in a request id"),
        pytest.param({"x": None}, id="null for a person"),
    ],
)
def test_what_has_no_place_in_an_entry_is_refused_by_writer_and_reader(extra: dict[str, Any]) -> None:
    body = BODY | extra
    with pytest.raises(NotABody):
        body_bytes(body)
    data = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.raises(NotABody):
        parse_body(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b'"s":0', b'"s":00', id="a leading zero"),
        pytest.param(b'"s":0', b'"s":-0', id="minus nought"),
        pytest.param(b'"a":2', b'"a":2.0', id="a float"),
        pytest.param(b'"a":2', b'"a": 2', id="a space"),
        pytest.param(b'"a":2', b'"a":9999999999999999', id="beyond 2^53"),
        pytest.param(b'"v":1', b'"v":2', id="another version"),
        pytest.param(b'"v":1}', b'"v":1}\n', id="a line feed behind it"),
        pytest.param(b'"p":"0', b'"p":"A', id="a capital in the chain"),
        pytest.param(b'"outcome":"done"', b'"outcome":"d\\u006fne"', id="an escape"),
        pytest.param(b'"t":1', b'"t":1,"t":1', id="a key twice"),
        pytest.param(b'"t":1', b'"t":1e0', id="an exponent"),
        pytest.param(b'"action"', b'"id":"11111111111111111111111111111111","action"', id="keys out of order"),
        pytest.param(b"record", b"rec\xc3\xb6rd", id="beyond ASCII"),
        pytest.param(b"record", b"rec\xffrd", id="not UTF-8"),
        pytest.param(b'{"a":2,', b"{", id="no append time"),
    ],
)
def test_another_encoding_is_not_an_entry(old: bytes, new: bytes) -> None:
    entry = entry_of(BODY)
    assert old in entry
    with pytest.raises(NotALeaf):
        parse(entry.replace(old, new, 1))


def test_an_entry_keeps_within_its_length_whatever_its_place() -> None:
    longest = b"x" * MAX_BODY_BYTES
    entry = splice(longest, sequence=2**53 - 1, appended_us=2**53 - 1, previous=NO_PREVIOUS)
    assert len(entry) <= MAX_ENTRY_BYTES
    with pytest.raises(NotALeaf, match="65,535"):
        parse(b"x" * (MAX_ENTRY_BYTES + 1))
    with pytest.raises(NotABody, match="too long"):
        body_bytes(BODY | {"d": {f"k{number}": ["x" * 200] * 400 for number in range(1)}})


names = st.from_regex(r"[a-z0-9_]{1,40}", fullmatch=True)
labels = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="@"), min_size=1, max_size=20)
whole = st.integers(-(2**53) + 1, 2**53 - 1)
details = st.dictionaries(
    names,
    labels | whole | st.booleans() | st.lists(labels | whole, max_size=5) | st.dictionaries(names, whole, max_size=3),
    min_size=1,
    max_size=6,
)


@given(details)
def test_a_body_s_bytes_are_canonical_json_and_read_back(value: dict[str, Any]) -> None:
    body = BODY | {"d": value}
    data = body_bytes(body)
    assert data == canonical(body)
    assert parse_body(data) == body


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_hostile_bytes_are_refused_and_nothing_else_happens(data: bytes) -> None:
    for reader, error in ((parse, NotALeaf), (parse_body, NotABody)):
        with pytest.raises(error):
            reader(data)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_never_reads_as_the_same_entry(place: int, value: int) -> None:
    entry = bytearray(entry_of(BODY | {"d": {"a": [1, "x"], "b": {"c": 2}}}))
    place %= len(entry)
    if entry[place] == value:
        return
    before = parse(bytes(entry))
    entry[place] = value
    try:
        after = parse(bytes(entry))
    except NotALeaf:
        return
    assert after != before


def test_nesting_without_end_is_refused() -> None:
    deep = b'{"a":1,"b":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    with pytest.raises(NotABody):
        parse_body(deep)


def test_a_commitment_depends_on_nonce_field_and_value() -> None:
    made = {
        commitment(bytes(32), "a", "bc"),
        commitment(bytes(31) + b"\x01", "a", "bc"),
        commitment(bytes(32), "ab", "c"),
        commitment(bytes(32), "a", "b"),
    }
    assert len(made) == 4
    assert leaf_hash(b"") not in made
    with pytest.raises(NotALeaf):
        commitment(bytes(31), "a", "b")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("int", -5, "5"),
        ("count", 0, -1),
        ("bool", False, 0),
        ("code", "invoice.supplier", "Invoice"),
        ("label", "Muniment/0.1+x", "two words"),
        ("id", "0" * 32, "0" * 33),
        ("digest", "f" * 64, "g" * 64),
        ("date", "2025-12-31", "2025-13-01"),
        ("instant", 1, -1),
        ("ints", [1, -2], [True]),
        ("codes", ["a"], ["A"]),
        ("ids", [], ["0"]),
        ("counts", {"invoice": 3}, {"invoice": -3}),
    ],
)
def test_a_detail_type_admits_what_it_says(kind: str, good: object, bad: object) -> None:
    assert fits(kind, good)
    assert not fits(kind, bad)
    assert not fits("unknown", good)
    assert set(DETAIL_TYPES) >= {kind}
