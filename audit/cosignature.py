"""Cosignatures: a witness says that it saw a checkpoint, when, and that the log had only grown (C2SP tlog-cosignature).

A cosignature is one more signature line of the checkpoint's note, by an Ed25519 key of type 0x04:

    — <witness name> base64(key id (4 bytes) || seconds since 1970 (8 bytes, big-endian) || signature (64 bytes))

    signed bytes = "cosignature/v1\n" "time <seconds>\n" || the checkpoint's text
    key id       = first 4 bytes of SHA-256(name || 0x0A || 0x04 || public key)

Imports ``core``, ``audit.note`` and ``cryptography`` only.
"""

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.note import Ed25519Key, NotSigned, Signature, parse_signature
from core.clock import from_us

COSIGNATURE = b"\x04"
_TIME = struct.Struct(">Q")
_LATEST = 2**63 - 1


class WitnessKey(Ed25519Key):
    """A witness's key, that cosigns."""

    __slots__ = ()
    type = COSIGNATURE


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified statement: at this time the witness had seen the log no further than this checkpoint."""

    key: WitnessKey
    seconds: int
    """By the witness's own clock, since 1970."""
    line: str
    """As it stands in the note, without the line feed."""

    @property
    def at(self) -> datetime:
        """The same time as an instant."""
        return from_us(self.seconds * 1_000_000)


def parse_witness_key(line: str) -> WitnessKey:
    """Read a witness's verifier key line.

    Raises:
        NotANote: it is not one, its id does not match, or it is no Ed25519 key for cosignatures.
    """
    return WitnessKey.parse(line)


def cosign(text: str, name: str, private: Ed25519PrivateKey, *, seconds: int) -> str:
    """The signature line, without its line feed, over a checkpoint's text as of ``seconds`` since 1970."""
    key = WitnessKey(name, private.public_key().public_bytes_raw())
    blob = key.id + _TIME.pack(seconds) + private.sign(_message(text, seconds))
    return f"— {name} {base64.b64encode(blob).decode()}"


def verify_cosignature(text: str, line: Signature, key: WitnessKey) -> int:
    """The witness's time, in seconds since 1970, once ``line`` is known to be its cosignature of ``text``.

    Raises:
        NotSigned: it is not.
    """
    if (line.name, line.key_id, len(line.signature)) != (key.name, key.id, 72):
        raise NotSigned("the cosignature is of another key")
    (seconds,) = _TIME.unpack_from(line.signature)
    if not 0 < seconds <= _LATEST:
        raise NotSigned("the cosignature's time is none")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(line.signature[8:], _message(text, seconds))
    except (InvalidSignature, ValueError) as error:
        raise NotSigned("the cosignature is wrong") from error
    return int(seconds)


def cosignatures_in(text: str, lines: Sequence[str], keys: Sequence[WitnessKey]) -> list[Cosignature]:
    """The valid cosignatures of ``text`` by ``keys`` among signature lines, one of each key at most.

    Lines of other keys are passed over, as are wrong ones: whoever needs a quorum counts what is left.

    Raises:
        NotANote: a line is no signature line.
    """
    found: dict[WitnessKey, Cosignature] = {}
    for line in lines:
        signature = parse_signature(line)
        for key in keys:
            if (key.name, key.id) != (signature.name, signature.key_id) or key in found:
                continue
            try:
                found[key] = Cosignature(key, verify_cosignature(text, signature, key), line)
            except NotSigned:
                continue
    return list(found.values())


def _message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
