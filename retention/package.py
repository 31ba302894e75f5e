"""Packages of records for an archive or for keeping outside: how each stands, and who said what about it.

making -> ready -> stated (what the archive acknowledged) -> confirmed (by a second person) -> over. A package of
permanent keeping stays ready until somebody says that it was brought where it is kept.

A package is one sealed object under a key of its own. It goes, key first, as soon as it is not needed: when the first
of its records is destroyed, when a transfer is called off, or when a record in it goes for another reason; what is
still to be transferred then is packed anew. The row stays and holds ids, days, a digest and the name of an institution.

Whoever states what the archive acknowledged and whoever confirms it are two persons, and the second had no part in the
batch either. Without both nothing of a transfer is destroyed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from accounts import entities, single_operator
from accounts.principal import NotAllowed, Principal
from audit import intake
from core.clock import civil_date, to_us
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from records import fixity_walk
from records.record import Record
from retention import batch as batches
from retention import disclosure
from retention.batch import DECIDED, FAILED, KEPT, PACKAGED, Hand, Item
from retention.package_events import (
    PackageBegun,
    PackageEnded,
    PackageFailed,
    TransferAcknowledged,
    TransferConfirmed,
    TransferRefused,
)
from vault.keyring import Keyring
from vault.writer import Sealed

TRANSFER, PERMANENT = "transfer", "permanent"
MAKING, READY, STATED, CONFIRMED, OVER = "making", "ready", "stated", "confirmed", "over"
STATES = (MAKING, READY, STATED, CONFIRMED, OVER)
CARRIED_OUT, CALLED_OFF, BROUGHT_AWAY, RECORD_GONE = "carried_out", "called_off", "brought_away", "record_gone"
KEY_KIND = "package"
MOST_NAME, MOST_REFERENCE = 200, 100
_PREPARE, _APPROVE = "disposition.prepare", "disposition.approve"
_AT_ONCE = 500
STAYING_AT_ONCE = 8
"""Records of a called-off transfer in one transaction: each copy outside has a key and an entry of its own."""


class NotReady(Conflict):
    """The package is not at the step that this needs."""

    code = "package_not_ready"


class OtherPackage(Conflict):
    """The digest is not that of this package: the archive has acknowledged another one."""

    code = "package_digest_differs"


class NeverTaken(Conflict):
    """Nobody has taken this package away, so no archive can have it."""

    code = "package_never_taken"


class OwnStatement(NotAllowed):
    """Whoever stated the acknowledgement, or had a part in the batch, does not confirm it."""

    code = "own_acknowledgement"


class Package(MainTable):
    """One package and how it stands."""

    __tablename__ = "packages"
    __table_args__ = (Index("ix_packages_entity_state", "entity", "state"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID]
    batch: Mapped[UUID] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(10))
    """``transfer`` or ``permanent``."""
    state: Mapped[str] = mapped_column(String(10))
    begun_at: Mapped[datetime]
    trouble: Mapped[str | None] = mapped_column(String(60))
    """Why it could not be made the last time: a code."""
    tries: Mapped[int]
    name: Mapped[str | None] = mapped_column(String(100))
    """File name for whoever takes it."""
    records: Mapped[int]
    made_at: Mapped[datetime | None]
    object_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    """Empty once the store has deleted it."""
    object_version: Mapped[str | None] = mapped_column(String(80))
    sealed_bytes: Mapped[int | None]
    sealed_sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    size_bytes: Mapped[int | None]
    """Of the package as it is taken away."""
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """Of the same bytes: what the archive acknowledges."""
    taken_by: Mapped[UUID | None]
    """Who took it away last."""
    taken_at: Mapped[datetime | None]
    archive: Mapped[str | None] = mapped_column(String(MOST_NAME))
    """Name of the institution that has it."""
    reference: Mapped[str | None] = mapped_column(String(MOST_REFERENCE))
    """Under which it is found there."""
    acknowledged_on: Mapped[date | None]
    stated_by: Mapped[UUID | None]
    stated_at: Mapped[datetime | None]
    confirmed_by: Mapped[UUID | None]
    confirmed_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]
    end_code: Mapped[str | None] = mapped_column(String(20))


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What an archive has acknowledged, as somebody read it to us."""

    archive: str
    """Name of the institution; never of a person."""
    reference: str
    acknowledged_on: date
    sha256: bytes
    """Digest of the package that the archive names."""


