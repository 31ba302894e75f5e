"""One connection for many threads: each gets its own answer, and nobody waits for ever."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from audit import wire as wires
from audit.wire import Wire, stream_socket

_LENGTH = struct.Struct(">I")


class Echo:
    """Answers with what was asked, in order, while ``goes_on`` is set."""

    def __init__(self, listening: socket.socket) -> None:
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.asked = 0
        self._listening = listening
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.connection, _ = self._listening.accept()
        # Who asked may have gone when the answer is sent.
        with self.connection, suppress(BrokenPipeError):
            received = b""
            while data := self.connection.recv(65_536):
                received += data
                self.goes_on.wait()
                answers = b""
                while len(received) >= 4 and len(received) >= (end := 4 + _LENGTH.unpack_from(received)[0]):
                    answers, received = answers + received[:end], received[end:]
                    self.asked += 1
                # In pieces, none of which ends where an answer does.
                for start in range(0, len(answers), 7):
                    self.connection.send(answers[start : start + 7])


@pytest.fixture
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[socket.socket, socket.socket]]:
    path = str(tmp_path_factory.mktemp("w") / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        mine = stream_socket()
        mine.connect(path)
        yield mine, listening
        mine.close()


@pytest.fixture
def wire(sockets: tuple[socket.socket, socket.socket]) -> Wire:
    return Wire(sockets[0])


@pytest.fixture
def echo(sockets: tuple[socket.socket, socket.socket]) -> Echo:
    return Echo(sockets[1])


def test_each_of_many_threads_gets_its_own_answer(wire: Wire, echo: Echo) -> None:
    def act(number: int) -> bool:
        return all(wire.ask(b"%d %d" % (number, step)) == b"%d %d" % (number, step) for step in range(200))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(act, range(16)))
    assert echo.asked == 16 * 200
    assert wire.ask(b"") == b""
    assert wire.ask(b"x" * 900_000) == b"x" * 900_000


def test_who_waits_when_the_other_side_goes_is_told_at_once(wire: Wire, echo: Echo) -> None:
    assert wire.ask(b"before") == b"before"
    echo.goes_on.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(wire.ask, b"%d" % number) for number in range(8)]
        time.sleep(0.2)
        begun = time.monotonic()
        echo.connection.shutdown(socket.SHUT_RDWR)
        assert [one.result(timeout=30) for one in asked] == [None] * 8
        assert time.monotonic() - begun < wires.PATIENCE_SECONDS
    assert wire.ask(b"after") is None
    echo.goes_on.set()


def test_nobody_waits_for_a_silent_one_for_ever(
    sockets: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "PATIENCE_SECONDS", 0.2)
    sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 300_000))
    wire = Wire(sockets[0])
    with ThreadPoolExecutor(4) as pool:
        assert [one.result(timeout=30) for one in [pool.submit(wire.ask, b"?") for _ in range(4)]] == [None] * 4
    assert wire.ask(b"?") is None


def test_one_who_is_interrupted_while_he_receives_lets_the_others_go(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    class Interrupted(socket.socket):
        """Interrupts the first who receives, once the others wait."""

        def recv(self, *arguments: int) -> bytes:
            waiting.wait()
            raise KeyboardInterrupt

    waiting = threading.Event()
    with Interrupted(fileno=sockets[0].detach()) as connection:
        wire = Wire(connection)
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(wire.ask, b"?") for _ in range(4)]
            time.sleep(0.2)
            waiting.set()
            ends = [one.exception(timeout=30) or one.result() for one in asked]
    assert sorted(str(type(end).__name__) for end in ends) == ["KeyboardInterrupt", "NoneType", "NoneType", "NoneType"]


def test_one_who_is_interrupted_where_he_waits_to_be_told_lets_the_others_go_on(
    wire: Wire, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "PATIENCE_SECONDS", 0.5)
    echo.goes_on.clear()
    with ThreadPoolExecutor(5) as pool:
        receiving = pool.submit(wire.ask, b"first")
        time.sleep(0.1)
        with monkeypatch.context() as patched:
            patched.setattr("audit.wire._Question.wait", interrupted)
            with pytest.raises(KeyboardInterrupt):
                wire.ask(b"interrupted")
        others = [pool.submit(wire.ask, b"%d" % number) for number in range(3)]
        time.sleep(0.1)
        echo.goes_on.set()
        assert receiving.result(timeout=30) == b"first"
        # Their own answers, or the news that there is none.
        assert all(one.result(timeout=30) in (b"%d" % number, None) for number, one in enumerate(others))


def interrupted(question: object) -> None:
    raise KeyboardInterrupt


def test_a_closed_wire_answers_what_was_asked_and_takes_nothing_more(wire: Wire, echo: Echo) -> None:
    echo.goes_on.clear()
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(wire.ask, b"%d" % number) for number in range(3)]
        time.sleep(0.2)
        wire.close()
        assert wire.ask(b"late") is None
        echo.goes_on.set()
        assert [one.result(timeout=30) for one in asked] == [b"0", b"1", b"2"]
    echo.thread.join(30)
    assert not echo.thread.is_alive(), "the connection was closed after the last answer"
