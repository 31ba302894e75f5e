"""The sentences of *Why this date?*, in the order a reader asks: until when, by which rule, how was it reckoned,
why not by another, what stands in the way, and what would change it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from retention import why_sum
from retention import why_words as words
from retention.rule import Rule
from retention.verdict import Considered, Verdict
from retention.why import Change, Why
from retention.why_words import ENGLISH, Language


@dataclass(frozen=True, slots=True)
class Sentence:
    """One line for a reader."""

    part: str
    """``result``, ``rule``, ``sum``, ``other``, ``blocker`` or ``change``."""
    text: str
    reason: str = ""
    """``other``: why this rule did not decide."""


def tell(why: Why, language: Language = ENGLISH) -> tuple[Sentence, ...]:
    """All of it in the reader's words, in the order it is read: result, rule, sum, others, blockers, changes."""
    return tuple(_Telling(why, language).all())


class _Telling:
    def __init__(self, why: Why, language: Language) -> None:
        self.why = why
        self.verdict: Verdict = why.verdict
        self.language = language
        self.day = language.day
        self.zone = why.facts.calendar.zone

    def all(self) -> Iterator[Sentence]:
        yield from (Sentence("result", text) for text in self._result())
        winner = next((c for c in self.why.concerned if c.is_winner), None)
        if winner is not None:
            yield from (Sentence("rule", text) for text in why_sum.rule(winner, self.language))
            if self.verdict.state == "dated":
                yield from (Sentence("sum", text) for text in why_sum.reckoned(self.why, winner, self.language))
        for considered in self.why.concerned:
            if not considered.is_winner:
                yield self._other(considered)
        yield from (Sentence("other", text) for text in self._elsewhere())
        yield from (Sentence("blocker", text) for text in self._blockers())
        yield from (Sentence("change", text) for change in self.why.changes if (text := self._change(change)))

    # until when

    def _result(self) -> Iterator[str]:
        _, verdict, today = self.language.gettext, self.verdict, self.why.today
        if self.why.blockers:
            yield _("It is blocked: whatever its date, it is not destroyed now.")
        if verdict.state == "dated":
            assert verdict.retain_through is not None
            assert verdict.eligible_from is not None
            if verdict.eligible_at is not None:
                yield _("Kept until %(instant)s. From then on it may be proposed.") % {
                    "instant": words.instant(verdict.eligible_at, self.zone, self.language)
                }
            else:
                yield _("Kept through %(last)s, that day included. From %(next)s on it may be proposed.") % {
                    "last": self.day(verdict.retain_through),
                    "next": self.day(verdict.eligible_from),
                }
            if verdict.action is not None:
                yield words.action(verdict.action, _)
            yield from self._ceiling()
            return
        if verdict.state == "awaiting_trigger":
            yield _("It has no date yet, so it is kept and never proposed: something is not known.")
            for code in verdict.missing:
                yield _("Not known: %(event)s.") % {"event": words.event(code, _)}
            if verdict.floor_through is not None:
                yield _("In any case a statute demands keeping it through %(day)s.") % {
                    "day": self.day(verdict.floor_through)
                }
            if verdict.ceiling_through is not None:
                yield from self._ceiling()
        elif verdict.state == "no_rule":
            yield _("No rule of the schedule concerns it, so it has no date: it is kept and never proposed.")
        elif verdict.state == "permanent":
            yield _("Kept permanently: it is never proposed for destruction.")
            kept = self.why.facts.kept
            if self.verdict.winner is None and kept is not None:
                yield _("Two persons decided so on %(day)s (%(basis)s); two persons can end it.") % {
                    "day": self.day(kept.since.date()),
                    "basis": kept.authority,
                }
        else:
            yield from self._conflict()
        if verdict.state != "permanent":
            yield _("As of %(day)s.") % {"day": self.day(today)}

    def _ceiling(self) -> Iterator[str]:
        _, ceiling, today = self.language.gettext, self.verdict.ceiling_through, self.why.today
        if ceiling is None:
            return
        statute = next((c for c in self.why.concerned if c.outcome == "ceiling" and c.through == ceiling), None)
        if statute is not None:
            yield _("By statute it may not be kept beyond %(day)s (%(basis)s).") % {
                "day": self.day(ceiling),
                "basis": statute.rule.legal_basis,
            }
        elif self.verdict.winner is not None and today > ceiling:
            yield _("Its period is over: it can be proposed, and %(slack)s are meant for review and destruction.") % {
                "slack": words.period(self.verdict.winner.room, self.language),
            }
        elif self.verdict.winner is not None:
            yield _("It is to be gone by %(day)s: that leaves %(slack)s for review and destruction.") % {
                "day": self.day(ceiling),
                "slack": words.period(self.verdict.winner.room, self.language),
            }
        if statute is not None and today > ceiling:
            yield _("That day has passed: it is overdue.")

    def _conflict(self) -> Iterator[str]:
        _ = self.language.gettext
        yield _(
            "Two provisions contradict each other, so no date was set. A person has to decide; until then it is kept."
        )
        kept = self.why.facts.kept
        if kept is not None:
            yield _("To be kept permanently by decision: %(basis)s.") % {"basis": kept.authority}
        for considered in self.why.concerned:
            if considered.reason != "floor_beyond_maximum":
                continue
            basis = considered.rule.legal_basis
            if considered.rule.action == "permanent":
                yield _("To be kept permanently: %(basis)s.") % {"basis": basis}
            elif considered.through is not None:
                last = {"day": self.day(considered.through), "basis": basis}
                if considered.outcome == "ceiling":
                    yield _("To be kept no longer than through %(day)s: %(basis)s.") % last
                else:
                    yield _("To be kept at least through %(day)s: %(basis)s.") % last

    # why not by another

    def _other(self, considered: Considered) -> Sentence:
        _, rule = self.language.gettext, considered.rule
        stated = {
            "rule": words.rule_name(rule, self.language),
            "bound": words.bound(rule.bound, _),
            "basis": rule.legal_basis,
            "period": self._periods(rule),
        }
        if considered.at is not None:
            text = _("%(rule)s: until %(instant)s. %(bound)s Legal basis: %(basis)s.") % {
                **stated,
                "instant": words.instant(considered.at, self.zone, self.language),
            }
        elif considered.through is not None:
            text = _("%(rule)s: through %(day)s. %(bound)s Legal basis: %(basis)s.") % {
                **stated,
                "day": self.day(considered.through),
            }
        else:
            text = _("%(rule)s: %(period)s. %(bound)s Legal basis: %(basis)s.") % stated
        reason = words.reason(considered.reason, _)
        if considered.missing and considered.reason == "event_unknown":
            missing = ", ".join(words.event(code, _) for code in considered.missing)
            reason = _("Not known: %(event)s.") % {"event": missing}
        elif considered.reason in ("event_before_validity", "event_after_validity") and considered.event is not None:
            reason = f"{reason} {self._validity(considered)}"
        return Sentence("other", text, reason)

    def _periods(self, rule: Rule) -> str:
        found = [words.period(way.period, self.language) for way in rule.ways]
        if len(found) == 1:
            return found[0]
        return self.language.gettext("%(periods)s, whichever ends later") % {"periods": " / ".join(found)}

    def _validity(self, considered: Considered) -> str:
        _, rule = self.language.gettext, considered.rule
        assert considered.event is not None
        event = self.day(considered.event)
        if considered.reason == "event_before_validity" and rule.valid_from is not None:
            return _("Event: %(event)s; valid from %(day)s.") % {"event": event, "day": self.day(rule.valid_from)}
        assert rule.valid_to is not None
        return _("Event: %(event)s; valid through %(day)s.") % {"event": event, "day": self.day(rule.valid_to)}

    def _elsewhere(self) -> Iterator[str]:
        if others := len(self.why.of_other_classes):
            yield self.language.ngettext(
                "%(count)s rule of the schedule is for another class of record.",
                "%(count)s rules of the schedule are for other classes of record.",
                others,
            ) % {"count": others}

    # what stands in the way, and what would change it

    def _blockers(self) -> Iterator[str]:
        _ = self.language.gettext
        kinds = {
            "legal_hold": _("A legal hold"),
            "tax_audit": _("A tax audit"),
            "restriction": _("A restriction of processing (GDPR Art. 18)"),
            "open_request": _("An open request of a person"),
            "missing_decision": _("A missing decision"),
        }
        for blocker in self.why.blockers:
            since = blocker.since
            day = self.why.facts.calendar.day_of(since) if isinstance(since, datetime) else since
            stated = {"kind": kinds.get(blocker.kind, blocker.kind), "since": self.day(day)}
            if blocker.review_on is None:
                yield (
                    _("%(kind)s since %(since)s: whatever the date, nothing is destroyed until it is released.")
                    % stated
                )
            else:
                yield _(
                    "%(kind)s since %(since)s, to be reviewed on %(review)s: whatever the date, "
                    "nothing is destroyed until it is released."
                ) % {**stated, "review": self.day(blocker.review_on)}

    def _change(self, change: Change) -> str:
        _ = self.language.gettext
        match change.code:
            case "state_event":
                return _("Stating this would give it a date: %(event)s.") % {"event": words.event(change.about, _)}
            case "correct_event":
                stated = {"event": words.event(change.about, _)}
                if change.first is None or change.last is None:
                    return (
                        _("The day of this event counts only where the end it gives is the latest: %(event)s.") % stated
                    )
                if change.first == change.last:
                    return _("Correcting the day of this event moves the date: %(event)s.") % stated
                return _(
                    "Correcting the day of this event moves the date only if it lies outside "
                    "%(first)s to %(last)s: %(event)s."
                ) % {**stated, "first": self.day(change.first), "last": self.day(change.last)}
            case "rule_gone":
                return _("If %(rule)s did not apply: %(then)s") % {
                    "rule": change.about,
                    "then": self._then(change.then),
                }
            case "class_decided" if change.otherwise is None:
                return _("Nobody has confirmed the record's class yet. Once it is confirmed: %(then)s") % {
                    "then": self._then(change.then)
                }
            case "class_decided":
                return _(
                    "It is open whether a rule's class concerns the record (%(fact)s). "
                    "If it does: %(then)s If it does not: %(otherwise)s"
                ) % {
                    "fact": words.event(change.about, _),
                    "then": self._then(change.then),
                    "otherwise": self._then(change.otherwise),
                }
            case "review_rule":
                return _("Counsel's review of %(rule)s may lead to another version of it.") % {"rule": change.about}
            case "decide":
                return _("A person's decision, or a version of one of the two rules that leaves room for the other.")
            case _:
                return ""  # releasing a blocker changes no date, and stands with the blockers

    def _then(self, verdict: Verdict | None) -> str:
        _ = self.language.gettext
        if verdict is not None and verdict.state == "dated" and verdict.retain_through is not None:
            assert verdict.winner is not None
            return _("kept through %(day)s, by %(rule)s.") % {
                "day": self.day(verdict.retain_through),
                "rule": words.rule_name(verdict.winner, self.language),
            }
        if verdict is not None and verdict.state == "permanent":
            return _("kept permanently.")
        return _("no date, so kept and never proposed.")
