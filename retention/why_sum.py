"""The sum of *Why this date?*, done as on paper: the rule, its event, anchor, period and end."""

from collections.abc import Iterator

from retention import why_words as words
from retention.reckoning import Step
from retention.rule import Rule
from retention.verdict import Considered
from retention.why import Why
from retention.why_words import Language


def rule(winner: Considered, language: Language) -> Iterator[str]:
    """What the deciding rule is and rests on."""
    _, decided = language.gettext, winner.rule
    yield _("%(rule)s decides. %(bound)s Legal basis: %(basis)s.") % {
        "rule": words.rule_name(decided, language),
        "bound": words.bound(decided.bound, _),
        "basis": decided.legal_basis,
    }
    if decided.note:
        yield decided.note
    if decided.bound in ("limitation", "guidance"):
        yield _("Keeping it is allowed, not commanded: it needs a recorded interest and yields to a granted erasure.")
    if not winner.certain:
        yield _("Whether this rule's class concerns the record is not certain; its period counts to be safe.")
    if decided.confidence == "unverified":
        yield _("This rule is a starter from general knowledge: have counsel confirm its period and citation.")


def reckoned(why: Why, winner: Considered, language: Language) -> Iterator[str]:
    """How the deciding rule came to its end, one step a sentence."""
    _, day, verdict = language.gettext, language.day, why.verdict
    assert verdict.retain_through is not None
    assert verdict.eligible_from is not None
    steps = why.steps(winner)
    for step in steps:
        yield from _step(step, winner.rule, why.facts.calendar.zone, language)
    if len(steps) > 1 and winner.through is not None:
        yield _("The latest of these ends counts: %(day)s.") % {"day": day(winner.through)}
    if winner.through is not None and winner.rule.slack is not None and verdict.retain_through < winner.through:
        yield _("%(slack)s for review and destruction lie inside a maximum, so it is proposed earlier.") % {
            "slack": words.period(winner.rule.slack, language)
        }
    if verdict.eligible_at is None:
        yield _("%(last)s is the last day it is kept, %(next)s the first on which it may be proposed.") % {
            "last": day(verdict.retain_through),
            "next": day(verdict.eligible_from),
        }


def _step(step: Step, rule: Rule, zone: str, language: Language) -> Iterator[str]:
    _, day = language.gettext, language.day
    event = words.event(step.way.trigger, _)
    if step.event is None or step.through is None or step.anchor_date is None or step.added is None:
        yield _("Event: %(event)s. The day is not known.") % {"event": event}
        return
    length = words.period(step.way.period, language)
    if step.at is not None and step.started_at is not None:
        yield _("Event: %(event)s. Counted from %(instant)s.") % {
            "event": event,
            "instant": words.instant(step.started_at, zone, language),
        }
        yield _("%(period)s of elapsed time, whatever the clocks on the wall do: %(instant)s.") % {
            "period": length,
            "instant": words.instant(step.at, zone, language),
        }
        return
    yield _("Event: %(event)s, %(day)s.") % {"event": event, "day": day(step.event)}
    if step.way.anchor == "event_date":
        yield _("Counted from the day of the event, which is not counted itself.")
    else:
        yield _("Counted from %(anchor)s: %(day)s. That day is not counted itself.") % {
            "anchor": words.anchor(step.way.anchor, _),
            "day": day(step.anchor_date),
        }
    if step.way.period.is_zero:
        yield _("No period is added: it is kept until then.")
    else:
        yield _("%(period)s, added once: %(day)s.") % {"period": length, "day": day(step.added)}
    if step.is_clamped:
        yield _("That month has no day %(number)s, so its last day stands.") % {"number": step.anchor_date.day}
    if rule.rounding == "calendar_year_end":
        yield _("The end moves up to the end of that year: %(day)s.") % {"day": day(step.through)}
