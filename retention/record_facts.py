"""What is known of records, as far as it bears on their dates: gathered from rows, in one snapshot.

Where an event comes from, the first that knows it: what somebody stated about the record itself; the record's own
document date, for the events that a document has of its own (``OWN``); the home case file. The day of upload is
never taken for any of them. ``docs/retention-dates.md`` says why for each.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Label, Table, Text, Uuid, bindparam, exists, literal, select, type_coerce
from sqlalchemy import cast as cast_to
from sqlalchemy.types import NULLTYPE

from accounts.entities import LegalEntity
from core.database import ReadSession
from records import record
from records.case_file import TriggerFact
from records.file_plan import UnknownRecordClass
from records.record import Record
from retention import fact, kept
from retention.anchor import Calendar
from retention.fact import NOTHING, Known, StatedFact
from retention.facts import Fact, Holder, KnownFacts, Match
from retention.facts import load as load_mapping
from retention.reckoning import KeptByDecision
from retention.rule import OWN
from retention.verdict import Facts

_PAIRS = {"hire_date": "employment_start", "asset_end_of_life": "asset_end_of_useful_life"}
SAME = _PAIRS | {other: one for one, other in _PAIRS.items()}
"""Two words of the statutes for one event; where one is stated it stands for the other."""
_AT_ONCE = 500

_R, _T, _S = (cast(Table, t.__table__) for t in (Record, TriggerFact, StatedFact))


def raw(column: ColumnElement[Any], name: str) -> Label[Any]:
    """A column as the driver gives it: to turn a million ids and days into objects takes as long as to read them.

    Ids are text; ``as_id`` and ``as_day`` make objects where one is needed.
    """
    return (cast_to(column, Text) if isinstance(column.type, Uuid) else type_coerce(column, NULLTYPE)).label(name)


COLUMNS = (
    raw(_R.c.id, "id"),
    raw(_R.c.entity, "entity"),
    _R.c.record_class,
    raw(_R.c.confirmed, "confirmed"),
    _R.c.state,
    raw(_R.c.document_date, "document_date"),
    raw(_R.c.case_file, "case_file"),
    _R.c.revision,
)
ON_ITS_OWN = slice(2, 6)
"""Of ``COLUMNS``: all that a record's own row says towards its verdict."""
_BY_ID = select(*COLUMNS).where(_R.c.id.in_(bindparam("ids", expanding=True)))
_FILE_EVENTS = (
    "SELECT CAST(case_file AS TEXT), trigger, happened_on FROM trigger_facts WHERE valid_to IS NULL AND case_file"
)
_STATED = "SELECT CAST(subject AS TEXT), holder, name, value FROM stated_facts WHERE valid_to IS NULL AND subject"
_ANY_STATED = select(literal(1)).where(exists().where(_S.c.holder == bindparam("holder"), _S.c.valid_to.is_(None)))


class Seen(NamedTuple):
    """What a verdict depends on, and nothing else: two records seen alike have the same dates."""

    record_class: str | None
    settled: bool
    """A person confirmed the class, or it was sure enough to be filed by."""
    document_date: date | None
    own: Known
    file: Known
    kept: KeptByDecision | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """The statements beside some records: about themselves, and by and about their files, by ids as rows have them."""

    own: dict[str, Known]
    files: dict[str, Known]
    kept: dict[UUID, KeptByDecision]

    def seen(self, row: Any) -> Seen:
        """A record as its verdict sees it; ``row`` has ``COLUMNS``."""
        return Seen(
            row.record_class,
            bool(row.confirmed) or row.state == record.FILED,
            as_day(row.document_date),
            self.own.get(row.id, NOTHING) if self.own else NOTHING,
            self.files.get(row.case_file, NOTHING) if self.files else NOTHING,
            self.kept.get(as_id(row.id)) if self.kept else None,
        )


def as_id(value: UUID | str) -> UUID:
    """An id as a row has it: as text, with hyphens from a server."""
    return value if isinstance(value, UUID) else UUID(int=int(value.replace("-", ""), 16))


def as_day(value: date | str | None) -> date | None:
    """A day as a row has it: on SQLite its ten characters."""
    return _day_of(value) if isinstance(value, str) else value


_day_of = lru_cache(maxsize=20_000)(date.fromisoformat)


