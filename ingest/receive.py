"""Receive: a file becomes a record, durable and searchable later, before the sender is answered.

The order of writes: the bytes stream, sealed, into the object store and are durable there;
then one transaction writes record, version, wrapped key, audit intake and the job to read
it. Killed before that transaction, the sealed object is named by no row and swept a day
later; its key was never written. No plaintext touches a disk.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import LargeBinary, bindparam, delete, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.departments import Department
from accounts.principal import Principal
from core.clock import Clock
from core.database import Database, MainTable, ReadSession, WriteSession, insert_for
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from records import capture, case_file, file_plan, names, placement, record
from records.capture import Intake, SealedFile
from records.record import Record
from vault.envelope import context
from vault.keyring import Keyring, new_data_key
from vault.store import ObjectStore, new_original_key
from vault.writer import seal_into

REMEMBER_UPLOADS = timedelta(days=2)


class TooLarge(Invalid):
    """The file is larger than this archive takes."""

    code = "file_too_large"


class ChooseDepartment(Invalid):
    """It is not clear for which department the file is."""

    code = "choose_department"


class KeyReused(Conflict):
    """This idempotency key was used for another file."""

    code = "idempotency_key_reused"


class UploadKey(MainTable):
    """That an upload with a client's idempotency key became a record."""

    __tablename__ = "upload_keys"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """Keyed, over the uploader and the key they sent."""
    record: Mapped[UUID]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    received_at: Mapped[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a sender states about a file; all of it may be left out."""

    entity: UUID | None = None
    department: UUID | None = None
    record_class: str | None = None
    case_file: str | None = None
    """Number of the case file."""
    document_date: date | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A captured record, and what is to be said about it."""

    record: Record
    duplicate_of: Record | None
    """An earlier record with the same content that the sender may see."""
    repeated: bool
    """The upload had been received before, under the same idempotency key."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes files in."""

    main: Database
    store: ObjectStore
    keys: Keyring
    clock: Clock
    largest_bytes: int
    pace: "Pace" = field(default_factory=lambda: Pace())

    def check(self, metadata: Metadata, *, by: Principal) -> Intake:
        """Where a file with this metadata would go, before its bytes are taken.

        Raises:
            Forbidden: ``by`` may not capture there.
            ChooseDepartment: ``by`` works in several departments and named none.
            NotFound: no such department, class or case file for ``by``.
        """
        with self.main.read() as session:
            return _settle_place(session, metadata, by, self.clock.now())

    def seal(self, chunks: Iterable[bytes], *, record: UUID, entity: UUID) -> SealedFile:
        """Stream a file, sealed, into the object store; nothing names it yet.

        Raises:
            TooLarge: it is longer than allowed; nothing stays.
            StoreUnwritable: the disk is full; nothing stays.
        """
        version = new_id()
        key = new_data_key(version)
        sealed = seal_into(
            self.store,
            new_original_key(),
            key,
            context(record, version, "original"),
            _at_most(chunks, self.largest_bytes),
        )
        return SealedFile(
            record=record,
            version=version,
            key=key,
            object_key=sealed.key,
            stored=sealed.stored,
            plain_bytes=sealed.plain_size_bytes,
            fingerprint=self.keys.fingerprint("content", entity.bytes + sealed.plain_sha256),
        )

    def receive(
        self,
        chunks: Iterable[bytes],
        *,
        name: str,
        metadata: Metadata,
        channel: str,
        by: Principal,
        idempotency_key: str | None = None,
    ) -> Received:
        """Take in one file. When this returns, the record is durable and its reading promised.

        With an ``idempotency_key`` the same upload sent again gives the record of the first time.

        Raises:
            KeyReused: the key came with other content before.
            TooLarge, StoreUnwritable, and what ``check`` raises: nothing was taken.
        """
        intake = self._named(self.check(metadata, by=by), name, metadata.title, channel)
        if channel != "cli" and self.pace.is_light(by.person, self.clock.now()):
            intake = replace(intake, queue=record.INTERACTIVE)
        file = self.seal(chunks, record=new_id(), entity=intake.entity)
        digest = self._upload_digest(by, idempotency_key)
        now = self.clock.now()
        before: Record | None = None
        if self.main.has_one_writer:
            with self.main.read() as session:
                # Before others have to wait for this one: of two that come at once, neither is told of the other.
                before = record.find_duplicate(session, file.fingerprint, by, now)

        def enter(session: WriteSession) -> Received:
            duplicate = before
            if not self.main.has_one_writer:
                duplicate = record.find_duplicate(session, file.fingerprint, by, now)
            if digest is not None and not _first_with(session, digest, file, now):
                # What was just sealed is named by no row: the sweep takes it.
                known = session.get_one(UploadKey, digest)
                if known.fingerprint != file.fingerprint:
                    raise KeyReused("send another key with another file")
                return Received(record.get_visible(session, known.record, by, now), None, repeated=True)
            row = capture.capture(session, file, intake, by=by, at=now, keys=self.keys)
            placement.begin(session, row, at=now)
            return Received(row, duplicate, repeated=False)

        return self.main.write_together(enter)

    def receive_version(self, chunks: Iterable[bytes], *, record_id: UUID, name: str, by: Principal) -> Record:
        """Take in a corrected file as the newest version of a record.

        Raises:
            NotFound: no such record for ``by``.
            Forbidden: ``by`` may not add versions there.
        """
        with self.main.read() as session:
            row = record.get_visible(session, record_id, by, self.clock.now())
            by.require("version.add", entity=row.entity, department=row.department)
        file = self.seal(chunks, record=row.id, entity=row.entity)
        now = self.clock.now()
        shown = names.clean_file_name(name)
        with self.main.write(beside=True) as session:
            row = record.get_visible(session, record_id, by, now)
            session.refresh(row, with_for_update=True)
            capture.add_version(
                session, row, file, name=shown, title=names.title_from_name(shown), by=by, at=now, keys=self.keys
            )
        return row

    def _named(self, intake: Intake, name: str, title: str | None, channel: str) -> Intake:
        shown = names.clean_file_name(name)
        return Intake(
            entity=intake.entity,
            department=intake.department,
            name=shown,
            title=names.clean_title(title or "") or names.title_from_name(shown),
            channel=channel,
            record_class=intake.record_class,
            case_file=intake.case_file,
            document_date=intake.document_date,
        )

    def _upload_digest(self, by: Principal, idempotency_key: str | None) -> bytes | None:
        if not idempotency_key:
            return None
        if len(idempotency_key) > 200:
            raise Invalid("an idempotency key has at most 200 characters")
        return self.keys.fingerprint("upload", by.person.bytes + idempotency_key.encode())


class Pace:
    """Who sends a file or two and waits for them, and who sends hundreds: only a hint to the order of reading.

    Each process goes by what it received itself. Thread-safe.
    """

    LIGHT = 20
    """Files of one person within a minute; the next ones take their turn with all others."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._minute, self._counts = 0, Counter[UUID]()

    def is_light(self, person: UUID, at: datetime) -> bool:
        """Count one file; whether its sender is still one who waits."""
        minute = int(at.timestamp()) // 60
        with self._mutex:
            if minute != self._minute:
                self._minute = minute
                self._counts.clear()
            self._counts[person] += 1
            return self._counts[person] <= self.LIGHT


def _first_with(session: WriteSession, digest: bytes, file: SealedFile, at: datetime) -> bool:
    """Note the key of an upload; ``False`` where it is noted. Waits for one beside that notes the same."""
    row = {"digest": digest, "record": file.record, "fingerprint": file.fingerprint, "received_at": at}
    once = insert_for(session, UploadKey).on_conflict_do_nothing(index_elements=["digest"])
    return session.scalar(once.returning(UploadKey.digest), row) is not None


def forget_uploads(session: WriteSession, *, before: datetime) -> None:
    """Forget idempotency keys; a client does not retry an upload for days."""
    session.execute(delete(UploadKey).where(UploadKey.received_at < before))


def _settle_place(session: ReadSession, metadata: Metadata, by: Principal, at: datetime) -> Intake:
    department = _choose_department(session, metadata, by)
    entity = department.entity
    by.require("record.capture", entity=entity, department=department.id)
    if metadata.record_class is not None and file_plan.load().get(metadata.record_class).group:
        raise Invalid("choose a class below this heading")
    file = None
    if metadata.case_file:
        visible = case_file.visible_files(session, by, at)
        file = next((f for f in visible if f.number == metadata.case_file and f.entity == entity), None)
        if file is None:
            raise NotFound("there is no such case file, or it is not yours to see")
    return Intake(
        entity=entity,
        department=department.id,
        name="",
        title="",
        channel="",
        record_class=metadata.record_class,
        case_file=file.id if file else None,
        document_date=metadata.document_date,
    )


_ALLOWED = (
    select(Department.id, Department.entity)
    .where(
        or_(
            Department.id.in_(bindparam("departments", expanding=True)),
            Department.entity.in_(bindparam("entities", expanding=True)),
        )
    )
    .limit(2)
)
"""Departments to file for; the second one only says that there are several."""


class _Place(NamedTuple):
    id: UUID
    entity: UUID


def _choose_department(session: ReadSession, metadata: Metadata, by: Principal) -> _Place:
    places = {
        "departments": list(by.departments_for("record.capture")),
        "entities": list(by.entities_for("record.capture")),
    }
    allowed = _ALLOWED
    if metadata.entity is not None:
        allowed = allowed.where(Department.entity == metadata.entity)
    if metadata.department is not None:
        allowed = allowed.where(Department.id == metadata.department)
    # By the connection: a session's way around a row takes longer than the row.
    departments = [_Place(*row) for row in session.connection().execute(allowed, places)]
    if not departments:
        if metadata.department is not None:
            raise NotFound("there is no such department, or you do not file for it")
        by.require("record.capture", entity=metadata.entity)
        raise NotFound("there is no department to file for; an administrator can add one")
    if len(departments) > 1:
        raise ChooseDepartment("name the department the file is for")
    return departments[0]


def _at_most(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    taken = 0
    for chunk in chunks:
        taken += len(chunk)
        if taken > limit:
            raise TooLarge(f"split it, or have the limit of {limit // 1024**2} MiB raised", limit_bytes=limit)
        yield chunk
