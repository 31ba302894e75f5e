"""The object store: a port for write-once bytes under keys chosen by the caller.

Objects are ciphertext. ``originals/`` holds what was captured, ``derived/`` what can be made
again from it. Bytes are durable before ``put`` returns, so that a row may name them; a row
lets go, committed, before its bytes are deleted.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from core.errors import Conflict, IntegrityFailure, Invalid, Unavailable

ORIGINALS, DERIVED = "originals", "derived"
_KEY = re.compile(rf"(?:{ORIGINALS}|{DERIVED})/([0-9a-f]{{2}})/\1[0-9a-f]{{30}}\Z")


class ObjectMissing(IntegrityFailure):
    """A stored object is not where it should be."""

    code = "object_missing"


class KeyTaken(Conflict):
    """An object with this key exists already."""

    code = "object_key_taken"


class BadObjectKey(Invalid):
    """This is not a key of an object."""

    code = "object_key_invalid"


class StoreUnwritable(Unavailable):
    """The disk is full or cannot be written; nothing was changed."""

    code = "disk_unwritable"


class StoreUnreadable(Unavailable):
    """The disk did not give back what was asked of it."""

    code = "disk_unreadable"


@dataclass(frozen=True, slots=True)
class Stored:
    """What ``put`` tells; the row that names the object keeps all of it."""

    size_bytes: int
    sha256: bytes
    """Of the stored bytes, which are ciphertext: may stand in the audit log."""
    version: str


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One stored object as a row names it."""

    key: str
    version: str
    size_bytes: int
    """Of the stored bytes."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What the store itself knows of an object."""

    size_bytes: int
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class Listed:
    """One object in a listing."""

    key: str
    version: str
    size_bytes: int
    stored_at: datetime


class ObjectStore(Protocol):
    """Write-once bytes under a key chosen by the caller. Safe to use from many threads."""

    def establish(self) -> None:
        """Make what the store needs, check what is there, clear away what was cut short: once, before it is used."""

    def put(self, key: str, data: Iterable[bytes]) -> Stored:
        """Store all of ``data``, durably, or nothing; tell its size, SHA-256 and version.

        ``data`` is taken piece by piece, in flat memory. Whatever it raises passes through,
        and nothing is stored.

        Raises:
            KeyTaken: the key is taken. A retry uses a new key.
            StoreUnwritable: the disk is full or read-only.
        """

    def get(self, key: str, version: str, *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The stored bytes from ``start`` up to, not including, ``end``, in pieces.

        Fewer where the object ends before. The caller must not conclude that they are
        those once stored: that is for the envelope or ``vault.fixity`` to say.

        Raises:
            ObjectMissing: at the call, not later: there is no such object or version.
        """

    def stat(self, key: str, version: str) -> Stat:
        """Size and age of an object.

        Raises:
            ObjectMissing: there is no such object or version.
        """

    def delete(self, key: str, version: str) -> None:
        """Remove an object for good. Durable on return; no error where it is gone already."""

    def keys(self, prefix: str) -> Iterator[Listed]:
        """Objects whose key starts with ``prefix``, in no order.

        What is put or deleted meanwhile may be listed or not.
        """

    def free_bytes(self) -> int:
        """Bytes that can still be stored, as far as the store knows."""

    def check(self) -> None:
        """Try that the store can take bytes now.

        Raises:
            StoreUnwritable: it cannot.
        """


def new_original_key() -> str:
    """A fresh key for a captured object: ``originals/<2 hex>/<32 hex>``, 128 random bits."""
    return _key(ORIGINALS, secrets.token_hex(16))


def derived_key(version_id: UUID, part: str) -> str:
    """A fresh key for something made from a version: ``derived/<2 hex>/<32 hex>``.

    Another one at every call, since a retry needs a new key, and telling nothing of the
    version. Version and part are mixed in so that two machines woken from one snapshot,
    with the same random state, still name different objects.
    """
    seed = version_id.bytes + part.encode() + b"\x00" + secrets.token_bytes(16)
    return _key(DERIVED, hashlib.sha256(seed).hexdigest()[:32])


def is_key(text: str) -> bool:
    """Whether ``text`` has the form of an object key."""
    return _KEY.match(text) is not None


def check_key(key: str) -> str:
    """``key`` itself, if it has the form of an object key.

    Keys of one form and length are never a prefix of one another, and none leads out of
    the store.

    Raises:
        BadObjectKey: it has another form.
    """
    if not is_key(key):
        raise BadObjectKey("object keys are originals/ or derived/, two and 32 hexadecimal digits")
    return key


def _key(top: str, digits: str) -> str:
    return f"{top}/{digits[:2]}/{digits}"
