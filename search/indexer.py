"""Brings the index up to date with the records: what the keeper puts in, and what it looks for.

The index document is made from the record as it stands at that moment, so jobs may come in
any order and twice. Text leaves through ``records.content`` like any other, with the
keeper as the reader and its job as the basis.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from accounts.departments import Department
from accounts.principal import Principal
from core.database import Database
from core.errors import NotFound
from records import file_plan, record
from records.case_file import CaseFile
from records.content import Content
from records.record import Record
from search.port import IndexDocument, SearchReader

UNCLASSED = "unclassified"
MOST_CHARACTERS = 2_000_000
"""Of one record's text in the index; what lies beyond is not found."""
_ASKED_AT_ONCE = 100
_KINDS = {
    "application/pdf": "pdf",
    "message/rfc822": "mail",
    "application/vnd.ms-outlook": "mail",
    "text/html": "html",
    "application/xml": "xml",
    "text/xml": "xml",
    "text/csv": "table",
    "application/rtf": "text",
    "application/zip": "archive",
}


def media_kind(media_type: str) -> str:
    """The kind people filter by (``type:pdf``): pdf, mail, image, document, table, slides, text, xml, html, archive."""
    if media_type in _KINDS:
        return _KINDS[media_type]
    if media_type.startswith("image/"):
        return "image"
    for word, kind in (("sheet", "table"), ("presentation", "slides"), ("word", "document"), ("document", "document")):
        if word in media_type:
            return kind
    return "text" if media_type.startswith("text/") else "other"


def document_of(
    content: Content, record_id: UUID, *, by: Principal, basis: str = "search.index"
) -> IndexDocument | None:
    """What the index holds of a record now; ``None`` where there is no such record (any more).

    A record whose text cannot be read yet is found by its title, parties and number.
    """
    with content.main.read() as session:
        row = session.get(Record, record_id)
        if row is None:
            return None
        version = record.get_version(session, row)
        file = session.get(CaseFile, row.case_file) if row.case_file else None
        department = session.get(Department, row.department) if row.department else None
    try:
        detail, text = content.whole(row.id, by=by, basis=basis)
    except NotFound:
        return None
    _, name, title = detail.versions[-1]
    number = next((f.value for f in detail.fields if f.name == "number"), None)
    classes = file_plan.load().facet_codes(row.record_class) if row.record_class else (UNCLASSED,)
    return IndexDocument(
        record_id=row.id,
        record_number=row.number,
        access_set=row.access_set,
        entity=row.entity.hex,
        record_class=row.record_class or UNCLASSED,
        classes=tuple(classes),
        received_at=row.captured_at,
        state=row.state,
        media_kind=media_kind(version.media_type),
        revision=row.revision,
        body=f"{name}\n{text}"[:MOST_CHARACTERS],
        title=title,
        parties=detail.parties,
        number=number,
        case_file=file.number if file else None,
        department=department.name if department else None,
        language=row.language if row.language not in ("und", "mul") else None,
        document_date=row.document_date,
        total_minor=row.total_minor,
        currency=row.currency,
    )


def ask_for(main: Database, record_ids: Iterable[UUID], *, at: datetime) -> int:
    """Promise to bring these records up to date in the index, in batches; tells how many.

    An id without a record is a stray: the keeper finds none and takes it out.
    """
    everything = sorted(record_ids)
    for start in range(0, len(everything), _ASKED_AT_ONCE):
        with main.write() as session:
            for record_id in everything[start : start + _ASKED_AT_ONCE]:
                record.ask_to_index(session, record_id, at)
    return len(everything)


def drift(index: SearchReader, main: Database) -> tuple[set[UUID], set[UUID]]:
    """Records that the index holds not, or at an older revision; and entries without a record."""
    held = dict(index.ids())
    stale = set()
    with main.read() as session:
        for record_id, revision in session.execute(select(Record.id, Record.revision)):
            if held.pop(record_id, -1) < revision:
                stale.add(record_id)
    return stale, set(held)
