"""A TCP proxy that makes a server slow, mute or absent for those who go through it, and for nobody else.

Each direction of a connection has a reader and a writer with a queue between them, so a delay
shifts the bytes in time but does not thin the stream. Nothing is looked into or changed.
"""

import queue
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Self

from .places import LOOPBACK, free_port

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for a close that is a reset."""


class Proxy:
    """Forwards a port of 127.0.0.1 to a server. All switches act at once, on connections that are open too."""

    def __init__(self, port: int, host: str = LOOPBACK) -> None:
        """Forward to ``port`` of ``host``; the proxy's own port is :attr:`port`."""
        self.port = free_port()
        self._target = (host, port)
        self._to_server_seconds = 0.0
        self._to_client_seconds = 0.0
        self._swallowing = False
        self._guard = threading.Lock()
        self._listening: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self.accept()

    def delay(self, milliseconds: float, *, back: float | None = None) -> None:
        """Hold all bytes back that long on the way to the server, and ``back`` (default: as long) on the way back."""
        self._to_server_seconds = milliseconds / 1000
        self._to_client_seconds = (milliseconds if back is None else back) / 1000

    def swallow(self) -> None:
        """Take everything and pass nothing on, in both directions: the peer seems to think."""
        self._swallowing = True

    def refuse(self) -> None:
        """Refuse new connections ("connection refused"). Open ones stay; see :meth:`cut`."""
        with self._guard:
            listening, self._listening = self._listening, None
        if listening:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept()
            listening.close()

    def cut(self) -> None:
        """Reset all open connections."""
        with self._guard:
            doomed, self._open = self._open, set()
        for end in doomed:
            _reset(end)

    def accept(self) -> None:
        """Take connections (again), on the same port as before."""
        with self._guard:
            if self._listening is None:
                self._listening = socket.create_server((LOOPBACK, self.port), backlog=128)
                threading.Thread(target=self._serve, args=(self._listening,), daemon=True).start()

    def restore(self) -> None:
        """Undo every switch. What was swallowed stays lost, so its connections are cut."""
        if self._swallowing:
            self.cut()
        self._swallowing = False
        self.delay(0)
        self.accept()

    def close(self) -> None:
        """End it for good."""
        self.refuse()
        self.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=10)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._guard:
            self._open |= {client, server}
        back = threading.Thread(target=self._forward, args=(server, client, False), daemon=True)
        back.start()
        self._forward(client, server, True)
        back.join()
        with self._guard:
            self._open -= {client, server}
        client.close()
        server.close()

    def _forward(self, source: socket.socket, target: socket.socket, to_server: bool) -> None:
        waiting: queue.Queue[tuple[float, bytes]] = queue.Queue(maxsize=1000)
        writer = threading.Thread(target=self._write, args=(waiting, source, target, to_server), daemon=True)
        writer.start()
        content = b"-"
        while content:
            try:
                content = source.recv(65536)
            except OSError:
                content = b""
            if not self._swallowing or not content:
                waiting.put((time.monotonic(), content))
        writer.join()

    def _write(
        self, waiting: "queue.Queue[tuple[float, bytes]]", source: socket.socket, target: socket.socket, to_server: bool
    ) -> None:
        """Pass on what waits, each when its time has come; the empty piece is the end of the stream."""
        broken = False
        while True:
            came_at, content = waiting.get()
            seconds = self._to_server_seconds if to_server else self._to_client_seconds
            time.sleep(max(0.0, came_at + seconds - time.monotonic()))
            try:
                if not content and target in self._open:  # after a cut, the reset is all that is to be seen
                    target.shutdown(socket.SHUT_WR)
                elif not broken:
                    target.sendall(content)
            except OSError:
                broken = True
                with suppress(OSError):
                    source.shutdown(socket.SHUT_RD)
            if not content:
                return


def _reset(end: socket.socket) -> None:
    """Close it with a reset, and wake whoever waits on it."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RD)
    end.close()
