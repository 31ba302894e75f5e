"""Reckons and writes the dates of many records: only what changed, in pieces that nobody has to wait for.

Reading and reckoning need no lock. What is written is checked against what was read: where another has reckoned
the same record meanwhile, theirs is the newer, and stays.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import BigInteger, Table, bindparam, delete, select, type_coerce, update

from audit.intake import append
from core.clock import to_us
from core.database import ReadSession, WriteSession
from core.errors import NotFound
from records import object_lock
from records.object_lock import ClassNotConfirmed
from records.record import Record, Undated
from retention import approval, record_facts
from retention.date_events import MOST_RECORDS, DateChanged
from retention.dating import Dates, Reckoner, reckoner_of
from retention.record_date import RecordDate
from retention.record_facts import as_id

READ_AT_ONCE = 5_000
WRITE_AT_ONCE = 1_000
"""Rows of one transaction: some twenty milliseconds."""
LOCKS_AT_ONCE = 15
"""Records for which the object store's rows are changed in one transaction: each takes several statements."""
NEVER = "none"

_R, _D, _U = (cast(Table, t.__table__) for t in (Record, RecordDate, Undated))
_BEFORE = (
    _D.c.state.label("d_state"),
    _D.c.record_class.label("d_class"),
    _D.c.retain_through.label("d_through"),
    _D.c.basis.label("d_basis"),
    _D.c.lock_through.label("d_lock"),
    _D.c.lock_asked.label("d_asked"),
    type_coerce(_D.c.computed_at, BigInteger).label("d_at"),
)
_JOINED = select(*record_facts.LIGHT, *_BEFORE).select_from(_R.outerjoin(_D, _D.c.record == _R.c.id))
_AFTER = _JOINED.where(_R.c.id > bindparam("after")).order_by(_R.c.id).limit(bindparam("most"))
_OF_ENTITY = _AFTER.where(_R.c.entity == bindparam("entity"))
_OF_FILE = _AFTER.where(_R.c.case_file == bindparam("file"))
_THESE = _JOINED.add_columns(_R.c.entity).where(_R.c.id.in_(bindparam("ids", expanding=True)))
_SOME_UNDATED = select(_U.c.record, _U.c.cause).order_by(_U.c.record).limit(bindparam("most"))
_DATED = delete(_U).where(_U.c.record.in_(bindparam("ids", expanding=True)))
_NOW = select(_D.c.record, type_coerce(_D.c.computed_at, BigInteger).label("computed_at"), _D.c.basis).where(
    _D.c.record.in_(bindparam("ids", expanding=True))
)
_THERE = select(_R.c.id).where(_R.c.id.in_(bindparam("ids", expanding=True)))
_COLUMNS = (
    "record_class", "state", "retain_through", "eligible_from", "eligible_at", "floor_through", "ceiling_through",
    "rule", "action", "basis", "missing", "schedule", "revision", "lock_through", "lock_asked", "computed_at",
)  # fmt: skip
_UPDATE_ROW = f"UPDATE record_dates SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE record = ?"  # noqa: S608
_INSERT_ROW = (
    f"INSERT INTO record_dates ({', '.join(_COLUMNS)}, entity, record) "  # noqa: S608
    f"VALUES ({', '.join('?' for _ in range(len(_COLUMNS) + 2))})"
)
_UNASKED = (
    select(_D.c.record, _D.c.lock_through).where(_D.c.lock_asked.is_(False)).order_by(_D.c.record).limit(LOCKS_AT_ONCE)
)
_ASKED = update(_D).where(_D.c.record.in_(bindparam("ids", expanding=True))).values(lock_asked=True)
FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Due:
    """Dates of one record that are not written so."""

    record: UUID
    entity: UUID
    record_class: str | None
    revision: int
    dates: Dates
    lock_through: date | None
    lock_asked: bool
    before: str
    """The date as it was written: a day, a state, or ``none``."""
    read: tuple[int, bytes] | None
    """Which row was read; ``None``: there was none."""

    @property
    def moves(self) -> bool:
        """Whether the log is told: not where there was no date before and there is none now."""
        return self.before != self.dates.code and (self.before != NEVER or self.dates.state not in _UNDATED)


_UNDATED = ("no_rule", "awaiting_trigger")


def next_of_entity(session: ReadSession, entity: UUID, after: UUID) -> list[Any]:
    """The next records of an entity in the order of their ids, with what is written of each."""
    return list(session.execute(_OF_ENTITY, {"entity": entity, "after": after, "most": READ_AT_ONCE}).all())


def next_of_file(session: ReadSession, case_file: UUID, after: UUID) -> list[Any]:
    """The next records of a case file, likewise."""
    return list(session.execute(_OF_FILE, {"file": case_file, "after": after, "most": READ_AT_ONCE}).all())


