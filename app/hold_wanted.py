"""From what people type to what a hold reaches, and from rows to what they are shown: for REST, pages and commands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select

from accounts import people
from accounts.principal import Principal
from app.runtime import Runtime
from core.database import ReadSession
from core.errors import NotFound
from core.identifiers import parse_record_number
from records import party
from records.case_file import CaseFile
from records.record import Record
from retention import held
from retention.held import HeldRecord, Hold, Words
from retention.hold_events import HoldsShown
from retention.hold_scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a hold is to reach, as people name it."""

    kind: str
    records: tuple[str, ...] = ()
    """Numbers or ids."""
    case_file: str = ""
    """Its number."""
    parties: tuple[str, ...] = ()
    """Names as records name them."""
    colleague: str = ""
    """Name at sign-in."""
    classes: tuple[str, ...] = ()
    first_year: int | None = None
    last_year: int | None = None
    open_until: date | None = None
    query: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A hold with what was written about it."""

    row: Hold
    words: Words | None
    """``None`` where its key is gone."""
    records: int
    """How many were noted by now."""
    case_file: str
    """Number of the case file it reaches; empty where it reaches none."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A record as a hold's list shows it: by number and class, without a word of its content."""

    record: UUID
    number: str
    """Empty where the record is gone."""
    record_class: str | None
    document_date: date | None
    caught_at: datetime
    released_at: datetime | None


def scope_of(runtime: Runtime, entity: UUID, wanted: Wanted, *, by: Principal) -> Scope:
    """The scope that is meant.

    Raises:
        NotAllowed: ``by`` may not place holds there.
        NotFound: there is no such record, case file, party or person in the legal entity.
    """
    by.require("hold.place", entity=entity)
    with runtime.main.read() as session:
        return Scope(
            kind=wanted.kind,
            records=_records(session, entity, wanted.records),
            case_file=_case_file(session, entity, wanted.case_file) if wanted.case_file else None,
            parties=tuple(_party(runtime, session, entity, name) for name in wanted.parties),
            colleague=_colleague(runtime, session, wanted.colleague) if wanted.colleague else None,
            classes=wanted.classes,
            first_year=wanted.first_year,
            last_year=wanted.last_year,
            open_until=wanted.open_until,
            query=wanted.query,
        )


def show(runtime: Runtime, rows: Sequence[Hold], *, by: Principal, request: str | None = None) -> list[Shown]:
    """Holds that ``by`` sees, with what was written about them; the log has it first.

    Raises:
        LogUnavailable: it could not be logged; nothing is shown.
    """
    if not rows:
        return []
    ids = [row.id for row in rows]
    with runtime.main.read() as session:
        words = held.words_of(session, rows, runtime.keys)
        counts: dict[UUID, int] = {}
        for hold_id, count in session.execute(
            select(HeldRecord.hold, func.count()).where(HeldRecord.hold.in_(ids)).group_by(HeldRecord.hold)
        ):
            counts[hold_id] = count
        files = [row.case_file for row in rows if row.case_file is not None]
        numbers = {file.id: file.number for file in session.scalars(select(CaseFile).where(CaseFile.id.in_(files)))}
    event = HoldsShown(by=by.actor, request=request, holds=tuple(ids))
    runtime.log.record([event], at=runtime.clock.now())
    return [
        Shown(row, words.get(row.id), counts.get(row.id, 0), numbers.get(row.case_file, "") if row.case_file else "")
        for row in rows
    ]


def noted(
    session: ReadSession, row: Hold, *, after: UUID | None = None, limit: int = 50
) -> tuple[list[Noted], UUID | None]:
    """Records that were noted under a hold, in the order of their capture, and the id to go on from."""
    query = (
        select(
            HeldRecord.record,
            Record.number,
            Record.record_class,
            Record.document_date,
            HeldRecord.caught_at,
            HeldRecord.released_at,
        )
        .outerjoin(Record, Record.id == HeldRecord.record)
        .where(HeldRecord.hold == row.id)
        .order_by(HeldRecord.record)
        .limit(limit + 1)
    )
    rows = session.execute(query if after is None else query.where(HeldRecord.record > after)).all()
    found = [
        Noted(each.record, each.number or "", each.record_class, each.document_date, each.caught_at, each.released_at)
        for each in rows
    ]
    return found[:limit], found[limit - 1].record if len(found) > limit else None


def _records(session: ReadSession, entity: UUID, named: Sequence[str]) -> tuple[UUID, ...]:
    found = []
    for text in named:
        number = parse_record_number(text)
        asked = Record.number == number if number is not None else Record.id == _to_id(text)
        record_id = session.scalar(select(Record.id).where(asked, Record.entity == entity))
        if record_id is None:
            raise NotFound(f"there is no record {text[:40]} in this legal entity")
        found.append(record_id)
    return tuple(dict.fromkeys(found))


def _to_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("name records by their numbers or ids") from None


def _case_file(session: ReadSession, entity: UUID, number: str) -> UUID:
    found = session.scalar(
        select(CaseFile.id).where(CaseFile.entity == entity, CaseFile.number == " ".join(number.split()))
    )
    if found is None:
        raise NotFound("there is no case file of that number in this legal entity")
    return found


def _party(runtime: Runtime, session: ReadSession, entity: UUID, name: str) -> UUID:
    found = party.find(session, entity, name, runtime.keys)
    if found is None:
        raise NotFound("no record names such a party; a query also finds other spellings")
    return found


def _colleague(runtime: Runtime, session: ReadSession, name: str) -> UUID:
    found = people.find_by_name(session, name, runtime.keys)
    if found is None:
        raise NotFound("nobody has that sign-in name")
    return found
