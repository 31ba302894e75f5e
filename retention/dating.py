"""Reckons the dates of records from the rows of now: one at a time for whoever decides, in batches for the archive.

One component reckons dates, and the same is asked again before anything is destroyed. A verdict depends on a few
values (``record_facts.Seen``), so that in a batch it is reckoned once for all records that are seen alike.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import select

from accounts import entities
from accounts.entities import LegalEntity
from core.clock import civil_date, to_us
from core.database import ReadSession
from core.errors import NotFound
from retention import fact, record_facts
from retention import facts as fact_classes
from retention import schedule_rows as schedule
from retention.fact import NOTHING, Known
from retention.record_facts import ON_ITS_OWN, SAME, Gathered, Seen
from retention.rule import OWN, Rule
from retention.schedule_rows import RetentionRule
from retention.verdict import CLASS_CONFIRMED, Facts, Verdict, decide, triggers_asked_for

_MOST_REMEMBERED = 60_000
"""Some 50 MB. A million records are seen in fewer ways, as a rule."""
_MOST_STATEMENTS = 4_000
"""Of one class."""
_MOST_RECKONERS = 16


@dataclass(frozen=True, slots=True)
class Dates:
    """What is written of a verdict."""

    state: str
    retain_through: date | None
    eligible_from: date | None
    eligible_at: datetime | None
    floor_through: date | None
    ceiling_through: date | None
    rule: UUID | None
    action: str | None
    missing: tuple[str, ...]
    basis: bytes
    floor_decides: bool
    """Whether a statutory minimum gives the date: the object store may be asked to lock then."""
    code: str = field(init=False)
    """The date as the log says it: a day, or the state that has none."""
    columns: tuple[Any, ...] = field(init=False)
    """Its days, instant, rule, action and missing events as both drivers write them: prepared once, for all records
    that are seen alike."""

    def __post_init__(self) -> None:
        days = (self.retain_through, self.eligible_from, self.floor_through, self.ceiling_through)
        through, eligible, floor, ceiling = (None if day is None else day.isoformat() for day in days)
        instant = None if self.eligible_at is None else to_us(self.eligible_at)
        rule = None if self.rule is None else self.rule.hex
        columns = (through, eligible, instant, floor, ceiling, rule, self.action, json.dumps(self.missing))
        object.__setattr__(self, "code", through or self.state)
        object.__setattr__(self, "columns", columns)


class Reckoner:
    """The schedule of one entity on one day, and the verdicts it has given."""

    def __init__(self, home: LegalEntity, rules: Sequence[Rule], number: int, entity: Known) -> None:
        self.entity = home.id
        self.number = number
        """Of the schedule."""
        self.rules = tuple(rules)
        self.calendar = record_facts.calendar_of(home)
        self._known = entity
        self._stated = frozenset(rule.record_class for rule in rules)
        self._asked = triggers_asked_for(rules)
        self._remembered: dict[tuple[Any, ...], Dates] = {}
        self._plain: dict[tuple[Any, ...], Dates] = {}
        self._of_class: dict[str | None, _Concern] = {}

    def facts(self, seen: Seen) -> Facts:
        """The facts of a record seen so."""
        return record_facts.facts_of(seen, self._known, self._stated, self._asked, self.calendar)

    def verdict(self, facts: Facts, rules: Sequence[Rule] | None = None) -> Verdict:
        """The verdict of all rules, or of ``rules``."""
        found = decide(self.rules if rules is None else rules, facts)
        if found.state == "awaiting_trigger" and not found.missing and facts.classes:
            return replace(found, missing=(CLASS_CONFIRMED,))
        return found

    def dates_of(self, rows: Sequence[Any], gathered: Gathered) -> list[Dates]:
        """What is written of each of these records, ``gathered`` for them.

        Where nothing is stated beside a record its row says all; rows that say the same are looked at once.
        """
        own, files, plain = gathered.own, gathered.files, self._plain
        found = []
        for row in rows:
            if gathered.kept or row.id in own or row.case_file in files:
                found.append(self.dates(gathered.seen(row)))
                continue
            said = row[ON_ITS_OWN]
            dates = plain.get(said)
            if dates is None:
                if len(plain) >= _MOST_REMEMBERED:
                    plain.clear()
                dates = plain[said] = self.dates(gathered.seen(row))
            found.append(dates)
        return found

    def dates(self, seen: Seen) -> Dates:
        """What is written of a record seen so."""
        record_class, settled, day, own, file, kept = seen
        if kept is not None:
            # Each by a decision of its own: none to remember.
            return self._written(seen)
        concern = self._of_class.get(record_class) or self._concern(record_class)
        key = (
            record_class,
            settled,
            day if concern.asks_own_day else None,
            own if own is NOTHING else concern.part_of(own),
            file if file is NOTHING else concern.part_of(file),
        )
        known = self._remembered.get(key)
        if known is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[key] = self._written(Seen(*key))
        return known

    def _written(self, seen: Seen) -> Dates:
        facts = self.facts(seen)
        return written(self.verdict(facts, self._concerning(facts)), facts)

    def _concerning(self, facts: Facts) -> list[Rule]:
        names = {match.record_class for match in facts.classes}
        return [rule for rule in self.rules if rule.record_class in names]

    def _concern(self, record_class: str | None) -> "_Concern":
        # With nothing known no class is ruled out: these are all that could concern such a record.
        unknown = record_facts.facts_of(
            Seen(record_class, True, None, NOTHING, NOTHING), NOTHING, self._stated, (), self.calendar
        )
        mapped = fact_classes.load().fact_classes
        conditions = [mapped[m.record_class].when for m in unknown.classes if m.record_class in mapped]
        names = triggers_asked_for(self._concerning(unknown)) | {c.fact for c in conditions if c is not None}
        found = self._of_class[record_class] = _Concern(names)
        return found


class _Concern:
    """The events and facts that the rules of one class and their conditions ask for: nothing else can move a date."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names | {SAME[name] for name in names & SAME.keys()}
        self.asks_own_day = not self._names.isdisjoint(OWN)
        self.part_of = lru_cache(maxsize=_MOST_STATEMENTS)(self._part_of)

    def _part_of(self, known: Known) -> Known:
        """Of what is stated, what is asked for."""
        triggers = tuple(each for each in known.triggers if each[0] in self._names)
        conditions = tuple(each for each in known.conditions if each[0] in self._names)
        return Known(triggers, conditions) if triggers or conditions else NOTHING


