"""The keyring's promises with its rows in PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.postgresql import PostgresDatabase
from tests.contracts.keyring_contract import KeyringContract
from tests.support import postgres
from vault.keys import KeyFile

pytestmark = pytest.mark.services


class TestKeyringOnPostgres(KeyringContract):
    @pytest.fixture
    def service(self, tmp_path: Path) -> KeyFile:
        return KeyFile.establish(tmp_path / "keys", has_epochs=False)

    @pytest.fixture
    def again(self, service: KeyFile, tmp_path: Path) -> Callable[[], KeyFile]:
        return lambda: KeyFile(tmp_path / "keys")

    @pytest.fixture
    def database(self) -> Iterator[PostgresDatabase]:
        with postgres.fresh() as urls:
            opened = postgres.opened(urls, "main")
            yield opened
            opened.close()
