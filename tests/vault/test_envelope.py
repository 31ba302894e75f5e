"""The envelope opens to exactly what was sealed, or not at all."""

import itertools
import os
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vault import second_envelope
from vault import envelope
from vault.envelope import CHUNK_BYTES, HEADER_BYTES, SEALED_CHUNK_BYTES, RangeOutside, SealBroken

KEY = bytes(range(32))
SUBJECT, VERSION = UUID(int=1 << 100), UUID(int=2 << 100)
CONTEXT = envelope.context(SUBJECT, VERSION, "original")
BORDERS = [0, 1, 15, 16, 17, 16383, 16384, 16385, 2 * 16384, 2 * 16384 + 1, 3 * 16384 - 1, 16 * 16384, 16 * 16384 + 1]
_PATTERN = second_envelope.pattern(17 * 16384)

sizes = st.one_of(st.sampled_from(BORDERS), st.integers(0, 70_000))


def _pattern(size: int) -> bytes:
    return _PATTERN[:size]


def _fetch(sealed: bytes, *, piece_bytes: int = 10_000) -> envelope.Fetch:
    def fetch(start: int, end: int) -> Iterator[bytes]:
        for at in range(start, min(end, len(sealed)), piece_bytes):
            yield sealed[at : min(at + piece_bytes, end)]

    return fetch


