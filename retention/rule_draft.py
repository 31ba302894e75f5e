"""What a person, a file or a starter pack states as a rule, before it is a version of the schedule.

Every field is a plain value that can stand in a file, so that a rule survives the way out and in again.
``read`` takes such values and names the field that is wrong; ``check`` asks whether the rule can be one at all
(``retention.rule``), and adds what only the schedule asks for.

``transition`` says which records a version is for where it has a first day. Statutes do both:

- ``later_events``: what happened before that day follows the version before (Romania's shorter period of 2023).
- ``every_record``: from that day on it is the rule for all, also for what happened before (Germany's BEG IV, which
  shortened every period that had not run out).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Literal, cast
from uuid import UUID

from core.canonical import canonical
from core.errors import Invalid
from retention import rule as rules
from retention.anchor import Anchor
from retention.period import Period, Rounding
from retention.rule import Action, Alternative, Bound, Confidence, Rule

Transition = Literal["later_events", "every_record"]
TRANSITIONS: tuple[Transition, ...] = ("later_events", "every_record")
AT_CAPTURE = frozenset({"document_created", "recorded", "record_made", "sent_or_received"})
"""Events that are over when a record comes in: a period of nothing after one of them would keep nothing."""
STARTER = "starter, have counsel review"
"""The marking of a rule that came with the program."""

_LONGEST = {"legal_basis": 500, "note": 2_000, "source": 500, "owner": 100, "marking": 60}
_DAYS = ("valid_from", "valid_to", "last_reviewed", "review_due")
_NO_ID = UUID(int=0)


class InvalidDraft(Invalid):
    """The rule cannot be stated so."""

    code = "invalid_rule_draft"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule as stated: all that a version holds, without whose it is and which one."""

    code: str
    jurisdiction: str
    record_class: str
    trigger: str
    anchor: Anchor
    period: Period
    rounding: Rounding = "none"
    later_of: tuple[Alternative, ...] = ()
    bound: Bound
    action: Action
    legal_basis: str
    valid_from: date | None = None
    valid_to: date | None = None
    transition: Transition = "later_events"
    slack: Period | None = None
    note: str = ""
    source: str = ""
    confidence: Confidence = "unverified"
    marking: str = ""
    """``STARTER`` while no counsel has looked at it."""
    last_reviewed: date | None = None
    review_due: date | None = None
    owner: str = ""
    """Who answers for it: a function such as head of accounting, never a name."""

    def rule(self, version_id: UUID = _NO_ID, version: int = 1, entity: UUID = _NO_ID) -> Rule:
        """The value that dates are reckoned with."""
        return Rule(
            id=version_id,
            code=self.code,
            version=version,
            entity=entity,
            jurisdiction=self.jurisdiction,
            record_class=self.record_class,
            trigger=self.trigger,
            anchor=self.anchor,
            period=self.period,
            rounding=self.rounding,
            later_of=self.later_of,
            bound=self.bound,
            action=self.action,
            legal_basis=self.legal_basis,
            note=self.note,
            source=self.source,
            confidence=self.confidence,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            slack=self.slack,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values by key, in the order of ``KEYS``; ``read`` takes them back."""
        found: dict[str, Any] = {}
        for key in KEYS:
            value = getattr(self, key)
            if isinstance(value, (date, Period)):
                value = str(value)
            elif key == "later_of":
                value = [{"trigger": w.trigger, "anchor": w.anchor, "period": w.period.text} for w in self.later_of]
            found[key] = value
        return found

    @property
    def digest(self) -> bytes:
        """SHA-256 over all of it, 32 bytes: what the log says was drafted and published."""
        return hashlib.sha256(canonical(self.to_json())).digest()


KEYS: tuple[str, ...] = tuple(each.name for each in fields(RuleDraft))
REQUIRED = ("code", "jurisdiction", "record_class", "trigger", "anchor", "period", "bound", "action", "legal_basis")
BORNE_OUT = (
    "jurisdiction", "record_class", "trigger", "anchor", "period", "rounding", "later_of", "bound", "legal_basis",
    "valid_from", "valid_to", "transition",
)  # fmt: skip
"""What a source bears out."""
REVIEWS = frozenset({"last_reviewed", "review_due", "owner"})
"""Who looks after it; no rule differs from another by these alone."""


def check(draft: RuleDraft) -> None:
    """Pass if it can be a rule.

    Raises:
        InvalidRule: it contradicts itself or names what there is not.
        InvalidDraft: it would keep nothing, says too much, or is due for review before it was reviewed.
    """
    rules.check(draft.rule())
    nothing = [way for way in draft.rule().ways if way.period.is_zero]
    if nothing and draft.action == "destroy" and any(way.trigger in AT_CAPTURE for way in nothing):
        raise InvalidDraft("P0D keeps until the event, and this event is over at capture: choose review, or a period")
    if draft.transition not in TRANSITIONS:
        raise InvalidDraft(f"the transition is one of {', '.join(TRANSITIONS)}")
    if draft.transition == "every_record" and draft.valid_to is not None:
        raise InvalidDraft("a rule for every record has no last day: the next version ends it")
    for key, most in _LONGEST.items():
        if len(getattr(draft, key)) > most:
            raise InvalidDraft(f"{key}: at most {most} characters")
    if draft.last_reviewed and draft.review_due and draft.review_due < draft.last_reviewed:
        raise InvalidDraft("the next review is due after the last one")


def read(values: Mapping[str, Any]) -> RuleDraft:
    """The draft stated by plain values, checked.

    Raises:
        InvalidPeriod, InvalidRule, InvalidDraft: the detail names the field and what to do.
    """
    made = parse(values)
    check(made)
    return made


def parse(values: Mapping[str, Any]) -> RuleDraft:
    """The draft stated by plain values, whether or not it could be a rule today: what was published stays readable.

    Raises:
        InvalidPeriod, InvalidDraft: a field is missing, unknown or of another kind.
    """
    if unknown := sorted(str(key) for key in set(values) - set(KEYS)):
        raise InvalidDraft(f"{unknown[0]}: there is no such field; there are {', '.join(KEYS)}")
    if missing := [key for key in REQUIRED if not values.get(key)]:
        raise InvalidDraft(f"{missing[0]}: this field is needed")
    found: dict[str, Any] = {}
    for key, value in values.items():
        if value is None or value == "":
            continue
        if key in _DAYS:
            found[key] = _day(key, value)
        elif key in ("period", "slack"):
            found[key] = Period.parse(_text(key, value))
        elif key == "later_of":
            found[key] = _alternatives(value)
        else:
            found[key] = _text(key, value)
    made = RuleDraft(**found)
    return replace(made, jurisdiction=made.jurisdiction.upper())


def without_borrowed_source(draft: RuleDraft, others: Iterable[RuleDraft]) -> RuleDraft:
    """The draft, unverified and without its source where that source was given for another content.

    ``others``: what was stated with a source before, such as the version before or a starter pack. A source that
    stands with the same content in one of them is the draft's own.
    """
    alike = [each for each in others if each.source == draft.source]
    if not alike or any(_borne_out(each) == _borne_out(draft) for each in alike):
        return draft
    return replace(draft, source="", confidence="unverified")


def _borne_out(draft: RuleDraft) -> tuple[Any, ...]:
    return tuple(getattr(draft, key) for key in BORNE_OUT)


def differences(one: RuleDraft, other: RuleDraft, *, reviews: bool = True) -> tuple[tuple[str, Any, Any], ...]:
    """Each field in which two statements differ, with both values; without those of ``REVIEWS`` if not asked for."""
    before, after = one.to_json(), other.to_json()
    return tuple(
        (key, before[key], after[key]) for key in KEYS if before[key] != after[key] and (reviews or key not in REVIEWS)
    )


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidDraft(f"{key}: write it as text")
    if any(ord(sign) < 32 and sign not in "\n\t" for sign in value):
        raise InvalidDraft(f"{key}: there are characters in it that cannot be printed")
    return value.strip()


def _day(key: str, value: object) -> date:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value.strip() if isinstance(value, str) else "")
    except ValueError:
        raise InvalidDraft(f"{key}: write the day as 2027-01-31") from None


def _alternatives(value: object) -> tuple[Alternative, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidDraft("later_of: a list of trigger, anchor and period")
    found = []
    for each in value:
        if not isinstance(each, Mapping) or set(each) != {"trigger", "anchor", "period"}:
            raise InvalidDraft("later_of: each alternative has trigger, anchor and period, and nothing else")
        period = Period.parse(_text("later_of", each["period"]))
        anchor = cast(Anchor, _text("later_of", each["anchor"]))
        found.append(Alternative(_text("later_of", each["trigger"]), anchor, period))
    return tuple(found)
