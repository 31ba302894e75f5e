"""What every object store promises. Subclass it in a test module and give the fixture ``store``."""

import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from vault.store import BadObjectKey, KeyTaken, ObjectMissing, ObjectStore, Stored, derived_key, new_original_key


class Hangup(OSError):
    """The client went away."""


def _hangs_up() -> Iterator[bytes]:
    yield b"x" * 100_000
    raise Hangup(32, "gone")


def _read(store: ObjectStore, key: str, version: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(store.get(key, version, start=start, end=end))


class ObjectStoreContract:
    @pytest.fixture
    def store(self) -> ObjectStore:
        raise NotImplementedError("give the store under test")

    @pytest.mark.parametrize(
        "pieces",
        [
            pytest.param([], id="nothing"),
            pytest.param([b""], id="one empty piece"),
            pytest.param([b"a"], id="one byte"),
            pytest.param([b"a" * 300_000, b"", b"b" * 3, b"c" * 262_144], id="several pieces"),
        ],
    )
    def test_what_is_put_comes_back_with_its_size_and_digest(self, store: ObjectStore, pieces: list[bytes]) -> None:
        key, whole = new_original_key(), b"".join(pieces)
        stored = store.put(key, iter(pieces))
        assert stored == Stored(len(whole), hashlib.sha256(whole).digest(), stored.version)
        assert _read(store, key, stored.version) == whole
        stat = store.stat(key, stored.version)
        assert stat.size_bytes == len(whole)
        assert abs(datetime.now(UTC) - stat.stored_at) < timedelta(minutes=5)

    @pytest.mark.parametrize(
        ("start", "end"), [(0, 0), (0, 1), (5, 5), (7, 300_001), (299_999, None), (600_000, 700_000), (700_000, None)]
    )
    def test_a_range_is_the_slice_of_the_whole(self, store: ObjectStore, start: int, end: int | None) -> None:
        key, whole = new_original_key(), bytes(i % 251 for i in range(600_007))
        version = store.put(key, [whole]).version
        assert _read(store, key, version, start, end) == whole[start:end]

    def test_a_taken_key_is_refused_and_the_first_bytes_stay(self, store: ObjectStore) -> None:
        key = new_original_key()
        version = store.put(key, [b"first"]).version
        with pytest.raises(KeyTaken):
            store.put(key, [b"second"])
        assert _read(store, key, version) == b"first"

    def test_of_many_that_put_under_one_key_exactly_one_wins(self, store: ObjectStore) -> None:
        key, together = new_original_key(), threading.Barrier(8)
        outcomes: list[tuple[bytes, Stored | None]] = []

        def put(content: bytes) -> None:
            def pieces() -> Iterator[bytes]:
                together.wait(60)
                yield content
                yield content

            try:
                outcomes.append((content, store.put(key, pieces())))
            except KeyTaken:
                outcomes.append((content, None))

        threads = [threading.Thread(target=put, args=(bytes([n]) * 50_000,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [(content, stored) for content, stored in outcomes if stored]
        assert len(outcomes) == 8
        assert len(winners) == 1
        content, stored = winners[0]
        assert _read(store, key, stored.version) == content * 2

    def test_data_that_ends_in_an_error_leaves_nothing_and_the_error_passes_through(self, store: ObjectStore) -> None:
        key = new_original_key()
        with pytest.raises(Hangup):
            store.put(key, _hangs_up())
        assert list(store.keys("")) == []
        assert store.put(key, [b"again"]).size_bytes == 5

    def test_what_is_not_there_is_missing_at_the_call(self, store: ObjectStore) -> None:
        key = new_original_key()
        version = store.put(key, [b"x"]).version
        for absent_key, absent_version in ((new_original_key(), version), (key, version + "0")):
            with pytest.raises(ObjectMissing):
                store.get(absent_key, absent_version)
            with pytest.raises(ObjectMissing):
                store.stat(absent_key, absent_version)

    def test_deleting_is_final_and_may_be_repeated(self, store: ObjectStore) -> None:
        key, other = new_original_key(), new_original_key()
        version, other_version = store.put(key, [b"x"]).version, store.put(other, [b"y"]).version
        for _ in range(2):
            store.delete(key, version)
            with pytest.raises(ObjectMissing):
                store.get(key, version)
        store.delete(new_original_key(), version)
        assert [listed.key for listed in store.keys("")] == [other]
        assert _read(store, other, other_version) == b"y"

    def test_deleting_another_version_deletes_nothing(self, store: ObjectStore) -> None:
        key = new_original_key()
        version = store.put(key, [b"x"]).version
        store.delete(key, version + "0")
        assert _read(store, key, version) == b"x"

    def test_the_listing_names_every_object_under_a_prefix_once(self, store: ObjectStore) -> None:
        keys = [new_original_key() for _ in range(20)] + [derived_key(UUID(int=7), "text") for _ in range(20)]
        sizes = {key: store.put(key, [b"x" * n]).size_bytes for n, key in enumerate(keys)}
        for prefix in ("", "originals/", "derived/", keys[0][:12], keys[0], keys[30][:11], "originals/zz"):
            listed = list(store.keys(prefix))
            expected = {key: size for key, size in sizes.items() if key.startswith(prefix)}
            assert {item.key: item.size_bytes for item in listed} == expected
            assert len(listed) == len(expected)
            for item in listed:
                assert item.stored_at == store.stat(item.key, item.version).stored_at

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "originals/ab/../../../etc/passwd",
            "/etc/passwd",
            "originals/ab",
            "other/ab/" + "ab" * 16,
            "originals/ab/" + "cd" * 16,
            "originals/ab/" + "ab" * 16 + "\n",
            "originals/ab/" + "AB" * 16,
        ],
    )
    def test_what_is_no_object_key_is_refused_everywhere(self, store: ObjectStore, key: str) -> None:
        for attempt in (
            lambda: store.put(key, [b"x"]),
            lambda: store.get(key, "1"),
            lambda: store.stat(key, "1"),
            lambda: store.delete(key, "1"),
        ):
            with pytest.raises(BadObjectKey):
                attempt()

    def test_a_working_store_says_so(self, store: ObjectStore) -> None:
        store.check()
        assert store.free_bytes() > 0
        assert list(store.keys("")) == []
