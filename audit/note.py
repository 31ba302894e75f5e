"""Signed notes and checkpoints (C2SP signed-note and tlog-checkpoint), with Ed25519.

A note is a text, an empty line, and signature lines:

    — <key name> <base64 of key id (4 bytes) and signature (64 bytes)>

A checkpoint is a note whose text has three lines: origin, tree size, base64 of the root
hash. It carries no time. A verifier key reads ``<name>+<key id, hex>+<base64 of 0x01 and
the public key>``, and key id = first 4 bytes of SHA-256(name || 0x0A || 0x01 || public
key). Imports ``core`` and ``cryptography`` only.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.canonical import MAX_INTEGER
from core.errors import IntegrityFailure, Invalid

ED25519 = b"\x01"
MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
_SIGNATURE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})").fullmatch
_ID = re.compile(r"[0-9a-f]{8}").fullmatch
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}").fullmatch


class NotANote(Invalid):
    """The text is not a signed note, checkpoint or key of this format."""

    code = "audit_note"


class NotSigned(IntegrityFailure):
    """The note does not carry a valid signature of the expected key."""

    code = "audit_signature"


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """A name and the Ed25519 public key that it signs with; what it signs is said by the type of key."""

    name: str
    public: bytes
    type: ClassVar[bytes]

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != 32:
            raise NotANote("an Ed25519 public key has 32 bytes")

    @property
    def id(self) -> bytes:
        """Key id, 4 bytes: tells keys of one name apart and proves nothing."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.type + self.public).digest()[:4]

    def __str__(self) -> str:
        """The key as one line, e.g. ``example.com/log+530d903a+AekyeR…``."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.type + self.public).decode()}"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a key line.

        Raises:
            NotANote: it is not one, its id does not match, or it is a key of another type.
        """
        parts = line.split("+", 2)
        if len(parts) != 3 or not _ID(parts[1]):
            raise NotANote("a verifier key is name+id+key")
        data = decode(parts[2])
        if data[:1] != cls.type:
            raise NotANote(f"the key is not an Ed25519 key of type {cls.type.hex()}")
        key = cls(parts[0], data[1:])
        if key.id.hex() != parts[1]:
            raise NotANote("the key id does not match the key")
        return key


class VerifierKey(Ed25519Key):
    """A key that signs notes."""

    __slots__ = ()
    type = ED25519


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line, not yet verified."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signature lines, not yet verified."""

    text: str
    """Ends with a line feed; these are the signed bytes, in UTF-8."""
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: this root over its first ``size`` entries."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        """The checkpoint's text: three lines, each ended by a line feed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_vkey(line: str) -> VerifierKey:
    """Read a verifier key line.

    Raises:
        NotANote: it is not one, its id does not match, or it is not an Ed25519 key.
    """
    return VerifierKey.parse(line)


def sign(text: str, *keys: tuple[str, Ed25519PrivateKey]) -> str:
    """The note over ``text`` with one signature line for each (name, key)."""
    _check_text(text)
    lines = []
    for name, private in keys:
        key = VerifierKey(name, private.public_key().public_bytes_raw())
        lines.append(f"— {name} {base64.b64encode(key.id + private.sign(text.encode())).decode()}\n")
    return text + "\n" + "".join(lines)


def parse_note(data: str) -> Note:
    """Split a note at its last empty line; verifies nothing.

    Raises:
        NotANote: it is no signed note.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise NotANote("the note is too long")
    _check_text(data)
    text, blank, tail = data.rpartition("\n\n")
    if not blank or not tail:
        raise NotANote("a note has an empty line before its signatures")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NotANote("the note has too many signatures")
    return Note(text + "\n", tuple(map(parse_signature, lines)))


def verify(note: Note, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Those of ``keys`` that signed the note; signatures of unknown keys are passed over.

    Raises:
        NotSigned: a signature of a known key is wrong, or none of the keys signed.
    """
    known = {(key.name, key.id): key for key in keys}
    signers: list[VerifierKey] = []
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None or key in signers:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(line.signature, note.text.encode())
        except InvalidSignature as error:
            raise NotSigned("a signature of the log's key is wrong") from error
        signers.append(key)
    if not signers:
        raise NotSigned("the log's key did not sign this")
    return signers


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's text; a tree of this log never has extension lines.

    Raises:
        NotANote: it is not three lines of origin, size and root.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise NotANote("a checkpoint has three lines")
    check_name(lines[0])
    if not _SIZE(lines[1]) or int(lines[1]) > MAX_INTEGER:
        raise NotANote("the tree size is not a whole number")
    root = decode(lines[2])
    if len(root) != 32:
        raise NotANote("a root hash has 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def open_checkpoint(data: str, keys: Sequence[VerifierKey], *, origin: str) -> Checkpoint:
    """The checkpoint in a note, once origin and signature are verified.

    Raises:
        NotANote: it is no checkpoint, or one of another log.
        NotSigned: see ``verify``.
    """
    note = parse_note(data)
    verify(note, keys)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != origin:
        raise NotANote("the checkpoint is of another log")
    return checkpoint


def parse_signature(line: str) -> Signature:
    """Read one signature line, without its line feed.

    Raises:
        NotANote: it is none.
    """
    match = _SIGNATURE(line)
    if match is None:
        raise NotANote("a signature line is not as the format has it")
    check_name(match[1])
    blob = decode(match[2])
    if len(blob) < 5:
        raise NotANote("a signature is too short")
    return Signature(match[1], blob[:4], blob[4:])


def check_name(name: str) -> None:
    """Refuse what cannot name a key.

    Raises:
        NotANote: it is empty, or has a space or plus sign.
    """
    if not name or "+" in name or any(character.isspace() for character in name):
        raise NotANote("a name is not empty and has no space or plus sign")


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(ord(character) < 0x20 and character != "\n" for character in text):
        raise NotANote("a note is lines of text without control characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotANote("a note is UTF-8") from error


def decode(text: str) -> bytes:
    """The bytes of a base64 text.

    Raises:
        NotANote: it is not base64, or not the one encoding of its bytes.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotANote("not base64") from error
    if base64.b64encode(data).decode() != text:
        raise NotANote("another base64 encoding of the same bytes")
    return data
