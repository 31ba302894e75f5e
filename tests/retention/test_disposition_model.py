"""Whatever order things happen in: nothing goes that was not due, approved, out of grace and free of holds.

A small model is told the same as the archive, and knows of each record whether it may be gone. Files come in, dates
are corrected, holds are placed and released, batches are proposed, decided, approved and undone, days pass with the
system running or standing still, and runs are killed at any of their steps.
"""

import contextlib
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import hypothesis.strategies as st
from hypothesis import HealthCheck, event, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.clock import civil_date
from core.errors import MunimentError, NotFound
from records.placement import Decision, decide
from records.record import Record
from retention import approval, batch, certificate, hold, running_day
from retention.hold import NewHold
from retention.hold_scope import Scope
from tests.support.depot import Depot

STEPS = (None, "catch", "begin", "begun", "objects", "objects_deleted", "keys", "keys_destroyed")
ZONE = "Europe/Berlin"
GRACE = 7


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Known:
    """What the model knows of a record."""

    day: date
    """Of the document; it is kept a year from then on."""
    holds: set[UUID] = field(default_factory=set)
    approved_on: date | None = None
    """The day of the approval that still stands for its destruction."""
    batch: UUID | None = None
    gone: bool = False

    def is_due(self, today: date) -> bool:
        return self.day.replace(year=self.day.year + 1) < today


