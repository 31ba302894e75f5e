"""Records, their versions and their components.

A record is content and metadata kept as evidence (ISO 15489-1). Its content never changes:
a corrected file is a new version, and the old one stays. Components (embedded invoice XML,
a seal, a detached signature) share the record's identity and go with it. Mail attachments
and members of archives are records of their own, linked to their parent.

Bytes are durable in the object store before a row here names them. Titles, file names and
reasons are sealed under the version's key; ids, dates, amounts and states are clear.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import cast
from uuid import UUID

from sqlalchemy import BindParameter, Index, LargeBinary, Select, String, Table, UniqueConstraint, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.principal import Principal
from core import jobs
from core.database import MainTable, ReadSession, WriteSession, insert_unless
from core.errors import NotFound
from records import access

RECEIVED, PROCESSING, FILED = "received", "processing", "filed"
NEEDS_REVIEW, NEEDS_ATTENTION = "needs_review", "needs_attention"
WITHDRAWN = "withdrawn"
"""Of a wrong upload that waits for a second person: nobody reads it, so it is in no list by state."""
STATES: tuple[str, ...] = (RECEIVED, PROCESSING, FILED, NEEDS_REVIEW, NEEDS_ATTENTION)
UNSAFE = frozenset({"infected", "not_scanned", "too_large_to_scan"})
"""Troubles of a version that the malware scanner did not pass."""


class Record(MainTable):
    """A record as it stands now; how it came to stand so is in its placements and in the log."""

    __tablename__ = "records"
    __table_args__ = (
        Index("ix_records_access_set_captured_at", "access_set", "captured_at"),
        Index("ix_records_entity_state", "entity", "state", "captured_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(9), unique=True)
    entity: Mapped[UUID]
    parent: Mapped[UUID | None] = mapped_column(index=True)
    """The mail or archive this record was found in."""
    direction: Mapped[str | None] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(20))
    state_since: Mapped[datetime]
    record_class: Mapped[str | None] = mapped_column(String(60))
    classified_by: Mapped[str | None] = mapped_column(String(10))
    """``person``, ``rule`` or ``machine``."""
    probability: Mapped[int | None]
    """Of the machine's class, in ten-thousandths."""
    confirmed: Mapped[bool]
    """Whether a person has confirmed class and case file."""
    department: Mapped[UUID | None]
    case_file: Mapped[UUID | None] = mapped_column(index=True)
    section: Mapped[str | None] = mapped_column(String(40))
    access_set: Mapped[int] = mapped_column(index=True)
    language: Mapped[str] = mapped_column(String(3))
    document_date: Mapped[date | None]
    total_minor: Mapped[int | None]
    """Total with tax in the smallest unit of ``currency``."""
    currency: Mapped[str | None] = mapped_column(String(3))
    channel: Mapped[str] = mapped_column(String(20))
    """``page``, ``api``, ``cli``, ``mail`` (found in a mail), ``archive``."""
    captured_by: Mapped[UUID | None]
    captured_at: Mapped[datetime]
    current_version: Mapped[UUID]
    revision: Mapped[int]
    """Counts changes, so that the index can tell which state it holds."""
    regime: Mapped[str] = mapped_column(String(12), default="active", server_default="active")
    """What closes it beyond that: see ``records.regime``. Since when, its placements say."""


