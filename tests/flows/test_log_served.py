"""The published log in its folder: what fills it, and what keeps a server from starting on it."""

import shutil
import signal
import tarfile
import threading
import time
from pathlib import Path

import pytest

from app.build import build, signer_of
from app.keeper import Keeper
from app.prepare import prepare
from app.settings import Settings
from audit.events import LogHeartbeat
from audit.publish import Folder
from audit.tiles import ENTRIES, Tile, right_edge
from core import leases
from tests.support.archive import Archive
from tests.support.cli import Cli
from tests.support.serving import start

GOLDEN = Path(__file__).parent.parent / "golden" / "data" / "0001-first-records.tar.xz"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose log fills one bundle and begins another."""
    archive = Archive.open(tmp_path_factory.mktemp("served") / "data")
    for _ in range(3):
        archive.runtime.log.record([LogHeartbeat(intake_high=n) for n in range(100)], at=archive.now)
    archive.index()
    archive.close()
    return archive.runtime.folder.root


@pytest.fixture
def copy(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "data")
    return tmp_path / "data"


def test_a_data_folder_from_before_there_were_tiles_is_published_whole(tmp_path: Path, cli: Cli) -> None:
    with tarfile.open(GOLDEN) as kept:
        kept.extractall(tmp_path, filter="data")
    (tmp_path / "data" / "keys").chmod(0o700)
    assert not (tmp_path / "data" / "log" / "tile").exists()
    assert cli("--data", tmp_path / "data", "audit", "key").code == 0
    proof = cli("--data", tmp_path / "data", "audit", "proof", "3", "--out", tmp_path / "3.tlog-proof")
    assert proof.code == 0, proof.err
    lines = (tmp_path / "3.tlog-proof").read_text().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 3"]
    folder = Folder(tmp_path / "data" / "log")
    assert "\n".join(lines[lines.index("") + 1 :]) == folder.checkpoint.read_text()
    assert all(folder.place_of(tile).exists() for tile in right_edge(folder.size()))


def test_the_command_line_writes_what_is_missing_and_names_what_was_altered(copy: Path, cli: Cli) -> None:
    before = Folder(copy / "log").read(Tile(ENTRIES, 0))
    Folder(copy / "log").place_of(Tile(ENTRIES, 0)).unlink()
    told = cli("--data", copy, "--json", "audit", "rebuild")
    assert (told.code, told.json) == (0, {"written": 1})
    assert Folder(copy / "log").read(Tile(ENTRIES, 0)) == before
    place = Folder(copy / "log").place_of(Tile(0, 0))
    place.write_bytes(bytes(32) + place.read_bytes()[32:])
    told = cli("--data", copy, "audit", "rebuild")
    assert told.code != 0
    assert "at position 0: tile/0/000 was published with other bytes" in told.err


@pytest.mark.parametrize("path", ["tile/0/001.p/{width}", "tile/entries/001.p/{width}", "tile/1/000.p/1"])
def test_no_server_starts_on_a_log_whose_published_edge_is_another(copy: Path, path: str) -> None:
    folder = Folder(copy / "log")
    size = folder.size()
    place = copy / "log" / path.format(width=size - 256)
    data = place.read_bytes()
    place.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    before = (copy / "db" / "log.db").read_bytes()
    server = start(copy)
    try:
        assert server.process.wait(60) != 0
    finally:
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGKILL)
    said = server.log.read_text()
    position = 0 if path.startswith("tile/1") else size - 1
    assert f"at position {position}: {path.format(width=size - 256)} was published with other bytes" in said
    assert "Nothing is written to this log" in said
    assert "`muniment audit verify`" in said
    assert (copy / "db" / "log.db").read_bytes() == before


def test_a_keeper_signs_while_it_does_other_work(copy: Path) -> None:
    chosen = Settings(data=copy, port=0, workers=1)
    prepare(chosen)
    runtime = build(chosen)
    keeper = Keeper(runtime, leases.incarnation("keeper"), signer_of(runtime))
    busy, over = threading.Event(), threading.Event()

    def other_work() -> bool:
        busy.set()
        over.wait(120)
        return False

    keeper._move_intake = other_work  # type: ignore[method-assign]
    stopping = threading.Event()
    thread = threading.Thread(target=keeper.run, args=(stopping.is_set,))
    thread.start()
    try:
        assert busy.wait(60)
        for _ in range(2):
            receipt = runtime.log.record([LogHeartbeat()], at=runtime.clock.now())[0]
            end = time.monotonic() + 60
            while Folder(copy / "log").size() <= receipt.seq:
                time.sleep(0.02)
                assert time.monotonic() < end, "it is signed while the other work goes on"
        assert not over.is_set()
    finally:
        over.set()
        stopping.set()
        thread.join()
        runtime.close()
