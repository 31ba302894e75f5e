"""How the values of openings are sealed at rest.

A commitment's value may be personal (a reason somebody typed, a file name). Beside the
log, and in the intake on its way there, it stands sealed only. The program that puts
Muniment together gives the key; this package never asks where it comes from.
"""

import os
import threading
from collections.abc import MutableMapping
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.database import WriteSession
from core.errors import IntegrityFailure, MunimentError

_NONCE_BYTES = 12


class OpeningSeal(Protocol):
    """Seals values so that they open only in the place they were sealed for."""

    def seal(self, clear: bytes, context: bytes) -> bytes:
        """``clear`` sealed for ``context``."""

    def unseal(self, sealed: bytes, context: bytes) -> bytes:
        """What was sealed.

        Raises:
            IntegrityFailure: it was altered, or sealed by another key or for another place.
        """


class NotSealable(MunimentError):
    """An event commits to a value and no key was given to seal it. A defect of the program."""

    code = "audit_seal_missing"


class SealBroken(IntegrityFailure):
    """A sealed value was altered, or is of another key."""

    code = "audit_seal_broken"


class KeySeal:
    """AES-256-GCM under one key: a random nonce of 12 bytes, then ciphertext and tag."""

    def __init__(self, key: bytes) -> None:
        """``key`` has 32 bytes."""
        self._cipher = AESGCM(key)

    def seal(self, clear: bytes, context: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, clear, context)

    def unseal(self, sealed: bytes, context: bytes) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("the value cannot be unsealed") from error


def opening_context(event_id: bytes, field: str) -> bytes:
    """The place of one opening: ``muniment/audit/opening`` 0x00, event id (16 bytes), field."""
    return b"muniment/audit/opening\x00" + event_id + field.encode("ascii")


_seals: MutableMapping[Any, OpeningSeal] = WeakKeyDictionary()
_lock = threading.Lock()


def seal_openings(session: WriteSession, seal: OpeningSeal) -> None:
    """From now on, seal by ``seal`` what is committed to through this session's database.

    Called once when a process starts; it lasts as long as the database is open.
    """
    with _lock:
        _seals[session.get_bind()] = seal


def seal_for(session: WriteSession) -> OpeningSeal:
    """The seal given for this session's database.

    Raises:
        NotSealable: none was given.
    """
    with _lock:
        seal = _seals.get(session.get_bind())
    if seal is None:
        raise NotSealable("call audit.seal_openings when the process starts")
    return seal