def packages(session: ReadSession, *, by: Principal, batch: UUID | None = None) -> list[Package]:
    """Packages of the entities in which ``by`` sees retention, the newest first."""
    query = select(Package).order_by(Package.begun_at.desc(), Package.id.desc())
    if by.kind != "system":
        query = query.where(Package.entity.in_(by.entities_for("retention.read")))
    if batch is not None:
        query = query.where(Package.batch == batch)
    return list(session.scalars(query))


def get(session: ReadSession, package_id: UUID, *, by: Principal, lock: bool = False) -> Package:
    """A package of an entity in which ``by`` sees retention.

    Raises:
        NotFound: there is none, or not for ``by``.
    """
    row = session.get(Package, package_id, with_for_update=lock or None, populate_existing=True)
    if row is None or not by.may("retention.read", entity=row.entity):
        raise NotFound("there is no such package, or it is not yours to see")
    return row


def records_of(session: ReadSession, package_id: UUID) -> list[UUID]:
    """The records in a package, by id."""
    return list(session.scalars(select(Item.record).where(Item.package == package_id).order_by(Item.record)))


def require_handler(row: Package, by: Principal) -> None:
    """Refuse whoever neither prepares nor approves dispositions in the package's entity.

    Raises:
        NotAllowed: ``by`` does neither.
    """
    if not by.may(_PREPARE, entity=row.entity):
        by.require(_APPROVE, entity=row.entity)


def begin(
    session: WriteSession, batch: UUID, entity: UUID, kind: str, *, by: Principal, at: datetime, keys: Keyring
) -> Package:
    """The package of a batch that is being made; a new one with its key where there is none."""
    waiting = select(Package).where(Package.batch == batch, Package.kind == kind, Package.state == MAKING)
    row = session.scalar(waiting.with_for_update())
    if row is None:
        row = Package(id=new_id(), entity=entity, batch=batch, kind=kind, state=MAKING, begun_at=at, tries=0, records=0)
        keys.create(session, row.id, kind=KEY_KIND, at=at)
        session.add(row)
        session.flush()
        event = PackageBegun(by=by.actor, entity=entity, package=row.id, batch=batch, kind=kind)
        intake.append(session, event, at=at)
    return row


def note_made(row: Package, sealed: Sealed, *, name: str, records: int, at: datetime) -> None:
    """The package is durable in the store; the caller has locked the row and looked at its records again."""
    row.state, row.made_at, row.trouble, row.name, row.records = READY, at, None, name, records
    row.object_key, row.object_version = sealed.key, sealed.stored.version
    row.sealed_bytes, row.sealed_sha256 = sealed.stored.size_bytes, sealed.stored.sha256
    row.size_bytes, row.sha256 = sealed.plain_size_bytes, sealed.plain_sha256


def note_failed(session: WriteSession, package_id: UUID, code: str, *, by: Principal, at: datetime) -> None:
    """The package could not be made: its items say so, and it is tried again at the next run."""
    row = session.get_one(Package, package_id, with_for_update=True, populate_existing=True)
    if row.state == MAKING:
        if row.trouble != code:
            told = PackageFailed(
                by=by.actor, entity=row.entity, package=row.id, batch=row.batch, kind=row.kind, reason=code
            )
            intake.append(session, told, at=at)
        row.trouble, row.tries = code, row.tries + 1
        mine = (Item.package == row.id, Item.state == DECIDED)
        session.execute(update(Item).where(*mine).values(state=FAILED, code=code))


def note_taken(session: WriteSession, package_id: UUID, *, by: Principal, at: datetime) -> None:
    """Somebody takes the package away; the log has it already."""
    row = session.get_one(Package, package_id, with_for_update=True, populate_existing=True)
    row.taken_by, row.taken_at = by.person, at


