"""Overseeing: the trail, and who saw a record; each answer is on the log before it is given.

Asked for by auditors and the data protection officer (``audit.read``), within the legal
entities of their roles. Colleagues stand in an answer by department, without a name: who is
meant can be asked for in a lawful report only. What somebody oversees opens no content.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from accounts import person_reports
from accounts.person_reports import LawfulBasis, PersonReport
from accounts.principal import Grant, Principal
from accounts.report_events import PersonReportRead
from audit import health, intake, trail, trail_search
from audit.check import check
from audit.events import Event, LogVerified, ObjectRef, is_reading
from audit.health import Activity, Health
from audit.intake import Backlog
from audit.log import Log
from audit.origin import started_as
from audit.oversight import AccessReviewed, LogHealthRead, SampleDrawn, TrailRead
from audit.ranges import NoSuchEntry
from audit.trail import TrailEntry
from audit.trail_search import Asked, Found
from audit.verify import Verdict
from core.clock import Clock
from core.database import Database, ReadSession
from core.errors import Conflict, Invalid, NotFound
from records import access_past, file_plan, overseen, sample
from records.access_past import CouldRead
from records.events import PURPOSES
from records.overseen import Overseen
from records.sample import Sample

MOST_READ = 5_000
"""How many entries about one record an answer looks at."""


MOST_VERIFIED = 200_000
"""How many entries are checked while somebody waits; it takes a few seconds."""


class TooLong(Conflict):
    """The log is too long to be checked here."""

    code = "audit_log_too_long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is asked of the trail, as a person writes it; an empty one asks nothing."""

    record: str = ""
    """Number or id."""
    case_file: str = ""
    """Number or id."""
    record_class: str = ""
    """Code; classes below it count too."""
    action: str = ""
    outcome: str = ""
    department: UUID | None = None
    request: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Which of them are set, as codes."""
        return tuple(name for name in _FILTERS if getattr(self, name))


_FILTERS = ("record", "case_file", "record_class", "action", "outcome", "department", "request", "since", "until")


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first, with the things they name as far as the asker oversees them."""

    found: Found
    records: dict[UUID, Overseen]
    case_files: dict[UUID, str]


@dataclass(frozen=True, slots=True)
class Sight:
    """How one colleague saw a record: a row without a name."""

    department: UUID | None
    kind: str
    """person, operator or system."""
    who: int
    """Counts the colleagues of one answer; the same number is the same person of a year. 0: nobody identified."""
    how: dict[str, int]
    """Times by way: opened, downloaded, listed, …"""
    first: datetime
    last: datetime
    newest: int
    """Position of the newest entry."""


Thing = tuple[str, UUID, str | None, int | None]
"""Kind, id, number and version."""


def things_of(entry: TrailEntry, page: Page) -> list[Thing]:
    """What may be told of the things an entry is about.

    Records and case files of legal entities that the reader does not oversee are left out, and
    colleagues too, unless somebody's rights were changed: whose they are is open to auditors anyway.
    """
    told: list[Thing] = []
    for thing in entry.objects:
        if thing.kind == "record":
            row = page.records.get(thing.id)
            if row is not None:
                told.append((thing.kind, thing.id, row.number, thing.version))
        elif thing.kind == "case_file":
            if thing.id in page.case_files:
                told.append((thing.kind, thing.id, page.case_files[thing.id], thing.version))
        elif thing.kind != "person" or not is_reading(entry.action):
            told.append((thing.kind, thing.id, None, thing.version))
    return told


class Oversight:
    """The questions of those who oversee."""

    def __init__(self, main: Database, log: Log, clock: Clock) -> None:
        self._main, self._log, self._clock = main, log, clock

    def trail(
        self, asked: Filter, *, by: Principal, request: str | None, before: int | None = None, limit: int = 50
    ) -> Page:
        """A page of the trail.

        Raises:
            NotAllowed: ``by`` does not oversee.
            NotFound: the record, case file or class asked for does not exist, or is not theirs to oversee.
            LogUnavailable: the reading could not be logged; nothing is told.
        """
        by.require("audit.read")
        about: list[ObjectRef] = []
        codes: tuple[str, ...] = ()
        with self._main.read() as session, self._log.database.read() as log:
            wanted = Asked(
                action=asked.action or None,
                outcome=asked.outcome or None,  # type: ignore[arg-type]
                department=asked.department,
                request=asked.request or None,
                since=asked.since,
                until=asked.until,
                entities=overseen.entities_of(by),
            )
            if asked.record:
                row = overseen.get(session, asked.record, by)
                wanted = replace(wanted, record=row.id)
                about.append(ObjectRef("record", row.id))
            if asked.case_file:
                file = overseen.case_file(session, asked.case_file, by)
                wanted = replace(wanted, case_file=file.id)
                about.append(ObjectRef("case_file", file.id))
            if asked.record_class:
                plan = file_plan.load()
                codes = (plan.get(asked.record_class).code, *plan.descendants(asked.record_class))
            found = trail_search.find(
                log,
                wanted,
                before=before,
                limit=limit,
                of_class=(lambda ids: overseen.of_classes(session, ids, codes)) if codes else None,
            )
            page = self._page(session, found, by)
        positions = [entry.seq for entry in found.entries]
        self._note(
            TrailRead(
                by=by.actor,
                request=request,
                asked=asked.names,
                asked_action=asked.action or None,
                about=tuple(about),
                shown=len(positions),
                first=min(positions, default=None),
                last=max(positions, default=None),
            )
        )
        return page

    def entry(self, seq: int, *, by: Principal, request: str) -> tuple[Page, bytes]:
        """One entry and its exact bytes.

        Raises:
            NotAllowed: ``by`` does not oversee.
            NoSuchEntry: there is none, or it is of a legal entity that ``by`` does not oversee.
            LogUnavailable: the reading could not be logged; nothing is told.
        """
        by.require("audit.read")
        with self._main.read() as session, self._log.database.read() as log:
            data = trail.leaf(log, seq)
            entries = trail.tell(log, [data])
            if not trail_search.is_within(entries[0], overseen.entities_of(by)):
                raise NoSuchEntry("the log has no such entry")
            page = self._page(session, Found(entries, None, None), by)
        self._note(TrailRead(by=by.actor, request=request, asked=("position",), shown=1, first=seq, last=seq))
        return page, data

    def who_saw(self, record: str, *, by: Principal, request: str) -> tuple[Overseen, list[Sight], bool]:
        """Who saw a record, by department and without names, the latest first; and whether older entries were left out.

        Raises: as ``trail``.
        """
        by.require("audit.read")
        with self._main.read() as session, self._log.database.read() as log:
            row = overseen.get(session, record, by)
            wanted = Asked(record=row.id, outcome="done", entities=overseen.entities_of(by))
            found = trail_search.find(log, wanted, limit=MOST_READ)
        seen = sights(found.entries)
        about = (ObjectRef("record", row.id),)
        self._note(
            AccessReviewed(
                by=by.actor, entity=row.entity, request=request, question="saw", about=about, answers=len(seen)
            )
        )
        return row, seen, found.next is not None

    def who_could_see(
        self, record: str, begin: datetime, end: datetime, day: date, *, by: Principal, request: str
    ) -> tuple[Overseen, list[CouldRead]]:
        """Who could have read a record at any instant of a day, which runs from ``begin`` to before ``end``.

        Raises: as ``trail``; Invalid: the day has not begun; NotFound: it is destroyed, and where it lay is not kept.
        """
        by.require("audit.read")
        now = self._clock.now()
        if begin > now:
            raise Invalid("nobody knows who can see it on a day to come")
        with self._main.read() as session:
            row = overseen.get(session, record, by)
            if row.is_destroyed:
                raise NotFound("it is destroyed, and where it lay is not kept: its trail tells who saw it")
            found = access_past.could_read(session, row, begin, min(end, now))
        about = (ObjectRef("record", row.id),)
        self._note(
            AccessReviewed(
                by=by.actor,
                entity=row.entity,
                request=request,
                question="could_see",
                day=day.isoformat(),
                about=about,
                answers=len(found),
            )
        )
        return row, found

    def role_could_see(
        self, grant: Grant, at: datetime, day: date, *, by: Principal, request: str
    ) -> list[access_past.Opened]:
        """How many records of each class a role opened at an instant of ``day``.

        Raises:
            NotAllowed: ``by`` does not oversee there.
            Invalid: the instant is to come.
            LogUnavailable: the question could not be logged; nothing is told.
        """
        by.require("audit.read", entity=grant.entity)
        if at > self._clock.now():
            raise Invalid("nobody knows what a role opens on a day to come")
        with self._main.read() as session:
            found = access_past.opened_by(session, grant, at)
        about = () if grant.department is None else (ObjectRef("department", grant.department),)
        self._note(
            AccessReviewed(
                by=by.actor,
                entity=grant.entity,
                request=request,
                question="role",
                day=day.isoformat(),
                role=grant.role,
                about=about,
                answers=len(found),
            )
        )
        return found

    def state(self, since: datetime, *, by: Principal, request: str) -> tuple[Health, Backlog, list[Activity]]:
        """How the log stands, what waits before it, and refusals and downloads since an instant by department.

        Raises:
            NotAllowed: ``by`` does not oversee.
            LogUnavailable: the question could not be logged; nothing is told.
        """
        by.require("audit.read")
        with self._main.read() as session:
            waits = intake.backlog(session, at=self._clock.now())
        with self._log.database.read() as log:
            found = health.health(log)
            acts = health.activity(log, since, overseen.entities_of(by))
        self._note(LogHealthRead(by=by.actor, request=request, size=found.size))
        return found, waits, acts

    def sample(
        self, entity: UUID, record_class: str, year: int, count: int, seed: str, *, by: Principal, request: str
    ) -> Sample:
        """Records of a class and a year, drawn by a seed: numbers and classes, no content.

        Raises:
            NotAllowed: ``by`` does not oversee there.
            UnknownRecordClass: there is no such class.
            Invalid: seed, count or year cannot be used.
            LogUnavailable: the draw could not be logged; nothing is told.
        """
        with self._main.read() as session:
            found = sample.sample_of(session, entity, record_class, year, count, seed, by=by)
        self._note(
            SampleDrawn(
                by=by.actor,
                entity=entity,
                request=request,
                seed=seed,
                record_class=record_class,
                year=year,
                population=found.population,
                digest=found.population_digest,
                records=tuple(row.id for row in found.drawn),
            )
        )
        return found

    def person_report(
        self,
        report: UUID,
        *,
        lawful: LawfulBasis,
        by: Principal,
        request: str,
        before: int | None = None,
        limit: int = 50,
    ) -> tuple[PersonReport, Page]:
        """What the person of a confirmed report read in its time, newest first.

        Raises:
            NotAllowed, NotFound, ReportsOff, ReportNotOpen: as ``person_reports.get_open``.
            LogUnavailable: the reading could not be logged; nothing is told.
        """
        by.require("audit.read")
        with self._main.read() as session, self._log.database.read() as log:
            row = person_reports.get_open(session, report, lawful=lawful, by=by, at=self._clock.now())
            wanted = Asked(person=row.person, since=row.since, until=row.until, entities=frozenset({row.entity}))
            found = trail_search.find(log, wanted, before=before, limit=limit)
            found = replace(found, entries=[entry for entry in found.entries if is_reading(entry.action)])
            page = self._page(session, found, by)
        event = PersonReportRead(
            by=by.actor,
            entity=row.entity,
            request=request,
            basis=row.basis.lower(),
            report=row.id,
            person=row.person,
            shown=len(found.entries),
        )
        self._note(event)
        return row, page

    def verify(self, file: Path, *, by: Principal, request: str) -> Verdict:
        """Re-read the whole log from its stored bytes and check it; ``file`` is the published checkpoint.

        Nothing is appended where a fault was found.

        Raises:
            NotAllowed: ``by`` may not verify.
            TooLong: the log is too long for somebody to wait for it.
        """
        by.require("audit.verify")
        with self._log.database.read() as log:
            size = health.health(log).size
            origin, vkey = started_as(log) or (None, None)
        if size > MOST_VERIFIED:
            raise TooLong(f"it has more than {MOST_VERIFIED} entries; run muniment audit verify", size=size)
        verdict = check(self._log.database, origin=origin, vkey=vkey, file=file)
        if verdict.fault is None:
            self._note(LogVerified(by=by.actor, request=request, size=verdict.size, root=verdict.root))
        return verdict

    def _page(self, session: ReadSession, found: Found, by: Principal) -> Page:
        things = [thing for entry in found.entries for thing in entry.objects]
        return Page(
            found,
            overseen.find(session, (thing.id for thing in things if thing.kind == "record"), by),
            overseen.case_files(session, {thing.id for thing in things if thing.kind == "case_file"}, by),
        )

    def _note(self, event: Event) -> None:
        self._log.record([event], at=self._clock.now())


def way_of(entry: TrailEntry) -> str | None:
    """How an entry let somebody see a record: listed, searched, download, view, …; ``None`` where it did not."""
    thing, _, happened = entry.action.partition(".")
    if thing != "record" or entry.outcome != "done" or not is_reading(entry.action):
        return None
    return str(entry.details.get("purpose") or PURPOSES.get(entry.action, happened))


def sights(entries: Sequence[TrailEntry]) -> list[Sight]:
    """The seeing among entries about one record, gathered by colleague; the latest first."""
    numbers: dict[str, int] = {}
    gathered: dict[tuple[str, str, UUID | None], list[TrailEntry]] = {}
    for entry in entries:
        if way_of(entry) is None or entry.by.kind == "system":
            continue
        someone = str(entry.by.id or entry.alias or "")
        gathered.setdefault((entry.by.kind, someone, entry.by.department), []).append(entry)
    found = []
    # Numbered from the first who saw it, so that a later look at the record does not renumber.
    for (kind, someone, department), theirs in sorted(gathered.items(), key=lambda one: one[1][-1].seq):
        how: dict[str, int] = {}
        for entry in theirs:
            way = way_of(entry) or ""
            how[way] = how.get(way, 0) + 1
        number = numbers.setdefault(someone, len(numbers) + 1) if someone else 0
        found.append(Sight(department, kind, number, how, theirs[-1].at, theirs[0].at, theirs[0].seq))
    return sorted(found, key=lambda sight: -sight.newest)
