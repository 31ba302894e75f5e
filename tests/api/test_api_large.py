"""A body of 2 GiB over HTTP: taken in whole or refused by the limit, in flat memory either way."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.server import Client, Server, form_around, named

BLOCK = os.urandom(1 << 20)
COUNT = 2048
LAST = b"the end"
MOST_MIB = 250
V1 = "/api/v1"


def _blocks() -> Iterator[bytes]:
    yield from (BLOCK for _ in range(COUNT))
    yield LAST


@contextmanager
def _memory_stays_flat(server: Server) -> Iterator[None]:
    """The web process' resident memory is watched, and never reaches 250 MB."""
    status, ended, peak_kib = Path(f"/proc/{server.pids()['web']}/status"), threading.Event(), 0

    def watch() -> None:
        nonlocal peak_kib
        while not ended.wait(0.05):
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
            peak_kib = max(peak_kib, int(line.split()[1]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    assert 0 < peak_kib * 1024 < MOST_MIB * 1_000_000


def _kept(server: Server) -> list[Path]:
    """Files in the object store, and on their way there."""
    places = (server.data / "objects" / "originals", server.data / "tmp")
    return [path for place in places for path in place.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_body_of_2_gib_is_taken_in_whole(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    token, size = server.new_token(), len(BLOCK) * COUNT + len(LAST)
    with server, closing(Client(server, token, timeout=300)) as client:
        with _memory_stays_flat(server):
            headers = named("large.bin") | {"Content-Length": str(size)}
            answer = client.request("PUT", f"{V1}/uploads", _blocks(), headers)
        assert answer.status == 202
        content = f"{V1}/records/{answer.json()['id']}/content"
        end = client.request("GET", content, headers={"Range": f"bytes={size - len(BLOCK) - len(LAST)}-"})
        assert (end.status, end.headers["content-range"].rpartition("/")[2]) == (206, str(size))
        assert end.body == BLOCK + LAST


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["length stated", "chunked", "form"])
def test_a_body_of_2_gib_over_the_limit_is_refused_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    server = Server(tmp_path / "data", {"MUNIMENT_LARGEST_UPLOAD_BYTES": str(1 << 30)})
    token, size = server.new_token(), len(BLOCK) * COUNT + len(LAST)
    head, end, form = form_around("large.bin")

    def in_form() -> Iterator[bytes]:
        yield head
        yield from _blocks()
        yield end

    with server, closing(Client(server, token, timeout=300)) as client, _memory_stays_flat(server):
        if kind == "form":
            answer = client.request("POST", f"{V1}/records", in_form(), {"Content-Type": form})
        else:
            length = {"Content-Length": str(size)} if kind == "length stated" else {}
            answer = client.request("PUT", f"{V1}/uploads", _blocks(), named("large.bin") | length)
        problem = answer.json()
        assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")
        assert (problem["code"], problem["status"]) == ("file_too_large", 413)
        assert _kept(server) == []
