"""What waits for an event: case files and records whose dates nobody can reckon yet, and stating many at once.

A batch of statements is all of it or nothing: every row is checked first, and each wrong one is named.
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select

from accounts.principal import Principal
from core.database import ReadSession, WriteSession
from core.errors import Forbidden, Invalid, MunimentError, NotFound
from core.identifiers import parse_record_number
from records import case_file
from records.case_file import TRIGGERS, CaseFile
from records.record import Record
from retention import fact
from retention.fact import STATE
from retention.record_date import RecordDate

MOST_ROWS = 500
"""Of one batch: it is one transaction."""
_MOST_FILES = 200
COLUMNS = ("holder", "number", "event", "day")


class WrongRows(Invalid):
    """Some rows cannot be entered, so none was."""

    code = "wrong_rows"

    wrong: "tuple[WrongRow, ...]" = ()

    @classmethod
    def of(cls, rows: "Sequence[WrongRow]") -> "WrongRows":
        """The error that names these rows."""
        error = cls("; ".join(f"row {each.row}: {each.why}" for each in rows[:5]), rows=len(rows))
        error.wrong = tuple(rows)
        return error


@dataclass(frozen=True, slots=True)
class WrongRow:
    """One row that cannot be entered."""

    row: int
    """Counted from 1, without the heading."""
    why: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One event as somebody wants to state it; an empty day takes it back."""

    holder: str
    """``file`` or ``record``."""
    number: str
    event: str
    day: str


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A case file with records that wait."""

    file: CaseFile | None
    """``None``: records that lie in no file, or in one that the reader does not see."""
    records: int
    missing: tuple[tuple[str, int], ...]
    """Events, and how many records wait for each."""
    may_state: bool


@dataclass(frozen=True, slots=True)
class WaitingRecord:
    """A record that waits: number, class, and what it waits for; nothing of its content."""

    id: UUID
    number: str
    record_class: str | None
    missing: tuple[str, ...]
    document_date: date | None
    case_file: UUID | None
    entity: UUID


def counts(session: ReadSession, *, by: Principal) -> dict[str, int]:
    """How many records are in each state of dating, in the entities whose retention ``by`` sees."""
    rows = session.execute(
        select(RecordDate.state, func.count()).where(RecordDate.entity.in_(_places(by))).group_by(RecordDate.state)
    )
    return {row.state: row[1] for row in rows}


def files(session: ReadSession, *, by: Principal, at: datetime) -> list[WaitingFile]:
    """Case files whose records wait, those with the most first; at the end what lies in none ``by`` sees."""
    by_file: dict[UUID | None, Counter[str]] = {}
    total: Counter[UUID | None] = Counter()
    # JSON has no equality on every database, so what is missing is grouped here.
    waiting = (
        select(Record.case_file, RecordDate.missing)
        .join(RecordDate, RecordDate.record == Record.id)
        .where(RecordDate.entity.in_(_places(by)), RecordDate.state == "awaiting_trigger")
    )
    for row in session.execute(waiting):
        total[row.case_file] += 1
        by_file.setdefault(row.case_file, Counter()).update(row.missing)
    known = {each.id: each for each in case_file.find_visible(session, [f for f in total if f], by, at)}
    found: list[WaitingFile] = []
    rest, rest_count = Counter[str](), 0
    for file_id, count in total.most_common():
        file = known.get(file_id) if file_id is not None else None
        if file is None:
            rest += by_file[file_id]
            rest_count += count
        elif len(found) < _MOST_FILES:
            mine = by.may("case_file.manage", entity=file.entity) and file.about_person != by.id
            found.append(WaitingFile(file, count, tuple(by_file[file_id].most_common()), mine))
    if rest_count:
        found.append(WaitingFile(None, rest_count, tuple(rest.most_common()), may_state=False))
    return found


def records(
    session: ReadSession, *, by: Principal, state: str = "awaiting_trigger", after: UUID | None = None, limit: int = 100
) -> list[WaitingRecord]:
    """Records that wait, in the order they came; ``state`` may also be ``conflict`` or ``no_rule``."""
    query = (
        select(
            Record.id,
            Record.number,
            Record.record_class,
            RecordDate.missing,
            Record.document_date,
            Record.case_file,
            Record.entity,
        )
        .join(RecordDate, RecordDate.record == Record.id)
        .where(RecordDate.entity.in_(_places(by)), RecordDate.state == state)
        .where(or_(Record.case_file.is_(None), Record.case_file.not_in(_own_files(by))))
        .order_by(Record.id)
        .limit(limit)
    )
    rows = session.execute(query if after is None else query.where(Record.id > after))
    return [
        WaitingRecord(r.id, r.number, r.record_class, tuple(r.missing), r.document_date, r.case_file, r.entity)
        for r in rows
    ]


def parse_csv(data: bytes) -> list[Statement]:
    """The statements of a CSV file: ``holder,number,event,day`` with a heading; comma or semicolon.

    Raises:
        Invalid: it is not UTF-8, has no such heading, or too many rows.
        WrongRows: a row has other columns.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("save the file as UTF-8") from None
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in first else ",")
    try:
        lines = [line for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise Invalid("this is not a CSV file") from error
    if not lines or tuple(cell.strip().lower() for cell in lines[0]) != COLUMNS:
        raise Invalid(f"the first line names the columns {', '.join(COLUMNS)}")
    rows = lines[1:]
    if not rows or len(rows) > MOST_ROWS:
        raise Invalid(f"give 1 to {MOST_ROWS} rows")
    if wrong := [WrongRow(n, "not four columns") for n, row in enumerate(rows, 1) if len(row) != len(COLUMNS)]:
        raise WrongRows.of(wrong)
    return [Statement(*(cell.strip() for cell in row)) for row in rows]


def state_all(
    session: WriteSession, entity: UUID, statements: Sequence[Statement], *, by: Principal, at: datetime
) -> int:
    """State all of these events of one entity's files and records, or none; tells how many there were.

    Raises:
        NotAllowed: ``by`` states no events there.
        WrongRows: some cannot be stated; the caller's transaction is rolled back with what came before.
    """
    by.require(STATE, entity=entity)
    if not 1 <= len(statements) <= MOST_ROWS:
        raise Invalid(f"give 1 to {MOST_ROWS} rows")
    wrong, seen = [], set()
    for number, each in enumerate(statements, 1):
        key = (each.holder, each.number.casefold(), each.event)
        try:
            if key in seen:
                raise Invalid("the same event stands in an earlier row")
            seen.add(key)
            _state(session, entity, each, by=by, at=at)
        except (Invalid, NotFound, Forbidden) as error:
            wrong.append(WrongRow(number, _why(error)))
    if wrong:
        raise WrongRows.of(wrong)
    return len(statements)


def _state(session: WriteSession, entity: UUID, each: Statement, *, by: Principal, at: datetime) -> None:
    if each.holder == "record":
        number = parse_record_number(each.number) or ""
        row = session.scalar(select(Record.id).where(Record.number == number, Record.entity == entity))
        if row is None:
            raise NotFound("no record has this number")
        fact.state(session, "record", row, each.event, each.day or None, by=by, at=at)
        return
    if each.holder != "file":
        raise Invalid("the holder is file or record")
    file = session.scalar(select(CaseFile.id).where(CaseFile.number == each.number, CaseFile.entity == entity))
    if file is None:
        raise NotFound("no case file has this number")
    if each.event not in TRIGGERS:
        raise Invalid("a case file has no such event")
    # The same days are admitted as of a record.
    day = date.fromisoformat(fact.written_form("record", each.event, each.day)[:10]) if each.day else None
    case_file.state_trigger(session, file, each.event, day, by=by, at=at)


def _why(error: MunimentError) -> str:
    return error.detail or error.title()


def _places(by: Principal) -> list[UUID]:
    return [each for each in by.entities if by.may("retention.read", entity=each)]


def _own_files(by: Principal) -> Select[UUID]:
    return select(CaseFile.id).where(CaseFile.about_person == by.id)
