"""Changing the log's key: an entry names the next key, and the first checkpoint over it is signed by both.

Beside the key file lie ``.next``, a key that is to come, and ``.old``, the one before. Each step can be cut
short and is taken up again:

1. the next key is made, durable, as ``.next``;
2. the entry ``log.key_changed`` is appended;
3. the first checkpoint over it is signed by the new key and, unless that was lost, the one before;
4. the file becomes ``.old``, ``.next`` becomes the file.

For 30 days from then on both sign, so that whoever pins the key before has time to pin the new one; then
``.old`` is removed. Which key is in force is what the entries say, never what the files are called.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from audit.entries import AuditHead, AuditLeaf, AuditTrail
from audit.keyfile import KeyFileMissing, SigningKey, create_key, load_key, sync_folder
from audit.leaf import parse
from audit.note import VerifierKey, parse_vkey
from core.clock import from_us
from core.database import ReadSession
from core.errors import Conflict

log = logging.getLogger("muniment.log_key")

OVERLAP = timedelta(days=30)


class RotationUnderWay(Conflict):
    """The log's key is being changed already."""

    code = "audit_key_changing"


class KeyNotLost(Conflict):
    """The log's key is there, so it is not lost."""

    code = "audit_key_not_lost"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """From this entry on the log signs with this key."""

    position: int
    vkey: str
    lost: bool
    """Whether the key before was lost."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Signatures:
    """Whose signatures a checkpoint bears."""

    required: tuple[str, ...]
    """Verifier keys, the one in force first."""
    welcome: tuple[str, ...]
    """The one before, during the overlap, where its private key is still here."""


def history(session: ReadSession, size: int) -> list[KeyChange]:
    """The keys that were ever in force among the first ``size`` entries, in order; none of an empty log."""
    if size == 0:
        return []
    changed = select(AuditTrail.seq).where(AuditTrail.topic == "action", AuditTrail.key == b"log.key_changed")
    rows = session.scalars(
        select(AuditLeaf.entry)
        .where((AuditLeaf.seq == 0) | AuditLeaf.seq.in_(changed), AuditLeaf.seq < size)
        .order_by(AuditLeaf.seq)
    )
    found = []
    for leaf in map(parse, rows):
        if leaf.body["action"] in ("log.started", "log.key_changed"):
            details = leaf.body["d"]
            at = from_us(leaf.appended_us)
            found.append(KeyChange(leaf.sequence, details["vkey"], bool(details.get("lost", False)), at))
    return found


def signatures(changes: Sequence[KeyChange], covered: int, *, at: datetime) -> Signatures:
    """Who signs the next checkpoint, where the last one covered the first ``covered`` entries.

    ``changes`` are those under the next checkpoint, as ``history`` tells them.
    """
    force = changes[-1]
    required, welcome = [force.vkey], list[str]()
    fresh = [n for n, change in enumerate(changes) if n and change.position >= covered and not change.lost]
    if fresh:
        required.append(changes[fresh[0] - 1].vkey)
    elif len(changes) > 1 and not force.lost and at - force.at < OVERLAP:
        welcome.append(changes[-2].vkey)
    return Signatures(tuple(dict.fromkeys(required)), tuple(key for key in welcome if key not in required))


def trusted(session: ReadSession, keys: "LogKeys") -> list[VerifierKey]:
    """The keys that must have signed the last checkpoint: those at hand, and one whose loss was declared here.

    So that a log whose rows name another key than ours is not taken for ours.
    """
    found = keys.verifiers
    if keys.is_declared_lost:
        head = session.get(AuditHead, 1)
        changes = history(session, 0 if head is None else head.size)
        found += [parse_vkey(change.vkey) for change in changes[-2:]]
    return list(dict.fromkeys(found))


class LogKeys:
    """The private keys at hand. Only the keeper, and who starts it, holds them."""

    def __init__(self, path: Path | None, keys: Sequence[SigningKey] = ()) -> None:
        """Those in and beside the file ``path``; or just ``keys``.

        Raises:
            KeyFileMissing: there is none.
            KeyFileUnfit: one of them cannot be used.
        """
        self._path = path
        self._keys = list(keys)
        if path is not None:
            self._read()

    @property
    def origin(self) -> str:
        """What the keys are named after."""
        return self._keys[0].origin

    @property
    def verifiers(self) -> list[VerifierKey]:
        """What others verify with."""
        return [key.verifier for key in self._keys]

    @property
    def is_declared_lost(self) -> bool:
        """Whether there is a key that is to come, and none that it follows."""
        return self._path is not None and not self._path.exists() and next_of(self._path).exists()

    def find(self, vkey: str) -> SigningKey | None:
        """The private key of a verifier key; files that came meanwhile are read."""
        for again in (False, True):
            if again and self._path is not None:
                self._read()
            for key in self._keys:
                if str(key.verifier) == vkey:
                    return key
        return None

    def get(self, vkey: str) -> SigningKey:
        """The private key of a verifier key.

        Raises:
            KeyFileMissing: it is not here.
        """
        key = self.find(vkey)
        if key is None:
            raise KeyFileMissing("restore the log's key, or declare that it was lost: muniment audit rotate-key --lost")
        return key

    def settle(self, changes: Sequence[KeyChange], *, at: datetime) -> None:
        """Put the files where they belong, once a checkpoint over all ``changes`` is durable.

        Where the folder cannot be written they stay: the keys are found all the same.
        """
        if self._path is None or len(changes) < 2:
            return
        try:
            self._move(self._path, changes[-1], at)
        except OSError as error:
            log.error("the key files stay where they are", extra={"code": type(error).__name__})

    def _move(self, path: Path, force: KeyChange, at: datetime) -> None:
        upcoming, old = next_of(path), old_of(path)
        if upcoming.exists() and str(load_key(upcoming).verifier) == force.vkey:
            if path.exists():
                path.replace(old)
                sync_folder(path.parent)
            upcoming.replace(path)
            sync_folder(path.parent)
            log.info("the log signs with another key")
            self._read()
        if at - force.at >= OVERLAP and old.exists() and path.exists():
            old.unlink()
            sync_folder(path.parent)
            self._read()

    def _read(self) -> None:
        path = self._path
        if path is None:
            return
        files = [each for each in (path, next_of(path), old_of(path)) if each.exists()]
        if not files:
            raise KeyFileMissing("restore the log's key, or declare that it was lost: muniment audit rotate-key --lost")
        self._keys = [load_key(each) for each in files]


def begin(path: Path, origin: str, in_force: str, *, lost: bool) -> SigningKey:
    """The key that is to come, durable in its file; one made by an attempt that was cut short is taken up.

    Raises:
        RotationUnderWay: the change before this one has not been signed yet.
        KeyFileMissing: the key in force is not here, and is not said to be lost.
        KeyNotLost: it is said to be, and is here.
    """
    upcoming = next_of(path)
    made = load_key(upcoming) if upcoming.exists() else None
    if made is not None and str(made.verifier) == in_force:
        raise RotationUnderWay("wait for the next checkpoint")
    is_here = path.exists() and str(load_key(path).verifier) == in_force
    if lost and is_here:
        raise KeyNotLost("leave out --lost")
    if not lost and not is_here:
        raise KeyFileMissing("restore the log's key, or say that it is --lost")
    return made or create_key(upcoming, origin)


def next_of(path: Path) -> Path:
    """Where the key lies that is to come."""
    return path.with_name(path.name + ".next")


def old_of(path: Path) -> Path:
    """Where the key lies that was in force before."""
    return path.with_name(path.name + ".old")
