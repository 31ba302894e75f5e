"""The recorder: the one process that appends for all processes of an installation.

A process that computes lets others wait for its interpreter, and an append asks for it a dozen
times while it holds the log. The recorder does nothing but append: it takes what has arrived from
all callers, commits it as one transaction, and answers. ``serve`` is its side, ``Recorder`` the
side of the callers. It holds no state: where it is missing, dies or refuses, a caller
appends by itself, leaving out what stands in the log already (the id of an event is unique).

A message is its length (4 bytes, big-endian) and that many bytes. A request is lines of JSON: the
openings as ``[event id, field, nonce, sealed value]`` (hex but for the field), then each draft. The answer
is ``>Q32s`` (position, leaf hash) of each draft, or nothing where the log did not take them.
The socket is for the owner's eyes only, and what passes it is kept nowhere else than in the log.
"""

import ctypes
import json
import logging
import os
import selectors
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from audit.appender import Appender, Entry
from audit.committer import Committer
from audit.draft import Draft
from audit.entries import Receipt
from audit.opening import SealedOpening

log = logging.getLogger("muniment.recorder")

MAX_MESSAGE = 1_048_576
"""Bytes; a caller with more to say appends by itself."""
PATIENCE_SECONDS = 5
"""How long a caller waits for an answer before it appends by itself."""
_LENGTH = struct.Struct(">I")
_RECEIPT = struct.Struct(">Q32s")
_TIMEOUT = struct.pack("ll", PATIENCE_SECONDS, 0)
_AT_ONCE = 65_536
_SHORT = 16_384
# PyDLL keeps the interpreter during the call; on an error, which -1 says, the ordinary way finds it again.
_LIBRARY = ctypes.PyDLL(None)
_LIBRARY.send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_LIBRARY.send.restype = ctypes.c_ssize_t
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
_MANY = 8
"""Callers in one transaction from which on a thread waits for its end."""
_Asked = list[tuple[socket.socket, Entry]]
_MAX_PATH = 100
"""Bytes of a socket's path: the kernel takes 108, others 104."""


