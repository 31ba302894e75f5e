"""Large files are written in a second thread: in order, whole, and what goes wrong there is told here."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vault import behind
from vault.behind import DEPTH, WINDOW_BYTES, Behind, writing
from vault.directory import DirectoryStore
from vault.durable import write_all
from vault.store import StoreUnwritable, new_original_key

PIECE = os.urandom(1_000_003)
MANY = 3 * WINDOW_BYTES // len(PIECE)


def _full_after(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    written = 0

    def write(descriptor: int, data: bytes) -> None:
        nonlocal written
        written += len(data)
        if written > limit:
            raise OSError(errno.ENOSPC, "no space left on device")
        write_all(descriptor, data)

    monkeypatch.setattr(behind, "write_all", write)


def _all(writer: Behind, count: int) -> None:
    for _ in range(count):
        writer.write(PIECE)
    writer.finish()


def test_every_piece_is_in_the_file_in_its_order(tmp_path: Path) -> None:
    pieces = [number.to_bytes(4, "big") * 250_000 for number in range(MANY)]
    with (tmp_path / "file").open("wb", buffering=0) as file, writing(file.fileno()) as writer:
        for piece in pieces:
            writer.write(piece)
        writer.finish()
        assert (tmp_path / "file").read_bytes() == b"".join(pieces)


def test_a_disk_that_fills_while_the_thread_writes_is_told_and_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _full_after(monkeypatch, 2 * WINDOW_BYTES)
    with (tmp_path / "file").open("wb", buffering=0) as file, writing(file.fileno()) as writer:
        with pytest.raises(StoreUnwritable):
            _all(writer, MANY + 2 * DEPTH)
        with pytest.raises(StoreUnwritable):
            writer.finish()


def test_an_error_of_the_very_last_piece_is_told_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _full_after(monkeypatch, MANY * len(PIECE))
    with (
        (tmp_path / "file").open("wb", buffering=0) as file,
        writing(file.fileno()) as writer,
        pytest.raises(StoreUnwritable),
    ):
        _all(writer, MANY + 1)


def test_a_source_that_breaks_off_leaves_no_thread_and_no_file(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "objects")

    def broken() -> Iterator[bytes]:
        for _ in range(MANY):
            yield PIECE
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put(new_original_key(), broken())
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not any(thread.name == "store-writer" for thread in threading.enumerate())


def test_a_small_file_needs_no_thread(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb", buffering=0) as file:
        writer = Behind(file.fileno())
        writer.write(PIECE)
        assert writer._thread is None
        writer.finish()
        assert (tmp_path / "file").read_bytes() == PIECE
