"""Who accessed my file: for the person a case file is about, by department, purpose and day, without colleagues' names.

Colleagues look for themselves; for everybody else (a customer, an applicant) a compliance officer or the data
protection officer makes the report and hands it out.

The person reads no content of the file here (that is the right of access, with its own way), only
that it was seen, from where, for what and when. Days, not minutes: a minute and a desk
would name a colleague.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from accounts import departments, entities
from accounts.principal import Principal
from audit import trail
from audit.events import Event
from audit.log import Log
from audit.oversight import FileReportMade, OwnFileRead
from audit.trail import TrailEntry
from core.clock import Clock, civil_date
from core.database import Database, ReadSession
from core.errors import NotFound
from records.case_file import CaseFile
from records.oversight import way_of
from records.placement import Placement

MOST_RECORDS, MOST_ENTRIES = 400, 500


@dataclass(frozen=True, slots=True)
class Access:
    """What one department did with records of the file on one day."""

    day: date
    department: str | None
    """Its name; ``None`` where the colleague belonged to none, or several."""
    by_operator: bool
    """Somebody at the machine's command line."""
    purpose: str
    """view, download, listed, …"""
    times: int
    """How many readings the log has."""


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A case file about the person who asks, and who accessed it; the latest day first."""

    number: str
    records: int
    accesses: tuple[Access, ...]
    complete: bool
    """False where the file has more entries than one report looks at."""


def report(main: Database, log: Log, clock: Clock, *, by: Principal, request: str) -> list[OwnFile]:
    """The files about ``by`` and who accessed them; that the report was made is on the log first.

    Raises:
        NotAllowed: a part of the program asks.
        LogUnavailable: the report could not be logged; nothing is told.
    """
    person = by.person
    with main.read() as session, log.database.read() as entries:
        files = session.scalars(select(CaseFile).where(CaseFile.about_person == person).order_by(CaseFile.number)).all()
        found = [_of_file(session, entries, file) for file in files]
    event: Event = OwnFileRead(by=by.actor, request=request, files=tuple(file.id for file in files))
    log.record([event], at=clock.now())
    return found


def report_for_subject(main: Database, log: Log, clock: Clock, asked: str, *, by: Principal, request: str) -> OwnFile:
    """Who accessed a case file, to be handed to whom it is about; that it was made is on the log first.

    ``asked`` is its id or its number. The report tells nothing of what is in the file.

    Raises:
        NotFound: there is no such case file where ``by`` makes such reports, or it is one about ``by``.
        LogUnavailable: the report could not be logged; nothing is told.
    """
    with main.read() as session, log.database.read() as entries:
        file = _reported(session, asked.strip(), by)
        found = _of_file(session, entries, file)
    event = FileReportMade(
        by=by.actor,
        entity=file.entity,
        request=request,
        basis="file_report.make",
        file=file.id,
        rows=len(found.accesses),
    )
    log.record([event], at=clock.now())
    return found


def _reported(session: ReadSession, asked: str, by: Principal) -> CaseFile:
    try:
        condition = CaseFile.id == UUID(asked)
    except ValueError:
        condition = CaseFile.number == asked
    within = by.entities_for("file_report.make")
    row = session.scalars(select(CaseFile).where(condition, CaseFile.entity.in_(within)).limit(1)).first()
    # One's own is looked at under one's own name.
    if row is None or (row.about_person is not None and row.about_person == by.id):
        raise NotFound("there is no such case file where you make such reports")
    return row


def _of_file(session: ReadSession, log: ReadSession, file: CaseFile) -> OwnFile:
    records = list(session.scalars(select(Placement.record).where(Placement.case_file == file.id).distinct()))
    zone = entities.get(session, file.entity).zone
    begin, told = file.created_at, []
    complete = len(records) <= MOST_RECORDS
    for record in records[:MOST_RECORDS]:
        entries = trail.history(log, "record", record, limit=MOST_ENTRIES)
        complete = complete and len(entries) < MOST_ENTRIES
        told += [entry for entry in entries if _counts(session, entry, record, file, begin)]
    return OwnFile(file.number, len(records), tuple(_gather(session, told, zone)), complete)


def _counts(session: ReadSession, entry: TrailEntry, record: UUID, file: CaseFile, begin: datetime) -> bool:
    """Whether an entry let a person see the record while it lay in the file."""
    if way_of(entry) is None or entry.by.kind == "system" or entry.at < begin:
        return False
    rows = session.execute(
        select(Placement.valid_from, Placement.valid_to).where(
            Placement.record == record, Placement.case_file == file.id
        )
    )
    return any(row.valid_from <= entry.at and (row.valid_to is None or row.valid_to > entry.at) for row in rows)


def _gather(session: ReadSession, entries: list[TrailEntry], zone: str) -> list[Access]:
    counts: dict[tuple[date, UUID | None, bool, str], set[int]] = {}
    for entry in entries:
        key = (civil_date(entry.at, zone), entry.by.department, entry.by.kind == "operator", way_of(entry) or "")
        # A search that showed several records of the file is one reading.
        counts.setdefault(key, set()).add(entry.seq)
    rows = [
        Access(day, _name(session, department), operator, way, len(positions))
        for (day, department, operator, way), positions in counts.items()
    ]
    return sorted(rows, key=lambda row: (-row.day.toordinal(), row.department or "", row.purpose))


def _name(session: ReadSession, department: UUID | None) -> str | None:
    try:
        return departments.get(session, department).name if department is not None else None
    except NotFound:
        return None
