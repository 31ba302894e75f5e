"""Words for holds: their kinds, what they reach, how they stand, and the line on a record's page."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.principal import Principal
from api.i18n import gettext as _
from api.pages import words
from app.hold_wanted import Shown
from core.database import ReadSession
from records import file_plan
from records.record import Record
from retention import hold
from retention.blocker import blockers_of


@dataclass(frozen=True, slots=True)
class Badge:
    """That a record is held, for everybody who sees the record."""

    text: str
    since: datetime | None
    """``None`` while it is only not known yet."""
    holds: tuple[UUID, ...]
    """Those to link to, for whoever sees holds."""


def kind(code: str) -> str:
    """The kind of a hold."""
    return {
        hold.LEGAL_HOLD: _("Legal hold"),
        hold.TAX_AUDIT: _("Tax audit"),
        hold.RESTRICTION: _("Restriction (GDPR Art. 18)"),
        hold.OPEN_REQUEST: _("Open request"),
    }.get(code, code)


def scope_kind(code: str) -> str:
    """What a hold reaches, as a choice."""
    return {
        "records": _("A list of records"),
        "case_file": _("A case file or matter"),
        "person": _("A person or party"),
        "classes": _("Classes and years"),
        "tax": _("Tax years"),
        "query": _("A search, also for what is filed later"),
    }.get(code, code)


def scope_hint(code: str) -> str:
    """What to know before choosing it."""
    return {
        "records": _("Exactly these records and what was found in them."),
        "case_file": _("All that lies in the file, or is put into it; taking a record out does not free it."),
        "person": _("All that names a party, or the case files about a colleague."),
        "classes": _("All of these kinds from these years, whoever they are from."),
        "tax": _("Books, vouchers, letters, contracts and pay of these years, until the tax is settled."),
        "query": _("Words, parties, amounts: everything the search finds now or on any later day."),
    }.get(code, "")


def reach(shown: Shown) -> str:
    """What a hold reaches, in a line."""
    row = shown.row
    years = f"{row.first_year}–{row.last_year}" if row.first_year != row.last_year else f"{row.first_year}"
    if row.scope == "case_file":
        return _("Case file %(number)s") % {"number": shown.case_file}
    if row.scope == "query":
        return _("Search: %(query)s") % {"query": shown.words.query if shown.words else "…"}
    if row.scope == "classes":
        plan = file_plan.load()
        names = [words.record_class(code) if code in plan else code for code in row.classes]
        return f"{', '.join(names)}, {years}"
    if row.scope == "tax":
        return _("Tax years %(years)s") % {"years": years}
    return scope_kind(row.scope)


def badge(session: ReadSession, row: Record, by: Principal) -> Badge | None:
    """The line on the page of a record that ``by`` sees: that it is held, and not why; ``None`` where it is not."""
    found = blockers_of(session, [row.id]).get(row.id, ())
    if not found:
        return None
    sees = by.may("retention.read", entity=row.entity)
    known = [each for each in found if not each.undecided]
    ids = tuple(each.hold for each in (known or found)) if sees else ()
    if not known:
        return Badge(_("A hold is being checked against it"), None, ids)
    legal = any(each.kind == hold.LEGAL_HOLD for each in known)
    return Badge(_("On legal hold") if legal else _("Kept from destruction"), min(each.since for each in known), ids)


def regime(code: str) -> str:
    """An access regime."""
    return {
        "active": _("Active"),
        "intermediate": _("Intermediate archive"),
        "restricted": _("Restricted"),
        "blocked": _("Blocked"),
    }.get(code, code)


def regime_hint(code: str) -> str:
    """What a regime does."""
    return {
        "active": _("Read by class, department and case file."),
        "intermediate": _("No longer in daily use: of its readers those who are named."),
        "restricted": _("Stored and not processed otherwise (GDPR Art. 18): in no search, list or export."),
        "blocked": _("Kept for courts and authorities alone, until it is destroyed."),
    }.get(code, "")
