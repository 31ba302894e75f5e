"""Entries of the log as sentences for those who oversee: who, by department and without a name, and what.

The words of an action stand here; one without words of its own is told by what the catalogue
says of it, so that a new action is readable at once.
"""

from collections.abc import Mapping
from uuid import UUID

from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import shown, words
from audit.events import description_of
from audit.trail import TrailEntry


def who(entry: TrailEntry, reader: UUID | None, departments: Mapping[UUID, str]) -> str:
    """The subject of a sentence."""
    by = entry.by
    if by.kind == "system":
        return _("Muniment")
    if by.id is not None and by.id == reader:
        return _("You")
    department = departments.get(by.department) if by.department is not None else None
    if by.kind == "operator":
        return _("An operator at the machine's command line")
    if department is not None:
        return _("A colleague in %(department)s") % {"department": department}
    return _("A colleague") if entry.alias is not None else _("Somebody who was not identified")


def sentence(entry: TrailEntry, reader: UUID | None, departments: Mapping[UUID, str]) -> str:
    """One entry, told."""
    subject = who(entry, reader, departments)
    found = phrase(entry)
    if found:
        return f"{subject} {found}"
    described = description_of(entry.action)
    told = _(described) if described is not None else _("this program does not know the action %s") % entry.action
    return f"{subject}: {told}"


def action_choices(actions: list[str]) -> list[tuple[str, list[str]]]:
    """Actions to choose from, under the thing each begins with."""
    groups: dict[str, list[str]] = {}
    for action in actions:
        groups.setdefault(action.partition(".")[0], []).append(action)
    return sorted(groups.items())


def outcome(code: str) -> str:
    """How it ended."""
    return {"done": _("Done"), "refused": _("Refused"), "failed": _("Failed")}.get(code, code)


def way(code: str) -> str:
    """How a record was seen."""
    return {
        "view": _("page opened"),
        "preview": _("preview"),
        "text": _("text read"),
        "download": _("file downloaded"),
        "page_image": _("page image"),
        "thumbnail": _("thumbnail"),
        "print": _("print view"),
        "listed": _("in a list"),
        "searched": _("in search results"),
        "history_shown": _("history"),
        "handed_over": _("taken away for an audit"),
        "work": _("the program’s own reading"),
        "package_taken": _("taken away in a package"),
        "packed": _("packed by the program"),
    }.get(code, code.replace("_", " "))


def filter_name(code: str) -> str:
    """What a filter asks about."""
    return {
        "record": _("Record"),
        "case_file": _("Case file"),
        "class": _("Class"),
        "action": _("Action"),
        "outcome": _("Outcome"),
        "department": _("Department"),
        "request": _("Request"),
        "from": _("From"),
        "to": _("To"),
    }.get(code, code)


