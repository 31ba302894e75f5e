"""Packs what is to be transferred or kept permanently: chosen, read, sealed into the store, and looked at once more.

Four steps, each of which can be killed and run again. Records are chosen after a last look, in short transactions.
Then they are read through the one door and sealed, as they stream, into an object that nothing names yet. They are
looked at again under the lock of holds, in pieces: where anything has changed meanwhile, the object is let go and what
still may be packed is packed anew. One transaction names the object, unless a record or the entity's holds have changed
since the first piece. So nobody is given a package with a record that was held when it was made.

A package for an archive waits for its acknowledgement then; permanent keeping takes effect record by record, in pieces.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update

from accounts import departments, entities
from accounts.entities import LegalEntity
from accounts.principal import Principal
from app import holding, words_shown
from app.finishing import RETENTION, Outcome, Passing
from app.looking import UNSAFE_FILE, is_approved, look, pass_over, seen_now, unsafe_among
from app.retention_jobs import LeaseLost
from app.runtime import Runtime
from audit import intake
from core.clock import civil_date
from core.database import ReadSession, WriteSession
from core.errors import MunimentError
from exports.bag import bag_of
from exports.bag_log import LogPart
from exports.bag_metadata import BagHead, instant
from records import file_plan
from records.case_file import CaseFile
from records.content import PACKAGE
from records.record import Record
from records.shown import Packed
from retention import batch as batches
from retention import dating, keeping, package
from retention.batch import DECIDED, EXECUTING, FAILED, KEPT, PACKAGED, Batch, Hand, Item
from retention.held import HeldRecord, Hold
from retention.hold import lock_holds
from retention.last_look import BEING_READ, blocked_by
from retention.package import MAKING, PERMANENT, TRANSFER, Package
from retention.package_events import PackageMade
from retention.why import explain
from vault.envelope import context
from vault.store import ObjectRef as StoredRef
from vault.store import derived_key
from vault.writer import Sealed, seal_into

log = logging.getLogger("muniment.packing")

LONGEST_SECONDS, MOST_AT_ONCE = 0.025, 16
CHECKED_AT_ONCE, KEPT_AT_ONCE = 100, 8
_TRIES = 3
"""In one run, where records change while they are packed."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A package that is on its way to somebody."""

    name: str
    size_bytes: int
    sha256: bytes
    pieces: Iterator[bytes]


def take(runtime: Runtime, package_id: UUID, *, by: Principal, request: str | None = None) -> Taken:
    """The bytes of a package, for whoever handles dispositions and may read every record in it.

    Raises:
        NotFound: no such package for ``by``.
        NotAllowed: ``by`` neither prepares nor approves dispositions there.
        NotReady: it is being made, or over.
        PackageNotReadable: ``by`` may not read one of its records.
        LogUnavailable: it could not be logged; nothing is given.
    """
    with runtime.main.read() as session:
        row = package.get(session, package_id, by=by)
        package.require_handler(row, by)
        if row.state in (MAKING, package.OVER) or row.object_key is None or row.object_version is None:
            raise package.NotReady(f"it is {row.state}")
        records = package.records_of(session, row.id)
    assert row.sealed_bytes is not None
    assert row.sha256 is not None
    stored = StoredRef(row.object_key, row.object_version, row.sealed_bytes)
    pieces, _receipt = runtime.content.open_package(row.id, stored, records, sha256=row.sha256, by=by, request=request)
    with runtime.main.write() as session:
        package.note_taken(session, row.id, by=by, at=runtime.clock.now())
    return Taken(f"{row.name}.zip", row.size_bytes or 0, row.sha256, pieces)


def pack_batch(
    runtime: Runtime, batch_id: UUID, shown: dict[UUID, bytes], outcome: Outcome, at: datetime, passing: Passing
) -> None:
    """Make the packages that are still to be made of a batch, and keep what is in those that were made."""
    _keep(runtime, batch_id, outcome, at, passing)
    for kind in batches.PACKED:
        for _ in range(_TRIES):
            chosen = _choose(runtime, batch_id, kind, shown, outcome, at, passing)
            if chosen is None or _make(runtime, chosen, outcome, at, passing):
                break


def _waiting(session: ReadSession, batch_id: UUID, kind: str, among: Sequence[UUID] | None = None) -> list[UUID]:
    making = select(Package.id).where(Package.batch == batch_id, Package.state == MAKING)
    mine = (Item.batch == batch_id, Item.decision == kind, Item.state.in_((DECIDED, FAILED)))
    free = or_(Item.package.is_(None), Item.package.in_(making))
    query = select(Item.record).where(*mine, free).order_by(Item.record)
    return list(session.scalars(query if among is None else query.where(Item.record.in_(among))))