class RecordVersion(MainTable):
    """One file of a record; ``ordinal`` counts from 1, the highest is the current one."""

    __tablename__ = "record_versions"
    __table_args__ = (UniqueConstraint("record", "ordinal"), Index("ix_record_versions_fingerprint", "fingerprint"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[UUID] = mapped_column(index=True)
    ordinal: Mapped[int]
    object_key: Mapped[str] = mapped_column(String(80), unique=True)
    object_version: Mapped[str] = mapped_column(String(80))
    sealed_bytes: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Of the sealed object, as the log cites it."""
    plain_bytes: Mapped[int]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Keyed, over entity and content: only names duplicates."""
    media_type: Mapped[str] = mapped_column(String(120))
    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    title_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    reasons_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Why the machine chose the class: JSON, sealed, because it quotes words of the text."""
    trouble_code: Mapped[str | None] = mapped_column(String(40))
    trouble_detail: Mapped[str | None] = mapped_column(String(500))
    """In Muniment's own words; nothing of the content."""
    page_count: Mapped[int | None]
    added_by: Mapped[UUID | None]
    added_at: Mapped[datetime]

    @property
    def is_unsafe(self) -> bool:
        """Whether the malware scanner reported it or could not pass it: its file leaves only where that is said."""
        return self.trouble_code in UNSAFE


class Component(MainTable):
    """A part that shares the record's identity and end."""

    __tablename__ = "components"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[UUID] = mapped_column(index=True)
    version: Mapped[UUID] = mapped_column(index=True)
    role: Mapped[str] = mapped_column(String(40))
    object_key: Mapped[str] = mapped_column(String(80), unique=True)
    object_version: Mapped[str] = mapped_column(String(80))
    sealed_bytes: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    media_type: Mapped[str] = mapped_column(String(120))
    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    added_at: Mapped[datetime]


class Undated(MainTable):
    """That something changed of a record by which its dates are reckoned."""

    __tablename__ = "undated"

    record: Mapped[UUID] = mapped_column(primary_key=True)
    cause: Mapped[str] = mapped_column(String(10))
    """``record``: class, file, day or state; ``fact``: what a person stated about it."""


_UNDATED = cast(Table, Undated.__table__)


def touch(record: Record, state: str, at: datetime) -> None:
    """Count a change, and note the state it leads to."""
    record.revision += 1
    if record.state != state:
        record.state, record.state_since = state, at


INTERACTIVE, EXTRACTION, OCR = "interactive", "extraction", "ocr"
"""Queues of reading: for somebody who waits; for whatever comes in numbers; for what must be read from images."""


def ask_to_read(
    session: WriteSession, record: Record, at: datetime, *, queue: str = EXTRACTION, priority: int = 5
) -> None:
    """Have a worker read the current version; lower priorities go first (0: somebody waits, 9: bulk)."""
    jobs.add(
        session,
        "ingest.read",
        queue=queue,
        at=at,
        subject=record.id,
        priority=priority,
        record=record.id,
        version=record.current_version,
    )


def ask_to_index(session: WriteSession, record_id: UUID, at: datetime) -> None:
    """Have the keeper bring the index up to date with the record, once, whatever happened to it."""
    jobs.add(
        session,
        "search.index",
        queue="keeper",
        at=at,
        subject=record_id,
        key=f"search.index/{record_id.hex}",
        record=record_id,
    )


def ask_to_date(session: WriteSession, record_id: UUID, at: datetime, *, cause: str = "record") -> None:
    """Have the dates of a record reckoned anew, once, whatever happened to it."""
    mark = insert_unless(session, _UNDATED, "record")
    session.connection().execute(mark, {"record": record_id, "cause": cause})
    # On PostgreSQL a job that waits already is locked by whoever asks for it until they commit: sixteen of them.
    part = record_id.hex[-1] if session.get_bind().dialect.name == "postgresql" else "all"
    jobs.add(session, "retention.date", queue="maintenance", at=at, key=f"retention.date/{part}")


def get_visible(session: ReadSession, record_id: UUID, by: Principal, at: datetime) -> Record:
    """The record, if ``by`` may read it.

    Raises:
        NotFound: there is none, or not for ``by``.
    """
    readers, values = access.readable(session, by, at)
    record = session.scalar(_read_by(readers, "id"), values | {"id": record_id})
    if record is None:
        raise NotFound("there is no such record, or it is not yours to see")
    return record


def find_visible(session: ReadSession, record_ids: Iterable[UUID], by: Principal, at: datetime) -> dict[UUID, Record]:
    """Those of the records that ``by`` may read, by id."""
    ids = list(record_ids)
    if not ids:
        return {}
    readers, values = access.readable(session, by, at)
    rows = session.scalars(_read_by(readers, "ids"), values | {"ids": ids})
    return {record.id: record for record in rows}


def find_by_number(session: ReadSession, number: str, by: Principal, at: datetime) -> Record | None:
    """The record of that number (as stored), if ``by`` may read it."""
    readers, values = access.readable(session, by, at)
    return session.scalar(_read_by(readers, "number"), values | {"number": number})


def find_duplicate(session: ReadSession, fingerprint: bytes, by: Principal, at: datetime) -> Record | None:
    """An earlier record with the same content, if there is one that ``by`` may read."""
    readers, values = access.readable(session, by, at)
    # By the connection: nearly always there is none.
    found = session.connection().scalar(_duplicates_read_by(readers), values | {"fingerprint": fingerprint})
    return session.get_one(Record, found) if found is not None else None


_VERSIONS = select(RecordVersion).where(RecordVersion.record == bindparam("record")).order_by(RecordVersion.ordinal)
_VERSION = select(RecordVersion).where(
    RecordVersion.record == bindparam("record"), RecordVersion.ordinal == bindparam("ordinal")
)
_VERSION_WITH_ID = select(RecordVersion).where(
    RecordVersion.record == bindparam("record"), RecordVersion.id == bindparam("id")
)
_COMPONENTS = select(Component).where(Component.record == bindparam("record")).order_by(Component.id)
_OF_ALL: BindParameter[UUID] = bindparam("records", expanding=True)
_VERSIONS_OF_ALL = select(RecordVersion).where(RecordVersion.record.in_(_OF_ALL)).order_by(RecordVersion.ordinal)
_COMPONENTS_OF_ALL = select(Component).where(Component.record.in_(_OF_ALL)).order_by(Component.id)
_ANY_CHILD = select(Record.id).where(Record.parent == bindparam("parent")).limit(1)
_ASKED = {
    "id": Record.id == bindparam("id"),
    "ids": Record.id.in_(bindparam("ids", expanding=True)),
    "number": Record.number == bindparam("number"),
    "parent": Record.parent == bindparam("parent"),
}


@lru_cache(maxsize=256)
def _read_by(readers: access.Readers, asked: str) -> Select[Record]:
    """Those of the records asked for that ``readers`` read. The statement alone is kept."""
    return select(Record).where(_ASKED[asked], Record.access_set.in_(access.sets_read_by(readers))).order_by(Record.id)


@lru_cache(maxsize=64)
def _duplicates_read_by(readers: access.Readers) -> Select[UUID]:
    return (
        select(Record.id)
        .join(RecordVersion, RecordVersion.record == Record.id)
        .where(RecordVersion.fingerprint == bindparam("fingerprint"))
        .where(Record.access_set.in_(access.sets_read_by(readers)))
        .order_by(Record.captured_at)
        .limit(1)
    )


def versions_of(session: ReadSession, record_id: UUID) -> list[RecordVersion]:
    """All versions, the first first."""
    return list(session.scalars(_VERSIONS, {"record": record_id}))


def get_version(session: ReadSession, record: Record, ordinal: int | None = None) -> RecordVersion:
    """That version of a record, or its current one.

    Raises:
        NotFound: the record has no such version.
    """
    if ordinal is None:
        version = session.scalar(_VERSION_WITH_ID, {"record": record.id, "id": record.current_version})
    else:
        version = session.scalar(_VERSION, {"record": record.id, "ordinal": ordinal})
    if version is None:
        raise NotFound("the record has no such version")
    return version


def versions_of_all(session: ReadSession, record_ids: Collection[UUID]) -> dict[UUID, list[RecordVersion]]:
    """The same of several records."""
    found: dict[UUID, list[RecordVersion]] = {}
    for version in session.scalars(_VERSIONS_OF_ALL, {"records": list(record_ids)}):
        found.setdefault(version.record, []).append(version)
    return found


def components_of(session: ReadSession, record_id: UUID) -> list[Component]:
    """The components of all versions, in the order they were found."""
    return list(session.scalars(_COMPONENTS, {"record": record_id}))


def components_of_all(session: ReadSession, record_ids: Collection[UUID]) -> dict[UUID, list[Component]]:
    """The same of several records; those without any are left out."""
    found: dict[UUID, list[Component]] = {}
    for component in session.scalars(_COMPONENTS_OF_ALL, {"records": list(record_ids)}):
        found.setdefault(component.record, []).append(component)
    return found


def children_of(session: ReadSession, record_id: UUID, by: Principal, at: datetime) -> list[Record]:
    """The records found in this one that ``by`` may read."""
    if session.scalar(_ANY_CHILD, {"parent": record_id}) is None:
        # As of most records; to ask what somebody may read takes longer.
        return []
    readers, values = access.readable(session, by, at)
    return list(session.scalars(_read_by(readers, "parent"), values | {"parent": record_id}))
