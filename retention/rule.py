"""A retention rule: how long one class of record is kept, on whose authority.

A rule is data. It can be read beside the statute it cites: the class, the event that starts
the period, the anchor it is counted from, the period, and what happens then. The verdict
weighs rules against each other; the schedule stores their versions.

``check`` refuses what contradicts itself, before it can date anything.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from accounts.entities import COUNTRIES
from core.errors import Invalid
from records import case_file, file_plan
from retention import facts
from retention.anchor import ANCHORS, Anchor, Calendar, anchored
from retention.period import ROUNDINGS, BeyondCalendar, Period, Rounding, add, rounded

Bound = Literal["minimum", "maximum", "limitation", "guidance"]
Action = Literal["destroy", "review", "transfer", "permanent"]
Confidence = Literal["verified", "unverified"]

BOUNDS: tuple[Bound, ...] = ("minimum", "maximum", "limitation", "guidance")
ACTIONS: tuple[Action, ...] = ("destroy", "review", "transfer", "permanent")
CONFIDENCES: tuple[Confidence, ...] = ("verified", "unverified")
EU = "EU"
"""Beside the countries: law that binds in every member state."""

OWN: tuple[str, ...] = ("document_created", "record_made", "recorded", "sent_or_received")
"""What each document has of its own: the day it bears."""
TRIGGERS: tuple[str, ...] = (*OWN, *case_file.TRIGGERS)
"""The events a period may start with. A word of its own nobody would ever state, so a rule may not invent one."""

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,79}\Z")
_STANDARD_SLACK: tuple[tuple[int, Period], ...] = (
    (365, Period(months=3)),
    (90, Period(months=1)),
    (28, Period(weeks=1)),
    (0, Period(days=1)),
)
_SAMPLE_DAYS = tuple(map(date.fromordinal, range(date(2023, 1, 1).toordinal(), date(2025, 1, 1).toordinal())))
"""Every day of a common year and a leap year."""
_ANYWHERE = Calendar("UTC")


class InvalidRule(Invalid):
    """The rule contradicts itself."""

    code = "invalid_retention_rule"


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way to reckon the end; the latest end counts."""

    trigger: str
    anchor: Anchor
    period: Period


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of one rule, for one legal entity."""

    id: UUID
    code: str
    """Its name among people, such as ``de-invoice``."""
    version: int
    entity: UUID
    jurisdiction: str
    """ISO 3166 country, or ``EU``."""
    record_class: str
    """A record class of the facts, or a class of the file plan."""
    trigger: str
    anchor: Anchor
    period: Period
    rounding: Rounding
    later_of: tuple[Alternative, ...]
    """Where the statute says "whichever is later"; the rule's own trigger, anchor and period count too."""
    bound: Bound
    action: Action
    legal_basis: str
    note: str = ""
    source: str = ""
    confidence: Confidence = "unverified"
    valid_from: date | None = None
    """First day of the events it applies to."""
    valid_to: date | None = None
    """Last day of the events it applies to."""
    slack: Period | None = None
    """Time for review and destruction; ``None``: the standard one, see ``room``."""

    def __hash__(self) -> int:
        # A version never changes, so its name is enough to find it by; equality still compares all.
        return hash((self.id, self.version))

    @property
    def room(self) -> Period:
        """The slack: as stated, or three months after years, one after a quarter, a week after weeks, else a day."""
        if self.slack is not None:
            return self.slack
        if self.period.is_zero:
            return _STANDARD_SLACK[0][1]
        days = (
            self.period.years * 365
            + self.period.months * 30
            + self.period.weeks * 7
            + self.period.days
            + self.period.hours // 24
        )
        return next(slack for least, slack in _STANDARD_SLACK if days >= least)

    @property
    def ways(self) -> tuple[Alternative, ...]:
        """All ways to reckon its end, its own first, each once."""
        own = Alternative(self.trigger, self.anchor, self.period)
        return (own, *(way for way in self.later_of if way != own))

    def covers(self, event: date) -> bool:
        """Whether an event of that day falls into the rule's validity."""
        return (self.valid_from is None or event >= self.valid_from) and (
            self.valid_to is None or event <= self.valid_to
        )


