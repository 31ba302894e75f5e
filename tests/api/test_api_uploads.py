"""Uploads: what arrives whole is a record, what does not leaves nothing, and memory stays flat."""

import asyncio
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import pytest
from anyio import CapacityLimiter
from sqlalchemy import func, select

from api import uploads
from core.errors import Invalid
from records.record import Record
from tests.support.app import Office, form_of, served

V1 = "/api/v1"


def _records(office: Office) -> int:
    with office.runtime.main.read() as session:
        return session.scalar(select(func.count()).select_from(Record)) or 0


def _wait_until(holds: Any, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def _name_of(office: Office, record: str) -> str:
    return str(office.client("clerk").get(f"{V1}/records/{record}").json()["name"])


def test_what_was_sent_comes_back_byte_for_byte_under_its_name(shared_office: Office) -> None:
    clerk, data = shared_office.client("clerk"), os.urandom(300_000)
    header = {"Content-Disposition": "attachment; filename*=UTF-8''%C8%98tefan%20%E2%82%AC.bin"}
    answer = clerk.put(f"{V1}/uploads", content=data, headers=header)
    received = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{V1}/records/{received['id']}"
    assert received["state"] == "received"
    opened = clerk.get(f"{V1}/records/{received['id']}/content")
    assert opened.content == data
    assert "filename*=UTF-8''%C8%98tefan%20%E2%82%AC.bin" in opened.headers["content-disposition"]


@pytest.mark.parametrize("metadata_first", [True, False], ids=["metadata before the file", "metadata after it"])
def test_metadata_may_stand_on_either_side_of_a_file(shared_office: Office, metadata_first: bool) -> None:
    parts = form_of(b"a letter", "letter.txt", class_="minutes", title="Protokoll", document_date="2026-02-03")
    clerk = shared_office.client("clerk")
    answer = clerk.post(f"{V1}/records", files=parts[::-1] if metadata_first else parts)
    assert answer.status_code == 202, answer.text
    shown = clerk.get(f"{V1}/records", params={"ids": answer.json()["id"]}).json()["items"][0]
    assert (shown["class"], shown["title"], shown["document_date"]) == ("minutes", "Protokoll", "2026-02-03")


def test_metadata_travel_in_a_header_beside_a_bare_body(shared_office: Office) -> None:
    clerk = shared_office.client("clerk")
    header = {"Muniment-Metadata": json.dumps({"title": "Grüße", "class": "minutes"})}
    record = clerk.put(f"{V1}/uploads", content=b"x", headers=header).json()["id"]
    assert clerk.get(f"{V1}/records/{record}").json()["title"] == "Grüße"


def test_metadata_after_a_large_file_are_refused_in_words(shared_office: Office) -> None:
    before = len(shared_office.stored()), _records(shared_office)
    answer = shared_office.client("clerk").post(f"{V1}/records", files=form_of(bytes(3 << 20), "a.bin", title="late"))
    assert (answer.status_code, answer.json()["code"]) == (422, "metadata_too_late")
    assert (len(shared_office.stored()), _records(shared_office)) == before


def test_a_large_file_after_its_metadata_is_taken(shared_office: Office) -> None:
    data = os.urandom(3 << 20)
    parts = form_of(data, "a.bin", title="in time")[::-1]
    clerk = shared_office.client("clerk")
    record = clerk.post(f"{V1}/records", files=parts).json()["id"]
    assert clerk.get(f"{V1}/records/{record}/content").content == data


def test_the_same_upload_under_its_key_is_one_record(shared_office: Office) -> None:
    clerk, key = shared_office.client("clerk"), {"Idempotency-Key": os.urandom(8).hex()}
    first = clerk.put(f"{V1}/uploads", content=b"once", headers=key).json()
    second = clerk.put(f"{V1}/uploads", content=b"once", headers=key).json()
    assert second["id"] == first["id"]
    assert (first["repeated"], second["repeated"]) == (False, True)
    other = clerk.put(f"{V1}/uploads", content=b"another", headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


def test_a_duplicate_is_named_only_to_who_may_see_the_first(shared_office: Office) -> None:
    data = os.urandom(40)
    first = shared_office.upload(data)
    assert shared_office.upload(data)["duplicate_of"] == {"id": first["id"], "number": first["number"]}
    assert shared_office.upload(data, by="hr")["duplicate_of"] is None


def test_a_corrected_version_stands_beside_the_first(shared_office: Office) -> None:
    clerk, record = shared_office.client("clerk"), shared_office.upload(b"first", "a.txt")["id"]
    assert clerk.post(f"{V1}/records/{record}/versions", files=form_of(b"second", "b.txt")).status_code == 202
    assert clerk.get(f"{V1}/records/{record}/content").content == b"second"
    assert clerk.get(f"{V1}/records/{record}/content?version=1").content == b"first"
    assert [v["name"] for v in clerk.get(f"{V1}/records/{record}").json()["versions"]] == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "unnamed"),
        ("../../etc/passwd", "passwd"),
        ("C:\\scan\\a.pdf", "a.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x07b.txt", "a b.txt"),
    ],
    ids=["no name", "a path upwards", "a path of Windows", "turned round", "a control character"],
)
def test_names_are_made_fit_to_be_shown(shared_office: Office, name: str, shown: str) -> None:
    header = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    answer = shared_office.client("clerk").put(f"{V1}/uploads", content=b"x", headers=header)
    assert _name_of(shared_office, answer.json()["id"]) == shown


