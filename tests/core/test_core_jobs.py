from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core import jobs, leases
from core.database import MainTable
from core.jobs import Job
from core.leases import ProcessLease
from core.sqlite import SqliteDatabase
from tests.contracts.database_contract import OPENING
from tests.contracts.jobs_contract import JobsContract

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def _made(folder: Path) -> SqliteDatabase:
    made = SqliteDatabase(folder / "main.db")
    with made.exclusive():
        MainTable.metadata.create_all(made.engine, tables=[Job.__table__, ProcessLease.__table__])
    return made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    made = _made(tmp_path)
    yield made
    made.close()


class TestJobsOnSqlite(JobsContract):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> str:
        _made(tmp_path).close()
        return OPENING["sqlite"].format(str(tmp_path / "main.db"))


def _add(database: SqliteDatabase, name: str = "work.do", **options) -> UUID | None:
    with database.write() as session:
        return jobs.add(session, name, **({"queue": "q", "at": AT} | options))


def _claim(database: SqliteDatabase, holder: str = "h/worker/1/a", at: datetime = AT, limit: int = 1):
    with database.write() as session:
        return jobs.claim(session, queue="q", holder=holder, at=at, limit=limit)


def _state(database: SqliteDatabase, job: UUID) -> str:
    with database.read() as session:
        return session.get_one(Job, job).state


