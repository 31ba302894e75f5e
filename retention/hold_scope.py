"""What a hold reaches: a list, a case file, persons, classes and years, tax years, or a query.

All but a query are conditions on clear columns, so that they block from the moment the hold is
placed, also records that nobody has listed yet. A record that stood in the case file or class at any
time since then stays reached: it cannot be moved out from under a hold.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, false, or_, select

from core.errors import Invalid
from records import file_plan
from records.case_file import CaseFile
from records.party import RecordParty
from records.placement import Placement
from records.record import Record

RECORDS, CASE_FILE, PERSON = "records", "case_file", "person"
CLASSES, TAX, QUERY = "classes", "tax", "query"
SCOPES: tuple[str, ...] = (RECORDS, CASE_FILE, PERSON, CLASSES, TAX, QUERY)
MOST_RECORDS = 1_000
"""In a list, so that placing it stays one short transaction; more is a query, or classes and years."""
MOST_PARTIES, MOST_CLASSES, MOST_YEARS = 20, 60, 60
TAX_CLASSES: tuple[str, ...] = ("accounting", "contract", "payroll", "correspondence")
"""What a tax audit reaches unless classes are named: books, vouchers, letters, contracts, pay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a hold reaches within its legal entity, as values."""

    kind: str
    records: tuple[UUID, ...] = ()
    case_file: UUID | None = None
    parties: tuple[UUID, ...] = ()
    """As whom records name them."""
    colleague: UUID | None = None
    """Whose own case files are meant."""
    classes: tuple[str, ...] = ()
    """Codes; those below them count too."""
    first_year: int | None = None
    last_year: int | None = None
    open_until: date | None = None
    """Last day on which the tax of these years may still be assessed, where that is known."""
    query: str = ""


def check(scope: Scope, today: date) -> None:
    """Pass if the scope says one thing, wholly.

    Raises:
        Invalid: the detail says why.
        UnknownRecordClass: the plan has no such class.
    """
    if scope.kind not in SCOPES:
        raise Invalid(f"a hold reaches one of {', '.join(SCOPES)}")
    if scope.kind == RECORDS and not 1 <= len(set(scope.records)) <= MOST_RECORDS:
        raise Invalid(f"name 1 to {MOST_RECORDS} records")
    if scope.kind == CASE_FILE and scope.case_file is None:
        raise Invalid("name the case file")
    if scope.kind == PERSON and not (scope.parties or scope.colleague):
        raise Invalid("name a party or a colleague")
    if len(scope.parties) > MOST_PARTIES:
        raise Invalid(f"name at most {MOST_PARTIES} parties")
    if scope.kind == CLASSES and not scope.classes:
        raise Invalid("name the classes")
    if scope.kind == QUERY and not scope.query.strip():
        raise Invalid("a query that asks for nothing would hold everything; name classes and years for that")
    if len(scope.classes) > MOST_CLASSES:
        raise Invalid(f"name at most {MOST_CLASSES} classes")
    for code in scope.classes:
        file_plan.load().get(code)
    if scope.kind in (CLASSES, TAX):
        _check_years(scope)
    if scope.open_until is not None and (scope.kind != TAX or scope.open_until < today):
        raise Invalid("the last day of assessment belongs to tax years and lies ahead")


def codes_of(scope: Scope) -> frozenset[str]:
    """The classes of a scope with those below them; a code that the plan has no more stands for itself."""
    plan = file_plan.load()
    named = scope.classes or (TAX_CLASSES if scope.kind == TAX else ())
    return frozenset(below for code in named for below in (code, *(plan.descendants(code) if code in plan else ())))


def condition(scope: Scope, entity: UUID, zone: str, since: datetime | None = None) -> ColumnElement[bool] | None:
    """Of the records that the scope reaches by clear columns; ``None`` for a query.

    ``since``: when the hold was placed. What stood in the case file or class at any time from then on counts.
    """
    if scope.kind == QUERY:
        return None
    return and_(Record.entity == entity, _reached(scope, zone, since))


def _reached(scope: Scope, zone: str, since: datetime | None) -> ColumnElement[bool]:
    if scope.kind == RECORDS:
        return Record.id.in_(scope.records)
    if scope.kind == CASE_FILE:
        return or_(Record.case_file == scope.case_file, _stood(Placement.case_file == scope.case_file, since))
    if scope.kind == PERSON:
        return _names(scope, since)
    codes = sorted(codes_of(scope))
    of_class = or_(Record.record_class.in_(codes), _stood(Placement.record_class.in_(codes), since))
    return and_(of_class, _in_years(scope, zone))


def _names(scope: Scope, since: datetime | None) -> ColumnElement[bool]:
    found: list[ColumnElement[bool]] = []
    if scope.parties:
        found.append(Record.id.in_(select(RecordParty.record).where(RecordParty.party.in_(scope.parties))))
    if scope.colleague is not None:
        own = select(CaseFile.id).where(CaseFile.about_person == scope.colleague)
        found += [Record.case_file.in_(own), _stood(Placement.case_file.in_(own), since)]
    return or_(false(), *found)


def _stood(where: ColumnElement[bool], since: datetime | None) -> ColumnElement[bool]:
    if since is None:
        return false()
    later = or_(Placement.valid_to.is_(None), Placement.valid_to > since)
    return select(Placement.id).where(Placement.record == Record.id, where, later).exists()


def _in_years(scope: Scope, zone: str) -> ColumnElement[bool]:
    first, last = date(scope.first_year or 1, 1, 1), date(scope.last_year or 9998, 12, 31)
    begin, over = _start(first, zone), _start(last + timedelta(days=1), zone)
    return or_(
        and_(Record.document_date >= first, Record.document_date <= last),
        and_(Record.document_date.is_(None), Record.captured_at >= begin, Record.captured_at < over),
    )


def _start(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _check_years(scope: Scope) -> None:
    first, last = scope.first_year, scope.last_year
    if first is None or last is None or not (1900 <= first <= last <= 2200 and last - first < MOST_YEARS):
        raise Invalid(f"name at most {MOST_YEARS} years, the first one first")


def in_pieces(ids: Collection[UUID], size: int = 500) -> list[list[UUID]]:
    """The ids in lists that one statement takes."""
    everything = list(ids)
    return [everything[start : start + size] for start in range(0, len(everything), size)]
