"""What is known of records, as far as it bears on their dates: gathered from rows, in one snapshot.

Where an event comes from, the first that knows it: what somebody stated about the record itself; the record's own
document date, for the events that a document has of its own (``OWN``); the home case file. The day of upload is
never taken for any of them. ``docs/retention-dates.md`` says why for each.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import String, Table, bindparam, exists, literal, select, type_coerce

from accounts.entities import LegalEntity
from core.database import ReadSession
from records import record
from records.case_file import TriggerFact
from records.file_plan import UnknownRecordClass
from records.record import Record
from retention import fact
from retention.anchor import Calendar
from retention.fact import NOTHING, Known, StatedFact
from retention.facts import Fact, Holder, KnownFacts, Match
from retention.facts import load as load_mapping
from retention.verdict import Facts

OWN = ("document_created", "record_made", "recorded", "sent_or_received")
"""Events of the document itself: its own date is their day."""
SAME = {"hire_date": "employment_start", "asset_end_of_life": "asset_end_of_useful_life"}
"""Two words of the statutes for one event; where one is stated it stands for the other."""
_SAME = SAME | {other: one for one, other in SAME.items()}
_AT_ONCE = 500

_R, _T, _S = (cast(Table, t.__table__) for t in (Record, TriggerFact, StatedFact))
COLUMNS = (
    _R.c.id,
    _R.c.entity,
    _R.c.record_class,
    _R.c.confirmed,
    _R.c.state,
    _R.c.document_date,
    _R.c.case_file,
    _R.c.revision,
)
LIGHT = (
    type_coerce(_R.c.id, String).label("id"),
    *(c for c in COLUMNS if c.name not in ("id", "entity", "case_file")),
    type_coerce(_R.c.case_file, String).label("case_file"),
)
"""The same for walks over many records: ids are read where they are needed (``as_id``)."""
_BY_ID = select(*COLUMNS).where(_R.c.id.in_(bindparam("ids", expanding=True)))
_FILE_EVENTS = select(_T.c.case_file, _T.c.trigger, _T.c.happened_on).where(
    _T.c.case_file.in_(bindparam("files", expanding=True)), _T.c.valid_to.is_(None)
)
_STATED = select(_S.c.subject, _S.c.holder, _S.c.name, _S.c.value).where(
    _S.c.subject.in_(bindparam("ids", expanding=True)), _S.c.valid_to.is_(None)
)
_ANY_STATED = select(literal(1)).where(exists().where(_S.c.holder == bindparam("holder"), _S.c.valid_to.is_(None)))


class Seen(NamedTuple):
    """What a verdict depends on, and nothing else: two records seen alike have the same dates."""

    record_class: str | None
    settled: bool
    """A person confirmed the class, or it was sure enough to be filed by."""
    document_date: date | None
    own: Known
    file: Known


@dataclass(frozen=True, slots=True)
class Gathered:
    """The statements beside some records: about themselves, and by and about their files."""

    own: dict[UUID, Known]
    files: dict[UUID, Known]

    def seen(self, row: Any) -> Seen:
        """A record as its verdict sees it; ``row`` has ``COLUMNS``."""
        return Seen(
            row.record_class,
            row.confirmed or row.state == record.FILED,
            row.document_date,
            self.own.get(as_id(row.id), NOTHING) if self.own else NOTHING,
            self.files.get(as_id(row.case_file), NOTHING) if self.files and row.case_file is not None else NOTHING,
        )


def as_id(value: UUID | str) -> UUID:
    """An id as a light row has it: on SQLite its 32 digits, which take longer to read than the row."""
    return value if isinstance(value, UUID) else _id_of(value)


@lru_cache(maxsize=50_000)
def _id_of(digits: str) -> UUID:
    return UUID(hex=digits)


def rows_of(session: ReadSession, ids: Collection[UUID]) -> list[Any]:
    """The rows of records that there are, with ``COLUMNS``."""
    return list(session.execute(_BY_ID, {"ids": list(ids)}).all())


def gather(session: ReadSession, rows: Sequence[Any]) -> Gathered:
    """What is stated beside the records of these rows."""
    files = [as_id(each) for each in {row.case_file for row in rows if row.case_file is not None}]
    own: dict[UUID, Known] = {}
    if session.scalar(_ANY_STATED, {"holder": "record"}):
        for piece in _pieces([as_id(row.id) for row in rows]):
            own |= fact.read(cast("list[tuple[UUID, str, str, str]]", session.execute(_STATED, {"ids": piece}).all()))
    return Gathered(own, files_known(session, files))


def files_known(session: ReadSession, files: Collection[UUID]) -> dict[UUID, Known]:
    """What case files state, and what is stated about them."""
    found: dict[UUID, Known] = {}
    events: dict[UUID, list[tuple[str, date | datetime]]] = {}
    any_stated = session.scalar(_ANY_STATED, {"holder": "case_file"})
    for piece in _pieces(list(files)):
        for file, trigger, day in session.execute(_FILE_EVENTS, {"files": piece}).all():
            events.setdefault(file, []).append((trigger, day))
        if any_stated:
            rows = session.execute(_STATED, {"ids": piece}).all()
            found |= fact.read(cast("list[tuple[UUID, str, str, str]]", rows))
    for file, days in events.items():
        found[file] = replace(found.get(file, NOTHING), triggers=tuple(sorted(days, key=lambda each: each[0])))
    return found


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
    for one, other in _SAME.items():
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


def _pieces(ids: list[UUID]) -> Iterable[list[UUID]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
