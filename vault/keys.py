"""The key service: a port that wraps epoch keys, and the key file of the embedded shape.

Epoch keys wrap data keys, and nothing else does. Each lies in a file of its own, wrapped by
the master key, and never in the database: destroying that one file empties every old copy
of the database at once (``docs/envelope.md``). A lost master key is said, never replaced.
"""

import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from core.errors import Conflict, IntegrityFailure, Unavailable
from vault.durable import disk_trouble, make_folder, sync_folder, write_all, write_new

_MASTER = re.compile(rb"muniment-master-key/1 ([0-9a-f]{64})\n\Z")
_EPOCH_MAGIC = b"muniment-epoch-key/1\n"
_NONCE_BYTES = 12


class KeysExposed(Unavailable):
    """The keys can be read by other users of this machine."""

    code = "keys_exposed"


class KeysUnreadable(Unavailable):
    """The keys cannot be read."""

    code = "keys_unreadable"


class MasterKeyLost(IntegrityFailure):
    """The master key is missing or damaged. Without it nothing sealed can be opened."""

    code = "master_key_lost"


class EpochKeyGone(IntegrityFailure):
    """An epoch key is missing or damaged. What it wrapped cannot be opened."""

    code = "epoch_key_gone"


class EpochTaken(Conflict):
    """There is an epoch key of this name already."""

    code = "epoch_taken"


class KeyService(Protocol):
    """Keeps epoch keys, wrapped, and one key for fingerprints. Safe to use from many threads."""

    def create(self, epoch: UUID) -> None:
        """Make a fresh epoch key. Durable on return, so that a row may name it.

        Raises:
            EpochTaken: there is one already.
        """

    def unwrap(self, epoch: UUID) -> bytes:
        """The 32 secret bytes of an epoch key. Hold them for minutes, not longer.

        Raises:
            EpochKeyGone: it was destroyed or lost.
        """

    def destroy(self, epoch: UUID) -> None:
        """End an epoch key for good. Durable on return; no error where it is gone already."""

    def fingerprint_key(self) -> bytes:
        """32 secret bytes for keyed fingerprints; the same for the life of the installation."""


class KeyFile:
    """A ``KeyService`` in a folder: ``master.key`` and ``epochs/<32 hex>.key``."""

    def __init__(self, folder: Path) -> None:
        """Open an existing key folder.

        Raises:
            MasterKeyLost: there is no master key, or it is damaged.
            KeysExposed: others than the owner may read it.
            KeysUnreadable: this process may not read it.
        """
        self._epochs = folder / "epochs"
        master = _read_master(folder)
        self._wrapper = AESGCM(_derive(master, b"muniment/1 epoch wrapping"))
        self._fingerprint_key = _derive(master, b"muniment/1 fingerprint")

    def __repr__(self) -> str:
        return "KeyFile()"

    @classmethod
    def establish(cls, folder: Path, *, has_epochs: bool) -> "KeyFile":
        """Open the key folder, or make it for a new archive.

        ``has_epochs`` says whether the database names epochs (``keyring.has_epochs``): then
        the archive is not new, and a missing master key is a lost one.

        Raises:
            MasterKeyLost: the archive has epochs, and there is no master key.
            KeysExposed, KeysUnreadable: as when opening.
        """
        master = folder / "master.key"
        if not has_epochs and not master.exists() and not any(folder.glob("epochs/*.key")):
            with disk_trouble():
                make_folder(folder / "epochs")
                # Of two processes that start at once one wins, and both read the winner's.
                write_new(master, b"muniment-master-key/1 " + secrets.token_hex(32).encode() + b"\n", mode=0o600)
        return cls(folder)

    def create(self, epoch: UUID) -> None:
        nonce = os.urandom(_NONCE_BYTES)
        wrapped = self._wrapper.encrypt(nonce, secrets.token_bytes(32), _epoch_binding(epoch))
        with disk_trouble():
            if not self._epochs.is_dir():
                make_folder(self._epochs)
            if not write_new(self._path(epoch), _EPOCH_MAGIC + nonce + wrapped, mode=0o600):
                raise EpochTaken(epoch=epoch)

    def unwrap(self, epoch: UUID) -> bytes:
        try:
            data = self._path(epoch).read_bytes()
        except FileNotFoundError as error:
            raise EpochKeyGone("restore the newest copy of the key folder", epoch=epoch) from error
        except OSError as error:
            raise KeysUnreadable("check the rights on the key folder", errno=error.errno) from error
        nonce = data[len(_EPOCH_MAGIC) : len(_EPOCH_MAGIC) + _NONCE_BYTES]
        wrapped = data[len(_EPOCH_MAGIC) + _NONCE_BYTES :]
        try:
            if not data.startswith(_EPOCH_MAGIC) or len(wrapped) != 48:
                raise InvalidTag
            return self._wrapper.decrypt(nonce, wrapped, _epoch_binding(epoch))
        except InvalidTag as error:
            raise EpochKeyGone("restore the newest copy of the key folder", epoch=epoch) from error

    def destroy(self, epoch: UUID) -> None:
        path = self._path(epoch)
        with disk_trouble():
            # Another process may be destroying it too.
            with suppress(FileNotFoundError):
                descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
                try:
                    write_all(descriptor, os.urandom(os.fstat(descriptor).st_size))
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                path.unlink()
            if self._epochs.is_dir():
                # Also where it was gone: whoever removed it may have died before the sync.
                sync_folder(self._epochs)

    def fingerprint_key(self) -> bytes:
        return self._fingerprint_key

    def _path(self, epoch: UUID) -> Path:
        return self._epochs / f"{epoch.hex}.key"


def _read_master(folder: Path) -> bytes:
    path = folder / "master.key"
    try:
        for place in (folder, path):
            mode = stat.S_IMODE(place.stat().st_mode)
            if mode & 0o077:
                raise KeysExposed(f"run: chmod {'700' if place is folder else '600'} on {place.name} of the key folder")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MasterKeyLost("put the saved master.key back into the key folder") from error
    except OSError as error:
        raise KeysUnreadable("check the rights on the key folder", errno=error.errno) from error
    found = _MASTER.match(data)
    if not found:
        raise MasterKeyLost("master.key is damaged; put the saved one back into the key folder")
    return bytes.fromhex(found[1].decode())


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(hashes.SHA512(), 32, purpose).derive(master)


def _epoch_binding(epoch: UUID) -> bytes:
    return b"muniment/1\x00epoch\x00" + epoch.bytes