def _range(sealed: bytes, start: int, end: int, *, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    return b"".join(envelope.open_range(key, context, _fetch(sealed), len(sealed), start, end))


def _drain(opening: Callable[[], Iterator[bytes]]) -> tuple[bytes, bool]:
    """What came out, and whether it then broke."""
    released = b""
    try:
        for plain in opening():
            released += plain
    except SealBroken:
        return released, True
    return released, False


@st.composite
def _cut(draw: st.DrawFn, size: int) -> list[int]:
    cuts = draw(st.lists(st.integers(0, size), max_size=8))
    return sorted({0, size, *cuts})


@given(st.data(), sizes)
def test_any_content_in_any_pieces_opens_again_from_any_pieces(data: st.DataObject, size: int) -> None:
    plain = _pattern(size)
    pieces = [plain[a:b] for a, b in itertools.pairwise(data.draw(_cut(size)))]
    sealed = b"".join(envelope.seal(KEY, CONTEXT, pieces))
    assert len(sealed) == envelope.sealed_size(size)
    assert envelope.plain_size(len(sealed)) == size
    sealed_pieces = [sealed[a:b] for a, b in itertools.pairwise(data.draw(_cut(len(sealed))))]
    assert b"".join(envelope.open_all(KEY, CONTEXT, sealed_pieces)) == plain


@given(st.data(), sizes)
def test_a_range_is_the_slice_of_the_whole(data: st.DataObject, size: int) -> None:
    plain = _pattern(size)
    sealed = envelope.seal_bytes(KEY, CONTEXT, plain)
    near = [place for border in BORDERS for place in (border - 1, border, border + 1) if 0 <= place <= size]
    places = st.one_of(st.integers(0, size), st.sampled_from(near))
    start, end = sorted((data.draw(places), data.draw(places)))
    assert _range(sealed, start, end) == plain[start:end]


@given(st.data(), sizes)
def test_the_two_implementations_open_each_other(data: st.DataObject, size: int) -> None:
    key, salt = data.draw(st.binary(min_size=32, max_size=32)), data.draw(st.binary(min_size=24, max_size=24))
    context = data.draw(st.binary(max_size=80))
    plain = _pattern(size)
    theirs = second_envelope.seal(key, salt, context, plain)
    assert envelope.open_bytes(key, context, theirs) == plain
    assert _range(theirs, 0, size, key=key, context=context) == plain
    assert second_envelope.unseal(key, context, envelope.seal_bytes(key, context, plain)) == plain


@given(st.binary(max_size=300), st.binary(min_size=32, max_size=32), st.binary(max_size=60))
def test_hostile_bytes_open_to_nothing(sealed: bytes, key: bytes, context: bytes) -> None:
    with pytest.raises(SealBroken):
        envelope.open_bytes(key, context, sealed)
    with pytest.raises((SealBroken, RangeOutside)):
        _range(sealed, 0, 1, key=key, context=context)


@given(st.integers(-100, 5 * SEALED_CHUNK_BYTES))
def test_a_size_is_either_that_of_a_sealed_stream_or_refused(sealed_bytes: int) -> None:
    try:
        plain_bytes = envelope.plain_size(sealed_bytes)
    except SealBroken:
        rest = (sealed_bytes - HEADER_BYTES) % SEALED_CHUNK_BYTES
        assert sealed_bytes < HEADER_BYTES + 16 or rest < 16
    else:
        assert envelope.sealed_size(plain_bytes) == sealed_bytes


def test_every_changed_byte_of_a_short_stream_is_found() -> None:
    sealed = envelope.seal_bytes(KEY, CONTEXT, b"a short confidential sentence")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 0x01
        with pytest.raises(SealBroken):
            envelope.open_bytes(KEY, CONTEXT, bytes(changed))
        with pytest.raises(SealBroken):
            _range(bytes(changed), 3, 9)


def test_a_short_stream_cut_at_any_place_does_not_open() -> None:
    sealed = envelope.seal_bytes(KEY, CONTEXT, b"a short confidential sentence")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            envelope.open_bytes(KEY, CONTEXT, sealed[:length])
        with pytest.raises((SealBroken, RangeOutside)):
            _range(sealed[:length], 0, 29)


_LONG = _pattern(3 * CHUNK_BYTES + 100)
_FIRST, _SECOND, _THIRD, _LAST = (HEADER_BYTES + n * SEALED_CHUNK_BYTES for n in range(4))


def _flip(place: int) -> Callable[[bytes], bytes]:
    return lambda sealed: sealed[:place] + bytes([sealed[place] ^ 0x80]) + sealed[place + 1 :]


_OTHER = b"".join(envelope.seal(KEY, CONTEXT, [_LONG]))

TAMPERINGS = [
    pytest.param(_flip(0), id="salt"),
    pytest.param(_flip(23), id="last byte of the salt"),
    pytest.param(_flip(24), id="commitment"),
    pytest.param(_flip(55), id="last byte of the commitment"),
    pytest.param(_flip(_FIRST), id="first chunk"),
    pytest.param(_flip(_SECOND - 1), id="tag of the first chunk"),
    pytest.param(_flip(_SECOND + 8000), id="middle chunk"),
    pytest.param(_flip(_LAST - 16), id="tag of a middle chunk"),
    pytest.param(_flip(_LAST), id="last chunk"),
    pytest.param(_flip(_LAST + 115), id="tag of the last chunk"),
    pytest.param(lambda s: b"", id="everything cut off"),
    pytest.param(lambda s: s[:HEADER_BYTES], id="all chunks cut off"),
    pytest.param(lambda s: s[:_SECOND], id="cut after the first chunk"),
    pytest.param(lambda s: s[:_LAST], id="last chunk cut off"),
    pytest.param(lambda s: s[: _LAST + 16], id="last chunk emptied"),
    pytest.param(lambda s: s[:-1], id="one byte short"),
    pytest.param(lambda s: s + b"\x00", id="one byte more"),
    pytest.param(lambda s: s + s[_LAST:], id="last chunk twice"),
    pytest.param(lambda s: s + s, id="stream twice"),
    pytest.param(lambda s: s[:_FIRST] + s[_SECOND:_THIRD] + s[_FIRST:_SECOND] + s[_THIRD:], id="two chunks swapped"),
    pytest.param(lambda s: s[:_SECOND] + s[_THIRD:], id="a chunk left out"),
    pytest.param(lambda s: s[:_SECOND] + s[_FIRST:_SECOND] + s[_SECOND:], id="a chunk twice"),
    pytest.param(lambda s: s[:_LAST] + _OTHER[_LAST:], id="last chunk of another stream of the same key"),
    pytest.param(lambda s: _OTHER[:HEADER_BYTES] + s[HEADER_BYTES:], id="header of another stream of the same key"),
    pytest.param(lambda s: s[:24] + _OTHER[24:56] + s[56:], id="commitment of another stream"),
]


@pytest.mark.parametrize("tamper", TAMPERINGS)
@pytest.mark.parametrize("piece_bytes", [1000, SEALED_CHUNK_BYTES, 1 << 20])
def test_a_tampered_stream_gives_at_most_true_bytes_and_then_breaks(
    tamper: Callable[[bytes], bytes], piece_bytes: int
) -> None:
    sealed = tamper(envelope.seal_bytes(KEY, CONTEXT, _LONG))
    released, broken = _drain(
        lambda: envelope.open_all(KEY, CONTEXT, _fetch(sealed, piece_bytes=piece_bytes)(0, len(sealed)))
    )
    assert broken
    assert _LONG.startswith(released)


@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_a_range_over_everything_finds_the_same_tampering(tamper: Callable[[bytes], bytes]) -> None:
    sealed = tamper(envelope.seal_bytes(KEY, CONTEXT, _LONG))
    released, broken = _drain(
        lambda: envelope.open_range(KEY, CONTEXT, _fetch(sealed), len(sealed), 0, envelope.plain_size(len(sealed)))
    )
    assert broken
    assert _LONG.startswith(released)


def test_a_store_that_gives_fewer_or_more_bytes_than_asked_is_found() -> None:
    sealed = envelope.seal_bytes(KEY, CONTEXT, _LONG)

    def short(start: int, end: int) -> list[bytes]:
        return [sealed[start : end - 1] if start else sealed[start:end]]

    def long(start: int, end: int) -> list[bytes]:
        return [sealed[start : end + 1] if start else sealed[start:end]]

    def a_chunk_short(start: int, end: int) -> list[bytes]:
        return [sealed[start : end - SEALED_CHUNK_BYTES] if start else sealed[start:end]]

    for fetch in (short, long, a_chunk_short):
        with pytest.raises(SealBroken):
            b"".join(envelope.open_range(KEY, CONTEXT, fetch, len(sealed), 0, 20_000))


def test_only_the_chunks_of_the_range_are_read() -> None:
    sealed = envelope.seal_bytes(KEY, CONTEXT, _LONG)
    asked: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> list[bytes]:
        asked.append((start, end))
        return [sealed[start:end]]

    list(envelope.open_range(KEY, CONTEXT, fetch, len(sealed), CHUNK_BYTES + 5, CHUNK_BYTES + 6))
    assert asked == [(0, HEADER_BYTES), (_SECOND, _THIRD)]


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES])
def test_a_range_that_reaches_the_end_proves_where_the_end_is(size: int) -> None:
    # One chunk more, so that the size claimed below is a valid one, but not the true one.
    sealed = envelope.seal_bytes(KEY, CONTEXT, _pattern(size + CHUNK_BYTES))
    claimed = envelope.sealed_size(size)
    with pytest.raises(SealBroken):
        b"".join(envelope.open_range(KEY, CONTEXT, _fetch(sealed), claimed, size, size))


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4), (0, 101), (101, 101)])
def test_a_range_beyond_the_content_is_refused_at_the_call(start: int, end: int) -> None:
    sealed = envelope.seal_bytes(KEY, CONTEXT, _pattern(100))
    with pytest.raises(RangeOutside):
        envelope.open_range(KEY, CONTEXT, _fetch(sealed), len(sealed), start, end)


