"""What every key service promises, and the keyring on top of it.

Subclass it in a test module and give the fixtures ``service`` (the key service under test),
``again`` (the same one opened anew, as after a restart) and ``database``.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select

from core.database import Database
from core.identifiers import new_id
from vault import keyring
from vault.keyring import KeyExists, Keyring, Shredded
from vault.keys import EpochKeyGone, EpochTaken, KeyService

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class KeyServiceContract:
    @pytest.fixture
    def service(self) -> KeyService:
        raise NotImplementedError("give the key service under test")

    @pytest.fixture
    def again(self) -> Callable[[], KeyService]:
        raise NotImplementedError("give a way to open the same key service anew")

    def test_an_epoch_key_is_secret_of_32_bytes_and_survives_a_restart(
        self, service: KeyService, again: Callable[[], KeyService]
    ) -> None:
        epochs = [new_id() for _ in range(5)]
        for epoch in epochs:
            service.create(epoch)
        keys = [service.unwrap(epoch) for epoch in epochs]
        assert {len(key) for key in keys} == {32}
        assert len(set(keys)) == 5
        assert [again().unwrap(epoch) for epoch in epochs] == keys

    def test_an_epoch_key_is_never_replaced(self, service: KeyService) -> None:
        epoch = new_id()
        service.create(epoch)
        key = service.unwrap(epoch)
        with pytest.raises(EpochTaken):
            service.create(epoch)
        assert service.unwrap(epoch) == key

    def test_a_destroyed_epoch_key_is_gone_and_the_others_stay(
        self, service: KeyService, again: Callable[[], KeyService]
    ) -> None:
        ended, stays = new_id(), new_id()
        service.create(ended)
        service.create(stays)
        kept = service.unwrap(stays)
        for _ in range(2):
            service.destroy(ended)
            for opened in (service, again()):
                with pytest.raises(EpochKeyGone):
                    opened.unwrap(ended)
                assert opened.unwrap(stays) == kept

    def test_an_unknown_epoch_key_is_gone_and_may_be_destroyed(self, service: KeyService) -> None:
        with pytest.raises(EpochKeyGone):
            service.unwrap(new_id())
        service.destroy(new_id())

    def test_the_fingerprint_key_never_changes(self, service: KeyService, again: Callable[[], KeyService]) -> None:
        assert len(service.fingerprint_key()) == 32
        assert again().fingerprint_key() == service.fingerprint_key()


class KeyringContract(KeyServiceContract):
    @pytest.fixture
    def database(self) -> Database:
        raise NotImplementedError("give a database with the tables")

    @pytest.fixture
    def ring(self, service: KeyService) -> Keyring:
        return Keyring(service)

    def test_a_data_key_is_the_same_after_a_restart_and_another_for_each_subject(
        self, ring: Keyring, again: Callable[[], KeyService], database: Database
    ) -> None:
        subjects = [new_id() for _ in range(20)]
        with database.write() as session:
            made = {subject: ring.create(session, subject, kind="version", at=NOW) for subject in subjects}
        assert len({key.secret for key in made.values()}) == 20
        with database.read() as reading:
            found = Keyring(again()).get_many(reading, [*subjects, new_id()])
        assert {subject: key.secret for subject, key in found.items()} == {s: key.secret for s, key in made.items()}
        assert all(key.subject == subject for subject, key in found.items())

    def test_a_subject_has_one_key(self, ring: Keyring, database: Database) -> None:
        subject = new_id()
        with database.write() as session:
            key = ring.create(session, subject, kind="party", at=NOW)
            with pytest.raises(KeyExists):
                ring.create(session, subject, kind="party", at=NOW)
            assert ring.get(session, subject).secret == key.secret

    def test_a_key_made_before_its_row_is_kept_as_it_was_made(
        self, ring: Keyring, again: Callable[[], KeyService], database: Database
    ) -> None:
        key = keyring.new_data_key(new_id())
        with database.read() as reading, pytest.raises(Shredded):
            ring.get(reading, key.subject)
        with database.write() as session:
            ring.keep(session, key, kind="version", at=NOW)
            with pytest.raises(KeyExists):
                ring.keep(session, keyring.new_data_key(key.subject), kind="version", at=NOW)
        with database.read() as reading:
            assert Keyring(again()).get(reading, key.subject).secret == key.secret

    def test_what_is_rolled_back_has_no_key(self, ring: Keyring, database: Database) -> None:
        subject = new_id()

        def fails() -> None:
            with database.write() as session:
                ring.create(session, subject, kind="version", at=NOW)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fails()
        with database.read() as reading, pytest.raises(Shredded):
            ring.get(reading, subject)

    def test_shredding_destroys_the_epoch_and_spares_the_survivors(
        self, ring: Keyring, service: KeyService, again: Callable[[], KeyService], database: Database
    ) -> None:
        subjects = [new_id() for _ in range(30)]
        with database.write() as session:
            made = {subject: ring.create(session, subject, kind="version", at=NOW).secret for subject in subjects}
            epochs = ring.shred(session, [*subjects[:3], new_id()], at=NOW)
        assert len(epochs) == 1
        with database.read() as reading:
            assert not keyring.are_destroyed(reading, epochs)
        assert ring.destroy_retired(database, at=NOW) == epochs
        assert ring.destroy_retired(database, at=NOW) == frozenset()

        for opened in (ring, Keyring(again())):
            with database.read() as reading:
                assert keyring.are_destroyed(reading, epochs)
                found = opened.get_many(reading, subjects)
                assert {s: key.secret for s, key in found.items()} == {s: made[s] for s in subjects[3:]}
                for subject in subjects[:3]:
                    with pytest.raises(Shredded):
                        opened.get(reading, subject)
        for epoch in epochs:
            with pytest.raises(EpochKeyGone):
                service.unwrap(epoch)

    def test_shredding_what_has_no_key_touches_nothing(self, ring: Keyring, database: Database) -> None:
        with database.write() as session:
            ring.create(session, new_id(), kind="version", at=NOW)
            assert ring.shred(session, [new_id()], at=NOW) == frozenset()
        assert ring.destroy_retired(database, at=NOW) == frozenset()

    def test_an_epoch_holds_no_more_keys_than_its_limit(
        self, ring: Keyring, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keyring, "EPOCH_KEYS", 4)
        subjects = [new_id() for _ in range(10)]
        with database.write() as session:
            for subject in subjects:
                ring.create(session, subject, kind="version", at=NOW)
        assert _fill(database) == [2, 4, 4]
        with database.write() as session:
            ring.shred(session, [subjects[0], subjects[4]], at=NOW)
        ring.destroy_retired(database, at=NOW)
        assert max(_fill(database)) <= 4
        with database.read() as reading:
            assert len(ring.get_many(reading, subjects)) == 8

    def test_equal_values_have_equal_fingerprints_for_one_purpose_only(
        self, ring: Keyring, again: Callable[[], KeyService]
    ) -> None:
        mark = ring.fingerprint("sign-in", b"ana")
        assert len(mark) == 32
        assert Keyring(again()).fingerprint("sign-in", b"ana") == mark
        assert len({mark, ring.fingerprint("sign-in", b"Ana"), ring.fingerprint("file", b"ana")}) == 3


def _fill(database: Database) -> list[int]:
    """How many keys each epoch holds now, fewest first."""
    with database.read() as reading:
        held: dict[UUID, int] = {}
        for row in reading.scalars(select(keyring.WrappedKey.epoch)):
            held[row] = held.get(row, 0) + 1
    return sorted(held.values())
