"""What a running part of Muniment works with, put together by ``app.build``."""

from dataclasses import dataclass

from accounts.principal import Principal, system
from app.folders import DataFolder
from app.settings import Settings
from audit.log import Log
from core.clock import Clock
from core.database import Database
from ingest.receive import Receiver
from records.content import Content
from search.port import SearchReader
from vault.keyring import Keyring
from vault.store import ObjectStore


@dataclass(frozen=True, slots=True)
class Runtime:
    """The chosen implementation of every port, and the services that stand on them."""

    settings: Settings
    folder: DataFolder
    main: Database
    log_database: Database
    log: Log
    store: ObjectStore
    keys: Keyring
    clock: Clock
    content: Content
    receiver: Receiver
    index: SearchReader

    def close(self) -> None:
        """Let go of files and connections, once what keys were unwrapped for is told."""
        self.content.tell_unwraps()
        self.log.close()
        self.index.close()
        self.main.close()
        self.log_database.close()


PIPELINE: Principal = system("pipeline")
"""The worker, reading what was captured."""
KEEPER: Principal = system("keeper")
"""The keeper, bringing the index up to date."""
