"""The point of no return: a record's rows and keys go in one transaction, which leaves what is needed to finish.

``begin`` is that transaction. Before it nothing has happened; after it nobody reads the record any more, whatever
becomes of the process: its rows are gone, its keys are out of the database, and a row here names the stored objects,
key epochs and index entries that are still to go. Each of those steps can be repeated and is noted when it is done:
index (by the keeper, which alone writes it), objects, keys. A certificate follows when all three are confirmed.

A row lets go, committed, before its bytes are deleted: so there is never a row whose bytes are gone.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, String, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import Principal
from audit import intake
from core import jobs, trace
from core.database import MainTable, ReadSession, WriteSession
from records import stub
from records.derived import DerivedObject
from records.party import RecordParty
from records.record import Component, Record, RecordVersion
from retention import disclosure, held, package
from retention.disposition_events import RecordDestroyed
from vault.keyring import Keyring

DISPOSITION, TRANSFER, WITHDRAWAL = "disposition", "transfer", "withdrawal"
"""On what ground a record goes: decided, transferred to an archive that acknowledged it, or wrongly taken in."""
ERASE, CERTIFY = "search.erase", "retention.certify"
"""Jobs of the keeper: it alone writes the index and holds the log's key."""


class Destruction(MainTable):
    """One record past the point of no return, and how far its traces are gone."""

    __tablename__ = "destructions"
    __table_args__ = (
        Index("ix_destructions_cause", "cause"),
        Index("ix_destructions_certificate_begun_at", "certificate", "begun_at"),
    )

    record: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(12))
    cause: Mapped[UUID]
    """The batch, or the withdrawal."""
    begun_at: Mapped[datetime]
    event: Mapped[UUID]
    """The audit event of the point of no return."""
    contents: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """Of each version: id, ordinal, digest of the sealed bytes, plain size. For the certificate."""
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Class, rule, basis and dates, as they were at that moment. For the certificate."""
    objects: Mapped[list[list[str]]] = mapped_column(JSON)
    """Key and version of each stored object."""
    epochs: Mapped[list[str]] = mapped_column(JSON)
    """Key epochs that must be gone, so that no copy of the database opens anything of it."""
    removed: Mapped[dict[str, int]] = mapped_column(JSON)
    """How many rows of which table went."""
    index_erased_at: Mapped[datetime | None]
    objects_deleted_at: Mapped[datetime | None]
    keys_destroyed_at: Mapped[datetime | None]
    locked: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """Sealed objects that the store keeps for a while: key, until (an ISO 8601 day, or none), whether they are held."""
    trouble: Mapped[str | None] = mapped_column(String(60))
    """Why a step failed the last time: a code."""
    tries: Mapped[int] = mapped_column(default=0)
    certificate: Mapped[UUID | None]


@dataclass(frozen=True, slots=True)
class Doomed:
    """A record that the caller has found must go, with what the certificate is to say of it."""

    row: Record
    facts: dict[str, Any]
    rule: UUID | None


def begin(
    session: WriteSession,
    doomed: Sequence[Doomed],
    *,
    kind: str,
    cause: UUID,
    by: Principal,
    keys: Keyring,
    at: datetime,
) -> None:
    """Pass the point of no return with these records, all of them or none.

    The caller has made sure, in this very transaction, that each may go. After COMMIT their content cannot be read;
    ``index``, ``objects`` and ``keys`` of each are still to be confirmed.
    """
    ids = [each.row.id for each in doomed]
    versions = _by_record(session.scalars(select(RecordVersion).where(RecordVersion.record.in_(ids))))
    epochs, packed = package.drop_with(session, ids, by=by, at=at, keys=keys)
    stored = _objects_of(session, ids)
    for record, objects in packed.items():
        stored.setdefault(record, []).extend(objects)
    parties = _parties_of(session, ids)
    subjects = [version.id for rows in versions.values() for version in rows]
    for each in doomed:
        of_record = sorted(versions.get(each.row.id, ()), key=lambda version: version.ordinal)
        event = RecordDestroyed(
            by=by.actor,
            entity=each.row.entity,
            record=each.row.id,
            versions=tuple((version.ordinal, version.sha256) for version in of_record),
            kind=kind,
            cause=cause,
            rule=each.rule,
            stored=len(stored.get(each.row.id, ())),
        )
        session.add(
            Destruction(
                record=each.row.id,
                entity=each.row.entity,
                kind=kind,
                cause=cause,
                begun_at=at,
                event=intake.append(session, event, at=at),
                contents=[
                    {"id": v.id.hex, "ordinal": v.ordinal, "sha256": v.sha256.hex(), "bytes": v.plain_bytes}
                    for v in of_record
                ],
                facts=each.facts,
                objects=stored.get(each.row.id, []),
                epochs=[],
                removed={},
            )
        )
        session.add(stub.of_record(each.row, kind=kind, rule=each.rule, at=at))
    session.flush()
    session.expunge_all()
    epochs |= keys.shred(session, subjects, at=at)
    removed = trace.remove(session, "record", *ids)
    trace.remove(session, "version", *subjects)
    orphans = _without_records(session, parties)
    if orphans:
        epochs |= keys.shred(session, orphans, at=at)
        trace.remove(session, "party", *orphans)
    told = {"records": len(ids), **removed} if len(ids) > 1 else removed
    gone = {"epochs": sorted(epoch.hex for epoch in epochs), "removed": told}
    session.execute(update(Destruction).where(Destruction.record.in_(ids)).values(**gone))
    disclosure.ask_back(session, ids, at=at)
    ask_to_erase(session, at)


def ask_to_erase(session: WriteSession, at: datetime) -> None:
    """Have the keeper erase from the index all that waits for it; one job, however much that is."""
    jobs.add(session, "search.erase", queue="keeper", at=at, key=ERASE)


def ask_to_certify(session: WriteSession, at: datetime) -> None:
    """Have the keeper issue certificates for all that is confirmed; one job, however much that is."""
    jobs.add(session, "retention.certify", queue="keeper", at=at, key=CERTIFY)


def waits_for_index(session: ReadSession, limit: int) -> list[UUID]:
    """Records that are still to be erased from the index, those begun first first."""
    query = select(Destruction.record).where(Destruction.index_erased_at.is_(None))
    return list(session.scalars(query.order_by(Destruction.begun_at, Destruction.record).limit(limit)))


def note_erased(session: WriteSession, ids: Collection[UUID], *, at: datetime) -> None:
    """The index has confirmed that nothing of these records is left in it."""
    for some in _pieces(sorted(ids)):
        these = (Destruction.record.in_(some), Destruction.index_erased_at.is_(None))
        session.execute(update(Destruction).where(*these).values(index_erased_at=at))
    ask_to_certify(session, at)


def waits_for_store(session: ReadSession, *, after: UUID | None, limit: int) -> list[Destruction]:
    """Destructions whose objects are still to be deleted, by record."""
    query = select(Destruction).where(Destruction.objects_deleted_at.is_(None)).order_by(Destruction.record)
    if after is not None:
        query = query.where(Destruction.record > after)
    return list(session.scalars(query.limit(limit)))


def waits_for_keys(session: ReadSession) -> list[tuple[UUID, frozenset[UUID]]]:
    """Records whose key epochs are not confirmed to be gone, with those epochs."""
    rows = session.execute(
        select(Destruction.record, Destruction.epochs)
        .where(Destruction.keys_destroyed_at.is_(None))
        .order_by(Destruction.record)
    )
    return [(row.record, frozenset(UUID(epoch) for epoch in row.epochs)) for row in rows]


def unfinished(session: ReadSession) -> int:
    """How many records are past the point of no return and without a certificate."""
    return session.scalar(select(func.count()).where(Destruction.certificate.is_(None))) or 0


def destroyed(session: ReadSession) -> int:
    """How many records have a stub: with those there are they make those ever captured, less the stubs purged."""
    return session.scalar(select(func.count()).select_from(stub.RecordStub)) or 0


def _objects_of(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, list[list[str]]]:
    found: dict[UUID, list[list[str]]] = {}
    for table in (RecordVersion, Component, DerivedObject):
        columns = (table.record, table.object_key, table.object_version)
        for record, key, version in session.execute(select(*columns).where(table.record.in_(ids))):
            found.setdefault(record, []).append([key, version])
    return found


def _parties_of(session: ReadSession, ids: Sequence[UUID]) -> list[UUID]:
    return sorted(session.scalars(select(RecordParty.party).where(RecordParty.record.in_(ids)).distinct()))


def _without_records(session: ReadSession, parties: Sequence[UUID]) -> list[UUID]:
    """Those of the parties that no record speaks of any more, and no hold in force names."""
    left: set[UUID] = set()
    for some in _pieces(parties):
        left.update(session.scalars(select(RecordParty.party).where(RecordParty.party.in_(some)).distinct()))
        named = select(held.HoldParty.party).join(held.Hold, held.Hold.id == held.HoldParty.hold)
        left.update(session.scalars(named.where(held.HoldParty.party.in_(some), held.Hold.state != held.OVER)))
    return [party for party in parties if party not in left]


def _by_record(rows: Any) -> dict[UUID, list[RecordVersion]]:
    found: dict[UUID, list[RecordVersion]] = {}
    for row in rows:
        found.setdefault(row.record, []).append(row)
    return found


def _pieces(items: Sequence[UUID], size: int = 500) -> list[list[UUID]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
