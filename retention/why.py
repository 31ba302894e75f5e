"""*Why this date?*: a verdict told to somebody who may contradict it.

Every rule that was considered, the one that decided, its sum step by step as on paper, the
others with the reason why they did not decide, what blocks the record, and what would change the
date. All of it is worked out anew from the rules and facts of the verdict, so that it can be
read beside the statute; nothing is decided here.

``to_json`` is for programs and stays stable; ``retention.why_sentences`` tells it to people.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Protocol
from uuid import UUID

from retention import facts as fact_classes
from retention.facts import Match
from retention.reckoning import Facts, KeptByDecision, Step, reckon, same_end
from retention.rule import Rule
from retention.verdict import CLASS_CONFIRMED, Considered, Verdict, decide, doubt_about
from retention.why_words import reasons

__all__ = ["REASONS", "Blocking", "Change", "Why", "explain"]

REASONS: frozenset[str] = frozenset(reasons(str))
"""Codes of the reasons; published, never renamed."""
CHANGES = ("state_event", "correct_event", "rule_gone", "class_decided", "review_rule", "release", "decide")


class Blocking(Protocol):
    """What keeps a record from being destroyed now: a hold of any kind."""

    @property
    def kind(self) -> str: ...
    @property
    def hold(self) -> UUID: ...
    @property
    def since(self) -> datetime | date: ...
    @property
    def review_on(self) -> date | None: ...


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would change the date."""

    code: str
    """One of ``CHANGES``."""
    about: str
    """The event, fact, rule or hold it is about."""
    first: date | None = None
    """``correct_event``: events from here …"""
    last: date | None = None
    """… to here give the same date. Both ``None`` where another end is later, so that this one may not matter."""
    then: Verdict | None = None
    """What the verdict would be, where that can be said."""
    otherwise: Verdict | None = None
    """``class_decided`` by a fact: what it would be if the class does not concern the record."""