@pytest.mark.parametrize(
    ("key", "context"),
    [
        pytest.param(bytes(32), CONTEXT, id="another key"),
        pytest.param(KEY, envelope.context(VERSION, SUBJECT, "original"), id="subject and version exchanged"),
        pytest.param(KEY, envelope.context(SUBJECT, None, "original"), id="without the version"),
        pytest.param(KEY, envelope.context(SUBJECT, VERSION, "text"), id="another part"),
        pytest.param(KEY, b"", id="no context"),
    ],
)
def test_another_key_or_context_opens_nothing(key: bytes, context: bytes) -> None:
    sealed = envelope.seal_bytes(KEY, CONTEXT, b"confidential")
    assert envelope.open_bytes(KEY, CONTEXT, sealed) == b"confidential"
    with pytest.raises(SealBroken):
        envelope.open_bytes(key, context, sealed)
    with pytest.raises(SealBroken):
        _range(sealed, 0, 0, key=key, context=context)


def test_a_context_has_the_frozen_bytes() -> None:
    context = envelope.context(SUBJECT, VERSION, "original")
    assert context == b"muniment/1\x00" + SUBJECT.bytes + VERSION.bytes + b"original"
    assert envelope.context(SUBJECT, None, "né") == b"muniment/1\x00" + SUBJECT.bytes + bytes(16) + b"n\xc3\xa9"


def test_the_same_content_is_never_sealed_to_the_same_bytes() -> None:
    sealed = {envelope.seal_bytes(KEY, CONTEXT, b"same") for _ in range(100)}
    assert len(sealed) == 100


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    sealed = envelope.seal_bytes(KEY, CONTEXT, b"x")
    with pytest.raises(ValueError, match="32"):
        envelope.seal_bytes(os.urandom(length), CONTEXT, b"x")
    with pytest.raises(ValueError, match="32"):
        _range(sealed, 0, 1, key=os.urandom(length))
