"""How long a page of the audit trail takes over a million events: each filter, and filters together.

The baseline of the same run is the bare query on the same database: the newest fifty positions
of one key of the trail, with their entries, read by SQLite alone.
"""

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.body import Detail
from audit.events import Actor, Event, ObjectRef
from audit.keyfile import SigningKey
from audit.log import Log
from audit.trail_search import Asked, find
from benchmarks.figures import Figure, percentile
from tests.support import databases

T0 = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ORIGIN = "muniment.local/0123456789abcdef"
RECORDS, PEOPLE, DEPARTMENTS = 20_000, 60, 6
BATCH = 2_000


@dataclass(frozen=True, kw_only=True)
class Opened(Event):
    """A record was opened, in a benchmark."""

    action = "bench.record.opened"
    use = "read"
    description = "A record was opened, in a benchmark."
    detail_keys: ClassVar[Mapping[str, Detail]] = {"purpose": Detail("code", "What for.")}
    record: UUID
    purpose: str = "view"

    def objects(self) -> list[ObjectRef]:
        return [ObjectRef("record", self.record, 1, bytes(32))]

    def details(self) -> Mapping[str, Any]:
        return {"purpose": self.purpose}


@dataclass(frozen=True, kw_only=True)
class Placed(Opened):
    """A record was placed, in a benchmark."""

    action = "bench.record.placed"
    use = "change"
    description = "A record was placed, in a benchmark."


class _Clock:
    def __init__(self) -> None:
        self.instant = T0

    def now(self) -> datetime:
        return self.instant


def run(*, quick: bool) -> list[Figure]:
    """Median and tail of pages by filter, and the bare query."""
    events, rounds = (20_000, 40) if quick else (1_000_000, 200)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        database, chance = databases.open_line(place, "log"), random.Random(7)  # noqa: S311 - an order, nothing secret
        ids = _fill(Log(database, ORIGIN, _Clock()), events, chance)
        bare = _bare(place, ids, chance, rounds)
        figures = []
        with database.read() as session:
            for what, asked in _questions(ids, chance).items():
                taken = []
                for _ in range(rounds):
                    question = asked()
                    begun = time.perf_counter()
                    find(session, question)
                    taken.append((time.perf_counter() - begun) * 1000)
                figures.append(
                    Figure(
                        what=f"trail of {events:,} events, {what}, p95",
                        value=percentile(taken, 95),
                        unit="ms",
                        most=100,
                        baseline=percentile(bare, 95),
                        baseline_is="ms: bare query",
                    )
                )
        database.close()
    return figures


@dataclass(frozen=True, slots=True)
class _Ids:
    records: list[UUID]
    people: list[UUID]
    departments: list[UUID]
    entities: list[UUID]
    requests: list[str]


def _fill(log: Log, events: int, chance: random.Random) -> _Ids:
    def some(count: int) -> list[UUID]:
        return [UUID(int=chance.getrandbits(128)) for _ in range(count)]

    ids = _Ids(some(RECORDS), some(PEOPLE), some(DEPARTMENTS), some(2), [])
    log.start(ORIGIN, str(SigningKey(ORIGIN, Ed25519PrivateKey.generate()).verifier))
    for start in range(0, events, BATCH):
        log.clock.instant = T0 + timedelta(seconds=start * 25)  # type: ignore[attr-defined]
        batch: list[Event] = []
        for _ in range(min(BATCH, events - start)):
            person = chance.randrange(PEOPLE)
            request = f"{chance.getrandbits(128):032x}"
            ids.requests.append(request)
            kind = Placed if chance.random() < 0.1 else Opened
            batch.append(
                kind(
                    by=Actor("person", ids.people[person], department=ids.departments[person % DEPARTMENTS]),
                    entity=ids.entities[0 if chance.random() < 0.95 else 1],
                    request=request,
                    record=ids.records[min(chance.randrange(RECORDS), chance.randrange(RECORDS))],
                    outcome="refused" if chance.random() < 0.002 else "done",
                )
            )
        log.record(batch, at=log.clock.now())
    log.close()
    return ids


def _questions(ids: _Ids, chance: random.Random) -> dict[str, Callable[[], Asked]]:
    whole, first = frozenset(ids.entities), frozenset(ids.entities[:1])

    def day() -> datetime:
        return T0 + timedelta(seconds=chance.randrange(len(ids.requests)) * 25)

    return {
        "nothing asked": lambda: Asked(entities=first),
        "one record": lambda: Asked(record=chance.choice(ids.records), entities=first),
        "one action": lambda: Asked(action="bench.record.placed", entities=whole),
        "one record and one action": lambda: Asked(
            record=chance.choice(ids.records), action="bench.record.placed", entities=first
        ),
        "one request": lambda: Asked(request=chance.choice(ids.requests), entities=whole),
        "one department": lambda: Asked(department=chance.choice(ids.departments), entities=first),
        "refusals of one department": lambda: Asked(
            department=chance.choice(ids.departments), outcome="refused", entities=first
        ),
        "a day": lambda: Asked(since=(at := day()), until=at + timedelta(days=1), entities=first),
        "one person": lambda: Asked(person=chance.choice(ids.people), entities=first),
    }


def _bare(place: Path, ids: _Ids, chance: random.Random, rounds: int) -> list[float]:
    connection = sqlite3.connect(next(place.rglob("log.db")))
    taken = []
    for _ in range(rounds):
        key = chance.choice(ids.records).bytes
        begun = time.perf_counter()
        connection.execute(
            "SELECT l.seq, l.entry FROM audit_trail t JOIN audit_leaves l ON l.seq = t.seq "
            "WHERE t.topic = 'o' AND t.key = ? ORDER BY t.seq DESC LIMIT 50",
            (key,),
        ).fetchall()
        taken.append((time.perf_counter() - begun) * 1000)
    connection.close()
    return taken
