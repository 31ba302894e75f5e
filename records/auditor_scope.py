"""Auditors' scopes: reading of some classes and years of one legal entity, for a time, agreed on by two persons.

For whoever audits from outside (a tax audit: AO § 147 Abs. 6) and holds no role: the scope is all they have.
It opens a record to them where all of this is so:

1. a person has confirmed where the record belongs: a machine's choice never opens anything;
2. its class is among those of the scope, of normal sensitivity, and none of personnel;
3. it lies in no case file with an access list, in no sealed section, in no personnel file, in none about a colleague;
4. its document date lies in the years of the scope, or, where it has none, the day it was taken in;
5. it is neither restricted nor blocked.

The file plan is asked anew at each reading. An access set has no year, and the index knows only access sets:
there is no search under a scope, only its list, which is read from the rows themselves.
A row is decided once, and may end before its time; nothing else of it changes.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import JSON, ColumnElement, ForeignKey, Select, String, and_, func, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import entities, people
from accounts.principal import NotAllowed, Principal
from accounts.suspensions import active_at
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from records import file_plan
from records.access import AccessSet
from records.case_file import CaseFile
from records.record import Record, RecordVersion
from records.regime import ACTIVE, SCOPED
from records.scope_events import ScopeAsked, ScopeDecided, ScopeEnded

State = Literal["pending", "confirmed", "refused", "withdrawn"]
BASIS = "auditor.scope"
"""What every reading under a scope rests on, as the log says it."""
LONGEST = timedelta(days=366)
MOST_CLASSES, MOST_YEARS = 60, 30
MOST_FILES = 20_000
"""In one export."""
PERSONNEL = "personnel"
"""Root of the personnel classes, and the kind of personnel files."""
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]{0,39}").fullmatch
_AT_ONCE = 500


class OwnScope(NotAllowed):
    """Reading by class and year takes two persons beside the one who reads."""

    code = "own_auditor_scope"


class ScopeDecidedAlready(Conflict):
    """The proposal was confirmed, refused or taken back already."""

    code = "auditor_scope_decided"


class ScopeNotOpen(Conflict):
    """It was not confirmed, has not begun, or is over."""

    code = "auditor_scope_not_open"


class AuditorScope(MainTable):
    """That a person may read records of some classes and years, from and until when."""

    __tablename__ = "auditor_scopes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[UUID] = mapped_column(ForeignKey("people.id"), index=True)
    entity: Mapped[UUID] = mapped_column(ForeignKey("legal_entities.id"), index=True)
    classes: Mapped[list[str]] = mapped_column(JSON)
    """Codes as they were asked for; those below them count too."""
    first_year: Mapped[int]
    last_year: Mapped[int]
    reference: Mapped[str] = mapped_column(String(40))
    """Of the order or engagement it rests on."""
    valid_from: Mapped[datetime]
    """Not before it was confirmed."""
    valid_to: Mapped[datetime]
    """The first instant at which it holds no more."""
    asked_by: Mapped[UUID]
    asked_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10))
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]
    """Whoever ended it before its time."""

    def holds_at(self, at: datetime) -> bool:
        """Whether it opens anything at that instant."""
        return self.state == "confirmed" and self.valid_from <= at < self.valid_to


@dataclass(frozen=True, slots=True)
class Within:
    """What is read under one scope: values, to be asked for records."""

    scope: UUID
    person: UUID
    entity: UUID
    codes: frozenset[str]
    first_day: date
    last_day: date
    zone: str
    """In which the day counts on which a record without a date was taken in."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How many records a scope opens, and how many it would if somebody confirmed them."""

    records: int
    unconfirmed: int


@dataclass(frozen=True, slots=True)
class CurrentFile:
    """The current version of a record, as the log names it."""

    record: UUID
    version: UUID
    ordinal: int
    sha256: bytes
    """Of the sealed object."""
    plain_bytes: int


