"""Holds: what must not be destroyed, on whose authority, until when; released by two; notices and answers."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import Field

from accounts.principal import Principal
from api.deps import HoldPlacer, Now, Reader, ReadSession, RequestId, RetentionReader, Run
from api.rest.hold_views import HeldPage, HeldView, HoldAsked, HoldCount, Holds, HoldView, HoldWanted
from api.rest.parameters import PREFIX, Change, Limit, View
from api.routing import Router
from app import hold_wanted, holding
from app.runtime import Runtime
from core.errors import NotFound
from records import record
from retention import held, hold
from retention.blocker import blockers_of
from retention.held import Hold
from retention.hold import NewHold

router = Router(prefix=PREFIX, tags=["holds"])


class Reason(Change):
    """Why a hold is to be released."""

    reason: Annotated[str, Field(min_length=1, max_length=2_000)]


class Word(Change):
    """The second person's word; who asked can only say false."""

    confirmed: bool


class Review(Change):
    """That a hold is still needed."""

    review_on: date


class BlockerView(View):
    """One hold on a record."""

    since: datetime
    hold: UUID | None = Field(description="None where you do not see holds; so for the rest.")
    kind: str | None
    review_on: date | None
    undecided: bool = Field(description="Its query has not been asked about this record yet.")


class Blockers(View):
    """What keeps a record from being destroyed, the oldest first."""

    items: list[BlockerView]


@router.get("/holds")
def list_holds(run: Run, by: RetentionReader, request_id: RequestId) -> Holds:
    """The holds of your legal entities."""
    with run.main.read() as session:
        rows = held.visible(session, by=by)
    return Holds(items=[HoldView.of(each) for each in hold_wanted.show(run, rows, by=by, request=request_id)])


@router.post("/holds/preview")
def preview(run: Run, by: HoldPlacer, request_id: RequestId, asked: HoldAsked) -> HoldCount:
    """Count what a hold would reach, without placing it."""
    scope = hold_wanted.scope_of(run, asked.entity, asked.scope.wanted(), by=by)
    found = holding.preview(run, asked.entity, scope, by=by, request=request_id)
    return HoldCount(found=found.found, of=found.of, confirm=found.is_wide, query=found.scope.query)


@router.post("/holds", status_code=201)
def place(run: Run, response: Response, by: HoldPlacer, request_id: RequestId, new: HoldWanted) -> HoldView:
    """Place a hold: one person, at once. Releasing it will take two."""
    scope = hold_wanted.scope_of(run, new.entity, new.scope.wanted(), by=by)
    wanted = NewHold(
        entity=new.entity,
        kind=new.kind,
        scope=scope,
        title=new.title,
        reason=new.reason,
        authority=new.authority,
        review_on=new.review_on,
        owner=new.owner,
    )
    row = holding.place(run, wanted, by=by, confirmed=new.confirmed)
    response.headers["Location"] = f"{PREFIX}/holds/{row.id}"
    return _view(run, row.id, by, request_id)


@router.get("/holds/{hold_id}")
def read_hold(run: Run, hold_id: UUID, by: RetentionReader, request_id: RequestId) -> HoldView:
    """One hold."""
    return _view(run, hold_id, by, request_id)


@router.get("/holds/{hold_id}/records")
def list_records(
    session: ReadSession, hold_id: UUID, by: RetentionReader, cursor: UUID | None = None, limit: Limit = 50
) -> HeldPage:
    """The records noted under a hold: numbers and classes, no content."""
    rows, following = hold_wanted.noted(session, held.get_visible(session, hold_id, by), after=cursor, limit=limit)
    return HeldPage(items=[HeldView.of(row) for row in rows], next=following)


@router.post("/holds/{hold_id}/release")
def ask_release(run: Run, hold_id: UUID, by: HoldPlacer, now: Now, request_id: RequestId, why: Reason) -> HoldView:
    """Ask for the release of a hold. It blocks until somebody else confirms."""
    with run.main.write() as session:
        hold.ask_release(session, hold_id, why.reason, by=by, at=now, keys=run.keys)
    return _view(run, hold_id, by, request_id)


@router.post("/holds/{hold_id}/release/decision")
def decide_release(run: Run, hold_id: UUID, by: HoldPlacer, now: Now, request_id: RequestId, word: Word) -> HoldView:
    """Confirm or refuse a release that somebody else asked for, or take back one's own."""
    with run.main.write() as session:
        hold.decide_release(session, hold_id, confirmed=word.confirmed, by=by, at=now)
    return _view(run, hold_id, by, request_id)


@router.post("/holds/{hold_id}/review")
def review(run: Run, hold_id: UUID, by: HoldPlacer, now: Now, request_id: RequestId, said: Review) -> HoldView:
    """Say that a hold is still needed, and when it is looked at next."""
    with run.main.write() as session:
        hold.review(session, hold_id, said.review_on, by=by, at=now)
    return _view(run, hold_id, by, request_id)


@router.get("/records/{record_id}/holds")
def list_blockers(session: ReadSession, record_id: UUID, by: Reader, now: Now) -> Blockers:
    """Since when a record of yours is held; by what, where you see holds."""
    row = record.get_visible(session, record_id, by, now)
    sees = by.may("retention.read", entity=row.entity)
    return Blockers(
        items=[
            BlockerView(
                since=each.since,
                hold=each.hold if sees else None,
                kind=each.kind if sees else None,
                review_on=each.review_on if sees else None,
                undecided=each.undecided,
            )
            for each in blockers_of(session, [record_id]).get(record_id, ())
        ]
    )


def _view(run: Runtime, hold_id: UUID, by: Principal, request_id: str) -> HoldView:
    with run.main.read() as session:
        row: Hold = held.get_visible(session, hold_id, by)
    for shown in hold_wanted.show(run, [row], by=by, request=request_id):
        return HoldView.of(shown)
    raise NotFound("there is no such hold, or it is not yours to see")
