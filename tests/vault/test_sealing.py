"""Sealing into the store and reading out of it: whole, in ranges, in flat memory, with fixity."""

import hashlib
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from core.identifiers import new_id
from tests.vault import second_envelope
from vault import envelope, fixity, reader, sealed, writer
from vault.data_key import DataKey
from vault.directory import DirectoryStore
from vault.envelope import RangeOutside, SealBroken
from vault.fixity import FixityBroken
from vault.store import ObjectMissing, ObjectRef, new_original_key

KEY = DataKey(UUID(int=9), bytes(range(32)))
CONTEXT = envelope.context(new_id(), new_id(), "original")
PLAIN = second_envelope.pattern(100_000)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "objects")


def _rewrite(store_folder: Path, key: str, change: Callable[[bytes], bytes]) -> None:
    path = store_folder / key
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(change(content))


def test_what_is_sealed_into_the_store_is_measured_and_read_again(store: DirectoryStore, tmp_path: Path) -> None:
    key = new_original_key()
    made = writer.seal_into(store, key, KEY, CONTEXT, [PLAIN[:5], b"", PLAIN[5:]])
    assert made.plain_size_bytes == len(PLAIN)
    assert made.plain_sha256 == hashlib.sha256(PLAIN).digest()
    on_disk = (tmp_path / "objects" / key).read_bytes()
    assert made.stored.size_bytes == len(on_disk) == envelope.sealed_size(len(PLAIN))
    assert made.stored.sha256 == hashlib.sha256(on_disk).digest()
    assert b"".join(reader.read(store, made.ref, KEY, CONTEXT)) == PLAIN
    assert second_envelope.unseal(KEY.secret, CONTEXT, on_disk) == PLAIN


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 10), (16380, 16390), (99_999, 100_000), (0, 100_000)])
def test_a_range_of_an_object_is_the_slice_of_its_content(store: DirectoryStore, start: int, end: int) -> None:
    made = writer.seal_into(store, new_original_key(), KEY, CONTEXT, [PLAIN])
    assert b"".join(reader.read_range(store, made.ref, KEY, CONTEXT, start, end)) == PLAIN[start:end]


def test_a_range_beyond_the_content_is_refused(store: DirectoryStore) -> None:
    made = writer.seal_into(store, new_original_key(), KEY, CONTEXT, [PLAIN])
    with pytest.raises(RangeOutside):
        reader.read_range(store, made.ref, KEY, CONTEXT, 0, len(PLAIN) + 1)


def test_content_that_breaks_off_stores_nothing(store: DirectoryStore) -> None:
    def hangs_up() -> Iterator[bytes]:
        yield b"x" * 50_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        writer.seal_into(store, new_original_key(), KEY, CONTEXT, hangs_up())
    assert list(store.keys("")) == []


def test_no_plaintext_reaches_the_disk(store: DirectoryStore, tmp_path: Path) -> None:
    canary = b"QUIXOTIC-MARZIPAN-7731"

    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield canary * 1000
            for path in tmp_path.rglob("*"):
                assert path.is_dir() or canary[:8] not in path.read_bytes()

    writer.seal_into(store, new_original_key(), KEY, CONTEXT, pieces())
    (stored,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert canary[:8] not in stored.read_bytes()


def test_two_hundred_megabytes_pass_in_flat_memory_both_ways(store: DirectoryStore) -> None:
    piece, count = bytes(1 << 20), 200
    tracemalloc.start()
    try:
        made = writer.seal_into(store, new_original_key(), KEY, CONTEXT, (piece for _ in range(count)))
        read = sum(len(plain) for plain in reader.read(store, made.ref, KEY, CONTEXT))
        ranged = sum(len(plain) for plain in reader.read_range(store, made.ref, KEY, CONTEXT, 5, made.plain_size_bytes))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (read, ranged) == (count << 20, (count << 20) - 5)
    assert peak_bytes < 4 << 20


CHANGES = [
    pytest.param(lambda data: data[:-1] + bytes([data[-1] ^ 1]), id="a changed byte"),
    pytest.param(lambda data: data[:-1], id="a missing byte"),
    pytest.param(lambda data: data + b"\x00", id="a byte more"),
    pytest.param(lambda data: b"", id="nothing left"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_fixity_and_the_envelope_both_find_what_was_changed_on_disk(
    store: DirectoryStore, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    made = writer.seal_into(store, new_original_key(), KEY, CONTEXT, [PLAIN])
    fixity.verify(store, made.ref, made.stored.sha256)
    _rewrite(tmp_path / "objects", made.key, change)
    with pytest.raises(FixityBroken):
        fixity.verify(store, made.ref, made.stored.sha256)
    with pytest.raises(SealBroken):
        b"".join(reader.read(store, made.ref, KEY, CONTEXT))


def test_a_range_finds_what_was_changed_in_it_and_is_true_where_only_something_was_added(
    store: DirectoryStore, tmp_path: Path
) -> None:
    made = writer.seal_into(store, new_original_key(), KEY, CONTEXT, [PLAIN])
    _rewrite(tmp_path / "objects", made.key, lambda data: data + b"\x00")
    assert b"".join(reader.read_range(store, made.ref, KEY, CONTEXT, 0, len(PLAIN))) == PLAIN
    _rewrite(tmp_path / "objects", made.key, lambda data: data[:-2])
    with pytest.raises(SealBroken):
        b"".join(reader.read_range(store, made.ref, KEY, CONTEXT, 99_000, len(PLAIN)))
    assert b"".join(reader.read_range(store, made.ref, KEY, CONTEXT, 0, 50_000)) == PLAIN[:50_000]


def test_a_missing_object_is_missing_for_all(store: DirectoryStore) -> None:
    absent = ObjectRef(new_original_key(), "1", envelope.sealed_size(10))
    with pytest.raises(ObjectMissing):
        fixity.verify(store, absent, bytes(32))
    with pytest.raises(ObjectMissing):
        reader.read(store, absent, KEY, CONTEXT)
    with pytest.raises(ObjectMissing):
        b"".join(reader.read_range(store, absent, KEY, CONTEXT, 0, 10))


@pytest.mark.parametrize(
    "text", ["", "Vertrag Müller & Söhne", "contrat à durée indéterminée", "合同 📄", "x" * 40_000]
)
def test_a_sealed_text_opens_only_in_its_own_place(text: str) -> None:
    subject, version = new_id(), new_id()
    value = sealed.seal_text(KEY, subject, version, "title", text)
    assert sealed.open_text(KEY, subject, version, "title", value) == text
    assert not text or text.encode() not in value
    elsewhere = [
        (DataKey(subject, bytes(32)), subject, version, "title"),
        (KEY, version, subject, "title"),
        (KEY, subject, None, "title"),
        (KEY, subject, version, "note"),
    ]
    for key, other_subject, other_version, part in elsewhere:
        with pytest.raises(SealBroken):
            sealed.open_text(key, other_subject, other_version, part, value)