BOUNDARY = {"Content-Type": "multipart/form-data; boundary=XX"}
FILE = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        (BOUNDARY, FILE + b"data\r\n", 400, "body_incomplete"),
        (BOUNDARY, FILE + bytes(3 << 20), 400, "body_incomplete"),
        (BOUNDARY, b"--XX\r\nContent-Disposition: form-data; name=other\r\n\r\nx\r\n--XX--", 422, "not_a_form"),
        (BOUNDARY, FILE + b"a\r\n" + FILE + b"b\r\n--XX--\r\n", 422, "not_a_form"),
        (BOUNDARY, b"no form at all", 422, "not_a_form"),
        (BOUNDARY, b"", 400, "body_incomplete"),
        ({"Content-Type": "text/plain"}, b"x", 422, "not_a_form"),
        ({"Content-Type": "multipart/form-data"}, b"x", 422, "not_a_form"),
    ],
    ids=[
        "no last boundary",
        "no last boundary after a large file",
        "another part",
        "two files",
        "no form",
        "nothing",
        "another type",
        "no boundary stated",
    ],
)
def test_a_form_that_is_none_leaves_nothing(
    shared_office: Office, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    before = len(shared_office.stored()), _records(shared_office)
    answer = shared_office.client("clerk").post(f"{V1}/records", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (len(shared_office.stored()), _records(shared_office)) == before


@pytest.mark.parametrize(
    ("stated", "status", "code"),
    [
        ({"class": "no_such_class"}, 404, "unknown_record_class"),
        ({"class": "accounting"}, 422, "invalid"),
        ({"department": "01890000-0000-7000-8000-000000000000"}, 404, "not_found"),
        ({"case_file": "nowhere"}, 404, "not_found"),
        ({"colour": "red"}, 422, "metadata_unreadable"),
        ({"document_date": "yesterday"}, 422, "metadata_unreadable"),
    ],
    ids=["unknown class", "heading", "unknown department", "unknown case file", "unknown field", "no date"],
)
def test_wrong_metadata_are_refused_before_the_body_is_read(
    shared_office: Office, stated: dict[str, str], status: int, code: str
) -> None:
    head = (
        f"PUT {V1}/uploads HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n"
        f"Authorization: Bearer {shared_office.token('clerk')}\r\nMuniment-Metadata: {json.dumps(stated)}\r\n\r\n"
    )
    with served(shared_office) as server, socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(head.encode() + bytes(1000))
        answer = connection.recv(65536).decode()
        while "\r\n\r\n" not in answer or not answer.endswith("}"):
            answer += connection.recv(65536).decode()
    problem = json.loads(answer.partition("\r\n\r\n")[2])
    assert (problem["status"], problem["code"]) == (status, code)


@pytest.mark.parametrize("size", [0, 10, 256 * 1024, 256 * 1024 + 1], ids=["empty", "short", "a piece", "longer"])
def test_a_file_refused_for_its_place_leaves_nothing_whatever_its_size(shared_office: Office, size: int) -> None:
    before = len(shared_office.stored()), _records(shared_office)
    elsewhere = {"Muniment-Metadata": '{"case_file": "nowhere"}'}
    answer = shared_office.client("clerk").put(f"{V1}/uploads", content=bytes(size), headers=elsewhere)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (len(shared_office.stored()), _records(shared_office)) == before
    assert shared_office.client("clerk").put(f"{V1}/uploads", content=bytes(size)).status_code == 202


def test_a_sender_who_sends_on_after_a_refusal_gets_to_read_it(shared_office: Office) -> None:
    headers = {"Authorization": f"Bearer {shared_office.token('clerk')}", "Muniment-Metadata": '{"class": "nothing"}'}
    with served(shared_office) as server, httpx.Client(base_url=server.url) as client:
        answer = client.put(f"{V1}/uploads", content=(bytes(1 << 20) for _ in range(50)), headers=headers)
    assert answer.json()["code"] == "unknown_record_class"


def test_over_the_limit_is_said_at_once_or_when_it_shows(tmp_path: Any) -> None:
    office = Office.open(tmp_path, largest_upload_bytes=100_000)
    try:
        clerk = office.client("clerk")
        before = len(office.stored())

        async def trickle() -> Any:
            for _ in range(4):
                yield bytes(50_000)

        stated = clerk.put(f"{V1}/uploads", content=bytes(300_000))
        shown = clerk.put(f"{V1}/uploads", content=trickle())
        for answer in (stated, shown):
            assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
        assert len(office.stored()) == before
        assert clerk.put(f"{V1}/uploads", content=bytes(100_000)).status_code == 202
    finally:
        office.close()


@pytest.mark.parametrize("kind", ["bare body", "chunked body", "form"])
def test_a_sender_who_hangs_up_half_way_leaves_nothing(shared_office: Office, kind: str) -> None:
    before, records = len(shared_office.stored()), _records(shared_office)
    token = shared_office.token("clerk")
    with served(shared_office) as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        length = "Transfer-Encoding: chunked" if kind == "chunked body" else "Content-Length: 50000000"
        line = "POST /api/v1/records" if kind == "form" else "PUT /api/v1/uploads"
        kind_line = "Content-Type: multipart/form-data; boundary=XX\r\n" if kind == "form" else ""
        head = f"{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{kind_line}{length}\r\n\r\n".encode()
        piece = bytes(5_000_000)
        body = b"%x\r\n" % len(piece) + piece + b"\r\n" if kind == "chunked body" else FILE * (kind == "form") + piece
        connection.sendall(head + body)
        # It has begun to be stored, sealed, ...
        assert _wait_until(lambda: len(shared_office.stored()) > before)
        connection.close()
        # ... and is gone again.
        assert _wait_until(lambda: len(shared_office.stored()) == before)
    assert _records(shared_office) == records


def test_a_store_that_cannot_be_written_says_so_and_keeps_what_it_has(office: Office) -> None:
    record = office.upload(b"kept")["id"]
    folder = office.runtime.folder.tmp
    shutil.rmtree(folder)
    folder.write_text("in the way")
    clerk = office.client("clerk")
    for size in (10, 3 << 20):
        answer = clerk.put(f"{V1}/uploads", content=bytes(size))
        assert (answer.status_code, answer.json()["code"]) == (507, "disk_unwritable")
        assert answer.json()["detail"]
    assert clerk.get(f"{V1}/records/{record}/content").content == b"kept"
    folder.unlink()
    folder.mkdir()
    assert clerk.put(f"{V1}/uploads", content=b"again").status_code == 202


def test_memory_stays_flat_whatever_the_size(shared_office: Office) -> None:
    size = 100 << 20
    process = psutil.Process()

    def body() -> Iterator[bytes]:
        block = os.urandom(1 << 16)
        for _ in range(size // len(block)):
            yield block

    with served(shared_office) as server, httpx.Client(base_url=server.url, timeout=120) as client:
        headers = {"Authorization": f"Bearer {shared_office.token('clerk')}"}
        assert client.put(f"{V1}/uploads", content=b"warm", headers=headers).status_code == 202
        before = process.memory_info().rss
        peaks: list[int] = []
        answer = client.put(f"{V1}/uploads", content=_watched(body(), process, peaks), headers=headers)
        assert answer.status_code == 202
    assert max(peaks) - before < 40 << 20


def _watched(chunks: Iterator[bytes], process: psutil.Process, peaks: list[int]) -> Iterator[bytes]:
    for place, chunk in enumerate(chunks):
        if place % 50 == 0:
            peaks.append(process.memory_info().rss)
        yield chunk


def test_the_source_waits_for_a_slow_taker() -> None:
    given = 0

    async def source() -> Any:
        nonlocal given
        for _ in range(40):
            given += 1
            yield bytes(uploads.PIECE_BYTES)

    ahead: list[int] = []

    def take(pieces: Iterator[bytes]) -> int:
        taken = 0
        for _ in pieces:
            taken += 1
            time.sleep(0.002)
            ahead.append(given - taken)
        return taken

    async def run() -> int:
        return await uploads.take_in(source(), take, CapacityLimiter(1))

    assert asyncio.run(run()) == 40
    assert max(ahead) <= uploads.DEPTH + 2


def test_a_taker_that_gives_up_stops_the_source() -> None:
    async def endless() -> Any:
        while True:
            yield bytes(uploads.PIECE_BYTES)

    def refuse(pieces: Iterator[bytes]) -> None:
        next(pieces)
        raise Invalid("enough")

    async def run() -> None:
        await uploads.take_in(endless(), refuse, CapacityLimiter(1))

    with pytest.raises(Invalid):
        asyncio.run(asyncio.wait_for(run(), 10))
