"""Auditors' scopes: reading of some classes and years, agreed on by two persons; what is read under one; its export."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import AwareDatetime, Field
from starlette.responses import StreamingResponse

from accounts.principal import Principal
from api.deps import GrantDecider, GrantProposer, Now, ReadSession, RequestId, Run, SignedIn, WriteSession
from api.disposition import disposition
from api.rest.content import INLINE, Inline, answer_of
from api.rest.parameters import BINARY, PREFIX, Change, Limit, View
from api.routing import Router
from app.runtime import Runtime
from records import auditor_scope, record
from records.auditor_scope import AuditorScope, Extent
from records.shown import Shown

router = Router(prefix=PREFIX, tags=["audit"])
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": BINARY}, "description": "The file."}
}
_ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": BINARY}, "description": "The archive."}}


class NewScope(Change):
    """A scope proposed."""

    person: UUID
    entity: UUID
    classes: Annotated[list[str], Field(min_length=1, max_length=auditor_scope.MOST_CLASSES)] = Field(
        description="Codes of the file plan; those below them count too."
    )
    first_year: int = Field(ge=1900, le=2200, description="Of the document date; of the capture where there is none.")
    last_year: int = Field(ge=1900, le=2200)
    reference: str = Field(max_length=40, description="Of the order or engagement; never a name.")
    begin: AwareDatetime | None = Field(None, alias="from", description="At once where it is left out.")
    until: AwareDatetime


class Decision(Change):
    """The second person's word."""

    confirmed: bool


class ScopeView(View):
    """A scope and how it stands."""

    id: UUID
    person: UUID
    entity: UUID
    classes: list[str]
    first_year: int
    last_year: int
    reference: str
    begin: datetime = Field(alias="from")
    until: datetime
    state: str = Field(description="pending, confirmed, refused or withdrawn.")
    open: bool = Field(description="Whether it opens anything now.")
    asked_by: UUID
    decided_by: UUID | None

    @classmethod
    def of(cls, row: AuditorScope, now: datetime) -> "ScopeView":
        return cls.model_validate(
            {
                "id": row.id,
                "person": row.person,
                "entity": row.entity,
                "classes": row.classes,
                "first_year": row.first_year,
                "last_year": row.last_year,
                "reference": row.reference,
                "from": row.valid_from,
                "until": row.valid_to,
                "state": row.state,
                "open": row.holds_at(now),
                "asked_by": row.asked_by,
                "decided_by": row.decided_by,
            }
        )


class Scopes(View):
    """Scopes, the newest first."""

    items: list[ScopeView]


class ScopedRecord(View):
    """A record as its auditor sees it."""

    id: UUID
    number: str
    title: str
    name: str
    parties: list[str]
    record_class: str = Field(alias="class")
    document_date: date | None
    captured_at: datetime
    direction: str | None
    total_minor: int | None = Field(description="In the smallest unit of the currency.")
    currency: str | None

    @classmethod
    def of(cls, shown: Shown) -> "ScopedRecord":
        row = shown.record
        return cls.model_validate(
            {
                "id": row.id,
                "number": row.number,
                "title": shown.title,
                "name": shown.name,
                "parties": list(shown.parties),
                "class": row.record_class,
                "document_date": row.document_date,
                "captured_at": row.captured_at,
                "direction": row.direction,
                "total_minor": row.total_minor,
                "currency": row.currency,
            }
        )


class ScopedPage(View):
    """A page of the records of a scope, those taken in last first."""

    items: list[ScopedRecord]
    next: UUID | None
    total: int = Field(description="How many records the scope opens.")
    unconfirmed: int = Field(description="How many are left out because nobody has confirmed where they belong.")


@router.get("/scopes")
def list_scopes(session: ReadSession, by: SignedIn, now: Now) -> Scopes:
    """Your own scopes; all of your legal entities, where you see who has which right."""
    return Scopes(items=[ScopeView.of(row, now) for row in auditor_scope.visible(session, by=by)])


