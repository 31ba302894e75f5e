"""Sealing, storing and reading, each beside its bare baseline from the same run.

The ratio is the figure; MB are 10^6 bytes.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.figures import Figure
from vault import envelope, reader, sealed, writer
from vault.data_key import DataKey
from vault.directory import DirectoryStore
from vault.store import new_original_key

KEY = DataKey(UUID(int=1), os.urandom(32))
CONTEXT = envelope.context(UUID(int=2), UUID(int=3), "original")
PIECE = os.urandom(256 * 1024)


def rate(work: Callable[[], object], size_bytes: int, *, rounds: int = 3) -> float:
    """The best of some rounds, in MB a second."""
    best = 0.0
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        best = max(best, size_bytes / (time.perf_counter() - start) / 1e6)
    return best


def report(name: str, ours: float, baseline_name: str, baseline: float, target: float | None = None) -> Figure:
    return Figure(
        what=name, value=ours, unit="MB/s", baseline=baseline, baseline_is=f"MB/s: {baseline_name}", least_ratio=target
    )


def bare_aes(count: int) -> None:
    cipher, number = AESGCM(KEY.secret), 0
    for _ in range(count):
        for start in range(0, len(PIECE), envelope.CHUNK_BYTES):
            cipher.encrypt(number.to_bytes(12, "big"), PIECE[start : start + envelope.CHUNK_BYTES], None)
            number += 1


def bare_write(folder: Path, count: int) -> None:
    path = folder / "bare"
    with path.open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(PIECE)
        os.fsync(file.fileno())
    path.unlink()


def seal_and_hash(count: int) -> None:
    plain, cipher = hashlib.sha256(), hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        for _ in range(count):
            plain.update(PIECE)
            yield PIECE

    for piece in envelope.seal(KEY.secret, CONTEXT, pieces()):
        cipher.update(piece)


def run(*, quick: bool) -> list[Figure]:
    """MB a second of sealing, storing and reading, and microseconds a small value takes."""
    count = (64 if quick else 512) * 1_000_000 // len(PIECE)
    size = count * len(PIECE)
    bare = rate(lambda: bare_aes(count), size)
    sealing = rate(lambda: [None for _ in envelope.seal(KEY.secret, CONTEXT, (PIECE for _ in range(count)))], size)
    figures = [report("sealing", sealing, "bare AES-256-GCM over 16 KiB chunks", bare, 0.8)]

    memory = rate(lambda: seal_and_hash(count), size)
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder) / "objects")

        def store_one() -> None:
            made = writer.seal_into(store, new_original_key(), KEY, CONTEXT, (PIECE for _ in range(count)))
            store.delete(made.key, made.stored.version)

        writing = rate(lambda: bare_write(Path(folder), count), size)
        storing = rate(store_one, size)
        slower, name = min((memory, "sealing and hashing in memory"), (writing, "writing and syncing"))
        figures.append(report("sealing into the store", storing, name, slower, 0.6))

        made = writer.seal_into(store, new_original_key(), KEY, CONTEXT, (PIECE for _ in range(count)))
        path = Path(folder) / "objects" / made.key

        def bare_read() -> None:
            with path.open("rb", buffering=0) as file:
                while file.read(len(PIECE)):
                    pass

        reading = rate(lambda: [None for _ in reader.read(store, made.ref, KEY, CONTEXT)], size)
        figures.append(report("reading and opening", reading, "bare reading", rate(bare_read, size)))
        ranged = rate(lambda: [None for _ in reader.read_range(store, made.ref, KEY, CONTEXT, 0, size)], size)
        figures.append(report("reading as a range", ranged, "reading and opening", reading))
    return figures + _small_values()


def _small_values() -> list[Figure]:
    texts, subject = 2000, UUID(int=4)
    start = time.perf_counter()
    values = [sealed.seal_text(KEY, subject, subject, "title", "Lease agreement, second floor") for _ in range(texts)]
    middle = time.perf_counter()
    for value in values:
        sealed.open_text(KEY, subject, subject, "title", value)
    end = time.perf_counter()
    return [
        Figure(what="a small value, sealed", value=(middle - start) / texts * 1e6, unit="us"),
        Figure(what="a small value, opened", value=(end - middle) / texts * 1e6, unit="us"),
    ]
