"""Brings the index up to date with the records: what the keeper puts in, and what it looks for.

The index document is made from the record as it stands at that moment, so jobs may come in
any order and twice. Text leaves through ``records.content`` like any other, with the
keeper as the reader and its job as the basis.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from accounts.departments import Department
from accounts.principal import Principal
from core.database import Database
from records import file_plan, record
from records.case_file import CaseFile
from records.content import Content
from records.record import Record
from records.shown import Detail
from search.port import IndexDocument, SearchReader

UNCLASSED = "unclassified"
MOST_CHARACTERS = 2_000_000
"""Of one record's text in the index; what lies beyond is not found."""
_ASKED_AT_ONCE = 100
_LISTED_AT_ONCE = 1_000
_CASE_FILE = select(CaseFile.number).where(CaseFile.id == bindparam("place"))
_DEPARTMENT = select(Department.name).where(Department.id == bindparam("place"))
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
    return next(documents_of(content, [record_id], by=by, basis=basis), None)


def documents_of(
    content: Content, record_ids: Sequence[UUID], *, by: Principal, basis: str = "search.index"
) -> Iterator[IndexDocument]:
    """The same of many records, by one commit of the log; each is made when it is taken, those gone are left out."""
    named = _Names(content.main)
    for detail, text in content.whole_many(record_ids, by=by, basis=basis):
        yield _document(named, detail, text)


class _Names:
    """Names of departments and numbers of case files, each asked for once."""

    def __init__(self, main: Database) -> None:
        self._main = main
        self._known: dict[UUID | None, str | None] = {None: None}

    def find(self, statement: Select[str], place: UUID | None) -> str | None:
        if place not in self._known:
            with self._main.read() as session:
                self._known[place] = session.scalar(statement, {"place": place})
        return self._known[place]


def _document(named: _Names, detail: Detail, text: str) -> IndexDocument:
    row = detail.record
    version, name, title = detail.versions[-1]
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
        case_file=named.find(_CASE_FILE, row.case_file),
        department=named.find(_DEPARTMENT, row.department),
        language=row.language if row.language not in ("und", "mul") else None,
        document_date=row.document_date,
        total_minor=row.total_minor,
        currency=row.currency,
    )


def all_records(main: Database) -> Iterator[UUID]:
    """Ids of the records there are when the first is taken, read in pieces; later ones have jobs of their own."""
    with main.read() as session:
        last = session.scalar(select(Record.id).order_by(Record.id.desc()).limit(1))
    after: UUID | None = None
    while last is not None:
        piece = select(Record.id).where(Record.id <= last).order_by(Record.id).limit(_LISTED_AT_ONCE)
        with main.read() as session:
            found = session.scalars(piece if after is None else piece.where(Record.id > after)).all()
        yield from found
        if len(found) < _LISTED_AT_ONCE:
            return
        after = found[-1]


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
    """Records that the index holds not, at an older revision, or twice; and entries without a record."""
    held, twice = dict[UUID, int](), set[UUID]()
    for record_id, revision in index.ids():
        if record_id in held:
            twice.add(record_id)
        held[record_id] = revision
    stale = set()
    with main.read() as session:
        for record_id, revision in session.execute(select(Record.id, Record.revision)):
            if held.pop(record_id, -1) < revision or record_id in twice:
                stale.add(record_id)
    return stale, set(held)
