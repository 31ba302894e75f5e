"""An entity's terms of retention in words."""

from dataclasses import dataclass
from datetime import date

from babel.dates import format_skeleton, get_month_names

from api import i18n
from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import shown
from retention import terms_change
from retention.terms_change import NAMES, EntityTerms


@dataclass(frozen=True, slots=True)
class Line:
    """One of the terms in a change: what it was and what it would be."""

    name: str
    before: str
    after: str
    is_looser: bool


def name(code: str) -> str:
    """What one of the terms is called."""
    return {
        "quorum": _("Persons who approve a batch"),
        "grace_days": _("Days of grace after the approval"),
        "destroy_percent": _("Share of a class that one run destroys at most"),
        "intermediate_months": _("Into the intermediate archive"),
        "zone": _("Time zone of legal days"),
        "fiscal_year_start": _("First day of the fiscal year"),
    }[code]


def value(terms: EntityTerms, code: str, percent: int) -> str:
    """What one of the terms is; ``percent``: of the installation."""
    found = getattr(terms, code)
    if code == "quorum":
        return ngettext("one person", "%(count)s persons", found) % {"count": shown.count(found)}
    if code == "grace_days":
        return ngettext("one day", "%(count)s days", found) % {"count": shown.count(found)}
    if code == "destroy_percent":
        own = _("%(percent)s %%") % {"percent": found}
        return own if found is not None else _("%(percent)s %%, as for the installation") % {"percent": percent}
    if code == "intermediate_months":
        if found is None:
            return _("never by themselves")
        if found == 0:
            return _("as soon as the case file's active use has ended")
        wait = ngettext("one month", "%(count)s months", found) % {"count": shown.count(found)}
        return _("%(months)s after the case file's active use has ended") % {"months": wait}
    if code == "fiscal_year_start":
        return month_day(found)
    return str(found)


def month_day(text: str) -> str:
    """A day of every year, from ``MM-DD``; and since when it is another one, where it was moved."""
    first, *moves = text.split("/")
    told = [_day_of_year(first)]
    for each in moves:
        told.append(
            _("from %(day)s on: %(start)s")
            % {"day": shown.day(date.fromisoformat(each)), "start": _day_of_year(each[5:])}
        )
    return "; ".join(told)


def _day_of_year(text: str) -> str:
    # Of a year that has every day.
    return format_skeleton("MMMMd", date.fromisoformat(f"2024-{text}"), locale=i18n.locale())


def facts(terms: EntityTerms, percent: int) -> list[tuple[str, str]]:
    """Name and value of each."""
    return [(name(code), value(terms, code, percent)) for code in NAMES]


def lines(before: EntityTerms, after: EntityTerms, percent: int) -> list[Line]:
    """What a change changes."""
    looser = terms_change.loosened(before, after, percent=percent)
    return [
        Line(name(code), value(before, code, percent), value(after, code, percent), code in looser)
        for code in terms_change.changed(before, after)
    ]


def months() -> list[tuple[str, str]]:
    """Number and name of each month."""
    names = get_month_names("wide", locale=i18n.locale())
    return [(f"{number:02}", names[number]) for number in range(1, 13)]


def DONE() -> dict[str, str]:  # noqa: N802 - words, but in the language of the request
    """What was done, for the toast."""
    return {
        "asked": _("Asked for. It waits for a second person; until then all stays as it is."),
        "set": _("These terms hold from now on."),
        "refused": _("Refused. All stays as it was."),
        "simulated": _("Simulated."),
    }
