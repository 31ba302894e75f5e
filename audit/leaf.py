"""One entry of the audit log: a body, spliced into its place in the chain.

    {"a":<append time, us>,"b":<body>,"p":"<hex of the previous leaf hash>","s":<sequence>,"v":1}

The bytes are canonical JSON (RFC 8785) and ASCII. They are stored, hashed and served as
they are and never serialised again. The leaf hash is that of RFC 9162, 2.1.1, and the
same hash is the link of the chain. This format is frozen: ``docs/audit-format.md``.
Imports ``core`` and ``audit.body`` only.
"""

import hashlib
import re
from typing import Any, NamedTuple

from audit.body import NotABody, parse_body
from core.canonical import MAX_INTEGER
from core.errors import Invalid

MAX_ENTRY_BYTES = 65_535
NO_PREVIOUS = bytes(32)
"""What entry 0 names as the hash of the entry before it."""

# The body is canonical on its own and what surrounds it is fixed, so the whole is canonical.
_ENTRY = re.compile(
    rb'\{"a":(0|[1-9][0-9]{0,15}),"b":(\{.*\}),"p":"([0-9a-f]{64})","s":(0|[1-9][0-9]{0,15}),"v":1\}', re.DOTALL
).fullmatch


class NotALeaf(Invalid):
    """The bytes are not an entry of an audit log."""

    code = "audit_leaf"


class Leaf(NamedTuple):
    """An entry, read."""

    sequence: int
    appended_us: int
    previous: bytes
    """Leaf hash of the entry before, 32 bytes; zeros at sequence 0."""
    body: dict[str, Any]


def splice(body: bytes, *, sequence: int, appended_us: int, previous: bytes) -> bytes:
    """The entry's bytes around a body already serialised by ``body_bytes``.

    ``previous`` is the leaf hash of the entry before, 32 bytes.
    """
    return b'{"a":%d,"b":%b,"p":"%b","s":%d,"v":1}' % (appended_us, body, previous.hex().encode(), sequence)


def parse(entry: bytes) -> Leaf:
    """Read an entry; no two byte strings give the same leaf.

    Raises:
        NotALeaf: the bytes are longer than 65,535, not canonical, or not of this format.
    """
    if len(entry) > MAX_ENTRY_BYTES:
        raise NotALeaf("an entry is longer than 65,535 bytes")
    match = _ENTRY(entry)
    if match is None:
        raise NotALeaf("what surrounds the body is not as the format has it")
    appended, body, previous, sequence = match.groups()
    appended_us, position = int(appended), int(sequence)
    if appended_us > MAX_INTEGER or position > MAX_INTEGER:
        raise NotALeaf("a number is beyond 2^53 - 1")
    try:
        return Leaf(position, appended_us, bytes.fromhex(previous.decode()), parse_body(body))
    except NotABody as error:
        raise NotALeaf(error.detail) from error


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry as a Merkle leaf: SHA-256(0x00 || entry), 32 bytes.

    The prefix keeps a leaf from passing for an inner node (RFC 9162, 2.1.1).
    ``entry`` is the bytes as stored; never re-serialise before hashing.
    """
    return hashlib.sha256(b"\x00" + entry).digest()


def commitment(nonce: bytes, field: str, value: str) -> bytes:
    """SHA-256(0x02 || nonce || field || 0x00 || value), 32 bytes.

    ``nonce`` is 32 random bytes, drawn anew for each commitment: without it and the value,
    the hash tells nothing and resembles no other. ``value`` counts as its UTF-8 bytes.
    """
    if len(nonce) != 32:
        raise NotALeaf("a nonce has 32 bytes")
    return hashlib.sha256(b"\x02" + nonce + field.encode("ascii") + b"\x00" + value.encode("utf-8")).digest()
