"""Records as programs see them: lists, one record with everything about it, where it belongs."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field

from accounts.principal import Principal
from api.deps import Classifier, Now, Reader, RequestId, Reviewer, Run, WriteSession
from api.rest.parameters import PREFIX, Change, IfMatch, Limit, View, require_revision, tag_of
from api.rest.uploads import NamedRecord
from api.routing import Router
from core.errors import Invalid
from core.identifiers import show_record_number
from ingest import read
from ingest.extraction import TROUBLES
from records import file_plan, placement, record
from records.case_file import CaseFile
from records.content import Detail, Shown
from records.field import FieldValue
from records.listing import list_records
from records.placement import Decision
from records.record import Component, Record, RecordVersion

router = Router(prefix=PREFIX, tags=["records"])

State = Literal["received", "processing", "filed", "needs_review", "needs_attention"]
MOST_IDS = 100


class PlaceView(NamedRecord):
    """What stands in clear of a record: where it belongs and in which state it is."""

    entity: UUID
    department: UUID | None
    state: str
    state_since: datetime
    record_class: str | None = Field(serialization_alias="class")
    class_title: str | None
    classified_by: str | None
    probability: float | None = Field(description="Of the class, where a machine chose it.")
    confirmed: bool = Field(description="A person has confirmed class and case file.")
    case_file: UUID | None
    section: str | None
    parent: UUID | None
    direction: str | None
    language: str
    document_date: date | None
    total_minor: int | None = Field(description="Total with tax in the smallest unit of the currency.")
    currency: str | None
    channel: str
    captured_at: datetime
    captured_by_you: bool
    revision: int

    @classmethod
    def values_of(cls, row: Record, by: Principal) -> dict[str, Any]:
        """The fields of ``PlaceView`` for a record."""
        return {
            "id": row.id,
            "number": show_record_number(row.number),
            "entity": row.entity,
            "department": row.department,
            "state": row.state,
            "state_since": row.state_since,
            "record_class": row.record_class,
            "class_title": file_plan.load().get(row.record_class).title if row.record_class else None,
            "classified_by": row.classified_by,
            "probability": row.probability / 10_000 if row.probability is not None else None,
            "confirmed": row.confirmed,
            "case_file": row.case_file,
            "section": row.section,
            "parent": row.parent,
            "direction": row.direction,
            "language": row.language,
            "document_date": row.document_date,
            "total_minor": row.total_minor,
            "currency": row.currency,
            "channel": row.channel,
            "captured_at": row.captured_at,
            "captured_by_you": by.id is not None and row.captured_by == by.id,
            "revision": row.revision,
        }


class RecordView(PlaceView):
    """A record in a list."""

    title: str
    name: str
    parties: list[str]

    @classmethod
    def shown(cls, shown: Shown, by: Principal) -> "RecordView":
        own: dict[str, Any] = {"title": shown.title, "name": shown.name, "parties": list(shown.parties)}
        return cls(**cls.values_of(shown.record, by), **own)


class RecordPage(View):
    """A page of a list of records, the newest first."""

    items: list[RecordView]
    next: UUID | None


class FieldView(View):
    """A field as it was read, and where it stands on the page."""

    name: str
    value: str
    probability: float
    source: str
    page: int | None
    box: tuple[int, int, int, int] | None = Field(description="Left, top, right, bottom in 1/10,000 of the page.")
    label: str | None

    @classmethod
    def of(cls, value: FieldValue) -> "FieldView":
        return cls(
            name=value.name,
            value=value.value,
            probability=value.probability,
            source=value.source,
            page=value.page,
            box=value.box,
            label=value.label,
        )


class TroubleView(View):
    """Why a version could not be read, or not all of it, and what to do."""

    code: str
    title: str
    advice: str
    detail: str


class VersionView(View):
    """One file of a record."""

    ordinal: int
    name: str
    title: str
    media_type: str
    size_bytes: int
    page_count: int | None
    added_at: datetime
    digest: str = Field(description="SHA-256 of the sealed object, as the audit log cites it.")
    trouble: TroubleView | None

    @classmethod
    def of(cls, version: RecordVersion, name: str, title: str) -> "VersionView":
        return cls(
            ordinal=version.ordinal,
            name=name,
            title=title,
            media_type=version.media_type,
            size_bytes=version.plain_bytes,
            page_count=version.page_count,
            added_at=version.added_at,
            digest=version.sha256.hex(),
            trouble=trouble_of(version),
        )


class ComponentView(View):
    """A part that shares the record's identity and end."""

    id: UUID
    role: str
    name: str
    media_type: str
    digest: str

    @classmethod
    def of(cls, part: Component, name: str) -> "ComponentView":
        return cls(id=part.id, role=part.role, name=name, media_type=part.media_type, digest=part.sha256.hex())


