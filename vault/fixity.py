"""Fixity: proof that stored bytes are unchanged, without any key (OAIS, PREMIS)."""

import hashlib

from core.errors import IntegrityFailure
from vault.store import ObjectRef, ObjectStore


class FixityBroken(IntegrityFailure):
    """A stored object is not what was stored."""

    code = "fixity_broken"


def verify(store: ObjectStore, object_ref: ObjectRef, sha256: bytes) -> None:
    """Read the stored bytes again and compare them with the digest taken when they were stored.

    Says nothing about whether they still open: that takes the key.

    Raises:
        FixityBroken: size or digest differ.
        ObjectMissing: there is no such object.
    """
    digest, size = hashlib.sha256(), 0
    for piece in store.get(object_ref.key, object_ref.version):
        digest.update(piece)
        size += len(piece)
    if size != object_ref.size_bytes or digest.digest() != sha256:
        raise FixityBroken("restore it from a backup", key=object_ref.key, size_bytes=size)
