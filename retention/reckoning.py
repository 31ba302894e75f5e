"""One rule applied to the facts of one record: the end it gives, and how it came about.

No trigger, no date: where the event is not known the rule waits, and names what it waits for.
Nothing here falls back on the day of upload, or on any other day that happens to be at hand.
Weighing rules against each other is the verdict's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from retention.anchor import Calendar, anchored
from retention.facts import KnownFacts, Match
from retention.period import BeyondCalendar, Period, add, day_after, elapse, rounded
from retention.rule import Alternative, Rule

Standing = Literal["dated", "awaiting", "not_in_force", "other_class"]
_MOMENT = timedelta(microseconds=1)
_FAR = 2 * 366 + 1
"""Days; no two events so far apart give the same end: a year of any kind and a rounded one are shorter."""
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KeptByDecision:
    """That two persons decided to keep a record permanently."""

    id: UUID
    authority: str
    """What it rests on, as cited to an auditor."""
    since: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one record, as far as it bears on its dates."""

    classes: tuple[Match, ...]
    """The record classes that concern it."""
    triggers: Mapping[str, date]
    """Civil days of its events, in the entity's zone."""
    calendar: Calendar
    instants: Mapping[str, datetime] = field(default_factory=dict)
    """Instants of those events that start a period in hours."""
    known: KnownFacts = field(default_factory=dict)
    """What conditions ask for; already answered in ``classes``."""
    document_date: date | None = None
    kept: KeptByDecision | None = None
    """Set where the record is kept whatever its rules say."""

    def __hash__(self) -> int:
        return hash((self.classes, frozenset(self.triggers.items()), frozenset(self.instants.items()), self.calendar))

    def event(self, trigger: str) -> date | None:
        """The day of an event; ``None`` while it is not known."""
        day = self.triggers.get(trigger)
        if day is None and trigger in self.instants:
            return self.calendar.day_of(self.instants[trigger])
        return day


@dataclass(frozen=True, slots=True)
class End:
    """Until when: a last day, or for hours an instant within that day."""

    through: date
    at: datetime | None = None

    @property
    def order(self) -> tuple[date, bool, datetime]:
        """What ends are compared by: a day ends after every instant in it."""
        return self.through, self.at is None, self.at or _NEVER


@dataclass(frozen=True, slots=True)
class Step:
    """One way of a rule, reckoned: event, anchor, period, end."""

    way: Alternative
    event: date | None
    started_at: datetime | None = None
    """For hours: the instant they are counted from."""
    anchor_date: date | None = None
    added: date | None = None
    """Anchor and period, before any rounding."""
    through: date | None = None
    at: datetime | None = None
    """For hours: the instant at which they are over."""

    @property
    def is_clamped(self) -> bool:
        """Whether the last month has no such day, so that its last day stands (art. 3(2)(c), BGB § 188(3))."""
        period = self.way.period
        if self.added is None or self.anchor_date is None or period.weeks or period.days or period.hours:
            return False
        return self.added.day < self.anchor_date.day


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What one rule says of one record."""

    rule: Rule
    standing: Standing
    certain: bool
    """Whether its class certainly concerns the record."""
    reason: str
    """A code; empty where the rule is dated."""
    steps: tuple[Step, ...] = ()
    missing: tuple[str, ...] = ()
    decisive: Step | None = None
    """The way that ends last."""

    @property
    def end(self) -> End:
        """The end it gives. Ask only where it is dated."""
        assert self.decisive is not None
        return end_of(self.decisive)


def reckon(rule: Rule, certain: bool | None, facts: Facts) -> Reckoning:
    """Apply a rule; ``certain`` as its class matched, ``None`` where it did not.

    Raises nothing: an end beyond the calendar leaves the rule waiting for its event to be corrected.
    """
    if certain is None:
        return Reckoning(rule, "other_class", False, "other_class")
    event = facts.event(rule.trigger)
    if event is not None and not rule.covers(event):
        early = rule.valid_from is not None and event < rule.valid_from
        return Reckoning(
            rule,
            "not_in_force",
            certain,
            "event_before_validity" if early else "event_after_validity",
            (Step(rule.ways[0], event),),
        )
    try:
        steps = tuple(_step(rule, way, facts) for way in rule.ways)
    except BeyondCalendar:
        events = tuple(Step(way, facts.event(way.trigger)) for way in rule.ways)
        return Reckoning(
            rule, "awaiting", certain, "event_beyond_calendar", events, tuple(sorted({s.way.trigger for s in events}))
        )
    if missing := tuple(sorted({step.way.trigger for step in steps if step.through is None})):
        return Reckoning(rule, "awaiting", certain, "event_unknown", steps, missing)
    return Reckoning(rule, "dated", certain, "", steps, (), max(steps, key=lambda step: end_of(step).order))


def end_of(step: Step) -> End:
    """The end that a dated way gives."""
    assert step.through is not None
    return End(step.through, step.at)


def same_end(rule: Rule, step: Step, calendar: Calendar) -> tuple[date, date]:
    """First and last day of the events that would give this way of the rule the same end.

    Only for a dated way that is not in hours. Ends never move back as events move on, so both are found by halving.
    """
    assert step.event is not None

    def differs(event: date) -> bool:
        try:
            return _of_day(rule, step.way, event, calendar).through != step.through
        except BeyondCalendar:
            return True

    def edge(towards: int) -> date:
        inside, outside = 0, _FAR
        while outside - inside > 1:
            middle = (inside + outside) // 2
            day = _moved(event, towards * middle)
            if day is None or differs(day):
                outside = middle
            else:
                inside = middle
        return event + timedelta(days=towards * inside)

    event = step.event
    return edge(-1), edge(1)


def _moved(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


def _step(rule: Rule, way: Alternative, facts: Facts) -> Step:
    event = facts.event(way.trigger)
    if event is None:
        return Step(way, None)
    if way.period.is_hours:
        return _hours(rule, way, way.period, event, facts)
    return _of_day(rule, way, event, facts.calendar)


def _of_day(rule: Rule, way: Alternative, event: date, calendar: Calendar) -> Step:
    anchor_date = anchored(way.anchor, event, calendar)
    added = add(anchor_date, way.period)
    through = rounded(added, rule.rounding)
    day_after(through)
    return Step(way, event, None, anchor_date, added, through)


def _hours(rule: Rule, way: Alternative, period: Period, event: date, facts: Facts) -> Step:
    start = facts.instants.get(way.trigger)
    if start is None:
        # The day is known and the hour is not: a maximum runs from the day's first moment,
        # what must or may be kept from its last one.
        first = event if rule.bound == "maximum" else day_after(event)
        start = datetime.combine(first, time(), ZoneInfo(facts.calendar.zone))
    at = elapse(start, period)
    through = facts.calendar.day_of(at - _MOMENT)
    day_after(through)
    return Step(way, event, start.astimezone(UTC), event, through, through, at)
