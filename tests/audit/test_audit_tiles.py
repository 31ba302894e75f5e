"""Tiles and bundles: known answers from a second implementation, written here from the specification alone."""

import gzip
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from audit_world import World
from hypothesis import given
from hypothesis import strategies as st

from audit.publish import Folder
from audit.ranges import consistency_proof, inclusion_proof, tile_content
from audit.tiles import ENTRIES, NoSuchTile, Tile, first_difference, grown, parse_path, right_edge
from audit.tree import verify_consistency, verify_inclusion

SIZES = (1, 2, 3, 255, 256, 257, 65_536, 70_000)


def merkle_tree_hash(entries: Sequence[bytes]) -> bytes:
    """MTH(D[n]) of RFC 6962, 2.1, word for word."""
    n = len(entries)
    if n == 0:
        return hashlib.sha256().digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < n:
        k *= 2
    left, right = merkle_tree_hash(entries[:k]), merkle_tree_hash(entries[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def name_of(number: int) -> str:
    """Groups of three digits, all but the last behind an ``x``."""
    groups = []
    while True:
        number, rest = divmod(number, 1000)
        groups.append(f"{rest:03d}")
        if number == 0:
            break
    return "".join(f"x{group}/" for group in reversed(groups[1:])) + groups[0]


def second_opinion(entries: Sequence[bytes]) -> dict[str, bytes]:
    """Everything a log of these entries serves under ``tile/``, by the words of C2SP tlog-tiles."""
    size, files = len(entries), dict[str, bytes]()
    level = 0
    while size // 256**level:
        hashes = size // 256**level
        span = 256**level
        known = [merkle_tree_hash(entries[i * span : (i + 1) * span]) for i in range(hashes)]
        for n in range(-(-hashes // 256)):
            width = min(256, hashes - n * 256)
            suffix = "" if width == 256 else f".p/{width}"
            files[f"tile/{level}/{name_of(n)}{suffix}"] = b"".join(known[n * 256 : n * 256 + width])
            if level == 0:
                some = entries[n * 256 : n * 256 + width]
                files[f"tile/entries/{name_of(n)}{suffix}"] = b"".join(
                    bytes(divmod(len(entry), 256)) + entry for entry in some
                )
        level += 1
    return files


@pytest.fixture(scope="module")
def grown_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A log that was published at each of ``SIZES``."""
    world = World(tmp_path_factory.mktemp("grown")).started()
    signer = world.signer()
    have = 1
    for size in SIZES:
        while have < size:
            count = min(2_000, size - have)
            world.record(count)
            have += count
        assert signer.sign_if_grown() is not None
    yield world
    world.close()


def test_what_is_published_is_what_the_specification_says_at_every_size(grown_world: World) -> None:
    folder = Folder(grown_world.file.parent)
    entries = grown_world.entries()
    assert len(entries) == SIZES[-1]
    found = set[str]()
    for size in SIZES:
        expected = second_opinion(entries[:size])
        for path, content in expected.items():
            assert folder.read(parse_path(path)) == content, path
        assert {tile.path for tile in grown(0, size)} == set(expected)
        assert {tile.path for tile in right_edge(size)} <= set(expected)
        found |= set(expected)
    on_disk = {
        str(path.relative_to(folder.path)).removesuffix(".gz")
        for path in (folder.path / "tile").rglob("*")
        if path.is_file()
    }
    assert on_disk == found
    with grown_world.logs.read() as session:
        for path, content in second_opinion(entries).items():
            assert tile_content(session, parse_path(path)) == content


def test_the_empty_log_has_no_tiles() -> None:
    assert list(grown(0, 0)) == right_edge(0) == []
    assert second_opinion([]) == {}
    assert merkle_tree_hash([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_full_bundles_lie_in_gzip_and_are_the_same_each_time(grown_world: World, tmp_path: Path) -> None:
    folder = Folder(grown_world.file.parent)
    place = folder.place_of(Tile(ENTRIES, 7))
    content = folder.read(Tile(ENTRIES, 7))
    assert content is not None
    assert place.name == "007.gz"
    packed = place.read_bytes()
    assert gzip.decompress(packed) == content
    assert len(packed) < len(content) / 2
    again = Folder(tmp_path)
    again.write(grown_world.logs, [Tile(ENTRIES, 7)])
    assert again.place_of(Tile(ENTRIES, 7)).read_bytes() == packed


def test_proofs_at_the_sizes_verify(grown_world: World) -> None:
    entries = grown_world.entries()
    roots = {size: merkle_tree_hash(entries[:size]) for size in SIZES}
    with grown_world.logs.read() as session:
        for size in SIZES:
            for seq in {0, size // 3, size - 1}:
                leaf = merkle_tree_hash(entries[seq : seq + 1])
                assert verify_inclusion(leaf, seq, size, inclusion_proof(session, seq, size), roots[size])
            for earlier in SIZES[: SIZES.index(size) + 1]:
                path = consistency_proof(session, earlier, size)
                assert verify_consistency(earlier, size, roots[earlier], roots[size], path)


@given(st.integers(-1, 63), st.integers(0, 2**53), st.integers(1, 256))
def test_every_tile_has_one_path(level: int, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    assert parse_path(tile.path) == tile
    assert name_of(number) in tile.path


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("tile/0/1", id="number too short"),
        pytest.param("tile/0/x001", id="last group with an x"),
        pytest.param("tile/0/001/002", id="first group without an x"),
        pytest.param("tile/0/x000/001", id="leading group of zeros"),
        pytest.param("tile/00/001", id="level with a leading zero"),
        pytest.param("tile/64/000", id="level above 63"),
        pytest.param("tile/-1/000", id="level below 0"),
        pytest.param("tile/0/000.p/0", id="width of nothing"),
        pytest.param("tile/0/000.p/256", id="full width as a partial"),
        pytest.param("tile/0/000.p/08", id="width with a leading zero"),
        pytest.param("tile/0/000\n", id="line feed at the end"),
        pytest.param("tile/0/٠٠١", id="other digits"),
        pytest.param("tile/entries/../0/000", id="way up"),
        pytest.param("tile/data/000", id="no such level"),
        pytest.param("tile/0/x000/x000/x000/x000/x000/x000/x000/001", id="far too long"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_no_path_of_a_tile_is_refused(path: str) -> None:
    with pytest.raises(NoSuchTile):
        parse_path(path)


@given(st.text(max_size=40))
def test_any_text_is_a_tile_s_path_or_refused(text: str) -> None:
    with suppress(NoSuchTile):
        assert parse_path(text).path == text


@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_growing_in_two_steps_serves_all_full_tiles_of_one_step(one: int, other: int) -> None:
    first, second = sorted((one, other))
    at_once = {tile for tile in grown(0, second) if tile.is_full or tile in right_edge(second)}
    in_steps = set(grown(0, first)) | set(grown(first, second))
    assert at_once <= in_steps
    assert all(tile.is_under(second) for tile in in_steps)
    assert not any(tile.is_under(first) for tile in grown(first, second))


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=20), st.data())
def test_the_first_entry_that_differs_is_named(entries: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(entries) - 1))
    ours = b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    other = [*entries[:place], bytes([entries[place][0] ^ 1]) + entries[place][1:], *entries[place + 1 :]]
    theirs = b"".join(len(entry).to_bytes(2, "big") + entry for entry in other)
    assert first_difference(Tile(ENTRIES, 3, len(entries)), ours, theirs) == 3 * 256 + place
    assert first_difference(Tile(ENTRIES, 3, len(entries)), ours, ours) is None
    hashes = [hashlib.sha256(entry).digest() for entry in entries]
    altered = [*hashes[:place], bytes(32), *hashes[place + 1 :]]
    tile = Tile(1, 2, len(entries))
    assert first_difference(tile, b"".join(hashes), b"".join(altered)) == (2 * 256 + place) * 256
    assert first_difference(tile, b"".join(hashes), b"".join(hashes)[:-1]) == (2 * 256 + len(entries) - 1) * 256
