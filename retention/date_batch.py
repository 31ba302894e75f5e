"""Reckons and writes the dates of many records: only what changed, in pieces that nobody has to wait for.

Reading and reckoning need no lock. What is written is checked against what was read: where another has reckoned
the same record meanwhile, theirs is the newer, and stays.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import Table, and_, bindparam, delete, literal_column, select, update

from audit.intake import append
from core.clock import to_us
from core.database import ReadSession, WriteSession
from core.errors import NotFound
from records import object_lock
from records.object_lock import ClassNotConfirmed
from records.record import Record, Undated
from retention import record_facts, voiding
from retention.date_events import MOST_RECORDS, DateChanged
from retention.dating import Dates, Reckoner, reckoner_of
from retention.record_date import RecordDate
from retention.record_facts import among, as_day, as_id, raw

READ_AT_ONCE = 5_000
WRITE_AT_ONCE = 1_000
"""Rows of one transaction: some twenty milliseconds."""
LOCKS_AT_ONCE = 10
"""Records for which the object store's rows are changed in one transaction: each takes some four milliseconds."""
NEVER = "none"

_R, _D, _U = (cast(Table, t.__table__) for t in (Record, RecordDate, Undated))
_BEFORE = (
    _D.c.state.label("d_state"),
    _D.c.record_class.label("d_class"),
    raw(_D.c.retain_through, "d_through"),
    raw(_D.c.basis, "d_basis"),
    raw(_D.c.lock_through, "d_lock"),
    raw(_D.c.lock_asked, "d_asked"),
    raw(_D.c.computed_at, "d_at"),
)
_BESIDE = select(*record_facts.COLUMNS, *_BEFORE)
# PostgreSQL does not conclude that the dates, too, are those after that record, and would read all before it.
_ONWARD = _R.outerjoin(_D, and_(_D.c.record == _R.c.id, _D.c.record > bindparam("after")))
_AFTER = _BESIDE.select_from(_ONWARD).where(_R.c.id > bindparam("after")).order_by(_R.c.id).limit(bindparam("most"))
_OF_ENTITY = {
    "postgresql": _AFTER.where(_R.c.entity == bindparam("entity")),
    # With the plus SQLite goes along the ids. Else it would take the index of the entity, and sort all that is
    # left for every piece.
    "sqlite": _AFTER.where(literal_column("+records.entity", _R.c.entity.type) == bindparam("entity")),
}
_OF_FILE = _AFTER.where(_R.c.case_file == bindparam("file"))
_THESE = _BESIDE.select_from(_R.outerjoin(_D, _D.c.record == _R.c.id)).where(
    _R.c.id.in_(bindparam("ids", expanding=True))
)
_SOME_UNDATED = select(_U.c.record, _U.c.cause).order_by(_U.c.record).limit(bindparam("most"))
_DATED = delete(_U).where(_U.c.record.in_(bindparam("ids", expanding=True)))
_NOW = "SELECT CAST(record AS TEXT), computed_at, basis FROM record_dates WHERE record"
_THERE = "SELECT CAST(id AS TEXT) FROM records WHERE id"
_COLUMNS = {
    "retain_through": "date", "eligible_from": "date", "eligible_at": "bigint", "floor_through": "date",
    "ceiling_through": "date", "rule": "uuid", "action": "varchar", "missing": "json", "basis": "bytea",
    "record_class": "varchar", "schedule": "bigint", "revision": "bigint", "lock_through": "date",
    "computed_at": "bigint", "state": "varchar", "lock_asked": "boolean", "entity": "uuid", "record": "uuid",
}  # fmt: skip
"""What is written, in this order, and its types on the server."""
_NAMES = ", ".join(_COLUMNS)
_SET = list(_COLUMNS)[:-2]
_INSERT_ROW = f"INSERT INTO record_dates ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_UPDATE_ROW = f"UPDATE record_dates SET {', '.join(f'{name} = ?' for name in _SET)} WHERE record = ?"  # noqa: S608
# SQLite writes every index of a column that is set, whether it changes or not: these two have one each.
_UPDATE_KEEPING = _UPDATE_ROW.replace(", state = ?, lock_asked = ?", "")
_UNNESTED = f"unnest({', '.join(f'%s::{kind}[]' for kind in _COLUMNS.values())})"
_INSERT_ALL = f"INSERT INTO record_dates ({_NAMES}) SELECT * FROM {_UNNESTED}"  # noqa: S608
_UPDATE_ALL = (
    f"UPDATE record_dates AS d SET {', '.join(f'{name} = n.{name}' for name in _SET)} "  # noqa: S608
    f"FROM {_UNNESTED} AS n ({_NAMES}) WHERE d.record = n.record"
)
_UNASKED = (
    select(_D.c.record, _D.c.lock_through).where(_D.c.lock_asked.is_(False)).order_by(_D.c.record).limit(LOCKS_AT_ONCE)
)
_ASKED = update(_D).where(_D.c.record.in_(bindparam("ids", expanding=True))).values(lock_asked=True)
FIRST = UUID(int=0)


