"""The key service on a PKCS#11 token: a hardware security module, or anything that speaks like one.

Each epoch has an AES-256 key of its own in the token, made there, sensitive and never extractable. The
epoch key is what that key makes of fixed words: KDF in counter mode with AES-CMAC as its function
(NIST SP 800-108r1, 4.1). Nothing of it is stored anywhere, so destroying the object in the token ends
the epoch for every copy of everything. The fingerprint key comes from an object made once.

Source: OASIS PKCS #11 3.0; CKM_AES_KEY_GEN and CKM_AES_CMAC are all that is asked of a token.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import NoSuchKey, PinIncorrect, PinLocked, PKCS11Error, UserAlreadyLoggedIn

from core.errors import IntegrityFailure, Unavailable
from vault.keys import EpochKeyGone, EpochTaken, MasterKeyLost

_EPOCH: Final = "muniment-epoch"
_FINGERPRINT: Final = "muniment-fingerprint"
_FINGERPRINT_ID: Final = b"muniment/1 fingerprint"
_BITS: Final = 256
_EMPTY: Final = "the token shows none of its keys: connect the right one, and try again"
_TEMPLATE: Final = {
    Attribute.TOKEN: True,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
    Attribute.VERIFY: False,
    Attribute.ENCRYPT: False,
    Attribute.DECRYPT: False,
    Attribute.WRAP: False,
    Attribute.UNWRAP: False,
}

_T = TypeVar("_T")


class KeyServiceAway(Unavailable):
    """The key service does not answer; nothing can be opened or stored until it does."""

    code = "key_service_away"


class KeyServiceRefuses(Unavailable):
    """The key service does not accept our PIN."""

    code = "key_service_refuses"


class KeyAmbiguous(IntegrityFailure):
    """The token holds two keys of one name."""

    code = "key_service_ambiguous"


class Pkcs11Keys:
    """A ``KeyService`` in one token. One session, used by one thread at a time, opened again where it was lost."""

    def __init__(self, module: Path, token: str, pin: str) -> None:
        """Open the token; ``token`` is its label, ``pin`` the user's.

        Raises:
            KeyServiceAway: the library cannot be loaded, or there is no such token.
            KeyServiceRefuses: the PIN is wrong or locked.
            MasterKeyLost: the token was never established, or lost its keys.
        """
        self._module, self._label, self._pin = module, token, pin
        self._mutex = threading.Lock()
        self._session: Any = None
        if self._derived(_FINGERPRINT, _FINGERPRINT_ID) is None:
            raise MasterKeyLost("bring back the token that this archive was made with")

    def __repr__(self) -> str:
        return f"Pkcs11Keys({self._label!r})"

    @classmethod
    def establish(cls, module: Path, token: str, pin: str, *, has_epochs: bool) -> "Pkcs11Keys":
        """Open the token, or make its first key for a new archive.

        ``has_epochs`` says whether the database names epochs: then a token without keys is the wrong one.

        Raises:
            MasterKeyLost: the archive has epochs, and the token has no key of ours.
            KeyServiceAway, KeyServiceRefuses: as when opening.
        """
        if not has_epochs:
            bare = cls.__new__(cls)
            bare._module, bare._label, bare._pin = module, token, pin
            bare._mutex, bare._session = threading.Lock(), None
            if bare._derived(_FINGERPRINT, _FINGERPRINT_ID) is None:
                bare._with(lambda session: _generate(session, _FINGERPRINT, _FINGERPRINT_ID))
            bare._close()
        return cls(module, token, pin)

    def create(self, epoch: UUID) -> None:
        def make(session: Any) -> None:
            if _find(session, _EPOCH, epoch.bytes) is not None:
                raise EpochTaken(epoch=epoch)
            _generate(session, _EPOCH, epoch.bytes)

        self._with(make)

    def unwrap(self, epoch: UUID) -> bytes:
        found = self._derived(_EPOCH, epoch.bytes)
        if found is not None:
            return found
        # A token that has lost everything is away rather than without this one key.
        if self._derived(_FINGERPRINT, _FINGERPRINT_ID) is None:
            raise self._emptied()
        raise EpochKeyGone("restore the token from its own backup", epoch=epoch)

    def destroy(self, epoch: UUID) -> None:
        def end(session: Any) -> None:
            key = _find(session, _EPOCH, epoch.bytes)
            if key is not None:
                key.destroy()
            elif _find(session, _FINGERPRINT, _FINGERPRINT_ID) is None:
                self._close()
                raise KeyServiceAway(_EMPTY)

        self._with(end)

    def fingerprint_key(self) -> bytes:
        found = self._derived(_FINGERPRINT, _FINGERPRINT_ID)
        if found is None:
            raise self._emptied()
        return found

    def _derived(self, label: str, identity: bytes) -> bytes | None:
        def derive(session: Any) -> bytes | None:
            key = _find(session, label, identity)
            return None if key is None else _kdf(key, label)

        return self._with(derive)

    def _with(self, act: Callable[[Any], _T]) -> _T:
        """Do something in the session; once more in a new one where the old one had been lost."""
        with self._mutex:
            held = self._session is not None
            try:
                return act(self._open())
            except PKCS11Error:
                self._close()
                if not held:
                    raise self._away() from None
            try:
                return act(self._open())
            except PKCS11Error:
                self._close()
                raise self._away() from None

    def _open(self) -> Any:
        if self._session is None:
            try:
                library = pkcs11.lib(str(self._module))
                try:
                    self._session = self._sign_in(library)
                except (PinIncorrect, PinLocked):
                    raise
                except PKCS11Error:
                    # Some libraries look for their tokens only when they begin.
                    library.reinitialize()
                    self._session = self._sign_in(library)
            except (PinIncorrect, PinLocked) as error:
                raise KeyServiceRefuses("check the file with the PIN before the token locks itself") from error
            except (PKCS11Error, RuntimeError, OSError) as error:
                raise self._away() from error
        return self._session

    def _sign_in(self, library: Any) -> Any:
        token = library.get_token(token_label=self._label)
        try:
            return token.open(rw=True, user_pin=self._pin)
        except UserAlreadyLoggedIn:
            # The sign-in is of the whole process; another session of ours has done it.
            return token.open(rw=True)

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(PKCS11Error):
                session.close()

    def _emptied(self) -> KeyServiceAway:
        """A token that was taken away may answer a search with nothing: once it is back, only a new session finds."""
        with self._mutex:
            self._close()
        return KeyServiceAway(_EMPTY)

    def _away(self) -> KeyServiceAway:
        return KeyServiceAway("connect the token and check pkcs11_module and pkcs11_token; then try again")


def _find(session: Any, label: str, identity: bytes) -> Any:
    try:
        return session.get_key(object_class=ObjectClass.SECRET_KEY, label=label, id=identity)
    except NoSuchKey:
        return None
    except pkcs11.MultipleObjectsReturned as error:
        raise KeyAmbiguous("two keys of one name: remove the one that was added by hand") from error


def _generate(session: Any, label: str, identity: bytes) -> None:
    session.generate_key(
        KeyType.AES, _BITS, label=label, id=identity, store=True, template=_TEMPLATE, mechanism=Mechanism.AES_KEY_GEN
    )


def _kdf(key: Any, label: str) -> bytes:
    """32 bytes: ``CMAC(1 || label || 0x00 || 256) || CMAC(2 || label || 0x00 || 256)``, numbers as 4 bytes."""
    fixed = label.encode() + b"\x00" + _BITS.to_bytes(4, "big")
    blocks = [key.sign(n.to_bytes(4, "big") + fixed, mechanism=Mechanism.AES_CMAC) for n in (1, 2)]
    return b"".join(bytes(block) for block in blocks)
