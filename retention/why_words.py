"""The words of *Why this date?*: events, anchors, bounds and reasons, for people who keep records and who audit.

Every function takes the reader's ``gettext``; the strings here are the English source.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from retention.anchor import Anchor
from retention.period import Period
from retention.rule import Bound, Rule

Gettext = Callable[[str], str]
NGettext = Callable[[str, str, int], str]
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def english_plural(singular: str, plural: str, count: int) -> str:
    """The form for that many things where no catalogue is at hand."""
    return singular if count == 1 else plural


def english_day(day: date) -> str:
    """A day in full where no locale is at hand: ``31 December 2033``."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


@dataclass(frozen=True, slots=True)
class Language:
    """How a reader wants to read: messages, plurals, days."""

    gettext: Gettext = str
    ngettext: NGettext = english_plural
    day: Callable[[date], str] = english_day


ENGLISH = Language()
"""Where no catalogue and no locale are at hand."""


def event(code: str, _: Gettext) -> str:
    """An event, or another fact that rules ask for, as a noun: ``end of employment``."""
    words = {
        "document_created": _("creation of the document"),
        "document_period_end": _("end of the period the document is about"),
        "document_superseded": _("replacement of the document by a later one"),
        "record_made": _("making of the record"),
        "recorded": _("recording"),
        "sent_or_received": _("sending or receipt of the letter"),
        "last_entry": _("last entry"),
        "accounts_prepared": _("preparation of the accounts"),
        "accounts_approved": _("approval of the accounts"),
        "tax_return_filed": _("filing of the tax return"),
        "tax_return_deadline": _("deadline of the tax return"),
        "tax_payment_due": _("due date of the tax"),
        "tax_due_or_paid": _("due date or payment of the tax, whichever was later"),
        "payment_made": _("payment"),
        "transaction_completed": _("completion of the transaction"),
        "first_use": _("first use"),
        "asset_end_of_life": _("end of the asset's useful life"),
        "asset_end_of_useful_life": _("end of the asset's useful life"),
        "contract_start": _("start of the contract"),
        "contract_end": _("end of the contract"),
        "claim_due": _("due date of the claim"),
        "delivery_or_performance": _("delivery or performance"),
        "business_relationship_end": _("end of the business relationship"),
        "procedure_closed": _("end of the procedure"),
        "proceeding_closed": _("close of the proceedings"),
        "case_closed": _("close of the case"),
        "audit_completed": _("completion of the audit"),
        "hire_date": _("start of employment"),
        "employment_start": _("start of employment"),
        "employment_end": _("end of employment"),
        "last_contact": _("last contact"),
        "rejection_received": _("receipt of the rejection"),
        "last_wage_entry": _("last wage entry"),
        "following_pay_reference_period_end": _("end of the pay reference period that follows"),
        "contribution_due": _("due date of the contribution"),
        "social_insurance_audit_completed": _("completion of the social insurance audit"),
        "accident_date": _("day of the accident"),
        "exposure_end": _("end of the exposure"),
        "consent_withdrawn": _("withdrawal of consent"),
        "erasure_granted": _("decision to grant the erasure"),
        # facts that say whether a class concerns a record
        "class_confirmed": _("a person's confirmation of the record's class"),
        "sector": _("sector of the organisation"),
        "legal_form": _("legal form of the organisation"),
        "application_outcome": _("outcome of the application"),
        "working_time_model": _("working time model"),
        "minimum_wage_records_required": _("whether minimum wage records are required"),
        "flsa_covered": _("whether the employer is covered by the FLSA"),
        "counterparty_is_consumer": _("whether the other party is a consumer"),
    }
    return words.get(code, code.replace("_", " "))


def anchor(code: Anchor, _: Gettext) -> str:
    """Where a rule counts from, as a noun."""
    return {
        "event_date": _("the day of the event"),
        "end_of_calendar_year": _("the end of the calendar year of the event"),
        "end_of_fiscal_year": _("the end of the fiscal year of the event"),
        "end_of_cy_of_fiscal_year_end": _("the end of the calendar year in which that fiscal year ends"),
        "end_of_tax_year": _("the end of the tax year of the event"),
        "july_1_after_fiscal_year": _("1 July of the year after the one in which that fiscal year ends"),
    }[code]


