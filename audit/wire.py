"""One connection on which the threads of a process ask, and are answered in the order in which they asked.

Of those who wait one receives for all until it has its own answer, then another one does; the rest are told
one after the other (``audit.turns``). So who asks alone waits for no second thread, and many who ask at
once neither make a call into the kernel each nor all want the interpreter at the same moment.

A message is its length (4 bytes, big-endian) and that many bytes.
"""

import ctypes
import socket
import struct
import threading
from collections import deque
from contextlib import suppress

from audit.turns import Turns

PATIENCE_SECONDS = 5
"""How long somebody waits for an answer."""
LENGTH = struct.Struct(">I")
AT_ONCE = 65_536
_TIMEOUT = struct.pack("ll", PATIENCE_SECONDS, 0)
_SHORT = 16_384
# PyDLL keeps the interpreter during the call; on an error, which -1 says, the ordinary way finds it again.
_LIBRARY = ctypes.PyDLL(None)
_LIBRARY.send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_LIBRARY.send.restype = ctypes.c_ssize_t
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)


class Wire:
    """A connected socket of ``stream_socket``, whose owner it becomes. Thread-safe."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        """For all that follows; who receives changes it without, in ways that others may see half."""
        self._unanswered: deque[_Question] = deque()
        self._received = bytearray()
        self._has_receiver = False
        self._is_open = True
        self._turns = Turns()

    def ask(self, message: bytes) -> bytes | None:
        """The answer; ``None`` where none came, of which the reason is not known. Then this wire is no longer used."""
        question = _Question()
        with self._lock:
            if not self._is_open:
                return None
            # In line before it is sent: the answer may come at once.
            self._unanswered.append(question)
            try:
                _send(self._connection, pack(message))
            except OSError:
                self._break()
                return None
            receives, self._has_receiver = not self._has_receiver, True
        if not receives:
            question.wait()
            self._turns.tell_next()
            if question.answer is not None:
                return question.answer
            with self._lock:
                if not question.receives:
                    # The other side has gone, or is silent.
                    self._break()
                    return None
        return self._receive(question)

    def close(self) -> None:
        """Take no more questions, and end once those that were asked are answered."""
        with self._lock:
            self._is_open = False
            if not self._has_receiver:
                self._connection.close()

    def _receive(self, mine: "_Question") -> bytes | None:
        """Receive for all until this question is answered."""
        try:
            while mine.answer is None:
                self._hand_out(self._connection.recv(AT_ONCE), mine)
        except (OSError, IndexError):
            with self._lock:
                self._break()
        except BaseException:
            # It was interrupted: the others ask elsewhere.
            with self._lock:
                self._break()
                self._connection.close()
            raise
        with self._lock:
            if self._unanswered:
                self._unanswered[0].receives = True
                self._unanswered[0].tell()
            else:
                self._has_receiver = False
                if not self._is_open:
                    self._connection.close()
        return mine.answer

    def _hand_out(self, data: bytes, mine: "_Question") -> None:
        if not data:
            raise ConnectionResetError
        received = self._received
        received += data
        while len(received) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(received)[0]
            if len(received) < end:
                break
            question = self._unanswered.popleft()
            question.answer = bytes(received[LENGTH.size : end])
            del received[:end]
            if question is not mine:
                self._turns.add(question)
        self._turns.tell_next()

    def _break(self) -> None:
        """Let nobody wait or ask here any longer. The lock is held."""
        self._is_open = False
        unanswered, self._unanswered = self._unanswered, deque()
        if not self._has_receiver:
            self._connection.close()
            return
        with suppress(OSError):
            # Wakes the one who receives, who closes it.
            self._connection.shutdown(socket.SHUT_RDWR)
        self._turns.tell_all()
        for question in unanswered:
            question.tell()


class _Question:
    """What one thread waits for: an answer, the task of receiving, or the news that there will be neither."""

    __slots__ = ("_told", "answer", "receives")

    def __init__(self) -> None:
        self.answer: bytes | None = None
        self.receives = False
        self._told = threading.Lock()
        self._told.acquire()

    def wait(self) -> None:
        self._told.acquire(timeout=PATIENCE_SECONDS)

    def tell(self) -> None:
        # Twice, where it is to receive and there is nothing to receive any more.
        if self._told.locked():
            self._told.release()


def stream_socket() -> socket.socket:
    """A socket that is patient, but not for ever."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The kernel's own timeouts: those of Python would be one more call, and one more wait, each time.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEOUT)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEOUT)
    return made


def pack(data: bytes) -> bytes:
    """A message that says ``data``."""
    return LENGTH.pack(len(data)) + data


def _send(connection: socket.socket, message: bytes) -> None:
    """Send a message, without letting other threads in where the kernel takes it at once.

    Every call into the kernel hands the interpreter to whoever wants it, and getting it back takes as
    long as they like. A short message fits into the socket's buffer, so nobody would have waited for long.
    """
    sent = 0
    if len(message) <= _SHORT:
        sent = max(0, _LIBRARY.send(connection.fileno(), message, len(message), socket.MSG_DONTWAIT | _NO_SIGNAL))
    if sent < len(message):
        connection.sendall(message[sent:])
