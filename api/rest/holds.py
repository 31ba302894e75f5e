"""Holds: what must not be destroyed, on whose authority, until when; released by two; notices and answers."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Response
from pydantic import Field

from accounts.principal import Principal
from api.deps import HoldPlacer, Now, Reader, ReadSession, RequestId, RetentionReader, Run, SignedIn, WriteSession
from api.rest.parameters import PREFIX, Change, Limit, View
from api.routing import Router
from app import hold_wanted, holding
from app.hold_wanted import Noted, Shown, Wanted
from app.runtime import Runtime
from core.errors import NotFound
from records import record
from retention import custodian, held, hold
from retention.blocker import blockers_of
from retention.custodian import Told
from retention.held import Hold
from retention.hold import NewHold

router = Router(prefix=PREFIX, tags=["holds"])
Kind = Literal["legal_hold", "tax_audit", "restriction", "open_request"]
Line = Annotated[str, Field(max_length=200)]


class ScopeWanted(Change):
    """What a hold reaches: of the fields below those that its kind needs."""

    kind: Literal["records", "case_file", "person", "classes", "tax", "query"]
    records: list[Line] = Field([], max_length=1_000, description="Numbers or ids.")
    case_file: Line = Field("", description="Number of the case file.")
    parties: list[Line] = Field([], max_length=20, description="Names, as records name them.")
    colleague: Line = Field("", description="Name at sign-in; the case files about them.")
    classes: list[Line] = Field([], max_length=60, description="Codes; those below them count too.")
    first_year: int | None = Field(None, description="Of the document date; of the capture where there is none.")
    last_year: int | None = None
    open_until: date | None = Field(None, description="Last day on which the tax may be assessed; it lapses after it.")
    query: str = Field("", max_length=2_000, description="In the words of search; it also catches what is filed later.")

    def wanted(self) -> Wanted:
        return Wanted(
            kind=self.kind,
            records=tuple(self.records),
            case_file=self.case_file,
            parties=tuple(self.parties),
            colleague=self.colleague,
            classes=tuple(self.classes),
            first_year=self.first_year,
            last_year=self.last_year,
            open_until=self.open_until,
            query=self.query,
        )


class HoldAsked(Change):
    """What is to be counted before a hold is placed."""

    entity: UUID
    scope: ScopeWanted


class HoldCount(View):
    """What a hold would reach now."""

    found: int
    of: int = Field(description="Records there are in the legal entity.")
    confirm: bool = Field(description="Whether placing it wants this number repeated, because it reaches most of them.")
    query: str = Field(description="The query as it was understood; empty for other scopes.")


class HoldWanted(HoldAsked):
    """A hold to be placed. It blocks from the moment this returns."""

    kind: Kind = "legal_hold"
    title: Annotated[str, Field(min_length=1, max_length=120)]
    reason: Annotated[str, Field(min_length=1, max_length=2_000)]
    authority: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="What it rests on.")
    review_on: date = Field(description="When it is looked at again; within a year.")
    owner: UUID | None = Field(None, description="Who looks after it; you, where it is left out.")
    confirmed: int | None = Field(None, description="The number found, where `confirm` was true of it.")


class HoldView(View):
    """A hold and how it stands."""

    id: UUID
    entity: UUID
    kind: str
    scope: str
    title: str = Field(description="Empty, as the words below, where the hold's key is gone.")
    reason: str
    authority: str
    query: str
    case_file: str
    classes: list[str]
    first_year: int | None
    last_year: int | None
    open_until: date | None
    owner: UUID
    review_on: date
    state: str = Field(description="active, release_asked or over.")
    records: int = Field(description="How many were noted by now; a clear scope blocks also those that are not.")
    complete: bool = Field(description="Whether all that there was has been gone through.")
    placed_by: UUID
    placed_at: datetime
    release_asked_by: UUID | None
    release_reason: str
    ended_by: UUID | None = Field(description="The second person; none where it lapsed.")
    ended_at: datetime | None

    @classmethod
    def of(cls, shown: Shown) -> "HoldView":
        row, words = shown.row, shown.words
        return cls(
            id=row.id,
            entity=row.entity,
            kind=row.kind,
            scope=row.scope,
            title=words.title if words else "",
            reason=words.reason if words else "",
            authority=words.authority if words else "",
            query=words.query if words else "",
            case_file=shown.case_file,
            classes=row.classes,
            first_year=row.first_year,
            last_year=row.last_year,
            open_until=row.open_until,
            owner=row.owner,
            review_on=row.review_on,
            state=row.state,
            records=shown.records,
            complete=row.covered_at is not None,
            placed_by=row.placed_by,
            placed_at=row.placed_at,
            release_asked_by=row.asked_by,
            release_reason=words.release if words else "",
            ended_by=row.ended_by,
            ended_at=row.ended_at,
        )


class Holds(View):
    """Holds, those in force first, then the newest."""

    items: list[HoldView]


class HeldView(View):
    """A record under a hold."""

    record: UUID
    number: str = Field(description="Empty where the record is gone.")
    record_class: str | None = Field(alias="class")
    document_date: date | None
    caught_at: datetime
    released_at: datetime | None

    @classmethod
    def of(cls, row: Noted) -> "HeldView":
        return cls.model_validate(
            {
                "record": row.record,
                "number": row.number,
                "class": row.record_class,
                "document_date": row.document_date,
                "caught_at": row.caught_at,
                "released_at": row.released_at,
            }
        )


class HeldPage(View):
    """A page of the records of a hold, in the order of their capture."""

    items: list[HeldView]
    next: UUID | None


class Reason(Change):
    """Why a hold is to be released."""

    reason: Annotated[str, Field(min_length=1, max_length=2_000)]


class Word(Change):
    """The second person's word; who asked can only say false."""

    confirmed: bool


class Review(Change):
    """That a hold is still needed."""

    review_on: date


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
def my_notices(run: Run, session: ReadSession, by: SignedIn) -> Notices:
    """Notices to you about holds in force."""
    return Notices(
        items=[
            NoticeView(
                id=each.notice,
                given_at=each.given_at,
                text=custodian.text_of(session, each.notice, run.keys),
                acknowledged_at=each.acknowledged_at,
            )
            for each in (custodian.told_me(session, by.id) if by.id is not None else [])
        ]
    )


@router.post("/me/notices/{notice_id}/acknowledgement", status_code=204)
def acknowledge(session: WriteSession, notice_id: UUID, by: SignedIn, now: Now) -> None:
    """Say that you have read a notice and follow it."""
    custodian.acknowledge(session, notice_id, by=by, at=now)


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