@lru_cache(maxsize=1)
def open_codes() -> frozenset[str]:
    """The classes that a scope can open at all: of normal sensitivity, and none of personnel."""
    plan = file_plan.load()
    return frozenset(
        c.code
        for c in plan.fileable()
        if c.sensitivity == "normal"
        and not c.named_readers
        and "hr" not in c.readers
        and PERSONNEL not in plan.facet_codes(c.code)
    )


def codes_of(classes: Collection[str]) -> frozenset[str]:
    """What the classes of a scope come to: with those below them, without any that no scope opens.

    A code that the plan no longer has opens nothing.
    """
    plan = file_plan.load()
    return open_codes() & {below for code in classes if code in plan for below in (code, *plan.descendants(code))}


def reaches(
    codes: Collection[str], years: tuple[int, int], *, confirmed: bool, record_class: str | None, day: date,
    section: str | None, guarded_file: bool, regime: str = ACTIVE,
) -> bool:  # fmt: skip
    """The rule in words of the module's docstring, on values: what the SQL is tested against.

    ``day``: document date, or the day it was taken in; ``guarded_file``: it lies in a file as named in 3.
    """
    if not confirmed or section is not None or guarded_file or regime not in SCOPED:
        return False
    return record_class in codes_of(codes) and years[0] <= day.year <= years[1]


def ask(
    session: WriteSession,
    person: UUID,
    entity: UUID,
    classes: Sequence[str],
    years: tuple[int, int],
    reference: str,
    *,
    begin: datetime | None = None,
    until: datetime,
    by: Principal,
    at: datetime,
) -> AuditorScope:
    """Propose that a person reads records of these classes and years until an instant.

    Raises:
        NotAllowed: ``by`` gives no rights there.
        OwnScope: ``by`` would benefit.
        UnknownPerson, UnknownEntity, UnknownRecordClass: there is none.
        Invalid: the detail says why.
    """
    by.require("grant.propose", entity=entity)
    if by.person == person:
        raise OwnScope("ask another administrator")
    people.get(session, person)
    entities.get(session, entity)
    begin = max(begin or at, at)
    _check(classes, years, reference, begin, until)
    row = AuditorScope(
        id=new_id(),
        person=person,
        entity=entity,
        classes=sorted(set(classes)),
        first_year=years[0],
        last_year=years[1],
        reference=reference,
        valid_from=begin,
        valid_to=until,
        asked_by=by.person,
        asked_at=at,
        state="pending",
    )
    session.add(row)
    session.flush()
    event = ScopeAsked(
        by=by.actor,
        entity=entity,
        scope=row.id,
        person=person,
        classes=tuple(row.classes),
        first_year=row.first_year,
        last_year=row.last_year,
        days=(until - begin).days,
    )
    intake.append(session, event, at=at)
    return row


def decide(session: WriteSession, scope_id: UUID, *, confirmed: bool, by: Principal, at: datetime) -> AuditorScope:
    """The second person's word. Confirmed, it holds from now or from its first day.

    Raises:
        NotFound: there is no such proposal in the places of ``by``.
        NotAllowed: ``by`` may not confirm.
        OwnScope: ``by`` proposed it or benefits from it.
        ScopeDecidedAlready: it was decided before.
        Invalid: its end has passed meanwhile.
    """
    row = _known(session, scope_id, by)
    by.require("grant.decide", entity=row.entity)
    if by.person in (row.asked_by, row.person):
        raise OwnScope("somebody who neither proposed it nor benefits from it")
    if row.state != "pending":
        raise ScopeDecidedAlready(f"it was {row.state}")
    if confirmed:
        _check(row.classes, (row.first_year, row.last_year), row.reference, max(row.valid_from, at), row.valid_to)
        row.valid_from = max(row.valid_from, at)
    row.state, row.decided_by, row.decided_at = "confirmed" if confirmed else "refused", by.person, at
    session.flush()
    event = ScopeDecided(
        by=by.actor,
        entity=row.entity,
        second=row.asked_by,
        outcome="done" if confirmed else "refused",
        scope=row.id,
        person=row.person,
    )
    intake.append(session, event, at=at)
    return row


