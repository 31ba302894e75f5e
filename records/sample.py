"""A sample drawn by a printed seed: whoever has the seed and the same records draws the same ones.

Each record's place in the order is SHA-256 over the seed and its id, so that nobody can steer
what is drawn, and a record added later moves no other. The digest of the whole population is
printed beside: where it is the same, the same records were there to be drawn.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select

from accounts.principal import Principal
from core.database import ReadSession
from core.errors import Invalid
from records import file_plan, overseen
from records.overseen import Overseen
from records.record import Record

MOST = 500
SEED_BYTES = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn, and from what."""

    seed: str
    population: int
    population_digest: bytes
    """SHA-256 over the ids of the population, in order, 16 bytes each."""
    drawn: tuple[Overseen, ...]
    """In the order of the draw."""


def new_seed() -> str:
    """A seed nobody has chosen: 16 hex digits."""
    return secrets.token_hex(SEED_BYTES)


def draw(ids: Iterable[UUID], seed: str, count: int) -> list[UUID]:
    """The first ``count`` of the records in the order that the seed makes."""
    return sorted(ids, key=lambda each: hashlib.sha256(f"{seed}/{each.hex}".encode("ascii")).digest())[:count]


def digest(ids: Sequence[UUID]) -> bytes:
    """What tells one population from another: SHA-256 over its sorted ids, 32 bytes."""
    return hashlib.sha256(b"".join(each.bytes for each in sorted(ids))).digest()


def check(seed: str, count: int, year: int) -> None:
    """Pass if a sample can be drawn so.

    Raises:
        Invalid: the detail says why.
    """
    if not (0 < len(seed) <= 64 and seed.isascii() and seed.isalnum()):
        raise Invalid("a seed has 1 to 64 letters and digits")
    if not 1 <= count <= MOST:
        raise Invalid(f"a sample has 1 to {MOST} records")
    if not 1900 <= year <= 2200:
        raise Invalid("give a year such as 2025")


def sample_of(
    session: ReadSession, entity: UUID, record_class: str, year: int, count: int, seed: str, *, by: Principal
) -> Sample:
    """Records of a class (those below it count too) and a year, drawn by a seed.

    Raises:
        NotAllowed: ``by`` does not oversee there.
        UnknownRecordClass: there is no such class.
        Invalid: seed, count or year cannot be used.
    """
    by.require("audit.read", entity=entity)
    check(seed, count, year)
    plan = file_plan.load()
    ids = population(session, entity, (plan.get(record_class).code, *plan.descendants(record_class)), year)
    drawn = draw(ids, seed, count)
    rows = overseen.find(session, drawn, by)
    return Sample(seed, len(ids), digest(ids), tuple(rows[each] for each in drawn if each in rows))


def population(session: ReadSession, entity: UUID, codes: Collection[str], year: int) -> list[UUID]:
    """The records of an entity whose class is one of ``codes`` and whose document date lies in ``year``."""
    return list(
        session.scalars(
            select(Record.id)
            .where(Record.entity == entity, Record.record_class.in_(codes))
            .where(Record.document_date >= date(year, 1, 1), Record.document_date <= date(year, 12, 31))
            .order_by(Record.id)
        )
    )
