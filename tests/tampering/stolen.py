"""A data folder in the hands of somebody with full access: its entries, its files, and the log's private key.

Writes the published layout and the evidence export by itself, in the slow and obvious way, because
whoever rebuilds a log does not ask Muniment to do it.
"""

import base64
import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from audit_world import KEY, ORIGIN, SEAL, Renamed, World
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.cosignature import WitnessKey, cosign
from audit.journal import DueSeal, content_of, digest
from audit.leaf import leaf_hash, parse, splice
from audit.note import Checkpoint, VerifierKey, sign
from audit.opening import openings_of
from tests.support import databases

WITNESSES = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(1, 4)]
WITNESS_KEYS = [WitnessKey(f"witness.example/{n}", w.public_key().public_bytes_raw()) for n, w in enumerate(WITNESSES)]
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
NO_SEAL = "0" * 64
ALIAS = "a" * 32
"""Of the person who withdraws entries; another person agrees."""


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def mth(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, 2.1.1."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha(b"\x01" + mth(leaves[:k]) + mth(leaves[k:]))


def path_to(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*path_to(m, leaves[:k]), mth(leaves[k:])]
    return [*path_to(m - k, leaves[k:]), mth(leaves[:k])]


def named(number: int, width: int) -> str:
    assert number < 1000
    return f"{number:03}" if width == 256 else f"{number:03}.p/{width}"


def groups(items: Sequence[bytes]) -> Iterable[tuple[int, Sequence[bytes]]]:
    for first in range(0, len(items), 256):
        yield first // 256, items[first : first + 256]


@dataclass
class Stolen:
    """All of a log, in memory and in a folder."""

    folder: Path
    """With ``db/log.db`` and ``log/``, as Muniment wrote them."""
    entries: list[bytes]
    notes: dict[int, str]
    """Every checkpoint that was signed, by size."""
    catalogues: dict[str, bytes]
    openings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Entries under the last checkpoint."""
        return max(self.notes)

    @property
    def note(self) -> str:
        return self.notes[self.size]

    def copy(self) -> "Stolen":
        return replace(self, entries=list(self.entries), notes=dict(self.notes), openings=[*self.openings])

    # -- what a forger does to entries

    def rechained(self, first: int, **over: Any) -> "Stolen":
        """From entry ``first`` on, every entry follows the one before it again, whatever it was."""
        made = self.copy()
        previous = leaf_hash(made.entries[first - 1]) if first else bytes(32)
        for seq in range(first, len(made.entries)):
            value = json.loads(made.entries[seq])
            body = json.dumps(value["b"], sort_keys=True, separators=(",", ":")).encode()
            made.entries[seq] = splice(body, sequence=seq, appended_us=value["a"], previous=previous)
            previous = leaf_hash(made.entries[seq])
        return replace(made, **over)

    def edited(self, seq: int, old: bytes = b'"done"', new: bytes = b'"failed"') -> "Stolen":
        made = self.copy()
        assert old in made.entries[seq]
        made.entries[seq] = made.entries[seq].replace(old, new)
        return made

    def dated(self, seq: int, move_us: int, *, until: int | None = None) -> "Stolen":
        """Entries from ``seq`` on with other append times, chained anew."""
        made = self.copy()
        for at in range(seq, len(made.entries) if until is None else until):
            value = json.loads(made.entries[at])
            value["a"] += move_us
            made.entries[at] = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        return made.rechained(seq)

    def signed(self, size: int | None = None, *, keep: Iterable[int] = ()) -> "Stolen":
        """A new last checkpoint by the stolen key over the entries as they are now; of the others only ``keep``."""
        size = self.size if size is None else size
        note = checkpoint(self.entries[:size])
        return replace(self, notes={**{old: self.notes[old] for old in keep}, size: note})

    # -- files

    def publish(self, folder: Path, *, size: int | None = None) -> Path:
        """The log in the layout of tlog-tiles."""
        size = self.size if size is None else size
        covered = self.entries[:size]
        put(folder / "checkpoint", self.notes[size].encode())
        for number, bundle in groups(covered):
            content = b"".join(len(entry).to_bytes(2, "big") + entry for entry in bundle)
            put(folder / "tile/entries" / named(number, len(bundle)), content)
        level, hashes = 0, [leaf_hash(entry) for entry in covered]
        while hashes:
            above = []
            for number, tile in groups(hashes):
                put(folder / f"tile/{level}" / named(number, len(tile)), b"".join(tile))
                if len(tile) == 256:
                    above.append(mth(tile))
            level, hashes = level + 1, above
        for name, content in self.catalogues.items():
            put(folder / f"catalogues/{name}.json", content)
        return folder

    def export(self, folder: Path, *, proofs: Iterable[int] = (5, 300), keep: Iterable[int] | None = None) -> Path:
        """An evidence export of the whole log, unpacked."""
        self.publish(folder)
        for size in self.notes if keep is None else keep:
            put(folder / f"checkpoints/{size}", self.notes[size].encode())
        hashes = [leaf_hash(entry) for entry in self.entries[: self.size]]
        for seq in proofs:
            lines = ["c2sp.org/tlog-proof@v1", f"index {seq}"]
            lines += [base64.b64encode(item).decode() for item in path_to(seq, hashes)]
            put(folder / f"proofs/{seq}.tlog-proof", ("\n".join([*lines, "", ""]) + self.note).encode())
            put(folder / f"leaves/{seq}.json", self.entries[seq])
        put(folder / "openings.jsonl", "".join(json.dumps(one) + "\n" for one in self.openings).encode())
        previous, first = NO_SEAL, 0
        for day, size in enumerate(sorted(self.notes)[:3], start=2):
            due = DueSeal(day=_day(day), first=first, size=size, note=self.notes[size], previous=previous)
            content = content_of(due, origin=ORIGIN, token=None)
            put(folder / f"seals/2026-03-0{day}.json", content)
            previous, first = digest(content), size
        listed(folder, scope={"whole": True})
        return folder


def _day(day: int) -> Any:
    from datetime import date

    return date(2026, 3, day)


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def change(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content, path
    path.write_bytes(content.replace(old, new, 1))


def flip(path: Path, place: int) -> None:
    """One other byte in a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


def listed(folder: Path, *, scope: Mapping[str, Any] | None = None) -> None:
    """The export's list of its own files, made anew: whoever changes a file changes the list too."""
    place = folder / "manifest.json"
    before = json.loads(place.read_bytes()) if place.exists() else {}
    place.unlink(missing_ok=True)
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    manifest = {
        "format": "muniment-evidence/1",
        "origin": ORIGIN,
        "vkeys": [str(KEY.verifier)],
        "made_us": 1,
        "scope": dict(scope) if scope is not None else before["scope"],
        "files": files,
    }
    put(place, json.dumps(manifest).encode())


def packed(folder: Path, place: Path) -> Path:
    """A folder as a zip."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return place


def checkpoint(entries: Sequence[bytes], *, key: Ed25519PrivateKey | None = None, name: str = ORIGIN) -> str:
    """A checkpoint over these entries, by the log's key or another."""
    text = str(Checkpoint(ORIGIN, len(entries), mth([leaf_hash(entry) for entry in entries])))
    return sign(text, (name, key or KEY.private))


def cosigned(note: str, *, by: Iterable[int] = (0, 1), seconds: int) -> str:
    """The note with lines of witnesses."""
    text = note[: note.rindex("\n\n") + 1]
    return note + "".join(cosign(text, WITNESS_KEYS[n].name, WITNESSES[n], seconds=seconds) + "\n" for n in by)


def policy() -> bytes:
    """Two of three witnesses."""
    lines = [f"log {KEY.verifier}"] + [f"witness w{n} {key}" for n, key in enumerate(WITNESS_KEYS)]
    return "\n".join([*lines, "group g 2 w0 w1 w2", "quorum g", ""]).encode()


def body_of(entry: bytes) -> Any:
    return parse(entry).body


def swapped_key(log: Stolen) -> Stolen:
    """The whole log rebuilt in the name of another key."""
    made = log.copy()
    other = VerifierKey(ORIGIN, OTHER_KEY.public_key().public_bytes_raw())
    made.entries[0] = made.entries[0].replace(str(KEY.verifier).encode(), str(other).encode())
    made = made.rechained(0)
    return replace(made, notes={made.size: checkpoint(made.entries[: made.size], key=OTHER_KEY)})


def withdrawing(log: Stolen, begin: int, end: int, **other: Any) -> Stolen:
    """Entry 700 says that these were withdrawn by two persons, or what ``other`` makes of it."""
    made = log.copy()
    body = json.loads(log.entries[700])["b"]
    body = {key: body[key] for key in ("id", "outcome", "t")} | {
        "action": "log.withdrawn",
        "actor": {"i": ALIAS, "k": "person"},
        "d": {"from": begin, "to": end},
        "x": "b" * 32,
    }
    body = {key: value for key, value in (body | other).items() if value is not None}
    data = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    when = json.loads(log.entries[700])["a"]
    made.entries[700] = splice(data, sequence=700, appended_us=when, previous=leaf_hash(log.entries[699]))
    openings = [one for one in log.openings if one["seq"] != 700]
    return replace(made.signed(701), catalogues={}, openings=openings)


def grown(folder: Path) -> Stolen:
    """700 events of a morning, checkpoints every while, and four entries behind the last."""
    world = World(folder).started()
    signer = world.signer()
    notes: dict[int, str] = {}
    for minute in range(14):
        world.clock.tick(seconds=50)
        world.record(49, purpose="audit")
        world.log.record([Renamed(reason=f"reason {minute}")], at=world.clock.now())
        if minute % 2 == 1:
            signed = signer.sign_if_grown()
            assert signed is not None
            notes[signed.size] = world.file.read_text()
    world.record(4)
    with world.logs.read() as session:
        rows = session.connection().exec_driver_sql("SELECT digest, content FROM audit_catalogues").all()
        catalogues = {bytes(name).hex(): bytes(content) for name, content in rows}
    entries = world.entries()
    openings = []
    for seq, entry in enumerate(entries):
        body = parse(entry).body
        if "c" not in body:
            continue
        from uuid import UUID

        with world.logs.read() as session:
            for name, (nonce, value) in openings_of(session, UUID(body["id"]), SEAL).items():
                openings.append({"seq": seq, "id": body["id"], "field": name, "nonce": nonce.hex(), "value": value})
    world.close()
    return Stolen(folder, entries, notes, catalogues, openings)


def tampered_database(log: Stolen, place: Path, statements: Sequence[tuple[str, tuple[Any, ...]]]) -> Path:
    """A copy of the data folder with its log database changed, all guards taken off."""
    shutil.copytree(log.folder, place)
    databases.tamper(place, "log", statements)
    return place


Change = Callable[[Stolen], Stolen]
