"""Records: lists, one record with everything about it, where it belongs, reading it once more."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field

from api.deps import Classifier, Now, Reader, RequestId, Reviewer, Run, WriteSession
from api.rest.certificates import StubView
from api.rest.parameters import PREFIX, Change, IfMatch, Limit, View, require_revision, tag_of
from api.rest.record_views import PlaceView, RecordDetail, RecordView, RetentionView, detail_view
from api.routing import Router
from core.errors import Invalid, NotFound
from ingest import retry
from records import placement, record, stub
from records.listing import list_records
from records.placement import Decision
from records.shown import Shown
from retention import record_date

router = Router(prefix=PREFIX, tags=["records"])

State = Literal["received", "processing", "filed", "needs_review", "needs_attention"]
MOST_IDS = 100


class RecordPage(View):
    """A page of a list of records, the newest first."""

    items: list[RecordView]
    next: UUID | None


class RecordChange(Change):
    """What a person decides; a field left out stays, `case_file: null` takes the record out of its file."""

    record_class: Annotated[str | None, Field(alias="class", max_length=60)] = None
    department: UUID | None = None
    case_file: UUID | None = None
    section: Annotated[str | None, Field(max_length=40)] = None
    document_date: date | None = None


@router.get("/records")
def read_list(
    run: Run,
    by: Reader,
    request_id: RequestId,
    now: Now,
    state: State | None = None,
    case_file: UUID | None = None,
    parent: UUID | None = None,
    mine: Annotated[bool, Query(description="Only what you captured.")] = False,
    ids: Annotated[list[UUID] | None, Query(max_length=MOST_IDS, description="Just these, in this order.")] = None,
    cursor: UUID | None = None,
    limit: Limit = 50,
) -> RecordPage:
    """Records you may read, the newest first."""
    following: UUID | None = None
    found = ids
    if found is None:
        with run.main.read() as session:
            found, following = list_records(
                session,
                by,
                now,
                state=state,
                case_file=case_file,
                parent=parent,
                captured_by=by.id if mine else None,
                before=cursor,
                limit=limit,
            )
    shown, _ = run.content.reveal(found, by=by, where="list", request=request_id)
    return RecordPage(items=[RecordView.shown(each, by) for each in shown], next=following)


@router.get("/records/{record_id}")
def read_one(
    run: Run, response: Response, record_id: UUID, by: Reader, request_id: RequestId
) -> RecordDetail | StubView:
    """One record with its fields, versions, components, children, and why it was classed so.

    Of a destroyed record its stub, for those who see retention.
    """
    try:
        detail = run.content.detail(record_id, by=by, request=request_id)
    except NotFound:
        with run.main.read() as session:
            left = stub.find(session, record_id, by=by)
        if left is None:
            raise
        return StubView.of(left)
    children: list[Shown] = []
    if detail.children:
        children, _ = run.content.reveal(detail.children, by=by, where="children", request=request_id)
    response.headers["ETag"] = tag_of(detail.record.revision)
    view = detail_view(detail, children, by)
    with run.main.read() as session:
        dated = record_date.dates_of(session, [record_id]).get(record_id)
    if dated is not None:
        view.retention = RetentionView(
            state=dated.state,
            retain_through=dated.retain_through,
            eligible_from=dated.eligible_from,
            missing=dated.missing,
        )
    return view


@router.patch("/records/{record_id}")
def change(
    session: WriteSession,
    response: Response,
    record_id: UUID,
    wanted: RecordChange,
    by: Classifier,
    now: Now,
    if_match: IfMatch = None,
) -> PlaceView:
    """Confirm or change class, department, case file, section or date. An empty change confirms what is there."""
    require_revision(if_match, record.get_visible(session, record_id, by, now).revision)
    if wanted.section is not None and wanted.case_file is None:
        raise Invalid("name the case file with its section")
    decision = Decision(
        record_class=wanted.record_class,
        department=wanted.department,
        case_file=wanted.case_file,
        section=wanted.section,
        clear_case_file="case_file" in wanted.model_fields_set and wanted.case_file is None,
        document_date=wanted.document_date,
    )
    row = placement.decide(session, record_id, decision, by=by, at=now)
    response.headers["ETag"] = tag_of(row.revision)
    return PlaceView(**PlaceView.values_of(row, by))


@router.post("/records/{record_id}/reading", status_code=202)
def read_again(session: WriteSession, record_id: UUID, by: Reviewer, now: Now) -> PlaceView:
    """Have the record read once more, before others."""
    row = retry.ask_again(session, record_id, by=by, at=now)
    return PlaceView(**PlaceView.values_of(row, by))