def check(rule: Rule) -> None:
    """Refuse a rule that contradicts itself.

    Raises:
        InvalidRule: it does, or names a country, class, trigger, anchor … that there is not; the detail says which.
    """
    _check_names(rule)
    for way in rule.ways:
        _check_way(way)
    _check_later_of(rule)
    if rule.period.is_hours and rule.rounding != "none":
        raise InvalidRule("a period in hours is not rounded to the end of a year")
    if rule.valid_from is not None and rule.valid_to is not None and rule.valid_to < rule.valid_from:
        raise InvalidRule("the rule ends before it begins")
    if rule.action == "permanent" and rule.bound != "minimum":
        raise InvalidRule("what is kept permanently is a minimum: it cannot have to go, or wait for a claim to lapse")
    if rule.slack is not None and rule.slack.is_hours:
        raise InvalidRule("the slack is in days or longer")
    if rule.slack is not None and rule.bound == "maximum" and rule.period.is_hours:
        raise InvalidRule("a maximum in hours leaves no slack of days")


def _check_names(rule: Rule) -> None:
    if not _CODE.match(rule.code):
        raise InvalidRule("the code is made of a to z, 0 to 9 and -, such as de-invoice")
    if rule.version < 1:
        raise InvalidRule("versions count from 1")
    if rule.jurisdiction not in COUNTRIES and rule.jurisdiction != EU:
        raise InvalidRule("the jurisdiction is a country code such as DE, or EU")
    if rule.record_class not in facts.load().fact_classes and rule.record_class not in file_plan.load():
        raise InvalidRule("the record class is neither one of the facts nor a class of the file plan")
    for value, among, what in (
        (rule.rounding, ROUNDINGS, "rounding"),
        (rule.bound, BOUNDS, "bound"),
        (rule.action, ACTIONS, "action"),
        (rule.confidence, CONFIDENCES, "confidence"),
    ):
        if value not in among:
            raise InvalidRule(f"the {what} is one of {', '.join(among)}")
    if not rule.legal_basis.strip():
        raise InvalidRule("name the provision, or the decision of the organisation, that the rule rests on")


def _check_way(way: Alternative) -> None:
    if way.trigger not in TRIGGERS:
        raise InvalidRule("a period starts with one of the known events, not with another period")
    if way.anchor not in ANCHORS:
        raise InvalidRule(f"the anchor is one of {', '.join(ANCHORS)}")
    if way.period.is_hours and way.anchor != "event_date":
        raise InvalidRule("a period in hours is counted from the event itself")


def _check_later_of(rule: Rule) -> None:
    if len(set(rule.later_of)) != len(rule.later_of):
        raise InvalidRule("the same alternative is stated twice")
    if len({way.period.is_hours for way in rule.ways}) > 1:
        raise InvalidRule("alternatives in hours and in days cannot be compared")
    seen: dict[tuple[str, str], Period] = {}
    for way in rule.ways:
        if seen.setdefault((way.trigger, way.anchor), way.period) != way.period:
            raise InvalidRule("two alternatives start with the same event, so one of them never counts")


def contradictions(rules: Sequence[Rule]) -> tuple[tuple[Rule, Rule], ...]:
    """Pairs of a minimum and a maximum that can never both be kept: same class, event and anchor, and no day fits.

    Such a pair sends every record of the class to a person; whoever publishes it should know.
    """
    floors = [rule for rule in rules if rule.bound == "minimum" and not rule.later_of and not rule.period.is_hours]
    ceilings = [rule for rule in rules if rule.bound == "maximum" and not rule.later_of and not rule.period.is_hours]
    return tuple((floor, ceiling) for floor in floors for ceiling in ceilings if _never_both(floor, ceiling))


def _never_both(floor: Rule, ceiling: Rule) -> bool:
    if (floor.record_class, floor.trigger, floor.anchor) != (ceiling.record_class, ceiling.trigger, ceiling.anchor):
        return False
    if floor.action == "permanent":
        return True
    return all(_end(floor, day) > _end(ceiling, day) for day in _SAMPLE_DAYS)


def _end(rule: Rule, event: date) -> date:
    try:
        return rounded(add(anchored(rule.anchor, event, _ANYWHERE), rule.period), rule.rounding)
    except BeyondCalendar:
        return date.max
