"""How fast the single-file verifier reads a published log, for each core and with all of them.

A log is written in the published layout (bundles in gzip, tiles, checkpoint, catalogue) and verified by
``audit/muniment_verify.py`` as its own process, as an auditor runs it. The baselines do the least that any
verifier must, over the same entries already in memory: parse, write canonically, compare and hash; or hash
leaves and tree. Targets: 45,000 entries a second a core, 400,000 with ``--fast``.
"""

import gzip
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import muniment_verify
from audit.body import body_bytes
from audit.leaf import NO_PREVIOUS, leaf_hash, splice
from audit.note import Checkpoint, VerifierKey, sign
from audit.tiles import ENTRIES, WIDTH, Tile, bundle_bytes, tile_bytes
from audit.tree import root_of
from benchmarks.figures import Figure
from core.canonical import canonical

ORIGIN = "muniment.local/benchmark"


def run(*, quick: bool) -> list[Figure]:
    """Entries a second: all of the verification, and hashes only."""
    count = 100_000 if quick else 400_000
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        packed, plain, short = Path(name) / "packed", Path(name) / "plain", Path(name) / "short"
        entries, key = write(packed, count)
        shutil.copytree(packed, plain)
        for bundle in plain.rglob("*.gz"):
            bundle.with_suffix("").write_bytes(gzip.decompress(bundle.read_bytes()))
            bundle.unlink()
        write(short, 1)
        # What a process needs to start, which a log of any size pays once.
        empty = min(_seconds([str(short), "--jobs", "1"]) for _ in range(3))
        some = entries[:40_000]
        bare = len(some) / _least(lambda: _parse_all(some))
        bare_hashes = len(some) / _least(lambda: root_of([leaf_hash(entry) for entry in some]))
        whole, hashes = "a second: parse, write, hash in memory", "a second: hashes in memory"
        figures = []
        for what, of, jobs, words, base, base_is, target in (
            ("verified, one process", packed, 1, [], bare, whole, 45_000.0),
            (f"verified, {cores} processes", packed, cores, [], bare * cores, whole, 45_000.0 * cores),
            ("hashed only, one process, bundles in gzip", packed, 1, ["--fast"], bare_hashes, hashes, None),
            ("hashed only, one process, bundles as they are", plain, 1, ["--fast"], bare_hashes, hashes, 400_000.0),
        ):
            arguments = [str(of), "--key", str(key), "--jobs", str(jobs), *words]
            seconds = min(_seconds(arguments) for _ in range(3)) - empty
            figures.append(
                Figure(
                    what=f"entries {what}",
                    value=count / seconds,
                    unit="a second",
                    baseline=base,
                    baseline_is=base_is,
                    least=target,
                )
            )
        return figures


def write(folder: Path, count: int) -> tuple[list[bytes], VerifierKey]:
    """A log of so many entries, published in ``folder``."""
    private = Ed25519PrivateKey.generate()
    key = VerifierKey(ORIGIN, private.public_key().public_bytes_raw())
    declared = canonical(
        [
            {"action": action, "description": "In a benchmark.", "details": details, "use": "read"}
            for action, details in (
                ("benchmark.record.read", [{"key": "purpose", "meaning": "What for.", "type": "code"}]),
                (
                    "log.started",
                    [
                        {"key": "catalogue", "meaning": "Its digest.", "type": "digest"},
                        {"key": "origin", "meaning": "Its name.", "type": "label"},
                        {"key": "vkey", "meaning": "Its key.", "type": "label"},
                    ],
                ),
            )
        ]
    )
    digest = hashlib.sha256(declared).hexdigest()
    (folder / "catalogues").mkdir(parents=True)
    (folder / f"catalogues/{digest}.json").write_bytes(declared)
    entries: list[bytes] = []
    hashes: list[bytes] = []
    previous, draw = NO_PREVIOUS, random.Random(1)  # noqa: S311 (any numbers will do)
    for at in range(count):
        body = _started(digest, key) if at == 0 else _read(draw, at)
        entry = splice(body_bytes(body), sequence=at, appended_us=1_700_000_000_000_000 + at, previous=previous)
        previous = leaf_hash(entry)
        entries.append(entry)
        hashes.append(previous)
    text = str(Checkpoint(ORIGIN, count, root_of(hashes)))
    (folder / "checkpoint").write_text(sign(text, (ORIGIN, private)), "utf-8")
    for first in range(0, count, WIDTH):
        bundle = entries[first : first + WIDTH]
        tile = Tile(ENTRIES, first // WIDTH, len(bundle))
        if tile.is_full:
            _put(folder / f"{tile.path}.gz", gzip.compress(bundle_bytes(bundle), 6))
        else:
            _put(folder / tile.path, bundle_bytes(bundle))
    level, below = 0, hashes
    while below:
        above = []
        for first in range(0, len(below), WIDTH):
            part = below[first : first + WIDTH]
            _put(folder / Tile(level, first // WIDTH, len(part)).path, tile_bytes(part))
            if len(part) == WIDTH:
                above.append(root_of(part))
        level, below = level + 1, above
    return entries, key


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _started(digest: str, key: VerifierKey) -> dict[str, object]:
    return {
        "action": "log.started",
        "actor": {"k": "system", "n": "log"},
        "d": {"catalogue": digest, "origin": ORIGIN, "vkey": str(key)},
        "id": "0" * 32,
        "outcome": "done",
        "t": 1_700_000_000_000_000,
    }


def _read(draw: random.Random, at: int) -> dict[str, object]:
    return {
        "action": "benchmark.record.read",
        "actor": {"i": f"{draw.getrandbits(128):032x}", "k": "person"},
        "d": {"purpose": "view"},
        "e": "e" * 32,
        "g": "d" * 32,
        "id": f"{draw.getrandbits(128):032x}",
        "objects": [{"i": f"{draw.getrandbits(128):032x}", "k": "record", "v": 1}],
        "outcome": "done",
        "r": "0123456789abcdef",
        "t": 1_700_000_000_000_000 + at,
    }


def _parse_all(entries: list[bytes]) -> None:
    for entry in entries:
        text = entry.decode("ascii")
        assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text
        hashlib.sha256(b"\x00" + entry).digest()


def _least(act: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        act()
        times.append(time.perf_counter() - begun)
    return min(times)


def _seconds(arguments: list[str]) -> float:
    begun = time.perf_counter()
    command = [sys.executable, str(muniment_verify.__file__), *arguments]
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - begun