def test_a_promise_is_kept_in_the_transaction_that_makes_it(database):
    def promise_and_fail() -> None:
        with database.write() as session:
            jobs.add(session, "work.do", queue="q", at=AT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        promise_and_fail()
    assert _claim(database) == []


def test_arguments_are_ids_as_text(database):
    record = uuid4()
    _add(database, record=record, part="pages")
    (claim,) = _claim(database)
    assert claim.arguments == {"record": str(record), "part": "pages"}
    assert (claim.name, claim.attempts) == ("work.do", 1)


def test_the_most_urgent_and_then_the_oldest_goes_first(database):
    late = _add(database, at=AT - SECOND, priority=9)
    urgent = _add(database, at=AT, priority=0)
    usual = _add(database, at=AT - 2 * SECOND, priority=5)
    assert [claim.id for claim in _claim(database, limit=5)] == [urgent, usual, late]


def test_work_for_later_waits(database):
    job = _add(database, ready_at=AT + SECOND)
    assert _claim(database) == []
    with database.read() as session:
        assert jobs.waiting(session, at=AT) == set()
        assert jobs.waiting(session, at=AT + SECOND) == {"q"}
    assert [claim.id for claim in _claim(database, at=AT + SECOND)] == [job]


def test_the_same_key_waits_once_and_a_claimed_one_may_be_promised_again(database):
    first = _add(database, key="k")
    assert first is not None
    assert _add(database, key="k") is None
    _claim(database)
    again = _add(database, key="k")
    assert again not in (None, first)
    assert _add(database, key="k") is None


def test_two_of_one_key_in_one_transaction_are_one(database):
    with database.write() as session:
        assert jobs.add(session, "work.do", queue="q", at=AT, key="k") is not None
        assert jobs.add(session, "work.do", queue="q", at=AT, key="k") is None


def test_a_job_that_failed_and_one_promised_meanwhile_do_not_collide(database):
    first = _add(database, key="k")
    _claim(database)
    second = _add(database, key="k")
    with database.write() as session:
        jobs.fail(session, first, holder="h/worker/1/a", code="x", at=AT)
    assert {claim.id for claim in _claim(database, at=AT + 60 * SECOND, limit=5)} == {first, second}


def test_a_lease_that_runs_out_puts_the_job_back_and_the_old_holder_has_lost_it(database):
    job = _add(database)
    _claim(database, "old")
    with database.write() as session:
        assert jobs.release_expired(session, at=AT + jobs.LEASE) == set()
        assert jobs.release_expired(session, at=AT + jobs.LEASE + SECOND) == {"q"}
        assert session.wake == {"q"}
    (claim,) = _claim(database, "new", AT + jobs.LEASE + SECOND)
    assert (claim.id, claim.attempts) == (job, 2)
    with database.write() as session:
        assert not jobs.finish(session, job, holder="old", at=AT)
        jobs.fail(session, job, holder="old", code="x", at=AT)
        assert not jobs.holds(session, job, holder="old")
        assert jobs.holds(session, job, holder="new")
        assert jobs.finish(session, job, holder="new", at=AT)
    assert _state(database, job) == jobs.DONE


def test_of_many_jobs_done_at_once_those_of_somebody_else_stay(database):
    with database.write() as session:
        ids = [jobs.add(session, "keeper.test", queue="keeper", at=AT) for _ in range(3)]
    with database.write() as session:
        jobs.claim(session, queue="keeper", holder="one", at=AT, limit=2)
        (other,) = jobs.claim(session, queue="keeper", holder="two", at=AT)
    with database.write() as session:
        jobs.finish_all(session, ids, holder="one", at=AT)
    with database.write() as session:
        assert jobs.counts(session) == {("keeper", "done"): 2, ("keeper", "leased"): 1}
        assert jobs.finish(session, other.id, holder="two", at=AT)


def test_renewing_prolongs_the_leases_of_one_holder_only(database):
    for _ in range(3):
        _add(database)
    _claim(database, "one", limit=2)
    _claim(database, "other")
    with database.write() as session:
        assert jobs.renew(session, holder="one", at=AT + 30 * SECOND) == 2
        jobs.release_expired(session, at=AT + 70 * SECOND)
    with database.read() as session:
        assert jobs.counts(session) == {("q", jobs.LEASED): 2, ("q", jobs.READY): 1}


@pytest.mark.parametrize(
    ("beginning", "released"),
    [
        pytest.param("h/worker/1/", {"h/worker/1/a"}, id="one process"),
        pytest.param("h/worker/12/", {"h/worker/12/b"}, id="whose number begins like another's"),
        pytest.param("h/", {"h/worker/1/a", "h/worker/12/b"}, id="all of a host"),
        pytest.param("h_/", set(), id="an underscore is no wildcard"),
        pytest.param("%", set(), id="nor a percent sign"),
    ],
)
def test_what_an_ended_process_held_is_put_back_at_once(database, beginning, released):
    holders = ["h/worker/1/a", "h/worker/12/b", "hx/worker/1/c"]
    for holder in holders:
        _add(database)
        _claim(database, holder)
    with database.write() as session:
        jobs.release_held_by(session, beginning, at=AT)
    with database.read() as session:
        left = set(session.scalars(select(Job.holder).where(Job.state == jobs.LEASED)))
    assert left == set(holders) - released


def test_delays_grow_and_after_eight_attempts_a_job_has_failed(database):
    job, at, delays = _add(database), AT, []
    for _ in range(jobs.MAX_ATTEMPTS):
        assert len(_claim(database, at=at)) == 1
        with database.write() as session:
            jobs.fail(session, job, holder="h/worker/1/a", code="store_unwritable", at=at)
        with database.read() as session:
            row = session.get_one(Job, job)
        delays.append((row.ready_at - at).total_seconds())
        at = max(at, row.ready_at)
    assert delays[:-1] == sorted(set(delays[:-1]))
    assert _state(database, job) == jobs.FAILED
    assert _claim(database, at=at + timedelta(days=1)) == []


def test_a_server_that_is_away_costs_a_job_no_attempt_however_often(database):
    job, at = _add(database), AT
    for _ in range(3 * jobs.MAX_DEATHS):
        (claim,) = _claim(database, at=at)
        assert claim.attempts == 1
        with database.write() as session:
            jobs.fail(session, job, holder="h/worker/1/a", code="object_store_away", at=at, away=True)
        assert _claim(database, at=at) == []
        at += 6 * SECOND
    assert _state(database, job) == jobs.READY


def test_work_that_may_not_be_given_up_waits_two_minutes_at_most(database):
    job, at = _add(database), AT
    for _ in range(2 * jobs.MAX_ATTEMPTS):
        assert len(_claim(database, at=at)) == 1
        with database.write() as session:
            jobs.fail(session, job, holder="h/worker/1/a", code="x", at=at, endless=True)
        at += 121 * SECOND
    assert _state(database, job) == jobs.READY


def test_a_holder_gives_back_what_it_does_not_work_on(database):
    for _ in range(3):
        _add(database)
    running, forgotten = (_claim(database)[0].id for _ in range(2))
    later = AT + 20 * SECOND
    (begun,) = _claim(database, at=later)
    with database.write() as session:
        # The last was claimed a moment ago, and is about to be begun.
        assert jobs.renew(session, holder="h/worker/1/a", at=later, running={running}) == 1
        assert session.wake == {"q"}
    assert _state(database, forgotten) == jobs.READY
    assert _state(database, begun.id) == jobs.LEASED
    with database.write() as session:
        jobs.release_expired(session, at=AT + jobs.LEASE + 10 * SECOND)
    assert _state(database, running) == jobs.LEASED


def test_a_failure_for_good_is_not_tried_again(database):
    job = _add(database)
    _claim(database)
    with database.write() as session:
        jobs.fail(session, job, holder="h/worker/1/a", code="not_found", at=AT, final=True)
    assert _state(database, job) == jobs.FAILED


def test_a_job_whose_worker_dies_each_time_ends_as_failed(database):
    job, at = _add(database), AT
    for _ in range(jobs.MAX_DEATHS):
        assert len(_claim(database, at=at)) == 1
        at += jobs.LEASE + SECOND
        with database.write() as session:
            jobs.release_expired(session, at=at)
    assert _state(database, job) == jobs.FAILED
    with database.read() as session:
        assert session.get_one(Job, job).error_code == jobs.WORKER_DIED


def test_under_way_is_what_waits_or_runs(database):
    subject = uuid4()

    def under_way() -> bool:
        with database.read() as session:
            return jobs.is_under_way(session, subject)

    assert not under_way()
    job = _add(database, subject=subject)
    assert under_way()
    _claim(database)
    assert under_way()
    with database.write() as session:
        jobs.finish(session, job, holder="h/worker/1/a", at=AT)
    assert not under_way()


def test_done_work_is_forgotten_and_failures_stay(database):
    done, failed = _add(database), _add(database)
    _claim(database, limit=2)
    with database.write() as session:
        jobs.finish(session, done, holder="h/worker/1/a", at=AT)
        jobs.fail(session, failed, holder="h/worker/1/a", code="x", at=AT, final=True)
    with database.write() as session:
        assert jobs.forget_done(session, before=AT + SECOND) == 1
    assert _state(database, failed) == jobs.FAILED


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["claim", "finish", "fail", "die"])), max_size=40),
)
def test_whatever_happens_no_job_has_two_holders_and_none_is_lost(tmp_path_factory, count, steps):
    database = _made(tmp_path_factory.mktemp("jobs"))
    try:
        made = {_add(database) for _ in range(count)}
        held: dict[UUID, str] = {}
        done, at = set(), AT
        for holder, step in steps:
            at += 10 * SECOND
            mine = [job for job, has in held.items() if has == holder]
            if step == "claim":
                for claim in _claim(database, holder, at, limit=2):
                    assert claim.id not in held
                    assert claim.id not in done
                    held[claim.id] = holder
            elif step == "die":
                with database.write() as session:
                    jobs.release_held_by(session, holder, at=at)
                for job in mine:
                    del held[job]
            elif mine:
                with database.write() as session:
                    if step == "finish":
                        assert jobs.finish(session, mine[0], holder=holder, at=at)
                        done.add(mine[0])
                    else:
                        jobs.fail(session, mine[0], holder=holder, code="x", at=at)
                del held[mine[0]]
        with database.read() as session:
            rows = {row.id: row for row in session.scalars(select(Job))}
        assert set(rows) == made
        assert {job for job, row in rows.items() if row.state == jobs.DONE} == done
        assert {job: row.holder for job, row in rows.items() if row.state == jobs.LEASED} == held
    finally:
        database.close()


