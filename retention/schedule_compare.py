"""Comparing schedules: two versions of a rule, two days, or what an entity has with a starter pack."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from accounts.principal import Principal
from core.database import ReadSession
from core.errors import Invalid
from retention import packs, schedule
from retention.rule_draft import RuleDraft, differences
from retention.schedule import RetentionRule
from retention.schedule_versions import loosened


@dataclass(frozen=True, slots=True)
class Difference:
    """How one rule differs."""

    code: str
    before: int | None
    """Version; ``None`` where the rule was not there, or stands in a pack."""
    after: int | None
    fields: tuple[tuple[str, Any, Any], ...]
    """Field, value before, value after; empty where the rule came or went."""
    loosens: tuple[str, ...]
    """In what the later one keeps less, as ``schedule_versions.loosened`` says it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came, went and changed, each by code."""

    added: tuple[Difference, ...]
    removed: tuple[Difference, ...]
    changed: tuple[Difference, ...]
    same: int


def versions(session: ReadSession, one: UUID, other: UUID, *, by: Principal) -> Difference:
    """Two versions of one rule, whatever became of them; the first is taken for the earlier.

    Raises:
        UnknownRule: ``by`` does not see one of them.
        Invalid: they are versions of different rules.
    """
    before, after = schedule.get(session, one, by=by), schedule.get(session, other, by=by)
    if before.rule != after.rule:
        raise Invalid("choose two versions of the same rule")
    return difference(before, after)


def difference(before: RetentionRule, after: RetentionRule) -> Difference:
    """Two versions of one rule, as they were stated."""
    fields = differences(before.draft, after.draft, reviews=False)
    return Difference(before.code, before.version, after.version, fields, loosened(before.value(), after.value()))


def days(session: ReadSession, entity: UUID, one: date, other: date, *, by: Principal) -> Comparison:
    """The schedule of an entity as it was on two days.

    Raises:
        NotAllowed: ``by`` does not see its retention.
    """
    rows = {row.id: row for row in schedule.listed(session, entity, by=by)}

    def on(day: date) -> dict[str, tuple[int | None, RuleDraft]]:
        # Where two versions stand side by side, the newest is what the schedule says from then on.
        held = sorted(schedule.published(session, entity, day), key=lambda rule: rule.version)
        return {rule.code: (rule.version, rows[rule.id].draft) for rule in held}

    return _compare(on(one), on(other))


def with_pack(session: ReadSession, entity: UUID, country: str, on: date, *, by: Principal) -> Comparison:
    """A starter pack with what the entity has of it: ``added`` are rules of its own for that country.

    Raises:
        NotAllowed: ``by`` does not see its retention.
        UnknownPack: there is none.
    """
    rows = {row.id: row for row in schedule.listed(session, entity, by=by)}
    held = sorted(schedule.published(session, entity, on), key=lambda rule: rule.version)
    own: dict[str, tuple[int | None, RuleDraft]] = {
        rule.code: (rule.version, rows[rule.id].draft) for rule in held if rule.jurisdiction == country
    }
    return _compare({rule.code: (None, rule) for rule in packs.load(country).rules}, own)


def _compare(
    before: Mapping[str, tuple[int | None, RuleDraft]], after: Mapping[str, tuple[int | None, RuleDraft]]
) -> Comparison:
    changed, same = [], 0
    for code in sorted(before.keys() & after.keys()):
        (first, one), (second, other) = before[code], after[code]
        fields = differences(one, other, reviews=False)
        if fields:
            changed.append(Difference(code, first, second, fields, loosened(one.rule(), other.rule())))
        else:
            same += 1
    return Comparison(
        added=tuple(Difference(code, None, after[code][0], (), ()) for code in sorted(after.keys() - before.keys())),
        removed=tuple(
            Difference(code, before[code][0], None, (), ("removed",)) for code in sorted(before.keys() - after.keys())
        ),
        changed=tuple(changed),
        same=same,
    )