def due(session: ReadSession, rows: Sequence[Any], reckoner: Reckoner) -> list[Due]:
    """Which of the records have other dates than are written; ``rows`` come from the functions above."""
    gathered = record_facts.gather(session, rows)
    found = []
    for row in rows:
        dates = reckoner.dates(gathered.seen(row))
        lock = dates.floor_through if row.confirmed and dates.floor_decides else None
        if (
            row.d_basis == dates.basis
            and row.d_class == row.record_class
            and row.d_through == dates.retain_through
            and row.d_state == dates.state
            and row.d_lock == lock
        ):
            continue
        new = row.d_basis is None
        before = NEVER if new else row.d_state if row.d_through is None else row.d_through.isoformat()
        asked = lock is None if new else bool(row.d_lock == lock and row.d_asked)
        found.append(
            Due(
                as_id(row.id),
                reckoner.entity,
                row.record_class,
                row.revision,
                dates,
                lock,
                asked,
                before,
                None if new else (row.d_at, row.d_basis),
            )
        )
    return found


def write(session: WriteSession, found: Sequence[Due], *, number: int, cause: str, at: datetime) -> Counter[str]:
    """Write dates, with the events of those that moved; counts what came of it.

    ``number``: of the schedule they were reckoned by.
    """
    done: Counter[str] = Counter()
    raw = _Raw(session)
    ids = [each.record for each in found]
    now = {row.record: (row.computed_at, row.basis) for row in session.execute(_NOW, {"ids": ids})} if ids else {}
    new = [each.record for each in found if each.read is None]
    there = set(session.scalars(_THERE, {"ids": new})) if new else set()
    inserts, updates, moved = [], [], []
    for each in found:
        if now.get(each.record) != each.read or (each.read is None and each.record not in there):
            done["overtaken"] += 1
            continue
        if each.read is None:
            inserts.append((*raw.values(each, number, at), raw.id(each.entity), raw.id(each.record)))
        else:
            updates.append((*raw.values(each, number, at), raw.id(each.record)))
        if each.moves:
            moved.append(each)
        done["dated" if each.dates.retain_through is not None else each.dates.state] += 1
    connection = session.connection()
    if inserts:
        connection.exec_driver_sql(raw.insert, inserts)
    if updates:
        connection.exec_driver_sql(raw.update, updates)
    changed = [each.record for each in found if each.read is not None and each.read[1] != each.dates.basis]
    approval.void_for(session, changed, "date_changed", at=at)
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
        reckoner = reckoner_of(session, entity, at)
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


class _Raw:
    """Rows in the driver's own form: to turn a million of them into it column by column takes as long as to write them.

    A test holds what this writes against what SQLAlchemy reads.
    """

    def __init__(self, session: WriteSession) -> None:
        self.on_server = session.get_bind().dialect.name == "postgresql"
        mark = "%s" if self.on_server else "?"
        self.update = _UPDATE_ROW.replace("?", mark)
        self.insert = _INSERT_ROW.replace("?", mark)

    def id(self, value: UUID) -> Any:
        """An id as a column has it."""
        return value if self.on_server else value.hex

    def values(self, each: Due, number: int, at: datetime) -> tuple[Any, ...]:
        """The columns of ``_COLUMNS``."""
        dates, day = each.dates, self._day
        return (
            each.record_class,
            dates.state,
            day(dates.retain_through),
            day(dates.eligible_from),
            None if dates.eligible_at is None else to_us(dates.eligible_at),
            day(dates.floor_through),
            day(dates.ceiling_through),
            None if dates.rule is None else self.id(dates.rule),
            dates.action,
            dates.basis,
            json.dumps(dates.missing) if dates.missing else "[]",
            number,
            each.revision,
            day(each.lock_through),
            each.lock_asked,
            to_us(at),
        )

    def _day(self, value: date | None) -> Any:
        return value if self.on_server or value is None else value.isoformat()


def _events(moved: Sequence[Due], number: int, cause: str) -> Iterator[DateChanged]:
    for start in range(0, len(moved), MOST_RECORDS):
        some = moved[start : start + MOST_RECORDS]
        by_entity: dict[UUID, list[Due]] = {}
        for each in some:
            by_entity.setdefault(each.entity, []).append(each)
        for entity, group in by_entity.items():
            yield DateChanged(
                entity=entity,
                records=tuple(each.record for each in group),
                before=_shortened([each.before for each in group]),
                after=_shortened([each.dates.code for each in group]),
                cause=cause,
                schedule=number,
                rules=tuple(sorted({each.dates.rule for each in group if each.dates.rule is not None})),
            )


def _shortened(codes: list[str]) -> tuple[str, ...]:
    return (codes[0],) if len(set(codes)) == 1 else tuple(codes)
