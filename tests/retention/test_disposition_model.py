"""Whatever order things happen in: nothing goes that was not due, approved, out of grace and free of holds.

A small model is told the same as the archive, and knows of each record whether it may be gone. Files come in, dates
and events of case files are corrected and taken back, rules are lengthened, shortened and retired, holds on records
and on queries are placed and released, records restricted, uploads withdrawn, batches proposed, decided, approved (by
two at once, too) and undone. Days pass with the system running or standing still, the clock jumps to and fro, and runs
are killed at any of their steps.

``pytest tests/retention/test_disposition_model.py -n0 --hypothesis-profile=long`` tries thousands of longer stories.
"""

import atexit
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

import app.build
import app.prepare
from app import certifying, handlers, retention_jobs, simulating
from app.build import build
from app.celery_app import WORKED_BY_WORKER
from app.runner import Runner
from app.settings import Settings
from audit.events import LogHeartbeat
from core import leases
from core.clock import civil_date
from core.errors import MunimentError
from records import case_file
from records.placement import Decision, decide
from records.record import Record
from retention import approval, batch, certificate, clock_guard, hold, regime, schedule, simulation, withdrawal
from retention.hold import NewHold
from retention.hold_scope import Scope
from retention.period import Period
from retention.rule_draft import RuleDraft
from tests.support import databases
from tests.support.archive import Archive
from tests.support.depot import Depot
from tests.support.moving import MovableClock

STEPS = (None, "catch", "begin", "begun", "objects", "objects_deleted", "keys", "keys_destroyed")
KEEPERS_STEPS = ("certify", "certified")
ZONE = "Europe/Berlin"
BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
GRACE = 7
WORDS = ("heron", "walrus")
FILES = ("V-1", "V-2")
CONTRACT_YEARS = 2
LONG_AGO = date(2015, 5, 6)


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Known:
    """What the model knows of a record."""

    word: str
    day: date
    """Of the document."""
    file: str | None
    """A contract of this case file, kept from its end on; without one an invoice, kept from its day on."""
    holds: set[UUID] = field(default_factory=set)
    restricted: bool = False
    approved_on: date | None = None
    """The day of the approval that still stands for its destruction."""
    approved_for: object = None
    """What its date rested on when that was given."""
    batch: UUID | None = None
    withdrawn: bool = False
    """A second person has confirmed that it was a wrong upload."""
    gone: bool = False


@dataclass(frozen=True)
class Template:
    """An archive with two rules and two case files, made once and copied for each story."""

    folder: Path
    archive: Archive
    files: dict[str, UUID]


def made_in(folder: Path) -> Template:
    depot = Depot.open(folder)
    with depot.run.main.write() as session:
        kept = RuleDraft(
            code="test-contracts", jurisdiction="DE", record_class="contract", trigger="contract_end",
            anchor="event_date", period=Period.parse(f"P{CONTRACT_YEARS}Y"), bound="minimum", action="destroy",
            legal_basis="BGB § 195",
        )  # fmt: skip
        row = schedule.draft(session, depot.archive.entity, kept, by=depot.by("manager"), at=depot.now)
        schedule.publish(session, row.id, by=depot.by("officer"), at=depot.now)
    files = {number: depot.archive.open_file("contract", number) for number in FILES}
    depot.archive.settle()
    depot.close()
    return Template(folder, depot.archive, files)


@cache
def template() -> Template:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return made_in(folder / "data")


@cache
def readers() -> handlers.Readers:
    """One for all stories: whoever reads starts another process."""
    made = handlers.Readers(Settings(workers=1))
    atexit.register(made.stop)
    return made


def copied_to(folder: Path) -> Template:
    """The template in a folder of its own; with a server behind it, made there."""
    if databases.is_postgresql():
        return made_in(folder)
    shutil.copytree(template().folder, folder)
    return replace(template(), folder=folder)


