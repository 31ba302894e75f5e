"""The directory store keeps the promises of every store, and those of a local disk."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.contracts.object_store_contract import ObjectStoreContract
from vault.behind import CACHED_BYTES, WINDOW_BYTES
from vault.directory import DirectoryStore
from vault.store import StoreUnwritable, derived_key, new_original_key

ROOT = Path(__file__).parents[2]
LATER = timedelta(seconds=5)


class TestDirectoryStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> DirectoryStore:
        return DirectoryStore(tmp_path / "objects")


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "objects")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _child(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_object_keys_are_never_a_prefix_of_one_another() -> None:
    keys = {new_original_key() for _ in range(500)} | {derived_key(UUID(int=1), "text") for _ in range(500)}
    assert len(keys) == 1000
    assert {len(key.partition("/")[2]) for key in keys} == {35}


def test_an_object_that_memory_does_not_keep_is_on_disk_whole(store: DirectoryStore, tmp_path: Path) -> None:
    pieces = [os.urandom(1_000_003) for _ in range(5)] * ((2 * CACHED_BYTES + 2 * WINDOW_BYTES) // 5_000_000 + 1)
    stored = store.put(new_original_key(), pieces)
    (file,) = _files(tmp_path)
    content = b"".join(pieces)
    assert (stored.size_bytes, stored.sha256) == (len(content), hashlib.sha256(content).digest())
    assert file.read_bytes() == content


def test_a_stored_file_is_read_only_lies_under_its_key_and_nothing_else_remains(
    store: DirectoryStore, tmp_path: Path
) -> None:
    key = new_original_key()
    store.put(key, [b"sealed"])
    assert _files(tmp_path) == [tmp_path / "objects" / key]
    assert (tmp_path / "objects" / key).stat().st_mode & 0o777 == 0o400


def test_another_process_opens_what_one_has_stored(store: DirectoryStore, tmp_path: Path) -> None:
    key = new_original_key()
    version = store.put(key, [b"sealed"]).version
    assert b"".join(DirectoryStore(tmp_path / "objects").get(key, version)) == b"sealed"


_STOPS_HALF_WAY = """
import sys, time
from pathlib import Path
from vault.directory import DirectoryStore

def pieces():
    yield b"x" * 1_000_000
    print("half", flush=True)
    time.sleep(60)

DirectoryStore(Path(sys.argv[1])).put(sys.argv[2], pieces())
"""


def test_a_process_killed_in_the_middle_of_a_put_leaves_nothing_under_the_key(
    store: DirectoryStore, tmp_path: Path
) -> None:
    key = new_original_key()
    child = _child(_STOPS_HALF_WAY, tmp_path / "objects", key)
    assert child.stdout is not None
    assert child.stdout.readline() == "half\n"
    soon = datetime.now(UTC) + LATER
    assert store.forget_interrupted(before=soon) == 0, "a put that still runs keeps its file"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    assert list(store.keys("")) == []
    assert len(_files(tmp_path)) == 1
    assert store.forget_interrupted(before=soon - timedelta(hours=1)) == 0
    assert store.forget_interrupted(before=soon) == 1
    assert _files(tmp_path) == []
    assert store.put(key, [b"again"]).size_bytes == 5


_DISK_OF_ONE_MEGABYTE = """
import resource, sys
from pathlib import Path
from vault.directory import DirectoryStore
from vault.store import StoreUnwritable

store = DirectoryStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    store.put(sys.argv[2], (b"x" * 65_536 for _ in range(64)))
except StoreUnwritable as error:
    print(error.code)
print(store.put(sys.argv[3], [b"small"]).size_bytes)
"""


def test_a_disk_that_takes_no_more_is_said_and_harms_nothing(store: DirectoryStore, tmp_path: Path) -> None:
    before, big, small = (new_original_key() for _ in range(3))
    version = store.put(before, [b"here before"]).version
    child = _child(_DISK_OF_ONE_MEGABYTE, tmp_path / "objects", big, small)
    output, _ = child.communicate(timeout=30)
    assert output.split() == ["disk_unwritable", "5"]
    assert {listed.key for listed in store.keys("")} == {before, small}
    assert b"".join(store.get(before, version)) == b"here before"
    assert _files(tmp_path / "tmp") == []


def test_a_folder_that_went_away_is_said_as_disk_trouble(store: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "tmp").rmdir()
    with pytest.raises(StoreUnwritable):
        store.check()
    with pytest.raises(StoreUnwritable):
        store.put(new_original_key(), [b"x"])


def test_foreign_files_in_the_store_are_not_listed(store: DirectoryStore, tmp_path: Path) -> None:
    key = new_original_key()
    store.put(key, [b"x"])
    ((tmp_path / "objects" / key).parent / "notes.txt").write_text("mine")
    assert [listed.key for listed in store.keys("")] == [key]


def test_a_reader_that_stops_early_leaves_no_open_file(store: DirectoryStore) -> None:
    key = new_original_key()
    version = store.put(key, [b"x" * 1_000_000]).version

    def use(pieces: Iterator[bytes]) -> None:
        next(pieces)

    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        use(store.get(key, version))
        store.get(key, version)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
