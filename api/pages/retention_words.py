"""The words of dates on pages: states, and the events that records wait for."""

from api.i18n import gettext as _
from api.pages import shown
from retention import why_words
from retention.record_date import RecordDate
from retention.verdict import CLASS_CONFIRMED


def state_word(code: str) -> tuple[str, str, str]:
    """A state of dating: words, meaning of its colour, icon."""
    return {
        "dated": (_("Has its date"), "done", "check"),
        "awaiting_trigger": (_("Waits for an event"), "waiting", "clock"),
        "no_rule": (_("No rule"), "waiting", "attention"),
        "conflict": (_("Needs a decision"), "blocked", "attention"),
        "permanent": (_("Kept permanently"), "info", "lock"),
    }.get(code, (code, "info", "info"))


def event_word(code: str) -> str:
    """What is missing, as a noun."""
    if code == CLASS_CONFIRMED:
        return _("confirmation of the class by a person")
    return why_words.event(code, _)


def kept(dated: RecordDate) -> str:
    """The line on a record's page: until when it is kept, or why there is no date."""
    if dated.retain_through is not None:
        return _("kept until %(day)s") % {"day": shown.day(dated.retain_through)}
    if dated.state == "awaiting_trigger" and dated.missing:
        return _("no date yet: waits for the %(event)s") % {"event": event_word(dated.missing[0])}
    return {
        "permanent": _("kept permanently"),
        "conflict": _("no date: two provisions contradict each other, a person decides"),
    }.get(dated.state, _("no date: no rule of the schedule is for it"))
