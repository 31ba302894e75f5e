"""From a due record to its certificate by the jobs alone, with a clock that the test moves; and what stops them."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

import app.build
import app.prepare
from app import retention_jobs
from app.retention_jobs import Told
from app.retention_steps import STEPS
from retention import alarm, batch, clock_guard, freshness, hold, run
from retention.batch import Batch
from retention.hold import NewHold
from retention.hold_scope import Scope
from retention.schedule import RetentionRule
from tests.support.depot import Depot
from tests.support.moving import MovableClock


class Firm:
    """A depot whose nights are run by hand."""

    def __init__(self, folder: Path, clock: MovableClock) -> None:
        self.clock = clock
        self.depot = Depot.open(folder, destroy_free=3, destroy_percent=50)
        self.runtime = self.depot.run

    def night(self) -> dict[str, Told]:
        retention_jobs.look(self.runtime)
        found = retention_jobs.run_round(self.runtime, STEPS)
        self.depot.archive.settle()
        return {each.job: each for each in found}

    def often(self) -> dict[str, Told]:
        retention_jobs.look(self.runtime)
        found = retention_jobs.run_round(self.runtime, STEPS, how="often")
        self.depot.archive.settle()
        return {each.job: each for each in found}

    def nights(self, count: int) -> dict[str, Told]:
        told: dict[str, Told] = {}
        for _ in range(count):
            self.clock.forward(days=1)
            told = self.night()
        return told

    def approve_all(self) -> UUID:
        """Decide, submit and approve the one batch that the jobs proposed."""
        with self.runtime.main.read() as session:
            made = session.scalars(select(Batch.id).where(Batch.state == batch.PROPOSED)).one()
        self.depot.decide(made)
        self.depot.approve(made, self.depot.submit(made))
        return made

    def alarms(self) -> dict[str, tuple[int, int]]:
        with self.runtime.main.read() as session:
            rows = alarm.visible(session, by=self.depot.by("officer"))
        return {row.code: (row.level, row.records) for row in rows}


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Firm]:
    clock = MovableClock()
    for module in (app.build, app.prepare):
        monkeypatch.setattr(module, "clock_of", lambda chosen: clock)
    made = Firm(tmp_path / "data", clock)
    yield made
    made.depot.close()


def test_the_jobs_reckon_propose_and_carry_out_what_two_persons_approved(firm: Firm):
    one, other = firm.depot.file("walrus invoice", "otter invoice")
    told = firm.night()
    assert told["propose"].counts == {"batches": 1, "proposed": 2}
    assert firm.night()["propose"].counts == {}, "what is in a batch is not proposed again"
    made = firm.approve_all()
    for _ in range(6):
        assert firm.nights(1)["execute"].counts == {}
    assert firm.depot.exists(one)
    assert firm.nights(1)["execute"].counts == {"begun": 2}
    assert not firm.depot.exists(one)
    assert not firm.depot.exists(other)
    firm.nights(1)
    assert firm.depot.batch(made).state == batch.DONE
    assert len(firm.depot.certificates()) == 1


def test_a_dry_run_tells_what_would_be_and_does_nothing(firm: Firm):
    (one,) = firm.depot.file("walrus invoice")
    told = {each.job: each for each in retention_jobs.dry_run(firm.runtime, STEPS)}
    assert told["propose"].counts == {"to_propose": 1}
    firm.night()
    firm.approve_all()
    firm.nights(6)
    firm.clock.forward(days=1)
    with firm.runtime.main.write() as session:
        retention_jobs.running_day.note(session, zone="Europe/Berlin", at=firm.clock.now())
    told = {each.job: each for each in retention_jobs.dry_run(firm.runtime, STEPS)}
    assert told["execute"].counts == {"to_destroy": 1}
    assert firm.depot.exists(one)


def test_days_of_standstill_do_not_shorten_grace(firm: Firm):
    (one,) = firm.depot.file("walrus invoice")
    firm.night()
    firm.approve_all()
    firm.clock.forward(days=20)
    firm.night()
    by, now = firm.depot.by("officer"), firm.clock.now()
    with firm.runtime.main.write() as session:
        clock_guard.confirm(session, now.date(), zone="Europe/Berlin", by=by, at=now)
    told = firm.night()
    assert (told["execute"].counts, told["execute"].skipped) == ({}, {}), "it ran on one day since"
    assert firm.nights(5)["execute"].counts == {}
    assert firm.depot.exists(one)
    assert firm.nights(1)["execute"].counts == {"begun": 1}


def test_with_a_doubted_clock_dates_and_proposals_go_on_and_nothing_is_destroyed(firm: Firm):
    (one,) = firm.depot.file("walrus invoice")
    firm.night()
    firm.approve_all()
    firm.nights(6)
    firm.clock.forward(days=400)
    (later,) = firm.depot.file("otter invoice")
    told = firm.night()
    assert told["propose"].counts == {"batches": 1, "proposed": 1}
    assert told["execute"].skipped == {"clock_in_doubt": 1}
    assert firm.depot.exists(one)
    assert "clock_in_doubt" in firm.alarms()
    assert firm.night()["execute"].skipped == {"clock_in_doubt": 1}
    by, now = firm.depot.by("officer"), firm.clock.now()
    with firm.runtime.main.write() as session:
        clock_guard.confirm(session, now.date(), zone="Europe/Berlin", by=by, at=now)
    assert firm.night()["execute"].counts == {"begun": 1}
    assert not firm.depot.exists(one)
    assert firm.depot.exists(later)


def test_too_much_at_once_stops_and_an_officer_lets_it_through_once(firm: Firm):
    gone = firm.depot.file(*(f"invoice-{number} walrus" for number in range(4)))
    firm.night()
    firm.approve_all()
    told = firm.nights(7)["execute"]
    assert (told.state, told.skipped, told.counts) == ("stopped", {"too_much_at_once": 4}, {})
    assert [(stop.record_class, stop.records, stop.total, stop.most) for stop in told.stops] == [
        ("supplier_invoice", 4, 4, 3)
    ]
    assert firm.alarms()["run_stopped"] == (1, 4)
    assert firm.often()["execute"].state == "done", "it is not told again every few minutes"
    assert all(firm.depot.exists(each) for each in gone)
    with firm.runtime.main.read() as session:
        stopped = run.waiting_stop(session)
    assert stopped is not None
    by = firm.depot.by("officer")
    with firm.runtime.main.write() as session:
        run.let_through(session, stopped.id, by=by, at=firm.clock.now())
    firm.clock.forward(minutes=5)
    assert firm.often()["execute"].counts == {"begun": 4}
    assert not any(firm.depot.exists(each) for each in gone)
    assert "run_stopped" not in firm.alarms()


def test_a_batch_is_over_within_minutes_of_its_certificate_and_not_in_the_next_night(firm: Firm):
    [gone] = firm.depot.file("one walrus")
    firm.night()
    made = firm.approve_all()
    firm.nights(7)
    assert not firm.depot.exists(gone)
    assert [row.cause for row in firm.depot.certificates()] == [made]
    firm.clock.forward(minutes=5)
    assert firm.often()["execute"].counts == {}
    with firm.runtime.main.read() as session:
        assert session.get_one(Batch, made).state == batch.DONE


def test_what_has_grown_since_is_not_let_through(firm: Firm):
    firm.depot.file(*(f"invoice-{number} walrus" for number in range(4)))
    firm.night()
    firm.approve_all()
    firm.nights(1)
    more = firm.depot.file("later invoice otter")
    firm.night()
    firm.approve_all()
    assert firm.nights(6)["execute"].state == "stopped"
    with firm.runtime.main.read() as session:
        stopped = run.waiting_stop(session)
    assert stopped is not None
    by = firm.depot.by("officer")
    with firm.runtime.main.write() as session:
        run.let_through(session, stopped.id, by=by, at=firm.clock.now())
    told = firm.nights(1)["execute"]
    assert (told.state, told.skipped) == ("stopped", {"too_much_at_once": 5})
    assert firm.depot.exists(more[0])


def test_late_reviews_and_approvals_are_reminded_of_and_escalated(firm: Firm):
    firm.depot.file("walrus invoice")
    firm.night()
    firm.nights(13)
    assert "review_overdue" not in firm.alarms()
    firm.nights(1)
    assert firm.alarms()["review_overdue"] == (1, 1)
    firm.nights(7)
    assert firm.alarms()["review_overdue"] == (2, 1)
    with firm.runtime.main.read() as session:
        made = session.scalars(select(Batch.id)).one()
    firm.depot.decide(made)
    digest = firm.depot.submit(made)
    firm.nights(1)
    assert "review_overdue" not in firm.alarms()
    firm.nights(13)
    assert firm.alarms()["approval_overdue"] == (1, 1)
    firm.depot.approve(made, digest)
    firm.nights(1)
    assert "approval_overdue" not in firm.alarms()


def test_an_execution_killed_anywhere_is_finished_by_the_next_night(firm: Firm, monkeypatch: pytest.MonkeyPatch):
    gone = firm.depot.file("walrus invoice", "otter invoice")
    firm.night()
    firm.approve_all()
    firm.nights(6)
    firm.clock.forward(days=1)

    class Killed(BaseException):
        """The process ends here."""

    passed: list[str] = []

    def dying(step: str) -> None:
        passed.append(step)
        if step == "objects":
            raise Killed

    from app import retention_disposing

    monkeypatch.setattr(retention_disposing, "_passing", lambda work: dying)
    with pytest.raises(Killed):
        firm.night()
    assert "begun" in passed
    monkeypatch.undo()
    for module in (app.build, app.prepare):
        monkeypatch.setattr(module, "clock_of", lambda chosen: firm.clock)
    firm.clock.forward(minutes=2)
    firm.night()
    firm.night()
    assert not any(firm.depot.exists(each) for each in gone)
    assert len(firm.depot.certificates()) == 1
    with firm.runtime.main.read() as session:
        states = list(session.scalars(select(run.RetentionRun.state).where(run.RetentionRun.job == run.EXECUTE)))
    assert states.count("interrupted") == 1


def test_the_end_of_the_time_for_review_is_told_before_and_is_no_breach(firm: Firm):
    # Kept a year, and three months are for review and destruction.
    firm.depot.file("old walrus invoice")
    firm.depot.file("recent otter invoice", day=date(2025, 1, 10))
    told = firm.night()["ceilings"]
    assert told.counts["near"] == 1
    assert "breached" not in told.counts
    assert firm.alarms()["ceiling_near"] == (1, 1)
    with firm.runtime.main.read() as session:
        (near,) = [row for row in alarm.visible(session, by=firm.depot.by("dpo")) if row.code == "ceiling_near"]
    assert (near.about, near.due_on) == ("supplier_invoice", date(2026, 4, 10))
    firm.nights(40)
    assert not {"ceiling_near", "ceiling_breached"} & set(firm.alarms())
    assert "review_overdue" in firm.alarms(), "people are reminded of the batch in which they wait"


def test_what_a_statute_forbids_to_keep_is_an_alarm_at_once_until_it_is_gone(firm: Firm):
    firm.depot.publish("P18M", code="test-invoices-at-most", bound="maximum")
    firm.depot.file("old walrus invoice")
    firm.depot.file("recent otter invoice", day=date(2024, 9, 20))
    told = firm.night()["ceilings"]
    assert (told.counts["near"], told.counts["breached"]) == (1, 1)
    assert firm.alarms()["ceiling_breached"] == (2, 1), "at once, without a reminder first"
    firm.nights(40)
    assert firm.alarms()["ceiling_breached"][1] == 2
    firm.approve_all()
    firm.nights(8)
    assert "ceiling_breached" not in firm.alarms(), "what is destroyed is not kept too long"


def test_rules_whose_review_is_due_are_reminded_of(firm: Firm):
    with firm.runtime.main.read() as session:
        before = firm.night()["rules"].counts
        assert before == {}
        rows = session.scalars(select(RetentionRule)).all()
    officer, now = firm.depot.by("officer"), firm.clock.now()
    with firm.runtime.main.write() as session:
        due = date(2026, 3, 5)
        freshness.review(session, rows[0].id, due_on=due, owner="accounting", by=officer, at=now)
    assert firm.nights(2)["rules"].counts == {}
    assert firm.nights(1)["rules"].counts == {"due": 1, "alarm_open": 1, "alarm_new": 1}
    assert firm.alarms()["rule_review_due"] == (1, 1)


def test_holds_whose_review_is_due_are_reminded_of(firm: Firm):
    (one,) = firm.depot.file("walrus invoice")
    officer, now = firm.depot.by("officer"), firm.clock.now()
    new = NewHold(
        entity=firm.depot.archive.entity,
        kind="legal_hold",
        scope=Scope(kind="records", records=(one,)),
        title="A matter",
        reason="A claim",
        authority="312 O 44/26",
        review_on=date(2026, 3, 4),
    )
    with firm.runtime.main.write() as session:
        hold.place(session, new, by=officer, at=now, keys=firm.runtime.keys)
    assert firm.night()["propose"].counts == {}, "what is held is not proposed"
    told = firm.nights(2)["holds"]
    assert told.counts == {"due": 1, "alarm_open": 1, "alarm_new": 1, "reminded": 1}
    assert firm.alarms()["hold_review_due"] == (1, 1)
    assert firm.nights(1)["holds"].counts == {"due": 1, "alarm_open": 1}