class Due(NamedTuple):
    """Dates of one record that are not written so."""

    row: str
    """Its id as its row has it."""
    entity: UUID
    record_class: str | None
    revision: int
    dates: Dates
    lock_through: str | None
    lock_asked: bool
    before: str
    """The date as it was written: a day, a state, or ``none``."""
    read: tuple[int, bytes] | None
    """Which row was read; ``None``: there was none."""
    keeps_state: bool
    """Whether state and ``lock_asked`` are as they were."""

    @property
    def moves(self) -> bool:
        """Whether the log is told: not where there was no date before and there is none now."""
        return self.before != self.dates.code and (self.before != NEVER or self.dates.state not in _UNDATED)


_UNDATED = ("no_rule", "awaiting_trigger")


def next_of_entity(session: ReadSession, entity: UUID, after: UUID) -> list[Any]:
    """The next records of an entity in the order of their ids, with what is written of each."""
    statement = _OF_ENTITY[session.get_bind().dialect.name]
    return list(session.execute(statement, {"entity": entity, "after": after, "most": READ_AT_ONCE}).all())


def next_of_file(session: ReadSession, case_file: UUID, after: UUID) -> list[Any]:
    """The next records of a case file, likewise."""
    return list(session.execute(_OF_FILE, {"file": case_file, "after": after, "most": READ_AT_ONCE}).all())


def due(session: ReadSession, rows: Sequence[Any], reckoner: Reckoner) -> list[Due]:
    """Which of the records have other dates than are written; ``rows`` come from the functions above."""
    all_dates = reckoner.dates_of(rows, record_facts.gather(session, rows))
    found = []
    for row, dates in zip(rows, all_dates, strict=True):
        # Unpacked: a name of a row asked for takes as long as a comparison.
        own, _, record_class, confirmed, _, _, _, revision, state, of_class, through, basis, locked, asked, at = row
        lock = dates.floor_through if dates.floor_decides and confirmed else None
        if (
            basis == dates.basis
            and of_class == record_class
            and state == dates.state
            and as_day(through) == dates.retain_through
            and as_day(locked) == lock
        ):
            continue
        new = basis is None
        is_asked = lock is None if new else bool(asked) and as_day(locked) == lock
        found.append(
            Due(
                own,
                reckoner.entity,
                record_class,
                revision,
                dates,
                None if lock is None else lock.isoformat(),
                is_asked,
                NEVER if new else state if through is None else str(through),
                None if new else (at, basis),
                state == dates.state and asked == is_asked,
            )
        )
    return found


def write(session: WriteSession, found: Sequence[Due], *, number: int, cause: str, at: datetime) -> Counter[str]:
    """Write dates, with the events of those that moved; counts what came of it.

    ``number``: of the schedule they were reckoned by.
    """
    now = {row: (at_us, basis) for row, at_us, basis in among(session, _NOW, [each.row for each in found])}
    new = [each.row for each in found if each.read is None]
    there = {row for (row,) in among(session, _THERE, new)}
    written = [
        each for each in found if now.get(each.row) == each.read and (each.read is not None or each.row in there)
    ]
    done = Counter(each.dates.state for each in written)
    if len(written) < len(found):
        done["overtaken"] = len(found) - len(written)
    _put(session, written, number, to_us(at))
    moved, changed = [], []
    for each in written:
        is_changed = each.read is not None and each.read[1] != each.dates.basis
        if is_changed or each.moves:
            record = as_id(each.row)
            if each.moves:
                moved.append((record, each))
            if is_changed:
                changed.append(record)
    voiding.void_for(session, changed, "date_changed", at=at)
    for event in _events(moved, number, cause):
        append(session, event, at=at)
    if moved:
        done["moved"] = len(moved)
    return done


def date_some(session: WriteSession, at: datetime, limit: int = 20) -> Counter[str]:
    """Reckon some of the records that were marked, in one transaction; empty where none is left."""
    marked = {row.record: row.cause for row in session.execute(_SOME_UNDATED, {"most": limit})}
    if not marked:
        return Counter()
    done: Counter[str] = Counter()
    for cause in sorted(set(marked.values())):
        ids = [each for each, why in marked.items() if why == cause]
        done += date_these(session, ids, cause=cause, at=at)
    session.execute(_DATED, {"ids": list(marked)})
    done["marked"] += len(marked)
    return done


