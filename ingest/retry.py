"""What follows a reading that failed: people are shown it, and may ask for it once more.

Light to import: pages and REST need it, and none of the readers.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from accounts.principal import Principal, system
from audit.intake import append
from core import jobs
from core.database import ReadSession, WriteSession
from ingest.clamd import ScannerAway
from records import events, record
from records.content import Content
from records.record import Record, RecordVersion

READ = "ingest.read"
"""Name of the job, as ``records.record`` promises it."""
READER: Principal = system("pipeline")


def ask_again(session: WriteSession, record_id: UUID, *, by: Principal, at: datetime) -> Record:
    """Have a record read once more, before others: for whoever looks at what needs attention.

    Raises:
        NotFound: no such record for ``by``.
        Forbidden: ``by`` may not review there.
    """
    row = record.get_visible(session, record_id, by, at)
    by.require("record.review", entity=row.entity, department=row.department)
    record.touch(row, record.RECEIVED, at)
    append(session, events.ReadingAsked(by=by.actor, entity=row.entity, record=row.id), at=at)
    record.ask_to_read(session, row, at, queue=record.INTERACTIVE, priority=0)
    record.ask_to_index(session, row.id, at)
    return row


def settle_failed(content: Content) -> int:
    """Have people look at records whose reading was given up; tells how many.

    A job ends for good after many attempts, or where its worker died each time: without
    this the record would stay "received" for ever, and nobody would know.
    """
    now, job = content.clock.now(), jobs.Job
    under_way = select(job.subject).where(job.name == READ, job.state.in_((jobs.READY, jobs.LEASED)))
    given_up = (
        select(Record)
        .join(job, job.subject == Record.id)
        .where(job.name == READ, job.state == jobs.FAILED, Record.state.in_((record.RECEIVED, record.PROCESSING)))
        .where(Record.id.not_in(under_way.where(job.subject.is_not(None))))
    )
    with content.main.read() as session:
        if session.scalar(given_up.limit(1)) is None:
            return 0
    with content.main.write() as session:
        rows = session.scalars(given_up).unique().all()
        for row in rows:
            version = session.get_one(RecordVersion, row.current_version)
            version.trouble_code, version.trouble_detail = _why(session, row)
            record.touch(row, record.NEEDS_ATTENTION, now)
            event = events.RecordRead(
                by=READER.actor,
                entity=row.entity,
                record=row.id,
                version=version.ordinal,
                record_class=row.record_class,
                state=row.state,
                trouble=version.trouble_code,
                probability=row.probability,
            )
            append(session, event, at=now)
            record.ask_to_index(session, row.id, now)
    return len(rows)


def _why(session: ReadSession, row: Record) -> tuple[str, str]:
    """The trouble of a record whose reading was given up, from the code its newest job ended with."""
    job = jobs.Job
    failed = select(job.error_code).where(job.subject == row.id, job.name == READ, job.state == jobs.FAILED)
    if session.scalar(failed.order_by(job.ended_at.desc()).limit(1)) == ScannerAway.code:
        return "not_scanned", "The scanner did not answer to eight attempts in almost two hours."
    return "reader_failed", "It could not be read after several attempts."
