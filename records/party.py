"""Parties: the suppliers, customers, employees and others that records speak of.

A party's name is sealed under the party's own key, so that destroying the key empties it
in every old copy of the database. A keyed fingerprint of the folded name finds it again.
"""

import unicodedata
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import LargeBinary, String, Table, UniqueConstraint, bindparam, delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from core.database import MainTable, ReadSession, WriteSession, insert_for
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


_PARTIES, _LINKS = cast(Table, Party.__table__), cast(Table, RecordParty.__table__)
_KNOWN = select(_PARTIES.c.id).where(
    _PARTIES.c.entity == bindparam("of_entity"), _PARTIES.c.fingerprint == bindparam("print")
)
_LINKED = select(_LINKS.c.id).where(
    _LINKS.c.record == bindparam("of_record"), _LINKS.c.party == bindparam("to"), _LINKS.c.role == bindparam("as_what")
)
_LINK, _UNLINK = insert(_LINKS), delete(_LINKS).where(_LINKS.c.record == bindparam("of_record"))


def link(
    session: WriteSession, record: UUID, entity: UUID, name: str, role: str, *, at: datetime, keys: Keyring
) -> UUID | None:
    """Note that a record speaks of the party of that name, made where it is new; ``None`` for an empty name."""
    shown = " ".join(name.split())[:MAX_NAME]
    folded = _fold(shown)
    if not folded:
        return None
    fingerprint = keys.fingerprint("party", entity.bytes + folded.encode())
    wanted = {"of_entity": entity, "print": fingerprint}
    party: UUID | None = session.scalar(_KNOWN, wanted)
    if party is None:
        _make(session, entity, fingerprint, shown, at, keys)
        party = session.scalars(_KNOWN, wanted).one()
    if session.scalar(_LINKED, {"of_record": record, "to": party, "as_what": role}) is None:
        session.execute(_LINK, {"id": new_id(), "record": record, "party": party, "role": role})
    return party


def find(session: ReadSession, entity: UUID, name: str, keys: Keyring) -> UUID | None:
    """The party of that name, however it is spaced and accented; ``None`` where no record ever named it."""
    folded = _fold(" ".join(name.split())[:MAX_NAME])
    wanted = {"of_entity": entity, "print": keys.fingerprint("party", entity.bytes + folded.encode())}
    return session.scalar(_KNOWN, wanted) if folded else None


def _make(session: WriteSession, entity: UUID, fingerprint: bytes, name: str, at: datetime, keys: Keyring) -> None:
    """A new party, unless a writer beside this one has made it in between."""
    party = new_id()
    with session.begin_nested() as part:
        # The key first: its epoch's row is locked, so that two who make the same parties wait here and
        # not for each other's rows in turn.
        key = keys.create(session, party, kind="party", at=at)
        sealed = seal_text(key, party, None, "name", name)
        row = {"id": party, "entity": entity, "fingerprint": fingerprint, "name_sealed": sealed, "created_at": at}
        once = insert_for(session, Party).on_conflict_do_nothing(index_elements=["entity", "fingerprint"])
        if session.scalar(once.returning(Party.id), row) is None:
            part.rollback()


def unlink_all(session: WriteSession, record: UUID) -> None:
    """Forget which parties a record speaks of, before it is read anew."""
    session.execute(_UNLINK, {"of_record": record})


_NAMES = (
    select(RecordParty.record, Party.id, Party.name_sealed)
    .join(Party, Party.id == RecordParty.party)
    .where(RecordParty.record.in_(bindparam("records", expanding=True)))
    .order_by(RecordParty.id)
)


def names_of(session: ReadSession, records: list[UUID], keys: Keyring) -> dict[UUID, list[str]]:
    """Names of the parties of each record, without those whose key is gone.

    For ``records.content`` alone: it logs what it lets out.
    """
    if not records:
        return {}
    # By the connection: a session's way around a statement takes as long as the statement.
    rows = session.connection().execute(_NAMES, {"records": records}).all()
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
