"""What a ceiling rests on: a statute that forbids to keep a record longer, or the time for review and destruction.

A statute's maximum that has passed is a breach. The other day is a term for those who work: it begins when a
record can be proposed, so a record whose period was over when it came in is eligible, and not overdue.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, select

from core.database import ReadSession
from records.record import Record
from retention.period import BeyondCalendar, add
from retention.record_date import RecordDate
from retention.rule import Rule
from retention.schedule import RetentionRule


@dataclass(frozen=True, slots=True)
class Near:
    """A record with its dates, and what its ceiling rests on."""

    row: RecordDate
    number: str
    is_statutory: bool


def is_statutory(ceiling: date, retain_through: date | None, rule: Rule | None) -> bool:
    """Whether a statute sets this ceiling; ``rule`` is the one that decided, ``None`` where none could."""
    if rule is None or retain_through is None or rule.bound == "maximum":
        return True
    try:
        return add(retain_through, rule.room) != ceiling
    except BeyondCalendar:
        return True


def near(session: ReadSession, places: Collection[UUID], today: date, last: date, *, limit: int) -> list[Near]:
    """Records of these entities with a ceiling through ``last`` at the latest, the first due first, at most ``limit``.

    Of those whose ceiling has passed only the statute's: whatever else has passed its term waits in disposition.
    """
    wanted = (RecordDate.entity.in_(places), RecordDate.ceiling_through <= last)
    shapes = session.execute(select(*_SHAPE).where(*wanted).distinct().order_by(RecordDate.ceiling_through)).all()
    rules = _rules(session, {rule for rule, _through, _ceiling in shapes})
    found: list[Near] = []
    for rule, through, ceiling in shapes:
        if ceiling is None or len(found) >= limit:
            break
        statutory = is_statutory(ceiling, through, None if rule is None else rules.get(rule))
        if ceiling < today and not statutory:
            continue
        alike = (
            RecordDate.rule.is_(None) if rule is None else RecordDate.rule == rule,
            RecordDate.retain_through.is_(None) if through is None else RecordDate.retain_through == through,
            RecordDate.ceiling_through == ceiling,
        )
        query = (
            select(RecordDate, Record.number)
            .join(Record, Record.id == RecordDate.record)
            .where(RecordDate.entity.in_(places), *alike)
            .order_by(RecordDate.record)
            .limit(limit - len(found))
        )
        found += [Near(row, number, statutory) for row, number in session.execute(query)]
    return found


def breached_by_class(session: ReadSession, entity: UUID, today: date) -> dict[str, tuple[int, date]]:
    """How many records of each class are kept beyond a statute's maximum, and the first of the days it ended on."""
    wanted = (RecordDate.entity == entity, RecordDate.ceiling_through < today)
    counted = select(*_SHAPE, RecordDate.record_class, func.count()).join(Record, Record.id == RecordDate.record)
    shapes = session.execute(counted.where(*wanted).group_by(*_SHAPE, RecordDate.record_class)).all()
    rules = _rules(session, {shape[0] for shape in shapes})
    found: dict[str, tuple[int, date]] = {}
    for rule, through, ceiling, code, count in shapes:
        if ceiling is not None and is_statutory(ceiling, through, None if rule is None else rules.get(rule)):
            records, soonest = found.get(code or "", (0, ceiling))
            found[code or ""] = (records + count, min(soonest, ceiling))
    return found


_SHAPE = (RecordDate.rule, RecordDate.retain_through, RecordDate.ceiling_through)


def _rules(session: ReadSession, versions: Collection[UUID | None]) -> dict[UUID, Rule]:
    ids = [version for version in versions if version is not None]
    return {row.id: row.value() for row in session.scalars(select(RetentionRule).where(RetentionRule.id.in_(ids)))}
