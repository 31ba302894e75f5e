"""Archives: their members become parts, within the limits. Nothing is ever written to a path they name."""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

from ingest import inspect as kinds
from ingest.extraction import Part, Trouble
from ingest.inspect import MIB, Limits
from ingest.readers.base import Document, Found, Stop

_FREE_BYTES = 8 * MIB
_ROLE = "archive_member"


def read(document: Document, limits: Limits) -> Iterator[Found]:
    """The members, in the archive's order.

    Raises:
        Stop: it is damaged or encrypted, or unpacks to more than the limits.
    """
    data = document.data()
    if document.media_type == kinds.ZIP:
        yield from _zip(data, limits)
    elif document.media_type == kinds.TAR:
        yield from _tar(data, limits)
    else:
        yield from _gzip(data, document.name, limits)


def check_expansion(archive: zipfile.ZipFile, packed: int, limits: Limits) -> None:
    """Refuse a ZIP that says it unpacks to more than the limits; a member never gives more than it says.

    Raises:
        Stop: it is a bomb, or far too large.
    """
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > _most(packed, limits):
        raise _too_large(limits)


def _most(packed: int, limits: Limits) -> int:
    """What ``packed`` bytes may unpack to."""
    return min(limits.expansion_bytes, max(_FREE_BYTES, packed * limits.expansion_ratio))


def _too_large(limits: Limits) -> Stop:
    return Stop(
        "expansion_too_large",
        f"Unpacked it is over {limits.expansion_ratio} times its size, or over {limits.expansion_bytes // MIB} MiB.",
    )


def _zip(data: bytes, limits: Limits) -> Iterator[Found]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise Stop("damaged", "The archive's list of members cannot be read.") from None
    with archive:
        check_expansion(archive, len(data), limits)
        damaged = encrypted = 0
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            if entry.flag_bits & 1:
                encrypted += 1
                continue
            try:
                content = archive.read(entry)
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
                damaged += 1
                continue
            yield _member(entry.filename, content)
        if encrypted:
            raise Stop("encrypted", f"{encrypted} of its members open with a password only.")
        if damaged:
            yield Trouble("archive_damaged", f"{damaged} of its members cannot be unpacked.")


def _tar(data: bytes, limits: Limits) -> Iterator[Found]:
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for entry in archive:
                if not entry.isreg():
                    continue  # links and devices have no content of their own
                total += entry.size
                if total > limits.expansion_bytes:
                    raise _too_large(limits)
                file = archive.extractfile(entry)
                if file is not None:
                    yield _member(entry.name, file.read())
    except (tarfile.TarError, EOFError, OSError, ValueError):
        raise Stop("damaged", "The archive is cut off or damaged.") from None


def _gzip(data: bytes, name: str, limits: Limits) -> Iterator[Found]:
    content, whole = _inflate(data, limits)
    if content[257:262] == b"ustar":
        yield from _tar(content, limits)
    elif content:
        stem = name[: -len(".gz")] if name.lower().endswith(".gz") else name
        yield _member(stem, content)
    if not whole:
        raise Stop("damaged", "The archive is cut off or damaged.")


def _inflate(data: bytes, limits: Limits) -> tuple[bytes, bool]:
    """What gzip data unpacks to, as far as it goes, and whether it was whole."""
    most, out = _most(len(data), limits), bytearray()
    while data[:2] == b"\x1f\x8b":
        unpacker = zlib.decompressobj(wbits=31)
        try:
            out += unpacker.decompress(data, most - len(out) + 1)
        except zlib.error:
            return bytes(out), False
        if len(out) > most:
            raise _too_large(limits)
        if not unpacker.eof:
            return bytes(out), False
        data = unpacker.unused_data
    return bytes(out), True


def _member(name: str, content: bytes) -> Part:
    return Part("member", _ROLE, name, "application/octet-stream", content)
