"""The history of a record as sentences, from the entries of the log.

Staff read "a colleague in Accounting" and never a name, except "you" for themselves: the
trail proves what happened to a record and is no record of what one colleague did all day.
Reads of one person that follow each other within minutes stand in one sentence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import audit_words, hold_words, shown, words
from audit.events import Actor
from audit.trail import TrailEntry
from records.events import PURPOSES
from records.object_lock import CANNOT_LOCK
from retention import intermediate

TOGETHER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One line of the history."""

    text: str
    at: datetime
    first: int
    """Position in the log; the last one where several entries stand in one sentence."""
    last: int
    refused: bool


@dataclass(frozen=True, slots=True)
class Names:
    """What may be named: who reads, and the departments."""

    reader: UUID | None
    departments: Mapping[UUID, str]


def tell(entries: Sequence[TrailEntry], names: Names) -> list[Sentence]:
    """The sentences for entries about one record, newest first, as the entries come."""
    sentences: list[Sentence] = []
    group: list[TrailEntry] = []
    for entry in entries:
        if entry.by.kind == "system" and entry.action in _OWN_READS:
            # The program's own reads stand in the trail; here they would bury what people did.
            continue
        if group and _goes_with(group[-1], entry):
            group.append(entry)
            continue
        if group:
            sentences.append(_sentence(group, names))
        group = [entry]
    if group:
        sentences.append(_sentence(group, names))
    return sentences


def who(by: Actor, names: Names) -> str:
    """The subject of a sentence."""
    if by.kind == "system":
        return _("Muniment")
    if by.id is not None and by.id == names.reader:
        return _("You, at the machine's command line,") if by.kind == "operator" else _("You")
    department = names.departments.get(by.department) if by.department is not None else None
    if by.kind == "operator":
        return _("An operator at the machine's command line")
    if department is not None:
        return _("A colleague in %(department)s") % {"department": department}
    return _("A colleague")


def _goes_with(one: TrailEntry, other: TrailEntry) -> bool:
    return (
        one.action == other.action
        and one.action in _READS
        and one.by == other.by
        and one.outcome == other.outcome
        and one.details.get("purpose") == other.details.get("purpose")
        and one.at - other.at <= TOGETHER
    )


def _sentence(group: list[TrailEntry], names: Names) -> Sentence:
    newest, oldest = group[0], group[-1]
    subject = who(newest.by, names)
    what = _WHAT.get(newest.action, _anything)(newest, len(group), names)
    return Sentence(f"{subject} {what}", newest.at, oldest.seq, newest.seq, newest.outcome == "refused")


def _captured(entry: TrailEntry, _n: int, _names: Names) -> str:
    size = shown.size(int(entry.details.get("size", 0)))
    channel = words.channel(str(entry.details.get("channel", "")))
    return _("took this in as a record: %(channel)s, %(size)s.") % {"channel": channel, "size": size}


def _version(entry: TrailEntry, _n: int, _names: Names) -> str:
    version = next((each.version for each in entry.objects if each.kind == "record"), None)
    return _("added a corrected file as version %(version)s.") % {"version": version or ""}


def _component(entry: TrailEntry, _n: int, _names: Names) -> str:
    return _("took a part out of the file: %(role)s.") % {
        "role": words.component_role(str(entry.details.get("role", "")))
    }


def _read(entry: TrailEntry, _n: int, _names: Names) -> str:
    details = entry.details
    if details.get("trouble"):
        return _("could not read it: %(reason)s.") % {"reason": words.trouble(details["trouble"])[0].lower()}
    if details.get("class") and details.get("probability") is not None:
        return _("read it and proposed the class “%(class)s” (%(probability)s).") % {
            "class": words.record_class(details["class"]),
            "probability": shown.percent(int(details["probability"]) / 10_000),
        }
    if details.get("class"):
        return _("read it; its class is “%(class)s”.") % {"class": words.record_class(details["class"])}
    return _("read it and found no class.")


def _placed(entry: TrailEntry, _n: int, names: Names) -> str:
    details = entry.details
    parts = []
    if details.get("class_before") != details.get("class"):
        parts.append(
            _("changed the class from “%(before)s” to “%(after)s”")
            % {"before": words.record_class(details.get("class_before")), "after": words.record_class(details["class"])}
        )
    else:
        parts.append(_("confirmed the class “%(class)s”") % {"class": words.record_class(details.get("class"))})
    if details.get("file_before") != details.get("file"):
        parts.append(_("put it into a case file") if details.get("file") else _("took it out of its case file"))
    if details.get("section"):
        parts.append(_("in the sealed section “%(section)s”") % {"section": words.section(details["section"])})
    return ", ".join(parts) + "."


