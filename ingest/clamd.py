"""The malware scanner: streams a file to clamd while it is read, and tells what clamd says of it.

Protocol of clamd(8): ``zINSTREAM``, then chunks led by their length in four bytes, ended by an
empty one; the answer is ``stream: OK``, ``stream: <signature> FOUND`` or a text that ends in
``ERROR``. Nothing passes unscanned: whatever is no plain ``OK`` raises, and what is longer than
clamd takes (its ``StreamMaxLength``, its ``MaxFileSize`` with ``AlertExceedsMax``) counts as not scanned.
"""

import re
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from core.errors import Conflict, Invalid, Unavailable

CONNECT_SECONDS = 5.0
CHUNK_SECONDS = 30.0
"""Until clamd takes the next chunk."""
VERDICT_SECONDS = 300.0
"""From the last chunk to the answer; clamd's own ``MaxScanTime`` is two minutes."""
CHUNK_BYTES = 256 * 1024
MOST_ANSWERED = 4096

_END = struct.pack(">I", 0)
_FOUND = re.compile(r"stream: (.{1,300}) FOUND")
_NOT_LABEL = re.compile(r"[^A-Za-z0-9._:/+-]+")
_EXCEEDED = "Heuristics.Limits.Exceeded"


class ScannerAway(Unavailable):
    """The malware scanner does not answer; nothing is read until it does."""

    code = "scanner_away"


class MalwareReported(Conflict):
    """The malware scanner reports the file."""

    code = "malware_reported"

    def __init__(self, signature: str) -> None:
        super().__init__(f"it is called {signature}")
        self.signature = signature


class TooLargeToScan(Conflict):
    """The file is larger than the malware scanner takes."""

    code = "too_large_to_scan"


class BadAddress(Invalid):
    """The address of the malware scanner cannot be used."""

    code = "scanner_address"


class Scanner:
    """clamd at ``host:port``, or at the path of its socket."""

    def __init__(self, address: str) -> None:
        """Asks nothing yet.

        Raises:
            BadAddress: it is neither.
        """
        self._target = parse_address(address)

    def ping(self) -> None:
        """Ask clamd whether it is there.

        Raises:
            ScannerAway: it does not answer.
        """
        try:
            with self._connect() as connection:
                connection.sendall(b"zPING\0")
                answer = _answer(connection)
        except OSError as error:
            raise ScannerAway("start clamd, or correct its address") from error
        if answer != "PONG":
            raise ScannerAway("whatever answers at its address is not clamd")

    def passing(self, chunks: Iterable[bytes]) -> "Scanned":
        """The same chunks, each sent to clamd before it is handed on; see ``Scanned``."""
        return Scanned(self._connect, chunks)

    def _connect(self) -> socket.socket:
        if isinstance(self._target, str):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.settimeout(CONNECT_SECONDS)
                connection.connect(self._target)
            except BaseException:
                connection.close()
                raise
            return connection
        return socket.create_connection(self._target, timeout=CONNECT_SECONDS)


class Scanned(Iterator[bytes]):
    """Chunks on their way, seen by clamd first. Whoever takes the last one has clamd's word that all is well.

    The end of the chunks comes only after clamd's ``OK``. ``finish`` takes what nobody took.

    Raises, from each ``next``:
        MalwareReported: clamd reports the file.
        TooLargeToScan: clamd does not look at all of it.
        ScannerAway: it cannot be reached, breaks off, or cannot scan.
    """

    def __init__(self, connect: Callable[[], socket.socket], chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._connect = connect
        self._connection: socket.socket | None = None
        self._is_clean = False

    def __next__(self) -> bytes:
        if self._is_clean:
            raise StopIteration
        if self._connection is None:
            self._begin()
        chunk = next(self._chunks, None)
        if chunk is None:
            self._end()
            raise StopIteration
        for start in range(0, len(chunk), CHUNK_BYTES):
            piece = chunk[start : start + CHUNK_BYTES]
            self._send(struct.pack(">I", len(piece)) + piece)
        return chunk

    def finish(self) -> None:
        """Have the rest scanned; raises as ``next`` does."""
        for _ in self:
            pass

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()

    def _begin(self) -> None:
        try:
            self._connection = self._connect()
            self._connection.settimeout(CHUNK_SECONDS)
        except OSError as error:
            raise ScannerAway("start clamd, or correct its address") from error
        self._send(b"zINSTREAM\0")

    def _send(self, data: bytes) -> None:
        assert self._connection is not None
        try:
            self._connection.sendall(data)
        except OSError as error:
            # clamd breaks off when it has had enough, and says why before it does.
            self._connection.settimeout(CONNECT_SECONDS)
            with suppress(OSError):
                self._judge(_answer(self._connection))
            raise ScannerAway("clamd broke off") from error

    def _end(self) -> None:
        assert self._connection is not None
        self._send(_END)
        try:
            self._connection.settimeout(VERDICT_SECONDS)
            answer = _answer(self._connection)
        except OSError as error:
            raise ScannerAway("clamd gave no answer") from error
        self._judge(answer)
        if answer != "stream: OK":
            raise ScannerAway("clamd could not scan it")
        self._is_clean = True
        self.close()

    def _judge(self, answer: str) -> None:
        if found := _FOUND.fullmatch(answer):
            signature = _NOT_LABEL.sub("_", found[1])[:100]
            if signature.startswith(_EXCEEDED):
                raise TooLargeToScan("clamd's own limits are lower")
            raise MalwareReported(signature)
        if answer.startswith("INSTREAM size limit exceeded"):
            raise TooLargeToScan("raise StreamMaxLength in clamd.conf")


def parse_address(address: str) -> str | tuple[str, int]:
    """The path of a socket, or host and port.

    Raises:
        BadAddress: it is neither.
    """
    if address.startswith("/"):
        return address
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise BadAddress("clamd is an address such as 127.0.0.1:3310, or the path of its socket")
    return host, int(port)


def _answer(connection: socket.socket) -> str:
    """What clamd says, whole; empty where it broke off."""
    answer = b""
    while b"\0" not in answer and len(answer) < MOST_ANSWERED and (more := connection.recv(MOST_ANSWERED)):
        answer += more
    text, ended, _ = answer.partition(b"\0")
    # An answer cut short could lack the word that matters.
    return text.decode("utf-8", "replace").strip() if ended else ""
