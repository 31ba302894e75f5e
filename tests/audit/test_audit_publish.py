"""Publishing: the folder of the log is whole at every moment, is never rewritten, and can be built again."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from audit_world import T0, World
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import publish
from audit.checkpoint import LogMismatch, published_note, rebuild
from audit.cosignature import cosign
from audit.cosignatures import AuditCosignature
from audit.publish import Folder, content_of
from audit.tiles import ENTRIES, Tile, grown, right_edge
from core.errors import Unavailable


def files_of(world: World) -> dict[str, bytes]:
    folder = world.file.parent
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def grow(world: World, *counts: int) -> None:
    """Sign and publish after each number of further entries."""
    signer = world.signer()
    for count in counts:
        world.record(count)
        signer.sign_if_grown()


@pytest.mark.parametrize(
    "lost", ["tile", "tile/entries", "tile/0", "tile/1", "tile/entries/000.gz", "catalogues", "checkpoint"]
)
def test_what_was_thrown_away_is_built_again_byte_for_byte(world: World, lost: str) -> None:
    grow(world, 3, 200, 99, 1, 200, 10, 10)
    before = files_of(world)
    assert {"tile/entries/000.gz", "tile/0/002.p/12", "tile/1/000.p/1", "tile/1/000.p/2"} < before.keys()
    # Older partials of tiles that are full by now are nobody's to read, and not made again.
    past = {path for path in before if path.startswith(("tile/0/000.p", "tile/entries/000.p", "tile/0/001.p"))}
    past |= {path for path in before if path.startswith("tile/entries/001.p")}
    place = world.file.parent / lost
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    if lost in ("tile/entries/000.gz", "catalogues"):
        assert rebuild(world.logs, world.file) == (lost != "catalogues")
    else:
        world.signer().sign_if_grown()
    after = files_of(world)
    assert after.items() <= before.items()
    (declared,) = [path for path in after if path.startswith("catalogues/")]
    assert declared == f"catalogues/{hashlib.sha256(after[declared]).hexdigest()}.json"
    assert before.keys() - after.keys() <= past


def test_a_log_that_was_signed_before_there_were_tiles_is_published_whole(world: World) -> None:
    grow(world, 300, 300)
    shutil.rmtree(world.file.parent / "tile")
    signer = world.signer()
    signer.start()
    assert signer.sign_if_grown() is None
    assert Folder(world.file.parent).size() == 601
    assert all(Folder(world.file.parent).place_of(tile).exists() for tile in right_edge(601))
    assert rebuild(world.logs, world.file) == 0


@pytest.mark.parametrize(
    ("path", "byte", "position"),
    [
        pytest.param("tile/0/002.p/89", 5 * 32, 2 * 256 + 5, id="the last tile"),
        pytest.param("tile/1/000.p/2", 40, 256, id="a tile above"),
        pytest.param("tile/entries/002.p/89", 7, 2 * 256, id="the last bundle"),
    ],
)
def test_nothing_starts_on_a_log_whose_published_edge_is_another(
    world: World, path: str, byte: int, position: int
) -> None:
    grow(world, 300, 300)
    world.signer().start()
    place = world.file.parent / path
    data = bytearray(place.read_bytes())
    data[byte] ^= 1
    place.write_bytes(data)
    with pytest.raises(LogMismatch, match=f"at position {position}: .*{path}.*`muniment audit verify`") as mismatch:
        world.signer().start()
    assert mismatch.value.fields["position"] == position
    with pytest.raises(LogMismatch):
        rebuild(world.logs, world.file)


def test_a_path_never_gets_other_bytes_and_the_checkpoint_stays(world: World) -> None:
    grow(world, 300)
    signer = world.signer()
    folder = Folder(world.file.parent)
    foreign = folder.place_of(Tile(0, 1, 65))
    foreign.write_bytes(bytes(65 * 32))
    published = world.file.read_text()
    world.record(20)
    for _ in range(2):
        with pytest.raises(LogMismatch) as mismatch:
            signer.sign_if_grown()
        assert mismatch.value.fields["position"] == 256
        assert foreign.read_bytes() == bytes(65 * 32)
        assert world.file.read_text() == published


def test_a_full_bundle_that_cannot_be_unpacked_is_another(world: World) -> None:
    grow(world, 300)
    place = Folder(world.file.parent).place_of(Tile(ENTRIES, 0))
    place.write_bytes(place.read_bytes()[:-20])
    with pytest.raises(LogMismatch, match="at position 0: "):
        rebuild(world.logs, world.file)


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        pytest.param("UPDATE audit_leaves SET hash = zeroblob(32) WHERE seq = 20", 20, id="a leaf's hash"),
        pytest.param("UPDATE audit_nodes SET hash = zeroblob(32) WHERE number = 0", 0, id="a node"),
        pytest.param("DELETE FROM audit_leaves WHERE seq = 20", 0, id="an entry missing"),
    ],
)
def test_what_does_not_hold_together_is_not_published(world: World, statement: str, position: int) -> None:
    signer = world.signer()
    world.record(600)
    signer._sign()
    world.tamper((statement, ()))
    with pytest.raises(LogMismatch) as mismatch:
        signer.sign_if_grown()
    assert mismatch.value.fields["position"] == position
    assert not world.file.exists()


def test_what_was_signed_but_not_published_is_published_by_the_next_process(world: World) -> None:
    grow(world, 5)
    world.record(300)
    world.signer()._sign()
    assert "\n6\n" in world.file.read_text()
    world.signer().sign_if_grown()
    assert "\n306\n" in world.file.read_text()
    with world.logs.read() as session:
        assert world.file.read_text() == published_note(session)


def test_a_disk_that_refuses_is_tried_again_and_readers_keep_the_checkpoint_before(world: World) -> None:
    grow(world, 5)
    signer = world.signer()
    before = world.file.read_text()
    in_the_way = world.file.parent / "tile" / "1"
    in_the_way.write_text("")
    world.record(300)
    for _ in range(2):
        with pytest.raises(Unavailable):
            signer.sign_if_grown()
        assert world.file.read_text() == before
    in_the_way.unlink()
    assert signer.sign_if_grown() is None
    assert "\n306\n" in world.file.read_text()
    assert not list(world.file.parent.rglob(".*"))


def test_the_checkpoint_is_replaced_last_and_everything_before_it_is_synced(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(world, 250)
    done: list[tuple[str, str]] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        done.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        real_fsync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        done.append(("rename", str(target)))
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    grow(world, 300)
    folder = str(world.file.parent)
    last = done.index(("rename", f"{folder}/checkpoint"))
    renamed = [path for what, path in done[:last] if what == "rename"]
    assert len(renamed) == len(files_of(world)) - 4
    for path in renamed:
        at = done.index(("rename", path))
        parent, name = os.path.split(path)
        assert ("sync", f"{parent}/.{name}.new") in done[:at], path
        assert ("sync", parent) in done[at:last], path
    for made in ("tile/1", "tile/1/000.p", "tile/0/002.p"):
        assert ("sync", str(Path(folder, made).parent)) in done[:last]
    assert done[last + 1] == ("sync", folder)


def test_partial_tiles_go_some_minutes_after_the_full_one_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(world, 3, 300)
    folder = Folder(world.file.parent)
    assert folder.remove_partials() == 0
    signer = world.signer()
    monkeypatch.setattr(publish, "PARTIAL_SECONDS", 0.0)
    # Those that an earlier process left, then those of this one.
    assert signer.remove_partials() == 2
    world.record(300)
    signer.sign_if_grown()
    assert signer.remove_partials() == 2
    assert not (world.file.parent / "tile/0/000.p").exists()
    assert not (world.file.parent / "tile/entries/001.p").exists()
    assert (world.file.parent / "tile/0/002.p/92").exists()
    assert (world.file.parent / "tile/1/000.p/1").exists()
    world.signer().start()
    assert rebuild(world.logs, world.file) == 0


def test_what_witnesses_sign_later_is_published_under_the_same_checkpoint(world: World) -> None:
    signer = world.signer()
    world.record(5)
    signer.sign_if_grown()
    alone = world.file.read_text()
    witness = Ed25519PrivateKey.from_private_bytes(bytes(32))
    line = cosign(alone.partition("\n\n")[0] + "\n", "witness.example", witness, seconds=1_772_000_000)
    with world.logs.write() as session:
        session.add(
            AuditCosignature(size=6, name="witness.example", key_id=bytes(4), line=line.removesuffix("\n"), at=T0)
        )
    assert signer.sign_if_grown() is None
    assert world.file.read_text() == f"{alone}{line.removesuffix(chr(10))}\n"
    world.signer().start()
    world.signer().sign_if_grown()
    world.record(1)
    signer.sign_if_grown()
    assert "witness.example" not in world.file.read_text()


WRITER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from audit_world import World
world = World(Path(sys.argv[1]))
signer = world.signer()
signer.start()
print("begun", flush=True)
while True:
    world.record(90)
    signer.sign_if_grown()
    signer.remove_partials()
"""


@pytest.mark.sqlite
def test_a_publisher_that_is_killed_at_any_moment_leaves_a_whole_log(tmp_path: Path) -> None:
    World(tmp_path).started().close()
    root = Path(__file__).parent.parent.parent
    words = [sys.executable, "-c", WRITER, str(tmp_path), str(root), str(Path(__file__).parent)]
    sizes = [0]
    for _ in range(5):
        with subprocess.Popen(words, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"begun\n"
            time.sleep(random.uniform(0.01, 0.4))
            writer.kill()
        world = World(tmp_path)
        folder = Folder(world.file.parent)
        if world.file.exists():
            # All of it is there before anything puts it right.
            sizes.append(int(world.file.read_text().splitlines()[1]))
            assert sizes[-1] >= sizes[-2]
            assert folder.size() == sizes[-1]
            with world.logs.read() as session:
                for tile in grown(0, sizes[-1]):
                    assert folder.read(tile) == content_of(session, tile)
        world.signer().start()
        world.signer().sign_if_grown()
        assert rebuild(world.logs, world.file) == 0
        world.close()
    assert sizes[-1] > 0
