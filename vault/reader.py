"""Plaintext out of the object store. Only ``records.content`` may import this module.

It is the lock of the one door: whoever calls it has written the audit event first. The
import contract in ``pyproject.toml`` keeps everybody else away.
"""

from collections.abc import Iterator

from vault import envelope
from vault.data_key import DataKey
from vault.store import ObjectRef, ObjectStore


def read(store: ObjectStore, object_ref: ObjectRef, data_key: DataKey, context: bytes) -> Iterator[bytes]:
    """The plaintext of a whole object, in pieces, in flat memory.

    Raises:
        ObjectMissing: at the call: it is not in the store.
        SealBroken: while reading: the bytes are not those sealed under this key and context.
    """
    sealed = store.get(object_ref.key, object_ref.version)
    return envelope.open_all(data_key.secret, context, sealed)


def read_range(
    store: ObjectStore, object_ref: ObjectRef, data_key: DataKey, context: bytes, start: int, end: int
) -> Iterator[bytes]:
    """The plaintext from ``start`` up to, not including, ``end``; only the chunks needed are read.

    Raises:
        RangeOutside: at the call: the content is shorter.
        ObjectMissing, SealBroken: while reading.
    """

    def fetch(first: int, last: int) -> Iterator[bytes]:
        return store.get(object_ref.key, object_ref.version, start=first, end=last)

    return envelope.open_range(data_key.secret, context, fetch, object_ref.size_bytes, start, end)