class ReasonView(View):
    """A word of the text that spoke for the machine's class, and how much."""

    word: str
    weight: float


class RecordDetail(RecordView):
    """A record with everything about it but its pages."""

    fields: list[FieldView]
    versions: list[VersionView]
    components: list[ComponentView]
    children: list[RecordView]
    reasons: list[ReasonView]
    trouble: TroubleView | None
    access: list[str] = Field(
        description="Who reads it: uploader, case_file_list, section_list, department, class:kind."
    )


class RecordChange(Change):
    """What a person decides; a field left out stays, `case_file: null` takes the record out of its file."""

    record_class: Annotated[str | None, Field(alias="class", max_length=60)] = None
    department: UUID | None = None
    case_file: UUID | None = None
    section: Annotated[str | None, Field(max_length=40)] = None
    document_date: date | None = None


def trouble_of(version: RecordVersion) -> TroubleView | None:
    """The trouble of a version in plain words."""
    if version.trouble_code is None:
        return None
    meaning = TROUBLES[version.trouble_code]
    return TroubleView(
        code=version.trouble_code, title=meaning.title, advice=meaning.advice, detail=version.trouble_detail or ""
    )


def readers_of(row: Record, *, listed_only: bool) -> list[str]:
    """Kinds of people who read a record, as ``records.access`` has it."""
    chosen = file_plan.load().get(row.record_class) if row.record_class else None
    kinds = sorted(f"class:{kind}" for kind in chosen.readers) if chosen else []
    if not row.confirmed:
        return ["uploader", *kinds]
    if row.case_file is not None and (listed_only or row.section is not None):
        return ["section_list" if row.section is not None else "case_file_list"]
    return kinds + (["department"] if chosen and not chosen.sensitive else [])


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
    run: Run, response: Response, record_id: UUID, by: Reader, request_id: RequestId, now: Now
) -> RecordDetail:
    """One record with its fields, versions, components, children, and why it was classed so."""
    detail = run.content.detail(record_id, by=by, request=request_id)
    with run.main.read() as session:
        below = [child.id for child in record.children_of(session, record_id, by, now)]
        file = session.get(CaseFile, detail.record.case_file) if detail.record.case_file else None
    children = run.content.reveal(below, by=by, where="children", request=request_id)[0] if below else []
    response.headers["ETag"] = tag_of(detail.record.revision)
    return _detail_view(detail, children, by, listed_only=file is not None and file.listed_only)


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
    row = read.ask_again(session, record_id, by=by, at=now)
    return PlaceView(**PlaceView.values_of(row, by))


def _detail_view(detail: Detail, children: list[Shown], by: Principal, *, listed_only: bool) -> RecordDetail:
    row = detail.record
    current, name, title = next(each for each in detail.versions if each[0].id == row.current_version)
    return RecordDetail(
        **RecordDetail.values_of(row, by),
        title=title,
        name=name,
        parties=list(detail.parties),
        fields=[FieldView.of(value) for value in detail.fields],
        versions=[VersionView.of(*each) for each in detail.versions],
        components=[ComponentView.of(*each) for each in detail.components],
        children=[RecordView.shown(each, by) for each in children],
        reasons=[ReasonView(word=word, weight=weight) for word, weight in detail.reasons],
        trouble=trouble_of(current),
        access=readers_of(row, listed_only=listed_only),
    )
