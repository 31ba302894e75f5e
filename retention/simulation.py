"""What a change would do, before anybody decides on it: rules published or retired, or records of another class.

Every record of the entity is reckoned twice, by the schedule of now and by that which would be, and no date is
written. The result is stored with a digest of what it rests on; a publication wants one that is ``fresh``. The full
list is not stored: it is reckoned again while it is read.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import entities
from accounts.entities import LegalEntity
from accounts.principal import Principal
from audit.intake import append
from core import jobs
from core.canonical import canonical
from core.clock import civil_date
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from records import file_plan
from retention import date_batch, fact, record_facts
from retention import schedule_rows as schedule
from retention.date_events import Simulated, SimulationAsked
from retention.dating import Dates, Reckoner, reckoner_of
from retention.fact import NOTHING
from retention.record_facts import Seen
from retention.rule import Rule
from retention.schedule_rows import DRAFT, PUBLISHED, RetentionRule
from retention.schedule_versions import Standing, in_force

Kind = Literal["rules", "retire", "class", "calendar", "hold", "release"]
FRESH_FOR = timedelta(hours=24)
SAMPLES = 20
MOST_RULES = 400
READ = "retention.read"


class SimulationNeeded(Conflict):
    """Simulate this change first: nobody has looked at what it would do, or the schedule has changed since."""

    code = "simulation_needed"


class UnknownSimulation(NotFound):
    """There is no such simulation."""

    code = "unknown_simulation"


class NothingToSimulate(Invalid):
    """This is no change of the schedule or of classes."""

    code = "nothing_to_simulate"


class Simulation(MainTable):
    """One simulation, and once it has ended its result."""

    __tablename__ = "simulations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[UUID] = mapped_column(ForeignKey("legal_entities.id"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    """``rules``: drafts published; ``retire``: rules taken out; ``class``: records of one class put into another;
    ``calendar``: another time zone or fiscal year; ``hold``, ``release``: see ``retention.hold_simulation``."""
    versions: Mapped[list[str]] = mapped_column(JSON)
    """Ids of the rule versions, as hex, sorted."""
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    """``from_class`` and ``to_class``; ``zone`` and ``fiscal_year_start``; a hold's scope; or a ``hold``."""
    asked_by: Mapped[UUID | None]
    asked_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    inputs: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Digest of the schedule and of what would change it."""
    schedule: Mapped[int]
    """Number of the schedule it started from."""
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """``Result.to_json``."""


class Difference(NamedTuple):
    """One record whose dates would be others."""

    row: str | UUID
    """Its id, as its row has it or read."""
    record_class: str | None
    now: Dates
    then: Dates
    eligible_now: bool
    eligible_then: bool

    @property
    def record(self) -> UUID:
        """Its id."""
        return record_facts.as_id(self.row)


@dataclass(slots=True)
class Result:
    """Counts by class and year, and some records of each kind."""

    records: int = 0
    moved: int = 0
    becoming: int = 0
    """Eligible at once, and not now."""
    ceasing: int = 0
    by_class: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Class, then ``moved``, ``becoming``, ``ceasing``, ``sooner``, ``later``."""
    by_year: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Year in which they would become eligible, or the state without a date, likewise."""
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def count(self, each: Difference) -> None:
        """Add one record."""
        self.moved += 1
        kinds = ["moved"]
        if each.eligible_then and not each.eligible_now:
            self.becoming += 1
            kinds.append("becoming")
        if each.eligible_now and not each.eligible_then:
            self.ceasing += 1
            kinds.append("ceasing")
        if each.now.retain_through and each.then.retain_through and each.now.retain_through != each.then.retain_through:
            kinds.append("sooner" if each.then.retain_through < each.now.retain_through else "later")
        then = each.then
        year = str(then.eligible_from.year) if then.eligible_from is not None else then.state
        for kind in kinds:
            self.by_class[each.record_class or ""][kind] += 1
            self.by_year[year][kind] += 1
        shown = kinds[1] if len(kinds) > 1 else "moved"
        some = self.samples.setdefault(shown, [])
        if len(some) < SAMPLES:
            some.append({"record": each.record.hex, "now": each.now.code, "then": each.then.code})

    def to_json(self) -> dict[str, Any]:
        return {
            "records": self.records,
            "moved": self.moved,
            "becoming": self.becoming,
            "ceasing": self.ceasing,
            "by_class": {name: dict(counts) for name, counts in sorted(self.by_class.items())},
            "by_year": {year: dict(counts) for year, counts in sorted(self.by_year.items())},
            "samples": self.samples,
        }


class Change:
    """The schedule of now and that which would be, side by side."""

    def __init__(self, session: ReadSession, row: Simulation, at: datetime) -> None:
        self.today = civil_date(at, entities.get(session, row.entity).zone)
        self.now = reckoner_of(session, row.entity, at)
        self.then = self.now if row.kind == "class" else _schedule_then(session, row, at)
        self.at = at
        self._to_class = row.spec.get("to_class")
        self._from = _with_below(row.spec["from_class"]) if "from_class" in row.spec else frozenset()

    def differences(self, session: ReadSession, rows: Sequence[Any]) -> list[Difference]:
        """Those of the records whose dates would be others."""
        gathered = record_facts.gather(session, rows)
        all_now = self.now.dates_of(rows, gathered)
        if self._to_class is None:
            all_then = self.then.dates_of(rows, gathered)
        else:
            all_then = [self.then.dates(self._moved(gathered.seen(row))) for row in rows]
        found = []
        for row, now, then in zip(rows, all_now, all_then, strict=True):
            # ``Dates`` of other rules differ in rule and basis, too, without any date being another.
            if (now.state, now.retain_through, now.eligible_at, now.action) == (
                then.state,
                then.retain_through,
                then.eligible_at,
                then.action,
            ):
                continue
            found.append(Difference(row.id, row.record_class, now, then, self._eligible(now), self._eligible(then)))
        return found

    def _moved(self, seen: Seen) -> Seen:
        if self._to_class is None or seen.record_class not in self._from:
            return seen
        return seen._replace(record_class=self._to_class)

    def _eligible(self, dates: Dates) -> bool:
        return is_eligible(dates, self.today, self.at)


def is_eligible(dates: Dates, today: date, at: datetime) -> bool:
    """Whether the period is over by now, whatever else stands against destruction."""
    if dates.eligible_at is not None:
        return dates.eligible_at <= at
    return dates.eligible_from is not None and dates.eligible_from <= today


def ask(
    session: WriteSession,
    entity: UUID,
    kind: Kind,
    *,
    versions: Collection[UUID] = (),
    from_class: str | None = None,
    to_class: str | None = None,
    by: Principal,
    at: datetime,
    with_job: bool = True,
) -> Simulation:
    """Have a change simulated; a job does it, unless the caller does (``with_job``).

    Raises:
        NotAllowed: ``by`` does not see the entity's retention.
        NothingToSimulate: no such drafts or published rules, or classes that are none or the same.
    """
    by.require(READ, entity=entity)
    ids = sorted(set(versions))
    spec: dict[str, str] = {}
    if kind == "class":
        spec = _class_change(from_class, to_class)
    elif kind not in ("rules", "retire"):
        raise NothingToSimulate("ask for a calendar or a hold by what names them")
    else:
        rows = [session.get(RetentionRule, each) for each in ids]
        wanted = DRAFT if kind == "rules" else PUBLISHED
        if (
            not rows
            or len(rows) > MOST_RULES
            or any(r is None or r.entity != entity or r.state != wanted for r in rows)
        ):
            raise NothingToSimulate("name drafts to publish, or published rules to retire, of this legal entity")
    row = begin(session, entity, kind, spec, versions=ids, by=by, at=at)
    return stand(session, row, spec, by=by, at=at, with_job=with_job)


def ask_calendar(
    session: WriteSession, entity: UUID, *, zone: str, fiscal_year_start: str, by: Principal, at: datetime,
    with_job: bool = True,
) -> Simulation:  # fmt: skip
    """Have another time zone or fiscal year of an entity simulated.

    Raises:
        NotAllowed: ``by`` does not see the entity's retention.
        InvalidEntity: no such zone or day.
        NothingToSimulate: it is so.
    """
    entities.check_calendar(zone, fiscal_year_start)
    home = entities.get(session, entity)
    if (home.zone, home.fiscal_year_start) == (zone, fiscal_year_start):
        raise NothingToSimulate("the entity reckons by this calendar already")
    row = begin(session, entity, "calendar", {}, by=by, at=at)
    spec = {"zone": zone, "fiscal_year_start": fiscal_year_start}
    return stand(session, row, spec, by=by, at=at, with_job=with_job)


def begin(
    session: ReadSession, entity: UUID, kind: Kind, spec: dict[str, Any], *, versions: Sequence[UUID] = (),
    by: Principal, at: datetime,
) -> Simulation:  # fmt: skip
    """A simulation that does not stand in the database yet.

    Raises:
        NotAllowed: ``by`` does not see the entity's retention.
    """
    by.require(READ, entity=entity)
    return Simulation(
        id=new_id(),
        entity=entity,
        kind=kind,
        versions=[each.hex for each in versions],
        spec=spec,
        asked_by=by.id,
        asked_at=at,
        inputs=bytes(32),
        schedule=0,
    )


def stand(
    session: WriteSession, row: Simulation, spec: dict[str, Any], *, by: Principal, at: datetime, with_job: bool
) -> Simulation:
    """Write down that it was asked for, and leave the job."""
    row.spec = spec
    row.inputs, row.schedule = inputs_of(session, row, at)
    session.add(row)
    session.flush()
    event = SimulationAsked(
        by=by.actor, entity=row.entity, simulation=row.id, kind=row.kind,
        versions=tuple(UUID(hex=each) for each in row.versions), inputs=row.inputs,
        from_class=spec.get("from_class"), to_class=spec.get("to_class"),
        hold=UUID(hex=spec["hold"]) if "hold" in spec else None,
    )  # fmt: skip
    append(session, event, at=at)
    if with_job:
        jobs.add(
            session, "retention.simulate", queue="maintenance", at=at, subject=row.id, priority=3, simulation=row.id
        )
    return row


def enter(session: WriteSession, simulation_id: UUID, result: Result, *, by: Principal, at: datetime) -> None:
    """Write the result of a simulation, once."""
    row = session.get_one(Simulation, simulation_id)
    if row.ended_at is not None:
        return
    row.result, row.ended_at = result.to_json(), at
    session.flush()
    event = Simulated(
        by=by.actor, entity=row.entity, simulation=row.id, kind=row.kind, records=result.records, moved=result.moved,
        becoming=result.becoming, ceasing=result.ceasing, inputs=row.inputs,
    )  # fmt: skip
    append(session, event, at=at)


def get(session: ReadSession, simulation_id: UUID, *, by: Principal) -> Simulation:
    """A simulation that ``by`` may see.

    Raises:
        UnknownSimulation: there is none.
    """
    row = session.get(Simulation, simulation_id)
    if row is None or not by.may(READ, entity=row.entity):
        raise UnknownSimulation()
    return row


def listed(session: ReadSession, *, by: Principal, limit: int = 20) -> list[Simulation]:
    """The newest simulations of the entities whose retention ``by`` sees."""
    places = [each for each in by.entities if by.may(READ, entity=each)]
    query = select(Simulation).where(Simulation.entity.in_(places))
    return list(session.scalars(query.order_by(Simulation.asked_at.desc()).limit(limit)))


def is_fresh(session: ReadSession, row: Simulation, at: datetime) -> bool:
    """Whether it has ended, lately, and neither the schedule nor what would change it is another now."""
    if row.ended_at is None or not row.asked_at <= at <= row.asked_at + FRESH_FOR:
        return False
    return inputs_of(session, row, at) == (row.inputs, row.schedule)


def require_fresh(session: ReadSession, versions: UUID | Collection[UUID], at: datetime, kind: Kind = "rules") -> UUID:
    """The newest fresh simulation of these very versions, together.

    Raises:
        SimulationNeeded: there is none.
    """
    wanted = sorted({versions} if isinstance(versions, UUID) else set(versions))
    names = [each.hex for each in wanted]
    entity = session.scalar(select(RetentionRule.entity).where(RetentionRule.id == wanted[0])) if wanted else None
    query = (
        select(Simulation)
        .where(Simulation.entity == entity, Simulation.kind == kind, Simulation.asked_at >= at - FRESH_FOR)
        .order_by(Simulation.asked_at.desc())
    )
    for row in session.scalars(query):
        if row.versions == names and is_fresh(session, row, at):
            return row.id
    raise SimulationNeeded("simulate exactly what is to be decided, and look at the result")


def next_rows(session: ReadSession, row: Simulation, after: UUID) -> list[Any]:
    """The next records in the order of their ids."""
    return date_batch.next_of_entity(session, row.entity, after)


def inputs_of(session: ReadSession, row: Simulation, at: datetime) -> tuple[bytes, int]:
    """Digest of what a simulation rests on beside the records, and the number of the schedule."""
    number = schedule.revision(session, row.entity)
    drafts = [session.get(RetentionRule, UUID(hex=each)) for each in row.versions]
    home = entities.get(session, row.entity)
    content = {
        "calendar": [home.zone, home.fiscal_year_start],
        "day": civil_date(at, home.zone).isoformat() if row.kind == "rules" else "",
        "kind": row.kind,
        "schedule": number,
        "spec": row.spec,
        "versions": [
            [each, d.draft.digest.hex() if d is not None else ""] for each, d in zip(row.versions, drafts, strict=True)
        ],
    }
    return hashlib.sha256(b"muniment/simulation/1\0" + canonical(content)).digest(), number


def _schedule_then(session: ReadSession, row: Simulation, at: datetime) -> Reckoner:
    home = entities.get(session, row.entity)
    today = civil_date(at, home.zone)
    if row.kind == "calendar":
        spec = row.spec
        home = LegalEntity(id=home.id, zone=spec["zone"], fiscal_year_start=spec["fiscal_year_start"])
        rules = schedule.published(session, row.entity, civil_date(at, home.zone))
        return Reckoner(home, rules, 0, fact.stated(session, [row.entity]).get(row.entity, NOTHING))
    changed = [session.get_one(RetentionRule, UUID(hex=each)) for each in row.versions]
    query = select(RetentionRule).where(RetentionRule.entity == row.entity, RetentionRule.in_force_on.is_not(None))
    standing = [each.standing() for each in session.scalars(query)]
    day = today
    if row.kind == "retire":
        gone = {each.rule for each in changed}
        standing = [each for each in standing if each.rule not in gone]
    else:
        for each in changed:
            stated = each.draft
            later = stated.transition == "every_record" and stated.valid_from is not None and stated.valid_from > today
            begin = stated.valid_from if later and stated.valid_from is not None else today
            day = max(day, begin)
            standing.append(Standing(each.rule, each.value(), stated.transition, begin, None))
    changed_rules: tuple[Rule, ...] = in_force(standing, day)
    known = fact.stated(session, [row.entity]).get(row.entity, NOTHING)
    return Reckoner(home, changed_rules, 0, known)


def _class_change(from_class: str | None, to_class: str | None) -> dict[str, str]:
    plan = file_plan.load()
    if from_class not in plan or to_class not in plan or from_class == to_class or plan.get(str(to_class)).group:
        raise NothingToSimulate("name two different classes; records can be filed in the second one")
    return {"from_class": str(from_class), "to_class": str(to_class)}


def _with_below(code: str) -> frozenset[str]:
    return frozenset((code, *file_plan.load().descendants(code)))
