"""The recorder: the one process that appends for all processes of an installation.

A process that computes lets others wait for its interpreter, and an append asks for it a dozen
times while it holds the log. The recorder does nothing but append: it takes what has arrived from
all callers, commits it as one transaction, and answers. ``serve`` is its side, ``Recorder`` the
side of the callers. It holds no state: where it is missing, dies or refuses, a caller
appends by itself, leaving out what stands in the log already (the id of an event is unique).

What is asked and answered are messages of ``audit.wire``. A request is lines of JSON: the openings
as ``[event id, field, nonce, sealed value]`` (hex but for the field), then each draft. The answer is ``>Q32s``
(position, leaf hash) of each draft, or nothing where the log did not take them. Requests of one caller are
answered in the order in which they came. The socket is for the owner's eyes only, and what passes it is kept
nowhere else than in the log.
"""

import json
import logging
import os
import selectors
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from audit.appender import Appender, Entry
from audit.committer import Committer
from audit.draft import Draft
from audit.entries import Receipt
from audit.opening import SealedOpening
from audit.wire import AT_ONCE, LENGTH, Wire, pack, stream_socket

log = logging.getLogger("muniment.recorder")

MAX_MESSAGE = 1_048_576
"""Bytes; a caller with more to say appends by itself."""
_RECEIPT = struct.Struct(">Q32s")
_MANY = 8
"""Requests in one transaction from which on a thread waits for its end."""
_Asked = list[tuple[socket.socket, Entry]]
_MAX_PATH = 100
"""Bytes of a socket's path: the kernel takes 108, others 104."""


class Recorder:
    """How a process reaches the recorder: by one connection, which its threads share. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """``path`` is the socket; whether anybody listens there is seen at each ``append``."""
        self._path = path
        self._wire: Wire | None = None
        self._connecting = threading.Lock()

    def append(self, drafts: Sequence[Draft], openings: Sequence[SealedOpening]) -> list[Receipt] | None:
        """Have drafts appended; they are durable when their receipts are returned.

        ``None``: nobody listens, or it is not known whether the log took them.
        """
        message = _request(drafts, openings)
        if LENGTH.size + len(message) > MAX_MESSAGE or not drafts:
            return None
        try:
            wire = self._connected()
        except OSError:
            return None
        answer = wire.ask(message)
        if answer is None:
            self._forget(wire)
            return None
        if len(answer) != len(drafts) * _RECEIPT.size:
            return None
        return [Receipt(*fields) for fields in _RECEIPT.iter_unpack(answer)]

    def close(self) -> None:
        """Ask nothing more on the connection there is; what was asked is answered."""
        wire = self._wire
        if wire is not None:
            self._forget(wire)
            wire.close()

    def _connected(self) -> Wire:
        wire = self._wire
        if wire is None:
            with self._connecting:
                wire = self._wire
                if wire is None:
                    wire = self._wire = self._connect()
        return wire

    def _connect(self) -> Wire:
        connection = stream_socket()
        try:
            with _address(self._path) as address:
                connection.connect(address)
        except OSError:
            connection.close()
            raise
        return Wire(connection)

    def _forget(self, wire: Wire) -> None:
        with self._connecting:
            if self._wire is wire:
                self._wire = None


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
    """What a caller asked, serialised as far as it can be, of which all is here."""
    asked: _Asked = []
    try:
        for entry in _arrived(caller, received):
            asked.append((caller, appender.prepare(entry)))
    except Exception:  # It has gone, or what it says is no request; what it said before that still holds.
        ready.unregister(caller)
        caller.close()
    return asked


def _begin(asked: _Asked, appender: Appender, committer: Committer) -> bool:
    """Write what was asked and have it committed; ``False`` where that failed and all were answered one by one."""
    try:
        begun = appender.begin([entry for _, entry in asked])
    except Exception:
        _one_by_one(asked, appender)
        return False
    committer.give(begun)
    return True


def _arrived(caller: socket.socket, received: bytearray) -> Iterator[Entry]:
    """The requests of which the last bytes have arrived. An error where there will be no more."""
    try:
        data = caller.recv(AT_ONCE)
    except BlockingIOError:
        return
    if not data:
        raise ConnectionResetError
    received += data
    while len(received) >= LENGTH.size:
        end = LENGTH.size + LENGTH.unpack_from(received)[0]
        if end > MAX_MESSAGE:
            raise ValueError
        if len(received) < end:
            return
        lines = bytes(received[LENGTH.size : end]).split(b"\n")
        del received[:end]
        openings = [
            SealedOpening(bytes.fromhex(event_id), field, bytes.fromhex(nonce), bytes.fromhex(value))
            for event_id, field, nonce, value in json.loads(lines[0])
        ]
        yield Entry([Draft.from_bytes(line) for line in lines[1:]], openings)


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
    answers: dict[socket.socket, bytearray] = {}
    for (caller, _), receipts in zip(asked, told, strict=True):
        answer = answers.setdefault(caller, bytearray())
        answer += pack(b"".join(_RECEIPT.pack(*receipt) for receipt in receipts))
    for caller, answer in answers.items():
        try:
            caller.sendall(answer)
        except OSError:
            # It has gone, or takes no answers: half of one must not be followed by the next.
            with suppress(OSError):
                caller.shutdown(socket.SHUT_RDWR)


def _request(drafts: Sequence[Draft], openings: Sequence[SealedOpening]) -> bytes:
    opened = [(item.event_id.hex(), item.field, item.nonce.hex(), item.sealed.hex()) for item in openings]
    return b"\n".join([json.dumps(opened).encode(), *(item.to_bytes() for item in drafts)])


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
