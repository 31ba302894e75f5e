"""Notices of holds: who was told to keep what, and who has answered."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.deps import HoldPlacer, Now, ReadSession, RequestId, RetentionReader, Run, SignedIn, WriteSession
from api.rest.parameters import PREFIX, Change, View
from api.routing import Router
from app import words_shown
from retention import custodian, held
from retention.custodian import Told

router = Router(prefix=PREFIX, tags=["holds"])


class NewNotice(Change):
    """Words to people about a hold."""

    people: Annotated[list[UUID], Field(min_length=1, max_length=custodian.MOST_PEOPLE)]
    text: Annotated[str, Field(min_length=1, max_length=custodian.LONGEST)]


class NoticeAdded(View):
    """A notice that was given."""

    id: UUID


class CustodianView(View):
    """A person who was told of a hold."""

    notice: UUID
    person: UUID
    given_by: UUID
    given_at: datetime
    acknowledged_at: datetime | None

    @classmethod
    def of(cls, row: Told) -> "CustodianView":
        return cls(
            notice=row.notice,
            person=row.person,
            given_by=row.given_by,
            given_at=row.given_at,
            acknowledged_at=row.acknowledged_at,
        )


class Custodians(View):
    """Who was told of a hold, and who might be."""

    items: list[CustodianView]
    suggested: list[UUID] = Field(description="Staff of the departments and readers of the case files it reaches.")


class NoticeView(View):
    """A notice to you."""

    id: UUID
    given_at: datetime
    text: str
    acknowledged_at: datetime | None


class Notices(View):
    """Notices to you about holds in force, those that wait for your word first."""

    items: list[NoticeView]


@router.get("/holds/{hold_id}/notices")
def list_custodians(session: ReadSession, hold_id: UUID, by: RetentionReader, now: Now) -> Custodians:
    """Who was told of a hold, who has answered, and who might be told."""
    row = held.get_visible(session, hold_id, by)
    items = [CustodianView.of(each) for each in custodian.told(session, row.id)]
    return Custodians(items=items, suggested=custodian.suggest(session, row, now))


@router.post("/holds/{hold_id}/notices", status_code=201)
def give_notice(run: Run, hold_id: UUID, by: HoldPlacer, now: Now, new: NewNotice) -> NoticeAdded:
    """Tell people to keep what a hold reaches; they find it on their page of notices."""
    with run.main.write() as session:
        return NoticeAdded(
            id=custodian.give_notice(session, hold_id, new.people, new.text, by=by, at=now, keys=run.keys)
        )


@router.get("/me/notices")
def my_notices(run: Run, by: SignedIn, request_id: RequestId) -> Notices:
    """Notices to you about holds in force."""
    with run.main.read() as session:
        rows = custodian.told_me(session, by.id) if by.id is not None else []
    texts = words_shown.notices(run, rows, by=by, request=request_id)
    return Notices(
        items=[
            NoticeView(
                id=row.notice, given_at=row.given_at, text=texts[row.notice], acknowledged_at=row.acknowledged_at
            )
            for row in rows
        ]
    )


@router.post("/me/notices/{notice_id}/acknowledgement", status_code=204)
def acknowledge(session: WriteSession, notice_id: UUID, by: SignedIn, now: Now) -> None:
    """Say that you have read a notice and follow it."""
    custodian.acknowledge(session, notice_id, by=by, at=now)
