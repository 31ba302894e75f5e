"""The witness's two paths over HTTP: ``POST /add-checkpoint`` and ``GET /<SHA-256 of the origin>/checkpoint``.

The standard library's server: requests are small and few, and an auditor runs it on their
own machine, in front of which they may put any proxy for TLS. It keeps no log of requests.
"""

import logging
import re
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from audit.witness import MAX_REQUEST_BYTES, Refused, Witness

log = logging.getLogger("muniment.witness")

MOST_AT_ONCE = 32
_PATIENCE_SECONDS = 20
_MONITORED = re.compile(r"/([0-9a-f]{64})/checkpoint").fullmatch
_TEXT = "text/plain; charset=utf-8"


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness; each connection has a thread, of which there are few."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        """Binds to ``address``; port 0 takes a free one."""
        self.witness = witness
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, once there is room for it."""
        self._places.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it in its thread, then make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up in between is nobody's concern."""
        log.debug("a connection ended early")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "muniment-witness"
    sys_version = ""
    timeout = _PATIENCE_SECONDS
    server: WitnessServer

    def do_POST(self) -> None:
        if self.path != "/add-checkpoint":
            self.close_connection = True
            self._answer(404, "there is nothing here\n")
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()) or int(length) > MAX_REQUEST_BYTES:
            # What follows is left unread.
            self.close_connection = True
            self._answer(413 if length else 411, "a request says its length, and is short\n")
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return
        try:
            self._answer(200, self.server.witness.add_checkpoint(body))
        except Refused as refused:
            if refused.size is not None:
                self._answer(refused.status, f"{refused.size}\n", kind="text/x.tlog.size")
            else:
                self._answer(refused.status, f"{refused.why}\n")
        except (sqlite3.Error, OSError) as error:
            log.error("the state could not be written", extra={"code": type(error).__name__})
            self._answer(503, "the witness cannot write its state\n")

    def do_GET(self) -> None:
        match = _MONITORED(self.path)
        try:
            note = self.server.witness.checkpoint_of(match[1]) if match else None
        except (sqlite3.Error, OSError):
            self._answer(503, "the witness cannot read its state\n")
            return
        if note is None:
            self._answer(404, "this witness has seen no such log\n")
        else:
            self._answer(200, note)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
        """Say nothing: the state file holds what there is to know."""

    def _answer(self, status: int, text: str, *, kind: str = _TEXT) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
