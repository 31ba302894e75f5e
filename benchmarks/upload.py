"""One large file, by raw PUT and by form, against the slower of what it cannot do without.

That is: sealing and hashing the same bytes in memory, and writing and syncing them. Ours does both,
receives them over HTTP, and enters the record; the client takes processor time too. The web
process' resident memory is watched all the while.
"""

import http.client
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.figures import Figure
from benchmarks.installation import Installation, installed
from benchmarks.processes import resident_mib
from benchmarks.vault import PIECE, bare_write, rate, seal_and_hash
from tests.support.server import form_around, named

GIB = 1024**3
SMALL = 64 * 1024**2


def run(*, quick: bool) -> list[Figure]:
    """MB a second of either way, and the memory it took."""
    size = SMALL if quick else GIB
    count = size // len(PIECE)
    sealing = rate(lambda: seal_and_hash(count), size, rounds=2)
    with tempfile.TemporaryDirectory() as folder:
        writing = rate(lambda: bare_write(Path(folder), count), size, rounds=2)
    slower, name = min((sealing, "MB/s: sealing in memory"), (writing, "MB/s: writing and syncing"))
    with installed() as installation:
        raw, raw_peak = _timed(installation, lambda: _put(installation, count), size)
        installation.wait_until_done()
        form, form_peak = _timed(installation, lambda: _post(installation, count), size)
        installation.wait_until_done()
    shown = f"{size // 1024**2} MiB"
    return [
        Figure(what=f"{shown} by raw PUT", value=raw, unit="MB/s", baseline=slower, baseline_is=name, least_ratio=0.6),
        Figure(what=f"{shown} by form", value=form, unit="MB/s", baseline=slower, baseline_is=name, least_ratio=0.35),
        Figure(what="memory of the web process meanwhile", value=max(raw_peak, form_peak), unit="MiB", most=250),
    ]


def _timed(installation: Installation, send: Callable[[], int], size: int) -> tuple[float, float]:
    web, peak, ended = installation.server.pids()["web"], 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.05):
            peak = max(peak, resident_mib(web))

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    status = send()
    taken = time.perf_counter() - begun
    ended.set()
    watcher.join()
    assert status == 202, status
    return size / taken / 1e6, peak


def _pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield PIECE


def _put(installation: Installation, count: int) -> int:
    headers = named("large.bin") | {"Content-Length": str(count * len(PIECE))}
    return _send(installation, "PUT", "/api/v1/uploads", headers, _pieces(count))


def _post(installation: Installation, count: int) -> int:
    head, end, kind = form_around("large.bin")

    def body() -> Iterator[bytes]:
        yield head
        yield from _pieces(count)
        yield end

    length = len(head) + count * len(PIECE) + len(end)
    return _send(installation, "POST", "/api/v1/records", {"Content-Type": kind, "Content-Length": str(length)}, body())


def _send(installation: Installation, method: str, path: str, headers: dict[str, str], body: Iterator[bytes]) -> int:
    parts = urlsplit(installation.server.url)
    assert parts.hostname is not None
    with closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=600, blocksize=len(PIECE))) as wire:
        wire.request(method, path, body, headers | {"Authorization": f"Bearer {installation.token}"})
        answer = wire.getresponse()
        answer.read()
        return answer.status