def phrase(entry: TrailEntry) -> str:
    """What was done, after its subject; empty where the action has no words of its own."""
    details = entry.details
    records = sum(1 for thing in entry.objects if thing.kind == "record")
    if entry.action == "record.captured":
        channel = words.channel(str(details.get("channel", "")))
        return _("took in a record: %(channel)s, %(size)s.") % {
            "channel": channel,
            "size": shown.size(int(details.get("size", 0))),
        }
    if entry.action == "record.searched":
        return ngettext("searched; one record was shown.", "searched; %(count)s records were shown.", records) % {
            "count": records
        }
    if entry.action == "record.listed":
        return ngettext("saw a record in a list.", "saw %(count)s records in a list.", records) % {"count": records}
    if entry.action == "record.handed_over":
        return ngettext("took a record away.", "took %(count)s records away.", int(details.get("records", 0))) % {
            "count": details.get("records", 0)
        }
    if entry.action == "record.opened":
        return _("opened a record: %(way)s.") % {"way": way(str(details.get("purpose", "")))}
    if entry.action == "record.placed":
        return _("filed a record under the class “%(class)s”.") % {"class": words.record_class(details.get("class"))}
    if entry.action == "audit.trail_read":
        return ngettext(
            "read one entry of this trail.", "read %(count)s entries of this trail.", int(details.get("shown", 0))
        ) % {"count": details.get("shown", 0)}
    if entry.action == "audit.access_reviewed":
        return {
            "saw": _("asked who saw a record."),
            "could_see": _("asked who could see a record on a day."),
            "role": _("asked what a role opened on a day."),
        }.get(str(details.get("question")), "")
    return {
        "auditor_scope.asked": _("proposed access for an audit."),
        "auditor_scope.decided": _("decided on access for an audit."),
        "auditor_scope.ended": _("ended access for an audit."),
        "audit.health_read": _("looked at the state of the log."),
        "hold.placed": _("placed a hold."),
        "hold.previewed": _("counted what a hold would reach."),
        "hold.caught": _("noted what a hold reaches."),
        "hold.shown": _("looked at holds."),
        "hold.release_asked": _("asked for the release of a hold."),
        "hold.release_decided": _("decided on the release of a hold that somebody else had asked for."),
        "hold.lapsed": _("ended a hold on its last day."),
        "hold.reviewed": _("looked at a hold again and kept it."),
        "hold.review_due": _("reminded the owner of a hold of its review."),
        "hold.notice_given": _("told people of a hold."),
        "hold.notice_shown": _("was shown notices about holds."),
        "hold.notice_acknowledged": _("acknowledged the notice of a hold."),
        "record.regime_changed": _("brought a record under another access regime."),
        "record.regime_asked": _("asked that a record be opened again."),
        "record.regime_refused": _("left the access regime of a record as it is."),
        "regime_reader.asked": _("proposed who goes on reading records of an access regime."),
        "regime_reader.decided": _("decided on who goes on reading records of an access regime."),
        "regime_reader.ended": _("ended that somebody reads records of an access regime."),
        "retention.fact_stated": _("stated an event of a record, or a fact that a rule asks for."),
        "retention.date_changed": _("reckoned retention dates that had changed."),
        "retention.terms_asked": _("asked for other terms of retention; they wait for a second person."),
        "retention.terms_changed": _("put other terms of retention in force."),
        "retention.terms_refused": _("refused other terms of retention, or took them back."),
        "retention.words_shown": _("read what was written about dispositions, wrong uploads or copies outside."),
        "retention.simulation_asked": _("asked what a change would do to retention dates."),
        "retention.simulation_list_taken": _("took the list of a simulation."),
        "disclosure.noted": _("wrote down a copy outside, or what became of it."),
        "capture.withdrawal_asked": _("closed a wrong upload and asked that it be withdrawn."),
        "capture.withdrawal_decided": _("decided on a wrong upload that somebody else had closed."),
        "retention.simulated": _("reckoned what a change would do to retention dates."),
        "retention.why_shown": _("looked at why a record has its date."),
        "retention.rule_drafted": _("drafted a version of a retention rule."),
        "retention.rule_published": _("published a version of a retention rule that somebody else had drafted."),
        "retention.rule_refused": _("refused a draft of a retention rule, or took it back."),
        "retention.rule_retirement_asked": _("asked to take a retention rule out of the schedule."),
        "retention.rule_retired": _("took a retention rule out of the schedule, as somebody else had asked."),
        "retention.rule_reviewed": _("noted that a retention rule still says what the law says."),
        "retention.rules_taken": _("took in retention rules together, from a starter pack or a file."),
        "retention.schedule_turned": _("began to reckon by a retention rule whose day had come."),
        "record.viewed": _("opened the page of a record."),
        "record.downloaded": _("downloaded the file of a record."),
        "record.previewed": _("saw the preview of a record."),
        "record.page_shown": _("looked at a page of a record."),
        "record.thumbnail_shown": _("saw a thumbnail of a record."),
        "record.print_view_requested": _("asked for the print view of a record."),
        "record.history_shown": _("looked at the history of a record."),
        "record.refused": _("asked for a record and was refused."),
        "request.refused": _("asked for something their roles do not allow, and was refused."),
        "record.read": _("read a record and proposed where it belongs."),
        "record.version_added": _("added a version to a record."),
        "case_file.listed": _("was shown the names of case files."),
        "person.listed": _("was shown names of colleagues."),
        "person_report.asked": _("asked for a report about what one person read."),
        "person_report.decided": _("decided on a report about what one person read."),
        "person_report.read": _("read a report about what one person read."),
        "sign_in.done": _("signed in."),
        "sign_in.refused": _("could not sign in."),
        "session.ended": _("signed out."),
        "audit.sample_drawn": _("drew a sample of records by a seed."),
        "audit.entries_read": _("fetched a bundle of entries of the log."),
        "audit.own_file_read": _("asked who accessed the file about themselves."),
        "audit.file_report_made": _("reported who accessed a case file, for the person it is about."),
        "log.exported": _("exported evidence from the log."),
        "log.verified": _("re-read and checked the log."),
        "log.withdrawal_asked": _("asked that old entries of the log be withdrawn."),
        "log.withdrawal_refused": _("refused that entries of the log be withdrawn, or took back having asked."),
        "log.withdrawn": _("withdrew old entries of the log, as somebody else had asked."),
        "retention.run_ended": _("ran a retention job."),
        "retention.run_let_through": _("let a stopped retention run through."),
        "retention.clock_doubted": _("found the clock in doubt; nothing is destroyed meanwhile."),
        "retention.clock_confirmed": _("confirmed the date."),
        "retention.alarm_raised": _("raised an alarm about what waits too long."),
        "object.fixity_failed": _("found that a stored object is not what was stored."),
        "log.heartbeat": _("noted that the log is alive."),
        "log.started": _("began this log."),
    }.get(entry.action, "")
