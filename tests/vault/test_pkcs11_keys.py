"""The key service on a PKCS#11 token keeps the promises of every key service; on SoftHSM2."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass

from core.database import MainTable
from core.identifiers import new_id
from core.sqlite import SqliteDatabase
from services import private
from services.softhsm import SoftHSM, Token
from tests.contracts.keyring_contract import KeyringContract
from vault.keyring import KeyEpoch, Keyring, WrappedKey
from vault.keys import MasterKeyLost
from vault.pkcs11 import KeyServiceAway, KeyServiceRefuses, Pkcs11Keys

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def hsm() -> Iterator[SoftHSM]:
    with private(SoftHSM) as tokens:
        before = os.environ.get("SOFTHSM2_CONF")
        os.environ["SOFTHSM2_CONF"] = str(tokens.configuration)
        yield tokens
        if before is None:
            del os.environ["SOFTHSM2_CONF"]


@pytest.fixture
def token(hsm: SoftHSM) -> Token:
    return hsm.new_token()


@pytest.fixture
def service(token: Token) -> Pkcs11Keys:
    return Pkcs11Keys.establish(token.module, token.label, token.pin, has_epochs=False)


class TestPkcs11Keyring(KeyringContract):
    @pytest.fixture
    def service(self, token: Token) -> Pkcs11Keys:
        return Pkcs11Keys.establish(token.module, token.label, token.pin, has_epochs=False)

    @pytest.fixture
    def again(self, token: Token) -> Callable[[], Pkcs11Keys]:
        return lambda: Pkcs11Keys(token.module, token.label, token.pin)

    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[SqliteDatabase]:
        opened = SqliteDatabase(tmp_path / "main.db")
        with opened.exclusive():
            MainTable.metadata.create_all(opened.engine, tables=[KeyEpoch.__table__, WrappedKey.__table__])  # type: ignore[list-item]
        yield opened
        opened.close()


def test_no_key_can_be_taken_out_of_the_token(service: Pkcs11Keys, token: Token) -> None:
    service.create(new_id())
    session = pkcs11.lib(str(token.module)).get_token(token_label=token.label).open()
    keys = list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))
    assert len(keys) == 2
    for key in keys:
        assert key[Attribute.SENSITIVE] is True
        assert key[Attribute.EXTRACTABLE] is False
        assert key[Attribute.NEVER_EXTRACTABLE] is True
        with pytest.raises(pkcs11.exceptions.PKCS11Error):
            key[Attribute.VALUE]
    session.close()


def test_without_the_token_nothing_opens_and_everything_does_when_it_is_back(
    service: Pkcs11Keys, hsm: SoftHSM, token: Token
) -> None:
    epoch = new_id()
    service.create(epoch)
    key = service.unwrap(epoch)
    hsm.stop()
    try:
        for act in (
            lambda: service.unwrap(epoch),
            lambda: service.create(new_id()),
            lambda: service.destroy(epoch),
            service.fingerprint_key,
            lambda: Pkcs11Keys(token.module, token.label, token.pin),
        ):
            with pytest.raises(KeyServiceAway) as raised:
                act()
            assert token.pin not in str(raised.value.__dict__)
    finally:
        hsm.start()
    assert service.unwrap(epoch) == key


@pytest.mark.parametrize("asked_first", ["unwrap", "fingerprint_key", "destroy"])
def test_a_session_that_shows_nothing_is_not_kept(
    asked_first: str, service: Pkcs11Keys, hsm: SoftHSM, token: Token
) -> None:
    epoch = new_id()
    service.create(epoch)
    hsm.stop()
    try:
        with pytest.raises(KeyServiceAway):
            getattr(service, asked_first)(*([] if asked_first == "fingerprint_key" else [epoch]))
    finally:
        hsm.start()
    assert service.unwrap(epoch)


def test_a_key_already_held_is_forgotten_in_time_and_not_for_lack_of_the_token(
    service: Pkcs11Keys, hsm: SoftHSM
) -> None:
    ring, epoch = Keyring(service), new_id()
    service.create(epoch)
    ring._epochs.cipher(epoch)
    hsm.stop()
    try:
        # For the minutes that the key stays in memory, reading goes on.
        ring._epochs.cipher(epoch)
        ring._epochs.forget(epoch)
        with pytest.raises(KeyServiceAway):
            ring._epochs.cipher(epoch)
    finally:
        hsm.start()


def test_a_wrong_pin_is_said_and_not_told(token: Token, hsm: SoftHSM) -> None:
    # A sign-in is of the whole process: end whatever another test holds.
    pkcs11.lib(str(token.module)).reinitialize()
    with pytest.raises(KeyServiceRefuses) as raised:
        Pkcs11Keys(token.module, token.label, "927364")
    assert "927364" not in str(raised.value.__dict__)


def test_an_archive_with_keys_is_not_opened_with_an_empty_token(token: Token) -> None:
    with pytest.raises(MasterKeyLost):
        Pkcs11Keys.establish(token.module, token.label, token.pin, has_epochs=True)
    with pytest.raises(MasterKeyLost):
        Pkcs11Keys(token.module, token.label, token.pin)


def test_no_library_no_token(tmp_path: Path, token: Token) -> None:
    with pytest.raises(KeyServiceAway):
        Pkcs11Keys(tmp_path / "nothing.so", token.label, token.pin)
    with pytest.raises(KeyServiceAway):
        Pkcs11Keys(token.module, "no such token", token.pin)