class Recorder:
    """How a process reaches the recorder: a connection for each thread that waits. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """``path`` is the socket; whether anybody listens there is seen at each ``append``."""
        self._path = path
        self._idle: list[socket.socket] = []

    def append(self, drafts: Sequence[Draft], openings: Sequence[SealedOpening]) -> list[Receipt] | None:
        """Have drafts appended; they are durable when their receipts are returned.

        ``None``: nobody listens, or it is not known whether the log took them.
        """
        message = _pack(_request(drafts, openings))
        if len(message) > MAX_MESSAGE or not drafts:
            return None
        try:
            connection = self._connection()
        except OSError:
            return None
        try:
            _send(connection, message)
            answer = _receive(connection)
        except OSError:
            connection.close()
            # The others are of the same process, which has probably ended.
            self.close()
            return None
        self._idle.append(connection)
        if len(answer) != len(drafts) * _RECEIPT.size:
            return None
        return [Receipt(*fields) for fields in _RECEIPT.iter_unpack(answer)]

    def close(self) -> None:
        """Close the connections that nobody uses at this moment."""
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()

    def _connection(self) -> socket.socket:
        with suppress(IndexError):
            return self._idle.pop()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # The kernel's own timeouts: those of Python would be one more call, and one more wait, each time.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEOUT)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEOUT)
            with _address(self._path) as address:
                connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection


def listen(path: Path) -> socket.socket:
    """The socket that callers find at ``path``, for this user alone.

    Raises:
        OSError: it cannot be made there.
    """
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            with _address(path) as address:
                listening.bind(address)
        finally:
            os.umask(before)
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def serve(listening: socket.socket, appender: Appender, *, until: int) -> None:
    """Append what callers send, all that waits in one transaction, until the descriptor ``until`` can be read.

    Where many ask at once, a thread waits for the disk while the next callers' requests are read and prepared
    here; where few do, handing over would take longer than it spares.
    """
    with selectors.DefaultSelector() as ready, closing(Committer()) as committer:
        for waited in (until, listening, committer.ended):
            ready.register(waited, selectors.EVENT_READ)
        asked: _Asked = []
        under_way: _Asked = []
        while True:
            goes_on, is_over = True, False
            for key, _ in ready.select():
                goes_on &= key.fileobj != until
                is_over |= key.fileobj == committer.ended
                if key.fileobj is listening:
                    _accept(ready, listening)
                elif isinstance(key.fileobj, socket.socket):
                    asked += _take(ready, key.fileobj, key.data, appender)
            if under_way and (is_over or not goes_on):
                _tell(under_way, committer.take(), appender)
                under_way = []
            if not goes_on:
                return
            if asked and not under_way:
                if len(asked) < _MANY:
                    _answer(asked, appender)
                elif _begin(asked, appender, committer):
                    under_way = asked
                asked = []


def _accept(ready: selectors.BaseSelector, listening: socket.socket) -> None:
    # All there are; then it would have to wait, which is an error of the kind as well.
    with suppress(OSError):
        while True:
            caller, _ = listening.accept()
            caller.setblocking(False)
            ready.register(caller, selectors.EVENT_READ, bytearray())


def _take(ready: selectors.BaseSelector, caller: socket.socket, received: bytearray, appender: Appender) -> _Asked:
    """What a caller asked, serialised as far as it can be, once all of it is here."""
    try:
        entry = _next(caller, received)
        return [] if entry is None else [(caller, appender.prepare(entry))]
    except Exception:  # It has gone, or what it says is no request.
        ready.unregister(caller)
        caller.close()
        return []


def _begin(asked: _Asked, appender: Appender, committer: Committer) -> bool:
    """Write what was asked and have it committed; ``False`` where that failed and all were answered one by one."""
    try:
        begun = appender.begin([entry for _, entry in asked])
    except Exception:
        _one_by_one(asked, appender)
        return False
    committer.give(begun)
    return True


def _next(caller: socket.socket, received: bytearray) -> Entry | None:
    """The request of which the last bytes have arrived; ``None`` before that. An error where there will be none."""
    try:
        data = caller.recv(_AT_ONCE)
    except BlockingIOError:
        return None
    if not data:
        raise ConnectionResetError
    received += data
    if len(received) < _LENGTH.size:
        return None
    end = _LENGTH.size + _LENGTH.unpack_from(received)[0]
    if end > MAX_MESSAGE or len(received) > end:
        # A caller waits for the answer before it asks again.
        raise ValueError
    if len(received) < end:
        return None
    lines = bytes(received[_LENGTH.size :]).split(b"\n")
    received.clear()
    openings = [
        SealedOpening(bytes.fromhex(event_id), field, bytes.fromhex(nonce), bytes.fromhex(value))
        for event_id, field, nonce, value in json.loads(lines[0])
    ]
    return Entry([Draft.from_bytes(line) for line in lines[1:]], openings)


def _answer(asked: _Asked, appender: Appender) -> None:
    try:
        told = appender.commit([entry for _, entry in asked])
    except Exception as error:
        if len(asked) > 1:
            _one_by_one(asked, appender)
            return
        log.warning("the log took no entry from a caller", extra={"code": type(error).__name__})
        told = [[]]
    _tell(asked, told, appender)


def _one_by_one(asked: _Asked, appender: Appender) -> None:
    """One of them may be at fault, such as one whose caller has appended it by itself."""
    for one in asked:
        _answer([one], appender)


def _tell(asked: _Asked, told: Sequence[Sequence[Receipt]] | None, appender: Appender) -> None:
    """Send the receipts; where the log took nothing, try each caller's by itself."""
    if told is None:
        _one_by_one(asked, appender)
        return
    for (caller, _), receipts in zip(asked, told, strict=True):
        # Whoever has gone meanwhile is noticed at the next reading.
        with suppress(OSError):
            caller.sendall(_pack(b"".join(_RECEIPT.pack(*receipt) for receipt in receipts)))


def _request(drafts: Sequence[Draft], openings: Sequence[SealedOpening]) -> bytes:
    opened = [(item.event_id.hex(), item.field, item.nonce.hex(), item.sealed.hex()) for item in openings]
    return b"\n".join([json.dumps(opened).encode(), *(item.to_bytes() for item in drafts)])


def _send(connection: socket.socket, message: bytes) -> None:
    """Send a request, without letting other threads in where the kernel takes it at once.

    Every call into the kernel hands the interpreter to whoever wants it, and getting it back takes as
    long as they like. A short message fits into the socket's buffer, so nobody would have waited for long.
    """
    sent = 0
    if len(message) <= _SHORT:
        sent = max(0, _LIBRARY.send(connection.fileno(), message, len(message), socket.MSG_DONTWAIT | _NO_SIGNAL))
    if sent < len(message):
        connection.sendall(message[sent:])


def _pack(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


def _receive(connection: socket.socket) -> bytes:
    data = bytearray()
    while len(data) < _LENGTH.size or len(data) < _LENGTH.size + _LENGTH.unpack_from(data)[0]:
        part = connection.recv(_AT_ONCE)
        if not part:
            raise ConnectionResetError
        data += part
    return bytes(data[_LENGTH.size :])


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """A path to the socket that is short enough for the kernel, wherever the data folder lies."""
    if len(os.fsencode(path)) <= _MAX_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
