"""The disclosure register: copies of records outside the archive, on paper too, and what became of them.

An entry says that a copy went out, of what kind and when; to whom is sealed under the entry's own key. Destroying a
record deletes no copy outside, so each entry that is still out becomes a task then (GDPR Art. 17(2) and 19): ask for
it back, or have its destruction confirmed. The certificate names what nobody has settled yet.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import Principal
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from records import record
from retention.disposition_events import DisclosureNoted
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

KINDS: tuple[str, ...] = ("share", "export", "processor", "authority", "paper")
OUT, ASKED_BACK, SETTLED = "out", "asked_back", "settled"
STATES: tuple[str, ...] = (ASKED_BACK, OUT, SETTLED)
"""What waits for somebody first."""
MOST_RECIPIENT = 300


class SettledAlready(Conflict):
    """What became of this copy was written down already."""

    code = "disclosure_settled"


class Disclosure(MainTable):
    """One copy outside."""

    __tablename__ = "disclosures"
    __table_args__ = (Index("ix_disclosures_entity_state", "entity", "state"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[UUID] = mapped_column(index=True)
    entity: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(10))
    recipient_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    disclosed_at: Mapped[datetime]
    noted_by: Mapped[UUID]
    noted_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10))
    """``out``; ``asked_back``: the record is destroyed and somebody must see to the copy; ``settled``."""
    asked_at: Mapped[datetime | None]
    settled_by: Mapped[UUID | None]
    settled_at: Mapped[datetime | None]


def note(
    session: WriteSession,
    record_id: UUID,
    kind: str,
    recipient: str,
    *,
    disclosed_at: datetime,
    by: Principal,
    at: datetime,
    keys: Keyring,
) -> Disclosure:
    """Write down that a copy of a record is outside.

    Raises:
        NotFound: no such record for ``by``.
        NotAllowed: ``by`` does not review records there.
        Invalid: an unknown kind, no recipient, or a day to come.
    """
    row = record.get_visible(session, record_id, by, at)
    by.require("record.review", entity=row.entity)
    said = " ".join(recipient.split())
    if kind not in KINDS or not said or len(said) > MOST_RECIPIENT:
        raise Invalid(f"say to whom, and what it is: {', '.join(KINDS)}")
    if disclosed_at > at:
        raise Invalid("a copy that has not gone out yet is not written down")
    return _note(session, row.id, row.entity, kind, said, disclosed_at, person=by.person, by=by, at=at, keys=keys)


def note_package(
    session: WriteSession,
    records: Sequence[UUID],
    entity: UUID,
    recipient: str,
    *,
    taken_at: datetime,
    taken_by: UUID,
    by: Principal,
    at: datetime,
    keys: Keyring,
) -> None:
    """A package with these records went out, and they stay here: each has a copy outside from now on."""
    for each in records:
        _note(session, each, entity, "export", recipient, taken_at, person=taken_by, by=by, at=at, keys=keys)


def _note(
    session: WriteSession,
    record_id: UUID,
    entity: UUID,
    kind: str,
    recipient: str,
    disclosed_at: datetime,
    *,
    person: UUID,
    by: Principal,
    at: datetime,
    keys: Keyring,
) -> Disclosure:
    made = Disclosure(
        id=new_id(),
        record=record_id,
        entity=entity,
        kind=kind,
        disclosed_at=disclosed_at,
        noted_by=person,
        noted_at=at,
        state=OUT,
        recipient_sealed=b"",
    )
    key = keys.create(session, made.id, kind="disclosure", at=at)
    made.recipient_sealed = seal_text(key, made.id, None, "recipient", recipient)
    session.add(made)
    session.flush()
    _tell(session, made, by, at)
    return made


def ask_back(session: WriteSession, records: Sequence[UUID], *, at: datetime) -> int:
    """The records are destroyed now: each copy that is out becomes a task. Tells how many."""
    these = (Disclosure.record.in_(list(records)), Disclosure.state == OUT)
    rows = session.scalars(
        update(Disclosure).where(*these).values(state=ASKED_BACK, asked_at=at).returning(Disclosure.id)
    )
    return len(rows.all())


def settle(session: WriteSession, disclosure_id: UUID, *, by: Principal, at: datetime) -> Disclosure:
    """Write down that a copy came back or was destroyed. The entry goes with the record's stub.

    Raises:
        NotFound: there is none for ``by``.
        NotAllowed: ``by`` does not prepare dispositions there.
        SettledAlready: it was settled before.
    """
    row = session.get(Disclosure, disclosure_id, with_for_update=True, populate_existing=True)
    if row is None or not by.may("retention.read", entity=row.entity):
        raise NotFound("there is no such entry, or it is not yours to see")
    by.require("disposition.prepare", entity=row.entity)
    if row.state == SETTLED:
        raise SettledAlready("look at it again")
    row.state, row.settled_by, row.settled_at = SETTLED, by.person, at
    session.flush()
    _tell(session, row, by, at)
    return row


def tasks(session: ReadSession, *, by: Principal) -> list[Disclosure]:
    """Copies of destroyed records that somebody must see to, the oldest first."""
    waiting = select(Disclosure).where(
        Disclosure.state == ASKED_BACK, Disclosure.entity.in_(by.entities_for("retention.read"))
    )
    return list(session.scalars(waiting.order_by(Disclosure.asked_at, Disclosure.id)))


def listed(
    session: ReadSession, *, by: Principal, state: str | None = None, after: UUID | None = None, limit: int = 100
) -> list[Disclosure]:
    """The register, the last written down first, beginning behind the entry ``after``; of one ``state`` where named."""
    query = select(Disclosure).where(Disclosure.entity.in_(by.entities_for("retention.read")))
    if state is not None:
        query = query.where(Disclosure.state == state)
    if after is not None:
        query = query.where(Disclosure.id < after)
    return list(session.scalars(query.order_by(Disclosure.id.desc()).limit(limit)))


def counts(session: ReadSession, *, by: Principal) -> dict[str, int]:
    """How many entries ``by`` sees, by state."""
    seen = Disclosure.entity.in_(by.entities_for("retention.read"))
    query = select(Disclosure.state, func.count()).where(seen).group_by(Disclosure.state)
    return dict(session.execute(query).all())


def of_record(session: ReadSession, record_id: UUID, *, by: Principal) -> list[Disclosure]:
    """All entries about a record, for those who see retention in its entity."""
    rows = session.scalars(select(Disclosure).where(Disclosure.record == record_id).order_by(Disclosure.disclosed_at))
    return [row for row in rows if by.may("retention.read", entity=row.entity)]


def recipients_of(session: ReadSession, rows: Sequence[Disclosure], keys: Keyring) -> dict[UUID, str]:
    """Who has each copy, by the id of the entry; without those whose key is gone. Whoever shows it logs it first."""
    known = keys.get_many(session, [row.id for row in rows])
    return {
        row.id: open_text(known[row.id], row.id, None, "recipient", row.recipient_sealed)
        for row in rows
        if row.id in known
    }


def unsettled(session: ReadSession, records: Sequence[UUID]) -> dict[UUID, list[tuple[str, UUID]]]:
    """Kind and id of each copy that nobody has settled, by record."""
    found: dict[UUID, list[tuple[str, UUID]]] = {}
    query = select(Disclosure.record, Disclosure.kind, Disclosure.id).where(Disclosure.state != SETTLED)
    for row in session.execute(query.where(Disclosure.record.in_(list(records))).order_by(Disclosure.id)):
        found.setdefault(row.record, []).append((row.kind, row.id))
    return found


def count_open(session: ReadSession) -> int:
    """How many copies of destroyed records wait for somebody."""
    return session.scalar(select(func.count()).where(Disclosure.state == ASKED_BACK)) or 0


def _tell(session: WriteSession, row: Disclosure, by: Principal, at: datetime) -> None:
    event = DisclosureNoted(
        by=by.actor,
        entity=row.entity,
        record=row.record,
        disclosure=row.id,
        kind=row.kind,
        state=row.state,
        disclosed_at=row.disclosed_at,
    )
    intake.append(session, event, at=at)
