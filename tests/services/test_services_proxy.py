"""The proxy, before an echo server of the test's own. Needs none of the servers."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from services import Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))

    def answer(client: socket.socket) -> None:
        with client, suppress(ConnectionError):
            while content := client.recv(65536):
                client.sendall(content)

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(echo) as running:
        yield running


def connect(proxy: Proxy, seconds: float = 5) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=seconds)


def ask(client: socket.socket, content: bytes) -> bytes:
    client.sendall(content)
    answer = b""
    while len(answer) < len(content) and (more := client.recv(65536)):
        answer += more
    return answer


def test_bytes_pass_unchanged_in_both_directions(proxy: Proxy) -> None:
    content = bytes(range(256)) * 4000
    received = b""
    with connect(proxy) as client:
        sender = threading.Thread(target=client.sendall, args=(content,))
        sender.start()
        while len(received) < len(content):
            received += client.recv(65536)
        sender.join()
    assert received == content


def test_a_client_that_has_said_all_still_gets_its_answer(proxy: Proxy) -> None:
    with connect(proxy) as client:
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while more := client.recv(100):
            answer += more
    assert answer == b"last words"


def test_a_delay_holds_an_answer_back_by_the_sum_of_both_ways(proxy: Proxy) -> None:
    with connect(proxy) as client:
        ask(client, b"warm")
        proxy.delay(100, back=50)
        begun = time.monotonic()
        assert ask(client, b"slow") == b"slow"
        assert 0.15 <= time.monotonic() - begun < 1.5
        proxy.restore()
        begun = time.monotonic()
        assert ask(client, b"fast") == b"fast"
        assert time.monotonic() - begun < 0.1


def test_a_delay_shifts_the_stream_but_does_not_thin_it(proxy: Proxy) -> None:
    proxy.delay(200, back=0)
    with connect(proxy) as client:
        begun = time.monotonic()
        for number in range(20):
            client.sendall(bytes([number]))
            time.sleep(0.005)
        answer = b""
        while len(answer) < 20:
            answer += client.recv(100)
        assert time.monotonic() - begun < 2  # 20 delays one after another would be 4 s
    assert answer == bytes(range(20))


def test_refusing_turns_new_connections_away_and_leaves_open_ones(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert ask(client, b"a") == b"a"
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        assert ask(client, b"b") == b"b"
    proxy.accept()
    with connect(proxy) as client:
        assert ask(client, b"c") == b"c"


def test_cutting_resets_open_connections_and_takes_new_ones(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert ask(client, b"a") == b"a"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(100)
    with connect(proxy) as client:
        assert ask(client, b"c") == b"c"


def test_swallowing_takes_everything_and_answers_nothing(proxy: Proxy) -> None:
    with connect(proxy, seconds=0.3) as client:
        assert ask(client, b"a") == b"a"
        proxy.swallow()
        client.sendall(b"lost")
        with pytest.raises(TimeoutError):
            client.recv(100)
    proxy.restore()
    with connect(proxy) as client:
        assert ask(client, b"c") == b"c"


def test_a_server_that_is_away_is_a_connection_that_ends_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    # The reset may come while it connects.
    with Proxy(port) as proxy, pytest.raises(ConnectionResetError), connect(proxy) as client:
        client.recv(100)
