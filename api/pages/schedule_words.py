"""The words of the retention schedule: classes of rules, bounds, actions, warnings, what a version loosens."""

from collections.abc import Iterable
from datetime import date

from babel import Locale

from api import i18n
from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import shown, words
from records import file_plan
from retention import facts, why_words
from retention.period import Period
from retention.rule import EU, Rule
from retention.rule_draft import RuleDraft
from retention.why_words import Language


def language() -> Language:
    """How the reader wants to read."""
    return Language(_, ngettext, shown.day)


def period(value: Period) -> str:
    """How long, in words: "8 years"; "until then" where it is nothing."""
    return _("until then") if value.is_zero else why_words.period(value, language())


def event(code: str) -> str:
    """The event a period starts with."""
    return why_words.event(code, _)


def sentence(rule: RuleDraft | Rule) -> str:
    """The whole sum in a line: "8 years from the end of the calendar year of the event: creation of the document"."""
    parts = []
    for way in rule.ways if isinstance(rule, Rule) else rule.rule().ways:
        text = _("%(period)s from %(anchor)s (%(event)s)")
        anchor = why_words.anchor(way.anchor, _)
        parts.append(text % {"period": period(way.period), "anchor": anchor, "event": event(way.trigger)})
    found = _("; or, if later: ").join(parts)
    return _("%(sum)s, then up to 31 December") % {"sum": found} if rule.rounding != "none" else found


def short(rule: RuleDraft | Rule) -> str:
    """The sum for a cell: "8 years · calendar year"."""
    starts = {
        "event_date": "",
        "end_of_calendar_year": _("calendar year"),
        "end_of_fiscal_year": _("fiscal year"),
        "end_of_cy_of_fiscal_year_end": _("calendar year of the fiscal year's end"),
        "end_of_tax_year": _("tax year"),
        "july_1_after_fiscal_year": _("from 1 July after the fiscal year"),
    }[rule.anchor]
    return f"{period(rule.period)} · {starts}" if starts else period(rule.period)


def bound(code: str) -> str:
    """What kind of period, in a word or two."""
    return {
        "minimum": _("at least"),
        "maximum": _("at most"),
        "limitation": _("claims"),
        "guidance": _("practice"),
    }.get(code, code)


def action(code: str) -> str:
    """What becomes of it at the end."""
    return {
        "destroy": _("Destroy"),
        "review": _("A person decides"),
        "transfer": _("Hand over"),
        "permanent": _("Keep permanently"),
    }.get(code, code)


def transition(code: str) -> str:
    """Which records a version with a first day is for."""
    return {
        "later_events": _("What happens from its first day on; earlier events follow the version before"),
        "every_record": _("Every record, from its first day on"),
    }.get(code, code)


def confidence(code: str) -> str:
    """How sure a rule is."""
    return {
        "verified": _("Verified: period and event agree with a published source"),
        "unverified": _("Unverified: to be confirmed before use"),
    }.get(code, code)


def warning(code: str) -> tuple[str, str]:
    """What is wrong with how a rule is looked after, and how grave it is."""
    return {
        "overdue": (_("Review overdue"), "blocked"),
        "due_soon": (_("Review due soon"), "waiting"),
        "never_reviewed": (_("Never reviewed"), "waiting"),
        "unverified": (_("Unverified"), "waiting"),
        "no_owner": (_("No owner"), "info"),
        "starter": (_("Starter, have counsel review"), "waiting"),
    }[code]


def loosens(codes: Iterable[str]) -> list[str]:
    """In what a version keeps less than the one before."""
    known = {
        "first": _("there was no such rule before: records of the class get an end"),
        "shorter": _("a shorter period"),
        "trigger": _("another event"),
        "anchor": _("another day to count from"),
        "rounding": _("no rounding up any more"),
        "alternatives": _("an alternative less"),
        "bound": _("another kind of period"),
        "action": _("another end"),
        "class": _("another class"),
        "validity": _("it ends"),
        "removed": _("the rule is gone"),
    }
    return [known.get(code, code) for code in codes]


