"""The keyring on the key file: contract, crash points, old copies, secrets in memory."""

import copy
import pickle
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select, update

from core.database import Database, MainTable, WriteSession
from core.identifiers import new_id
from core.sqlite import SqliteDatabase
from tests.contracts.keyring_contract import KeyringContract
from vault import epoch_cache, keyring, wrapping
from vault.data_key import DataKey
from vault.epoch_cache import EpochCache
from vault.keyring import KeyEpoch, Keyring, Shredded, WrappedKey
from vault.keys import EpochKeyGone, KeyFile
from vault.wrapping import WrappedKeyDamaged

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLES = [KeyEpoch.__table__, WrappedKey.__table__]


@pytest.fixture
def keys_folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def service(keys_folder: Path) -> KeyFile:
    return KeyFile.establish(keys_folder, has_epochs=False)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    opened = SqliteDatabase(tmp_path / "main.db")
    with opened.exclusive():
        MainTable.metadata.create_all(opened.engine, tables=TABLES)  # type: ignore[arg-type]
    yield opened
    opened.close()


class TestKeyFileKeyring(KeyringContract):
    @pytest.fixture
    def service(self, keys_folder: Path) -> KeyFile:
        return KeyFile.establish(keys_folder, has_epochs=False)

    @pytest.fixture
    def again(self, keys_folder: Path) -> Callable[[], KeyFile]:
        return lambda: KeyFile(keys_folder)

    @pytest.fixture
    def database(self, database: SqliteDatabase) -> SqliteDatabase:
        return database


def _make(ring: Keyring, database: Database, count: int) -> dict[UUID, bytes]:
    with database.write() as session:
        return {
            subject: ring.create(session, subject, kind="version", at=NOW).secret
            for subject in (new_id() for _ in range(count))
        }


def _shred(ring: Keyring, database: Database, *subjects: UUID) -> frozenset[UUID]:
    with database.write() as session:
        return ring.shred(session, subjects, at=NOW)


def _copy(database: SqliteDatabase, to: Path) -> SqliteDatabase:
    with sqlite3.connect(database.path) as source, sqlite3.connect(to) as target:
        source.backup(target)
    return SqliteDatabase(to)


def test_after_shredding_no_old_copy_of_the_database_gives_the_key(
    service: KeyFile, keys_folder: Path, database: SqliteDatabase, tmp_path: Path
) -> None:
    ring = Keyring(service)
    made = _make(ring, database, 5)
    victim = next(iter(made))
    old = _copy(database, tmp_path / "backup.db")
    with old.read() as reading:
        assert Keyring(KeyFile(keys_folder)).get(reading, victim).secret == made[victim], "the copy was a good one"

    _shred(ring, database, victim)
    ring.destroy_retired(database, at=NOW)

    with old.read() as reading, pytest.raises(EpochKeyGone):
        Keyring(KeyFile(keys_folder)).get(reading, victim)
    # Nor with any key that is left, whatever the rows say.
    with old.read() as reading:
        wrapped = reading.scalars(select(WrappedKey.wrapped).where(WrappedKey.subject == victim)).one()
        epochs = [UUID(path.stem) for path in (keys_folder / "epochs").iterdir()]
        assert epochs
        for epoch in epochs:
            with pytest.raises(WrappedKeyDamaged):
                wrapping.unwrap(AESGCM(service.unwrap(epoch)), victim, epoch, wrapped)
    old.close()


