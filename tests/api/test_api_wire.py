"""HTTP as bytes: what is malformed or too long is refused and the connection closed, what is allowed is understood."""

import json
import re
import socket
from collections.abc import Iterator

import pytest

from api.wire import MOST_HEAD_BYTES, MOST_PIPELINED, READ_BYTES
from tests.support.app import Office, Served, served

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
PUT = b"PUT /api/v1/uploads HTTP/1.1\r\nHost: x\r\n"
CHUNKED = PUT + b"Transfer-Encoding: chunked\r\n"


@pytest.fixture(scope="module")
def server(shared_office: Office) -> Iterator[Served]:
    with served(shared_office) as one:
        yield one


def _by_clerk(shared_office: Office) -> bytes:
    return b"Authorization: Bearer %s\r\n" % shared_office.token("clerk").encode()


def _connect(server: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 10)


def _said(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection."""
    said = bytearray()
    while True:
        try:
            piece = connection.recv(1 << 16)
        except ConnectionResetError:
            return bytes(said)
        if not piece:
            return bytes(said)
        said += piece


def _send(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        # It was refused before it was all sent.
        return


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        GET + b"Host: y\r\n\r\n",
        GET + b"Na me: x\r\n\r\n",
        GET + b"Name: a\x00b\r\n\r\n",
        GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        GET + b"Content-Length: -1\r\n\r\n",
        GET + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\nXYZ\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n0\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=[
        "nonsense",
        "unknown version",
        "no host",
        "two hosts",
        "blank in a name",
        "zero byte in a value",
        "two lengths",
        "negative length",
        "length and chunks",
        "chunk without a size",
        "chunk longer than it says",
        "address not in ASCII",
        "a tunnel",
        "TLS",
    ],
)
def test_a_malformed_request_is_refused_and_the_next_is_served(server: Served, request_bytes: bytes) -> None:
    with _connect(server) as connection:
        _send(connection, request_bytes)
        said = _said(connection)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in said
    with _connect(server) as connection:
        connection.sendall(GET + b"Connection: close\r\n\r\n")
        assert _said(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        GET + b"Long: " + b"x" * MOST_HEAD_BYTES + b"\r\n\r\n",
        GET + b"Short: x\r\n" * (MOST_HEAD_BYTES // 8) + b"\r\n",
        b"GET /" + b"x" * MOST_HEAD_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        GET + b"Endless: " + b"x" * (4 * READ_BYTES),
        GET + b"x" * (4 * READ_BYTES),
        b"\r\n" * (2 * READ_BYTES),
    ],
    ids=["one header", "many headers", "address", "header without end", "name without end", "blank lines"],
)
def test_a_head_over_64_kib_is_refused(server: Served, request_bytes: bytes) -> None:
    with _connect(server) as connection:
        _send(connection, request_bytes)
        said = _said(connection)
    # The client may still have been sending, and then sees the connection break.
    assert said.startswith(b"HTTP/1.1 400 ") or (said == b"" and len(request_bytes) > 4 * MOST_HEAD_BYTES)


def test_a_head_of_60_kib_is_read(server: Served) -> None:
    with _connect(server) as connection:
        connection.sendall(GET + b"Connection: close\r\nLong: " + b"x" * 60 * 1024 + b"\r\n\r\n")
        assert _said(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "rest",
    [b"0\r\n" + b"Trailer: x\r\n" * READ_BYTES, b"1;" + b"x" * 4 * READ_BYTES],
    ids=["trailers", "chunk extension"],
)
def test_what_comes_without_end_and_is_no_body_is_refused(shared_office: Office, server: Served, rest: bytes) -> None:
    before = len(shared_office.stored())
    with _connect(server) as connection:
        _send(connection, CHUNKED + _by_clerk(shared_office) + b"\r\n" + rest)
        said = _said(connection)
    assert b" 200 " not in said
    assert b" 202 " not in said
    assert len(shared_office.stored()) == before


def test_chunks_of_one_byte_and_trailers_are_understood(shared_office: Office, server: Served) -> None:
    text = b"one byte after another"
    body = b"".join(b"1;note=x\r\n%c\r\n" % byte for byte in text) + b"0\r\nTrailer: x\r\n\r\n"
    with _connect(server) as connection:
        connection.sendall(CHUNKED + _by_clerk(shared_office) + b"Connection: close\r\n\r\n" + body)
        head, _, said = _said(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 202 ")
    content = shared_office.client("clerk").get(f"/api/v1/records/{json.loads(said)['id']}/content").content
    assert content == text


def test_a_trailer_gives_no_right(shared_office: Office, server: Served) -> None:
    trailer = b"0\r\n" + _by_clerk(shared_office) + b"\r\n"
    with _connect(server) as connection:
        connection.sendall(CHUNKED + b"Connection: close\r\n\r\n1\r\nx\r\n" + trailer)
        assert _said(connection).startswith(b"HTTP/1.1 401 ")


def test_who_waits_for_100_continue_is_told_to_go_on_only_where_the_body_is_wanted(
    shared_office: Office, server: Served
) -> None:
    expecting = PUT + b"Content-Length: 300000\r\nExpect: 100-continue\r\n" + _by_clerk(shared_office)
    with _connect(server) as connection:
        connection.sendall(expecting + b"Connection: close\r\n\r\n")
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(bytes(300_000))
        assert _said(connection).startswith(b"HTTP/1.1 202 ")
    with _connect(server) as connection:
        unwanted = expecting + b'Muniment-Metadata: {"class": "nothing"}\r\nConnection: close\r\n\r\n'
        connection.sendall(unwanted)
        assert _said(connection).startswith(b"HTTP/1.1 404 ")


def test_who_offers_another_protocol_is_answered_in_this_one(server: Served) -> None:
    upgrade = GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
    with _connect(server) as connection:
        connection.sendall(upgrade)
        head = _said(connection).partition(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in head


def test_requests_behind_one_another_are_answered_in_order(server: Served) -> None:
    with _connect(server) as connection:
        connection.sendall((GET + b"\r\n") * 5 + b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = _said(connection)
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"200"] * 5 + [b"404"]


def test_too_many_requests_behind_one_another_close_the_connection(server: Served) -> None:
    with _connect(server) as connection:
        _send(connection, (GET + b"\r\n") * (MOST_PIPELINED * 100))
        assert _said(connection).count(b"HTTP/1.1 200 ") <= MOST_PIPELINED


def test_a_request_behind_a_large_body_is_understood(shared_office: Office, server: Served) -> None:
    body = bytes(3 * READ_BYTES)
    put = PUT + b"Content-Length: %d\r\n" % len(body) + _by_clerk(shared_office)
    with _connect(server) as connection:
        connection.sendall(put + b"\r\n" + body + GET)
        connection.sendall(b"Connection: close\r\n\r\n")
        said = _said(connection)
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"202", b"200"]
