"""Records as programs see them: in a list, with everything about them, or what stands in clear only."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from accounts.principal import Principal
from api.rest.parameters import View
from api.rest.uploads import NamedRecord
from core.identifiers import show_record_number
from ingest.extraction import TROUBLES
from records import file_plan
from records.field import FieldValue
from records.record import Component, Record, RecordVersion
from records.shown import Detail, Shown


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
        return cls(**cls.values_shown(shown, by))

    @classmethod
    def values_shown(cls, shown: Shown, by: Principal) -> dict[str, Any]:
        """The fields of ``RecordView`` for a record that was let out."""
        own = {"title": shown.title, "name": shown.name, "parties": list(shown.parties)}
        return cls.values_of(shown.record, by) | own


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


class RetentionView(View):
    """Until when a record is kept, as it was last reckoned; `/retention/records/{id}/why` says why."""

    state: str = Field(description="dated, awaiting_trigger, no_rule, conflict or permanent.")
    retain_through: date | None = Field(description="The last day it is kept.")
    eligible_from: date | None
    missing: list[str] = Field(description="Events and facts without which there is no date.")


class RecordDetail(RecordView):
    """A record with everything about it but its pages."""

    retention: RetentionView | None = Field(None, description="Absent until it was reckoned for the first time.")
    fields: list[FieldView]
    versions: list[VersionView]
    components: list[ComponentView]
    children: list[RecordView]
    reasons: list[ReasonView]
    trouble: TroubleView | None
    access: list[str] = Field(
        description="Who reads it: uploader, case_file_list, section_list, department, class:kind."
    )


def detail_view(detail: Detail, children: list[Shown], by: Principal) -> RecordDetail:
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
        access=readers_of(row, listed_only=detail.listed_only),
    )


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
