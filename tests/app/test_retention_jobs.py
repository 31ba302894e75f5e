"""The retention jobs on the real embedded archive, with a clock that the test moves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from accounts.principal import NotAllowed
from app import clock_watch, handlers, retention_jobs
from app.retention_jobs import Step, Work
from app.retention_steps import STEPS
from app.runner import Runner
from app.runtime import Runtime
from core import jobs, leases
from core.errors import MunimentError, Unavailable
from core.identifiers import new_id
from core.jobs import Job
from retention import alarm, run
from retention.run import NotStopped, RetentionRun, Stop, is_night_due, most_at_once, stops_of
from tests.support.app import Office
from tests.support.moving import MovableClock, open_moving, run_days, run_now

ZONE = "Europe/Berlin"
NAMES = [step.name for step in STEPS]


@pytest.fixture
def moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Office, MovableClock]]:
    office, clock = open_moving(tmp_path, monkeypatch)
    yield office, clock
    office.close()


def rows(office: Office) -> list[RetentionRun]:
    with office.runtime.main.read() as session:
        return list(session.scalars(select(RetentionRun).order_by(RetentionRun.id)))


def work_off(office: Office, holder: str = "") -> None:
    readers = handlers.Readers(office.runtime.settings)
    Runner(office.runtime, handlers.table(readers), holder or leases.incarnation("worker")).run_all(["maintenance"])
    readers.stop()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        pytest.param(None, "2026-03-02T12:00", True, id="never before"),
        pytest.param("2026-03-01T01:00", "2026-03-02T00:30", True, id="half past one in Berlin"),
        pytest.param("2026-03-01T01:00", "2026-03-01T23:30", False, id="half past midnight in Berlin"),
        pytest.param("2026-03-02T00:10", "2026-03-02T03:00", False, id="this night already"),
        pytest.param("2026-03-01T02:00", "2026-03-02T07:00", False, id="last night was worked through late"),
        pytest.param("2026-02-27T02:00", "2026-03-02T12:00", True, id="nights were missed, at noon"),
        pytest.param("2026-03-05T02:00", "2026-03-02T12:00", True, id="the last one lies ahead of the clock"),
    ],
)
def test_a_night_is_worked_through_once_and_made_up_for(last: str | None, now: str, due: bool):
    assert is_night_due(None if last is None else at(last), at(now), ZONE) is due


def test_every_job_reports_also_where_nothing_happened(moving: tuple[Office, MovableClock]):
    office, _clock = moving
    run_now(office)
    found = rows(office)
    assert [row.job for row in found] == NAMES
    assert {row.state for row in found} == {"done"}
    assert len({row.round for row in found}) == 1
    assert all(row.ended_at is not None for row in found)
    entries = office.actions_since(0)
    assert entries.count("retention.run_ended") == len(NAMES)


def test_beat_leaves_one_night_and_then_short_rounds(moving: tuple[Office, MovableClock]):
    office, clock = moving
    for _ in range(3):
        handlers.tick(office.runtime, "retention", look=lambda queues: None)
    work_off(office)
    assert {row.how for row in rows(office)} == {"night"}
    assert len(rows(office)) == len(NAMES)
    clock.forward(minutes=5)
    handlers.tick(office.runtime, "retention", look=lambda queues: None)
    work_off(office)
    assert {row.job for row in rows(office) if row.how == "often"} == {step.name for step in STEPS if step.often}
    clock.forward(days=1)
    handlers.tick(office.runtime, "retention", look=lambda queues: None)
    work_off(office)
    nights = {row.round for row in rows(office) if row.how == "night"}
    assert len(nights) == 1, "it is ten in the morning, and the last night was not missed"
    clock.forward(hours=16)
    handlers.tick(office.runtime, "retention", look=lambda queues: None)
    work_off(office)
    assert len({row.round for row in rows(office) if row.how == "night"}) == 2


def test_short_rounds_that_did_nothing_are_forgotten_after_two_days(moving: tuple[Office, MovableClock]):
    office, clock = moving
    retention_jobs.run_round(office.runtime, STEPS, how="often")
    assert [row.how for row in rows(office)] == ["often"] * len([step for step in STEPS if step.often])
    clock.forward(days=3)
    retention_jobs.run_round(office.runtime, STEPS)
    assert {row.how for row in rows(office)} == {"hand"}


def test_a_job_runs_once_at_a_time_wherever_it_was_started(moving: tuple[Office, MovableClock]):
    office, _clock = moving
    inside: list[retention_jobs.Told] = []

    def again(runtime: Runtime, work: Work) -> None:
        inside.extend(retention_jobs.run_round(runtime, [Step("again", lambda run, work: None)]))

    outer = retention_jobs.run_round(office.runtime, [Step("again", again)])
    assert [each.state for each in outer] == ["done"]
    assert [(each.state, each.error_code) for each in inside] == [("running", "retention_runs_already")]
    assert [each.state for each in retention_jobs.run_round(office.runtime, [Step("again", lambda r, w: None)])] == [
        "done"
    ]


def test_a_night_waits_for_a_lease_that_a_killed_process_left(moving: tuple[Office, MovableClock]):
    office, clock = moving
    with office.runtime.main.write() as session:
        assert leases.take(session, "retention.only", holder="gone/worker/1/x", at=clock.now())
        jobs.add(session, "retention.run", queue="maintenance", at=clock.now(), how="night", round=new_id())
        (claim,) = jobs.claim(session, queue="maintenance", holder="h/worker/1/x", at=clock.now())
    steps = [Step("only", lambda run, work: work.did("things"))]
    with pytest.raises(retention_jobs.RunsAlready):
        retention_jobs.carry_out(office.runtime, claim, "h/worker/1/x", steps)
    assert rows(office) == []
    clock.forward(seconds=61)
    retention_jobs.carry_out(office.runtime, claim, "h/worker/1/x", steps)
    assert [(row.job, row.state) for row in rows(office)] == [("only", "done")]


def test_a_step_whose_lease_was_taken_over_ends(moving: tuple[Office, MovableClock]):
    work = Work("night", still_mine=lambda: False)
    with pytest.raises(retention_jobs.LeaseLost):
        work.step_on()


class Killed(BaseException):
    """The process ends here."""


def test_a_round_that_was_killed_goes_on_with_what_had_not_ended(moving: tuple[Office, MovableClock]):
    office, clock = moving
    done: list[str] = []

    def dying(runtime: Runtime, work: Work) -> None:
        work.did("begun")
        work.step_on()
        if not done.count("second"):
            done.append("second")
            raise Killed

    steps = [
        Step("first", lambda run, work: done.append("first")),
        Step("second", dying),
        Step("third", lambda run, work: done.append("third")),
    ]
    round_ = new_id()
    with pytest.raises(Killed):
        retention_jobs.run_round(office.runtime, steps, how="night", round_=round_)
    assert [(row.job, row.state, row.counts) for row in rows(office)] == [
        ("first", "done", {}),
        ("second", "running", {"begun": 1}),
    ]
    clock.forward(minutes=2)
    told = retention_jobs.run_round(office.runtime, steps, how="night", round_=round_)
    assert [each.job for each in told] == ["second", "third"]
    assert done == ["first", "second", "third"]
    assert [(row.job, row.state) for row in rows(office)] == [
        ("first", "done"),
        ("second", "interrupted"),
        ("second", "done"),
        ("third", "done"),
    ]


@pytest.mark.parametrize(
    ("raised", "code", "again"),
    [
        pytest.param(Unavailable("the store is away"), "unavailable", True, id="a server is away"),
        pytest.param(MunimentError("no"), "error", False, id="it cannot be done"),
        pytest.param(RuntimeError("a defect"), "RuntimeError", False, id="a defect of the program"),
    ],
)
def test_a_step_that_fails_says_so_and_the_others_run(
    moving: tuple[Office, MovableClock], raised: Exception, code: str, again: bool
):
    office, _clock = moving

    def failing(runtime: Runtime, work: Work) -> None:
        work.skip("not_reached", 3)
        raise raised

    steps = [Step("failing", failing), Step("other", lambda run, work: work.did("things", 2))]
    with office.runtime.main.write() as session:
        jobs.add(session, "retention.run", queue="maintenance", at=_clock.now(), how="night", round=new_id())
        (claim,) = jobs.claim(session, queue="maintenance", holder="h/worker/1/x", at=_clock.now())
    if again:
        with pytest.raises(Unavailable):
            retention_jobs.carry_out(office.runtime, claim, "h/worker/1/x", steps)
    else:
        retention_jobs.carry_out(office.runtime, claim, "h/worker/1/x", steps)
    assert [(row.job, row.state, row.error_code, row.counts, row.skipped) for row in rows(office)] == [
        ("failing", "failed", code, {}, {"not_reached": 3}),
        ("other", "done", None, {"things": 2}, {}),
    ]
    with office.runtime.main.read() as session:
        assert session.get_one(Job, claim.id).state == ("leased" if again else "done")


def test_a_dry_run_writes_nothing(moving: tuple[Office, MovableClock]):
    office, _clock = moving
    office.settle()
    before = office.leaves()
    told = retention_jobs.dry_run(office.runtime, STEPS)
    assert [each.job for each in told] == NAMES
    office.settle()
    assert rows(office) == []
    assert [action for action in office.actions_since(before) if action.startswith("retention")] == []


def test_what_has_not_run_for_long_is_overdue(moving: tuple[Office, MovableClock]):
    office, clock = moving

    def overdue() -> list[str]:
        with office.runtime.main.read() as session:
            return retention_jobs.overdue(session, STEPS, clock.now())

    assert overdue() == [], "nothing ran yet, since it was set up just now"
    retention_jobs.look(office.runtime)
    clock.forward(days=2)
    assert overdue() == NAMES
    run_now(office)
    assert overdue() == []
    clock.forward(days=2)
    retention_jobs.run_round(office.runtime, STEPS[:1])
    assert overdue() == NAMES[1:]


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        pytest.param("2026-03-01T00:10", "2026-03-01T12:00", "2026-03-02T00:00", id="at one in the next night"),
        pytest.param("2026-02-27T00:10", "2026-03-01T12:00", None, id="within minutes: a night was missed"),
        pytest.param("2026-03-01T20:00", "2026-03-01T21:00", "2026-03-03T00:00", id="twelve hours after a hand ran it"),
    ],
)
def test_when_the_next_night_is(last: str, now: str, expected: str | None):
    found = retention_jobs.next_night(at(last), at(now), ZONE)
    assert found == (None if expected is None else at(expected))


# The clock, on the real log.


def test_a_gap_in_the_log_is_doubted_on_the_real_log_and_an_officer_confirms(moving: tuple[Office, MovableClock]):
    office, clock = moving
    run_now(office)
    run_days(office, clock, 3)
    with office.runtime.main.read() as session:
        assert retention_jobs.clock_guard.state_of(session).doubt is None  # type: ignore[union-attr]
    clock.forward(days=9)
    assert clock_watch.peek(office.runtime) == "gap"
    told = run_now(office)
    assert {each.doubt for each in told.values()} == {"gap"}
    with office.runtime.main.read() as session:
        (found,) = alarm.visible(session, by=office.principal("officer"))
    assert (found.code, found.about) == ("clock_in_doubt", "gap")
    officer = office.principal("officer")
    with office.runtime.main.write() as session:
        retention_jobs.clock_guard.confirm(session, clock.now().date(), zone=ZONE, by=officer, at=clock.now())
    assert {each.doubt for each in run_now(office).values()} == {None}
    with office.runtime.main.read() as session:
        assert alarm.visible(session, by=officer) == []


def test_a_clock_set_back_is_doubted_and_one_set_a_little_is_not(moving: tuple[Office, MovableClock]):
    office, clock = moving
    run_now(office)
    clock.forward(hours=-20)
    assert {each.doubt for each in run_now(office).values()} == {None}
    clock.forward(days=-20)
    assert {each.doubt for each in run_now(office).values()} == {"back"}


def test_a_long_silence_is_found_however_many_entries_follow_before_the_next_look(
    moving: tuple[Office, MovableClock],
):
    office, clock = moving
    run_now(office)
    clock.forward(days=5)
    for _ in range(5):
        office.upload(b"a letter")
        clock.forward(hours=20)
        office.settle()
    assert clock_watch.look(office.runtime).doubt == "gap"


# Too much at once.

ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("records", "total", "stops"),
    [
        pytest.param(50, 50, False, id="few records, all of the class"),
        pytest.param(51, 60, True, id="one more than goes freely, and most of the class"),
        pytest.param(100, 1000, False, id="a tenth"),
        pytest.param(101, 1000, True, id="one more than a tenth"),
        pytest.param(60, 0, True, id="more than anybody knows of"),
    ],
)
def test_a_run_stops_at_more_than_its_share_of_a_class(records: int, total: int, stops: bool):
    found = stops_of({(ONE, "invoice"): records}, {(ONE, "invoice"): total}, percent=10, free=50)
    assert bool(found) == stops


def test_each_class_of_each_entity_counts_by_itself():
    touched = {(ONE, "invoice"): 60, (OTHER, "invoice"): 10, (ONE, "contract"): 70}
    totals = {(ONE, "invoice"): 100, (OTHER, "invoice"): 10, (ONE, "contract"): 10_000}
    assert stops_of(touched, totals, percent=10, free=50) == [Stop(ONE, "invoice", 60, 100, 50)]
    assert most_at_once(10_000, percent=10, free=50) == 1000


def stopped(office: Office, records: int = 60) -> tuple[UUID, bytes]:
    stops = [Stop(office.entity, "invoice", records, 80, 50)]
    scope = run.scope_of({(office.entity, "invoice"): records}, [ONE])
    with office.runtime.main.write() as session:
        now = office.runtime.clock.now()
        row = run.begin(session, run.EXECUTE, round_=new_id(), how="night", at=now)
        run.end(session, row.id, state="stopped", counts={}, skipped={}, stops=stops, scope=scope, at=now)
        return row.id, scope


def test_an_officer_lets_exactly_what_was_shown_through_and_once(moving: tuple[Office, MovableClock]):
    office, clock = moving
    run_id, scope = stopped(office)
    for name in ("manager", "auditor", "admin"):
        by = office.principal(name)
        with office.runtime.main.write() as session, pytest.raises(NotAllowed):
            run.let_through(session, run_id, by=by, at=clock.now())
    officer = office.principal("officer")
    with office.runtime.main.write() as session:
        assert not run.take_leave(session, run.EXECUTE, scope, at=clock.now())
        run.let_through(session, run_id, by=officer, at=clock.now())
        assert not run.take_leave(session, run.EXECUTE, bytes(32), at=clock.now()), "something else than was shown"
        assert run.take_leave(session, run.EXECUTE, scope, at=clock.now())
        assert not run.take_leave(session, run.EXECUTE, scope, at=clock.now()), "once"
    with office.runtime.main.write() as session, pytest.raises(NotStopped):
        run.let_through(session, run_id, by=officer, at=clock.now())
    office.settle()
    assert office.actions_since(0).count("retention.run_let_through") == 1


def test_an_old_report_cannot_let_through_what_has_grown_since(moving: tuple[Office, MovableClock]):
    office, clock = moving
    first, _scope = stopped(office)
    second, _other = stopped(office, records=70)
    officer = office.principal("officer")
    with office.runtime.main.write() as session, pytest.raises(NotStopped):
        run.let_through(session, first, by=officer, at=clock.now())
    with office.runtime.main.write() as session:
        assert run.let_through(session, second, by=officer, at=clock.now()).let_by == officer.id


# Alarms.


def test_what_waits_unclassified_for_90_days_is_an_alarm_and_later_escalated(moving: tuple[Office, MovableClock]):
    office, clock = moving
    office.upload(b"Nothing to be read from this.")
    officer = office.principal("officer")

    def alarms() -> list[tuple[str, int, int]]:
        with office.runtime.main.read() as session:
            return [
                (row.code, row.level, row.records)
                for row in alarm.visible(session, by=officer)
                if row.code == alarm.UNCLASSIFIED
            ]

    clock.forward(days=89)
    run_now(office)
    assert alarms() == []
    clock.forward(days=1)
    assert run_now(office)["unclassified"].counts == {"waiting": 1, "alarm_open": 1, "alarm_new": 1}
    assert alarms() == [("unclassified", 1, 1)]
    clock.forward(days=6)
    run_now(office)
    assert alarms() == [("unclassified", 1, 1)]
    clock.forward(days=1)
    assert run_now(office)["unclassified"].counts["alarm_escalated"] == 1
    assert alarms() == [("unclassified", 2, 1)]
    assert office.actions_since(0).count("retention.alarm_raised") >= 2


def test_an_alarm_ends_when_it_is_no_longer_found(moving: tuple[Office, MovableClock]):
    office, clock = moving
    officer = office.principal("officer")
    with office.runtime.main.write() as session:
        alarm.settle(session, "unclassified", [alarm.Found(office.entity, records=4)], at=clock.now())
        result = alarm.settle(session, "unclassified", [], at=clock.forward(days=1))
    assert (result.ended, result.open) == (1, 0)
    with office.runtime.main.read() as session:
        assert alarm.visible(session, by=officer) == []
    clock.forward(days=1)
    with office.runtime.main.write() as session:
        again = alarm.settle(session, "unclassified", [alarm.Found(office.entity)], at=clock.now())
    assert (again.new, again.escalated) == (1, 0)


def test_nights_pass_without_a_worry(moving: tuple[Office, MovableClock]):
    office, clock = moving
    run_days(office, clock, 2)
    assert timedelta(days=2) == clock.now() - rows(office)[0].started_at + timedelta(days=1)
