"""Permanent keeping by decision: how it begins, and that its end takes two persons again.

It begins when an approved batch is carried out and the package for keeping outside is made. From then on the record
has no date, whatever its rules say, unless one of them is a statutory maximum: then it is a conflict for people to
settle. Its end is asked for by one person and confirmed by another, and destroys nothing: the rules date it again.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from accounts.principal import NotAllowed, Principal
from audit import intake
from core.database import ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from retention.batch import Batch, Item
from retention.date_batch import date_these
from retention.kept import END_ASKED, IN_FORCE, OVER, PermanentKeeping
from retention.package import Package
from retention.package_events import KeepingEndAsked, KeepingEndDecided, RecordsKept
from retention.schedule import RetentionRule
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

PREPARE, APPROVE = "disposition.prepare", "disposition.approve"
MOST_REASON = 500
CAUSE = "keeping"


class KeepingOver(Conflict):
    """The permanent keeping of this record is over, or its end is asked for already."""

    code = "keeping_not_in_force"


class EndNotAsked(Conflict):
    """Nobody has asked to end this permanent keeping."""

    code = "keeping_end_not_asked"


class OwnEnd(NotAllowed):
    """Whoever asked for the end does not confirm it."""

    code = "own_keeping_end"


def begin(
    session: WriteSession, row: Batch, package: Package, items: Sequence[Item], *, by: Principal, at: datetime
) -> None:
    """Keep the records of these items permanently, from this transaction on."""
    authorities = authorities_of(session, items)
    for item in items:
        session.add(
            PermanentKeeping(
                id=new_id(),
                record=item.record,
                entity=row.entity,
                number=item.number,
                record_class=item.record_class,
                batch=row.id,
                package=package.id,
                authority=authorities[item.record],
                kept_at=at,
                decided_by=item.decided_by,
                state=IN_FORCE,
            )
        )
    session.flush()
    date_these(session, [item.record for item in items], cause=CAUSE, at=at)
    assert row.digest is not None
    assert package.sha256 is not None
    event = RecordsKept(
        by=by.actor,
        entity=row.entity,
        package=package.id,
        batch=row.id,
        records=tuple(item.record for item in items),
        digest=package.sha256,
        approved=row.digest,
        authorities=tuple(sorted(set(authorities.values()))),
    )
    intake.append(session, event, at=at)


def authorities_of(session: ReadSession, items: Sequence[Item]) -> dict[UUID, str]:
    """What the decision about each record rests on: what was named, or else the provision of its rule."""
    wanted = {item.rule for item in items if not item.authority}
    rules = {row.id: row.value() for row in session.scalars(select(RetentionRule).where(RetentionRule.id.in_(wanted)))}
    return {
        item.record: item.authority or (rules[item.rule].legal_basis if item.rule in rules else "") for item in items
    }


def keepings(session: ReadSession, *, by: Principal, record: UUID | None = None) -> list[PermanentKeeping]:
    """What is kept permanently by decision in the entities in which ``by`` sees retention; what is over comes last."""
    query = select(PermanentKeeping).where(PermanentKeeping.entity.in_(by.entities_for("retention.read")))
    if record is not None:
        query = query.where(PermanentKeeping.record == record)
    return list(session.scalars(query.order_by(PermanentKeeping.state, PermanentKeeping.kept_at, PermanentKeeping.id)))


def get(session: ReadSession, keeping_id: UUID, *, by: Principal, lock: bool = False) -> PermanentKeeping:
    """One of them.

    Raises:
        NotFound: there is none, or not for ``by``.
    """
    row = session.get(PermanentKeeping, keeping_id, with_for_update=lock or None, populate_existing=True)
    if row is None or not by.may("retention.read", entity=row.entity):
        raise NotFound("there is no such keeping, or it is not yours to see")
    return row


def ask_end(
    session: WriteSession, keeping_id: UUID, reason: str, *, by: Principal, at: datetime, keys: Keyring
) -> PermanentKeeping:
    """Ask that a record is not kept permanently any more. Nothing changes before another person confirms.

    Raises:
        NotFound: there is none for ``by``.
        NotAllowed: ``by`` neither prepares nor approves dispositions there.
        KeepingOver: it is over, or somebody has asked already.
        Invalid: no reason.
    """
    row = get(session, keeping_id, by=by, lock=True)
    if not by.may(PREPARE, entity=row.entity):
        by.require(APPROVE, entity=row.entity)
    if row.state != IN_FORCE:
        raise KeepingOver(f"it is {row.state}")
    said = reason.strip()
    if not said or len(said) > MOST_REASON:
        raise Invalid(f"say why, in {MOST_REASON} characters at most")
    key = keys.get_many(session, [row.batch]).get(row.batch) or keys.create(session, row.batch, kind="batch", at=at)
    row.end_reason_sealed = seal_text(key, row.batch, None, f"keeping-end/{row.id.hex}", said)
    row.state, row.end_asked_by, row.end_asked_at = END_ASKED, by.person, at
    session.flush()
    event = KeepingEndAsked(by=by.actor, entity=row.entity, keeping=row.id, record=row.record, reason=said)
    intake.append(session, event, at=at)
    return row


def decide_end(
    session: WriteSession, keeping_id: UUID, *, confirmed: bool, by: Principal, at: datetime
) -> PermanentKeeping:
    """Confirm as a second person that it is over, or refuse. Confirmed, the rules date the record again at once.

    Raises:
        NotFound: there is none for ``by``.
        NotAllowed: ``by`` does not approve dispositions there (the operator of the command line never does).
        EndNotAsked: nobody has asked.
        OwnEnd: ``by`` has.
    """
    row = get(session, keeping_id, by=by, lock=True)
    by.require(APPROVE, entity=row.entity)
    if row.state != END_ASKED:
        raise EndNotAsked(f"it is {row.state}")
    if row.end_asked_by == by.person:
        raise OwnEnd("ask another person")
    second = row.end_asked_by
    if confirmed:
        row.state, row.ended_by, row.ended_at = OVER, by.person, at
    else:
        row.state, row.end_asked_by, row.end_asked_at, row.end_reason_sealed = IN_FORCE, None, None, None
    session.flush()
    event = KeepingEndDecided(
        by=by.actor, entity=row.entity, second=second, keeping=row.id, record=row.record, confirmed=confirmed
    )
    intake.append(session, event, at=at)
    if confirmed:
        date_these(session, [row.record], cause=CAUSE, at=at)
    return row


def reasons_of_end(session: ReadSession, rows: Sequence[PermanentKeeping], keys: Keyring) -> dict[UUID, str]:
    """Why the end of each was asked for, by keeping; the caller may show it to whoever was given the rows."""
    known = keys.get_many(session, {row.batch for row in rows if row.end_reason_sealed})
    return {
        row.id: open_text(known[row.batch], row.batch, None, f"keeping-end/{row.id.hex}", row.end_reason_sealed)
        for row in rows
        if row.end_reason_sealed is not None and row.batch in known
    }
