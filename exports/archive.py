"""A zip file written as it is read: nothing of it is kept but the digests of each file."""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import IO, cast

_PIECE_BYTES = 256 * 1024


class _Pipe:
    """What the zip library writes into; it can tell no position, so nothing is ever put right behind it."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits below."""

    def take(self, least: int = 1) -> bytes:
        """What was written since, if it is that much."""
        if len(self._waiting) < least:
            return b""
        data = bytes(self._waiting)
        self._waiting.clear()
        return data


class Archive:
    """One zip file. Each method gives bytes of it to send on; they may be none yet."""

    def __init__(self, made_at: datetime, also: Iterable[str] = ()) -> None:
        """``also``: digests of each file beside its SHA-256, by the names that ``hashlib`` has for them."""
        self._at = made_at.astimezone(UTC)
        self._pipe = _Pipe()
        self._zip = zipfile.ZipFile(cast(IO[bytes], self._pipe), "w", zipfile.ZIP_DEFLATED)
        self.digests: dict[str, str] = {}
        """SHA-256 of each file so far, in hex, by path."""
        self.all_digests: Mapping[str, dict[str, str]] = {"sha256": self.digests, **{name: {} for name in also}}
        """The same for each digest that was asked for, by its name."""
        self.sizes: dict[str, int] = {}
        """Bytes of each file so far, by path."""

    def put(self, path: str, data: bytes) -> bytes:
        """Add a file."""
        for name, known in self.all_digests.items():
            known[path] = hashlib.new(name, data).hexdigest()
        self.sizes[path] = len(data)
        self._zip.writestr(self._member(path), data)
        return self._pipe.take(_PIECE_BYTES)

    def stream(self, path: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Add a file of any length."""
        digests = {name: hashlib.new(name) for name in self.all_digests}
        size = 0
        with self._zip.open(self._member(path), "w", force_zip64=True) as file:
            for piece in pieces:
                for digest in digests.values():
                    digest.update(piece)
                size += len(piece)
                file.write(piece)
                yield self._pipe.take(_PIECE_BYTES)
        self.sizes[path] = size
        for name, digest in digests.items():
            self.all_digests[name][path] = digest.hexdigest()

    def close(self) -> bytes:
        """The end of it."""
        self._zip.close()
        return self._pipe.take()

    def _member(self, path: str) -> zipfile.ZipInfo:
        member = zipfile.ZipInfo(path, self._at.timetuple()[:6])
        member.compress_type = zipfile.ZIP_DEFLATED
        member.external_attr = 0o100644 << 16
        return member
