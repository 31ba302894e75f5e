"""How long requests wait for the audit log, as ``Server-Timing`` says, with 16 readers and an import running.

Sixteen clients open records one after the other, each access logged before a byte of it leaves, while
``muniment import`` takes a folder in and what it took is read; once as fast as they are answered, when no
processor has time left, and once with a rest after each record, as people look at what they opened. The baseline
is the bare group commit of ``benchmarks.audit_append`` with 16 writers on the same disk, nothing else going on.
"""

import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

from benchmarks.audit_append import BareLoop, drive, fresh
from benchmarks.documents import Document, born_digital
from benchmarks.figures import Figure, percentile
from benchmarks.installation import Installation, installed
from tests.support.server import MUNIMENT, Client

READERS = 16
KNOWN = 40
PAUSE_SECONDS = 1.0
IMPORTED_A_SECOND = 200
"""How many documents lie ready for each second: more than are taken in, so that the import does not end before."""
_WAIT = re.compile(r"log;dur=([0-9.]+)")


def run(*, quick: bool) -> list[Figure]:
    """Median and tail of the waits, of readers who never rest and of readers who look at what they opened."""
    seconds = 4.0 if quick else 20.0
    bare = _bare(seconds / 3)
    figures = []
    with installed() as installation:
        known = _prepare(installation)
        documents = iter(born_digital(KNOWN + 2 * int(seconds * IMPORTED_A_SECOND))[KNOWN:])
        for pause, said in ((0.0, "who never rest"), (PAUSE_SECONDS, f"each every {PAUSE_SECONDS} s")):
            ready = islice(documents, int(seconds * IMPORTED_A_SECOND))
            with _importing(installation, ready), Syncs(installation.server.data.parent) as syncs:
                before = sum(installation.states().values())
                waits = _read(installation, known, seconds, pause)
                imported = sum(installation.states().values()) - before
            told = f"{len(waits) / seconds:.0f} requests and {imported / seconds:.0f} files taken in a second"
            figures += [
                Figure(
                    what=f"wait for the log, {READERS} readers {said} ({told}), p{share}",
                    value=percentile(waits, share),
                    unit="ms",
                    most=3 if share == 50 else None,
                    baseline=percentile(bare, share),
                    baseline_is="ms: bare group commit",
                )
                for share in (50, 95)
            ]
            figures.append(
                Figure(
                    what="one bare write and sync of 4 KiB meanwhile, p50", value=percentile(syncs.taken, 50), unit="ms"
                )
            )
    return figures


class Syncs:
    """Writes and syncs a little, twenty times a second, while a block runs: what the disk itself makes one wait."""

    def __init__(self, folder: Path) -> None:
        self._path, self._ended = folder / "syncs", threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.taken: list[float] = []
        """Milliseconds."""

    def __enter__(self) -> "Syncs":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        with self._path.open("wb", buffering=0) as file:
            while not self._ended.wait(0.05):
                begun = time.perf_counter()
                file.write(bytes(4096))
                os.fsync(file.fileno())
                self.taken.append((time.perf_counter() - begun) * 1_000)


def _bare(seconds: float) -> list[float]:
    with tempfile.TemporaryDirectory() as name:
        fresh(Path(name)).close()
        loop = BareLoop(Path(name) / "log.db")
        padding = b"x" * 400
        _, waits = drive(lambda mine: loop.record(os.urandom(16) + padding), READERS, seconds)
        loop.close()
    return waits


def _prepare(installation: Installation) -> list[str]:
    """Some records to read, all of them found."""
    with closing(Client(installation.server, installation.token)) as client:
        ids = [client.put_file(d.name, d.data).json()["id"] for d in born_digital(KNOWN)]
    installation.wait_until_done()
    return ids


@contextmanager
def _importing(installation: Installation, documents: Iterable[Document]) -> Iterator[None]:
    """An import that has begun, and ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        for document in documents:
            (Path(folder) / document.name).write_bytes(document.data)
        words = [MUNIMENT, "--data", str(installation.server.data), "--as", "clerk", "import", folder]
        before = sum(installation.states().values())
        with subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            try:
                while sum(installation.states().values()) == before:
                    assert process.poll() is None
                    time.sleep(0.05)
                yield
                assert process.poll() is None, "the import ended before the readers did"
            finally:
                process.terminate()


def _read(installation: Installation, known: list[str], seconds: float, pause: float) -> list[float]:
    waits: list[float] = []
    end = time.monotonic() + seconds

    def read(mine: int) -> None:
        # People do not click all at once.
        time.sleep(pause * mine / READERS)
        with closing(Client(installation.server, installation.token)) as client:
            turn = mine
            while time.monotonic() < end:
                answer = client.get(f"/api/v1/records/{known[turn % len(known)]}")
                assert answer.status == 200, answer.body
                found = _WAIT.search(answer.headers.get("server-timing", ""))
                assert found is not None
                waits.append(float(found[1]))
                turn += 1
                time.sleep(pause)

    threads = [threading.Thread(target=read, args=(mine,)) for mine in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits
