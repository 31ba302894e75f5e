"""What stands around every page of a signed-in person: places to go with their counts, banners, their name.

Only what the person may use is shown; what is counted is what they may see.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from accounts import departments, entities, grant_requests, people, person_reports, setup, single_operator
from accounts.people import Person
from accounts.principal import Principal
from api.i18n import gettext as _
from api.i18n import ngettext
from api.pages import retention_tabs, shown
from app.runtime import Runtime
from core.clock import civil_date
from core.database import ReadSession
from records import auditor_scope, listing, record
from retention import custodian

WAITING = (record.NEEDS_REVIEW, record.NEEDS_ATTENTION)
"""States that are counted beside their page's name."""


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the rail."""

    address: str
    text: str
    icon: str
    is_here: bool
    count: int = 0
    meaning: Literal["", "waiting", "blocked"] = ""
    first: bool = True
    """Stands in the bottom bar of a narrow screen; the others stand under "More"."""


@dataclass(frozen=True, slots=True)
class Banner:
    """A line above every page."""

    text: str
    meaning: Literal["waiting", "info"]
    address: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of one request."""

    places: tuple[Place, ...]
    banners: tuple[Banner, ...]
    name: str
    zone: str
    entities: tuple[tuple[UUID, str], ...]
    departments: dict[UUID, str]
    """Names of the departments in the entities of the person."""
    may_search: bool


def of(run: Runtime, by: Principal, path: str) -> Frame:
    """The frame for ``by`` at an address."""
    now = run.clock.now()
    with run.main.read() as session:
        own = [row for row in entities.everything(session) if row.id in by.entities]
        counts = listing.counts_by_state(session, by, now, WAITING) if by.may("record.read") else {}
        waiting = len(grant_requests.pending(session, by=by)) if by.may("person.read") else 0
        scopes = auditor_scope.visible(session, by=by)
        auditing = any(row.person == by.id and row.holds_at(now) for row in scopes)
        asked = sum(1 for row in scopes if auditor_scope.may_decide(row, by))
        batches = retention_tabs.waiting(session, by)
        name = people.reveal_names(session, [by.id], run.keys).get(by.id, "") if by.id else ""
        return Frame(
            places=(*_places(by, path, counts, waiting, batches), *_scopes(by, path, auditing, asked)),
            banners=(*_moved_clock(run, now), *_banners(session, by, now, auditing)),
            name=name,
            zone=own[0].zone if own else run.settings.time_zone,
            entities=tuple((row.id, row.name) for row in own),
            departments=departments_of(session, by),
            may_search=by.may("record.read"),
        )


def departments_of(session: ReadSession, by: Principal) -> dict[UUID, str]:
    """Names of the departments in the entities of ``by``; a name stands with its entity where there are several."""
    rows = departments.names_in(session, by.entities)
    if len({entity for _, _, entity in rows}) < 2:
        return {department: name for department, name, _ in rows}
    firms = {row.id: row.name for row in entities.everything(session)}
    return {department: f"{name} · {firms[entity]}" for department, name, entity in rows}


def first_page(by: Principal) -> str:
    """Where a person begins."""
    if by.may("record.read"):
        return "/search"
    if by.may("audit.read"):
        return "/audit"
    return "/people" if by.may("person.read") else "/profile"


def _places(
    by: Principal, path: str, counts: dict[str, int], grants_waiting: int, batches_waiting: int
) -> tuple[Place, ...]:
    def place(
        address: str, text: str, icon: str, count: int = 0, meaning: Literal["", "waiting", "blocked"] = "",
        first: bool = True,
    ) -> Place:  # fmt: skip
        here = path == address or path.startswith(address + "/")
        return Place(address, text, icon, here, count, meaning if count else "", first)

    found = []
    # On a narrow screen four places stand below: whoever decides about retention has it there, and files less.
    decides = by.may("disposition.prepare")
    if by.may("record.read"):
        found.append(place("/search", _("Search"), "search"))
    if by.may("record.capture"):
        found.append(place("/upload", _("Upload"), "upload", first=not decides))
    if by.may("record.review"):
        found.append(place("/review", _("Review"), "review", counts.get(record.NEEDS_REVIEW, 0), "waiting"))
    if by.may("record.read"):
        count = counts.get(record.NEEDS_ATTENTION, 0)
        found.append(place("/attention", _("Needs attention"), "attention", count, "blocked"))
    if by.may("case_file.read"):
        found.append(place("/case-files", _("Case files"), "case", first=False))
    if tabs := retention_tabs.tabs(by):
        here, first = retention_tabs.is_under(path), decides or not by.may("record.read")
        meaning: Literal["", "waiting"] = "waiting" if batches_waiting else ""
        found.append(Place(tabs[0][0], _("Retention"), "clock", here, batches_waiting, meaning, first))
    if by.may("person.read"):
        first = not by.may("record.read")
        found.append(place("/people", _("People and roles"), "people", grants_waiting, "waiting", first))
    if by.may("audit.read"):
        found.append(place("/audit", _("Audit"), "seal"))
    elif by.may("report.decide"):
        found.append(place("/audit/reports", _("Reading reports"), "seal"))
    if by.may("file_report.make") and not by.may("audit.read"):
        found.append(place("/audit/file-report", _("Case file access"), "case", first=False))
    if by.may("withdrawal.decide") and not by.may("audit.read"):
        found.append(place("/audit/withdrawals", _("Log withdrawals"), "seal", first=False))
    if by.may("installation.manage") or by.may("entity.manage"):
        found.append(place("/settings", _("Settings"), "settings", first=not by.may("record.read")))
    return tuple(found)


def _scopes(by: Principal, path: str, auditing: bool, asked: int) -> tuple[Place, ...]:
    if not (auditing or by.may("person.read")):
        return ()
    here = path == "/scopes" or path.startswith("/scopes/")
    meaning: Literal["", "waiting"] = "waiting" if asked else ""
    return (Place("/scopes", _("Access for audits"), "lock", here, asked, meaning, first=auditing),)


def _moved_clock(run: Runtime, now: datetime) -> tuple[Banner, ...]:
    if not run.settings.test_clock:
        return ()
    day = shown.day(civil_date(now, run.settings.time_zone))
    text = _("An archive for tests: its clock can be moved, and says %(day)s. Keep nothing here that matters.")
    return (Banner(text % {"day": day}, "waiting"),)


def _banners(session: ReadSession, by: Principal, now: datetime, auditing: bool) -> tuple[Banner, ...]:
    found = []
    if single_operator.is_on(session, now):
        text = _("Single operator mode: one person may confirm their own proposals after 72 hours.")
        found.append(Banner(text, "waiting", "/settings#single-operator", _("What this means")))
    if by.may("installation.manage") and setup.is_open(session, now):
        text = _("The set-up is open: roles hold at once, without a second person.")
        found.append(Banner(text, "info", "/settings#set-up", _("Close the set-up")))
    if any(grant.role == "dpo" for grant in by.grants):
        asked = person_reports.visible(session, by=by)
        recent = sum(1 for row, _decision in asked if row.asked_at > now - person_reports.READABLE)
        if recent:
            text = ngettext(
                "One report about a person's reading was asked for in the last 14 days.",
                "%(count)s reports about a person's reading were asked for in the last 14 days.",
                recent,
            )
            found.append(Banner(text % {"count": recent}, "info", "/audit/reports", _("See the reports")))
    if by.id is not None and (told := custodian.waiting_for(session, by.id)):
        text = ngettext(
            "A hold concerns what you work with: one notice waits for your acknowledgement.",
            "Holds concern what you work with: %(count)s notices wait for your acknowledgement.",
            told,
        )
        found.append(Banner(text % {"count": told}, "waiting", "/notices", _("Read the notice")))
    if not by.grants and not auditing and session.get(Person, by.id) is not None:
        found.append(Banner(_("You have no role yet. An administrator can propose one."), "info"))
    return tuple(found)
