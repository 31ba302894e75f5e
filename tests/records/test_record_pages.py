import contextlib
import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import IntegrityFailure
from records import pages
from records.pages import ReadPage

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
BOXES = st.tuples(TEXT, *[st.integers(0, 10_000)] * 4)
PAGES = st.builds(
    ReadPage,
    number=st.integers(1, 600),
    text=TEXT,
    words=st.lists(BOXES, max_size=4).map(tuple),
    width=st.integers(0, 5000),
    height=st.integers(0, 5000),
    source=st.sampled_from(["text_layer", "ocr", "converted"]),
    language=st.none() | st.just("deu"),
)
SEVERAL = st.lists(PAGES, max_size=4, unique_by=lambda page: page.number)


@given(SEVERAL)
def test_pages_are_read_back_as_they_were(read):
    data = b"".join(pages.encode(read))
    assert pages.decode(data) == read
    assert pages.beginning(data) == pages.text_of(data) == pages.join_text(read)


@given(SEVERAL.filter(bool), st.data())
def test_one_page_is_read_from_the_index_and_its_own_block_only(read, data):
    stored = b"".join(pages.encode(read))
    wanted = data.draw(st.sampled_from(read))
    fetched = []

    def fetch(start: int, end: int) -> bytes:
        fetched.append((start, end))
        return stored[start:end]

    assert pages.decode_page(fetch, wanted.number) == wanted
    assert len(fetched) == 3
    assert pages.decode_page(fetch, 601) is None


def test_a_beginning_ends_after_the_page_that_reaches_the_length():
    read = [ReadPage(number, "x" * 100, (), 0, 0, "converted", None) for number in range(1, 11)]
    assert pages.beginning(b"".join(pages.encode(read)), most=250) == "\f".join(["x" * 100] * 3)


def _framed(head: object, blocks: bytes = b"") -> bytes:
    data = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack(">I", len(data)) + data + blocks


_ROW = {"offset": 0, "length": 9, "boxes": 0, "number": 1, "source": "ocr", "width": 1, "height": 1, "language": None}


def _with(text: bytes, words: object) -> bytes:
    first, second = zlib.compress(text), zlib.compress(json.dumps(words).encode())
    return _framed({"pages": [_ROW | {"length": len(first), "boxes": len(second)}]}, first + second)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00\x00", id="cut in the length"),
        pytest.param(b"\xff\xff\xff\xff{}", id="a length beyond the end"),
        pytest.param(_framed(b"not json"), id="an index that is no JSON"),
        pytest.param(_framed(b"\xff\xfe"), id="an index that is no text"),
        pytest.param(_framed([]), id="an index that is a list"),
        pytest.param(_framed({}), id="an index without pages"),
        pytest.param(_framed({"pages": 7}), id="pages that are a number"),
        pytest.param(_framed({"pages": [7]}), id="a row that is a number"),
        pytest.param(_framed({"pages": [{}]}), id="a row without an offset"),
        pytest.param(_framed({"pages": [_ROW | {"offset": "0"}]}), id="an offset that is text"),
        pytest.param(_framed({"pages": [_ROW | {"offset": -4}]}), id="an offset below zero"),
        pytest.param(_framed({"pages": [_ROW]}, b"garbage!!"), id="a block that was never compressed"),
        pytest.param(_framed({"pages": [_ROW]}), id="a block that is missing"),
        pytest.param(_with(b"\xff\xfe", []), id="a text in no encoding of ours"),
        pytest.param(_framed({"pages": [{"offset": 0, "length": 9, "number": 1}]}), id="a row without boxes"),
        pytest.param(_framed(b"[" * 100_000), id="nesting that ends the stack"),
    ],
)
def test_damaged_bytes_are_an_integrity_failure(data):
    for read in (pages.decode, pages.beginning, lambda d: pages.decode_page(lambda a, b: d[a:b], 1)):
        with pytest.raises(IntegrityFailure):
            read(data)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param({"a": 1}, id="words that are an object"),
        pytest.param(7, id="words that are a number"),
        pytest.param([[1]], id="a word without a box"),
    ],
)
def test_damaged_boxes_are_an_integrity_failure_for_whoever_reads_them(words):
    data = _with(b"The text", words)
    assert pages.beginning(data) == "The text"
    for read in (pages.decode, lambda d: pages.decode_page(lambda a, b: d[a:b], 1)):
        with pytest.raises(IntegrityFailure):
            read(data)


@given(SEVERAL.filter(bool), st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_is_an_integrity_failure_or_other_pages_and_nothing_else(read, place, change):
    data = bytearray(b"".join(pages.encode(read)))
    data[place % len(data)] ^= change
    with contextlib.suppress(IntegrityFailure):
        pages.decode(bytes(data))
