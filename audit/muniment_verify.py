#!/usr/bin/env python3
"""Checks a Muniment audit log, or an evidence export from one, without Muniment.

    python3 muniment_verify.py SOURCE [--key VKEY] [--earlier FILE] [--policy FILE] …

SOURCE is a folder or a URL in the C2SP tlog-tiles layout, an evidence export (the zip, or its
unpacked folder), or a ``.tlog-proof`` file together with ``--leaf``. The file is complete in
itself: Python 3.9 or newer and its standard library are enough. Signatures are verified by the
``cryptography`` package where it is installed, else by the ``openssl`` program, else by the
code below; time stamps need ``openssl``. Nothing is written, unpacked or sent.

Exit codes:
    0  everything that was asked for was checked, and nothing is wrong
    1  something is wrong: the faults are listed with position, kind and a sentence
    2  the command line is not understood, or a file named on it cannot be read
    3  nothing wrong was found, but something asked for could not be checked
    4  the source cannot be read at all

What no verifier can find: a program under foreign control that lied when it wrote. And without a
pinned key, an earlier checkpoint, a witness, a time stamp or a receipt from outside, a log that
somebody with the log's key wrote anew from the beginning is in order as well. The report says which
of these were used.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import concurrent.futures
import contextlib
import functools
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

VERSION = 1
TILE = 256
MAX_ENTRY = 65_535
MAX_INTEGER = 2**53 - 1
MAX_NOTE = 1_000_000
MAX_BUNDLE = TILE * (MAX_ENTRY + 2)
SILENCE_US, CLOCK_US = 120_000_000, 600_000_000

KINDS = {
    "altered": "An entry is not the one that was signed, or not the one that its successor followed.",
    "archive": "The archive holds a name or a size that no export of Muniment has.",
    "bundle": "The file with entries cannot be cut into entries.",
    "catalogue": "A declared catalogue of actions is missing, altered, or changes a published action.",
    "chain": "An entry names another predecessor than it has.",
    "checkpoint": "A checkpoint cannot be read, or is one of another log.",
    "clock": "Somebody outside saw the log before the time that its entries state.",
    "cosignature": "A witness's signature is wrong.",
    "fork": "A checkpoint that you hold contradicts the log: its past was changed.",
    "form": "The bytes are not a canonical entry.",
    "key": "The key you trust was never in force in this log.",
    "manifest": "A file of the export is not the one that its list names.",
    "missing": "Entries or hashes are missing.",
    "opening": "An opened value is not the one that was committed to.",
    "proof": "A proof does not lead from its entry to its checkpoint.",
    "quorum": "Too few witnesses signed.",
    "receipt": "An entry is not the one that the receipt was given for.",
    "root": "The entries do not have the root that a checkpoint signed.",
    "seal": "A daily seal is altered, or does not follow the seal before it.",
    "sequence": "An entry says another position than it has.",
    "signature": "A checkpoint lacks a valid signature of the key in force.",
    "start": "Entry 0 does not start this log, or an entry about the log itself does not say what it must.",
    "tile": "A hash tile does not hold the hashes of the entries.",
    "time": "An entry's append time is before its predecessor's.",
    "timestamp": "A time stamp is not one of this checkpoint, or not of the authority you trust.",
    "truncated": "Entries that a checkpoint covers are missing at the end.",
    "undeclared": "An action or one of its details was not declared.",
}
"""Every kind of fault and what it means."""


class Fault(NamedTuple):
    """Something that is wrong."""

    position: int
    kind: str
    sentence: str
    last: int | None = None
    """Where a run of entries is concerned: the last of them."""


class NotReadable(Exception):
    """Bytes that are not what they should be; the text says why."""


class Refused(NotReadable):
    """Bytes that a server does not give."""


class Unsafe(Exception):
    """An archive that is not to be read further."""


# --------------------------------------------------------------------------------------------------
# The tree (RFC 9162, 2.1) and the paths of tiles (C2SP tlog-tiles)


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect(hashes: Sequence[bytes]) -> bytes:
    """Root over a power of two of hashes."""
    level, sha256 = list(hashes), hashlib.sha256
    while len(level) > 1:
        level = [sha256(b"\x01" + level[at] + level[at + 1]).digest() for at in range(0, len(level), 2)]
    return level[0]


def fold(nodes: Iterable[tuple[int, bytes]]) -> bytes:
    """Root over perfect subtrees (height, hash) from left to right, the heights never rising."""
    stack: list[tuple[int, bytes]] = []
    for node_height, node in nodes:
        height, top = node_height, node
        while stack and stack[-1][0] == height:
            top = node_hash(stack.pop()[1], top)
            height += 1
        stack.append((height, top))
    if not stack:
        return hashlib.sha256(b"").digest()
    top = stack.pop()[1]
    while stack:
        top = node_hash(stack.pop()[1], top)
    return top


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether an inclusion proof holds (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, top = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            top = node_hash(sibling, top)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            top = node_hash(top, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and top == root


def tile_path(level: int | str, number: int, width: int = TILE) -> str:
    """E.g. ``tile/0/x001/x234/067`` or ``tile/entries/273.p/112``."""
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + ("" if width == TILE else f".p/{width}")


_TILE_PATH = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?(?:\.gz)?"
).fullmatch


def tile_of(path: str) -> tuple[str, int, int] | None:
    """Level, number and width that a path names; ``None`` if it names no tile."""
    match = _TILE_PATH(path)
    if match is None:
        return None
    number = int(match[2].replace("x", "").replace("/", ""))
    width = int(match[3] or TILE)
    return (match[1], number, width) if path.startswith(tile_path(match[1], number, width)) else None


# --------------------------------------------------------------------------------------------------
# Ed25519 (RFC 8032): by a package, by a program, or here

_P, _Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
# A point is (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.


def _plus(one: Any, two: Any) -> Any:
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % _P, (one[1] + one[0]) * (two[1] + two[0]) % _P
    c, d = 2 * one[3] * two[3] * _D % _P, 2 * one[2] * two[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(factor: int, point: Any) -> Any:
    total = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            total = _plus(total, point)
        point, factor = _plus(point, point), factor >> 1
    return total


def _point(data: bytes) -> Any:
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return (x, y, 1, x * y % _P)


_BASE = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def _verified_here(public: bytes, message: bytes, signature: bytes) -> bool:
    key, first, scalar = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or first is None or scalar >= _Q:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _Q
    left, right = _times(scalar, _BASE), _plus(first, _times(challenge, key))
    return not ((left[0] * right[2] - right[0] * left[2]) % _P or (left[1] * right[2] - right[1] * left[2]) % _P)


def _verified_by_openssl(public: bytes, message: bytes, signature: bytes) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "key").write_bytes(bytes.fromhex("302a300506032b6570032100") + public)
        (folder / "message").write_bytes(message)
        (folder / "signature").write_bytes(signature)
        command = [shutil.which("openssl") or "openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin"]
        command += ["-inkey", "key", "-in", "message", "-sigfile", "signature"]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60)
        return done.returncode == 0


def _verified_by_package(public: bytes, message: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


_WAYS: dict[str, Callable[[bytes, bytes, bytes], bool]] = {
    "cryptography": _verified_by_package,
    "openssl": _verified_by_openssl,
    "pure": _verified_here,
}


def _way() -> str:
    """The best way there is on this machine."""
    try:
        import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
    except ImportError:
        # The signature of test 2 in RFC 8032, 7.1: an openssl that cannot do Ed25519 is passed over.
        if shutil.which("openssl") and _verified_by_openssl(*_KNOWN):
            return "openssl"
        return "pure"
    return "cryptography"


_KNOWN = (
    bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
    b"\x72",
    bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ),
)


# --------------------------------------------------------------------------------------------------
# Signed notes, checkpoints, keys, policies, proofs (C2SP)

ED25519, COSIGNATURE = 1, 4


class Key(NamedTuple):
    """A name and an Ed25519 public key, of a log (1) or of a witness (4)."""

    name: str
    type: int
    public: bytes

    @property
    def id(self) -> bytes:
        """First 4 bytes of SHA-256(name || 0x0A || type || public key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:4]

    def __str__(self) -> str:
        data = base64.b64encode(bytes([self.type]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{data}"


class Note(NamedTuple):
    """A checkpoint as signed."""

    origin: str
    size: int
    root: bytes
    text: str
    """The signed text, with its last line feed."""
    lines: tuple[tuple[str, bytes, bytes], ...]
    """Signature lines: name, key id, signature."""
    whole: str

    def without_witnesses(self, keys: Sequence[Key]) -> bytes:
        """The note as the log first signed it: what a time stamp is over."""
        own = {(key.name, key.id) for key in keys}
        kept = [
            line
            for line, parsed in _pairs(self.whole[len(self.text) + 1 :].splitlines(keepends=True), self.lines)
            if (parsed[0], parsed[1]) in own
        ]
        return (self.text + "\n" + "".join(kept)).encode()


def _pairs(one: Sequence[Any], two: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return ((one[at], two[at]) for at in range(min(len(one), len(two))))


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotReadable("something in it is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise NotReadable("something in it is another base64 encoding of the same bytes")
    return data


def _name(text: str) -> str:
    if not text or "+" in text or any(character.isspace() for character in text):
        raise NotReadable("a name in it is empty or holds a space or a plus sign")
    return text


def parse_key(line: str) -> Key:
    """A verifier key ``name+id+base64``."""
    parts = line.strip().split("+", 2)
    if len(parts) != 3:
        raise NotReadable("a verifier key reads name+id+key")
    data = _base64(parts[2])
    if len(data) != 33 or data[0] not in (ED25519, COSIGNATURE):
        raise NotReadable("the verifier key is not one of Ed25519")
    key = Key(_name(parts[0]), data[0], data[1:])
    if key.id.hex() != parts[1]:
        raise NotReadable("the id in the verifier key is not that of the key")
    return key


_SIGNATURE = re.compile("\u2014 (\\S+) ([A-Za-z0-9+/]+={0,2})").fullmatch
_SIZE = re.compile("0|[1-9][0-9]{0,15}").fullmatch


def parse_note(data: bytes | None) -> Note:
    """A checkpoint with its signature lines; nothing is verified."""
    if data is None:
        raise NotReadable("it is not there")
    if len(data) > MAX_NOTE:
        raise NotReadable("it is longer than 1,000,000 bytes")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotReadable("it is not UTF-8") from error
    if not whole.endswith("\n") or any(ord(one) < 0x20 and one != "\n" for one in whole):
        raise NotReadable("it is not lines of text, or has control characters")
    text, blank, tail = whole.rpartition("\n\n")
    if not blank or not tail:
        raise NotReadable("it has no empty line before its signatures")
    lines = []
    for line in tail[:-1].split("\n"):
        match = _SIGNATURE(line)
        if match is None:
            raise NotReadable("a signature line is not as the format has it")
        blob = _base64(match[2])
        if len(blob) < 5:
            raise NotReadable("a signature in it is too short")
        lines.append((_name(match[1]), blob[:4], blob[4:]))
    if len(lines) > 100:
        raise NotReadable("it has more than 100 signatures")
    body = text.split("\n")
    if len(body) != 3 or not _SIZE(body[1]) or int(body[1]) > MAX_INTEGER:
        raise NotReadable("it is not three lines of origin, size and root")
    root = _base64(body[2])
    if len(root) != 32:
        raise NotReadable("its root has not 32 bytes")
    return Note(_name(body[0]), int(body[1]), root, text + "\n", tuple(lines), whole)


class Signers:
    """Verifies signatures, each once."""

    def __init__(self, way: str) -> None:
        self.way = way
        self._check = functools.lru_cache(maxsize=100_000)(_WAYS[way])

    def signed(self, note: Note, key: Key) -> bool | None:
        """Whether ``key`` signed; ``None`` if no line is of this key. One wrong signature is too many."""
        found = None
        for name, key_id, signature in note.lines:
            if (name, key_id) != (key.name, key.id):
                continue
            if len(signature) != 64 or not self._check(key.public, note.text.encode(), signature):
                return False
            found = True
        return found

    def cosigned(self, note: Note, key: Key) -> tuple[bool | None, int]:
        """The same of a witness's cosignature/v1, and the second it states."""
        found, latest = None, 0
        for name, key_id, blob in note.lines:
            if (name, key_id) != (key.name, key.id):
                continue
            seconds = int.from_bytes(blob[:8], "big")
            message = f"cosignature/v1\ntime {seconds}\n{note.text}".encode()
            if len(blob) != 72 or not self._check(key.public, message, blob[8:]):
                return False, seconds
            found, latest = True, max(latest, seconds)
        return found, latest


class Policy(NamedTuple):
    """C2SP tlog-policy."""

    logs: tuple[Key, ...]
    witnesses: dict[str, Key]
    groups: dict[str, tuple[int, tuple[str, ...]]]
    quorum: str
    unknown: frozenset[str] = frozenset()
    """Witnesses whose kind of signature cannot be checked here: they count as never having signed."""

    def met(self, name: str, signed: frozenset[str]) -> bool:
        """Whether a witness or group has witnessed, where these witnesses signed."""
        if name == "none":
            return True
        if name in self.witnesses or name in self.unknown:
            return name in signed
        least, members = self.groups[name]
        return sum(self.met(member, signed) for member in members) >= least


def parse_policy(data: bytes) -> Policy:
    """Read a policy file."""
    logs: list[Key] = []
    witnesses: dict[str, Key] = {}
    groups: dict[str, tuple[int, tuple[str, ...]]] = {}
    unknown: dict[str, bytes] = {}
    used: set[str] = set()
    quorum = None
    if any((one < 0x20 and one not in b"\t\n") or one == 0x7F for one in data):
        raise NotReadable("the policy has control characters")
    for raw in data.decode("utf-8", "surrogateescape").split("\n"):
        words = [word for word in re.split("[ \t]+", raw) if word]
        if not words or words[0].startswith("#"):
            continue
        kind, known = words[0], {*witnesses, *unknown, *groups}
        if kind == "log" and len(words) in (2, 3):
            logs.append(_key_of(words[1], ED25519))
        elif kind == "witness" and len(words) in (3, 4) and words[1] not in {*known, "none"}:
            material = _base64(words[2].split("+", 2)[-1])
            if material[:1] == bytes([COSIGNATURE]):
                witnesses[words[1]] = _key_of(words[2], COSIGNATURE)
            else:
                unknown[words[1]] = material[1:]
        elif kind == "group" and len(words) > 3 and words[1] not in {*known, "none"}:
            members = words[3:]
            if not set(members) <= known - used or len(set(members)) != len(members):
                raise NotReadable(f"the policy's group {words[1]} names a member that is unknown or taken")
            text = {"any": "1", "all": str(len(members))}.get(words[2], words[2])
            if not re.fullmatch("[1-9][0-9]{0,5}", text) or int(text) > len(members):
                raise NotReadable(f"the policy's group {words[1]} has no threshold from 1 to {len(members)}")
            groups[words[1]] = (int(text), tuple(members))
            used.update(members)
        elif kind == "quorum" and len(words) == 2 and quorum is None and words[1] in {*known, "none"}:
            quorum = words[1]
        else:
            raise NotReadable(f"a line of the policy is not understood: {kind}")
    twice = any(
        len(set(keys)) != len(keys)
        for keys in ([key.public for key in logs], [*(key.public for key in witnesses.values()), *unknown.values()])
    )
    if quorum is None or twice:
        raise NotReadable("the policy has no quorum line, or a key stands in it twice")
    return Policy(tuple(logs), witnesses, groups, quorum, frozenset(unknown))


def _key_of(text: str, kind: int) -> Key:
    key = parse_key(text)
    if key.type != kind:
        raise NotReadable("a key in the policy is of the wrong type")
    return key


class Proof(NamedTuple):
    """A ``.tlog-proof``."""

    position: int
    path: tuple[bytes, ...]
    note: Note


def parse_proof(data: bytes) -> Proof:
    """c2sp.org/tlog-proof@v1."""
    head, blank, rest = data.partition(b"\n\n")
    try:
        lines = head.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise NotReadable("it is not UTF-8") from error
    if not blank or lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise NotReadable("it is not c2sp.org/tlog-proof@v1")
    if lines and lines[0].startswith("extra "):
        _base64(lines.pop(0)[6:])
    if not lines or not lines[0].startswith("index ") or not _SIZE(lines[0][6:]):
        raise NotReadable("it names no index")
    path = tuple(_base64(line) for line in lines[1:])
    if any(len(item) != 32 for item in path) or len(path) > 63:
        raise NotReadable("a hash in it has not 32 bytes")
    return Proof(int(lines[0][6:]), path, parse_note(rest))


# --------------------------------------------------------------------------------------------------
# Entries (docs/audit-format.md)

_ID = re.compile(r"[0-9a-f]{32}").fullmatch
_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch
_ACTION = re.compile(r"(?=.{3,80}\Z)[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){1,4}").fullmatch
_CODE = re.compile(r"[a-z0-9][a-z0-9_.:/-]{0,79}").fullmatch
_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}").fullmatch
_KEY = re.compile(r"[a-z0-9_]{1,40}").fullmatch
_REQUEST = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_LABEL = re.compile(r"[!-?A-~]{1,200}").fullmatch
_DATE = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])").fullmatch


def _refuse(text: str) -> None:
    raise ValueError(f"not a whole number: {text[:20]}")


_decode = json.JSONDecoder(parse_float=cast(Any, _refuse), parse_constant=cast(Any, _refuse)).decode
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


def canonical(value: Any) -> bytes:
    """Canonical JSON (RFC 8785) of what this format uses: ASCII keys, whole numbers."""
    return _encode(value).encode()


def parse_canonical(data: bytes) -> Any:
    """The value whose canonical bytes are ``data``."""
    try:
        value = _decode(data.decode("utf-8"))
        same = canonical(value) == data
    except (ValueError, RecursionError) as error:
        raise NotReadable("it is not JSON of this format") from error
    if not same:
        raise NotReadable("it is another encoding of the same JSON")
    return value


def _text(pattern: Callable[[str], object], value: Any) -> bool:
    return isinstance(value, str) and pattern(value) is not None


def _int(value: Any) -> bool:
    return type(value) is int and -MAX_INTEGER <= value <= MAX_INTEGER


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_INTEGER


def _list(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: type(value) is list and len(value) <= 500 and all(map(check, value))


DETAIL_TYPES: dict[str, Callable[[Any], bool]] = {
    "int": _int,
    "count": _count,
    "bool": lambda value: type(value) is bool,
    "code": lambda value: _text(_CODE, value),
    "label": lambda value: _text(_LABEL, value),
    "id": lambda value: _text(_ID, value),
    "digest": lambda value: _text(_DIGEST, value),
    "date": lambda value: _text(_DATE, value),
    "instant": _count,
    "ints": _list(_int),
    "codes": _list(lambda value: _text(_CODE, value)),
    "ids": _list(lambda value: _text(_ID, value)),
    "counts": lambda value: type(value) is dict and all(_text(_KEY, k) and _count(v) for k, v in value.items()),
}
_JOINING = {"group": "id", "part": "count", "parts": "count"}


def _actor(actor: Any) -> bool:
    kind, others = actor["k"], len(actor) - 1
    if kind == "system":
        return others == 1 and _CODE(actor["n"]) is not None
    return kind in ("person", "operator") and (others == 0 or (others == 1 and _ID(actor["i"]) is not None))


def _object(value: Any) -> bool:
    known = 2
    if "v" in value:
        known += 1
        if not _count(value["v"]):
            return False
    if "h" in value:
        known += 1
        if not _DIGEST(value["h"]):
            return False
    return type(value) is dict and len(value) == known and bool(_KIND(value["k"]) and _ID(value["i"]))


def _objects(value: Any) -> bool:
    return type(value) is list and 0 < len(value) <= 500 and all(map(_object, value))


def _commitments(value: Any) -> bool:
    last = ""
    for item in value:
        field = item["f"]
        if len(item) != 2 or not _KEY(field) or field <= last or not _DIGEST(item["h"]):
            return False
        last = field
    return type(value) is list and bool(value)


def _detail(value: Any) -> bool:
    if isinstance(value, str):
        return _LABEL(value) is not None
    if type(value) is list:
        return len(value) <= 500 and all(_int(item) or _text(_LABEL, item) for item in value)
    if type(value) is dict:
        return all(_text(_KEY, key) and _int(item) for key, item in value.items())
    return type(value) is bool or _int(value)


def _details(value: Any) -> bool:
    return type(value) is dict and bool(value) and all(_text(_KEY, k) and _detail(v) for k, v in value.items())


_REQUIRED = frozenset({"action", "actor", "id", "outcome", "t"})
_CHECKS: dict[str, Callable[[Any], object]] = {
    "action": functools.lru_cache(maxsize=10_000)(_ACTION),
    "actor": _actor,
    "basis": _CODE,
    "c": _commitments,
    "d": _details,
    "e": _ID,
    "g": _ID,
    "id": _ID,
    "objects": _objects,
    "outcome": frozenset({"done", "refused", "failed"}).__contains__,
    "r": _REQUEST,
    "t": _count,
    "x": _ID,
}
_OUTER = frozenset({"a", "b", "p", "s", "v"})


def _wrong_in(value: Any) -> str | None:
    """What is wrong in an entry that was parsed; ``None`` if nothing is."""
    if type(value) is not dict or value.keys() != _OUTER or type(value["v"]) is not int or value["v"] != 1:
        return "its outer keys are not a, b, p, s and v"
    if not _count(value["a"]) or not _count(value["s"]) or not _text(_DIGEST, value["p"]):
        return "its time, position or previous hash is not as the format has it"
    body = value["b"]
    if type(body) is not dict or not _REQUIRED <= body.keys() <= _CHECKS.keys():
        return "the keys of its body are not those of the format"
    key = ""
    try:
        for key, item in body.items():
            if not _CHECKS[key](item):
                return f"'{key}' in its body is not as the format has it"
    except (TypeError, KeyError):
        return f"'{key}' in its body is not as the format has it"
    return None


def parse_entry(entry: bytes) -> dict[str, Any]:
    """One entry; raises ``NotReadable`` unless it is canonical and of this format."""
    if len(entry) > MAX_ENTRY:
        raise NotReadable("it is longer than 65,535 bytes")
    if not entry.isascii():
        raise NotReadable("it is not ASCII")
    value = parse_canonical(entry)
    wrong = _wrong_in(value)
    if wrong is not None:
        raise NotReadable(wrong)
    return cast("dict[str, Any]", value)


def parse_entries(entries: Sequence[bytes]) -> list[dict[str, Any] | str]:
    """All entries of a bundle; in the place of one that is wrong, the reason.

    They are parsed and written again as one list, which costs half of doing it one by one. The word
    between them is drawn afresh, so that no entry can be written to reach over into the next.
    """
    word = secrets.token_hex(16)
    try:
        between = f',"{word}",'
        text = "[" + between.join([entry.decode("ascii") for entry in entries]) + "]"
        values = _decode(text)
        good = len(values) == 2 * len(entries) - 1 and all(item == word for item in values[1::2])
        good = good and _encode(values) == text
    except (ValueError, RecursionError):
        good = False
    parsed: list[dict[str, Any] | str] = []
    if not good:
        for entry in entries:
            try:
                parsed.append(parse_entry(entry))
            except NotReadable as error:
                parsed.append(str(error))
        return parsed
    for value in values[::2]:
        parsed.append(_wrong_in(value) or value)
    return parsed


def commitment(nonce: bytes, field: str, value: str) -> bytes:
    """SHA-256(0x02 || nonce || field || 0x00 || value)."""
    return hashlib.sha256(b"\x02" + nonce + field.encode() + b"\x00" + value.encode()).digest()


def cut(data: bytes) -> tuple[list[bytes], bool]:
    """The entries of a bundle, and whether they filled it exactly."""
    entries, at, end = [], 0, len(data)
    while at + 2 <= end:
        following = at + 2 + (data[at] << 8 | data[at + 1])
        if following > end:
            break
        entries.append(data[at + 2 : following])
        at = following
    return entries, at == end


# --------------------------------------------------------------------------------------------------
# Where the bytes come from. ``read`` gives at most so many, ``None`` where there is nothing.


class Source:
    """A folder."""

    is_listed = True

    def __init__(self, spec: str, token: str | None = None) -> None:
        self.spec, self.token = spec, token
        self.open()

    def open(self) -> None:
        self.folder = Path(self.spec)

    def read(self, path: str, limit: int = MAX_NOTE) -> bytes | None:
        try:
            with (self.folder / path).open("rb") as file:
                return _at_most(file.read(limit + 1), limit)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise NotReadable(error.strerror or "it cannot be read") from error

    def widths(self, level: int | str, number: int) -> list[int]:
        """The partial tiles there are of a tile, from the smallest to the largest."""
        folder = self.folder / f"{tile_path(level, number)}.p"
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return sorted(int(name) for name in names if re.fullmatch("[1-9][0-9]{0,2}", name))

    def names(self) -> Iterator[str]:
        """Every path there is."""
        for top, folders, files in os.walk(self.folder):
            folders.sort()
            for file in sorted(files):
                yield (Path(top) / file).relative_to(self.folder).as_posix()


class Archive(Source):
    """A zip file, read where it lies; nothing is unpacked."""

    _SAFE = re.compile(r"[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*(?:/[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*)*/?").fullmatch

    def open(self) -> None:
        try:
            self.zip = zipfile.ZipFile(self.spec)
        except (zipfile.BadZipFile, OSError) as error:
            raise NotReadable("it is no zip file") from error
        self.members: dict[str, zipfile.ZipInfo] = {}
        unpacked = 0
        for member in self.zip.infolist():
            name = member.orig_filename
            shown = name.encode("ascii", "backslashreplace").decode()[:80]
            if not self._SAFE(name) or name != member.filename or ".." in name:
                raise Unsafe(f"the archive holds a name that leads elsewhere: {shown}")
            if member.external_attr >> 16 & 0o170000 == 0o120000 or member.flag_bits & 1:
                raise Unsafe(f"the archive holds a link or an encrypted file: {shown}")
            if name in self.members:
                raise Unsafe(f"the archive holds a name twice: {shown}")
            unpacked += member.file_size
            self.members[name] = member
        if unpacked > 200 * Path(self.spec).stat().st_size + 1_000_000:
            raise Unsafe(f"the archive would unpack to {unpacked} bytes, over 200 times its size")

    def read(self, path: str, limit: int = MAX_NOTE) -> bytes | None:
        member = self.members.get(path)
        if member is None:
            return None
        try:
            with self.zip.open(member) as file:
                return _at_most(file.read(limit + 1), limit)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise NotReadable("the archive's own check sum does not fit it") from error

    def widths(self, level: int | str, number: int) -> list[int]:
        prefix = f"{tile_path(level, number)}.p/"
        return [width for width in range(1, TILE) if f"{prefix}{width}" in self.members]

    def names(self) -> Iterator[str]:
        return (name for name in self.members if not name.endswith("/"))


class Web(Source):
    """A URL prefix."""

    is_listed = False

    def open(self) -> None:
        self.prefix = self.spec.rstrip("/") + "/"

    def read(self, path: str, limit: int = MAX_NOTE) -> bytes | None:
        headers = {"Accept-Encoding": "gzip", "User-Agent": "muniment-verify/1"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.prefix + path, headers=headers)  # noqa: S310 (http and https only)
        for attempt in range(4):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                    data = _at_most(answer.read(limit + 1), limit)
                    return _inflated(data, limit) if answer.headers.get("Content-Encoding") == "gzip" else data
            except urllib.error.HTTPError as error:
                if error.code in (404, 410):
                    return None
                if error.code in (401, 403):
                    raise Refused("access is refused; an auditor's token may be needed") from error
                if error.code not in (429, 500, 502, 503, 504) or attempt == 3:
                    raise Refused(f"the server answers {error.code}") from error
            except (urllib.error.URLError, OSError) as error:
                if attempt == 3:
                    raise Refused("the server cannot be reached") from error
            time.sleep(0.5 * 2**attempt)
        return None

    def widths(self, level: int | str, number: int) -> list[int]:
        return []

    def names(self) -> Iterator[str]:
        return iter(())


def source_of(spec: str, token: str | None = None) -> Source:
    """The right kind of source."""
    if spec.startswith(("http://", "https://")):
        return Web(spec, token)
    if Path(spec).is_dir():
        return Source(spec)
    return Archive(spec)


def _at_most(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise NotReadable(f"it is larger than {limit} bytes")
    return data


def _inflated(data: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(31)
    try:
        plain = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise NotReadable("it is not gzip") from error
    if not stream.eof and len(plain) <= limit:
        raise NotReadable("it is cut off")
    return _at_most(plain, limit)


def _candidates(source: Source, level: int | str, number: int, width: int) -> Iterator[int]:
    """The widths under which so many hashes or entries may lie: as asked, full, grown since; then what is less."""
    yield width
    if width < TILE:
        yield TILE
        there = source.widths(level, number)
        yield from (other for other in there if other > width)
        yield from reversed([other for other in there if other < width])


def read_tile(source: Source, level: int, number: int, width: int) -> list[bytes] | None:
    """The first ``width`` hashes of a tile, from the partial tile or one that has grown since."""
    for asked in _candidates(source, level, number, width):
        data = source.read(tile_path(level, number, asked), TILE * 32) if asked >= width else None
        if data is not None:
            if len(data) != asked * 32:
                raise NotReadable(f"it has {len(data)} bytes instead of {asked * 32}")
            return [data[at : at + 32] for at in range(0, width * 32, 32)]
    return None


def read_bundle(source: Source, number: int, width: int) -> tuple[list[bytes], str | None] | None:
    """The first ``width`` entries of a bundle (or those there are), and what is wrong with its form."""
    for asked in _candidates(source, "entries", number, width):
        path = tile_path("entries", number, asked)
        data = source.read(path, MAX_BUNDLE)
        if data is None and source.is_listed and (packed := source.read(path + ".gz", MAX_BUNDLE)) is not None:
            data = _inflated(packed, MAX_BUNDLE)
        if data is not None:
            entries, filled = cut(data)
            if not filled:
                return entries[:width], f"it ends in the middle of its entry {len(entries)}"
            if len(entries) != asked:
                return entries[:width], f"it holds {len(entries)} entries instead of {asked}"
            return entries[:width], None
    return None


# --------------------------------------------------------------------------------------------------
# One bundle and its hash tile: what a worker does


class Asked(NamedTuple):
    """What the workers need to know."""

    size: int
    fast: bool
    details: dict[str, dict[str, str]] | None
    """Declared details by action and key; ``None``: no catalogue is given."""
    wanted: frozenset[int] | None
    """Bundles that there are; ``None``: there should be all."""


class Bundle:
    """What was found out about up to 256 entries."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.there = self.has_tile = False
        self.count = 0
        self.own: bytes | None = None
        """Root over the entries, of a full bundle; else the leaf hashes one after the other."""
        self.tile: bytes | None = None
        """The same from the hash tile."""
        self.faults: list[Fault] = []
        self.unread: str | None = None
        self.differs: list[tuple[int, int, str]] = []
        """Runs of positions at which entries and tile differ, and which of them the chain takes for wrong."""
        self.breaks: list[tuple[int, bool | None]] = []
        """Entries that name another predecessor; whether the next entry follows them."""
        self.first_previous: str | None = None
        self.first_is_followed: bool | None = None
        self.first_us = self.last_us = 0
        self.last_hash = ""
        self.actions: dict[str, int] = {}
        self.own_events: list[tuple[int, int, dict[str, Any]]] = []
        """Position, append time and body of what the log says about itself."""
        self.silences: list[tuple[int, int, bool]] = []
        """Position after a silence, its length, whether the entry says so itself."""


def inspect(source: Source, number: int, asked: Asked) -> Bundle:
    """Read a bundle and its tile and check all that can be checked without the others."""
    found = Bundle(number)
    first = number * TILE
    width = min(TILE, asked.size - first)
    hashes: list[bytes] | None = None
    try:
        hashes = read_tile(source, 0, number, width)
    except NotReadable as error:
        found.faults.append(Fault(first, "tile", f"the hash tile {tile_path(0, number, width)} is damaged: {error}"))
    found.has_tile = hashes is not None
    entries: list[bytes] = []
    if asked.wanted is None or number in asked.wanted:
        try:
            read = read_bundle(source, number, width)
            found.there = read is not None
            if read is not None:
                entries, wrong = read
                path, end = tile_path("entries", number, width), first + width - 1
                if wrong is not None:
                    where = min(first + len(entries), end)
                    found.faults.append(Fault(where, "bundle", f"the bundle {path} is damaged: {wrong}"))
                elif len(entries) < width:
                    sentence = f"entries {first + len(entries)} to {end} are missing at the end of what is there"
                    found.faults.append(Fault(first + len(entries), "truncated", sentence, end))
        except Refused as error:
            found.unread = str(error)
        except NotReadable as error:
            found.there = True
            path = tile_path("entries", number, width)
            found.faults.append(Fault(first, "bundle", f"the bundle {path} cannot be read: {error}"))
    sha256 = hashlib.sha256
    own = [sha256(b"\x00" + entry).digest() for entry in entries]
    found.count = len(own)
    if hashes is not None:
        found.tile = perfect(hashes) if width == TILE else b"".join(hashes)
    if own and len(own) == width:
        same = found.tile if own == hashes else None
        found.own = same or (perfect(own) if width == TILE else b"".join(own))
    values = _values(entries, asked.fast)
    if hashes is not None and own and hashes[: len(own)] != own:
        found.differs = _differences(first, own, hashes, values)
    if not asked.fast and own:
        _inspect_entries(found, first, own, values, asked.details)
    else:
        for place, value in values.items():
            found.own_events.append((first + place, value["a"], value["b"]))
    return found


_OWN_EVENT = b'"action":"log.'


def _values(entries: list[bytes], fast: bool) -> dict[int, Any]:
    """Parsed entries by place; with ``fast`` only those on which keys and catalogues rest."""
    if not fast:
        return dict(enumerate(parse_entries(entries))) if entries else {}
    values: dict[int, Any] = {}
    if _OWN_EVENT in b"".join(entries):
        for place, entry in enumerate(entries):
            if _OWN_EVENT in entry:
                with contextlib.suppress(NotReadable):
                    values[place] = parse_entry(entry)
    return values


def _differences(
    first: int, own: list[bytes], hashes: list[bytes], values: dict[int, Any]
) -> list[tuple[int, int, str]]:
    runs: list[tuple[int, int, str]] = []
    for place, mine in enumerate(own):
        if mine == hashes[place]:
            continue
        following = values.get(place + 1)
        kind = "tile" if isinstance(following, dict) and following["p"] == mine.hex() else "altered"
        if runs and runs[-1][1] == first + place - 1 and runs[-1][2] == kind:
            runs[-1] = (runs[-1][0], first + place, kind)
        else:
            runs.append((first + place, first + place, kind))
    return runs


def _inspect_entries(
    found: Bundle,
    first: int,
    own: list[bytes],
    values: dict[int, Any],
    details: dict[str, dict[str, str]] | None,
) -> None:
    last_us, previous, shifted = 0, "", False
    hexes = [value.hex() for value in own]
    for place, value in values.items():
        position = first + place
        if type(value) is str:
            found.faults.append(Fault(position, "form", f"entry {position} cannot be read: {value}"))
            previous = ""
            continue
        if value["s"] != position and not shifted:
            # One that was left out or put in shifts all that follow: the first of them says it.
            shifted = True
            found.faults.append(Fault(position, "sequence", f"entry {position} says it is entry {value['s']}"))
        named = value["p"]
        if place == 0:
            found.first_previous, found.first_us = named, value["a"]
            following = values.get(1)
            found.first_is_followed = following["p"] == hexes[0] if isinstance(following, dict) else None
        elif previous and named != previous:
            following = values.get(place + 1)
            found.breaks.append((position, following["p"] == hexes[place] if isinstance(following, dict) else None))
        appended, body = value["a"], value["b"]
        if appended < last_us:
            sentence = f"entry {position} is dated before entry {position - 1}"
            found.faults.append(Fault(position, "time", sentence))
        elif place and appended - last_us > SILENCE_US:
            found.silences.append((position, appended - last_us, body["action"] == "log.gap"))
        last_us, previous = appended, hexes[place]
        action = body["action"]
        if action not in found.actions:
            found.actions[action] = position
        if details is not None:
            wrong = _undeclared(details.get(action), body.get("d"))
            if wrong is not None:
                found.faults.append(Fault(position, "undeclared", f"entry {position}: {wrong}"))
        if action[:4] == "log.":
            found.own_events.append((position, appended, body))
    found.last_us, found.last_hash = last_us, previous


def _undeclared(declared: dict[str, str] | None, details: dict[str, Any] | None) -> str | None:
    if declared is None:
        return "its action was not declared"
    if details:
        for key, item in details.items():
            kind = _JOINING.get(key) or declared.get(key)
            if kind is None or not DETAIL_TYPES[kind](item):
                return f"its detail '{key}' was not declared so"
    return None


_opened: dict[tuple[str, str | None], Source] = {}


def _work(spec: str, token: str | None, numbers: range, asked: Asked) -> list[Bundle]:
    """The bundles of a run, in a worker's process."""
    source = _opened.get((spec, token))
    if source is None:
        source = _opened[spec, token] = source_of(spec, token)
    return [inspect(source, number, asked) for number in numbers]


def inspect_all(source: Source, asked: Asked, numbers: Sequence[int], jobs: int) -> Iterator[Bundle]:
    """All bundles in order, spread over processes where that pays."""
    runs = [range(at, min(at + 8, len(numbers))) for at in range(0, len(numbers), 8)]
    pool = None
    if jobs > 1 and len(numbers) > 64:
        try:
            pool = concurrent.futures.ProcessPoolExecutor(jobs)
        except (OSError, NotImplementedError):
            pool = None
    if pool is None:
        for number in numbers:
            yield inspect(source, number, asked)
        return
    with pool:
        waiting: deque[concurrent.futures.Future[list[Bundle]]] = deque()
        for run in runs:
            chosen = cast(range, [numbers[at] for at in run])
            waiting.append(pool.submit(_work, source.spec, source.token, chosen, asked))
            if len(waiting) > 4 * jobs:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


# --------------------------------------------------------------------------------------------------
# The tree as the entries have it, and as the hash tiles have it


class Tree:
    """Hashes of complete subtrees of 256^level entries, from below (entries) or from the tiles."""

    def __init__(self, source: Source, size: int, wanted: frozenset[int] | None) -> None:
        self.source, self.size, self.wanted = source, size, wanted
        self.own: dict[int, bytes] = {}
        self.tiles: dict[int, bytes] = {}
        self.node = functools.lru_cache(maxsize=200_000)(self._node)
        self.tile = functools.lru_cache(maxsize=2000)(self._tile)
        self.leaves = functools.lru_cache(maxsize=64)(self._leaves)

    def width(self, level: int, number: int) -> int:
        """How many hashes a tile holds at this size."""
        return min(TILE, (self.size >> 8 * level) - number * TILE)

    def _tile(self, level: int, number: int) -> list[bytes] | None:
        width = self.width(level, number)
        if width <= 0:
            return None
        try:
            return read_tile(self.source, level, number, width)
        except NotReadable:
            return None

    def _leaves(self, number: int, below: bool) -> list[bytes] | None:
        """Leaf hashes of a bundle."""
        width = self.width(0, number)
        own = None
        if below and (self.wanted is None or number in self.wanted):
            try:
                read = read_bundle(self.source, number, width)
            except NotReadable:
                read = None
            if read is not None and len(read[0]) == width:
                own = [leaf_hash(entry) for entry in read[0]]
        return own or self.tile(0, number) or (self.leaves(number, True) if not below else None)

    def _node(self, level: int, index: int, below: bool) -> bytes | None:
        if level == 0:
            leaves = self.leaves(index >> 8, below)
            return None if leaves is None else leaves[index & 255]
        if level == 1 and below and index in self.own:
            return self.own[index]
        if not below or level > 1:
            above = None if below else self.tile(level, index >> 8)
            if above is not None:
                return above[index & 255]
        if level == 1:
            found = self.tiles.get(index) or self.own.get(index)
            if found is None:
                leaves = self.tile(0, index)
                found = None if leaves is None else perfect(leaves)
        else:
            children = []
            for child in range(index * TILE, (index + 1) * TILE):
                one = self.node(level - 1, child, below)
                if one is None:
                    break
                children.append(one)
            found = perfect(children) if len(children) == TILE else None
        if found is None and below:
            above = self.tile(level, index >> 8)
            found = None if above is None else above[index & 255]
        return found

    def root(self, size: int, below: bool) -> bytes | None:
        """The root over the first ``size`` entries; ``None`` where hashes for it are not given."""
        nodes: list[tuple[int, bytes]] = []
        for level in range(7, -1, -1):
            end = size >> 8 * level
            for index in range(end >> 8 << 8, end):
                node = self.node(level, index, below)
                if node is None:
                    return None
                nodes.append((8 * level, node))
        return fold(nodes)


# --------------------------------------------------------------------------------------------------
# The whole verification


_ENTRY_KINDS = (
    "bundle", "form", "sequence", "start", "time", "catalogue", "undeclared", "truncated", "missing",
    "altered", "chain", "root", "fork", "tile",
)  # fmt: skip
"""Faults of entries and hashes; at one position, the more telling first."""


class Report:
    """What was checked, what was not, and what is wrong."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.origin = ""
        self.size: int | None = None
        self.root = b""
        self.keys: list[str] = []
        self.checked: list[tuple[str, int, str]] = []
        self.not_checked: list[tuple[str, bool, str]] = []
        """What, whether it was asked for, why not."""
        self.remarks: list[Fault] = []
        self.faults: list[Fault] = []
        self.unreadable = False

    def fault(self, position: int, kind: str, sentence: str, last: int | None = None) -> None:
        assert kind in KINDS, kind
        self.faults.append(Fault(max(position, 0), kind, sentence, last))

    def remark(self, position: int, kind: str, sentence: str) -> None:
        self.remarks.append(Fault(position, kind, sentence))

    def done(self, what: str, count: int, words: str) -> None:
        if count:
            self.checked.append((what, count, words))

    def left(self, what: str, why: str, *, asked: bool) -> None:
        self.not_checked.append((what, asked, why))

    def sort(self) -> None:
        """The most telling fault first: what is wrong with an entry, then with what lies around it."""
        of_entries = len(_ENTRY_KINDS)

        def rank(one: Fault) -> tuple[bool, int, int, str]:
            place = _ENTRY_KINDS.index(one.kind) if one.kind in _ENTRY_KINDS else of_entries
            return place == of_entries, one.position, place, one.kind

        self.faults = sorted(set(self.faults), key=rank)[:1000]
        self.remarks.sort(key=lambda one: one.position)

    @property
    def exit_code(self) -> int:
        if self.faults:
            return 1
        if self.unreadable:
            return 4
        return 3 if any(asked for _, asked, _ in self.not_checked) else 0

    def json(self) -> str:
        """The report as one JSON object."""

        def told(one: Fault) -> dict[str, Any]:
            value = {"position": one.position, "kind": one.kind, "sentence": one.sentence}
            return value if one.last is None else {**value, "last": one.last}

        return json.dumps(
            {
                "format": "muniment-verify/1",
                "source": self.source,
                "origin": self.origin,
                "size": self.size,
                "root": self.root.hex(),
                "keys": self.keys,
                "checked": [{"what": what, "count": count, "words": words} for what, count, words in self.checked],
                "not_checked": [{"what": what, "asked": asked, "why": why} for what, asked, why in self.not_checked],
                "remarks": [told(one) for one in self.remarks],
                "faults": [told(one) for one in self.faults],
                "exit": self.exit_code,
            },
            indent=1,
        )

    def words(self) -> str:
        """The report as a person reads it."""
        lines = [f"Source: {self.source}"]
        if self.size is not None:
            lines += [f"Log:    {self.origin}, {self.size} entries", f"Root:   {self.root.hex()}"]
        lines += [f"Key:    {key}" for key in self.keys]
        if self.checked:
            lines += ["", "Checked:"] + [f"  {count:>9}  {what}: {words}" for what, count, words in self.checked]
        if self.not_checked:
            lines += ["", "Not checked:"]
            lines += [f"  {what}: {why}{' (this was asked for)' * asked}" for what, asked, why in self.not_checked]
        if self.remarks:
            lines += ["", "To be known:"] + [f"  at {one.position}: {one.sentence}" for one in self.remarks[:50]]
            lines += [f"  … and {len(self.remarks) - 50} more"] * (len(self.remarks) > 50)
        if self.faults:
            lines += ["", "WRONG:"]
            for one in self.faults[:50]:
                where = f"position {one.position}" if one.last is None else f"positions {one.position} to {one.last}"
                lines.append(f"  {where}: {one.kind}: {one.sentence}")
            lines += [f"  … and {len(self.faults) - 50} more"] * (len(self.faults) > 50)
        verdict = {
            0: "Nothing is wrong with what was checked.",
            1: "THIS IS NOT THE LOG THAT WAS SIGNED, or what goes with it is wrong: see above.",
            3: "Nothing wrong was found, but not all that was asked for could be checked.",
            4: "This could not be read.",
        }
        return "\n".join([*lines, "", verdict[self.exit_code], ""])


class Verification:
    """One run over one source."""

    def __init__(self, source: Source, options: argparse.Namespace, report: Report, signers: Signers) -> None:
        self.source, self.options, self.report, self.signers = source, options, report, signers
        self.policy: Policy | None = options.policy
        self.pinned: list[Key] = options.key
        self.in_force: list[tuple[int, Key, bool]] = []
        """Position of the entry that put a key into force, the key, whether the one before was lost."""
        self.known: list[Key] = []
        self.manifest: dict[str, Any] | None = None
        self.names: frozenset[str] = frozenset()
        self.withdrawn: list[tuple[int, int, int]] = []
        self.declared: dict[str, dict[str, str]] | None = None
        self.catalogues: dict[str, list[dict[str, Any]]] = {}
        self.own_events: list[tuple[int, int, dict[str, Any]]] = []
        self.notes: dict[tuple[int, bytes], Note] = {}
        self.good: dict[int, Note] = {}
        """Checkpoints by size that the log agrees with."""
        self.below: bool | None = None
        """Which of the two trees has the signed root."""

    # -- the order of things

    def run(self) -> None:
        report = self.report
        try:
            self.names = frozenset(self.source.names())
            data = self.source.read("checkpoint")
            if data is None and not any(name.startswith("tile/") for name in self.names):
                report.left("source", "there is no checkpoint, so this is no log", asked=True)
                report.unreadable = True
                return
            note = parse_note(data)
        except NotReadable as error:
            report.fault(0, "checkpoint", f"the checkpoint cannot be read: {error}")
            report.unreadable = True
            return
        self.note, self.size = note, note.size
        report.origin, report.size, report.root = note.origin, note.size, note.root
        self._read_manifest()
        self._read_withdrawn()
        self._read_catalogues()
        self.tree = Tree(self.source, self.size, self._wanted())
        self._read_entries()
        self._compare_roots(self._bundles)
        self._keys()
        self.is_signed = self._check_signature(note, "the checkpoint")
        if not self.is_signed:
            # What nobody signed says nothing of the entries.
            self.root_is_wrong = False
        self._earlier()
        self._catalogue_order()
        self._heartbeats()
        self._receipts()
        self._proofs()
        self._openings()
        self._witnesses()
        self._timestamps()
        self._seals()
        self._tiles_beside()

    def _get(self, path: str, limit: int = MAX_NOTE) -> bytes | None:
        try:
            return self.source.read(path, limit)
        except NotReadable as error:
            self.report.fault(self._position_of(path), "archive", f"{path} cannot be read: {error}")
            return None

    def _named(self, folder: str, ending: str = "") -> list[str]:
        prefix = folder + "/"
        return sorted(name for name in self.names if name.startswith(prefix) and name.endswith(ending))

    # -- what lies beside the log

    def _read_manifest(self) -> None:
        data = self._get("manifest.json", 1 << 30)
        if data is None:
            return
        report = self.report
        try:
            manifest = json.loads(data)
            files = manifest["files"]
            if manifest["format"] != "muniment-evidence/1" or not all(_text(_DIGEST, one) for one in files.values()):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            report.fault(0, "manifest", "the list of the export's files cannot be read")
            return
        self.manifest = manifest
        for path, digest in sorted(files.items()):
            where = self._position_of(path)
            try:
                found = self.source.read(path, max(MAX_BUNDLE, 1 << 28))
            except NotReadable as error:
                report.fault(where, "archive", f"{path} cannot be read: {error}")
                continue
            if found is None:
                report.fault(where, "manifest", f"{path} is on the list of the export's files and is not there")
            elif hashlib.sha256(found).hexdigest() != digest:
                report.fault(where, "manifest", f"{path} is not the file that the list of the export's files names")
        for path in sorted(self.names - files.keys() - {"manifest.json"}):
            report.fault(self._position_of(path), "manifest", f"{path} is not on the list of the export's files")
        for said, is_so in (("origin", report.origin), ("size", self.size)):
            if manifest.get(said) not in (None, is_so):
                report.fault(0, "manifest", f"the export's list states another {said} than its checkpoint")
        report.done("files", len(files), "each has the SHA-256 that the export's list names")

    def _position_of(self, path: str) -> int:
        tile = tile_of(path)
        if tile is not None:
            return tile[1] * TILE * (1 if tile[0] == "entries" else TILE ** int(tile[0]))
        match = re.search(r"/([0-9]{1,15})\.", path)
        return int(match[1]) if match else 0

    def _read_withdrawn(self) -> None:
        data = self._get("withdrawn.json", 1 << 26)
        if data is None:
            return
        try:
            for one in json.loads(data):
                begin, end, event = one["from"], one["to"], one["event"]
                if not (_count(begin) and _count(end) and _count(event) and begin < end):
                    raise ValueError
                self.withdrawn.append((begin, end, event))
        except (ValueError, KeyError, TypeError):
            self.report.fault(0, "missing", "the list of withdrawn entries cannot be read")

    def _read_catalogues(self) -> None:
        if self.options.fast:
            return
        given: dict[str, bytes] = {}
        for name in self._named("catalogues", ".json"):
            data = self._get(name, 1 << 24)
            if data is not None:
                given[Path(name).stem] = data
        for path in self.options.catalogue:
            data = path.read_bytes()
            given[hashlib.sha256(data).hexdigest()] = data
        if not given:
            self.report.left("actions", "no catalogue of actions is given", asked=False)
            return
        self.declared = {}
        for digest, data in given.items():
            try:
                if hashlib.sha256(data).hexdigest() != digest:
                    raise NotReadable("its bytes do not have the digest it is named after")
                actions = parse_canonical(data)
                for one in actions:
                    kinds = {item["key"]: item["type"] for item in one["details"]}
                    if not set(kinds.values()) <= DETAIL_TYPES.keys():
                        raise NotReadable("it names a type of details that there is not")
                    self.declared.setdefault(one["action"], {}).update(kinds)
                self.catalogues[digest] = actions
            except (NotReadable, KeyError, TypeError, AttributeError) as error:
                why = str(error) if isinstance(error, NotReadable) else "it is malformed"
                self.report.fault(0, "catalogue", f"the catalogue {digest[:16]}… cannot be used: {why}")

    def _wanted(self) -> frozenset[int] | None:
        """The bundles that an export holds; ``None``: all of the log should be there."""
        scope = (self.manifest or {}).get("scope")
        if self.manifest is None or (isinstance(scope, dict) and scope.get("whole") is True):
            return None
        there = set()
        for name in self.names:
            tile = tile_of(name)
            if tile is not None and tile[0] == "entries":
                there.add(tile[1])
        if isinstance(scope, dict) and _count(scope.get("from")) and _count(scope.get("to")):
            begin, end = scope["from"], min(scope["to"], self.size)
            there.update(range(begin // TILE, (end + TILE - 1) // TILE))
        return frozenset(there)

    # -- entries and hashes

    def _read_entries(self) -> None:
        wanted = self.tree.wanted
        count = (self.size + TILE - 1) // TILE
        numbers: Sequence[int] = range(count) if wanted is None else sorted(one for one in wanted if one < count)
        details = self.declared if self.catalogues else None
        asked = Asked(self.size, self.options.fast, details, wanted)
        self._bundles: list[Bundle] = []
        self._first_of: dict[str, int] = {}
        before: Bundle | None = None
        entries = self._tiles = 0
        self._has_first = False
        refused: set[str] = set()
        for bundle in inspect_all(self.source, asked, numbers, self.options.jobs):
            entries += bundle.count
            full = self.tree.width(0, bundle.number) == TILE
            if full and bundle.own is not None:
                self.tree.own[bundle.number] = bundle.own
            if full and bundle.tile is not None:
                self.tree.tiles[bundle.number] = bundle.tile
            if bundle.unread is not None:
                refused.add(bundle.unread)
            for action, position in bundle.actions.items():
                self._first_of.setdefault(action, position)
            self.own_events += bundle.own_events
            self._join(before, bundle)
            self.report.faults += bundle.faults
            if bundle.differs or bundle.breaks or not bundle.there or bundle.own != bundle.tile:
                self._bundles.append(bundle)
            self._tiles += bundle.has_tile
            self._has_first |= bundle.number == 0 and bundle.count > 0
            before = bundle
        self._missing([one for one in self._bundles if not one.there], count)
        for why in sorted(refused):
            self.report.left("entries", f"bundles cannot be read: {why}", asked=True)
        what = "only hashed, as asked" if self.options.fast else "form, position, chain, time, body"
        if self.catalogues and not self.options.fast:
            what += ", action and details against the catalogue"
        self.report.done("entries", entries, what)
        if self.options.fast:
            self.report.left("what entries say", "only hashes were asked for", asked=False)
        self.entries = entries

    def _join(self, before: Bundle | None, bundle: Bundle) -> None:
        """Whether two bundles fit together."""
        if self.options.fast or bundle.first_previous is None:
            return
        first = bundle.number * TILE
        if bundle.number == 0:
            if bundle.first_previous != "0" * 64:
                bundle.breaks.insert(0, (0, False))
            return
        expected = before.last_hash if before is not None and before.number == bundle.number - 1 else ""
        if not expected:
            leaves = self.tree.tile(0, bundle.number - 1)
            expected = leaves[-1].hex() if leaves is not None else ""
        if expected and bundle.first_previous != expected:
            bundle.breaks.insert(0, (first, bundle.first_is_followed))
        if before is not None and before.number == bundle.number - 1 and before.last_us:
            if bundle.first_us < before.last_us:
                self.report.fault(first, "time", f"entry {first} is dated before entry {first - 1}")
            elif bundle.first_us - before.last_us > SILENCE_US:
                said = any(at == first and body["action"] == "log.gap" for at, _, body in bundle.own_events)
                bundle.silences.insert(0, (first, bundle.first_us - before.last_us, said))
        for position, length, said in bundle.silences:
            words = "the entry says so itself" if said else "no entry says why"
            seconds = length // 1_000_000
            self.report.remark(position, "silence", f"nothing was written for {seconds} s before this entry; {words}")

    def _missing(self, absent: list[Bundle], count: int) -> None:
        """Bundles that are not there: withdrawn, or missing, or cut off at the end."""
        gone = [one.number for one in absent if one.unread is None]
        events = {at: body for at, _, body in self.own_events}
        explained = set()
        for begin, end, event in self.withdrawn:
            wrong = self._not_withdrawn(begin, end, event, events.get(event))
            if wrong is not None:
                sentence = f"entries {begin} to {end - 1} are said to be withdrawn{wrong}"
                self.report.fault(begin, "missing", sentence, end - 1)
                continue
            numbers = [one for one in gone if begin <= one * TILE and min((one + 1) * TILE, self.size) <= end]
            if numbers:
                explained.update(numbers)
                sentence = f"entries {begin} to {end - 1} were withdrawn by two persons, as entry {event} says; "
                sentence += "their hashes are there"
                self.report.remark(begin, "withdrawn", sentence)
        left = [number for number in gone if number not in explained]
        for first, last in _runs(left):
            begin, end = first * TILE, min((last + 1) * TILE, self.size) - 1
            if last == count - 1 and self.tree.wanted is None:
                sentence = f"entries {begin} to {end} are missing at the end; the checkpoint covers {self.size}"
                self.report.fault(begin, "truncated", sentence, end)
            else:
                self.report.fault(begin, "missing", f"entries {begin} to {end} are missing", end)

    def _not_withdrawn(self, begin: int, end: int, event: int, body: dict[str, Any] | None) -> str | None:
        """Why an entry does not withdraw a range; ``None`` where two persons did so by it."""
        if body is None and event < self.size and (alone := self._entry(event)) is not None:
            # Held against the signed root with the other single entries.
            try:
                body = parse_entry(alone)["b"]
            except NotReadable:
                body = None
        if body is None or body["action"] != "log.withdrawn" or event >= self.size:
            return f", and entry {event} does not say so"
        details, actor = body.get("d", {}), body["actor"]
        if (details.get("from"), details.get("to")) != (begin, end):
            return f"; entry {event} says it of others"
        if "i" not in actor or body.get("x", actor["i"]) == actor["i"] or body["outcome"] != "done":
            return f", and by entry {event} no two persons did so"
        if begin % TILE or end % TILE or not TILE <= begin < end <= event:
            return f" by entry {event}, which cannot be: only whole bundles from before it can, and never the first"
        return None

    def _compare_roots(self, doubtful: list[Bundle]) -> None:
        """Hold entries and tiles against the signed root, and tell which of them is wrong where."""
        report, tree = self.report, self.tree
        for below in (True, False):
            if tree.root(self.size, below) == self.note.root:
                self.below = below
                break
        for bundle in doubtful:
            self._judge(bundle)
        for bundle in doubtful:
            self._judge_chain(bundle)
        if self.below is not None:
            report.done("root", 1, "the hashes lead to the signed root")
            self._upper_tiles()
            return
        exact = {"altered", "chain", "form", "sequence", "bundle", "missing", "truncated"}
        if tree.root(self.size, False) is None and tree.root(self.size, True) is None:
            if not any(one.kind in exact | {"tile"} for one in report.faults):
                report.left("root", "the hashes that lead to the signed root are not all given", asked=True)
            return
        if not any(one.kind in exact for one in report.faults):
            self.root_is_wrong = True

    root_is_wrong = is_signed = False

    def _judge(self, bundle: Bundle) -> None:
        """Where entries and hash tile differ: which of them is not what was signed?"""
        number = bundle.number
        if not bundle.differs:
            return
        kind: str | None = None
        if self.below:
            kind = "tile"
        elif self.below is False:
            if self.tree.width(0, number) < TILE:
                kind = "altered"
            else:
                truth = self.tree.node(1, number, False)
                kind = "altered" if truth == bundle.tile else "tile" if truth == bundle.own else None
        if any(one.kind in ("bundle", "sequence") and one.position // TILE == number for one in bundle.faults):
            # One that was left out or put in moves all that follow.
            return
        for begin, end, guess in bundle.differs:
            if (kind or guess) == "tile":
                path = tile_path(0, number, self.tree.width(0, number))
                sentence = f"the hash tile {path} does not hold the hash of entry {begin}"
                self.report.fault(begin, "tile", sentence, end if end > begin else None)
            else:
                sentence = f"entry {begin} is not the one whose hash the log published"
                if kind is not None:
                    sentence = f"entry {begin} is not the one that the checkpoint over {self.size} entries covers"
                self.report.fault(begin, "altered", sentence, end if end > begin else None)

    def _judge_chain(self, bundle: Bundle) -> None:
        """Entries that do not fit together: the earlier is wrong where the later was followed."""
        bad = {one.position for one in self.report.faults if one.kind in _ENTRY_KINDS[:-1]}
        spans = [(one.position, one.last) for one in self.report.faults if one.last is not None]
        for position, followed in bundle.breaks:
            near = {position - 1, position}
            if near & bad or any(begin <= one <= end for one in near for begin, end in spans):
                continue
            # Where all entries lead to the signed root, the one that names another was signed so.
            if position and followed is not False and not self.below:
                sentence = f"entry {position - 1} is not the one that entry {position} followed"
                self.report.fault(position - 1, "altered", sentence)
            else:
                sentence = f"entry {position} names another predecessor than it has"
                self.report.fault(position, "chain", sentence)

    def _upper_tiles(self) -> None:
        """Authenticate every hash tile above the lowest, and that none is missing."""
        report, tree, counted = self.report, self.tree, self._tiles
        whole = tree.wanted is None
        for level in range(1, 8):
            for number in range(((self.size >> 8 * level) + TILE - 1) // TILE):
                width = tree.width(level, number)
                path, where = tile_path(level, number, width), number * TILE ** (level + 1)
                try:
                    found = read_tile(self.source, level, number, width)
                except NotReadable as error:
                    report.fault(where, "tile", f"the hash tile {path} is damaged: {error}")
                    continue
                if found is None:
                    if whole:
                        report.fault(where, "tile", f"the hash tile {path} is missing")
                    continue
                counted += 1
                for place, value in enumerate(found):
                    index = number * TILE + place
                    truth = tree.node(level, index, True) if self.below else self._from_below(level, index)
                    if truth is not None and truth != value:
                        position = index * TILE**level
                        report.fault(position, "tile", f"the hash tile {path} does not hold the hash over its entries")
                        break
        if whole:
            for bundle in self._bundles:
                if not bundle.has_tile and not any(one.kind == "tile" for one in bundle.faults):
                    path = tile_path(0, bundle.number, tree.width(0, bundle.number))
                    report.fault(bundle.number * TILE, "tile", f"the hash tile {path} is missing")
        report.done("tiles", counted, "every hash tile leads to the signed root")

    def _from_below(self, level: int, index: int) -> bytes | None:
        """What the tiles one level lower make of a hash."""
        if level == 1:
            return self.tree.tiles.get(index)
        children = self.tree.tile(level - 1, index)
        return perfect(children) if children is not None and len(children) == TILE else None

    # -- keys and checkpoints

    def _keys(self) -> None:
        """The keys that were in force, from what the log says about itself."""
        report = self.report
        for position, _, body in self.own_events:
            action, details = body["action"], body.get("d", {})
            if (position == 0) != (action == "log.started"):
                if position == 0 or action == "log.started":
                    self._not_a_start(position)
                continue
            if action not in ("log.started", "log.key_changed"):
                continue
            try:
                key, lost = parse_key(details["vkey"]), action == "log.key_changed" and details["lost"]
                if key.name != report.origin or key.type != ED25519 or details.get("origin", key.name) != key.name:
                    raise NotReadable("it is of another log")
            except (NotReadable, KeyError, TypeError, AttributeError):
                report.fault(position, "start", f"entry {position} does not name a key of this log as it must")
                continue
            self.in_force.append((position, key, bool(lost)))
        started = any(at == 0 for at, _, _ in self.in_force)
        if self._has_first and not started and not any(one.position < TILE for one in report.faults):
            self._not_a_start(0)
        self.known = [key for _, key, _ in self.in_force]
        for line in (self.manifest or {}).get("vkeys", []):
            try:
                key = parse_key(str(line))
            except NotReadable as error:
                report.fault(0, "manifest", f"a key in the export's list cannot be read: {error}")
                continue
            if key not in self.known:
                self.known.append(key)
        report.keys = [str(key) for key in self.known]
        trusted = [*self.pinned, *(self.policy.logs if self.policy else ())]
        whole = started and self.tree.wanted is None and not self.options.fast
        if not trusted:
            why = "no key from outside is given (--key): the log vouches for itself"
            report.left("key", why, asked=False)
        elif not any(key in self.known for key in trusted):
            if whole or started:
                report.fault(0, "key", "the key you trust was never a key of this log")
            else:
                self.known += trusted
        else:
            report.done("key", 1, "the key you trust is a key of this log")

    @property
    def _is_whole(self) -> bool:
        """Whether all that the log says about itself should be here, so that what no entry says was never said.

        Entries that put a key or a catalogue into force are never withdrawn.
        """
        return self.tree.wanted is None and self._has_first

    def _not_a_start(self, position: int) -> None:
        self.report.fault(position, "start", f"entry {position} is not what it must be: entry 0 alone starts a log")

    def _needed(self, size: int) -> list[Key]:
        """The key in force over so many entries; where that is not known, all that are."""
        if self._is_whole and self.in_force and self.in_force[0][0] == 0:
            return [[key for at, key, _ in self.in_force if at < max(size, 1)][-1]]
        trusted = [*self.pinned, *(self.policy.logs if self.policy else ())]
        return trusted or self.known

    def _check_signature(self, note: Note, what: str) -> bool:
        """Whether the key in force signed; says what is wrong."""
        report, where = self.report, note.size - 1
        if note.origin != report.origin:
            report.fault(where, "checkpoint", f"{what} over {note.size} entries is of another log, {note.origin}")
            return False
        needed = self._needed(note.size)
        if not needed:
            report.left("signature", "no key of the log is known: name it by --key", asked=True)
            return False
        said = [self.signers.signed(note, key) for key in {*needed, *self.known}]
        if False in said:
            report.fault(where, "signature", f"a signature on {what} over {note.size} entries is wrong")
            return False
        if not any(self.signers.signed(note, key) for key in needed):
            report.fault(where, "signature", f"{what} over {note.size} entries is not signed by the key in force")
            return False
        return True

    def _earlier(self) -> None:
        """Every other checkpoint there is: the log must have grown out of each."""
        for name in self._named("checkpoints"):
            self._collect(name, self._get(name), "checkpoint")
        for name in self._named("proofs", ".tlog-proof"):
            data = self._get(name)
            if data is not None:
                try:
                    note = parse_proof(data).note
                except NotReadable:
                    continue
                self.notes.setdefault((note.size, note.root), note)
        held: dict[tuple[int, bytes], Source | None] = {}
        for given in self.options.earlier:
            read, other = _earlier_of(given)
            self.notes[read.size, read.root] = read
            held[read.size, read.root] = other
        self.notes.pop((self.size, self.note.root), None)
        self.good[self.size] = self.note
        covered = counted = 0
        for (size, root), note in sorted(self.notes.items()):
            mine = (size, root) in held
            what = "the checkpoint you hold" if mine else "a checkpoint"
            if not self._check_signature(note, what):
                continue
            if size > self.size:
                sentence = f"{what} covers {size} entries, and the log ends after {self.size}: the rest is missing"
                self.report.fault(self.size, "truncated", sentence, size - 1)
                continue
            now = self.tree.root(size, True if self.below is None else self.below)
            if now is None:
                why = f"the hashes that lead to the root over {size} entries are not given"
                self.report.left("consistency", why, asked=mine)
            elif now == root:
                covered, counted = size, counted + 1
                self.good[size] = note
            else:
                self._fork(note, covered, what, held.get((size, root)))
        if self.root_is_wrong:
            last = self.size - 1
            which = f"entry {covered}" if covered == last else f"one of the entries {covered} to {last}"
            sentence = f"{which} is not what the checkpoint over {self.size} entries signed"
            self.report.fault(covered, "root", sentence, last if last > covered else None)
        counted += self.is_signed
        self.report.done("checkpoints", counted, "signed by the key in force, and the log grew out of each")
        if not self.options.earlier:
            why = "no checkpoint that was kept outside is given (--earlier)"
            self.report.left("earlier checkpoints", why, asked=False)
        self._key_changes()

    def _collect(self, name: str, data: bytes | None, what: str) -> None:
        try:
            note = parse_note(data)
        except NotReadable as error:
            self.report.fault(self._position_of(name + "."), "checkpoint", f"the {what} {name} cannot be read: {error}")
            return
        self.notes.setdefault((note.size, note.root), note)

    def _fork(self, note: Note, covered: int, what: str, other: Source | None) -> None:
        """A checkpoint of the same log over other entries: where do they part?"""
        size = note.size
        span = range(covered, size)
        exact = sorted(one.position for one in self.report.faults if one.kind in _ENTRY_KINDS and one.position in span)
        if other is not None:
            held = Tree(other, size, None)
            for number in range(covered // TILE, (size + TILE - 1) // TILE):
                mine, theirs = self.tree.leaves(number, True), held.leaves(number, True)
                if mine is None or theirs is None:
                    break
                apart = [at for at, (one, two) in enumerate(_pairs(mine, theirs)) if one != two]
                if apart:
                    exact = [number * TILE + apart[0]]
                    break
        if exact:
            sentence = (
                f"{what} over {size} entries contradicts the log: entry {exact[0]} was changed after it was signed"
            )
            self.report.fault(exact[0], "fork", sentence)
        else:
            which = f"entry {covered}" if covered == size - 1 else f"one of the entries {covered} to {size - 1}"
            sentence = f"{what} over {size} entries contradicts the log: {which} was changed after it was signed"
            self.report.fault(covered, "fork", sentence, size - 1 if size - 1 > covered else None)

    def _key_changes(self) -> None:
        """Who vouches for each change of the key."""
        for place in range(1, len(self.in_force)):
            position, key, lost = self.in_force[place]
            before = self.in_force[place - 1][1]
            trusts_after = any(one in self.pinned for _, one, _ in self.in_force[place:])
            asked = bool(self.pinned) and not trusts_after
            if lost:
                words = f"the key was replaced as lost in entry {position}: the key before does not vouch for it"
                self.report.remark(position, "key", words)
                if asked:
                    self.report.left("key", words, asked=True)
                continue
            both = [
                note
                for size, note in self.good.items()
                if size > position and self.signers.signed(note, before) and self.signers.signed(note, key)
            ]
            if not both:
                why = f"no checkpoint given over entry {position}, which changes the key, is signed by both keys"
                self.report.left("key", why, asked=asked)

    def _catalogue_order(self) -> None:
        """Catalogues only grow, and each action is declared before it is used."""
        if not self.catalogues:
            return
        report = self.report
        declared_at: dict[str, int] = {}
        published: dict[str, Any] = {}
        for position, _, body in self.own_events:
            if body["action"] not in ("log.started", "log.catalogue_extended"):
                continue
            digest = body.get("d", {}).get("catalogue")
            actions = self.catalogues.get(str(digest))
            if actions is None:
                sentence = f"the catalogue that entry {position} declares is missing or altered"
                report.fault(position, "catalogue", sentence)
                return
            now = {one["action"]: one for one in actions}
            if any(now.get(name) != one for name, one in published.items()):
                report.fault(position, "catalogue", f"entry {position} changes an action published before")
            published = now
            for name in now:
                declared_at.setdefault(name, position)
        if not self._is_whole or not published:
            return
        for action, position in self._first_of.items():
            if declared_at.get(action, self.size) > position:
                sentence = f"entry {position} is of an action that was not declared before it"
                report.fault(position, "undeclared", sentence)
            else:
                kinds = {item["key"]: item["type"] for item in published[action]["details"]}
                if self.declared is not None and self.declared.get(action) != kinds:
                    sentence = (
                        f"a catalogue that the log does not declare says otherwise of the action of entry {position}"
                    )
                    report.fault(position, "catalogue", sentence)
        report.done("catalogues", len(self.catalogues), "as declared, and each only adds to the one before")

    def _heartbeats(self) -> None:
        """Signs of life that stayed away, and what they say of the intake."""
        last: tuple[int, int] | None = None
        high = 0
        beats = 0
        for position, appended, body in self.own_events:
            if body["action"] != "log.heartbeat":
                continue
            beats += 1
            if last is not None and appended - last[1] > SILENCE_US + 30_000_000:
                seconds = (appended - last[1]) // 1_000_000
                words = f"no heartbeat for {seconds} s before entry {position}: the keeper did not run"
                self.report.remark(position, "heartbeat", words)
            now = body.get("d", {}).get("intake_high", 0)
            if type(now) is int and now < high:
                words = f"the intake of changes went back from {high} to {now}: its database was set back"
                self.report.remark(position, "intake", words)
            high = max(high, now if type(now) is int else 0)
            last = (position, appended)
        self.report.done("heartbeats", beats, "their distances and the numbers of the intake")

    # -- what somebody holds

    def _true_leaf(self, position: int) -> bytes | None:
        """The authenticated hash of an entry; ``None`` where it is not given."""
        if not 0 <= position < self.size:
            return None
        return self.tree.node(0, position, True if self.below is None else self.below)

    def _entry(self, position: int) -> bytes | None:
        """The bytes of an entry, from its own file or its bundle."""
        data = self._get(f"leaves/{position}.json", MAX_ENTRY) if self.names else None
        if data is None and 0 <= position < self.size:
            number = position // TILE
            if self.tree.wanted is None or number in self.tree.wanted:
                try:
                    read = read_bundle(self.source, number, self.tree.width(0, number))
                except NotReadable:
                    return None
                if read is not None and position % TILE < len(read[0]):
                    return read[0][position % TILE]
        return data

    def _receipts(self) -> None:
        report, counted = self.report, 0
        for position, digest in self.options.receipt:
            if position >= self.size:
                sentence = f"the receipt is for entry {position}, and the log as given ends before it"
                report.fault(
                    position, "receipt", f"{sentence}; if it is younger than the checkpoint, ask for a later one"
                )
                continue
            true = self._true_leaf(position)
            entry = self._entry(position)
            if true is None and entry is None:
                report.left("receipt", f"neither entry {position} nor its hash is given", asked=True)
            elif digest not in (true, None if entry is None else leaf_hash(entry)) or digest != (true or digest):
                report.fault(position, "receipt", f"entry {position} is not the one that the receipt was given for")
            elif true is None:
                report.left(
                    "receipt", f"entry {position} fits, and no hash tile proves that it is in the log", asked=True
                )
            else:
                counted += 1
        report.done("receipts", counted, "each names the entry at its position")

    def _proofs(self) -> None:
        """Single entries with their proofs."""
        report, proved = self.report, set()
        for name in self._named("proofs", ".tlog-proof"):
            position = self._position_of(name)
            data = self._get(name)
            if data is None:
                continue
            try:
                proof = parse_proof(data)
            except NotReadable as error:
                report.fault(position, "proof", f"the proof {name} cannot be read: {error}")
                continue
            entry = self._entry(position)
            leaf = self._true_leaf(position) if entry is None else leaf_hash(entry)
            if proof.position != position:
                report.fault(position, "proof", f"the proof {name} is for entry {proof.position}")
            elif leaf is None:
                report.left("proof", f"the entry that {name} proves is not given", asked=False)
            elif not included(leaf, position, proof.note.size, proof.path, proof.note.root):
                report.fault(position, "proof", f"the proof of entry {position} does not lead to its checkpoint")
            else:
                proved.add(position)
        report.done("proofs", len(proved), "each leads from its entry to a signed checkpoint")
        leaves = 0
        for name in self._named("leaves", ".json"):
            position = self._position_of(name)
            data = self._get(name, MAX_ENTRY)
            if data is None:
                continue
            try:
                if parse_entry(data)["s"] != position:
                    report.fault(position, "sequence", f"the entry in {name} says it is another one")
            except NotReadable as error:
                report.fault(position, "form", f"the entry in {name} cannot be read: {error}")
                continue
            true = self._true_leaf(position)
            if true is not None and true != leaf_hash(data):
                report.fault(position, "altered", f"the entry in {name} is not the one that the checkpoint covers")
            elif true is None and position not in proved:
                if not any(one.kind == "proof" and one.position == position for one in report.faults):
                    report.left("leaf", f"nothing given proves that {name} is in the log", asked=True)
            else:
                leaves += 1
        report.done("leaves", leaves, "each is the entry at its position")

    def _openings(self) -> None:
        data = self._get("openings.jsonl", 1 << 30)
        if data is None:
            return
        report, counted = self.report, 0
        held: tuple[int, Any] = (-1, None)
        for number, line in enumerate(io.BytesIO(data), start=1):
            try:
                one = json.loads(line)
                position, field, value = one["seq"], one["field"], one["value"]
                nonce = bytes.fromhex(one["nonce"])
                if type(position) is not int or len(nonce) != 32 or not _text(_KEY, field):
                    raise ValueError
            except (ValueError, KeyError, TypeError):
                report.fault(0, "opening", f"line {number} of openings.jsonl cannot be read")
                continue
            if held[0] != position:
                entry = self._entry(position)
                try:
                    held = (position, None if entry is None else parse_entry(entry)["b"])
                except NotReadable:
                    held = (position, None)
            body = held[1]
            if body is None:
                report.left("opening", f"entry {position}, whose '{field}' is opened, is not given", asked=True)
                continue
            stated = {item["f"]: item["h"] for item in body.get("c", [])}
            if (
                body["id"] != one.get("id", body["id"])
                or stated.get(field) != commitment(nonce, field, str(value)).hex()
            ):
                report.fault(position, "opening", f"the opened '{field}' is not what entry {position} committed to")
            else:
                counted += 1
        report.done("openings", counted, "each value is the one that its entry committed to")

    # -- who else saw the log

    def _last_us(self, size: int) -> int | None:
        """The append time of the last entry under a checkpoint."""
        entry = self._entry(size - 1)
        try:
            return None if entry is None else int(parse_entry(entry)["a"])
        except NotReadable:
            return None

    def _seen(self, size: int, seconds: int, who: str) -> None:
        appended = self._last_us(size)
        if appended is not None and appended > seconds * 1_000_000 + CLOCK_US:
            ahead = appended // 1_000_000 - seconds
            sentence = f"{who} saw entry {size - 1} {ahead} s before the time that the entry states"
            self.report.fault(size - 1, "clock", sentence)

    def _witnesses(self) -> None:
        report, policy = self.report, self.policy
        is_mine = policy is not None
        if policy is None:
            there = self._get("policy", 1 << 20)
            if there is None:
                report.left("witnesses", "no witness policy is given (--policy)", asked=False)
                return
            try:
                policy = parse_policy(there)
            except NotReadable as error:
                report.left("witnesses", f"the operator's own witness policy cannot be read: {error}", asked=False)
                return
            report.remark(0, "policy", "the witness policy is the one that came with the export, not one of yours")
        if policy.unknown:
            names = ", ".join(sorted(policy.unknown))
            report.left("witnesses", f"signatures of a kind that this program does not know: {names}", asked=False)
        reached, counted, best = -1, 0, 0
        for size, note in sorted(self.good.items()):
            signed = set()
            for name, key in policy.witnesses.items():
                valid, seconds = self.signers.cosigned(note, key)
                if valid is False:
                    sentence = f"the signature of witness {name} on the checkpoint over {size} entries is wrong"
                    report.fault(size - 1, "cosignature", sentence)
                elif valid:
                    signed.add(name)
                    counted += 1
                    self._seen(size, seconds, f"witness {name}")
            best = max(best, len(signed))
            if policy.met(policy.quorum, frozenset(signed)):
                reached = size
        if reached < 0 and is_mine:
            report.fault(self.size - 1, "quorum", "no checkpoint given carries the witnesses that your policy asks for")
        elif reached < 0:
            # What an operator asks of itself shows what it meant to do; nobody was promised it.
            words = f"the operator's own policy names {len(policy.witnesses)} witnesses; "
            words += f"at most {best} of them signed any checkpoint given, too few for it" if best else "none signed"
            report.remark(self.size - 1, "witnessed", words)
        elif reached < self.size:
            words = f"witnesses have seen the first {reached} entries; those behind are not witnessed yet"
            report.remark(reached, "witnessed", words)
        report.done("cosignatures", counted, f"the quorum has seen {max(reached, 0)} entries")

    def _timestamps(self) -> None:
        report = self.report
        stamps = {self._position_of(name): self._get(name) for name in self._named("timestamps", ".tsr")}
        for path in self.options.timestamp:
            named = re.match("[0-9]+", path.name)
            stamps[int(named[0]) if named else self.size] = path.read_bytes()
        if not stamps:
            if self.options.ca is not None:
                report.left("time stamps", "none is given", asked=True)
            return
        if self.options.ca is None:
            report.left("time stamps", f"{len(stamps)} are given, and no certificate to trust (--ca)", asked=False)
            return
        if shutil.which("openssl") is None:
            report.left("time stamps", "the openssl program is not installed", asked=True)
            return
        counted, latest = 0, ""
        for size, token in sorted(stamps.items()):
            note = self.good.get(size)
            if note is None or token is None:
                report.left("time stamps", f"the checkpoint over {size} entries is not given", asked=True)
                continue
            when = verify_timestamp(token, note.without_witnesses(self.known), self.options.ca)
            if when is None:
                sentence = f"the time stamp is not one of the checkpoint over {size} entries by an authority you trust"
                report.fault(size - 1, "timestamp", sentence)
                continue
            counted, latest = counted + 1, when
            seconds = _seconds(when)
            if seconds is not None:
                self._seen(size, seconds, "the time-stamping authority")
        report.done("time stamps", counted, f"verified by openssl against {self.options.ca}; the latest is of {latest}")

    def _seals(self) -> None:
        report, counted = self.report, 0
        before: tuple[bytes, dict[str, Any]] | None = None
        for name in self._named("seals", ".json"):
            data = self._get(name, 1 << 22)
            if data is None:
                continue
            where = 0
            try:
                where = int((re.search(rb'"from":([0-9]{1,15})', data) or [b"", b"0"])[1])
                seal = parse_canonical(data)
                day, note = seal["day"], parse_note(seal["checkpoint"].encode())
                if (
                    not _count(seal["from"])
                    or seal["v"] != 1
                    or seal["origin"] != report.origin
                    or not _text(_DATE, day)
                    or day not in name
                ):
                    raise NotReadable("it is not of this log and day")
                if not (seal["from"] <= seal["to"] and seal["to"] == note.size and _text(_DIGEST, seal["previous"])):
                    raise NotReadable("its range is not that of its checkpoint")
                if not any(self.signers.signed(note, key) for key in self.known):
                    raise NotReadable("its checkpoint is not signed by a key of this log")
                if before is not None:
                    if seal["previous"] != hashlib.sha256(before[0]).hexdigest():
                        raise NotReadable(f"it does not follow the seal of {before[1]['day']}")
                    if seal["from"] != before[1]["to"] or day <= before[1]["day"]:
                        raise NotReadable(f"it does not begin where the seal of {before[1]['day']} ends")
                now = self.tree.root(note.size, True if self.below is None else self.below)
                if note.size > self.size or (now is not None and now != note.root):
                    raise NotReadable("its checkpoint contradicts the log")
                token = seal.get("token")
                if token and self.options.ca and shutil.which("openssl"):
                    own = note.without_witnesses(self.known)
                    if verify_timestamp(_base64(token), own, self.options.ca) is None:
                        raise NotReadable("its time stamp is not one of its checkpoint")
            except (NotReadable, KeyError, TypeError, AttributeError) as error:
                why = str(error) if isinstance(error, NotReadable) else "it is malformed"
                report.fault(where, "seal", f"the daily seal {name} is wrong: {why}")
                before = None
                continue
            before, counted = (data, seal), counted + 1
        report.done("seals", counted, "each follows the one before and seals a checkpoint of this log")

    def _tiles_beside(self) -> None:
        """Partial tiles of earlier sizes must be beginnings of what followed."""
        if self.options.fast:
            return
        counted = 0
        for name in self._named("tile"):
            tile = tile_of(name)
            if tile is None:
                self.report.remark(0, "file", f"{name[:100]} is no tile and was passed over")
                continue
            kind, number, width = tile
            if width == TILE:
                continue
            level = 0 if kind == "entries" else int(kind)
            full = self.tree.width(level, number)
            if width >= full:
                continue
            where = number * TILE ** (level + 1)
            try:
                data = self.source.read(name, MAX_BUNDLE) or b""
                if kind == "entries":
                    plain = _inflated(data, MAX_BUNDLE) if name.endswith(".gz") else data
                    read = read_bundle(self.source, number, full)
                    good = read is None or cut(plain) == (read[0][:width], True)
                else:
                    hashes = self.tree.tile(level, number)
                    good = hashes is None or data == b"".join(hashes[:width])
            except NotReadable:
                good = False
            if good:
                counted += 1
            else:
                kind = "bundle" if kind == "entries" else "tile"
                self.report.fault(where, kind, f"the partial tile {name} is not the beginning of what followed")
        self.report.done("partial tiles", counted, "each is the beginning of what followed")


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Numbers in ascending order as runs (first, last)."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _earlier_of(path: Path) -> tuple[Note, Source | None]:
    """A checkpoint that was kept: a note, a proof with its note, or a whole earlier copy."""
    try:
        if path.is_dir() or zipfile.is_zipfile(path):
            other = source_of(str(path))
            return parse_note(other.read("checkpoint")), other
        data = path.read_bytes()
        return (parse_proof(data).note if data.startswith(b"c2sp.org/tlog-proof") else parse_note(data)), None
    except NotReadable as error:
        raise NotReadable(f"{path}: {error}") from error


def verify_timestamp(token: bytes, message: bytes, ca: Path) -> str | None:
    """When the message was stamped, by an authority under ``ca`` (RFC 3161, by openssl); ``None`` if it was not."""
    openssl = shutil.which("openssl") or "openssl"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "token").write_bytes(token)
        (folder / "message").write_bytes(message)
        for form in ([], ["-token_in"]):
            command = [
                openssl,
                "ts",
                "-verify",
                "-data",
                "message",
                "-in",
                "token",
                *form,
                "-CAfile",
                str(ca.resolve()),
            ]
            done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60)
            if done.returncode == 0:
                command = [openssl, "ts", "-reply", "-in", "token", *form, "-text"]
                told = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60)
                match = re.search(rb"Time stamp: (.+)", told.stdout)
                return match[1].decode("ascii", "replace").strip() if match else "an unknown time"
    return None


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _seconds(when: str) -> int | None:
    """Seconds since 1970 of a time as openssl prints it (``Nov  2 09:00:00 2026 GMT``)."""
    import calendar

    match = re.match(r"(\w{3}) +(\d+) (\d+):(\d+):(\d+)(?:\.\d+)? (\d+) GMT", when)
    if match is None or match[1] not in _MONTHS:
        return None
    day = (int(match[6]), _MONTHS.index(match[1]) + 1, int(match[2]), int(match[3]), int(match[4]), int(match[5]))
    return calendar.timegm((*day, 0, 0, 0))


# --------------------------------------------------------------------------------------------------
# The command line


def check_proof(options: argparse.Namespace, report: Report, signers: Signers) -> None:
    """A ``.tlog-proof`` with the entry it is for."""
    try:
        proof = parse_proof(Path(options.source).read_bytes())
    except NotReadable as error:
        report.fault(0, "proof", f"the proof cannot be read: {error}")
        report.unreadable = True
        return
    note = proof.note
    report.origin, report.size, report.root = note.origin, note.size, note.root
    trusted = [*options.key, *(options.policy.logs if options.policy else ())]
    if not trusted:
        report.left("signature", "no key of the log is known: name it by --key", asked=True)
    else:
        said = [signers.signed(note, key) for key in trusted]
        if False in said or True not in said:
            report.fault(proof.position, "signature", "the checkpoint in the proof is not signed by the key you trust")
        else:
            report.done("checkpoints", 1, "signed by the key you trust")
    if options.leaf is None:
        report.left("leaf", "the entry that the proof is for is not given (--leaf)", asked=True)
        return
    entry = options.leaf.read_bytes()
    try:
        value = parse_entry(entry)
        if value["s"] != proof.position:
            report.fault(
                proof.position, "sequence", f"the entry says it is entry {value['s']}, the proof {proof.position}"
            )
    except NotReadable as error:
        report.fault(proof.position, "form", f"the entry cannot be read: {error}")
    if included(leaf_hash(entry), proof.position, note.size, proof.path, note.root):
        report.done("proofs", 1, f"entry {proof.position} is under the checkpoint over {note.size} entries")
    else:
        report.fault(proof.position, "proof", f"the proof of entry {proof.position} does not lead to its checkpoint")
    for position, digest in options.receipt:
        if position == proof.position and digest != leaf_hash(entry):
            report.fault(position, "receipt", f"entry {position} is not the one that the receipt was given for")


def _keys_given(text: str) -> list[Key]:
    """A verifier key, or a file with one a line."""
    lines = Path(text).read_text("utf-8").splitlines() if "+" not in text or Path(text).is_file() else [text]
    return [parse_key(line) for line in lines if line.strip() and not line.startswith("#")]


def _receipt_given(text: str) -> list[tuple[int, bytes]]:
    """``SEQ:HASH``, several joined by commas as in the header of an answer."""
    found = []
    for one in text.split(","):
        position, _, digest = one.strip().partition(":")
        if not position.isascii() or not position.isdigit() or not _DIGEST(digest):
            raise NotReadable(f"a receipt reads SEQ:HASH, not {one.strip()[:80]}")
        found.append((int(position), bytes.fromhex(digest)))
    return found


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="muniment_verify.py",
        description="Checks a Muniment audit log or an evidence export. Reads only.",
        epilog="Exit codes: 0 nothing wrong; 1 something is wrong; 2 usage; 3 not all that was asked could be checked; "
        "4 the source cannot be read.",
    )
    add = made.add_argument
    add("source", metavar="SOURCE", help="folder, URL, export (zip or unpacked), or a .tlog-proof file")
    add("--key", action="append", default=[], metavar="VKEY", help="verifier key you trust, or a file with one a line")
    add(
        "--earlier",
        action="append",
        default=[],
        metavar="FILE",
        help="checkpoint, proof, or export you kept from before",
    )
    add("--policy", metavar="FILE", help="witness policy (C2SP tlog-policy)")
    add("--ca", metavar="FILE", help="certificates of the time-stamping authority you trust (PEM)")
    add("--timestamp", action="append", default=[], metavar="FILE", help="time stamp, named <size>.tsr")
    add("--receipt", action="append", default=[], metavar="SEQ:HASH", help="receipt you were given")
    add("--catalogue", action="append", default=[], metavar="FILE", help="catalogue of actions")
    add("--leaf", metavar="FILE", help="the entry that a .tlog-proof is for")
    add("--token-file", metavar="FILE", help="API token for entries read from a URL")
    add("--fast", action="store_true", help="hashes, signatures and proofs only; not what entries say")
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: one a core)")
    add("--ed25519", choices=tuple(_WAYS), help="how signatures are verified (default: the best there is)")
    add("--json", action="store_true", help="print the report as JSON")
    return made


def prepare(options: argparse.Namespace) -> None:
    """Read what the options name; raises ``NotReadable`` or ``OSError``."""
    options.key = [key for text in options.key for key in _keys_given(text)]
    options.earlier = [Path(one) for one in options.earlier]
    for path in options.earlier:
        _earlier_of(path)
    options.policy = parse_policy(Path(options.policy).read_bytes()) if options.policy else None
    options.ca = Path(options.ca) if options.ca else None
    if options.ca is not None:
        options.ca.read_bytes()
    options.timestamp = [Path(one) for one in options.timestamp]
    options.receipt = [one for text in options.receipt for one in _receipt_given(text)]
    options.catalogue = [Path(one) for one in options.catalogue]
    for path in (*options.timestamp, *options.catalogue):
        path.read_bytes()
    options.leaf = Path(options.leaf) if options.leaf else None
    if options.leaf is not None and options.leaf.stat().st_size > MAX_ENTRY:
        raise NotReadable(f"{options.leaf}: larger than any entry")
    options.token = Path(options.token_file).read_text("utf-8").strip() if options.token_file else None


def verify(options: argparse.Namespace) -> Report:
    """Do what the options ask for."""
    report = Report(options.source)
    signers = Signers(options.ed25519 or _way())
    try:
        if options.source.endswith(".tlog-proof"):
            check_proof(options, report, signers)
        else:
            Verification(source_of(options.source, options.token), options, report, signers).run()
    except Unsafe as error:
        report.fault(0, "archive", f"{error}; nothing more of it was read")
    except (NotReadable, OSError) as error:
        report.left("source", str(error), asked=True)
        report.unreadable = True
    report.sort()
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Check and tell; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        prepare(options)
    except (NotReadable, Unsafe, OSError) as error:
        sys.stderr.write(f"muniment_verify.py: {error}\n")
        return 2
    report = verify(options)
    sys.stdout.write(report.json() + "\n" if options.json else report.words())
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