def _choose(
    runtime: Runtime,
    batch_id: UUID,
    kind: str,
    shown: dict[UUID, bytes],
    outcome: Outcome,
    at: datetime,
    passing: Passing,
) -> UUID | None:
    """Look at what waits, note which package it goes into; ``None`` where nothing does."""
    with runtime.main.read() as session:
        waiting = _waiting(session, batch_id, kind)
    if not waiting:
        return None
    everything, chosen = set(waiting), None
    passing("catch")
    holding.catch(runtime, waiting)
    while waiting:
        passing("choose")
        with runtime.main.write() as session:
            some = waiting[:MOST_AT_ONCE]
            done, found = _choose_some(runtime, session, batch_id, kind, some, everything, shown, outcome, at)
        if done == 0:
            return None
        chosen, waiting = found or chosen, waiting[done:]
    return chosen


def _choose_some(
    runtime: Runtime,
    session: WriteSession,
    batch_id: UUID,
    kind: str,
    ids: list[UUID],
    everything: set[UUID],
    shown: dict[UUID, bytes],
    outcome: Outcome,
    at: datetime,
) -> tuple[int, UUID | None]:
    row = _locked(session, batch_id)
    if row is None:
        return 0, None
    still = set(_waiting(session, batch_id, kind, ids))
    today = civil_date(at, entities.get(session, row.entity).zone)
    seen = seen_now(session, ids, shown, today, at)
    seen.going.update(everything)
    unsafe = unsafe_among(session, ids)
    items = {each.record: each for each in session.scalars(_items(batch_id, ids))}
    rows = {each.id: each for each in session.scalars(select(Record).where(Record.id.in_(ids)))}
    begun, looked, chosen = time.monotonic(), 0, None
    for record_id in ids:
        if looked and time.monotonic() - begun > LONGEST_SECONDS:
            break
        looked += 1
        if record_id not in still:
            continue
        item = items[record_id]
        why, one = look(session, item, rows.get(record_id), seen)
        if one is not None and record_id in unsafe:
            why, one = UNSAFE_FILE, None
        if one is not None:
            made = package.begin(session, batch_id, row.entity, kind, by=RETENTION, at=at, keys=runtime.keys)
            item.package, item.state, item.code = made.id, DECIDED, None
            chosen = made.id
        elif why != BEING_READ:
            item.package = None
            _pass_over(session, row, item, why, outcome, at)
        elif item.package is not None:
            item.package = None
    session.flush()
    return looked, chosen


def _make(runtime: Runtime, package_id: UUID, outcome: Outcome, at: datetime, passing: Passing) -> bool:
    """Make a package; ``False`` where something changed meanwhile and it is to be chosen anew."""
    passing("pack")
    with runtime.main.read() as session:
        row = session.get_one(Package, package_id)
        records = package.records_of(session, package_id)
        items = list(session.scalars(_items(row.batch, records)))
        head = _head(session, row, runtime.log.origin, at)
    if not records:
        return True
    try:
        reasons = words_shown.reasons(runtime, items, by=RETENTION)
        opened = runtime.content.pack(package_id, records, by=RETENTION, basis=f"disposition/{row.batch.hex}")
        told = _Telling(runtime, {item.record: item for item in items}, reasons, at)
        pieces = bag_of(head, _passing_each(opened, passing), told, LogPart(runtime.log_database))
        with runtime.main.read() as session, runtime.keys.tally.sealing():
            key = runtime.keys.get(session, package_id)
        sealed = seal_into(
            runtime.store, derived_key(package_id, PACKAGE), key, context(package_id, None, PACKAGE), pieces
        )
    except LeaseLost:
        raise
    except MunimentError as error:
        log.error("a package was not made", extra={"id": str(package_id), "code": error.code})
        with runtime.main.write() as session:
            package.note_failed(session, package_id, error.code, by=RETENTION, at=at)
        outcome.failed[error.code] = outcome.failed.get(error.code, 0) + len(records)
        return True
    passing("packed")
    holding.catch(runtime, records)
    is_made = _settle(runtime, package_id, head, sealed, records, outcome, at, passing)
    if is_made:
        _keep(runtime, row.batch, outcome, at, passing)
    else:
        with suppress(MunimentError):
            # What stays is swept a day later: no row names it.
            runtime.store.delete(sealed.key, sealed.stored.version)
    return is_made