def written(verdict: Verdict, facts: Facts) -> Dates:
    """What is written of a verdict on these facts."""
    return Dates(
        state=verdict.state,
        retain_through=verdict.retain_through,
        eligible_from=verdict.eligible_from,
        eligible_at=verdict.eligible_at,
        floor_through=verdict.floor_through,
        ceiling_through=verdict.ceiling_through,
        rule=verdict.winner.id if verdict.winner is not None else None,
        action=verdict.action,
        missing=verdict.missing,
        basis=basis_of(verdict, facts),
        floor_decides=verdict.state == "dated" and verdict.winner is not None and verdict.winner.bound == "minimum",
    )


def basis_of(verdict: Verdict, facts: Facts) -> bytes:
    """Digest of the rule versions that concern the record and of the facts they ask for, 32 bytes.

    It is the same as long as nothing a verdict depends on has changed, and other rules do not move it.
    """
    rules = [c.rule for c in verdict.considered if c.outcome != "other_class"]
    asked = triggers_asked_for(rules)
    names = {rule.record_class for rule in rules}
    calendar = facts.calendar
    # Codes, ids and days: none of them holds a separator.
    lines = [f"calendar {calendar.zone} {calendar.fiscal_year_start} {calendar.tax_year_end}"]
    lines += sorted(f"class {m.record_class} {m.certain}" for m in facts.classes if m.record_class in names)
    lines += sorted(f"event {name} {day}" for name, day in facts.triggers.items() if name in asked)
    lines += sorted(f"instant {name} {at.isoformat()}" for name, at in facts.instants.items() if name in asked)
    lines += [f"kept {facts.kept.id.hex}"] if facts.kept is not None else []
    lines += sorted(f"rule {rule.id.hex} {rule.valid_from} {rule.valid_to}" for rule in rules)
    return hashlib.sha256(b"muniment/dates/1\0" + "\n".join(lines).encode()).digest()


_reckoners: dict[object, Reckoner] = {}


def reckoner_of(session: ReadSession, entity: UUID, at: datetime) -> Reckoner:
    """The schedule of an entity as it stands at an instant; the same as last time where nothing of it has changed.

    Raises:
        UnknownEntity: there is none.
    """
    home = entities.get(session, entity)
    today = civil_date(at, home.zone)
    known = fact.stated(session, [entity]).get(entity, NOTHING)
    standing = session.execute(
        select(RetentionRule.id, RetentionRule.in_force_on, RetentionRule.retired_on)
        .where(RetentionRule.entity == entity, RetentionRule.in_force_on.is_not(None))
        .order_by(RetentionRule.id)
    ).all()
    number = schedule.revision(session, entity)
    key = (entity, today, home.zone, home.fiscal_year_start, known, number, tuple(tuple(row) for row in standing))
    found = _reckoners.get(key)
    if found is None:
        if len(_reckoners) >= _MOST_RECKONERS:
            _reckoners.clear()
        found = _reckoners[key] = Reckoner(home, schedule.published(session, entity, today), number, known)
    return found


def seen_of(session: ReadSession, record_id: UUID) -> tuple[UUID, Seen]:
    """The entity of a record, and how its verdict sees it.

    Raises:
        NotFound: there is no such record.
    """
    rows = record_facts.rows_of(session, [record_id])
    if not rows:
        raise NotFound("there is no such record")
    entity = record_facts.as_id(rows[0].entity)
    return entity, record_facts.gather(session, rows).seen(rows[0])


def fresh(session: ReadSession, record_id: UUID, at: datetime) -> tuple[Verdict, Facts, bytes]:
    """The verdict on a record as all rows stand in this session, with its facts and basis.

    Raises:
        NotFound: there is no such record.
    """
    entity, seen = seen_of(session, record_id)
    reckoner = reckoner_of(session, entity, at)
    facts = reckoner.facts(seen)
    verdict = reckoner.verdict(facts)
    return verdict, facts, basis_of(verdict, facts)
