"""What is kept permanently by decision, and its end, which takes two persons again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api.deps import DispositionApprover, Now, RequestId, RetentionReader, Run, WriteSession
from api.rest.parameters import PREFIX, Change, View
from api.routing import Router
from app import words_shown
from retention import keeping
from retention.kept import PermanentKeeping

router = Router(prefix=PREFIX, tags=["retention"])


class EndWord(Change):
    """Why a record is not to be kept permanently any more."""

    reason: str = Field(min_length=1, max_length=keeping.MOST_REASON)


class EndDecision(Change):
    """A second person's word on that."""

    confirmed: bool


class KeepingView(View):
    """A record that is kept permanently by decision."""

    id: UUID
    record: UUID
    number: str
    record_class: str | None = Field(alias="class")
    entity: UUID
    batch: UUID
    package: UUID
    authority: str = Field(description="What it rests on.")
    kept_at: datetime
    decided_by: UUID | None
    state: str = Field(description="in_force, end_asked or over.")
    end_asked_by: UUID | None
    end_reason: str = Field(description="Why its end was asked for.")
    ended_at: datetime | None

    @classmethod
    def of(cls, row: PermanentKeeping, reason: str) -> "KeepingView":
        return cls.model_validate(
            {
                "id": row.id,
                "record": row.record,
                "number": row.number,
                "class": row.record_class,
                "entity": row.entity,
                "batch": row.batch,
                "package": row.package,
                "authority": row.authority,
                "kept_at": row.kept_at,
                "decided_by": row.decided_by,
                "state": row.state,
                "end_asked_by": row.end_asked_by,
                "end_reason": reason,
                "ended_at": row.ended_at,
            }
        )


class Keepings(View):
    """What is kept permanently by decision."""

    items: list[KeepingView]


@router.get("/keepings")
def list_keepings(
    run: Run, by: RetentionReader, request_id: RequestId, record: Annotated[UUID | None, Query()] = None
) -> Keepings:
    """What is kept permanently by decision in the legal entities in which you see retention."""
    with run.main.read() as session:
        rows = keeping.keepings(session, by=by, record=record)
    reasons = words_shown.ends_of_keeping(run, rows, by=by, request=request_id)
    return Keepings(items=[KeepingView.of(row, reasons.get(row.id, "")) for row in rows])


@router.post("/keepings/{keeping_id}/end")
def ask_end(
    run: Run, session: WriteSession, keeping_id: UUID, by: RetentionReader, now: Now, word: EndWord
) -> KeepingView:
    """Ask that a record is not kept permanently any more: whoever prepares or approves dispositions may."""
    row = keeping.ask_end(session, keeping_id, word.reason, by=by, at=now, keys=run.keys)
    return KeepingView.of(row, word.reason)


@router.post("/keepings/{keeping_id}/end/decision")
def decide_end(
    session: WriteSession, keeping_id: UUID, by: DispositionApprover, now: Now, word: EndDecision
) -> KeepingView:
    """Confirm that, as another person, or refuse. Confirmed, the rules date the record again at once."""
    return KeepingView.of(keeping.decide_end(session, keeping_id, confirmed=word.confirmed, by=by, at=now), "")