def bound(code: Bound, _: Gettext) -> str:
    """What kind of period a rule states."""
    return {
        "minimum": _("A minimum: the record may not go earlier."),
        "maximum": _("A maximum: the record may not stay longer."),
        "limitation": _("A limitation period: the record may be kept until claims lapse."),
        "guidance": _("Guidance or practice: the record may be kept so long."),
    }[code]


def action(code: str, _: Gettext) -> str:
    """What the rule asks for at the end."""
    words = {
        "destroy": _("Then it is to be destroyed, after review and approval."),
        "review": _("Then a person decides what becomes of it."),
        "transfer": _("Then it is to be handed over, after review and approval."),
        "permanent": _("It is never destroyed."),
    }
    return words.get(code, code)


def reason(code: str, _: Gettext) -> str:
    """Why a rule decided, or did not. The keys are all the codes a verdict gives."""
    return reasons(_).get(code, code.replace("_", " "))


def reasons(_: Gettext) -> dict[str, str]:
    """All reasons by code."""
    return {
        "decides": _("It decides."),
        "same_end": _("It ends on the same day as the rule that decides."),
        "shorter_floor": _("It ends earlier; the longest of several minimum periods counts."),
        "shorter_purpose": _("It ends earlier; the longest purpose counts."),
        "yields_to_floor": _("It ends earlier than a period that a statute demands."),
        "capped_by_maximum": _("It would end later than a maximum allows."),
        "longer_maximum": _("Another maximum ends earlier."),
        "maximum_not_reached": _("The record may go before this maximum is reached."),
        "floor_beyond_maximum": _("A minimum and a maximum contradict each other here; a person has to decide."),
        "waits_with_others": _("There is no end while another rule still waits for its event."),
        "event_unknown": _("The day of its event is not known."),
        "event_beyond_calendar": _("With this event it would end beyond the year 9999; the event has to be corrected."),
        "event_before_validity": _("The event lies before the rule's validity."),
        "event_after_validity": _("The event lies after the rule's validity."),
        "other_class": _("It is for another class of record."),
        "class_uncertain": _("Whether its class concerns the record is not certain, so its maximum is not applied."),
        "kept_permanently": _("Another rule asks to keep the record permanently."),
        "kept_by_decision": _("Two persons decided to keep the record permanently."),
    }


def period(value: Period, language: Language) -> str:
    """A period in words: ``8 years``, ``1 year and 6 months``."""
    ngettext = language.ngettext
    _ = language.gettext
    parts = [
        (value.years, ngettext("%(count)s year", "%(count)s years", value.years)),
        (value.months, ngettext("%(count)s month", "%(count)s months", value.months)),
        (value.weeks, ngettext("%(count)s week", "%(count)s weeks", value.weeks)),
        (value.days, ngettext("%(count)s day", "%(count)s days", value.days)),
        (value.hours, ngettext("%(count)s hour", "%(count)s hours", value.hours)),
    ]
    written = [text % {"count": count} for count, text in parts if count]
    if not written:
        return _("no time")
    if len(written) == 1:
        return written[0]
    return _("%(first)s and %(last)s") % {"first": ", ".join(written[:-1]), "last": written[-1]}


def rule_name(rule: Rule, language: Language) -> str:
    """A rule by its code, version and country."""
    return language.gettext("%(code)s, version %(version)s (%(jurisdiction)s)") % {
        "code": rule.code,
        "version": rule.version,
        "jurisdiction": rule.jurisdiction,
    }


def instant(value: datetime, zone: str, language: Language) -> str:
    """Day and time in a zone, with its distance from UTC: over a change of the clocks that tells two hours apart."""
    there = value.astimezone(ZoneInfo(zone))
    return f"{language.day(there.date())}, {there:%H:%M} ({there:%z})"