def state_acknowledgement(
    session: WriteSession, package_id: UUID, said: Acknowledgement, *, by: Principal, at: datetime
) -> Package:
    """State what the receiving archive acknowledged. Nothing is destroyed before another person confirms it.

    Said again, it replaces what was said before.

    Raises:
        NotFound: no such package for ``by``.
        NotAllowed: ``by`` neither prepares nor approves dispositions there.
        NotReady: it is no transfer, is not made yet, or is confirmed or over.
        NeverTaken: nobody has taken it away.
        OtherPackage: the archive acknowledged something else.
        Invalid: no archive, no reference, or a day to come or before the package was made.
    """
    row = get(session, package_id, by=by, lock=True)
    require_handler(row, by)
    if row.kind != TRANSFER or row.state not in (READY, STATED):
        raise NotReady(f"it is {row.state}")
    if row.taken_at is None:
        raise NeverTaken("take it away and hand it over first")
    if said.sha256 != row.sha256:
        raise OtherPackage("compare it with the digest of the package; have the archive look again")
    archive, reference = " ".join(said.archive.split()), " ".join(said.reference.split())
    if not archive or len(archive) > MOST_NAME or not reference or len(reference) > MOST_REFERENCE:
        raise Invalid("name the archive and the reference under which it keeps the package")
    zone, made_at = entities.get(session, row.entity).zone, row.made_at
    assert made_at is not None
    if not civil_date(made_at, zone) <= said.acknowledged_on <= civil_date(at, zone):
        raise Invalid("the archive acknowledged it between the day it was made and today")
    row.archive, row.reference, row.acknowledged_on = archive, reference, said.acknowledged_on
    row.stated_by, row.stated_at, row.state = by.person, at, STATED
    session.flush()
    event = TransferAcknowledged(
        by=by.actor,
        entity=row.entity,
        package=row.id,
        batch=row.batch,
        digest=said.sha256,
        acknowledged_on=said.acknowledged_on,
        archive=archive,
        reference=reference,
    )
    intake.append(session, event, at=at)
    return row


def decide_acknowledgement(
    session: WriteSession, package_id: UUID, *, confirmed: bool, sha256: bytes, by: Principal, at: datetime
) -> Package:
    """Confirm as a second person what the archive acknowledged, or send it back.

    Confirmed, the records are destroyed here by the next run, each after a last look.

    Raises:
        NotFound: no such package for ``by``.
        NotAllowed: ``by`` does not approve dispositions there (the operator of the command line never does).
        NotReady: no acknowledgement waits.
        OwnStatement: ``by`` stated it, or had a part in the batch.
        OtherPackage: ``sha256`` is not that of the package.
    """
    row = get(session, package_id, by=by, lock=True)
    by.require(_APPROVE, entity=row.entity)
    if row.state != STATED:
        raise NotReady(f"it is {row.state}")
    alone = _require_other(session, row, by.person, at)
    if row.sha256 != sha256:
        raise OtherPackage("look at it again")
    said: dict[str, Any] = {
        "by": by.actor,
        "entity": row.entity,
        "second": row.stated_by,
        "package": row.id,
        "batch": row.batch,
    }
    if confirmed:
        row.state, row.confirmed_by, row.confirmed_at = CONFIRMED, by.person, at
        intake.append(session, TransferConfirmed(**said, digest=sha256, alone=alone), at=at)
    else:
        row.state, row.stated_by, row.stated_at = READY, None, None
        row.archive = row.reference = row.acknowledged_on = None
        intake.append(session, TransferRefused(**said), at=at)
    session.flush()
    return row


def why_not(session: ReadSession, row: Package, *, by: Principal, at: datetime) -> str | None:
    """Why ``by`` cannot confirm what was stated, as a code; ``None`` where they can."""
    if by.id is None or not by.may(_APPROVE, entity=row.entity):
        return "not_allowed"
    if row.state != STATED:
        return "not_stated"
    try:
        _require_other(session, row, by.id, at)
    except OwnStatement:
        return "had_a_part"
    return None


def call_off(session: WriteSession, package_id: UUID, *, by: Principal, at: datetime, keys: Keyring) -> Package:
    """Give up a transfer: its records are kept and can be proposed again. Of a package of permanent keeping: it was
    brought where it is kept, or is not wanted any more. The package goes; a copy that somebody took of a transfer is
    written into the register of disclosures.

    Raises:
        NotFound: no such package for ``by``.
        NotAllowed: ``by`` neither prepares nor approves dispositions there.
        NotReady: it is being made, confirmed, or over.
    """
    row = get(session, package_id, by=by, lock=True)
    require_handler(row, by)
    if row.state not in (READY, STATED):
        raise NotReady(f"it is {row.state}")
    _end(session, row, CALLED_OFF if row.kind == TRANSFER else BROUGHT_AWAY, by=by, at=at, keys=keys)
    row.ended_by = by.id
    session.flush()
    if row.kind == TRANSFER:
        _let_some_stay(session, row, by=by, at=at, keys=keys)
    return row


