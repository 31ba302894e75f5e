"""Sealing into the object store: one pass that seals, hashes and stores, in flat memory."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vault import envelope
from vault.data_key import DataKey
from vault.store import ObjectRef, ObjectStore, Stored


@dataclass(frozen=True, slots=True)
class Sealed:
    """What became of the bytes, and what they were."""

    key: str
    stored: Stored
    plain_size_bytes: int
    plain_sha256: bytes
    """Of the plaintext: keep it only as a commitment or a keyed fingerprint, never openly."""

    @property
    def ref(self) -> ObjectRef:
        """The stored object, as a row names it."""
        return ObjectRef(self.key, self.stored.version, self.stored.size_bytes)


def seal_into(store: ObjectStore, key: str, data_key: DataKey, context: bytes, chunks: Iterable[bytes]) -> Sealed:
    """Seal ``chunks`` under ``data_key`` and ``context`` into the object ``key``.

    What ``chunks`` raises passes through, and nothing is stored.

    Raises:
        KeyTaken: a retry uses a new key.
        StoreUnwritable: the disk is full or read-only.
    """
    plain = _Measured(chunks)
    stored = store.put(key, envelope.seal(data_key.secret, context, plain))
    return Sealed(key, stored, plain.size_bytes, plain.digest.digest())


class _Measured:
    """Passes chunks on and measures them."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.size_bytes = 0
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.digest.update(chunk)
            self.size_bytes += len(chunk)
            yield chunk