def rows_of(session: ReadSession, ids: Collection[UUID]) -> list[Any]:
    """The rows of records that there are, with ``COLUMNS``."""
    return list(session.execute(_BY_ID, {"ids": list(ids)}).all())


def gather(session: ReadSession, rows: Sequence[Any]) -> Gathered:
    """What is stated beside the records of these rows."""
    own: dict[str, Known] = {}
    if session.scalar(_ANY_STATED, {"holder": "record"}):
        own = fact.read(among(session, _STATED, [row.id for row in rows]))
    decided = kept.by_decision(session, [as_id(row.id) for row in rows]) if kept.is_any(session) else {}
    return Gathered(own, _files_known(session, {row.case_file for row in rows if row.case_file is not None}), decided)


def _files_known(session: ReadSession, files: Collection[str]) -> dict[str, Known]:
    """What case files state, and what is stated about them."""
    events: dict[str, list[tuple[str, date | datetime]]] = {}
    for file, trigger, day in among(session, _FILE_EVENTS, files):
        events.setdefault(file, []).append((trigger, cast(date, as_day(day))))
    found: dict[str, Known] = {}
    if session.scalar(_ANY_STATED, {"holder": "case_file"}):
        found = fact.read(among(session, _STATED, files))
    for file, days in events.items():
        found[file] = found.get(file, NOTHING)._replace(triggers=tuple(sorted(days, key=lambda each: each[0])))
    return found


def among(session: ReadSession, query: str, ids: Collection[str]) -> Iterable[Any]:
    """The rows of a query that ends in a column, for ids as rows have them.

    Past SQLAlchemy and the server's driver, which take longer to write five hundred parameters than a database to
    answer them.
    """
    connection, some = session.connection(), list(ids)
    for start in range(0, len(some), _AT_ONCE):
        piece = some[start : start + _AT_ONCE]
        if connection.dialect.name == "postgresql":
            found = connection.exec_driver_sql(f"{query} = ANY(%s::uuid[])", (f"{{{','.join(piece)}}}",))
        else:
            found = connection.exec_driver_sql(f"{query} IN ({', '.join('?' * len(piece))})", tuple(piece))
        yield from found.all()


def calendar_of(home: LegalEntity) -> Calendar:
    """How the entity counts days and years."""
    return Calendar(home.zone, home.fiscal_year_start)


def facts_of(seen: Seen, entity: Known, stated: Collection[str], asked: Collection[str], calendar: Calendar) -> Facts:
    """The facts of a record, for the rules of its entity.

    ``stated``: the record classes that these rules are for; ``asked``: the events that they start with.
    """
    days: dict[str, date] = {}
    instants: dict[str, datetime] = {}
    for source in (seen.file.triggers, tuple((each, seen.document_date) for each in OWN), seen.own.triggers):
        for name, value in source:
            if isinstance(value, datetime):
                instants[name], days[name] = value, calendar.day_of(value)
            elif value is not None:
                days[name] = value
                instants.pop(name, None)
    for one, other in SAME.items():
        if one not in days and other in days:
            days[one] = days[other]
    known = _known(seen, entity, days)
    return Facts(
        classes=_classes(seen, stated, known),
        triggers={name: day for name, day in sorted(days.items()) if name in asked},
        calendar=calendar,
        instants={name: instant for name, instant in sorted(instants.items()) if name in asked},
        known=known,
        document_date=seen.document_date,
        kept=seen.kept,
    )


def _known(seen: Seen, entity: Known, days: dict[str, date]) -> KnownFacts:
    known: dict[tuple[Holder, str], Fact] = {("entity", name): value for name, value in entity.conditions}
    # An event may answer a condition, as the day of hiring does.
    known |= {("case_file", name): day for name, day in days.items()}
    known |= {("case_file", name): value for name, value in seen.file.conditions}
    known |= {("record", name): value for name, value in seen.own.conditions}
    return known


def _classes(seen: Seen, stated: Collection[str], known: KnownFacts) -> tuple[Match, ...]:
    if seen.record_class is None:
        return ()
    try:
        found = load_mapping().concerning(seen.record_class, stated, known)
    except UnknownRecordClass:
        # Not in this file plan: no rule knows it, so it is kept.
        return ()
    # What a machine guessed may demand that a record be kept, and never that it go.
    return found if seen.settled else tuple(Match(match.record_class, False) for match in found)
