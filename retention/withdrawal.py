"""Withdraw capture: the way out for a wrong upload, beside the schedule.

Whoever may read the record asks; from that moment nobody reads it. A second person who approves dispositions
confirms, and it is destroyed with a certificate and a stub that says nothing but number and days; or refuses, and it
is readable as before. Only within 30 days of the capture: what was relied on for longer goes by the schedule. Under a
hold it is refused, at the asking, at the confirmation and once more before the destruction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import JSON, Index, LargeBinary, String, func, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import NotAllowed, Principal
from audit import intake
from core import jobs
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from records import access, placement, record
from records.record import WITHDRAWN, Record
from retention.disposition_events import WithdrawalAsked, WithdrawalDecided
from retention.hold import lock_holds
from retention.last_look import blocked_by
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

WITHIN = timedelta(days=30)
ASKED, CONFIRMED, REFUSED, EXECUTING, DONE = "asked", "confirmed", "refused", "executing", "done"
DESTROY = "retention.destroy"
"""Name of the job that destroys what was confirmed."""
MOST_REASON = 500
APPROVE = "disposition.approve"
"""Who confirms."""


class OnHold(Conflict):
    """A hold or the like keeps this record."""

    code = "on_hold"


class TooLateToWithdraw(Conflict):
    """The record was captured too long ago to be withdrawn as a wrong upload."""

    code = "withdrawal_too_late"


class WithdrawalDecidedAlready(Conflict):
    """The withdrawal was decided already."""

    code = "withdrawal_decided"


class OwnWithdrawal(NotAllowed):
    """Whoever asked for a withdrawal does not confirm it."""

    code = "own_withdrawal"


class Withdrawal(MainTable):
    """That a record should never have been taken in, who says so, and who agreed."""

    __tablename__ = "capture_withdrawals"
    __table_args__ = (Index("ix_capture_withdrawals_entity_state", "entity", "state"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[UUID] = mapped_column(index=True)
    entity: Mapped[UUID]
    number: Mapped[str] = mapped_column(String(9))
    state: Mapped[str] = mapped_column(String(10))
    code: Mapped[str | None] = mapped_column(String(40))
    """Why it is not carried out yet."""
    states_before: Mapped[dict[str, str]] = mapped_column(JSON)
    """Of the record and of what was found in it, by id: for a refusal."""
    reason_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """Under a key of its own, which is destroyed with the record."""
    asked_by: Mapped[UUID]
    asked_at: Mapped[datetime]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]


def ask(session: WriteSession, record_id: UUID, reason: str, *, by: Principal, at: datetime, keys: Keyring) -> UUID:
    """Close a wrong upload and ask for its withdrawal; tells its id.

    Raises:
        NotFound: no such record for ``by``.
        NotAllowed: ``by`` may not withdraw records there.
        TooLateToWithdraw: it was captured more than 30 days ago.
        OnHold: something blocks it.
        Invalid: no reason, or a record that was found in another, which has its bytes too: withdraw that one.
    """
    row = record.get_visible(session, record_id, by, at)
    by.require("capture.withdraw", entity=row.entity, department=row.department)
    said = reason.strip()
    if not said or len(said) > MOST_REASON:
        raise Invalid(f"say why, in up to {MOST_REASON} characters")
    if at - row.captured_at > WITHIN:
        raise TooLateToWithdraw("it goes when its period ends")
    lock_holds(session, row.entity)
    if row.parent is not None and session.get(Record, row.parent) is not None:
        raise Invalid("withdraw the mail or archive that it was found in")
    family = family_of(session, row)
    _refuse_blocked(session, family)
    made = Withdrawal(
        id=new_id(),
        record=row.id,
        entity=row.entity,
        number=row.number,
        state=ASKED,
        states_before={each.id.hex: each.state for each in family},
        reason_sealed=b"",
        asked_by=by.person,
        asked_at=at,
    )
    key = keys.create(session, made.id, kind="withdrawal", at=at)
    made.reason_sealed = seal_text(key, made.id, None, "reason", said)
    session.add(made)
    for each in family:
        _set_state(session, each, WITHDRAWN, at)
    event = WithdrawalAsked(by=by.actor, entity=row.entity, withdrawal=made.id, record=row.id, reason=said)
    intake.append(session, event, at=at)
    return made.id


def decide(session: WriteSession, withdrawal_id: UUID, *, confirmed: bool, by: Principal, at: datetime) -> Withdrawal:
    """The second person's word: confirmed, a job destroys the record; refused, it is readable as before.

    Whoever asked may take it back (which refuses it) and never confirms it.

    Raises:
        NotFound: no such withdrawal for ``by``.
        NotAllowed: ``by`` does not approve dispositions there.
        OwnWithdrawal: ``by`` asked for it.
        WithdrawalDecidedAlready: it was decided before.
        OnHold: something blocks the record meanwhile; refuse it then.
    """
    seen = session.get(Withdrawal, withdrawal_id)
    if seen is None or not _sees(seen, by):
        raise NotFound("there is no such withdrawal, or it is not yours to see")
    lock_holds(session, seen.entity)
    row = session.get_one(Withdrawal, withdrawal_id, with_for_update=True, populate_existing=True)
    own = row.asked_by == by.person
    if confirmed or not own:
        by.require(APPROVE, entity=row.entity)
    if own and confirmed:
        raise OwnWithdrawal("ask a second person")
    if row.state != ASKED:
        raise WithdrawalDecidedAlready(f"it is {row.state}")
    if confirmed:
        _refuse_blocked(session, records_of(session, row))
    row.state, row.decided_by, row.decided_at = CONFIRMED if confirmed else REFUSED, by.person, at
    if confirmed:
        jobs.add(session, "retention.destroy", queue="maintenance", at=at, key=DESTROY)
    else:
        _open_again(session, row, at)
    session.flush()
    event = WithdrawalDecided(
        by=by.actor,
        entity=row.entity,
        second=row.asked_by,
        outcome="done" if confirmed else "refused",
        withdrawal=row.id,
        record=row.record,
    )
    intake.append(session, event, at=at)
    return row


def listed(session: ReadSession, *, by: Principal, over: bool = False, limit: int = 200) -> list[Withdrawal]:
    """Withdrawals that ``by`` knows of: those that wait for somebody, the oldest first; ``over``: the last decided."""
    query = select(Withdrawal).where(or_(Withdrawal.asked_by == by.id, Withdrawal.entity.in_(by.entities_for(APPROVE))))
    if over:
        query = query.where(Withdrawal.state.in_((REFUSED, DONE)))
        query = query.order_by(Withdrawal.decided_at.desc(), Withdrawal.id.desc())
    else:
        query = query.where(Withdrawal.state.in_((ASKED, CONFIRMED, EXECUTING)))
        query = query.order_by(Withdrawal.asked_at, Withdrawal.id)
    return list(session.scalars(query.limit(limit)))


def count_waiting(session: ReadSession, *, by: Principal) -> int:
    """How many withdrawals wait for the word of somebody like ``by``."""
    mine = Withdrawal.entity.in_(by.entities_for(APPROVE)), Withdrawal.asked_by != by.person
    return session.scalar(select(func.count()).select_from(Withdrawal).where(Withdrawal.state == ASKED, *mine)) or 0


def reasons_of(session: ReadSession, rows: Sequence[Withdrawal], keys: Keyring) -> dict[UUID, str]:
    """Why each is withdrawn, by id; without those whose record is destroyed. Whoever shows it logs it first."""
    known = keys.get_many(session, [row.id for row in rows])
    return {
        row.id: open_text(known[row.id], row.id, None, "reason", row.reason_sealed) for row in rows if row.id in known
    }


def _sees(row: Withdrawal, by: Principal) -> bool:
    return by.id == row.asked_by or by.may(APPROVE, entity=row.entity) or by.kind == "system"


def family_of(session: ReadSession, row: Record) -> list[Record]:
    """A record with all that was found in it, the outermost first."""
    family, layer = [row], [row.id]
    while layer:
        below = list(session.scalars(select(Record).where(Record.parent.in_(layer)).order_by(Record.id)))
        family, layer = family + below, [each.id for each in below]
    return family


def records_of(session: ReadSession, row: Withdrawal) -> list[Record]:
    """The records of a withdrawal that there still are."""
    found = session.get(Record, row.record)
    return [] if found is None else family_of(session, found)


def _refuse_blocked(session: ReadSession, family: list[Record]) -> None:
    for kind in blocked_by(session, [each.id for each in family]).values():
        raise OnHold("ask whoever looks after the hold or restriction", kind=kind)


def _open_again(session: WriteSession, row: Withdrawal, at: datetime) -> None:
    for each in records_of(session, row):
        if each.state == WITHDRAWN:
            _set_state(session, each, row.states_before.get(each.id.hex, record.NEEDS_REVIEW), at)


def _set_state(session: WriteSession, row: Record, state: str, at: datetime) -> None:
    record.touch(row, state, at)
    row.access_set = access.access_set_for(session, placement.terms_of(row))
    session.flush()
    record.ask_to_index(session, row.id, at)
