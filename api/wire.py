"""HTTP/1.1 on the wire: uvicorn's protocol over llhttp, with larger reads and limits of its own.

A large body comes in few pieces, and so takes few turns of the event loop and of the interpreter.
llhttp itself bounds nothing that is not body. Here a request's head has at most 64 KiB, and so has
whatever else comes without body (trailers, chunk extensions); few requests may wait behind one
another on a connection. What breaks a rule is answered with 400, and the connection closed.
"""

import asyncio
import threading

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

READ_BYTES = 512 * 1024
"""Taken from a connection at once, if it is there."""
WAITING_BYTES = 512 * 1024
"""Of a body may wait to be taken before no more is read."""
MOST_HEAD_BYTES = 64 * 1024
MOST_PIPELINED = 16


class BadRequestHead(Exception):
    """A head that is refused although it can be parsed."""


class _Scratch(threading.local):
    """What a thread's event loop reads into; emptied before it reads again."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(READ_BYTES))


_scratch = _Scratch()


class Wire(HttpToolsProtocol, asyncio.BufferedProtocol):
    """One connection."""

    _in_head = False
    _went_on = False
    """Whether the bytes just read ended a head or a message, or brought some body."""
    _idle_bytes = 0
    """Read since that was so."""

    def get_buffer(self, sizehint: int) -> memoryview:
        return _scratch.view

    def buffer_updated(self, nbytes: int) -> None:
        self._went_on = False
        self.data_received(_scratch.view[:nbytes])  # type: ignore[arg-type]
        self._idle_bytes = 0 if self._went_on else self._idle_bytes + nbytes
        if self._idle_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Invalid HTTP request received.")

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            # In the middle of an answer there is no place for another one.
            self.transport.abort()
        else:
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # The head of a request is known when its body begins: trailers add nothing to it.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._went_on = False, True
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        hosts = sum(name == b"host" for name, _ in self.headers)
        if size > MOST_HEAD_BYTES or hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise BadRequestHead
        if len(self.pipeline) >= MOST_PIPELINED:
            raise BadRequestHead
        super().on_headers_complete()
        if self.parser.should_upgrade():
            # We go on in HTTP/1.1; the parser takes no more after this request.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._went_on = True
        cycle = self.cycle
        if cycle.response_complete:
            return
        if not cycle.body:
            # Taken as it is, it need not be copied twice.
            cycle.body = body  # type: ignore[assignment]
        else:
            if isinstance(cycle.body, bytes):
                cycle.body = bytearray(cycle.body)
            cycle.body += body
        if len(cycle.body) >= WAITING_BYTES:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._went_on = True
        super().on_message_complete()