class Disposing(RuleBasedStateMachine):
    """The archive and the model side by side."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.depot = Depot.open(self.folder / "data")
        self.known: dict[UUID, Known] = {}
        self.holds: dict[UUID, UUID] = {}
        self.batches: list[UUID] = []
        self.ran: set[date] = set()
        self._note_running()
        self.file([True, True, True, False])

    @property
    def today(self) -> date:
        return civil_date(self.depot.now, ZONE)

    @rule(old=st.lists(st.booleans(), min_size=1, max_size=3))
    def file(self, old: list[bool]) -> None:
        for is_old in old:
            day = date(2015, 5, 6) if is_old else self.depot.archive.now.date()
            self.known[self.depot.receive("some text", day=day)] = Known(day)
        self.depot.archive.settle()

    @precondition(lambda self: self._there())
    @rule(data=st.data(), recent=st.booleans())
    def correct_the_date(self, data: st.DataObject, recent: bool) -> None:
        record_id = data.draw(st.sampled_from(self._there()))
        day = self.depot.archive.now.date() if recent else date(2014, 2, 3)
        if self.known[record_id].day == day:
            return
        try:
            with self.depot.run.main.write() as session:
                decide(session, record_id, Decision(document_date=day), by=self.depot.by("manager"), at=self.depot.now)
        except NotFound:
            # Restricted: the manager does not see it.
            return
        self.depot.archive.settle()
        self.known[record_id].day = day
        self._void({record_id})

    @precondition(lambda self: self._there())
    @rule(data=st.data())
    def place_a_hold(self, data: st.DataObject) -> None:
        record_id = data.draw(st.sampled_from(self._there()))
        new = NewHold(
            entity=self.depot.archive.entity,
            kind=data.draw(st.sampled_from(["legal_hold", "restriction", "open_request"])),
            scope=Scope(kind="records", records=(record_id,)),
            title="A matter",
            reason="a claim",
            authority="court",
            review_on=self.today + timedelta(days=90),
        )
        with self.depot.run.main.write() as session:
            run = self.depot.run
            made = hold.place(session, new, by=self.depot.by("officer"), at=self.depot.now, keys=run.keys).id
        self.holds[made] = record_id
        self.known[record_id].holds.add(made)
        self._void({record_id})

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release_a_hold(self, data: st.DataObject) -> None:
        hold_id = data.draw(st.sampled_from(sorted(self.holds)))
        by, now = self.depot.by, self.depot.now
        with self.depot.run.main.write() as session:
            hold.ask_release(session, hold_id, "over", by=by("manager"), at=now, keys=self.depot.run.keys)
            hold.decide_release(session, hold_id, confirmed=True, by=by("officer"), at=now)
        self.known[self.holds.pop(hold_id)].holds.discard(hold_id)

    @rule()
    def propose(self) -> None:
        made = self.depot.propose()
        if made is not None:
            self.batches.append(made)
            for record_id in self.depot.items(made):
                assert self.known[record_id].is_due(self.today)
                assert not self.known[record_id].holds

    @precondition(lambda self: self.batches)
    @rule(data=st.data(), approver=st.sampled_from(["officer", "manager", "second_officer"]))
    def review(self, data: st.DataObject, approver: str) -> None:
        """Decide about some, submit, and let somebody approve; whatever is refused is refused."""
        made = data.draw(st.sampled_from(self.batches))
        items = sorted(self.depot.items(made))
        chosen = data.draw(st.one_of(st.just(items), st.lists(st.sampled_from(items), unique=True, min_size=1)))
        self._approve(made, chosen, approver)

    def _approve(self, made: UUID, chosen: list[UUID], approver: str) -> None:
        try:
            if self.depot.batch(made).state in (batch.SUBMITTED, batch.APPROVED):
                self._void_batch(made)
            self.depot.decide(made, chosen)
            digest = self.depot.submit(made)
            outcome = self.depot.approve(made, digest, approver)
        except MunimentError:
            return
        assert approver != "manager"
        if outcome.state == "approved":
            for record_id, item in self.depot.items(made).items():
                if item.state == batch.DECIDED and item.decision == "destroy":
                    self.known[record_id].approved_on, self.known[record_id].batch = self.today, made

    @rule(step=st.sampled_from(STEPS))
    def go_through_with_all_that_is_due(self, step: str | None) -> None:
        """From proposal to the end of grace without anything in between; then a run, killed or not."""
        self.propose()
        for made in self.batches[-1:]:
            if self.depot.batch(made).state in batch.REVIEWED:
                self._approve(made, sorted(self.depot.items(made)), "officer")
        self.days_pass(GRACE + 1, True)
        self.run(step, False)

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        made = data.draw(st.sampled_from(self.batches))
        try:
            with self.depot.run.main.write() as session:
                approval.undo(session, made, by=self.depot.by("second_manager"), at=self.depot.now)
        except MunimentError:
            return
        self._void_batch(made)

    @rule(days=st.integers(1, 10), running=st.booleans())
    def days_pass(self, days: int, running: bool) -> None:
        for _ in range(days):
            self.depot.ahead += timedelta(days=1)
            if running:
                self._note_running()

    @rule(step=st.sampled_from(STEPS), settle=st.booleans())
    def run(self, step: str | None, settle: bool) -> None:
        before = set(self._there())

        def passing(name: str) -> None:
            if name == step:
                raise Killed

        with contextlib.suppress(Killed):
            self.depot.carry_out(at=self.depot.now, passing=passing)
        if settle:
            self.depot.archive.settle()
        self._look(before)

    @invariant()
    def nothing_is_certified_twice(self) -> None:
        if not hasattr(self, "depot"):
            return
        named = self._certified()
        assert len(named) == len(set(named))
        assert set(named) <= {record_id for record_id, known in self.known.items() if known.gone}

    def teardown(self) -> None:
        if not hasattr(self, "depot"):
            return
        self.days_pass(GRACE + 1, True)
        before = set(self._there())
        self.depot.carry_out(at=self.depot.now)
        self.depot.archive.settle()
        self.depot.carry_out(at=self.depot.now)
        self.depot.archive.settle()
        self._look(before)
        gone = sorted(record_id for record_id, known in self.known.items() if known.gone)
        assert sorted(self._certified()) == gone
        event(f"{len(gone)} of {len(self.known)} records destroyed")
        self.depot.close()
        shutil.rmtree(self.folder)

    def _look(self, before: set[UUID]) -> None:
        """What is gone now that was there before had to be allowed to go."""
        with self.depot.run.main.read() as session:
            left = {record_id for record_id in before if session.get(Record, record_id) is not None}
        for record_id in before - left:
            known = self.known[record_id]
            assert known.is_due(self.today), "before its floor"
            assert not known.holds, "under a hold"
            assert known.approved_on is not None, "without an approval"
            assert (self.today - known.approved_on).days >= GRACE, "within its grace"
            ran = [day for day in self.ran if known.approved_on < day <= self.today]
            assert len(ran) >= GRACE, "after a standstill that nobody could use to undo it"
            known.gone = True

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

    def _note_running(self) -> None:
        self.ran.add(self.today)
        with self.depot.run.main.write() as session:
            running_day.note(session, zone=ZONE, at=self.depot.now)


TestDisposing = Disposing.TestCase
TestDisposing.settings = settings(
    max_examples=5, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
