"""What the jobs promise to workers in several processes, on every database.

Subclass it in a test module and give ``opening``, as for ``database_contract``.
"""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import delete, select

from core import jobs, leases
from core.database import Database
from core.jobs import Job

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROOT = Path(__file__).parent.parent.parent

_WORKER = """
import sys
from datetime import UTC, datetime
from core import jobs
database, holder = eval(sys.argv[1]), sys.argv[2]
at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
step = 0
while True:
    with database.write(beside=True) as session:
        claims = jobs.claim(session, queue="q", holder=holder, at=at, limit=3)
    if not claims:
        break
    for claim in claims:
        step += 1
        with database.write(beside=True) as session:
            if step % 7 == 0:
                jobs.fail(session, claim.id, holder=holder, code="x", at=at, final=step % 14 == 0)
            else:
                assert jobs.finish(session, claim.id, holder=holder, at=at)
                print(claim.id, flush=True)
"""


class JobsContract:
    @pytest.fixture
    def opening(self) -> str:
        raise NotImplementedError("give an expression that opens the database")

    @pytest.fixture
    def database(self, opening: str) -> Iterator[Database]:
        opened: Database = eval(opening)
        yield opened
        opened.close()

    def test_workers_in_several_processes_do_each_job_once(self, database: Database, opening: str) -> None:
        with database.write() as session:
            made = {jobs.add(session, "work.do", queue="q", at=AT) for _ in range(120)}
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", _WORKER, opening, f"h/worker/{n}/x"], cwd=ROOT, stdout=subprocess.PIPE, text=True
            )
            for n in range(3)
        ]
        told = [worker.communicate(timeout=60)[0].split() for worker in workers]
        assert [worker.returncode for worker in workers] == [0, 0, 0]
        done = Counter(UUID(line) for lines in told for line in lines)
        assert set(done.values()) == {1}
        with database.read() as session:
            rows = list(session.scalars(select(Job)))
        assert {row.id for row in rows} == made
        assert {row.id for row in rows if row.state == jobs.DONE} == set(done)
        assert not [row for row in rows if row.state == jobs.LEASED]

    def test_many_who_promise_the_same_beside_each_other_promise_it_once(self, database: Database) -> None:
        together = threading.Barrier(6, timeout=60)

        def promise(_: int) -> UUID | None:
            together.wait()
            with database.write(beside=True) as session:
                return jobs.add(session, "work.do", queue="q", at=AT, key="the same")

        with ThreadPoolExecutor(6) as pool:
            made = list(pool.map(promise, range(6)))
        assert sum(job is not None for job in made) == 1
        with database.read() as session:
            assert [row.id for row in session.scalars(select(Job))] == [job for job in made if job is not None]

    def test_a_promise_kept_by_a_waiting_job_is_not_claimed_before_it_is_committed(self, database: Database) -> None:
        """Whoever claims it must see what was changed in the transaction that promised it again."""
        with database.write() as session:
            jobs.add(session, "work.do", queue="q", at=AT, key="k")
        inside, go = threading.Event(), threading.Event()

        def change_and_promise() -> None:
            with database.write(beside=True) as session:
                assert jobs.add(session, "work.do", queue="q", at=AT, key="k") is None
                session.add(leases.ProcessLease(name="the change", holder="x", until=AT))
                session.flush()
                inside.set()
                go.wait(0.5)

        thread = threading.Thread(target=change_and_promise)
        thread.start()
        assert inside.wait(60)
        with database.write(beside=True) as session:
            claims = jobs.claim(session, queue="q", holder="h", at=AT)
            seen = session.get(leases.ProcessLease, "the change") is not None
        go.set()
        thread.join()
        assert not claims or seen
        if not claims:
            with database.write(beside=True) as session:
                assert len(jobs.claim(session, queue="q", holder="h", at=AT)) == 1

    def test_a_promise_made_while_the_job_is_claimed_is_a_new_one(self, database: Database) -> None:
        with database.write() as session:
            first = jobs.add(session, "work.do", queue="q", at=AT, key="k")
        inside = threading.Event()
        made: list[UUID | None] = []

        def promise() -> None:
            inside.wait(60)
            with database.write(beside=True) as session:
                made.append(jobs.add(session, "work.do", queue="q", at=AT, key="k"))

        thread = threading.Thread(target=promise)
        thread.start()
        with database.write(beside=True) as session:
            assert [claim.id for claim in jobs.claim(session, queue="q", holder="h", at=AT)] == [first]
            session.flush()
            inside.set()
            thread.join(0.3)
        thread.join()
        assert made[0] not in (None, first)

    def test_a_promise_whose_transaction_fails_is_made_by_the_next(self, database: Database) -> None:
        inside = threading.Event()
        made: list[UUID | None] = []

        def fail() -> None:
            with database.write(beside=True) as session:
                jobs.add(session, "work.do", queue="q", at=AT, key="k")
                inside.set()
                threading.Event().wait(0.2)
                raise RuntimeError

        def promise() -> None:
            inside.wait(60)
            with database.write(beside=True) as session:
                made.append(jobs.add(session, "work.do", queue="q", at=AT, key="k"))

        thread = threading.Thread(target=promise)
        thread.start()
        with pytest.raises(RuntimeError):
            fail()
        thread.join()
        with database.read() as session:
            assert [row.id for row in session.scalars(select(Job))] == made

    def test_a_lease_that_was_lost_ends_nothing(self, database: Database) -> None:
        with database.write() as session:
            job = jobs.add(session, "work.do", queue="q", at=AT)
        assert job is not None
        with database.write(beside=True) as session:
            jobs.claim(session, queue="q", holder="old", at=AT)
        later = AT + jobs.LEASE + timedelta(seconds=1)
        with database.write() as session:
            assert jobs.release_expired(session, at=later) == {"q"}
        with database.write(beside=True) as session:
            jobs.claim(session, queue="q", holder="new", at=later)
        with database.write(beside=True) as session:
            assert not jobs.finish(session, job, holder="old", at=later)
            jobs.fail(session, job, holder="old", code="x", at=later)
        with database.write(beside=True) as session:
            assert jobs.renew(session, holder="old", at=later) == 0
            assert jobs.renew(session, holder="new", at=later) == 1
            assert jobs.finish(session, job, holder="new", at=later)

    def test_what_is_settled_is_done_and_what_runs_or_waits_for_its_time_or_under_another_key_stays(
        self, database: Database
    ) -> None:
        with database.write() as session:
            running = jobs.add(session, "work.do", queue="q", at=AT, key="a")
        with database.write(beside=True) as session:
            assert [claim.id for claim in jobs.claim(session, queue="q", holder="h", at=AT)] == [running]
        with database.write() as session:
            for key in ("a", "b"):
                jobs.add(session, "work.do", queue="q", at=AT, key=key)
            other = jobs.add(session, "work.do", queue="q", at=AT, key="c")
            jobs.add(session, "work.do", queue="q", at=AT, key="d", ready_at=AT + timedelta(seconds=1))
            jobs.settle(session, ["a", "b", "d"], at=AT)
        with database.write() as session:
            assert jobs.counts(session) == {("q", jobs.DONE): 2, ("q", jobs.LEASED): 1, ("q", jobs.READY): 2}
            anew = jobs.add(session, "work.do", queue="q", at=AT, key="a")
            assert anew is not None
        with database.write(beside=True) as session:
            assert {claim.id for claim in jobs.claim(session, queue="q", holder="h", at=AT, limit=9)} == {other, anew}
            assert jobs.renew(session, holder="h", at=AT) == 3

    def test_of_several_queues_the_first_that_has_any_ready_gives_its_most_urgent_job(self, database: Database) -> None:
        with database.write() as session:
            jobs.add(session, "work.do", queue="a", at=AT, ready_at=AT + timedelta(seconds=1))
            later = jobs.add(session, "work.do", queue="b", at=AT)
            urgent = jobs.add(session, "work.do", queue="b", at=AT, priority=0)
            other = jobs.add(session, "work.do", queue="c", at=AT, priority=0)

        def claimed(*queues: str) -> UUID | None:
            with database.write(beside=True) as session:
                claim = jobs.claim_first(session, queues=queues, holder="h", at=AT)
            return claim.id if claim is not None else None

        assert claimed("a") is None
        assert claimed() is None
        assert [claimed("a", "b", "c") for _ in range(4)] == [urgent, later, other, None]

    def test_of_several_claimed_at_once_the_most_urgent_and_then_the_oldest_comes_first(
        self, database: Database
    ) -> None:
        with database.write() as session:
            usual = [
                jobs.add(session, "work.do", queue="q", at=AT, ready_at=AT - timedelta(seconds=age))
                for age in (1, 3, 2)
            ]
            urgent = jobs.add(session, "work.do", queue="q", at=AT, priority=0)
        with database.write(beside=True) as session:
            first = jobs.claim(session, queue="q", holder="h", at=AT, limit=3)
        assert [claim.id for claim in first] == [urgent, usual[1], usual[2]]
        assert {claim.attempts for claim in first} == {1}
        with database.write(beside=True) as session:
            assert [claim.id for claim in jobs.claim(session, queue="q", holder="h", at=AT, limit=3)] == [usual[0]]

    def test_of_many_who_take_a_process_lease_at_once_one_has_it(self, database: Database) -> None:
        for _ in range(5):
            together = threading.Barrier(5, timeout=60)

            def take(number: int, together: threading.Barrier = together) -> bool:
                together.wait()
                with database.write(beside=True) as session:
                    return leases.take(session, "keeper", holder=str(number), at=AT)

            with ThreadPoolExecutor(5) as pool:
                assert sum(pool.map(take, range(5))) == 1
            with database.write() as session:
                session.execute(delete(leases.ProcessLease))