def date_these(session: WriteSession, ids: Sequence[UUID], *, cause: str, at: datetime) -> Counter[str]:
    """Reckon these records in the transaction of whoever needs them reckoned now."""
    done: Counter[str] = Counter()
    rows = session.execute(_THESE, {"ids": list(ids)}).all() if ids else []
    for entity in sorted({row.entity for row in rows}):
        reckoner = reckoner_of(session, as_id(entity), at)
        found = due(session, [row for row in rows if row.entity == entity], reckoner)
        done += write(session, found, number=reckoner.number, cause=cause, at=at)
    return done


def is_any_marked(session: ReadSession) -> bool:
    """Whether a record waits to be reckoned."""
    return session.execute(_SOME_UNDATED, {"most": 1}).first() is not None


def is_any_unasked(session: ReadSession) -> bool:
    """Whether the object store is to be told something."""
    return session.execute(_UNASKED).first() is not None


def ask_locks(session: WriteSession, at: datetime) -> int:
    """Tell the rows of the object store which lock some records need now; tells how many, 0 at the end."""
    rows = session.execute(_UNASKED).all()
    for row in rows:
        try:
            if row.lock_through is None:
                object_lock.let_lapse(session, row.record, at=at)
            else:
                object_lock.ask(session, row.record, retain_through=row.lock_through, at=at)
        except (NotFound, ClassNotConfirmed):
            # Gone, or not confirmed any more: then its dates are reckoned anew as well.
            continue
    if rows:
        session.execute(_ASKED, {"ids": [row.record for row in rows]})
    return len(rows)


def _put(session: WriteSession, written: Sequence[Due], number: int, computed_at: int) -> None:
    """Write the rows, in the drivers' own form: one by one in what SQLite takes for a statement of many; as columns,
    in one statement, where every statement is a message. A test holds this against what SQLAlchemy reads.
    """
    connection = session.connection()
    on_server = connection.dialect.name == "postgresql"
    pieces: dict[str, list[tuple[Any, ...]]] = {}
    for row, entity, record_class, revision, dates, lock_through, lock_asked, _, read, keeps_state in written:
        values = (
            *dates.columns, dates.basis, record_class, number, revision, lock_through, computed_at, dates.state,
            lock_asked, entity.hex, row,
        )  # fmt: skip
        if on_server:
            statement = _INSERT_ALL if read is None else _UPDATE_ALL
        elif read is None:
            statement = _INSERT_ROW
        elif keeps_state:
            statement, values = _UPDATE_KEEPING, (*values[:-4], row)
        else:
            statement, values = _UPDATE_ROW, (*values[:-2], row)
        pieces.setdefault(statement, []).append(values)
    for statement, rows in pieces.items():
        if on_server:
            columns = zip(_COLUMNS.values(), zip(*rows, strict=True), strict=True)
            connection.exec_driver_sql(statement, tuple(_array(kind, column) for kind, column in columns))
        else:
            connection.exec_driver_sql(statement, rows)


def _array(kind: str, column: Sequence[Any]) -> str:
    """A column as the text of an array of the server: its driver takes ten times as long over a list."""
    if kind == "bytea":
        said = [f'"\\\\x{value.hex()}"' for value in column]
    elif kind in ("varchar", "json"):
        said = ["NULL" if value is None else _quoted(value) for value in column]
    else:
        said = ["NULL" if value is None else str(value) for value in column]
    return f"{{{','.join(said)}}}"


@lru_cache(maxsize=1_000)
def _quoted(value: str) -> str:
    inside = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inside}"'


def _events(moved: Sequence[tuple[UUID, Due]], number: int, cause: str) -> Iterator[DateChanged]:
    by_entity: dict[UUID, list[tuple[UUID, Due]]] = {}
    for one in moved:
        by_entity.setdefault(one[1].entity, []).append(one)
    for entity, all_of_it in by_entity.items():
        for start in range(0, len(all_of_it), MOST_RECORDS):
            group = all_of_it[start : start + MOST_RECORDS]
            yield DateChanged(
                entity=entity,
                records=tuple(record for record, _ in group),
                before=_shortened([each.before for _, each in group]),
                after=_shortened([each.dates.code for _, each in group]),
                cause=cause,
                schedule=number,
                rules=tuple(sorted({each.dates.rule for _, each in group if each.dates.rule is not None})),
            )


def _shortened(codes: list[str]) -> tuple[str, ...]:
    return (codes[0],) if len(set(codes)) == 1 else tuple(codes)