def _opened(entry: TrailEntry, count: int, _names: Names) -> str:
    purpose = entry.details.get("purpose") or PURPOSES.get(entry.action)
    if purpose == "download":
        return ngettext("downloaded the file.", "downloaded the file %(count)s times.", count) % {"count": count}
    if purpose == "page_image":
        return ngettext("looked at a page.", "looked at %(count)s pages.", count) % {"count": count}
    if purpose == "thumbnail":
        return _("saw a thumbnail of it.")
    if purpose == "text":
        return _("read its text.")
    if purpose == "print":
        return _("asked for its print view.")
    if purpose == "preview":
        return _("saw its preview beside a list.")
    return ngettext("opened this page.", "opened this page %(count)s times.", count) % {"count": count}


def _listed(_entry: TrailEntry, count: int, _names: Names) -> str:
    return ngettext("saw it in a list.", "saw it in lists, %(count)s times.", count) % {"count": count}


def _searched(_entry: TrailEntry, count: int, _names: Names) -> str:
    return ngettext("found it by a search.", "found it by searches, %(count)s times.", count) % {"count": count}


def _refused(_entry: TrailEntry, _n: int, _names: Names) -> str:
    return _("asked for it and was refused.")


def _history_shown(_entry: TrailEntry, _n: int, _names: Names) -> str:
    return _("looked at what happened to it.")


def _table_taken(_entry: TrailEntry, count: int, _names: Names) -> str:
    return ngettext("took it away in a table.", "took it away in %(count)s tables.", count) % {"count": count}


def _malware(_entry: TrailEntry, _n: int, _names: Names) -> str:
    return _("kept it unread: the malware scanner reports it.")


def _lock(_entry: TrailEntry, _n: int, _names: Names) -> str:
    return _("had the store lock the file, or let go of it.")


def _lock_trouble(entry: TrailEntry, _n: int, _names: Names) -> str:
    if entry.details.get("reason") == CANNOT_LOCK:
        return _("noted that the file is to be locked; this store has no locks.")
    return _("found the file not locked as it should be.")


def _damaged(_entry: TrailEntry, _n: int, _names: Names) -> str:
    return _("found that a stored file of it is missing, or not what was stored.")


def _index_repaired(_entry: TrailEntry, _n: int, _names: Names) -> str:
    return _("put it right in the search index.")


def _reading_asked(_entry: TrailEntry, _n: int, _names: Names) -> str:
    return _("asked for it to be read once more.")


def _caught(_entry: TrailEntry, _n: int, _names: Names) -> str:
    return _("noted that a hold reaches it: it is not destroyed.")


def _regime(entry: TrailEntry, _n: int, _names: Names) -> str:
    if entry.basis == intermediate.BASIS:
        return _("brought it into the intermediate archive, because the active use of its case file has ended.")
    return _("brought it under another access regime: %(before)s before, %(after)s now.") % {
        "before": hold_words.regime(str(entry.details.get("before", ""))).lower(),
        "after": hold_words.regime(str(entry.details.get("after", ""))).lower(),
    }


def _regime_asked(_entry: TrailEntry, _n: int, _names: Names) -> str:
    return _("asked that it be open to more of its readers again; that takes a second person.")


def _regime_refused(_entry: TrailEntry, _n: int, _names: Names) -> str:
    return _("left its access regime as it is.")


def _anything(entry: TrailEntry, _n: int, _names: Names) -> str:
    if found := audit_words.phrase(entry):
        return found
    return _("did something that this page has no sentence for (%(action)s).") % {"action": entry.action}


_WHAT = {
    "record.captured": _captured,
    "record.version_added": _version,
    "record.component_added": _component,
    "record.read": _read,
    "record.reading_asked": _reading_asked,
    "record.placed": _placed,
    "record.opened": _opened,
    "record.viewed": _opened,
    "record.previewed": _opened,
    "record.thumbnail_shown": _opened,
    "record.page_shown": _opened,
    "record.downloaded": _opened,
    "record.print_view_requested": _opened,
    "record.history_shown": _history_shown,
    "record.table_taken": _table_taken,
    "record.malware_found": _malware,
    "record.index_repaired": _index_repaired,
    "hold.caught": _caught,
    "record.regime_changed": _regime,
    "record.regime_asked": _regime_asked,
    "record.regime_refused": _regime_refused,
    "object.locked": _lock,
    "object.lock_refused": _lock_trouble,
    "object.lock_differs": _lock_trouble,
    "object.fixity_failed": _damaged,
    "record.listed": _listed,
    "record.searched": _searched,
    "record.refused": _refused,
}

_OWN_READS = frozenset({"record.opened", "record.viewed", "record.listed"})
_READS = frozenset(action for action, tells in _WHAT.items() if tells in (_opened, _listed, _searched, _history_shown))
"""Actions of which several stand in one sentence."""
