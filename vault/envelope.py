"""The envelope: C2SP chunked encryption in its form Cobblestone-256. Frozen.

A sealed stream is ``salt24 || commitment32 || chunks``: AES-256-GCM over 16 KiB of plaintext
each, the last one shorter (it may be empty), which is the proof that nothing was cut off.
``context`` says what the bytes are; under another one they do not open. No plaintext leaves
before its chunk has authenticated. Whole streams go through ``cryptography.cobblestone``,
ranges through our own arithmetic. Source: https://c2sp.org/chunked-encryption and
``docs/envelope.md``.
"""

from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import constant_time, hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from core.errors import IntegrityFailure, Invalid

KEY_BYTES = 32
CHUNK_BYTES = 16 * 1024
TAG_BYTES = 16
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
HEADER_BYTES = 56
_SALT_BYTES = 24
_INFO = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
# Larger pieces leave the processor's cache, and the C library maps fresh pages for each.
_PIECE_BYTES = 512 * 1024

Fetch = Callable[[int, int], Iterable[bytes]]
"""Gives the sealed bytes from a start up to an end."""


class SealBroken(IntegrityFailure):
    """Sealed bytes were changed, cut, exchanged, or belong to another key."""

    code = "seal_broken"


class RangeOutside(Invalid):
    """The range reaches beyond the content."""

    code = "range_outside"


def context(subject: UUID, version: UUID | None, part: str) -> bytes:
    """What sealed bytes are: ``"muniment/1" 0x00 subject16 version16 part``. Frozen.

    ``subject`` is the record (or party, case file, person); ``version`` is all zeros where
    the thing has none. The fixed widths before ``part`` leave one reading only.
    """
    return b"muniment/1\x00" + subject.bytes + (version.bytes if version else bytes(16)) + part.encode()


def seal(key: bytes, context: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The sealed stream of the concatenated ``chunks``, piece by piece, under a fresh salt.

    The last piece comes after ``chunks`` has ended; without it nothing opens.
    """
    sealer = Cobblestone256Encryptor(key, context)
    for chunk in chunks:
        for piece in _pieces(chunk):
            if sealed := sealer.update(piece):
                yield sealed
    yield sealer.finalize()


def open_all(key: bytes, context: bytes, sealed: Iterable[bytes]) -> Iterator[bytes]:
    """The plaintext of a whole sealed stream, in pieces.

    Each piece is authentic when it comes. That nothing is missing at the end is known only
    when the iterator has ended: the caller must not conclude it before.

    Raises:
        SealBroken: a byte was changed, cut, moved or added, or key or context is another.
    """
    opener = Cobblestone256Decryptor(key, context)
    try:
        for chunk in sealed:
            for piece in _pieces(chunk):
                if plain := opener.update(piece):
                    yield plain
        if plain := opener.finalize():
            yield plain
    except InvalidTag as error:
        raise SealBroken("restore the object from a backup") from error


def open_range(key: bytes, context: bytes, fetch: Fetch, sealed_bytes: int, start: int, end: int) -> Iterator[bytes]:
    """The plaintext from ``start`` up to, not including, ``end``; reads only the chunks needed.

    ``sealed_bytes`` is the size of the sealed stream. What comes is authentic and at its place;
    of chunks outside the range nothing may be concluded, save that a range that reaches
    the end has proved where the end is.

    Raises:
        RangeOutside: not ``0 <= start <= end <=`` the plaintext's size.
        SealBroken: as for ``open_all``, within the chunks read.
    """
    size = plain_size(sealed_bytes)
    if not 0 <= start <= end <= size:
        raise RangeOutside(f"the content has {size} bytes", size_bytes=size)
    return _open_range(key, context, fetch, sealed_bytes, start, end)


def _open_range(key: bytes, context: bytes, fetch: Fetch, sealed_bytes: int, start: int, end: int) -> Iterator[bytes]:
    header = b"".join(fetch(0, HEADER_BYTES))
    cipher, base = _unlock(key, context, header)
    size = plain_size(sealed_bytes)
    if start == end < size:
        return
    first = start // CHUNK_BYTES
    # At the end the last chunk is read even if it is empty: it proves that here is the end.
    last = end // CHUNK_BYTES if end == size else (end - 1) // CHUNK_BYTES
    begin = HEADER_BYTES + first * SEALED_CHUNK_BYTES
    stop = min(HEADER_BYTES + (last + 1) * SEALED_CHUNK_BYTES, sealed_bytes)
    for number, sealed in enumerate(_exact_chunks(fetch(begin, stop), stop - begin), start=first):
        try:
            plain = cipher.decrypt((base ^ number).to_bytes(12, "big"), sealed, None)
        except InvalidTag as error:
            raise SealBroken("restore the object from a backup", chunk=number) from error
        at = number * CHUNK_BYTES
        if wanted := plain[max(start - at, 0) : end - at]:
            yield wanted


def seal_bytes(key: bytes, context: bytes, plain: bytes) -> bytes:
    """The sealed stream of a small value."""
    return b"".join(seal(key, context, (plain,)))


def open_bytes(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """The plaintext of a small sealed value, whole and authentic.

    Raises:
        SealBroken: as for ``open_all``.
    """
    return b"".join(open_all(key, context, (sealed,)))


def sealed_size(plain_bytes: int) -> int:
    """Bytes of the sealed stream of that many bytes of plaintext."""
    return HEADER_BYTES + plain_bytes + TAG_BYTES * (plain_bytes // CHUNK_BYTES + 1)


def plain_size(sealed_bytes: int) -> int:
    """Bytes of plaintext in a sealed stream of that size; the stream itself must still prove it.

    Raises:
        SealBroken: no sealed stream has this size, so something was cut off or added.
    """
    full, rest = divmod(sealed_bytes - HEADER_BYTES, SEALED_CHUNK_BYTES)
    if full < 0 or rest < TAG_BYTES:
        raise SealBroken("restore the object from a backup", size_bytes=sealed_bytes)
    return full * CHUNK_BYTES + rest - TAG_BYTES


def _unlock(key: bytes, context: bytes, header: bytes) -> tuple[AESGCM, int]:
    """The chunk cipher and the base nonce, once the commitment has shown that the key is right."""
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    info = _INFO + header[:_SALT_BYTES] + context
    derived = HKDFExpand(hashes.SHA512(), 76, info).derive(key)
    if not constant_time.bytes_eq(derived[44:], header[_SALT_BYTES:]):
        raise SealBroken("restore the object from a backup")
    return AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big")


def _exact_chunks(pieces: Iterable[bytes], total_bytes: int) -> Iterator[bytes]:
    """Cut into sealed chunks what must be exactly ``total_bytes`` long."""
    buffer, left = bytearray(), total_bytes
    for piece in pieces:
        left -= len(piece)
        buffer += piece
        done = 0
        while len(buffer) - done >= SEALED_CHUNK_BYTES:
            yield bytes(buffer[done : done + SEALED_CHUNK_BYTES])
            done += SEALED_CHUNK_BYTES
        del buffer[:done]
    if left != 0:
        raise SealBroken("restore the object from a backup", missing_bytes=left)
    if buffer:
        yield bytes(buffer)


def _pieces(data: bytes) -> Iterator[bytes | memoryview]:
    if len(data) <= _PIECE_BYTES:
        yield data
        return
    view = memoryview(data)
    for start in range(0, len(data), _PIECE_BYTES):
        yield view[start : start + _PIECE_BYTES]