@router.post("/scopes", status_code=201)
def ask(session: WriteSession, by: GrantProposer, now: Now, wanted: NewScope) -> ScopeView:
    """Propose that a person reads records of some classes and years for a time; a second person confirms it."""
    row = auditor_scope.ask(
        session,
        wanted.person,
        wanted.entity,
        wanted.classes,
        (wanted.first_year, wanted.last_year),
        wanted.reference,
        begin=wanted.begin,
        until=wanted.until,
        by=by,
        at=now,
    )
    return ScopeView.of(row, now)


@router.post("/scopes/{scope_id}/decision")
def decide(session: WriteSession, scope_id: UUID, by: GrantDecider, now: Now, word: Decision) -> ScopeView:
    """Confirm or refuse a scope that you neither proposed nor would benefit from."""
    return ScopeView.of(auditor_scope.decide(session, scope_id, confirmed=word.confirmed, by=by, at=now), now)


@router.delete("/scopes/{scope_id}", status_code=204)
def end(session: WriteSession, scope_id: UUID, by: SignedIn, now: Now) -> None:
    """End a scope now, or take back its proposal: of others where you propose roles, or your own."""
    auditor_scope.end(session, scope_id, by=by, at=now)


@router.get("/scopes/{scope_id}/records")
def list_records(
    run: Run,
    by: SignedIn,
    request_id: RequestId,
    scope_id: UUID,
    cursor: UUID | None = None,
    limit: Limit = 50,
) -> ScopedPage:
    """The records of a scope of yours. There is no search under a scope: this list is all of it."""
    shown, following, count = records_of(run, scope_id, by, request_id, cursor, limit)
    items = [ScopedRecord.of(each) for each in shown]
    return ScopedPage(items=items, next=following, total=count.records, unconfirmed=count.unconfirmed)


@router.get("/scopes/{scope_id}/records/{record_id}/content", response_class=StreamingResponse, responses=_FILE)
def read_original(
    run: Run, scope_id: UUID, record_id: UUID, by: SignedIn, request_id: RequestId, inline: Inline = False
) -> Response:
    """The file of a record of a scope of yours, as it was captured."""
    with run.main.read() as session:
        found = auditor_scope.within(session, scope_id, by=by, at=run.clock.now())
        chosen = record.get_version(session, auditor_scope.get_record(session, record_id, found))
    shown = inline and chosen.media_type in INLINE
    opened = run.content.open_original(
        record_id,
        by=by,
        purpose="view" if shown else "download",
        version=chosen.ordinal,
        request=request_id,
        scope=scope_id,
    )
    return answer_of(opened, {"ETag": f'"{opened.digest.hex()}"'}, shown=shown)


@router.post("/scopes/{scope_id}/export", response_class=StreamingResponse, responses=_ZIP)
def export(run: Run, scope_id: UUID, by: SignedIn, request_id: RequestId) -> StreamingResponse:
    """All records of a scope of yours as an archive: the files, an index, and a description of its fields."""
    return export_answer(run, scope_id, by, request_id)


def records_of(
    run: Runtime, scope_id: UUID, by: Principal, request_id: str, cursor: UUID | None, limit: int
) -> tuple[list[Shown], UUID | None, Extent]:
    """A page of the records of a scope, the id to go on from, and how many there are."""
    with run.main.read() as session:
        found = auditor_scope.within(session, scope_id, by=by, at=run.clock.now())
        ids, following = auditor_scope.list_records(session, found, before=cursor, limit=limit)
        count = auditor_scope.extent(session, found)
    shown, _receipt = run.content.reveal(ids, by=by, where="auditor_scope", request=request_id, scope=scope_id)
    return shown, following, count


def export_answer(run: Runtime, scope_id: UUID, by: Principal, request_id: str) -> StreamingResponse:
    """The archive on its way; the log has it before this returns."""
    # Loaded when somebody exports: most processes never do.
    from exports.handover import MEDIA_TYPE, hand_over

    made = hand_over(run.main, run.content, run.clock, scope_id, by=by, request=request_id)
    headers = {"Content-Disposition": disposition(made.name)}
    return StreamingResponse(made.pieces, headers=headers, media_type=MEDIA_TYPE)
