"""What clamd's answers mean, and that nothing is let through before it has answered."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ingest import clamd
from ingest.clamd import BadAddress, MalwareReported, Scanner, ScannerAway, TooLargeToScan, parse_address


@contextmanager
def _speaking(answer: bytes, *, breaks_off: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """Reads a stream on loopback as clamd does, and says what clamd cannot be made to say; address and bytes seen."""
    seen: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # nobody came before the end
        with connection, connection.makefile("rb") as stream:
            assert stream.read(10) == b"zINSTREAM\0"
            while not breaks_off and len(head := stream.read(4)) == 4:
                (length,) = struct.unpack(">I", head)
                if length == 0:
                    break
                seen.append(stream.read(length))
            with suppress(OSError):
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        listener.close()
        thread.join(5)


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("127.0.0.1:3310", ("127.0.0.1", 3310)),
        ("[::1]:3310", ("::1", 3310)),
        ("clamd:1", ("clamd", 1)),
        ("/run/clamav/clamd.ctl", "/run/clamav/clamd.ctl"),
    ],
)
def test_an_address_is_host_and_port_or_a_socket(address: str, target: object) -> None:
    assert parse_address(address) == target


@pytest.mark.parametrize("address", ["", "clamd", ":3310", "clamd:", "clamd:0", "clamd:65536", "clamd:²", "tcp://x"])
def test_anything_else_is_no_address(address: str) -> None:
    with pytest.raises(BadAddress):
        parse_address(address)


def test_the_chunks_pass_as_they_are_once_clamd_says_that_all_is_well() -> None:
    chunks = [b"a" * 10, b"b" * (3 * clamd.CHUNK_BYTES + 1), b"c"]
    with _speaking(b"stream: OK\0") as (address, seen):
        assert list(Scanner(address).passing(chunks)) == chunks
    assert b"".join(seen) == b"".join(chunks)
    assert max(map(len, seen)) <= clamd.CHUNK_BYTES


def test_an_empty_file_is_scanned_too() -> None:
    with _speaking(b"stream: OK\0") as (address, seen):
        assert list(Scanner(address).passing([])) == []
    assert seen == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(b"stream: Win.Test FOUND\0", MalwareReported, id="found"),
        pytest.param(b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0", TooLargeToScan, id="over its limits"),
        pytest.param(b"INSTREAM size limit exceeded. ERROR\0", TooLargeToScan, id="over the stream's limit"),
        pytest.param(b"stream: Can't allocate memory ERROR\0", ScannerAway, id="an error of its own"),
        pytest.param(b"stream: OK", ScannerAway, id="an answer cut short"),
        pytest.param(b"OK\0", ScannerAway, id="some other word"),
        pytest.param(b"", ScannerAway, id="no answer"),
        pytest.param(b"\xff" * 5000, ScannerAway, id="rubbish"),
    ],
)
def test_whatever_is_no_plain_ok_lets_nothing_pass(answer: bytes, error: type[Exception]) -> None:
    with _speaking(answer) as (address, _), pytest.raises(error):
        list(Scanner(address).passing([b"x"]))


def test_a_signature_holds_nothing_that_the_log_would_not_take() -> None:
    answer = "stream: Böse «Datei» a@b (1) FOUND\0".encode()
    with _speaking(answer) as (address, _), pytest.raises(MalwareReported) as raised:
        list(Scanner(address).passing([b"x"]))
    assert raised.value.signature == "B_se_Datei_a_b_1_"


def test_clamd_that_breaks_off_half_way_is_asked_why() -> None:
    chunks = (b"x" * clamd.CHUNK_BYTES for _ in range(400))
    answer = b"INSTREAM size limit exceeded. ERROR\0"
    with _speaking(answer, breaks_off=True) as (address, _), pytest.raises((TooLargeToScan, ScannerAway)):
        list(Scanner(address).passing(chunks))


def test_nobody_there_is_said_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for address in (f"127.0.0.1:{port}", str(tmp_path / "clamd.ctl")):
        with pytest.raises(ScannerAway):
            list(Scanner(address).passing([b"x"]))
        with pytest.raises(ScannerAway):
            Scanner(address).ping()


def test_a_scanner_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clamd, "VERDICT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ScannerAway):
        list(Scanner(f"127.0.0.1:{listener.getsockname()[1]}").passing([b"x"]))


def test_an_error_of_the_source_passes_through() -> None:
    def torn() -> Iterator[bytes]:
        yield b"x"
        raise KeyError("torn")

    with _speaking(b"stream: OK\0") as (address, _):
        scanned = Scanner(address).passing(torn())
        with pytest.raises(KeyError):
            list(scanned)
        scanned.close()
