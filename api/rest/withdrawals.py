"""Entries of the log withdrawn by two persons after the log's own retention; and what was withdrawn, for verifiers."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.deps import Now, RequestId, Run, TileReader, WithdrawalAsker
from api.rest.parameters import PREFIX, Change, View
from api.routing import Router
from app.withdrawals import withdrawals_of
from audit import withdrawal
from audit.withdrawal import WithdrawalRequest

router = Router(prefix=PREFIX, tags=["audit"])


class WithdrawalDecision(Change):
    """The second person's word; ``false`` also takes one's own request back."""

    confirmed: bool


class WithdrawnView(View):
    """A range of entries that was withdrawn."""

    from_: int = Field(alias="from", description="Position of the first entry.")
    to: int = Field(description="Position of the first entry behind them.")
    event: int = Field(description="Position of the entry that says so.")


class WithdrawalView(View):
    """A withdrawal asked for."""

    id: UUID
    below: int = Field(description="Entries from this position on stay.")
    entries: int
    years: int = Field(description="The log's own retention when it was asked for.")
    asked_by: UUID
    asked_at: datetime
    state: str = Field(description="pending, confirmed, refused or withdrawn.")
    decided_by: UUID | None
    decided_at: datetime | None

    @classmethod
    def of(cls, row: WithdrawalRequest) -> "WithdrawalView":
        return cls(
            id=row.id,
            below=row.below,
            entries=row.entries,
            years=row.years,
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            state=row.state,
            decided_by=row.decided_by,
            decided_at=row.decided_at,
        )


class WithdrawalsView(View):
    """What could be withdrawn now, and what was asked for, the newest first."""

    years: int = Field(description="The log's own retention, in years; 0: nothing is ever withdrawn.")
    due_entries: int
    due_until: datetime | None = Field(description="When the newest of those that could go was taken.")
    items: list[WithdrawalView]


@router.get("/audit/withdrawn.json")
def read_withdrawn(run: Run, by: TileReader) -> list[WithdrawnView]:
    """Which entries were withdrawn; a verifier looks for it behind the log's prefix."""
    with run.log_database.read() as session:
        return [WithdrawnView.model_validate(one) for one in withdrawal.told(session)]


@router.get("/audit/withdrawals")
def list_withdrawals(run: Run, by: WithdrawalAsker, now: Now) -> WithdrawalsView:
    """What is older than the log's own retention, and the withdrawals asked for."""
    withdrawals = withdrawals_of(run)
    rows, due = withdrawals.requests(by=by), withdrawals.due(at=now)
    return WithdrawalsView(
        years=withdrawals.years,
        due_entries=due.entries,
        due_until=due.newest,
        items=[WithdrawalView.of(row) for row in rows],
    )


@router.post("/audit/withdrawals", status_code=201)
def ask(run: Run, by: WithdrawalAsker, now: Now, request_id: RequestId) -> WithdrawalView:
    """Ask that everything older than the log's own retention be withdrawn; another person confirms."""
    return WithdrawalView.of(withdrawals_of(run).ask(by=by, at=now, request=request_id))


@router.post("/audit/withdrawals/{withdrawal_id}/decision")
def decide(
    run: Run, withdrawal_id: UUID, by: WithdrawalAsker, now: Now, request_id: RequestId, word: WithdrawalDecision
) -> WithdrawalView:
    """Confirm what somebody else asked for (it takes ``withdrawal.decide``), refuse it, or take one's own back."""
    withdrawals = withdrawals_of(run)
    act = withdrawals.confirm if word.confirmed else withdrawals.refuse
    return WithdrawalView.of(act(withdrawal_id, by=by, at=now, request=request_id))