def is_any_called_off(session: ReadSession) -> bool:
    """Whether records of a transfer that was called off are still to be told that they stay."""
    return session.scalar(_CALLED_OFF.limit(1)) is not None


def let_stay(session: WriteSession, *, by: Principal, at: datetime, keys: Keyring) -> int:
    """Go on with a transfer that was called off: some more of its records stay; tells how many, 0 where all do.

    In small pieces, each in a transaction of its own: killed between two, what is left is found again.
    """
    found = session.scalar(_CALLED_OFF.order_by(Item.package).limit(1))
    if found is None:
        return 0
    row = session.get_one(Package, found, with_for_update=True, populate_existing=True)
    return _let_some_stay(session, row, by=by, at=at, keys=keys)


def note_outside(
    session: WriteSession, row: Package, records: Sequence[UUID], *, by: Principal, at: datetime, keys: Keyring
) -> None:
    """These records stay here though their package was taken away: the copy goes into the register of disclosures."""
    if row.taken_by is not None and row.taken_at is not None and records:
        disclosure.note_package(
            session,
            records,
            row.entity,
            row.archive or "an archive, by a transfer that was called off",
            taken_at=row.taken_at,
            taken_by=row.taken_by,
            by=by,
            at=at,
            keys=keys,
        )


def drop_with(
    session: WriteSession, records: Collection[UUID], *, by: Principal, at: datetime, keys: Keyring
) -> tuple[frozenset[UUID], dict[UUID, list[list[str]]]]:
    """These records are destroyed now: every package that holds one of them goes with its key.

    Tells the touched key epochs, and key and version of each package under the first record of it. What was still to
    be transferred with a package that nobody had confirmed is packed anew.
    """
    epochs, stored = frozenset[UUID](), dict[UUID, list[list[str]]]()
    ids = sorted(records)
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        holding = select(Item.package, Item.record).where(Item.record.in_(some), Item.package.is_not(None))
        found: dict[UUID | None, UUID] = {}
        for each in session.execute(holding.order_by(Item.record)):
            found.setdefault(each.package, each.record)
        for package_id, first in found.items():
            row = session.get(Package, package_id, with_for_update=True, populate_existing=True)
            if row is None or row.state == OVER:
                continue
            if row.object_key is not None and row.object_version is not None:
                stored.setdefault(first, []).append([row.object_key, row.object_version])
            code = CARRIED_OUT if row.confirmed_at is not None else RECORD_GONE
            epochs |= _end(session, row, code, by=by, at=at, keys=keys)
            row.object_key = row.object_version = None
            if code == RECORD_GONE:
                again = (Item.package == row.id, Item.state.in_((DECIDED, PACKAGED, FAILED)))
                session.execute(update(Item).where(*again).values(state=DECIDED, code=None, package=None))
    session.flush()
    return epochs, stored


def settle(session: WriteSession, *, by: Principal, at: datetime, keys: Keyring) -> None:
    """End packages of which nothing waits any more: every record was destroyed or passed over."""
    waits = select(Item.id).where(Item.package == Package.id, Item.state.in_((DECIDED, PACKAGED, FAILED)))
    left = select(Package).where(Package.state.in_((MAKING, CONFIRMED)), ~waits.exists())
    for row in session.scalars(left.with_for_update()):
        _end(session, row, CARRIED_OUT if row.state == CONFIRMED else RECORD_GONE, by=by, at=at, keys=keys)
    session.flush()


def waiting(session: ReadSession) -> list[tuple[Package, datetime]]:
    """Transfers that wait to be handed over, acknowledged or confirmed, and since when."""
    rows = session.scalars(select(Package).where(Package.kind == TRANSFER, Package.state.in_((READY, STATED))))
    return [(row, row.stated_at or row.taken_at or row.made_at or row.begun_at) for row in rows]