class Disposing(RuleBasedStateMachine):
    """The archive and the model side by side."""

    @initialize()
    def begin(self) -> None:
        self.clock = MovableClock(BEGIN)
        self.patch = pytest.MonkeyPatch()
        for module in (app.build, app.prepare):
            self.patch.setattr(module, "clock_of", lambda chosen: self.clock)
        self.folder = Path(tempfile.mkdtemp())
        made = copied_to(self.folder / "data")
        runtime = build(Settings(data=self.folder / "data", port=0, workers=1))
        self.depot = Depot(replace(made.archive, runtime=runtime))
        self.files = made.files
        self.years: int | None = 1
        """For which invoices are kept; ``None``: their rule is retired."""
        self.versions = 0
        self.ends: dict[str, date | None] = dict.fromkeys(FILES)
        self.known: dict[UUID, Known] = {}
        self.holds: dict[UUID, UUID | str] = {}
        """What each reaches: a record, or what has a word."""
        self.batches: list[UUID] = []
        self.ran: set[date] = set()
        self.doubted, self.behind = False, False
        self.tick()
        self.file([(True, "walrus", None), (True, "heron", None), (True, "walrus", "V-1"), (False, "walrus", None)])

    @property
    def now(self) -> datetime:
        return self.clock.at

    @property
    def today(self) -> date:
        return civil_date(self.now, ZONE)

    def by(self, name: str) -> dict[str, Any]:
        return {"by": self.depot.by(name), "at": self.now}

    def is_due(self, known: Known) -> bool:
        start, years = (known.day, self.years) if known.file is None else (self.ends[known.file], CONTRACT_YEARS)
        return start is not None and years is not None and years_after(start, years) < self.today

    def basis_of(self, known: Known) -> object:
        return (known.day, self.versions) if known.file is None else self.ends[known.file]

    @rule(
        what=st.lists(
            st.tuples(st.booleans(), st.sampled_from(WORDS), st.sampled_from([None, *FILES])), min_size=1, max_size=3
        )
    )
    def file(self, what: list[tuple[bool, str, str | None]]) -> None:
        for is_old, word, file in what:
            day = LONG_AGO if is_old else self.today
            stated = {"record_class": "supplier_invoice"}
            if file is not None:
                stated = {"record_class": "contract", "case_file": file}
            row = self.depot.archive.receive(
                f"some text of a {word}".encode(), "letter.txt", document_date=day,
                department=self.depot.archive.departments["accounting"], **stated,
            )  # fmt: skip
            known = self.known[row.id] = Known(word, day, file)
            known.holds = {each for each, reach in self.holds.items() if reach == word}
        self.settle()

    @precondition(lambda self: self._there())
    @rule(data=st.data(), recent=st.booleans())
    def correct_the_date(self, data: st.DataObject, recent: bool) -> None:
        record_id = data.draw(st.sampled_from(self._there()))
        day = self.today if recent else date(2014, 2, 3)
        if self.known[record_id].day == day:
            return
        with self.accepted() as told, self.depot.run.main.write() as session:
            decide(session, record_id, Decision(document_date=day), **self.by("manager"))
        if told:
            self.settle()
            self.known[record_id].day = day
            self._void({record_id})

    @rule(
        file=st.sampled_from(FILES),
        end=st.one_of(st.none(), st.sampled_from([LONG_AGO, date(2024, 2, 29)]), st.integers(-1000, 400)),
        settle=st.booleans(),
    )
    def state_the_end_of_a_contract(self, file: str, end: date | int | None, settle: bool) -> None:
        """Stated, corrected, or taken back as if it had gone on."""
        day = self.today + timedelta(days=end) if isinstance(end, int) else end
        if day == self.ends[file]:
            return
        with self.accepted() as told, self.depot.run.main.write() as session:
            case_file.state_trigger(session, self.files[file], "contract_end", day, **self.by("manager"))
        if told:
            self.ends[file] = day
            self._changed(settle)

    @rule(years=st.sampled_from([1, 2, 5, 12, None]), settle=st.booleans())
    def change_the_rule(self, years: int | None, settle: bool) -> None:
        """A version that keeps longer or shorter, after its simulation; or the rule is taken out."""
        if years == self.years:
            return
        with self.accepted() as told:
            self._publish(years) if years is not None else self._retire()
        if told:
            self.years, self.versions = years, self.versions + 1
            self._changed(settle)

    def _publish(self, years: int) -> None:
        main, entity = self.depot.run.main, self.depot.archive.entity
        with main.write() as session:
            newest = schedule.newest_of(session, entity)["test-invoices"]
            stated = replace(newest.draft, period=Period.parse(f"P{years}Y"))
            version = schedule.draft(session, entity, stated, **self.by("manager")).id
        made = self._simulated(version, "rules")
        with main.write() as session:
            schedule.publish(session, version, simulation=made, **self.by("officer"))

    def _retire(self) -> None:
        with self.depot.run.main.write() as session:
            version = schedule.newest_of(session, self.depot.archive.entity)["test-invoices"].id
            schedule.ask_retirement(session, version, **self.by("manager"))
        made = self._simulated(version, "retire")
        with self.depot.run.main.write() as session:
            schedule.retire(session, version, simulation=made, **self.by("officer"))

    def _simulated(self, version: UUID, kind: simulation.Kind) -> UUID:
        with self.depot.run.main.write() as session:
            asked = simulation.ask(
                session, self.depot.archive.entity, kind, versions=[version], with_job=False, **self.by("officer")
            )
            made = asked.id
        simulating.simulate(self.depot.run, made)
        return made

    @precondition(lambda self: self._there())
    @rule(data=st.data(), kind=st.sampled_from(["legal_hold", "restriction", "open_request"]), settle=st.booleans())
    def place_a_hold(self, data: st.DataObject, kind: str, settle: bool) -> None:
        """On a record; or on a query, which reaches what is filed later, too."""
        some: list[UUID | str] = [*self._there(), data.draw(st.sampled_from(WORDS))]
        reach = data.draw(st.sampled_from(some))
        scope = Scope(kind="query", query=reach) if isinstance(reach, str) else Scope(kind="records", records=(reach,))
        made = self._place(kind, scope)
        if made is None:
            return
        self.holds[made] = reach
        for record_id, known in self.known.items():
            if reach in (record_id, known.word):
                known.holds.add(made)
        if not isinstance(reach, str):
            # A query voids once it was asked; whoever destroys waits for its answer.
            self._void({reach})
        self._changed(settle)

    def _place(self, kind: str, scope: Scope) -> UUID | None:
        new = NewHold(
            entity=self.depot.archive.entity, kind=kind, scope=scope, title="A matter", reason="a claim",
            authority="court", review_on=self.today + timedelta(days=90),
        )  # fmt: skip
        with self.accepted(), self.depot.run.main.write() as session:
            return hold.place(session, new, keys=self.depot.run.keys, **self.by("officer")).id
        return None

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), settle=st.booleans())
    def release_a_hold(self, data: st.DataObject, settle: bool) -> None:
        hold_id = data.draw(st.sampled_from(sorted(self.holds)))
        with self.accepted() as told, self.depot.run.main.write() as session:
            hold.ask_release(session, hold_id, "over", keys=self.depot.run.keys, **self.by("manager"))
            hold.decide_release(session, hold_id, confirmed=True, **self.by("officer"))
        if told:
            del self.holds[hold_id]
            for known in self.known.values():
                known.holds.discard(hold_id)
            self._changed(settle)

    @precondition(lambda self: self._there())
    @rule(data=st.data())
    def restrict(self, data: st.DataObject) -> None:
        """By decision, without any hold (GDPR Art. 18); a second person lets go."""
        record_id = data.draw(st.sampled_from(self._there()))
        known, run = self.known[record_id], self.depot.run
        after = "active" if known.restricted else "restricted"
        with self.accepted() as told, run.main.write() as session:
            asked = regime.change(session, record_id, after, "accuracy contested", keys=run.keys, **self.by("manager"))
            if known.restricted:
                regime.decide(session, asked.id, confirmed=True, **self.by("officer"))
        if told:
            known.restricted = not known.restricted

    @precondition(lambda self: self._there())
    @rule(data=st.data(), settle=st.booleans())
    def withdraw_a_wrong_upload(self, data: st.DataObject, settle: bool) -> None:
        record_id = data.draw(st.sampled_from(self._there()))
        with self.accepted() as told, self.depot.run.main.write() as session:
            asked = withdrawal.ask(session, record_id, "wrong", keys=self.depot.run.keys, **self.by("clerk"))
            withdrawal.decide(session, asked, confirmed=True, **self.by("officer"))
        if told:
            self.known[record_id].withdrawn = True
            self._changed(settle)

    @rule()
    def propose(self) -> None:
        made = self.depot.propose()
        if made is not None:
            self.batches.append(made)
            for record_id in self.depot.items(made):
                assert not self.known[record_id].holds
                assert self.behind or self.is_due(self.known[record_id])

    @precondition(lambda self: self.batches)
    @rule(data=st.data(), approver=st.sampled_from(["officer", "manager", "second_officer", "two"]))
    def review(self, data: st.DataObject, approver: str) -> None:
        """Decide about some, submit, and let somebody approve; whatever is refused is refused."""
        made = data.draw(st.sampled_from(self.batches))
        items = sorted(self.depot.items(made))
        chosen = data.draw(st.one_of(st.just(items), st.lists(st.sampled_from(items), unique=True, min_size=1)))
        self._approve(made, chosen, approver)

    def _approve(self, made: UUID, chosen: list[UUID], approver: str) -> None:
        with self.accepted() as told:
            if self.depot.batch(made).state in (batch.SUBMITTED, batch.APPROVED):
                self._void_batch(made)
            self.depot.decide(made, chosen)
            digest = self.depot.submit(made)
        if not told:
            return
        names = ("officer", "second_officer") if approver == "two" else (approver,)
        with ThreadPoolExecutor(len(names)) as pool:
            outcomes = list(pool.map(lambda name: self._approved_by(made, digest, name), names))
        assert outcomes.count("approved") <= 1, "one approval is enough, and is counted once"
        if "approved" in outcomes:
            assert approver != "manager"
            for record_id, item in self.depot.items(made).items():
                if item.state == batch.DECIDED and item.decision == "destroy":
                    known = self.known[record_id]
                    known.approved_on, known.batch, known.approved_for = self.today, made, self.basis_of(known)

    def _approved_by(self, made: UUID, digest: bytes, name: str) -> str:
        try:
            return self.depot.approve(made, digest, name).state
        except MunimentError:
            return "refused"

    @rule(approver=st.sampled_from(["officer", "two"]))
    def go_through_with_all_that_is_due(self, approver: str) -> None:
        """From proposal to the end of grace without anything in between."""
        self._go_through(None, approver)

    @rule(step=st.sampled_from(STEPS[1:]))
    def be_killed_with_all_that_is_due(self, step: str) -> None:
        """The same; and then the process is ended."""
        self._go_through(step, "officer")

    def _go_through(self, step: str | None, approver: str) -> None:
        self.settle()
        self.propose()
        for made in self.batches[-1:]:
            if self.depot.batch(made).state in batch.REVIEWED:
                self._approve(made, sorted(self.depot.items(made)), approver)
        self.days_pass(GRACE + 1)
        self.confirm_the_date()
        self.run(step, False)

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        made = data.draw(st.sampled_from(self.batches))
        with self.accepted() as told, self.depot.run.main.write() as session:
            approval.undo(session, made, **self.by("second_manager"))
        if told:
            self._void_batch(made)

    @rule(days=st.integers(1, 10))
    def days_pass(self, days: int) -> None:
        """The system runs on all of them."""
        for _ in range(days):
            # Less than a day each, so that nobody need doubt the clock.
            self.clock.forward(hours=23)
            self.tick()

    @rule(days=st.one_of(st.integers(2, 500), st.integers(-500, -2)))
    def the_clock_jumps(self, days: int) -> None:
        """The system stood still, or somebody has set the clock; which of them it was nobody can tell."""
        if self.now + timedelta(days=days) < BEGIN:
            return
        self.clock.forward(days=days)
        self.doubted = True
        self.tick()

    @rule()
    def confirm_the_date(self) -> None:
        with self.accepted() as told, self.depot.run.main.write() as session:
            clock_guard.confirm(session, self.today, zone=ZONE, **self.by("officer"))
        if told:
            self.doubted = False

    @rule(step=st.sampled_from(STEPS), settle=st.booleans())
    def run(self, step: str | None, settle: bool) -> None:
        """What the job ``execute`` does, where it does not doubt the clock."""
        doubt = retention_jobs.look(self.depot.run)
        assert (doubt is not None) == self.doubted

        def passing(name: str) -> None:
            if name == step:
                raise Killed

        if doubt is None:
            with contextlib.suppress(Killed):
                self.depot.carry_out(at=self.now, passing=passing)
        self.note_what_is_gone()
        self._changed(settle)

    @rule(step=st.sampled_from(KEEPERS_STEPS))
    def the_keeper_is_killed_while_it_certifies(self, step: str) -> None:
        def passing(name: str) -> None:
            if name == step:
                raise Killed

        with self.depot.archive.keeper() as keeper, contextlib.suppress(Killed):
            keeper._eraser.erase_all(keeper.open())
            while keeper._move_intake():
                pass
            certifying.certify(self.depot.run, keeper.signer, passing=passing)

    @invariant()
    def nothing_goes_that_may_not(self) -> None:
        if hasattr(self, "depot"):
            self.note_what_is_gone()
            named = self._certified()
            assert len(named) == len(set(named))
            assert set(named) <= {record_id for record_id, known in self.known.items() if known.gone}

    def teardown(self) -> None:
        if not hasattr(self, "depot"):
            return
        try:
            self.confirm_the_date()
            self.days_pass(GRACE + 1)
            for _ in range(2):
                self.run(None, True)
            gone = sorted(record_id for record_id, known in self.known.items() if known.gone)
            assert sorted(self._certified()) == gone
            event(f"{len(gone)} of {len(self.known)} records destroyed")
        finally:
            self.depot.close()
            self.patch.undo()
            shutil.rmtree(self.folder)

    def note_what_is_gone(self) -> None:
        """What is gone now and was there before had to be allowed to go."""
        there = self._there()
        with self.depot.run.main.read() as session:
            left = set(session.scalars(select(Record.id).where(Record.id.in_(there))))
        for record_id in set(there) - left:
            known = self.known[record_id]
            assert not known.holds, "under a hold"
            assert not known.restricted, "while restricted"
            if not known.withdrawn:
                assert not self.doubted, "by a clock that nobody believes"
                assert self.is_due(known), "before its floor"
                assert known.approved_on is not None, "without an approval"
                assert known.approved_for == self.basis_of(known), "for another date than was approved"
                assert (self.today - known.approved_on).days >= GRACE, "within its grace"
                ran = [day for day in self.ran if known.approved_on < day <= self.today]
                assert len(ran) >= GRACE, "after a standstill in which nobody could undo it"
            known.gone = True

    def settle(self) -> None:
        """Everything that waits is done: reading, indexing, dates, holds, certificates."""
        with self.depot.archive.keeper() as keeper:
            runner = Runner(self.depot.run, handlers.table(readers()), leases.incarnation("test"))
            for _ in range(2):
                runner.run_all(WORKED_BY_WORKER)
                keeper.settle()
        self.behind = False

    def _changed(self, settle: bool) -> None:
        self.behind = True
        if settle:
            self.settle()

    def tick(self) -> None:
        """What beat and the keeper do all the time."""
        self.depot.run.log.record([LogHeartbeat(intake_high=0)], at=self.now)
        doubt = retention_jobs.look(self.depot.run)
        assert (doubt is not None) == self.doubted
        self.ran.add(self.today)

    @contextlib.contextmanager
    def accepted(self) -> Iterator[list[bool]]:
        """Gives a list that is not empty once what stands in the block was not refused."""
        told: list[bool] = []
        try:
            yield told
        except MunimentError:
            return
        told.append(True)

    def _there(self) -> list[UUID]:
        return sorted(record_id for record_id, known in self.known.items() if not known.gone)

    def _certified(self) -> list[UUID]:
        rows = self.depot.certificates()
        contents = [certificate.verify(row.body, row.signature, row.vkey).content for row in rows]
        return [UUID(each["id"]) for content in contents for each in content["records"]]

    def _void(self, records: set[UUID]) -> None:
        """What changed about one record makes the approval of its whole batch void."""
        for made in {self.known[record_id].batch for record_id in records} - {None}:
            self._void_batch(made)

    def _void_batch(self, made: UUID | None) -> None:
        for known in self.known.values():
            if known.batch == made and not known.gone:
                known.approved_on = known.batch = None


def years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


TestDisposing = Disposing.TestCase
SHORT = settings(max_examples=5, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
TestDisposing.settings = SHORT
if settings.get_current_profile_name() == "long":
    many = settings.get_profile("long").max_examples
    TestDisposing.settings = settings(SHORT, max_examples=many, stateful_step_count=40)