def state(code: str) -> tuple[str, str, str]:
    """The words, meaning and icon of a version's state."""
    return {
        "draft": (_("Draft"), "waiting", "edit"),
        "published": (_("Published"), "done", "check"),
        "refused": (_("Refused"), "blocked", "blocked"),
        "retired": (_("Out of the schedule"), "info", "minus"),
        "superseded": (_("Replaced"), "info", "turn"),
        "to_come": (_("Published, not in force yet"), "info", "clock"),
    }[code]


def field(name: str) -> str:
    """The name of a field of a rule."""
    return {
        "code": _("Code"),
        "jurisdiction": _("Country"),
        "record_class": _("Class"),
        "trigger": _("Event"),
        "anchor": _("Counted from"),
        "period": _("Period"),
        "rounding": _("Rounding of the end"),
        "later_of": _("Or, if later"),
        "bound": _("Kind of period"),
        "action": _("Then"),
        "legal_basis": _("Legal basis"),
        "valid_from": _("First day"),
        "valid_to": _("Last day"),
        "transition": _("For"),
        "slack": _("Time to destroy"),
        "note": _("Note"),
        "source": _("Source"),
        "confidence": _("Confidence"),
        "marking": _("Marking"),
        "last_reviewed": _("Last reviewed"),
        "review_due": _("Review due"),
        "owner": _("Owner"),
    }.get(name, name)


def value(name: str, found: object) -> str:
    """A field's value, as it is read on a page."""
    if found in (None, "", []):
        return "–"
    if name in ("period", "slack"):
        return f"{period(Period.parse(str(found)))} ({found})"
    if name in ("valid_from", "valid_to", "last_reviewed", "review_due"):
        return shown.day(date.fromisoformat(str(found)))
    if name == "trigger":
        return event(str(found))
    if name == "anchor":
        return why_words.anchor(found, _)  # type: ignore[arg-type]
    if name == "action":
        return action(str(found))
    if name == "bound":
        return why_words.bound(found, _)  # type: ignore[arg-type]
    if name == "transition":
        return transition(str(found))
    if name == "record_class":
        return record_class(str(found))
    if name == "later_of" and isinstance(found, list):
        return "; ".join(f"{event(way['trigger'])}, {way['anchor']}, {way['period']}" for way in found)
    if name == "rounding":
        return _("up to 31 December") if found == "calendar_year_end" else _("none")
    return str(found)


def country(code: str) -> str:
    """The name of a jurisdiction."""
    if code == EU:
        return _("European Union")
    return str(Locale.parse(i18n.locale()).territories.get(code, code))


def record_class(code: str) -> str:
    """The class a rule is for: one of the file plan, with the condition where the law has one."""
    found = facts.load().fact_classes.get(code)
    if found is None:
        return words.record_class(code)
    title = " / ".join(words.record_class(each) for each in found.classes)
    return f"{title} ({_condition(found.when.code)})" if found.when is not None else title


def class_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """What a rule may be for: heading, then code and title of each class below it, those of the law first."""
    plan = file_plan.load()
    groups: dict[str, list[tuple[str, str]]] = {heading(code): [] for code in plan.children(None)}
    known = facts.load().fact_classes
    for code in known:
        groups[heading(code)].append((code, record_class(code)))
    for each in plan:
        if each.code not in known:
            groups[heading(each.code)].append((each.code, _(each.title)))
    return [(name, rows) for name, rows in groups.items() if rows]


def heading(code: str) -> str:
    """The top of the file plan that a class of rules stands under."""
    plan = file_plan.load()
    found = facts.load().fact_classes.get(code)
    own = found.classes[0] if found is not None else code
    if own not in plan:
        return _("Other")
    above = plan.ancestors(own)
    return _(plan.get(above[-1] if above else own).title)


def _condition(code: str) -> str:
    return {
        "hired_before_2019": _("hired before 2019"),
        "financial_sector": _("bank, insurer, investment firm"),
        "public_company": _("public company"),
        "application_rejected": _("rejected"),
        "day_rate": _("paid by the day"),
        "minimum_wage_sector": _("minimum wage records"),
        "flsa_employer": _("FLSA"),
        "with_consumer": _("with a consumer"),
    }.get(code, code.replace("_", " "))
