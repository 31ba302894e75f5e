"""Capture: a sealed file becomes a record, a version or a component, with its audit entry, in one transaction.

Bytes are durable in the object store before a row here names them. What is said of a file
by people or by the file itself is sealed under the version's key in the same moment.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import cast
from uuid import UUID

from sqlalchemy import Insert, Table, insert
from sqlalchemy.orm import make_transient_to_detached

from accounts.principal import Principal
from audit.intake import append
from core.database import WriteSession, insert_unless
from core.identifiers import new_record_number
from records import access, events, object_lock
from records.record import (
    EXTRACTION,
    INTERACTIVE,
    RECEIVED,
    Component,
    Record,
    RecordVersion,
    ask_to_read,
    touch,
    versions_of,
)
from records.regime import ACTIVE
from vault.data_key import DataKey
from vault.keyring import Keyring
from vault.sealed import seal_text
from vault.store import Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """A file that is durable in the object store and named by no row yet."""

    record: UUID
    """Chosen before sealing, because the envelope binds the bytes to it."""
    version: UUID
    key: DataKey
    object_key: str
    stored: Stored
    plain_bytes: int
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What is known of a record at the moment of capture."""

    entity: UUID
    department: UUID | None
    name: str
    title: str
    channel: str
    record_class: str | None = None
    case_file: UUID | None = None
    section: str | None = None
    document_date: date | None = None
    parent: UUID | None = None
    uploader: UUID | None = None
    """Who reads it until it is confirmed, where that is not whoever captures it: the uploader of the parent."""
    queue: str = EXTRACTION
    """Which queue its reading waits in."""


def capture(
    session: WriteSession, file: SealedFile, intake: Intake, *, by: Principal, at: datetime, keys: Keyring
) -> Record:
    """Make a record of a sealed file: record, version, wrapped key, audit entry and the job to read it, at once.

    The caller has checked that ``by`` may capture there. A class that a person states is
    confirmed; without one the record is read by its uploader only, until it is classified.
    """
    confirmed = intake.record_class is not None and by.id is not None and intake.parent is None
    access_set = access.access_set_for(
        session,
        access.Terms(
            entity=intake.entity,
            department=intake.department,
            record_class=intake.record_class,
            case_file=intake.case_file,
            section=intake.section,
            confirmed=confirmed,
            uploader=by.id or intake.uploader,
        ),
    )
    record = Record(
        id=file.record,
        number=new_record_number(),
        entity=intake.entity,
        parent=intake.parent,
        direction=None,
        state=RECEIVED,
        state_since=at,
        record_class=intake.record_class,
        classified_by="person" if confirmed else None,
        probability=None,
        confirmed=confirmed,
        department=intake.department,
        case_file=intake.case_file,
        section=intake.section,
        access_set=access_set,
        regime=ACTIVE,
        language="und",
        document_date=intake.document_date,
        total_minor=None,
        currency=None,
        channel=intake.channel,
        captured_by=by.id or intake.uploader,
        captured_at=at,
        current_version=file.version,
        revision=1,
    )
    _add_version_row(session, record, file, 1, intake.name, intake.title, by, at, keys)
    while not _write(session, record, insert_unless(session, _RECORDS, "number")):
        # One of some 850,000,000,000, and another record has it.
        record.number = new_record_number()
    append(
        session,
        events.RecordCaptured(
            by=by.actor,
            entity=record.entity,
            record=record.id,
            digest=file.stored.sha256,
            size_bytes=file.plain_bytes,
            channel=intake.channel,
            parent=intake.parent,
        ),
        at=at,
    )
    ask_to_read(session, record, at, queue=intake.queue, priority=9 if intake.channel == "cli" else 5)
    return record


def add_version(
    session: WriteSession,
    record: Record,
    file: SealedFile,
    *,
    name: str,
    title: str,
    by: Principal,
    at: datetime,
    keys: Keyring,
) -> RecordVersion:
    """Add a corrected file as the newest version; every earlier one stays as it is.

    The caller has checked that ``by`` may see the record and add a version to it.
    """
    ordinal = len(versions_of(session, record.id)) + 1
    version = _add_version_row(session, record, file, ordinal, name, title, by, at, keys)
    record.current_version = file.version
    touch(record, RECEIVED, at)
    session.flush()
    append(
        session,
        events.VersionAdded(
            by=by.actor,
            entity=record.entity,
            record=record.id,
            version=ordinal,
            digest=file.stored.sha256,
            size_bytes=file.plain_bytes,
        ),
        at=at,
    )
    object_lock.follow(session, record.id, at)
    ask_to_read(session, record, at, queue=INTERACTIVE)
    return version


def add_component(
    session: WriteSession,
    record: Record,
    version: RecordVersion,
    *,
    component_id: UUID,
    object_key: str,
    stored: Stored,
    role: str,
    name: str,
    media_type: str,
    key: DataKey,
    by: Principal,
    at: datetime,
) -> Component:
    """Name a part, already durable in the object store and sealed under the version's key."""
    component = Component(
        id=component_id,
        record=record.id,
        version=version.id,
        role=role,
        object_key=object_key,
        object_version=stored.version,
        sealed_bytes=stored.size_bytes,
        sha256=stored.sha256,
        media_type=media_type,
        name_sealed=seal_text(key, record.id, version.id, f"component-name/{component_id.hex}", name),
        added_at=at,
    )
    session.add(component)
    # What follows counts it among the record's originals.
    session.flush()
    append(
        session,
        events.ComponentAdded(
            by=by.actor,
            entity=record.entity,
            record=record.id,
            component=component_id,
            digest=stored.sha256,
            role=role,
        ),
        at=at,
    )
    object_lock.follow(session, record.id, at)
    return component


def _add_version_row(
    session: WriteSession,
    record: Record,
    file: SealedFile,
    ordinal: int,
    name: str,
    title: str,
    by: Principal,
    at: datetime,
    keys: Keyring,
) -> RecordVersion:
    keys.keep(session, file.key, kind="version", at=at)
    version = RecordVersion(
        id=file.version,
        record=record.id,
        ordinal=ordinal,
        object_key=file.object_key,
        object_version=file.stored.version,
        sealed_bytes=file.stored.size_bytes,
        sha256=file.stored.sha256,
        plain_bytes=file.plain_bytes,
        fingerprint=file.fingerprint,
        media_type="application/octet-stream",
        name_sealed=seal_text(file.key, record.id, file.version, "name", name),
        title_sealed=seal_text(file.key, record.id, file.version, "title", title),
        reasons_sealed=None,
        trouble_code=None,
        trouble_detail=None,
        page_count=None,
        added_by=by.id,
        added_at=at,
    )
    _write(session, version, _ADD_VERSION)
    return version


_RECORDS = cast(Table, Record.__table__)
_ADD_VERSION = insert(cast(Table, RecordVersion.__table__))


def _write(session: WriteSession, row: Record | RecordVersion, statement: Insert) -> bool:
    """Insert a new row as it is by a statement built once: what a session finds out by itself takes as long again.

    ``False`` where the statement found that it must not be.
    """
    values = {name: value for name, value in vars(row).items() if not name.startswith("_")}
    if session.connection().execute(statement, values).rowcount == 0:
        return False
    make_transient_to_detached(row)
    session.add(row)
    return True