def end(session: WriteSession, scope_id: UUID, *, by: Principal, at: datetime) -> AuditorScope:
    """End a scope now, or take back its proposal. That needs no second person, and one may give up one's own.

    Raises:
        NotFound: there is none for ``by``.
        NotAllowed: ``by`` may not.
        ScopeNotOpen: it is over, or was refused.
    """
    row = _known(session, scope_id, by)
    if by.person != row.person:
        by.require("grant.propose", entity=row.entity)
    if row.state == "pending":
        row.state = "withdrawn"
    elif row.state == "confirmed" and row.valid_to > at:
        row.valid_to = max(at, row.valid_from)
    else:
        raise ScopeNotOpen("it is over, or was refused")
    row.ended_by = by.person
    session.flush()
    intake.append(session, ScopeEnded(by=by.actor, entity=row.entity, scope=row.id, person=row.person), at=at)
    return row


def visible(session: ReadSession, *, by: Principal) -> list[AuditorScope]:
    """The scopes ``by`` knows of, newest first: their own, and those where they see who has which right."""
    query = select(AuditorScope).order_by(AuditorScope.asked_at.desc(), AuditorScope.id.desc())
    if not by.may("person.read"):
        query = query.where(AuditorScope.person == by.id)
    rows = session.scalars(query)
    return [row for row in rows if _knows(row, by)]


def may_decide(row: AuditorScope, by: Principal) -> bool:
    """Whether the proposal waits for somebody like ``by``."""
    return (
        row.state == "pending"
        and by.id not in (None, row.asked_by, row.person)
        and by.may("grant.decide", entity=row.entity)
    )


def within(session: ReadSession, scope_id: UUID, *, by: Principal, at: datetime) -> Within:
    """What ``by`` reads under a scope of theirs at this instant.

    Raises:
        NotFound: it is not theirs.
        NotAllowed: their token does not reach reading, or the moment withholds it.
        ScopeNotOpen: it holds not yet, or no more.
    """
    row = session.scalar(
        select(AuditorScope).where(
            AuditorScope.id == scope_id, AuditorScope.person == by.id, active_at(at, AuditorScope.person)
        )
    )
    if row is None:
        raise NotFound("there is no such scope, or it is not yours")
    if not by.reaches("record.read"):
        raise NotAllowed("this token does not reach reading", permission="record.read")
    if not row.holds_at(at):
        raise ScopeNotOpen("ask those who proposed it")
    return values_of(session, row)


def values_of(session: ReadSession, row: AuditorScope) -> Within:
    """The values of a scope, whoever holds it and whether or not it holds now."""
    first, last = date(row.first_year, 1, 1), date(row.last_year, 12, 31)
    zone = entities.get(session, row.entity).zone
    return Within(row.id, row.person, row.entity, codes_of(row.classes), first, last, zone)


def get_record(session: ReadSession, record_id: UUID, found: Within) -> Record:
    """The record, if the scope opens it.

    Raises:
        NotFound: there is none, or not under this scope.
    """
    row = session.scalar(_records(found).where(Record.id == record_id))
    if row is None:
        raise NotFound("there is no such record, or your scope does not open it")
    return row


def find_records(session: ReadSession, record_ids: Sequence[UUID], found: Within) -> dict[UUID, Record]:
    """Those of the records that the scope opens, by id."""
    rows: dict[UUID, Record] = {}
    for start in range(0, len(record_ids), _AT_ONCE):
        wanted = Record.id.in_(record_ids[start : start + _AT_ONCE])
        rows.update({row.id: row for row in session.scalars(_records(found).where(wanted))})
    return rows


def list_records(
    session: ReadSession, found: Within, *, before: UUID | None = None, limit: int = 50
) -> tuple[list[UUID], UUID | None]:
    """Ids of the records of a scope, those taken in last first, and the id to pass as ``before`` for the next page."""
    query = select(Record.id).where(*_conditions(found, confirmed=True))
    if before is not None:
        query = query.where(Record.id < before)
    ids = list(session.scalars(query.order_by(Record.id.desc()).limit(limit + 1)))
    return ids[:limit], ids[limit - 1] if len(ids) > limit else None