def to_delete(session: ReadSession) -> list[tuple[UUID, str, str]]:
    """Packages that are over and whose object the store still has: id, key and version."""
    rows = select(Package).where(Package.state == OVER, Package.object_key.is_not(None)).order_by(Package.id)
    return [(row.id, row.object_key or "", row.object_version or "") for row in session.scalars(rows)]


def note_deleted(session: WriteSession, package_ids: Collection[UUID]) -> None:
    """The store has deleted the objects of these packages."""
    gone = update(Package).where(Package.id.in_(list(package_ids)), Package.state == OVER)
    session.execute(gone.values(object_key=None, object_version=None))


def awaits_destruction(session: ReadSession) -> bool:
    """Whether records were transferred, confirmed, and are still here."""
    waiting = select(Item.id).join(Package, Package.id == Item.package)
    these = (Item.state == PACKAGED, Package.confirmed_at.is_not(None))
    return session.scalar(waiting.where(*these).limit(1)) is not None


def told(row: Package) -> dict[str, Any]:
    """What a certificate says of a transfer: which package, who has it, and who said so."""
    return {
        "package": row.id.hex,
        "sha256": row.sha256.hex() if row.sha256 else None,
        "bytes": row.size_bytes,
        "made_at": to_us(row.made_at) if row.made_at else None,
        "archive": row.archive,
        "reference": row.reference,
        "acknowledged_on": row.acknowledged_on.isoformat() if row.acknowledged_on else None,
        "stated_by": row.stated_by.hex if row.stated_by else None,
        "confirmed_by": row.confirmed_by.hex if row.confirmed_by else None,
        "confirmed_at": to_us(row.confirmed_at) if row.confirmed_at else None,
    }


def of_items(session: ReadSession, items: Sequence[Item]) -> dict[UUID, Package]:
    """The packages that these items are in, by id."""
    wanted = {item.package for item in items if item.package is not None}
    return {row.id: row for row in session.scalars(select(Package).where(Package.id.in_(wanted)))} if wanted else {}


_CALLED_OFF = (
    select(Item.package)
    .join(Package, Package.id == Item.package)
    .where(Package.state == OVER, Package.end_code == CALLED_OFF, Item.state == PACKAGED)
)


def _let_some_stay(session: WriteSession, row: Package, *, by: Principal, at: datetime, keys: Keyring) -> int:
    mine = (Item.package == row.id, Item.state == PACKAGED)
    some = session.scalars(select(Item.record).where(*mine).order_by(Item.record).limit(STAYING_AT_ONCE)).all()
    note_outside(session, row, some, by=by, at=at, keys=keys)
    stays = update(Item).where(*mine, Item.record.in_(some))
    session.execute(stays.values(state=KEPT, code="transfer_called_off"))
    # What went for another reason since it was called off was not asked back yet.
    there = set(session.scalars(select(Record.id).where(Record.id.in_(some))))
    disclosure.ask_back(session, [each for each in some if each not in there], at=at)
    return len(some)


def _end(
    session: WriteSession, row: Package, code: str, *, by: Principal, at: datetime, keys: Keyring
) -> frozenset[UUID]:
    row.state, row.ended_at, row.end_code = OVER, at, code
    epochs = keys.shred(session, [row.id], at=at)
    event = PackageEnded(by=by.actor, entity=row.entity, package=row.id, batch=row.batch, kind=row.kind, why=code)
    intake.append(session, event, at=at)
    return epochs


def _require_other(session: ReadSession, row: Package, person: UUID, at: datetime) -> bool:
    """Refuse whoever stated it or had a part in the batch; tells whether single operator mode lets them."""
    if person != row.stated_by and session.get(Hand, (row.batch, person)) is None:
        return False
    if single_operator.is_on(session, at) and single_operator.is_alone(session, person, at):
        return True
    raise OwnStatement("ask a person who had no part in it")


def _entity_of(session: ReadSession, package_id: UUID) -> UUID | None:
    return session.scalar(select(Package.entity).where(Package.id == package_id))


fixity_walk.walk_also(
    fixity_walk.Naming(
        KEY_KIND,
        (Package.object_key, Package.object_version, Package.sealed_bytes, Package.sealed_sha256, Package.id),
        _entity_of,
        (Package.state != OVER,),
    )
)
assert set(batches.DECISIONS) >= {TRANSFER, PERMANENT}
