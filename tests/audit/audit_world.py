"""A log of its own for each test: both databases on disk, a clock that the test moves, a few events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import audit.alias
import audit.catalogues
import audit.checkpoint
import audit.intake
import audit.log
import audit.opening  # noqa: F401 (all tables must be known before they are created)
from audit.body import Detail
from audit.checkpoint import Signer
from audit.events import Actor, Event, ObjectRef
from audit.keyfile import SigningKey
from audit.log import Log
from audit.seal import KeySeal, seal_openings
from tests.support import databases

ORIGIN = "muniment.local/0123456789abcdef"
KEY = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
SEAL = KeySeal(bytes(32))
T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RECORD = UUID(int=0xA1)
ANNA, BRUNO = UUID(int=0xB1), UUID(int=0xB2)
ACCOUNTING, ACME = UUID(int=0xC1), UUID(int=0xD1)
AS_ANNA = Actor("person", ANNA, department=ACCOUNTING)


class HandClock:
    """Stands still until somebody moves it."""

    def __init__(self, instant: datetime = T0) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant

    def tick(self, **by: float) -> None:
        self.instant += timedelta(**by)


@dataclass(frozen=True, kw_only=True)
class Opened(Event):
    """A record was read."""

    action = "test.record.opened"
    use = "read"
    description = "A record was read, in a test."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "page": Detail("count", "Page shown."),
        "purpose": Detail("code", "What for."),
    }
    by: Actor = AS_ANNA
    entity: UUID | None = ACME
    records: tuple[UUID, ...] = (RECORD,)
    page: int | None = None
    purpose: str | None = None

    def objects(self) -> list[ObjectRef]:
        return [ObjectRef("record", record, 1, bytes(32)) for record in self.records]

    def details(self) -> Mapping[str, Any]:
        return {"page": self.page, "purpose": self.purpose}


@dataclass(frozen=True, kw_only=True)
class Renamed(Event):
    """A record was renamed, for a reason that somebody typed."""

    action = "test.record.renamed"
    description = "A record was renamed, in a test."
    by: Actor = AS_ANNA
    entity: UUID | None = ACME
    reason: str = "typing error"
    person: UUID | None = None

    def objects(self) -> list[ObjectRef]:
        things = [ObjectRef("record", RECORD, 2)]
        return things + ([ObjectRef("person", self.person)] if self.person else [])

    def commitments(self) -> Mapping[str, str]:
        return {"reason": self.reason}


@dataclass
class World:
    """One installation's log."""

    folder: Path
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.main = databases.open_line(self.folder, "main")
        self.logs = databases.open_line(self.folder, "log")
        with self.main.write() as session:
            seal_openings(session, SEAL)
        self.log = Log(self.logs, ORIGIN, self.clock, seal=SEAL)
        self.file = self.folder / "log" / "checkpoint"

    def started(self) -> "World":
        self.log.start(ORIGIN, str(KEY.verifier))
        return self

    def signer(self) -> Signer:
        return Signer(self.logs, KEY, self.file, self.clock)

    def record(self, count: int, **fields: Any) -> None:
        self.log.record([Opened(page=number, **fields) for number in range(count)], at=self.clock.now())

    def entries(self) -> list[bytes]:
        with self.logs.read() as session:
            rows = session.connection().exec_driver_sql("SELECT entry FROM audit_leaves ORDER BY seq")
            return [entry for (entry,) in rows]

    def tamper(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        """What somebody with the file and no respect for triggers does."""
        databases.tamper(self.folder, "log", statements)

    def close(self) -> None:
        self.log.close()
        self.main.close()
        self.logs.close()
