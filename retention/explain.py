"""*Why this date?* of one record, for those who may ask: who reads it, and who answers for retention in its entity.

The second learn number, class and dates, and nothing of its content.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from accounts import entities
from accounts.principal import Principal
from core.clock import civil_date
from core.database import ReadSession
from core.errors import NotFound
from records import record
from records.case_file import CaseFile
from records.record import Record
from retention import dating
from retention.blocker import blockers_of
from retention.record_date import RecordDate
from retention.why import Why, explain

READ = "retention.read"


@dataclass(frozen=True, slots=True)
class Explained:
    """A record with the reasons for its dates, as they are at this moment."""

    row: Record
    why: Why
    basis: bytes
    written: RecordDate | None
    """What lists show; ``None`` where it was not reckoned yet."""
    schedule: int
    may_read: bool
    """Whether the reader reads the record itself."""
    file_number: str | None

    @property
    def is_current(self) -> bool:
        """Whether what lists show rests on the same as this answer."""
        return self.written is not None and self.written.basis == self.basis


def get(session: ReadSession, record_id: UUID, *, by: Principal, at: datetime) -> Explained:
    """Why a record has the dates it has.

    Raises:
        NotFound: there is no such record for ``by``.
    """
    row = session.get(Record, record_id)
    may_read = row is not None and record_id in record.find_visible(session, [record_id], by, at)
    if row is None or not (may_read or by.may(READ, entity=row.entity)):
        raise NotFound("there is no such record, or it is not yours to see")
    file = None
    if row.case_file is not None:
        file = session.execute(
            select(CaseFile.number, CaseFile.about_person).where(CaseFile.id == row.case_file)
        ).one_or_none()
        if file is not None and file.about_person is not None and file.about_person == by.id and not may_read:
            raise NotFound("there is no such record, or it is not yours to see")
    verdict, facts, basis = dating.fresh(session, record_id, at)
    today: date = civil_date(at, entities.get(session, row.entity).zone)
    blockers = blockers_of(session, [record_id]).get(record_id, ())
    number = dating.reckoner_of(session, row.entity, at).number
    why = explain(verdict, facts, today, blockers)
    written = session.get(RecordDate, record_id)
    return Explained(row, why, basis, written, number, may_read, file.number if file is not None else None)
