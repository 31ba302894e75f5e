"""Bytes of records over HTTP: ranges, entity tags, what a browser is told to do with them."""

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import NoSuchRange
from api.rest.content import span_of, tags_match
from tests.support.app import Office

V1 = "/api/v1"
DATA = os.urandom(70_000)
"""More than four chunks of the envelope."""


@pytest.fixture(scope="module")
def path(shared_office: Office) -> str:
    return f"{V1}/records/{shared_office.upload(DATA, 'data.bin')['id']}/content"


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=10-", (10, 100)),
        ("bytes=-5", (95, 100)),
        ("bytes=-500", (0, 100)),
        ("bytes=90-500", (90, 100)),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
    ],
    ids=[
        "none",
        "first byte",
        "from there on",
        "the last five",
        "more than there are",
        "beyond the end",
        "backwards",
        "nothing",
        "two ranges",
        "another unit",
        "no numbers",
    ],
)
def test_a_range_of_a_file_of_100_bytes(header: str | None, span: tuple[int, int] | None) -> None:
    assert span_of(header, 100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(header: str) -> None:
    with pytest.raises(NoSuchRange):
        span_of(header, 100)


@given(st.text(max_size=40) | st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True), st.integers(0, 2000))
def test_any_range_lies_within_the_file_or_is_refused(header: str, size: int) -> None:
    try:
        span = span_of(header, size)
    except NoSuchRange:
        return
    assert span is None or 0 <= span[0] < span[1] <= size


@pytest.mark.parametrize(
    ("header", "matches"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), (None, False), ("a", False)],
)
def test_entity_tags_are_compared_weakly(header: str | None, matches: bool) -> None:
    assert tags_match(header, '"a"') is matches


@pytest.mark.parametrize(("start", "end"), [(0, 1), (16_383, 16_385), (69_990, 70_000), (0, 70_000)])
def test_a_range_gives_just_those_bytes(shared_office: Office, path: str, start: int, end: int) -> None:
    answer = shared_office.client("clerk").get(path, headers={"Range": f"bytes={start}-{end - 1}"})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/70000"
    assert answer.content == DATA[start:end]


def test_a_range_of_another_state_of_the_file_gives_the_whole(shared_office: Office, path: str) -> None:
    clerk = shared_office.client("clerk")
    tag = clerk.get(path).headers["etag"]
    asked = {"Range": "bytes=0-9"}
    assert clerk.get(path, headers=asked | {"If-Range": tag}).status_code == 206
    assert clerk.get(path, headers=asked | {"If-Range": '"other"'}).status_code == 200


def test_a_range_behind_the_end_says_so(shared_office: Office, path: str) -> None:
    answer = shared_office.client("clerk").get(path, headers={"Range": "bytes=70000-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "no_such_range")
    assert answer.headers["content-range"] == "bytes */70000"


def test_what_the_client_has_is_neither_sent_nor_logged_as_opened(shared_office: Office, path: str) -> None:
    clerk = shared_office.client("clerk")
    tag = clerk.get(path).headers["etag"]
    before = shared_office.leaves()
    answer = clerk.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert shared_office.leaves() == before


def test_head_tells_the_size_and_opens_nothing(shared_office: Office, path: str) -> None:
    clerk, before = shared_office.client("clerk"), shared_office.leaves()
    answer = clerk.request("HEAD", path)
    assert (answer.headers["content-length"], answer.content) == ("70000", b"")
    assert "content-disposition" not in answer.headers
    assert shared_office.leaves() == before


@pytest.mark.parametrize(
    ("data", "name", "inline", "shown"),
    [
        (b"%PDF-1.4\n%%EOF", "a.pdf", True, True),
        (b"<script>alert(1)</script>", "a.html", True, False),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.svg", True, False),
        (b"%PDF-1.4\n%%EOF", "a.pdf", False, False),
    ],
    ids=["a PDF", "a page", "a drawing with a script", "a PDF to keep"],
)
def test_only_harmless_kinds_are_shown_and_all_are_caged(
    office: Office, data: bytes, name: str, inline: bool, shown: bool
) -> None:
    record = office.upload(data, name, class_="minutes")["id"]
    office.settle()
    answer = office.client("clerk").get(f"{V1}/records/{record}/content", params={"inline": inline})
    assert answer.headers["content-disposition"].startswith("inline" if shown else "attachment")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_the_event_is_in_the_log_before_the_first_byte_leaves(shared_office: Office, path: str) -> None:
    seen: list[tuple[str, list[str]]] = []
    before = shared_office.leaves()

    def look(message: Any) -> None:
        seen.append((message["type"], shared_office.actions_since(before)))

    shared_office.ask("clerk", "GET", path, look)
    assert seen[0] == ("http.response.start", ["record.downloaded"])


def test_text_not_read_yet_is_said_so(shared_office: Office) -> None:
    record = shared_office.upload(b"unread")["id"]
    answer = shared_office.client("clerk").get(f"{V1}/records/{record}/text")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_text_yet")
