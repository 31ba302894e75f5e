"""The rows of holds: how each stands, what it was noted to reach, and what was written about it."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import JSON, Index, LargeBinary, String, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import Principal
from core.database import MainTable, ReadSession, WriteSession
from core.errors import NotFound
from retention.hold_scope import Scope
from vault.keyring import Keyring
from vault.sealed import open_text

ACTIVE, ASKED, OVER = "active", "release_asked", "over"


class Hold(MainTable):
    """A hold and how it stands. What it reaches is never changed: place another one."""

    __tablename__ = "holds"
    __table_args__ = (Index("ix_holds_entity_state", "entity", "state"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(12))
    case_file: Mapped[UUID | None] = mapped_column(index=True)
    colleague: Mapped[UUID | None]
    classes: Mapped[list[str]] = mapped_column(JSON)
    first_year: Mapped[int | None]
    last_year: Mapped[int | None]
    open_until: Mapped[date | None]
    owner: Mapped[UUID]
    review_on: Mapped[date]
    reminded_on: Mapped[date | None]
    """The day on which its owner was last reminded."""
    words_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """JSON of title, reason, authority, query and why it was released; sealed under the hold's key."""
    state: Mapped[str] = mapped_column(String(14))
    placed_by: Mapped[UUID]
    placed_at: Mapped[datetime]
    covered_at: Mapped[datetime | None]
    """When all that there was had been gone through; a query decides about no record before."""
    asked_by: Mapped[UUID | None]
    asked_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]
    """Empty where it lapsed."""
    ended_at: Mapped[datetime | None]


class HoldParty(MainTable):
    """That a hold reaches what speaks of a party."""

    __tablename__ = "hold_parties"

    hold: Mapped[UUID] = mapped_column(primary_key=True)
    party: Mapped[UUID] = mapped_column(primary_key=True)


class HeldRecord(MainTable):
    """That a hold reaches a record: noted once, and kept when the record no longer fits."""

    __tablename__ = "held_records"

    hold: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    caught_at: Mapped[datetime]
    shown: Mapped[bool]
    """The object store was asked to show it, or the record was gone before."""
    released_at: Mapped[datetime | None]


class HoldCounter(MainTable):
    """How often the holds of an entity changed: the row that gives placing and executing one order."""

    __tablename__ = "hold_counters"

    entity: Mapped[UUID] = mapped_column(primary_key=True)
    changes: Mapped[int]


@dataclass(frozen=True, slots=True)
class Words:
    """What people wrote about a hold."""

    title: str
    reason: str
    authority: str
    query: str
    release: str
    """Why its release was asked for."""


def visible(session: ReadSession, *, by: Principal) -> list[Hold]:
    """The holds of the entities in which ``by`` sees holds, those in force first, then the newest."""
    seen = by.entities_for("retention.read")
    rows = session.scalars(select(Hold).where(Hold.entity.in_(seen)).order_by(Hold.placed_at.desc(), Hold.id.desc()))
    return sorted(rows, key=lambda row: row.state == OVER)


def get_visible(session: ReadSession, hold_id: UUID, by: Principal) -> Hold:
    """The hold, if ``by`` sees the holds of its entity.

    Raises:
        NotFound: there is none, or not for ``by``.
    """
    row = session.get(Hold, hold_id)
    if row is None or not by.may("retention.read", entity=row.entity):
        raise NotFound("there is no such hold, or it is not yours to see")
    return row


def active_in(session: ReadSession, entity_ids: Collection[UUID]) -> list[Hold]:
    """The holds in force in these entities, the oldest first."""
    in_force = select(Hold).where(Hold.entity.in_(list(entity_ids)), Hold.state != OVER)
    return list(session.scalars(in_force.order_by(Hold.placed_at, Hold.id)))


def any_in_force(session: ReadSession) -> bool:
    """Whether a hold is in force in any entity."""
    return session.scalar(select(Hold.id).where(Hold.state != OVER).limit(1)) is not None


def scope_of(session: ReadSession, row: Hold) -> Scope:
    """What a hold reaches, without the records of a list and the words of a query."""
    parties = session.scalars(select(HoldParty.party).where(HoldParty.hold == row.id).order_by(HoldParty.party))
    return Scope(
        kind=row.scope,
        case_file=row.case_file,
        parties=tuple(parties),
        colleague=row.colleague,
        classes=tuple(row.classes),
        first_year=row.first_year,
        last_year=row.last_year,
        open_until=row.open_until,
    )


def words_of(session: ReadSession, rows: Sequence[Hold], keys: Keyring) -> dict[UUID, Words]:
    """What was written about holds, without those whose key is gone. Whoever shows it logs that first."""
    found = keys.get_many(session, [row.id for row in rows])
    texts = {
        row.id: opened_words(open_text(found[row.id], row.id, None, "words", row.words_sealed))
        for row in rows
        if row.id in found
    }
    return {
        hold_id: Words(*(text.get(name, "") for name in ("title", "reason", "authority", "query", "release")))
        for hold_id, text in texts.items()
    }


def add_records(session: WriteSession, row: Hold, record_ids: Collection[UUID], *, at: datetime) -> list[UUID]:
    """Note that a hold reaches these records; gives those that were not noted before."""
    wanted = sorted(set(record_ids))
    known = set(
        session.scalars(select(HeldRecord.record).where(HeldRecord.hold == row.id, HeldRecord.record.in_(wanted)))
    )
    added = [each for each in wanted if each not in known]
    if added:
        session.execute(
            insert(HeldRecord),
            [{"hold": row.id, "record": each, "caught_at": at, "shown": False} for each in added],
        )
    return added


def opened_words(text: str) -> dict[str, str]:
    """The words of a hold from the text under its seal."""
    return {str(name): str(value) for name, value in json.loads(text).items()}