def test_the_wrapped_key_leaves_no_residue_in_the_database_files(service: KeyFile, database: SqliteDatabase) -> None:
    ring = Keyring(service)
    victim = next(iter(_make(ring, database, 5)))
    with database.read() as reading:
        wrapped = reading.scalars(select(WrappedKey.wrapped).where(WrappedKey.subject == victim)).one()
    _shred(ring, database, victim)
    ring.destroy_retired(database, at=NOW)
    with database.exclusive(), sqlite3.connect(database.path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in database.path.parent.glob("main.db*"):
        assert wrapped not in path.read_bytes()


class PowerCut(Exception):
    """The machine stopped here."""


class _Stops:
    """The key file, until its ``destroy`` is reached."""

    def __init__(self, service: KeyFile, *, before: bool) -> None:
        self._service, self._before = service, before
        self.create, self.unwrap, self.fingerprint_key = service.create, service.unwrap, service.fingerprint_key

    def destroy(self, epoch: UUID) -> None:
        if not self._before:
            self._service.destroy(epoch)
        raise PowerCut


class _LastWrites:
    """The database, until so many write sessions have been opened."""

    def __init__(self, database: SqliteDatabase, writes: int) -> None:
        self._database, self._writes = database, writes
        self.after_commit = database.after_commit
        self.read, self.close = database.read, database.close

    @contextmanager
    def write(self) -> Iterator[WriteSession]:
        if self._writes == 0:
            raise PowerCut
        self._writes -= 1
        with self._database.write() as session:
            yield session


@pytest.mark.parametrize("crash", ["between two batches", "in the first batch", "before the key", "after the key"])
def test_a_destruction_that_was_interrupted_is_finished_at_the_next_start(
    service: KeyFile, keys_folder: Path, database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, crash: str
) -> None:
    monkeypatch.setattr(keyring, "_BATCH", 4)
    made = _make(Keyring(service), database, 11)
    victim, *survivors = made
    epochs = _shred(Keyring(service), database, victim)

    where: Database = database
    ring = Keyring(service)
    if crash == "between two batches":
        where = _LastWrites(database, 2)
    elif crash == "in the first batch":
        where = _LastWrites(database, 0)
    else:
        ring = Keyring(_Stops(service, before=crash == "before the key"))
    with pytest.raises(PowerCut):
        ring.destroy_retired(where, at=NOW)
    with database.read() as reading:
        assert not keyring.are_destroyed(reading, epochs)
        assert len(Keyring(KeyFile(keys_folder)).get_many(reading, survivors)) == 10

    restarted = Keyring(KeyFile(keys_folder))
    assert restarted.destroy_retired(database, at=NOW) == epochs
    with database.read() as reading:
        assert keyring.are_destroyed(reading, epochs)
        found = restarted.get_many(reading, made)
    assert {s: key.secret for s, key in found.items()} == {s: made[s] for s in survivors}
    assert not any((keys_folder / "epochs" / f"{epoch.hex}.key").exists() for epoch in epochs)


def test_a_key_file_overwritten_but_not_yet_removed_is_removed_at_the_next_start(
    service: KeyFile, keys_folder: Path, database: SqliteDatabase
) -> None:
    ring = Keyring(service)
    made = _make(ring, database, 3)
    (epoch,) = _shred(ring, database, *made)
    path = keys_folder / "epochs" / f"{epoch.hex}.key"
    path.write_bytes(b"\xff" * path.stat().st_size)
    assert Keyring(KeyFile(keys_folder)).destroy_retired(database, at=NOW) == {epoch}
    assert not path.exists()


def test_a_reader_with_an_older_snapshot_still_finds_the_survivors(
    service: KeyFile, keys_folder: Path, database: SqliteDatabase
) -> None:
    ring = Keyring(service)
    made = _make(ring, database, 3)
    victim, survivor, _ = made
    with database.read() as reading:
        assert reading.scalars(select(WrappedKey.subject)).all(), "the snapshot is taken at the first look"
        done = threading.Thread(target=lambda: (_shred(ring, database, victim), ring.destroy_retired(database, at=NOW)))
        done.start()
        done.join()
        cold = Keyring(KeyFile(keys_folder))
        assert cold.get(reading, survivor).secret == made[survivor]
        with pytest.raises(Shredded):
            cold.get(reading, victim)


def test_a_lost_epoch_key_is_an_alarm_and_not_a_shredding(
    service: KeyFile, keys_folder: Path, database: SqliteDatabase
) -> None:
    made = _make(Keyring(service), database, 1)
    for path in (keys_folder / "epochs").iterdir():
        path.unlink()
    cold = Keyring(KeyFile(keys_folder))
    with database.read() as reading, pytest.raises(EpochKeyGone):
        cold.get(reading, next(iter(made)))
    with database.write() as session, pytest.raises(EpochKeyGone):
        cold.get(session, next(iter(made)))


def test_a_wrapped_key_moved_to_another_subject_or_changed_does_not_open(
    service: KeyFile, database: SqliteDatabase
) -> None:
    ring = Keyring(service)
    one, other = _make(ring, database, 2)
    with database.read() as reading:
        wrapped = {row.subject: row.wrapped for row in reading.execute(select(WrappedKey.subject, WrappedKey.wrapped))}
    changed = [wrapped[other], wrapped[one][:-1], b"", wrapped[one] + b"\x00"]
    changed += [wrapped[one][:n] + bytes([wrapped[one][n] ^ 1]) + wrapped[one][n + 1 :] for n in (0, 12, 43, 44, 59)]
    for value in changed:
        with database.write() as session:
            session.execute(update(WrappedKey).where(WrappedKey.subject == one).values(wrapped=value))
        with database.read() as reading, pytest.raises(WrappedKeyDamaged):
            ring.get(reading, one)


def test_an_epoch_key_is_durable_before_a_row_names_it(
    service: KeyFile, keys_folder: Path, database: SqliteDatabase
) -> None:
    with database.write() as session:
        Keyring(service).create(session, new_id(), kind="version", at=NOW)
        (epoch,) = session.scalars(select(KeyEpoch.id))
        assert (keys_folder / "epochs" / f"{epoch.hex}.key").exists()


def test_more_subjects_than_one_statement_takes_are_found_and_shredded(
    service: KeyFile, database: SqliteDatabase
) -> None:
    ring = Keyring(service)
    made = _make(ring, database, 1203)
    with database.read() as reading:
        assert {s: key.secret for s, key in ring.get_many(reading, made).items()} == made
    _shred(ring, database, *made)
    ring.destroy_retired(database, at=NOW)
    with database.read() as reading:
        assert ring.get_many(reading, made) == {}


def test_the_archive_knows_whether_it_ever_had_keys(service: KeyFile, database: SqliteDatabase) -> None:
    ring = Keyring(service)
    with database.read() as reading:
        assert not keyring.has_epochs(reading)
    made = _make(ring, database, 1)
    _shred(ring, database, *made)
    ring.destroy_retired(database, at=NOW)
    with database.read() as reading:
        assert keyring.has_epochs(reading)


def test_many_threads_may_use_one_keyring(service: KeyFile, database: SqliteDatabase) -> None:
    ring = Keyring(service)
    made: dict[UUID, bytes] = {}
    wrong: list[UUID] = []

    def work() -> None:
        for _ in range(5):
            mine = _make(ring, database, 3)
            made.update(mine)
            with database.read() as reading:
                wrong.extend(s for s, key in ring.get_many(reading, mine).items() if key.secret != mine[s])
            _shred(ring, database, next(iter(mine)))
            ring.destroy_retired(database, at=NOW)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(made) == 60
    with database.read() as reading:
        found = Keyring(service).get_many(reading, made)
    assert len(found) == 40
    assert all(key.secret == made[s] for s, key in found.items())


class TestEpochCache:
    def test_a_key_is_unwrapped_once_in_ten_minutes_and_again_after(self) -> None:
        time, unwrapped = [0.0], []

        def unwrap(epoch: UUID) -> bytes:
            unwrapped.append(epoch)
            return bytes(32)

        cache, epoch = EpochCache(unwrap, monotonic=lambda: time[0]), new_id()
        for now, times in ((0.0, 1), (599.0, 1), (600.0, 2), (1100.0, 2), (1201.0, 3)):
            time[0] = now
            cache.cipher(epoch)
            assert len(unwrapped) == times
        cache.forget(epoch)
        cache.cipher(epoch)
        assert len(unwrapped) == 4

    def test_a_key_is_forgotten_when_its_time_is_over_though_nobody_asks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(epoch_cache, "LIFETIME_SECONDS", 0.2)
        cache = EpochCache(lambda epoch: bytes(32))
        cache.cipher(new_id())
        assert cache.held() == 1
        forgotten = threading.Event()
        for _ in range(100):
            if cache.held() == 0:
                forgotten.set()
                break
            forgotten.wait(0.05)
        assert forgotten.is_set()


def test_nothing_prints_copies_or_pickles_a_data_key() -> None:
    key = DataKey(UUID(int=5), b"a secret of exactly 32 bytes ...")
    shown = f"{key} {key!r} {key!s} {[key]} { ({'key': key}) }"
    assert "secret" not in shown
    assert not hasattr(key, "__dict__")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(key)