def _settle(
    runtime: Runtime,
    package_id: UUID,
    head: BagHead,
    sealed: Sealed,
    records: Sequence[UUID],
    outcome: Outcome,
    at: datetime,
    passing: Passing,
) -> bool:
    """Look once more at what was packed, and name the object; ``False`` where it is to be packed anew."""
    for _ in range(_TRIES):
        holds, changed = set[int](), False
        for start in range(0, len(records), CHECKED_AT_ONCE):
            passing("check")
            with runtime.main.write() as session:
                some = records[start : start + CHECKED_AT_ONCE]
                seen = _check_some(session, package_id, some, outcome, at)
            if seen is None:
                return False
            holds.add(seen[0])
            changed |= seen[1]
        if changed:
            return False
        passing("name")
        with runtime.main.write() as session:
            is_made = len(holds) == 1 and _name(session, package_id, head, sealed, records, holds.pop(), outcome, at)
            passing("settled")
        if is_made:
            return True
    return False


def _check_some(
    session: WriteSession, package_id: UUID, records: Sequence[UUID], outcome: Outcome, at: datetime
) -> tuple[int, bool] | None:
    """Pass over those of the records that are not as they were packed. Tells how often the entity's holds have
    changed, and whether any record had; ``None`` where the package is not being made any more.
    """
    made = session.get_one(Package, package_id)
    row = _locked(session, made.batch)
    made = session.get_one(Package, package_id, with_for_update=True, populate_existing=True)
    if row is None or made.state != MAKING:
        return None
    revisions = {
        each.id: each.revision
        for each in session.execute(select(Record.id, Record.revision).where(Record.id.in_(list(records))))
    }
    blocked, changed = blocked_by(session, records), False
    for item in session.scalars(_items(row.id, records)):
        why = blocked.get(item.record) or ("changed" if revisions.get(item.record) != item.revision else None)
        if why is not None or item.package != package_id or item.state != DECIDED:
            changed = True
        if why is not None:
            item.package = None
            _pass_over(session, row, item, why, outcome, at)
    session.flush()
    return lock_holds(session, row.entity), changed


def _name(
    session: WriteSession,
    package_id: UUID,
    head: BagHead,
    sealed: Sealed,
    records: Sequence[UUID],
    holds: int,
    outcome: Outcome,
    at: datetime,
) -> bool:
    """Name the object of the package, unless a record or the entity's holds have changed since they were looked at."""
    made = session.get_one(Package, package_id)
    row = _locked(session, made.batch)
    made = session.get_one(Package, package_id, with_for_update=True, populate_existing=True)
    mine = (Item.package == package_id, Item.state == DECIDED)
    as_packed = select(func.count()).select_from(Item).join(Record, Record.id == Item.record)
    same = session.scalar(as_packed.where(*mine, Record.revision == Item.revision))
    if row is None or made.state != MAKING or same != len(records) or lock_holds(session, row.entity) != holds:
        return False
    package.note_made(made, sealed, name=head.name, records=len(records), at=at)
    if made.kind == TRANSFER:
        session.execute(update(Item).where(*mine).values(state=PACKAGED, code=None))
        outcome.packed += len(records)
    session.flush()
    event = PackageMade(
        by=RETENTION.actor,
        entity=row.entity,
        package=made.id,
        batch=row.id,
        kind=made.kind,
        digest=sealed.plain_sha256,
        size_bytes=sealed.plain_size_bytes,
        records=tuple(records),
    )
    intake.append(session, event, at=at)
    return True


def _keep(runtime: Runtime, batch_id: UUID, outcome: Outcome, at: datetime, passing: Passing) -> None:
    """Keep permanently what is in the batch's packages that were made, piece by piece."""
    left = select(Item).join(Package, Package.id == Item.package).order_by(Item.record)
    left = left.where(Item.batch == batch_id, Item.state == DECIDED)
    left = left.where(Package.kind == PERMANENT, Package.made_at.is_not(None)).limit(KEPT_AT_ONCE)
    while True:
        with runtime.main.read() as session:
            if session.scalar(left) is None:
                return
        passing("keep")
        with runtime.main.write() as session:
            row = _locked(session, batch_id)
            items = list(session.scalars(left)) if row is not None else []
            if row is None or not items:
                return
            first = [item for item in items if item.package == items[0].package]
            assert items[0].package is not None
            for item in first:
                item.state, item.code = KEPT, PERMANENT
            session.flush()
            keeping.begin(session, row, session.get_one(Package, items[0].package), first, by=RETENTION, at=at)
        outcome.packed += len(first)


def _locked(session: WriteSession, batch_id: UUID) -> Batch | None:
    """The batch under the locks of its entity's holds and its own, where it is being carried out and still approved."""
    lock_holds(session, session.get_one(Batch, batch_id).entity)
    row = session.get_one(Batch, batch_id, with_for_update=True, populate_existing=True)
    return row if row.state in (EXECUTING, batches.PARTLY_FAILED) and is_approved(session, row) else None


def _items(batch_id: UUID, records: Sequence[UUID]) -> Any:
    return select(Item).where(and_(Item.batch == batch_id, Item.record.in_(list(records)))).order_by(Item.record)


