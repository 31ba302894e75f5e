"""What travels between child and parent, and what a lying child can do."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.extraction import (
    FATAL,
    FULL,
    TROUBLES,
    NotAnExtraction,
    Page,
    Trouble,
    Word,
    graver,
    page_from_json,
    page_to_json,
    trouble_from_json,
)
from ingest.frames import FrameReader, send_frame

places = st.integers(0, FULL)
words = st.builds(Word, st.text(max_size=8), places, places, places, places)
pages = st.builds(
    Page,
    st.integers(1, 5000),
    st.text(max_size=50),
    st.lists(words, max_size=4).map(tuple),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.sampled_from(["text_layer", "ocr", "converted"]),
    st.none() | st.just("deu"),
)


@given(pages)
def test_a_page_comes_back_as_it_was(page):
    assert page_from_json(page_to_json(page)) == page


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"number": 0}, id="page zero"),
        pytest.param({"number": True}, id="a truth for a number"),
        pytest.param({"text": None}, id="no text"),
        pytest.param({"words": [["a", 0, 0, 0]]}, id="a word without a box"),
        pytest.param({"words": [["a", 0, 0, 0, FULL + 1]]}, id="a box beyond the page"),
        pytest.param({"source": "dreamt"}, id="an unknown source"),
    ],
)
def test_a_page_that_makes_no_sense_is_refused(change):
    with pytest.raises(NotAnExtraction):
        page_from_json(page_to_json(Page(1, "x")) | change)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json_is_a_page_or_refused(value):
    with pytest.raises(NotAnExtraction):
        page_from_json(value)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), st.binary(max_size=200), st.integers(1, 40))
def test_a_frame_survives_any_cutting(header, data, size):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send_frame(ours, header, data)
        ours.close()
        reader, found = FrameReader(1000), None
        while found is None:
            reader.feed(theirs.recv(size))
            found = reader.take()
    assert found == (header, data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff" * 12, id="lengths beyond bounds"),
        pytest.param(b"\x00\x00\x00\x02" + bytes(8) + b"[]", id="no object"),
        pytest.param(b"\x00\x00\x00\x02" + bytes(8) + b"\xff{", id="no text"),
    ],
)
def test_a_broken_frame_is_refused(data):
    reader = FrameReader(1000)
    reader.feed(data)
    with pytest.raises(NotAnExtraction):
        reader.take()


def test_what_ended_the_reading_goes_before_what_limits_it():
    missing, damaged = Trouble("ocr_model_missing", "x"), Trouble("damaged", "y")
    assert graver(missing, damaged) == damaged == graver(damaged, missing)
    assert graver(None, missing) == missing == graver(missing, None)


def test_every_trouble_says_what_it_means_and_what_to_do():
    assert set(TROUBLES) > FATAL
    for meaning in TROUBLES.values():
        assert meaning.title
        assert meaning.advice.endswith(".")
    with pytest.raises(NotAnExtraction):
        trouble_from_json({"code": "made_up", "detail": "x"})
