"""The verdict: until when one record must be kept, and from when it may not be kept any longer.

Rules are weighed by their bound. A **minimum** is a floor: nothing is destroyed before it, and
the longest floor counts. A **maximum** is a ceiling set by statute, and the shortest counts.
**Limitation** and **guidance** give purposes: keeping is allowed for them, not commanded; the
longest counts, and never reaches beyond a maximum. Where no statute sets a maximum, the ceiling
is the later of floor and purpose, and the slack for review and destruction.

What cannot be decided is not guessed. A floor beyond a ceiling goes to a person (``conflict``);
a rule whose event is not known leaves the record ``awaiting_trigger``; where no rule applies it
is ``no_rule``. None of these has a date, and a record without a date is never eligible. What two persons decided to
keep is ``permanent`` whatever its rules say, and a ``conflict`` under a statutory maximum. Where it
is not certain that a class concerns the record, its floor counts and its maximum does not.

Pure: the same rules and facts always give the same verdict. A verdict says nothing of holds;
whoever destroys asks for blockers, too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from retention import facts as fact_classes
from retention.period import BeyondCalendar, Period, add, day_after, latest_start
from retention.reckoning import End, Facts, Reckoning, reckon
from retention.rule import Action, Rule

__all__ = ["CLASS_CONFIRMED", "Considered", "Facts", "State", "Verdict", "decide", "doubt_about", "triggers_asked_for"]

CLASS_CONFIRMED = "class_confirmed"
"""Missing where nobody has confirmed that the record is of its class."""

State = Literal["dated", "awaiting_trigger", "no_rule", "conflict", "permanent"]
_CARE: dict[str, int] = {"destroy": 0, "transfer": 1, "review": 2, "permanent": 3}
Outcome = Literal["floor", "purpose", "ceiling", "not_in_force", "awaiting", "other_class", "uncertain"]


@dataclass(frozen=True, slots=True)
class Considered:
    """One rule as it was weighed."""

    rule: Rule
    outcome: Outcome
    is_winner: bool
    event: date | None
    anchor_date: date | None
    through: date | None
    reason: str
    """Why it decided, or why not: a code of ``retention.why.REASONS``."""
    at: datetime | None = None
    """For hours: the instant at which they are over."""
    certain: bool = True
    """Whether its class certainly concerns the record."""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one record."""

    state: State
    retain_through: date | None
    """The last day it is kept."""
    eligible_from: date | None
    """The day after: the first on which it may be proposed."""
    eligible_at: datetime | None
    """For hours: the exact instant from which it may be proposed; within the last day kept, or as it ends."""
    floor_through: date | None
    """Until then a statute demands it. ``None`` where none does, and also while a floor is still open."""
    purpose_through: date | None
    ceiling_through: date | None
    """The last day it may be kept, time for review and destruction included."""
    winner: Rule | None
    action: Action | None
    """What the winner asks for; set with the states ``dated`` and ``permanent``."""
    missing: tuple[str, ...]
    """Events (and facts, where a class is in doubt) without which there is no date."""
    considered: tuple[Considered, ...]


def decide(rules: Sequence[Rule], facts: Facts) -> Verdict:
    """Weigh all rules of an entity for one record. The order of the rules does not matter."""
    certain = {match.record_class: match.certain for match in facts.classes}
    return _Weighing([reckon(rule, certain.get(rule.record_class), facts) for rule in rules], facts).verdict()


def doubt_about(record_class: str, facts: Facts) -> str:
    """What has to be known before a class that is not certain can be: the fact it asks for, or the class itself."""
    fact_class = fact_classes.load().fact_classes.get(record_class)
    if fact_class is not None and fact_class.when is not None and fact_class.when.holds(facts.known) is None:
        return fact_class.when.fact
    return CLASS_CONFIRMED


def triggers_asked_for(rules: Iterable[Rule]) -> frozenset[str]:
    """The events that any of the rules asks for: facts beyond them make no difference to a verdict."""
    return frozenset(way.trigger for rule in rules for way in rule.ways)