def test_only_one_holder_has_a_process_lease_until_it_expires_or_is_voided(database):
    def take(holder: str, at: datetime) -> bool:
        with database.write() as session:
            return leases.take(session, "keeper", holder=holder, at=at)

    assert take("one", AT)
    assert not take("two", AT + 59 * SECOND)
    assert take("one", AT + 50 * SECOND)
    assert not take("two", AT + 100 * SECOND)
    assert take("two", AT + 111 * SECOND)
    assert not take("one", AT + 112 * SECOND)
    with database.write() as session:
        leases.void(session, "two")
    assert take("one", AT + 113 * SECOND)


def test_the_leases_of_an_ended_process_are_voided_by_the_beginning_of_its_name(database):
    holder = leases.incarnation("keeper")
    pid = int(holder.split("/")[2])
    assert holder.startswith(leases.holders_of("keeper", pid))
    assert holder.startswith(leases.holders_of_host())
    assert holder != leases.incarnation("keeper")
    with database.write() as session:
        assert leases.take(session, "keeper", holder=holder, at=AT)
    with database.write() as session:
        leases.void_matching(session, leases.holders_of("keeper", pid + 1))
        assert not leases.take(session, "keeper", holder="other", at=AT)
        leases.void_matching(session, leases.holders_of("keeper", pid))
        assert leases.take(session, "keeper", holder="other", at=AT)
