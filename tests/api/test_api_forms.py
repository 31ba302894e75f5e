"""The formats at the edge: multipart forms and Content-Disposition, read piece by piece and written."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.disposition import BadFileName, disposition, file_name_of
from api.errors import BrokenBody
from api.multipart import Event, NotAForm, PartBegun, PartData, PartEnded, boundary_of, read_parts

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (None, ""),
        ("attachment", ""),
        ("attachment; filename=a.pdf", "a.pdf"),
        ('attachment; filename="a b.pdf"', "a b.pdf"),
        (r'attachment; filename="a \"b\".pdf"', 'a "b".pdf'),
        ("attachment; filename=\"plain\"; filename*=UTF-8''%e2%82%ac", "€"),
        ("attachment; filename*=utf-8'de'%C3%A4; filename=other", "ä"),
        ("attachment; filename*=ISO-8859-1''%e4", "ä"),
        ('form-data; name="file"; filename="a;b=c.pdf"', "a;b=c.pdf"),
        ('attachment; FILENAME="a"; filename="b"', "a"),
    ],
    ids=[
        "no header",
        "no name",
        "bare",
        "quoted",
        "escaped quotes",
        "the extended one counts",
        "with a language",
        "Latin-1",
        "separators in quotes",
        "the first counts",
    ],
)
def test_the_name_a_sender_gives(header: str | None, name: str) -> None:
    assert file_name_of(header) == name


@pytest.mark.parametrize("value", ["a.pdf", "UTF-7''x", "UTF-8''%ff", "UTF-8'x"])
def test_an_extended_name_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(BadFileName):
        file_name_of(f"attachment; filename*={value}")


@given(names)
def test_a_name_written_is_the_name_read(name: str) -> None:
    written = disposition(name)
    assert file_name_of(written) == name
    assert written.isascii()
    assert "\n" not in written
    assert "\r" not in written


@given(st.text(max_size=300))
def test_any_header_gives_a_name_or_is_refused(header: str) -> None:
    try:
        assert isinstance(file_name_of(header), str)
    except BadFileName:
        return


def _read(body: bytes, boundary: bytes, size: int) -> list[Event]:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    async def run() -> list[Event]:
        return [event async for event in read_parts(pieces(), boundary)]

    return asyncio.run(run())


def _joined(events: list[Event]) -> list[tuple[str, bytes]]:
    parts: list[tuple[str, bytes]] = []
    for event in events:
        match event:
            case PartBegun(name, _, _):
                parts.append((name, b""))
            case PartData(data):
                parts[-1] = (parts[-1][0], parts[-1][1] + data)
            case PartEnded():
                continue
    return parts


def _form(parts: list[tuple[str, bytes]]) -> bytes:
    body = b"".join(
        b'--XX\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (quote(name).encode(), data)
        for name, data in parts
    )
    return body + b"--XX--\r\n"


@given(
    st.lists(st.tuples(st.sampled_from(["file", "metadata"]), st.binary(max_size=200)), min_size=1, max_size=5),
    st.integers(1, 50),
)
def test_a_form_is_the_same_however_it_is_cut(parts: list[tuple[str, bytes]], size: int) -> None:
    parts = [(name, data.replace(b"--XX", b"--XY")) for name, data in parts]
    assert _joined(_read(_form(parts), b"XX", size)) == parts


@given(st.integers(1, 200))
def test_a_form_cut_short_is_never_taken_for_whole(missing: int) -> None:
    whole = _form([("file", bytes(100))])
    # The last line end may be missing (RFC 2046, 5.1.1); the last boundary may not.
    cut = whole.removesuffix(b"\r\n")[:-missing]
    with pytest.raises((BrokenBody, NotAForm)):
        _read(cut, b"XX", 64)


@given(st.binary(max_size=500))
def test_any_bytes_are_a_form_or_refused(body: bytes) -> None:
    try:
        _read(b"--XX" + body, b"XX", 100)
    except (BrokenBody, NotAForm):
        return


@pytest.mark.parametrize(
    "header", [None, "", "text/plain", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 300]
)
def test_a_type_without_a_usable_boundary_is_refused(header: str | None) -> None:
    with pytest.raises(NotAForm):
        boundary_of(header)


def test_more_parts_than_a_form_needs_are_refused() -> None:
    with pytest.raises(NotAForm):
        _read(_form([("file", b"")] * 11), b"XX", 1000)
