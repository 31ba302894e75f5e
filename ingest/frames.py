"""Messages between the extraction child and its parent, over one Unix socket pair.

A frame is two lengths (JSON, 4 bytes; data, 8 bytes; both big-endian), a JSON object and raw
bytes. A descriptor may travel with a request (SCM_RIGHTS). The reader of a frame states the
most it will take, because either side may be broken, and the child may be hostile.
"""

import json
import socket
import struct
from typing import Any

from ingest.extraction import NotAnExtraction

_LENGTHS = struct.Struct(">IQ")
MAX_JSON_BYTES = 256 * 1024 * 1024


def send_frame(channel: socket.socket, header: dict[str, Any], data: bytes = b"", *, descriptor: int = -1) -> None:
    """Send one frame, and ``descriptor`` with it if one is given.

    Raises:
        OSError: the other side is gone.
    """
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    lengths = _LENGTHS.pack(len(encoded), len(data))
    if descriptor >= 0:
        socket.send_fds(channel, [lengths], [descriptor])
        channel.sendall(encoded)
    else:
        channel.sendall(lengths + encoded)
    if data:
        channel.sendall(data)


class FrameReader:
    """Puts frames together from whatever pieces arrive."""

    def __init__(self, max_data_bytes: int) -> None:
        self._buffer = bytearray()
        self._max_data = max_data_bytes

    def feed(self, data: bytes) -> None:
        """Take in what was received."""
        self._buffer += data

    def take(self) -> tuple[dict[str, Any], bytes] | None:
        """The next whole frame, or ``None`` while it is not all there.

        Raises:
            NotAnExtraction: a length is beyond bounds, or the header is not a JSON object.
        """
        if len(self._buffer) < _LENGTHS.size:
            return None
        json_size, data_size = _LENGTHS.unpack_from(self._buffer)
        if json_size > MAX_JSON_BYTES or data_size > self._max_data:
            raise NotAnExtraction("a frame is too long")
        start, end = _LENGTHS.size + json_size, _LENGTHS.size + json_size + data_size
        if len(self._buffer) < end:
            return None
        try:
            header = json.loads(self._buffer[_LENGTHS.size : start].decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise NotAnExtraction("a frame's header is not JSON") from error
        data = bytes(self._buffer[start:end])
        del self._buffer[:end]
        if not isinstance(header, dict):
            raise NotAnExtraction("a frame's header is not an object")
        return header, data


def receive_request(channel: socket.socket) -> tuple[dict[str, Any], bytes, int] | None:
    """The next request and the descriptor that came with it (-1: none); ``None`` when the parent hung up."""
    lengths, descriptors, _, _ = socket.recv_fds(channel, _LENGTHS.size, 1)
    if not lengths:
        return None
    if len(lengths) < _LENGTHS.size:
        lengths += _receive(channel, _LENGTHS.size - len(lengths))
    json_size, data_size = _LENGTHS.unpack(lengths)
    header = json.loads(_receive(channel, json_size).decode("utf-8"))
    return header, _receive(channel, data_size), descriptors[0] if descriptors else -1


def _receive(channel: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = channel.recv(min(size - len(data), 1 << 20))
        if not piece:
            raise ConnectionError("the parent hung up in the middle of a request")
        data += piece
    return bytes(data)
