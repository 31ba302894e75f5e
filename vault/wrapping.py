"""How a data key lies in the database, and how a keyed fingerprint is made. Frozen.

A wrapped key is bound to its subject and its epoch: put into another row it does not open.
"""

import hashlib
import hmac
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import IntegrityFailure
from vault.data_key import DataKey

NONCE_BYTES = 12
WRAPPED_BYTES = 60


class WrappedKeyDamaged(IntegrityFailure):
    """A wrapped key in the database is not what was stored."""

    code = "wrapped_key_damaged"


def wrap(epoch_cipher: AESGCM, key: DataKey, epoch: UUID) -> bytes:
    """``nonce12 || AES-256-GCM(secret)``, bound to subject and epoch: 60 bytes. Frozen."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + epoch_cipher.encrypt(nonce, key.secret, _binding(key.subject, epoch))


def unwrap(epoch_cipher: AESGCM, subject: UUID, epoch: UUID, wrapped: bytes) -> DataKey:
    """The data key in ``wrapped``.

    Raises:
        WrappedKeyDamaged: it was changed, or wrapped for another subject or epoch.
    """
    try:
        if len(wrapped) != WRAPPED_BYTES:
            raise InvalidTag
        secret = epoch_cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _binding(subject, epoch))
    except InvalidTag as error:
        raise WrappedKeyDamaged("restore the database from a backup", subject=subject) from error
    return DataKey(subject, secret)


def fingerprint(key: bytes, purpose: str, value: bytes) -> bytes:
    """``HMAC-SHA-256(key, purpose || 0x00 || value)``, 32 bytes. Frozen."""
    if "\x00" in purpose:
        raise ValueError("a purpose has no NUL: it ends there")
    return hmac.new(key, purpose.encode() + b"\x00" + value, hashlib.sha256).digest()


def _binding(subject: UUID, epoch: UUID) -> bytes:
    return b"muniment/1\x00key\x00" + subject.bytes + epoch.bytes