def _pass_over(session: WriteSession, row: Batch, item: Item, why: str, outcome: Outcome, at: datetime) -> None:
    pass_over(session, row, item, why, at)
    outcome.skipped[why] = outcome.skipped.get(why, 0) + 1


def _passing_each(records: Iterator[Packed], passing: Passing) -> Iterator[Packed]:
    for each in records:
        passing("pack_record")
        yield each


def _head(session: ReadSession, row: Package, origin: str, at: datetime) -> BagHead:
    firm, batch = entities.get(session, row.entity), session.get_one(Batch, row.batch)
    hands = session.scalars(select(Hand.person).where(Hand.batch == batch.id).order_by(Hand.person))
    return BagHead(
        package=row.id,
        batch=row.batch,
        kind=row.kind,
        organisation=firm.name,
        country=firm.jurisdiction,
        controller=firm.controller_name,
        made_at=at,
        origin=origin,
        decision={
            "batch": str(batch.id),
            "approved_digest": batch.digest.hex() if batch.digest else None,
            "prepared_by": [str(person) for person in hands],
            "approved": [
                {"by": str(each.person), "at": instant(each.approved_at)}
                for each in batches.approvals(session, batch.id)
            ],
            "single_operator": batch.single_operator,
        },
    )


class _Telling:
    """What the database says of a record beside its content: looked up as each is packed."""

    def __init__(self, runtime: Runtime, items: Mapping[UUID, Item], reasons: Mapping[UUID, str], at: datetime) -> None:
        self._runtime, self._items, self._reasons, self._at = runtime, items, reasons, at

    def __call__(self, packed: Packed) -> dict[str, Any]:
        row, item = packed.record, self._items[packed.record.id]
        with self._runtime.main.read() as session:
            firm = entities.get(session, row.entity)
            return {
                "class": _class(row.record_class),
                "entity": _entity(firm),
                "department": departments.get(session, row.department).name if row.department else None,
                "case_file": self._case_file(session, row),
                "parent": self._parent(session, row),
                "access": _access(row),
                "retention": self._retention(session, row, item, firm),
                "holds": _holds(session, row.id),
                "disposition": {
                    "decision": item.decision,
                    "authority": keeping.authorities_of(session, [item])[item.record],
                    "reason": self._reasons.get(item.record),
                    "decided_by": str(item.decided_by) if item.decided_by else None,
                    "decided_at": instant(item.decided_at) if item.decided_at else None,
                    "rule_action": item.action,
                },
            }

    def _retention(self, session: ReadSession, row: Record, item: Item, firm: LegalEntity) -> dict[str, Any]:
        verdict, facts, basis = dating.fresh(session, row.id, self._at)
        why = explain(verdict, facts, civil_date(self._at, firm.zone)).to_json()
        return {key: why[key] for key in _OF_WHY} | {"basis_digest": basis.hex(), "rule_version": str(item.rule)}

    def _case_file(self, session: ReadSession, row: Record) -> str | None:
        file = session.get(CaseFile, row.case_file) if row.case_file is not None else None
        return None if file is None else file.number

    def _parent(self, session: ReadSession, row: Record) -> dict[str, str | None] | None:
        if row.parent is None:
            return None
        parent = session.get(Record, row.parent)
        return {"id": str(row.parent), "number": None if parent is None else parent.number}


_OF_WHY = (
    "state",
    "retain_through",
    "eligible_from",
    "eligible_at",
    "floor_through",
    "purpose_through",
    "ceiling_through",
    "action",
    "winner",
    "considered",
    "calendar",
)


def _class(code: str | None) -> dict[str, str | None]:
    plan = file_plan.load()
    return {"code": code, "title": plan.get(code).title if code is not None and code in plan else None}


def _entity(firm: LegalEntity) -> dict[str, str | None]:
    return {
        "id": str(firm.id),
        "name": firm.name,
        "country": firm.jurisdiction,
        "time_zone": firm.zone,
        "controller": firm.controller_name,
    }


def _access(row: Record) -> dict[str, str]:
    plan = file_plan.load()
    known = row.record_class is not None and row.record_class in plan
    return {
        "sensitivity": plan.get(row.record_class or "").sensitivity if known else "confidential",
        "regime": row.regime,
    }


def _holds(session: ReadSession, record: UUID) -> list[dict[str, Any]]:
    """Holds that the record was under; none is in force, or it would not be packed."""
    noted = select(Hold).join(HeldRecord, HeldRecord.hold == Hold.id).where(HeldRecord.record == record)
    return [
        {
            "kind": row.kind,
            "placed_at": instant(row.placed_at),
            "ended_at": instant(row.ended_at) if row.ended_at else None,
        }
        for row in session.scalars(noted.order_by(Hold.placed_at, Hold.id))
    ]
