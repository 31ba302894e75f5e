"""The log's signing key at rest: one line in a file that only its owner may read.

The line is ``PRIVATE+KEY+<name>+<key id, hex>+<base64 of 0x01 and the seed>``, the form
that other signed-note tools use. Only the keeper loads it.
"""

import base64
import binascii
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.note import ED25519, VerifierKey
from core.errors import Conflict, Invalid, NotFound

_PREFIX = "PRIVATE+KEY+"


class KeyFileUnfit(Invalid):
    """The log's key file cannot be used."""

    code = "audit_key_file"


class KeyFileMissing(NotFound):
    """The log's key file is missing."""

    code = "audit_key_missing"


class KeyFileExists(Conflict):
    """There is a key file already."""

    code = "audit_key_exists"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The origin and the private key that signs for it."""

    origin: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        """What others verify with."""
        return VerifierKey(self.origin, self.private.public_key().public_bytes_raw())


def create_key(path: Path, origin: str) -> SigningKey:
    """Make a key and store it, durably, before it signs anything.

    Raises:
        KeyFileExists: a key is never overwritten.
    """
    key = SigningKey(origin, Ed25519PrivateKey.generate())
    seed = base64.b64encode(ED25519 + key.private.private_bytes_raw()).decode()
    line = f"{_PREFIX}{origin}+{key.verifier.id.hex()}+{seed}\n"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise KeyFileExists("a key of the log is never overwritten") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(line)
        file.flush()
        os.fsync(descriptor)
    sync_folder(path.parent)
    return key


def load_key(path: Path) -> SigningKey:
    """The stored key.

    Raises:
        KeyFileMissing: there is none.
        KeyFileUnfit: it is not a key of this form, or others than its owner may read it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise KeyFileMissing("restore the log's key, or declare that it was lost") from error
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise KeyFileUnfit("take the key file's rights from group and others: chmod 600")
        return _parse(file.read(4096))


def sync_folder(folder: Path) -> None:
    """Make a file's creation or renaming in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(data: bytes) -> SigningKey:
    try:
        line = data.decode("ascii").removesuffix("\n")
        name, key_id, seed = line.removeprefix(_PREFIX).split("+", 2)
        blob = base64.b64decode(seed, validate=True)
    except (ValueError, binascii.Error) as error:
        raise KeyFileUnfit("it does not hold a key of this form") from error
    if not line.startswith(_PREFIX) or blob[:1] != ED25519 or len(blob) != 33:
        raise KeyFileUnfit("it does not hold a key of this form")
    key = SigningKey(name, Ed25519PrivateKey.from_private_bytes(blob[1:]))
    if key.verifier.id.hex() != key_id:
        raise KeyFileUnfit("its key id does not match its key")
    return key