class _Weighing:
    """One verdict in the making."""

    def __init__(self, reckonings: list[Reckoning], facts: Facts) -> None:
        self.all = reckonings
        self.facts = facts
        live = [r for r in reckonings if r.standing in ("dated", "awaiting")]
        counted = [r for r in live if r.certain or r.rule.bound != "maximum"]
        dated = [r for r in counted if r.standing == "dated"]
        self.counted = counted
        self.open = [r for r in counted if r.standing == "awaiting"]
        self.permanent = [r for r in live if r.rule.action == "permanent"]
        self.floor = _longest(r for r in dated if r.rule.bound == "minimum")
        self.purpose = _longest(r for r in dated if r.rule.bound in ("limitation", "guidance"))
        self.ceiling = _shortest(r for r in dated if r.rule.bound == "maximum")

    def verdict(self) -> Verdict:
        if self.permanent or self.facts.kept is not None:
            if self.ceiling is not None:
                return self._undated("conflict")
            return self._undated("permanent", winner=min(self.permanent, key=_name, default=None))
        if self.floor is not None and self.ceiling is not None and _ends_before(self.ceiling, self.floor):
            return self._undated("conflict")
        if self.open:
            return self._undated("awaiting_trigger", missing={code for r in self.open for code in r.missing})
        if not self.counted:
            return self._undated("no_rule")
        if not any(r.certain for r in self.counted):
            doubts = {doubt_about(r.rule.record_class, self.facts) for r in self.counted}
            return self._undated("awaiting_trigger", missing=doubts)
        return self._dated()

    def _dated(self) -> Verdict:
        keep = _longest(r for r in (self.floor, self.purpose) if r is not None)
        if self.ceiling is not None and (keep is None or _ends_before(self.ceiling, keep)):
            winner, end = self.ceiling, self._before_the_ceiling(self.ceiling)
        else:
            assert keep is not None
            winner, end = keep, keep.end
        ceiling = self.ceiling.end.through if self.ceiling is not None else _with_slack(end, winner.rule.room)
        return Verdict(
            "dated",
            end.through,
            day_after(end.through),
            end.at,
            _through(self.floor),
            _through(self.purpose),
            ceiling,
            winner.rule,
            winner.rule.action,
            (),
            self._considered(winner, "dated"),
        )

    def _before_the_ceiling(self, ceiling: Reckoning) -> End:
        """A maximum decides: what slack its rule states is counted inside it (DIN 66398), but not before a floor."""
        end, slack = ceiling.end, ceiling.rule.slack
        if slack is None or end.at is not None:
            return end
        assert ceiling.decisive is not None
        assert ceiling.decisive.anchor_date is not None
        least = ceiling.decisive.anchor_date
        try:
            earlier = max(latest_start(end.through, slack), least)
        except BeyondCalendar:
            earlier = least
        if self.floor is not None:
            earlier = max(earlier, self.floor.end.through)
        return End(min(earlier, end.through))

    def _undated(self, state: State, winner: Reckoning | None = None, missing: Iterable[str] = ()) -> Verdict:
        floor_open = any(r.rule.bound == "minimum" for r in self.open) or bool(self.permanent) or state == "permanent"
        purpose_open = any(r.rule.bound in ("limitation", "guidance") for r in self.open)
        return Verdict(
            state,
            None,
            None,
            None,
            None if floor_open else _through(self.floor),
            None if purpose_open else _through(self.purpose),
            _through(self.ceiling),
            None if winner is None else winner.rule,
            "permanent" if state == "permanent" else None,
            tuple(sorted(missing)),
            self._considered(winner, state),
        )

    def _considered(self, winner: Reckoning | None, state: State) -> tuple[Considered, ...]:
        return tuple(self._weighed(r, winner, state) for r in self.all)

    def _weighed(self, r: Reckoning, winner: Reckoning | None, state: State) -> Considered:
        step = r.decisive or (r.steps[0] if r.steps else None)
        return Considered(
            r.rule,
            _outcome(r),
            r is winner,
            step.event if step else None,
            step.anchor_date if step else None,
            step.through if step and r.standing == "dated" else None,
            self._reason(r, winner, state),
            step.at if step and r.standing == "dated" else None,
            r.certain,
            r.missing,
        )

    def _reason(self, r: Reckoning, winner: Reckoning | None, state: State) -> str:
        if r is winner:
            return "decides"
        if r.standing in ("other_class", "not_in_force"):
            return r.reason
        if not r.certain and r.rule.bound == "maximum":
            return "class_uncertain"
        if state == "permanent":
            return "kept_by_decision" if winner is None else "kept_permanently"
        if r.rule.action == "permanent" or (state == "conflict" and r in (self.floor, self.ceiling)):
            return "floor_beyond_maximum"
        if r.standing == "awaiting":
            return r.reason
        if state != "dated" or winner is None:
            return "waits_with_others"
        return self._lost(r, winner)

    def _lost(self, r: Reckoning, winner: Reckoning) -> str:
        if r.rule.bound == "maximum":
            return "longer_maximum" if r is not self.ceiling else "maximum_not_reached"
        if winner.rule.bound == "maximum" and _ends_before(winner, r):
            return "capped_by_maximum"
        if r.end == winner.end:
            return "same_end"
        if r.rule.bound == "minimum":
            return "shorter_floor"
        return "yields_to_floor" if winner.rule.bound == "minimum" else "shorter_purpose"


def _outcome(r: Reckoning) -> Outcome:
    if r.standing in ("other_class", "not_in_force"):
        return "other_class" if r.standing == "other_class" else "not_in_force"
    if not r.certain and r.rule.bound == "maximum":
        return "uncertain"
    if r.rule.action == "permanent":
        return "floor"
    if r.standing == "awaiting":
        return "awaiting"
    return {"minimum": "floor", "maximum": "ceiling"}.get(r.rule.bound, "purpose")  # type: ignore[return-value]


def _longest(reckonings: Iterable[Reckoning]) -> Reckoning | None:
    # Where ends are equal a floor goes before a purpose, and what asks more of a person before what asks less;
    # then the code decides, and never the order of the rules.
    return max(
        sorted(reckonings, key=_name),
        key=lambda r: (r.end.order, r.rule.bound == "minimum", r.certain, _CARE[r.rule.action]),
        default=None,
    )


def _shortest(reckonings: Iterable[Reckoning]) -> Reckoning | None:
    return min(sorted(reckonings, key=_name), key=lambda r: r.end.order, default=None)


def _name(r: Reckoning) -> tuple[str, int]:
    return r.rule.code, -r.rule.version


def _ends_before(one: Reckoning, other: Reckoning) -> bool:
    return one.end.order < other.end.order


def _through(r: Reckoning | None) -> date | None:
    return None if r is None else r.end.through


def _with_slack(end: End, slack: Period) -> date | None:
    try:
        return add(end.through, slack)
    except BeyondCalendar:
        return None
