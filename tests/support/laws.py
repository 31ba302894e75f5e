"""Rules and facts for tests of retention, with what a test does not care about filled in."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from retention.anchor import Calendar
from retention.facts import Match
from retention.period import Period
from retention.rule import Alternative, Rule
from retention.verdict import Facts

ENTITY = UUID("00000000-0000-4000-8000-000000000001")
BERLIN = Calendar("Europe/Berlin")


def law(code: str = "a-rule", period: str = "P3Y", **stated: Any) -> Rule:
    """A rule; a minimum for contracts from the day of their end, unless stated otherwise."""
    fields: dict[str, Any] = {
        "id": uuid5(NAMESPACE_OID, code),
        "code": code,
        "version": 1,
        "entity": ENTITY,
        "jurisdiction": "DE",
        "record_class": "contract",
        "trigger": "contract_end",
        "anchor": "event_date",
        "rounding": "none",
        "later_of": (),
        "bound": "minimum",
        "action": "destroy",
        "legal_basis": f"provision of {code}",
        "confidence": "verified",
    }
    return Rule(period=Period.parse(period), **{**fields, **stated})


def or_later(trigger: str, period: str, anchor: str = "event_date") -> Alternative:
    """An alternative of a rule that says "whichever is later"."""
    return Alternative(trigger, anchor, Period.parse(period))  # type: ignore[arg-type]


def facts(
    *,
    classes: Mapping[str, bool] | None = None,
    calendar: Calendar = BERLIN,
    instants: Mapping[str, datetime] | None = None,
    **triggers: date,
) -> Facts:
    """What is known of a contract, or of a record of the classes (each with whether that is certain)."""
    matched = {"contract": True} if classes is None else classes
    return Facts(
        tuple(Match(name, certain) for name, certain in matched.items()), triggers, calendar, dict(instants or {})
    )
