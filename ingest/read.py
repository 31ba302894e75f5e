"""Read a version: inspect, extract, understand, keep what was read, place the record, have it indexed.

One job a version. The order of writes: derived data, components and parts are durable in
the object store first; attachments and archive members become records in batches (known
again by their content, so that a repeated run makes none twice); one last transaction enters
what was understood, names the objects and marks the job as done. Killed anywhere, the job
runs again and ends in the same state.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, select

from accounts.principal import Principal, system
from audit.intake import append
from core import jobs
from core.database import WriteSession
from core.errors import Conflict, IntegrityFailure
from core.identifiers import new_id
from core.jobs import Claim
from ingest.clamd import MalwareReported, Scanned, Scanner, TooLargeToScan
from ingest.extraction import Extraction, Part, Trouble
from ingest.extractor import Extractor, NeedsRecognition
from ingest.receive import Receiver
from ingest.understand import XML_TYPES, Understood, understand
from records import capture, derived, events, field, names, pages, party, placement, record
from records.capture import Intake, SealedFile
from records.content import Content
from records.record import Record, RecordVersion
from vault.data_key import DataKey
from vault.envelope import context
from vault.store import Stored, derived_key, new_original_key
from vault.writer import seal_into

log = logging.getLogger("muniment.ingest")

PARTS_AT_ONCE = 20
MOST_NESTED = 4
"""Records within records: a mail in an archive in a mail in an archive."""
MOST_KILLED = 4
"""Attempts to read a document whose extraction children somebody kills; the last keeps what could be read."""
READER: Principal = system("pipeline")


class LostLease(Conflict):
    """Somebody else has taken this job over."""

    code = "lost_lease"


# Built once: every document is read by it.
_LOCKED = (
    select(Record, RecordVersion)
    .join(RecordVersion, RecordVersion.record == Record.id)
    .where(Record.id == bindparam("record"), RecordVersion.id == bindparam("version"))
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class _SealedPart:
    id: UUID
    part: Part
    object_key: str
    stored: Stored


def read_version(
    content: Content,
    receiver: Receiver,
    extractor: Extractor,
    claim: Claim,
    holder: str,
    *,
    scanner: Scanner | None = None,
) -> None:
    """Read the version that a job names. Does nothing where a newer version has come meanwhile.

    With a ``scanner`` nothing is read, not even in the cage, before the scanner has said that all is well.

    Raises:
        LostLease: another worker has the job; nothing of this run counts.
        Unavailable: the store, the log, the scanner or the child cannot be reached; run it again later.
    """
    record_id, version_id = UUID(claim.arguments["record"]), UUID(claim.arguments["version"])
    work = content.open_for_work(record_id, version_id, by=READER, basis=f"job:{claim.name}")
    if work is None:
        _finish(content, claim, holder)
        return
    row, key, opened = work.record, work.key, work.opened
    scanned: Scanned | None = None
    malware: str | None = None
    try:
        scanned = scanner.passing(opened.chunks) if scanner is not None else None
        kept = _Beginning(opened.chunks if scanned is None else scanned)
        extraction = extractor.extract(
            kept,
            name=opened.name,
            keep_if_killed=claim.attempts >= MOST_KILLED,
            # What takes seconds a page waits in a queue of its own, and whatever is read quickly goes before it.
            recognise=claim.queue == record.OCR,
        )
        if scanned is not None:
            # Of a file that is too large to be read the extractor took only the beginning.
            scanned.finish()
    except MalwareReported as error:
        log.warning("the malware scanner reports a file", extra={"code": error.code, "id": str(record_id)})
        malware = error.signature
        extraction, kept = _unread("infected", f"The scanner calls it {malware}."), _Beginning(())
    except TooLargeToScan as error:
        extraction, kept = _unread("too_large_to_scan", f"Scanner: {error.detail}."), _Beginning(())
    except NeedsRecognition:
        _pass_on(content, claim, holder)
        return
    except IntegrityFailure as error:
        log.error("an original is damaged", extra={"id": str(record_id), "code": error.code})
        extraction, kept = _unread("damaged", "The stored object is damaged."), _Beginning(())
    finally:
        if scanned is not None:
            scanned.close()
    if extraction.parts and extraction.trouble is None and _depth(content, row) >= MOST_NESTED:
        extraction = _without_parts(extraction)
    xml = kept.whole if extraction.media_type in XML_TYPES else None
    understood = understand(extraction, original_xml=xml, own_names=(work.entity_name,))
    page_object = _seal_pages(content, row.id, version_id, key, extraction)
    components = [
        _seal_component(content, row.id, version_id, key, part) for part in extraction.parts if part.kind == "component"
    ]
    parts = [part for part in extraction.parts if part.kind != "component"]
    _capture_parts(content, receiver, row, parts, claim, holder)
    replaced = _enter(content, claim, holder, key, understood, page_object, components, malware)
    for object_key, object_version in replaced:
        content.store.delete(object_key, object_version)


class _Beginning:
    """Passes chunks on and keeps them while they are few: an invoice in XML is read from the file itself."""

    MOST_BYTES = 5 * 1024**2

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._kept: list[bytes] | None = []
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._size += len(chunk)
            if self._kept is not None:
                self._kept = [*self._kept, chunk] if self._size <= self.MOST_BYTES else None
            yield chunk

    @property
    def whole(self) -> bytes | None:
        """All of it, or ``None`` where it was too long."""
        return None if self._kept is None else b"".join(self._kept)


def _enter(
    content: Content,
    claim: Claim,
    holder: str,
    key: DataKey,
    understood: Understood,
    page_object: tuple[str, Stored],
    components: Sequence[_SealedPart],
    malware: str | None,
) -> list[tuple[str, str]]:
    """The last transaction; tells the objects that are named no more."""
    now = content.clock.now()
    replaced: list[tuple[str, str]] = []
    # Nothing that is asked for here is changed here: all of it is written at the end.
    with content.main.write(beside=True) as session, session.no_autoflush:
        if not jobs.finish(session, claim.id, holder=holder, at=now):
            raise LostLease
        row, version = session.execute(
            _LOCKED, {"record": UUID(claim.arguments["record"]), "version": UUID(claim.arguments["version"])}
        ).one()
        if row.current_version != version.id:
            unused = [(sealed.object_key, sealed.stored.version) for sealed in components]
            return [(page_object[0], page_object[1].version), *unused]
        # As it was captured: there is nothing to replace.
        is_first = row.revision == 1
        placement.settle_reading(session, row, version, understood.reading, key=key, by=READER, at=now)
        if malware is not None:
            found = events.MalwareFound(
                by=READER.actor, entity=row.entity, record=row.id, version=version.ordinal, signature=malware
            )
            append(session, found, at=now)
        if is_first:
            field.add_fields(session, version, understood.fields, key=key, at=now)
        else:
            field.replace_fields(session, version, understood.fields, key=key, at=now)
            party.unlink_all(session, row.id)
        for name, role in understood.parties:
            party.link(session, row.id, row.entity, name, role, at=now, keys=content.keys)
        if is_first:
            derived.add(session, version, derived.PAGES, *page_object, at=now)
        elif (old := derived.name(session, version, derived.PAGES, *page_object, at=now)) is not None:
            replaced.append(old)
            replaced += _forget_images(session, version)
        before = record.components_of(session, row.id) if components else []
        known = {(c.role, c.sha256) for c in before}
        has_components = any(c.version == version.id for c in before)
        for sealed in components:
            if has_components:
                # Read before: the components of this version are the same bytes, sealed anew.
                replaced.append((sealed.object_key, sealed.stored.version))
            elif (sealed.part.role, sealed.stored.sha256) not in known:
                capture.add_component(
                    session,
                    row,
                    version,
                    component_id=sealed.id,
                    object_key=sealed.object_key,
                    stored=sealed.stored,
                    role=sealed.part.role,
                    name=names.clean_file_name(sealed.part.name),
                    media_type=sealed.part.media_type,
                    key=key,
                    by=READER,
                    at=now,
                )
    return replaced


def _forget_images(session: WriteSession, version: RecordVersion) -> list[tuple[str, str]]:
    """Drop page images made from an earlier reading: they are made again when somebody looks."""
    gone = []
    for made in session.scalars(select(derived.DerivedObject).where(derived.DerivedObject.version == version.id)):
        if made.part != derived.PAGES:
            gone.append((made.object_key, made.object_version))
            session.delete(made)
    return gone


def _seal_pages(
    content: Content, record_id: UUID, version_id: UUID, key: DataKey, extraction: Extraction
) -> tuple[str, Stored]:
    read = [
        pages.ReadPage(
            page.number,
            page.text,
            tuple((w.text, w.left, w.top, w.right, w.bottom) for w in page.words),
            page.width,
            page.height,
            page.source,
            page.ocr_language,
        )
        for page in extraction.pages
    ]
    object_key = derived_key(version_id, derived.PAGES)
    bound = context(record_id, version_id, derived.PAGES)
    return object_key, seal_into(content.store, object_key, key, bound, pages.encode(read)).stored


def _seal_component(content: Content, record_id: UUID, version_id: UUID, key: DataKey, part: Part) -> _SealedPart:
    part_id, object_key = new_id(), new_original_key()
    bound = context(record_id, version_id, f"component/{part_id.hex}")
    return _SealedPart(part_id, part, object_key, seal_into(content.store, object_key, key, bound, [part.data]).stored)


def _capture_parts(
    content: Content, receiver: Receiver, parent: Record, parts: Sequence[Part], claim: Claim, holder: str
) -> None:
    """Make records of attachments and members that are not records yet.

    Raises:
        LostLease: another worker has the job, and makes them.
    """
    if not parts:
        return
    channel = "mail" if parts[0].kind == "attachment" else "archive"
    with content.main.read() as session:
        children = select(RecordVersion.fingerprint).join(Record, RecordVersion.record == Record.id)
        known = Counter(session.scalars(children.where(Record.parent == parent.id, RecordVersion.ordinal == 1)))
    for start in range(0, len(parts), PARTS_AT_ONCE):
        sealed: list[tuple[SealedFile, str]] = []
        for part in parts[start : start + PARTS_AT_ONCE]:
            file = receiver.seal([part.data], record=new_id(), entity=parent.entity)
            if known[file.fingerprint] > 0:
                known[file.fingerprint] -= 1
                content.store.delete(file.object_key, file.stored.version)
            else:
                sealed.append((file, names.clean_file_name(part.name)))
        now = content.clock.now()
        with content.main.write(beside=True) as session:
            # What was known above stays all there is only as long as nobody else has the job.
            if not jobs.holds(session, claim.id, holder=holder):
                raise LostLease
            for file, name in sealed:
                intake = Intake(
                    entity=parent.entity,
                    department=parent.department,
                    name=name,
                    title=names.title_from_name(name),
                    channel=channel,
                    case_file=parent.case_file,
                    section=parent.section,
                    parent=parent.id,
                    uploader=parent.captured_by,
                )
                child = capture.capture(session, file, intake, by=READER, at=now, keys=content.keys)
                placement.begin(session, child, at=now)


def _depth(content: Content, row: Record) -> int:
    depth, parent = 0, row.parent
    with content.main.read() as session:
        while parent is not None and depth <= MOST_NESTED:
            depth, parent = depth + 1, session.get_one(Record, parent).parent
    return depth


def _unread(code: str, detail: str) -> Extraction:
    """Of a file that must not or cannot be looked into, not even its type is told."""
    return Extraction("application/octet-stream", trouble=Trouble(code, detail))


def _without_parts(extraction: Extraction) -> Extraction:
    return Extraction(
        extraction.media_type,
        extraction.pages,
        (),
        extraction.title,
        extraction.facts,
        Trouble("too_deep", f"More than {MOST_NESTED} containers lie inside one another."),
    )


def _pass_on(content: Content, claim: Claim, holder: str) -> None:
    """Leave the reading to those who read images, as urgent as it was."""
    now = content.clock.now()
    with content.main.write(beside=True) as session:
        if not jobs.finish(session, claim.id, holder=holder, at=now):
            raise LostLease
        row = session.get_one(Record, UUID(claim.arguments["record"]))
        priority = 0 if claim.queue == record.INTERACTIVE else claim.priority
        record.ask_to_read(session, row, now, queue=record.OCR, priority=priority)


def _finish(content: Content, claim: Claim, holder: str) -> None:
    with content.main.write(beside=True) as session:
        jobs.finish(session, claim.id, holder=holder, at=content.clock.now())
