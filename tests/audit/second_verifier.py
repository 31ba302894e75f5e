"""A second verifier of Muniment's audit log, written from docs/audit-format.md alone.

It shares no code with Muniment and takes the slow, obvious way everywhere: trees are
recomputed from all leaves, proofs by the recursive definitions of RFC 9162. Needs the
standard library and ``cryptography``.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LABEL = r"[!-?A-~]{1,200}"


class Wrong(Exception):
    """The log is not what it should be; ``position`` is the entry."""

    def __init__(self, position: int, why: str) -> None:
        super().__init__(f"{position}: {why}")
        self.position = position


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def leaf_hash(entry: bytes) -> bytes:
    return sha(b"\x00" + entry)


def mth(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, over leaf hashes."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha(b"\x01" + mth(leaves[:k]) + mth(leaves[k:]))


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """RFC 9162, 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def bundle(data: bytes) -> list[bytes]:
    entries = []
    while data:
        length = int.from_bytes(data[:2], "big")
        entries.append(data[2 : 2 + length])
        assert len(entries[-1]) == length
        data = data[2 + length :]
    return entries


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def matches(pattern: str, value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def count(value: object) -> bool:
    return whole(value) and value >= 0  # type: ignore[operator]


HEX16, HEX32 = r"[0-9a-f]{32}", r"[0-9a-f]{64}"
CODE = r"[a-z0-9][a-z0-9_.:/-]{0,79}"
KEY = r"[a-z0-9_]{1,40}"
TYPES = {
    "int": whole,
    "count": count,
    "bool": lambda v: isinstance(v, bool),
    "code": lambda v: matches(CODE, v),
    "label": lambda v: matches(LABEL, v),
    "id": lambda v: matches(HEX16, v),
    "digest": lambda v: matches(HEX32, v),
    "date": lambda v: matches(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", v),
    "instant": count,
    "ints": lambda v: isinstance(v, list) and len(v) <= 500 and all(whole(i) for i in v),
    "codes": lambda v: isinstance(v, list) and len(v) <= 500 and all(matches(CODE, i) for i in v),
    "ids": lambda v: isinstance(v, list) and len(v) <= 500 and all(matches(HEX16, i) for i in v),
    "counts": lambda v: isinstance(v, dict) and all(matches(KEY, k) and count(i) for k, i in v.items()),
}


def body_is_right(b: dict) -> bool:  # type: ignore[type-arg]
    if not {"action", "actor", "id", "outcome", "t"} <= set(b):
        return False
    if not set(b) <= {"action", "actor", "basis", "c", "d", "e", "g", "id", "objects", "outcome", "r", "t", "x"}:
        return False
    actor = b["actor"]
    if actor.get("k") == "system":
        right = set(actor) == {"k", "n"} and matches(CODE, actor["n"])
    else:
        right = actor.get("k") in ("person", "operator") and set(actor) <= {"k", "i"}
        right = right and ("i" not in actor or matches(HEX16, actor["i"]))
    right = right and matches(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,4}", b["action"]) and len(b["action"]) <= 80
    right = right and matches(HEX16, b["id"]) and count(b["t"]) and b["outcome"] in ("done", "refused", "failed")
    right = right and all(matches(HEX16, b[k]) for k in ("e", "g", "x") if k in b)
    right = right and ("basis" not in b or matches(CODE, b["basis"]))
    right = right and ("r" not in b or matches(r"[A-Za-z0-9_-]{1,64}", b["r"]))
    if "objects" in b:
        right = right and 1 <= len(b["objects"]) <= 500
        for item in b["objects"]:
            right = right and {"i", "k"} <= set(item) <= {"h", "i", "k", "v"}
            right = right and matches(HEX16, item["i"]) and matches(r"[a-z][a-z0-9_]{0,39}", item["k"])
            right = right and count(item.get("v", 0)) and matches(HEX32, item.get("h", "0" * 64))
    if "c" in b:
        fields = [item["f"] for item in b["c"]]
        right = right and bool(fields) and fields == sorted(set(fields))
        right = right and all(set(i) == {"f", "h"} and matches(KEY, i["f"]) and matches(HEX32, i["h"]) for i in b["c"])
    return right and ("d" not in b or (isinstance(b["d"], dict) and bool(b["d"])))


def read_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    text, tail = note[: note.rindex("\n\n") + 1], note[note.rindex("\n\n") + 2 :]
    signatures = []
    for line in tail.splitlines():
        dash, name, blob = line.split(" ")
        assert dash == "—"
        raw = base64.b64decode(blob)
        signatures.append((name, raw[:4], raw[4:]))
    return text, signatures


def signed_by(note: str, vkey: str) -> bool:
    name, key_id, key = vkey.split("+", 2)
    public = base64.b64decode(key)
    assert public[0] == 1
    assert sha(name.encode() + b"\n" + public)[:4].hex() == key_id
    text, signatures = read_note(note)
    for who, which, signature in signatures:
        if who == name and which.hex() == key_id:
            Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature, text.encode())
            return True
    return False


def commits(commitment: bytes, nonce: bytes, field: str, value: str) -> bool:
    return commitment == sha(b"\x02" + nonce + field.encode() + b"\x00" + value.encode())


def verify(entries: list[bytes], notes: list[str], catalogues: dict[str, bytes]) -> bytes:
    """The root over all entries; raises ``Wrong`` at the first entry that is not as it should be."""
    leaves: list[bytes] = []
    keys: list[tuple[int, str, bool]] = []
    declared: dict[str, dict[str, str]] = {}
    last = 0
    origin = ""
    for position, entry in enumerate(entries):
        if len(entry) > 65535:
            raise Wrong(position, "length")
        value = json.loads(entry)
        if canonical(value) != entry or not entry.isascii():
            raise Wrong(position, "canonical form")
        if set(value) != {"a", "b", "p", "s", "v"} or value["v"] != 1 or value["s"] != position:
            raise Wrong(position, "outer keys")
        if value["p"] != (leaves[-1].hex() if leaves else "0" * 64):
            raise Wrong(position, "chain")
        if not count(value["a"]) or value["a"] < last:
            raise Wrong(position, "time")
        last = value["a"]
        body = value["b"]
        if not body_is_right(body):
            raise Wrong(position, "body")
        details, action = body.get("d", {}), body["action"]
        if (action == "log.started") != (position == 0):
            raise Wrong(position, "start")
        if action == "log.started":
            origin = details["origin"]
            keys.append((0, details["vkey"], True))
        if action == "log.key_changed":
            keys.append((position, details["vkey"], details["lost"]))
        if action in ("log.started", "log.catalogue_extended"):
            content = catalogues[details["catalogue"]]
            if sha(content).hex() != details["catalogue"]:
                raise Wrong(position, "catalogue")
            now = {e["action"]: {i["key"]: i["type"] for i in e["details"]} for e in json.loads(content)}
            if any(now.get(name) != keys_ for name, keys_ in declared.items()):
                raise Wrong(position, "catalogue changed")
            declared = now
        kinds = declared.get(action)
        if kinds is None:
            raise Wrong(position, "undeclared")
        for key, item in details.items():
            kind = {"group": "id", "part": "count", "parts": "count"}.get(key) or kinds.get(key, "")
            if kind not in TYPES or not TYPES[kind](item):
                raise Wrong(position, "detail")
        leaves.append(leaf_hash(entry))
    covered = 0
    for note in notes:
        who, size, root, rest = read_note(note)[0].split("\n")
        if who != origin or rest or int(size) > len(leaves):
            raise Wrong(int(size), "checkpoint")
        if base64.b64decode(root) != mth(leaves[: int(size)]):
            raise Wrong(covered, "root")
        in_force = [key for key in keys if key[0] < int(size)]
        needed = [in_force[-1][1]]
        changed = [n for n, key in enumerate(keys) if n > 0 and covered <= key[0] < int(size) and not key[2]]
        needed += [keys[changed[0] - 1][1]] if changed else []
        if not all(signed_by(note, key) for key in needed):
            raise Wrong(int(size) - 1, "signature")
        covered = int(size)
    return mth(leaves)


def load(folder: Path) -> tuple[list[bytes], list[str], dict[str, bytes]]:
    """Entries, checkpoint notes in order of size, and catalogues of a golden folder."""
    entries = bundle((folder / "entries.bin").read_bytes())
    notes = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("checkpoint-*.note"))]
    catalogues = {file.stem.removeprefix("catalogue-"): file.read_bytes() for file in folder.glob("catalogue-*.json")}
    return entries, notes, catalogues
