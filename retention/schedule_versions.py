"""Which versions of a rule hold on a day, and in what one version keeps less than another. Rules on values.

No version is ever changed. A later one takes the place of an earlier one by what it states itself: all of it where
it is for every record, or else what happened on its first day and later. So the schedule of any past day can be
told from the same rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from core.errors import Conflict
from retention.period import Period
from retention.rule import Rule
from retention.rule_draft import Transition


class OverlappingVersions(Conflict):
    """Two versions of the rule would be for the same events."""

    code = "overlapping_rule_versions"


@dataclass(frozen=True, slots=True)
class Standing:
    """One published version, as far as its place among the others goes."""

    rule: UUID
    """The rule whose version it is."""
    value: Rule
    transition: Transition
    in_force_on: date
    """The first day on which dates are reckoned by it."""
    retired_on: date | None
    """The first day on which they are not, where the rule was taken out of the schedule."""

    def holds_on(self, day: date) -> bool:
        """Whether it counts on that day, before later versions are looked at."""
        return self.in_force_on <= day and (self.retired_on is None or day < self.retired_on)


def in_force(versions: Iterable[Standing], on: date) -> tuple[Rule, ...]:
    """The rules by which dates are reckoned on a day, in the order of their codes.

    An earlier version stays for the events before the first day of a later one, unless that is for every record.
    """
    by_rule: dict[UUID, list[Standing]] = {}
    for each in versions:
        if each.holds_on(on):
            by_rule.setdefault(each.rule, []).append(each)
    found = [value for group in by_rule.values() for value in _side_by_side(group)]
    return tuple(sorted(found, key=lambda value: (value.code, value.version)))


def _side_by_side(versions: Sequence[Standing]) -> list[Rule]:
    """The versions of one rule, the newest first, each shortened to what the newer ones leave to it."""
    found: list[Rule] = []
    last: date | None = None
    for each in sorted(versions, key=lambda one: -one.value.version):
        value = each.value
        if each.transition == "every_record":
            # From the day it is in force it is the rule for all, whenever the event was.
            value = replace(value, valid_from=None)
        if last is not None:
            value = replace(value, valid_to=last if value.valid_to is None else min(value.valid_to, last))
        if value.valid_from is None or value.valid_to is None or value.valid_from <= value.valid_to:
            found.append(value)
        if value.valid_from is None:
            break
        before = value.valid_from - timedelta(days=1)
        last = before if last is None else min(before, last)
    return found


def check_place(new: Rule, versions: Iterable[Standing], on: date) -> None:
    """Pass if a new version can take its place among those of its rule.

    Raises:
        OverlappingVersions: it ends while the one before it would go on, so that both were for some events.
    """
    if new.valid_to is None:
        return
    for value in in_force(versions, on):
        if value.version != new.version and (value.valid_to is None or value.valid_to > new.valid_to):
            raise OverlappingVersions(
                f"version {value.version} goes on after {new.valid_to.isoformat()}: "
                "leave the last day out, or draft it as a rule of its own"
            )


def loosened(before: Rule | None, after: Rule) -> tuple[str, ...]:
    """In what the later version keeps less, or asks less of a person; empty where it does not.

    Codes: ``shorter``, ``trigger``, ``anchor``, ``rounding``, ``alternatives``, ``bound``, ``action``, ``class``,
    ``validity``. Where there was no rule before, nothing was destroyed by one: ``first``.
    """
    if before is None:
        return ("first",)
    found = []
    if after.period != before.period and _shortest(after.period) < _longest(before.period):
        found.append("shorter")
    if after.trigger != before.trigger:
        found.append("trigger")
    if after.anchor != before.anchor:
        found.append("anchor")
    if before.rounding != after.rounding and after.rounding == "none":
        found.append("rounding")
    if set(before.ways[1:]) - set(after.ways):
        found.append("alternatives")
    if before.bound != after.bound:
        found.append("bound")
    if before.action != after.action and after.action != "permanent" and (before.action, after.action) != _STRICTER:
        found.append("action")
    if before.record_class != after.record_class:
        found.append("class")
    if _narrower(before, after):
        found.append("validity")
    return tuple(found)


_STRICTER = ("destroy", "review")


def _narrower(before: Rule, after: Rule) -> bool:
    later = after.valid_from is not None and (before.valid_from is None or after.valid_from > before.valid_from)
    # What lies before its first day follows the version before, so only an end leaves events without a rule.
    ends = after.valid_to is not None and (before.valid_to is None or after.valid_to < before.valid_to)
    return ends and not later


def _longest(period: Period) -> int:
    """No fewer hours than the period ever has; only for telling which of two is shorter."""
    return _hours(period, 3)


def _shortest(period: Period) -> int:
    return _hours(period, -3)


def _hours(period: Period, room: int) -> int:
    # So many months have their mean length, give or take three days.
    months = period.years * 12 + period.months
    days = round(months * 365.2425 / 12) + (room if months else 0) + period.weeks * 7 + period.days
    return days * 24 + period.hours