@dataclass(frozen=True, slots=True)
class Why:
    """A verdict with everything it rests on."""

    verdict: Verdict
    facts: Facts
    today: date
    blockers: tuple[Blocking, ...]
    changes: tuple[Change, ...]

    @property
    def concerned(self) -> tuple[Considered, ...]:
        """The rules whose class concerns the record, the winner first."""
        found = [c for c in self.verdict.considered if c.outcome != "other_class"]
        return tuple(sorted(found, key=lambda c: (not c.is_winner, c.rule.code, c.rule.version)))

    @property
    def of_other_classes(self) -> tuple[Rule, ...]:
        """The rules of the schedule that are for other classes."""
        return tuple(c.rule for c in self.verdict.considered if c.outcome == "other_class")

    def steps(self, considered: Considered) -> tuple[Step, ...]:
        """The sum of one rule; several steps where the later of several ends counts."""
        return reckon(considered.rule, considered.certain, self.facts).steps

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values: days in ISO 8601, instants in UTC, codes as published."""
        verdict = self.verdict
        return {
            "state": verdict.state,
            "today": self.today.isoformat(),
            "retain_through": _iso(verdict.retain_through),
            "eligible_from": _iso(verdict.eligible_from),
            "eligible_at": _iso(verdict.eligible_at),
            "floor_through": _iso(verdict.floor_through),
            "purpose_through": _iso(verdict.purpose_through),
            "ceiling_through": _iso(verdict.ceiling_through),
            "action": verdict.action,
            "missing": list(verdict.missing),
            "winner": None if verdict.winner is None else _rule(verdict.winner),
            "kept_by_decision": _kept(self.facts.kept),
            "calendar": {
                "zone": self.facts.calendar.zone,
                "fiscal_year_start": self.facts.calendar.fiscal_year_start,
                "tax_year_end": self.facts.calendar.tax_year_end,
            },
            "considered": [self._considered(c) for c in self.concerned],
            "of_other_classes": [{"code": r.code, "version": r.version} for r in self.of_other_classes],
            "blockers": [
                {"kind": b.kind, "hold": str(b.hold), "since": _iso(b.since), "review_on": _iso(b.review_on)}
                for b in self.blockers
            ],
            "would_change": [_change(change) for change in self.changes],
        }

    def _considered(self, considered: Considered) -> dict[str, Any]:
        return {
            "rule": _rule(considered.rule),
            "outcome": considered.outcome,
            "reason": considered.reason,
            "is_winner": considered.is_winner,
            "certain": considered.certain,
            "through": _iso(considered.through),
            "missing": list(considered.missing),
            "steps": [_step(step, considered.rule) for step in self.steps(considered)],
        }


def explain(verdict: Verdict, facts: Facts, today: date, blockers: Sequence[Blocking] = ()) -> Why:
    """Say why; ``facts`` must be those the verdict was decided on."""
    return Why(verdict, facts, today, tuple(blockers), tuple(_changes(verdict, facts, blockers)))


def _changes(verdict: Verdict, facts: Facts, blockers: Sequence[Blocking]) -> list[Change]:
    rules = [c.rule for c in verdict.considered if c.outcome != "other_class"]
    changes = [Change("state_event", code) for code in verdict.missing]
    if verdict.state == "conflict":
        changes.append(Change("decide", ""))
    winner = next((c for c in verdict.considered if c.is_winner), None)
    if winner is not None:
        changes += _corrections(winner, facts)
        without = decide([rule for rule in rules if rule is not winner.rule], facts)
        changes.append(Change("rule_gone", winner.rule.code, then=without))
        if winner.rule.confidence == "unverified":
            changes.append(Change("review_rule", winner.rule.code))
    changes += _decisions(rules, facts)
    changes += [Change("release", str(blocker.hold)) for blocker in blockers]
    return changes


def _corrections(winner: Considered, facts: Facts) -> Iterator[Change]:
    reckoning = reckon(winner.rule, winner.certain, facts)
    for step in reckoning.steps:
        if step.event is None or step.through is None:
            continue
        if step is not reckoning.decisive:
            yield Change("correct_event", step.way.trigger)
        elif step.at is not None:
            yield Change("correct_event", step.way.trigger, step.event, step.event)
        else:
            yield Change("correct_event", step.way.trigger, *same_end(winner.rule, step, facts.calendar))


def _decisions(rules: Sequence[Rule], facts: Facts) -> Iterator[Change]:
    """What follows once it is known which of the classes concern the record."""
    stated = {rule.record_class for rule in rules}
    doubted = [match for match in facts.classes if not match.certain and match.record_class in stated]
    unconfirmed = [m for m in doubted if doubt_about(m.record_class, facts) == CLASS_CONFIRMED]
    if unconfirmed:
        confirmed = tuple(replace(m, certain=True) if m in unconfirmed else m for m in facts.classes)
        yield Change("class_decided", CLASS_CONFIRMED, then=decide(rules, replace(facts, classes=confirmed)))
    for match in doubted:
        if match not in unconfirmed:
            yield _condition(match, rules, facts)


def _condition(match: Match, rules: Sequence[Rule], facts: Facts) -> Change:
    fact_class = fact_classes.load().fact_classes[match.record_class]
    others = tuple(m for m in facts.classes if m != match)
    narrowed = tuple(m for m in others if m.record_class != fact_class.instead_of)
    return Change(
        "class_decided",
        doubt_about(match.record_class, facts),
        then=decide(rules, replace(facts, classes=(*narrowed, replace(match, certain=True)))),
        otherwise=decide(rules, replace(facts, classes=others)),
    )


def _kept(kept: KeptByDecision | None) -> dict[str, Any] | None:
    if kept is None:
        return None
    return {"id": str(kept.id), "authority": kept.authority, "since": _iso(kept.since)}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": str(rule.id),
        "code": rule.code,
        "version": rule.version,
        "jurisdiction": rule.jurisdiction,
        "record_class": rule.record_class,
        "trigger": rule.trigger,
        "anchor": rule.anchor,
        "period": rule.period.text,
        "rounding": rule.rounding,
        "later_of": [
            {"trigger": way.trigger, "anchor": way.anchor, "period": way.period.text} for way in rule.later_of
        ],
        "bound": rule.bound,
        "action": rule.action,
        "legal_basis": rule.legal_basis,
        "note": rule.note,
        "source": rule.source,
        "confidence": rule.confidence,
        "valid_from": _iso(rule.valid_from),
        "valid_to": _iso(rule.valid_to),
        "slack": rule.room.text,
    }


def _step(step: Step, rule: Rule) -> dict[str, Any]:
    return {
        "trigger": step.way.trigger,
        "event": _iso(step.event),
        "started_at": _iso(step.started_at),
        "anchor": step.way.anchor,
        "anchor_date": _iso(step.anchor_date),
        "period": step.way.period.text,
        "added": _iso(step.added),
        "clamped": step.is_clamped,
        "rounding": rule.rounding,
        "through": _iso(step.through),
        "over_at": _iso(step.at),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "code": change.code,
        "about": change.about,
        "first": _iso(change.first),
        "last": _iso(change.last),
        "then": _short(change.then),
        "otherwise": _short(change.otherwise),
    }


def _short(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    return {
        "state": verdict.state,
        "retain_through": _iso(verdict.retain_through),
        "winner": None if verdict.winner is None else verdict.winner.code,
    }


def _iso(value: date | datetime | None) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return None if value is None else value.isoformat()
