"""Parties: the suppliers, customers, employees and others that records speak of.

A party's name is sealed under the party's own key, so that destroying the key empties it
in every old copy of the database. A keyed fingerprint of the folded name finds it again.
"""

import unicodedata
from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from core.database import MainTable, ReadSession, WriteSession
from core.identifiers import new_id
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

MAX_NAME = 200
ROLES: tuple[str, ...] = ("counterparty", "employee", "applicant", "sender", "recipient", "other")


class Party(MainTable):
    """Somebody outside, or an employee as the subject of records."""

    __tablename__ = "parties"
    __table_args__ = (UniqueConstraint("entity", "fingerprint"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class RecordParty(MainTable):
    """That a record speaks of a party, and as what."""

    __tablename__ = "record_parties"
    __table_args__ = (UniqueConstraint("record", "party", "role"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[UUID] = mapped_column(index=True)
    party: Mapped[UUID] = mapped_column(index=True)
    role: Mapped[str] = mapped_column(String(20))


def link(
    session: WriteSession, record: UUID, entity: UUID, name: str, role: str, *, at: datetime, keys: Keyring
) -> UUID | None:
    """Note that a record speaks of the party of that name, made where it is new; ``None`` for an empty name."""
    shown = " ".join(name.split())[:MAX_NAME]
    folded = _fold(shown)
    if not folded:
        return None
    fingerprint = keys.fingerprint("party", entity.bytes + folded.encode())
    party = session.scalar(select(Party.id).where(Party.entity == entity, Party.fingerprint == fingerprint))
    if party is None:
        party = new_id()
        key = keys.create(session, party, kind="party", at=at)
        sealed = seal_text(key, party, None, "name", shown)
        session.add(Party(id=party, entity=entity, fingerprint=fingerprint, name_sealed=sealed, created_at=at))
    known = select(RecordParty.id).where(
        RecordParty.record == record, RecordParty.party == party, RecordParty.role == role
    )
    if session.scalar(known) is None:
        session.add(RecordParty(id=new_id(), record=record, party=party, role=role))
    session.flush()
    return party


def unlink_all(session: WriteSession, record: UUID) -> None:
    """Forget which parties a record speaks of, before it is read anew."""
    for row in session.scalars(select(RecordParty).where(RecordParty.record == record)):
        session.delete(row)


def names_of(session: ReadSession, records: list[UUID], keys: Keyring) -> dict[UUID, list[str]]:
    """Names of the parties of each record, without those whose key is gone.

    For ``records.content`` alone: it logs what it lets out.
    """
    if not records:
        return {}
    rows = session.execute(
        select(RecordParty.record, Party.id, Party.name_sealed)
        .join(Party, Party.id == RecordParty.party)
        .where(RecordParty.record.in_(records))
        .order_by(RecordParty.id)
    ).all()
    found = keys.get_many(session, list({row.id for row in rows}))
    names: dict[UUID, list[str]] = {}
    for row in rows:
        if row.id in found:
            name = open_text(found[row.id], row.id, None, "name", row.name_sealed)
            if name not in names.setdefault(row.record, []):
                names[row.record].append(name)
    return names


def _fold(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in decomposed if c.isalnum())
