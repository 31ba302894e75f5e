"""Withdraw capture: the way out for a wrong upload; asked by one person, confirmed by another."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api.deps import CaptureWithdrawer, Now, RequestId, Run, SignedIn, WriteSession
from api.rest.parameters import PREFIX, Change, View
from api.routing import Router
from app import words_shown
from retention import withdrawal
from retention.withdrawal import Withdrawal

router = Router(prefix=PREFIX, tags=["retention"])
Show = Literal["open", "over"]


class NewWithdrawal(Change):
    """Why a record should never have been taken in."""

    reason: Annotated[str, Field(min_length=1, max_length=withdrawal.MOST_REASON)]


class WithdrawalWord(Change):
    """The second person's word; to refuse opens the record again."""

    confirmed: bool


class WithdrawalView(View):
    """A withdrawal and how it stands."""

    id: UUID
    record: UUID
    number: str
    state: str = Field(description="asked, confirmed, refused, executing or done.")
    code: str | None = Field(description="Why it is not carried out yet.")
    reason: str = Field(description="Empty once the record is destroyed.")
    asked_by: UUID
    asked_at: datetime
    decided_by: UUID | None

    @classmethod
    def of(cls, row: Withdrawal, reason: str) -> "WithdrawalView":
        return cls(
            id=row.id,
            record=row.record,
            number=row.number,
            state=row.state,
            code=row.code,
            reason=reason,
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            decided_by=row.decided_by,
        )


class Withdrawals(View):
    """Withdrawals: those that wait, the oldest first, or those that are over, the newest first."""

    items: list[WithdrawalView]


@router.post("/records/{record_id}/withdrawal", status_code=201)
def ask(
    run: Run, session: WriteSession, record_id: UUID, by: CaptureWithdrawer, now: Now, wanted: NewWithdrawal
) -> WithdrawalView:
    """Close a wrong upload at once, and ask for its destruction. Within 30 days of the capture; not under a hold."""
    made = withdrawal.ask(session, record_id, wanted.reason, by=by, at=now, keys=run.keys)
    return WithdrawalView.of(session.get_one(Withdrawal, made), wanted.reason)


@router.get("/capture-withdrawals")
def list_withdrawals(
    run: Run, by: SignedIn, request_id: RequestId, state: Annotated[Show, Query()] = "open"
) -> Withdrawals:
    """Withdrawals that wait for somebody, or those that are over: yours, and those you may confirm."""
    with run.main.read() as session:
        rows = withdrawal.listed(session, over=state == "over", by=by)
    reasons = words_shown.withdrawals(run, rows, by=by, request=request_id)
    return Withdrawals(items=[WithdrawalView.of(row, reasons[row.id]) for row in rows])


@router.post("/capture-withdrawals/{withdrawal_id}/decision")
def decide(
    run: Run, withdrawal_id: UUID, by: SignedIn, now: Now, request_id: RequestId, word: WithdrawalWord
) -> WithdrawalView:
    """Confirm a withdrawal that another asked for, or refuse it; whoever asked may take it back."""
    with run.main.write() as session:
        row = withdrawal.decide(session, withdrawal_id, confirmed=word.confirmed, by=by, at=now)
    return WithdrawalView.of(row, words_shown.withdrawals(run, [row], by=by, request=request_id)[row.id])