def current_files(session: ReadSession, found: Within) -> list[CurrentFile]:
    """The current version of each record of a scope, those taken in first first.

    Raises:
        NotFound: there is none.
        Invalid: there are more than one export holds.
    """
    columns = (Record.id, RecordVersion.id, RecordVersion.ordinal, RecordVersion.sha256, RecordVersion.plain_bytes)
    rows = session.execute(
        select(*columns)
        .join(RecordVersion, RecordVersion.id == Record.current_version)
        .where(*_conditions(found, confirmed=True))
        .order_by(Record.id)
        .limit(MOST_FILES + 1)
    ).all()
    if not rows:
        raise NotFound("your scope opens no record")
    if len(rows) > MOST_FILES:
        raise Invalid(f"one export holds {MOST_FILES} records; ask for scopes of fewer years or classes")
    return [CurrentFile(*row) for row in rows]


def extent(session: ReadSession, found: Within) -> Extent:
    """How many records the scope opens, and how many are left out because nobody has confirmed where they belong."""
    counts = [
        session.scalars(select(func.count()).select_from(Record).where(*_conditions(found, confirmed=each))).one()
        for each in (True, False)
    ]
    return Extent(*counts)


def guarded() -> ColumnElement[bool]:
    """The condition of a case file that no scope reaches into."""
    return or_(CaseFile.listed_only, CaseFile.about_person.is_not(None), CaseFile.kind == PERSONNEL)


def _records(found: Within) -> Select[Record]:
    return select(Record).where(*_conditions(found, confirmed=True))


def _conditions(found: Within, *, confirmed: bool) -> tuple[ColumnElement[bool], ...]:
    sets = select(AccessSet.id).where(
        AccessSet.entity == found.entity,
        AccessSet.record_class.in_(sorted(found.codes)),
        AccessSet.confirmed.is_(confirmed),
        AccessSet.section.is_(None),
        AccessSet.regime.in_(SCOPED),
        or_(AccessSet.case_file.is_(None), AccessSet.case_file.not_in(select(CaseFile.id).where(guarded()))),
    )
    begin, over = _start(found.first_day, found.zone), _start(found.last_day + timedelta(days=1), found.zone)
    return (
        Record.access_set.in_(sets),
        or_(
            and_(Record.document_date >= found.first_day, Record.document_date <= found.last_day),
            and_(Record.document_date.is_(None), Record.captured_at >= begin, Record.captured_at < over),
        ),
    )


def _check(
    classes: Sequence[str], years: tuple[int, int], reference: str, begin: datetime, until: datetime
) -> None:  # fmt: skip
    plan = file_plan.load()
    if not 1 <= len(classes) <= MOST_CLASSES:
        raise Invalid(f"name 1 to {MOST_CLASSES} classes")
    for code in classes:
        plan.get(code)
        if not codes_of([code]):
            raise Invalid(f"{code} is a class of personnel or of raised sensitivity, which no scope opens", field=code)
    if not (1900 <= years[0] <= years[1] <= 2200 and years[1] - years[0] < MOST_YEARS):
        raise Invalid(f"name at most {MOST_YEARS} years, the first one first")
    if _REFERENCE(reference) is None:
        raise Invalid("a reference has 1 to 40 letters, digits, dots, slashes and hyphens")
    if not begin < until <= begin + LONGEST:
        raise Invalid(f"it holds for at most {LONGEST.days} days, and ends after it begins")


def _known(session: WriteSession, scope_id: UUID, by: Principal) -> AuditorScope:
    row = session.get(AuditorScope, scope_id)
    if row is None or not _knows(row, by):
        raise NotFound("there is no such scope")
    return row


def _knows(row: AuditorScope, by: Principal) -> bool:
    return by.id == row.person or by.may("person.read", entity=row.entity)


def _start(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
