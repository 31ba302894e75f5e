"""What every database promises, to threads and to other processes.

Subclass it in a test module and give the fixtures ``opening`` (a Python expression that opens the
database of this test, with its tables: other processes use it too) and, where it differs,
``database``.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError

from core.clock import to_us
from core.database import Database, DiskTrouble, NestedWrite, WriteSession
from core.leases import ProcessLease

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROOT = Path(__file__).parent.parent.parent
OPENING = {
    "sqlite": "__import__('core.sqlite').sqlite.SqliteDatabase(__import__('pathlib').Path({0!r}))",
    "postgresql": "__import__('core.postgresql').postgresql.PostgresDatabase({0!r}, {1!r})",
}
"""How another process opens a database: by path, or by URL and line."""


def lease(name: str | None = None) -> ProcessLease:
    """A row to write."""
    return ProcessLease(name=name or uuid4().hex, holder="x", until=AT)


def broken_off(database: Database) -> None:
    """A write that raises after it has written."""
    with database.write() as session:
        session.add(lease())
        session.flush()
        session.wake.add("one")
        raise RuntimeError


def write(database: Database, *, beside: bool = False) -> None:
    """One row more."""
    with database.write(beside=beside) as session:
        session.add(lease())


def count(database: Database) -> int:
    """How many rows there are."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(ProcessLease)) or 0


class DatabaseContract:
    counts_nothing_else = True
    """Whether ``change_count`` stays where nobody wrote here; a server counts its other databases too."""

    @pytest.fixture
    def opening(self) -> str:
        raise NotImplementedError("give an expression that opens the database")

    @pytest.fixture
    def database(self, opening: str) -> Iterator[Database]:
        opened: Database = eval(opening)
        yield opened
        opened.close()

    def test_a_write_is_there_after_the_block_and_not_before(self, database: Database) -> None:
        with database.write() as session:
            session.add(lease())
            session.flush()
            assert count(database) == 0
        assert count(database) == 1

    def test_a_write_that_raises_leaves_nothing(self, database: Database) -> None:
        with pytest.raises(RuntimeError):
            broken_off(database)
        assert count(database) == 0
        write(database)
        assert count(database) == 1

    @pytest.mark.parametrize("beside", [False, True])
    def test_a_write_within_a_write_of_the_same_thread_is_refused(self, database: Database, beside: bool) -> None:
        with database.write(beside=beside) as session:
            with pytest.raises(NestedWrite), database.write(beside=beside):
                pass
            session.add(lease())
        assert count(database) == 1

    def test_a_write_may_read_beside(self, database: Database) -> None:
        with database.write():
            assert count(database) == 0

    def test_a_reader_keeps_its_snapshot(self, database: Database) -> None:
        with database.read() as reading:
            assert reading.scalar(select(func.count()).select_from(ProcessLease)) == 0
            write(database)
            assert reading.scalar(select(func.count()).select_from(ProcessLease)) == 0
        assert count(database) == 1

    def test_a_reader_cannot_write(self, database: Database) -> None:
        with pytest.raises(DiskTrouble), database.read() as session:
            session.execute(text("DELETE FROM process_leases"))

    def test_instants_are_whole_microseconds(self, database: Database) -> None:
        with database.write() as session:
            session.add(lease("keeper"))
        with database.read() as session:
            assert session.scalar(text("SELECT until FROM process_leases")) == to_us(AT)
            assert session.scalar(select(ProcessLease.until)) == AT

    def test_text_is_compared_and_sorted_by_its_code_points(self, database: Database) -> None:
        names = ["Z", "a", "B", "ä", "_", "%", "É", "z"]
        with database.write() as session:
            session.add_all(lease(name) for name in names)
        with database.read() as session:
            assert list(session.scalars(select(ProcessLease.name).order_by(ProcessLease.name))) == sorted(names)
            begins = ProcessLease.name.startswith("_", autoescape=True)
            assert list(session.scalars(select(ProcessLease.name).where(begins))) == ["_"]

    def test_a_statement_that_fails_cannot_be_committed_as_if_it_had_not(self, database: Database) -> None:
        def swallow() -> None:
            with database.write() as session:
                session.add(lease())
                session.flush()
                with pytest.raises(DatabaseError):
                    session.execute(text("SELECT * FROM no_such_table"))

        try:
            swallow()
        except Exception:
            assert count(database) == 0
        else:
            assert count(database) == 1

    def test_a_savepoint_takes_back_its_own_part_only(self, database: Database) -> None:
        def twice() -> None:
            with session.begin_nested():
                session.add(lease("one"))
                session.flush()

        with database.write() as session:
            session.add(lease("one"))
            session.flush()
            session.expunge_all()
            with pytest.raises(DatabaseError):
                twice()
            session.add(lease("two"))
        with database.read() as session:
            assert set(session.scalars(select(ProcessLease.name))) == {"one", "two"}

    def test_writers_in_many_threads_lose_nothing(self, database: Database) -> None:
        with database.write() as session:
            session.add(ProcessLease(name="n", holder="0", until=AT))

        def count_up(_: int) -> None:
            for _ in range(10):
                with database.write() as session:
                    row = session.get_one(ProcessLease, "n")
                    row.holder = str(int(row.holder) + 1)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(count_up, range(6)))
        with database.read() as session:
            assert session.get_one(ProcessLease, "n").holder == "60"

    def test_writers_beside_each_other_lose_nothing_where_they_lock_what_they_decide_by(
        self, database: Database
    ) -> None:
        with database.write() as session:
            session.add(ProcessLease(name="n", holder="0", until=AT))

        def count_up(mine: int) -> None:
            for step in range(10):
                with database.write(beside=(mine + step) % 3 > 0) as session:
                    row = session.get_one(ProcessLease, "n", with_for_update=True)
                    row.holder = str(int(row.holder) + 1)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(count_up, range(6)))
        with database.read() as session:
            assert session.get_one(ProcessLease, "n").holder == "60"

    def test_writers_together_lose_nothing_and_each_gets_its_own_answer(self, database: Database) -> None:
        def add(name: str) -> str:
            def work(session: WriteSession) -> str:
                session.add(lease(name))
                return name

            return database.write_together(work)

        names = [str(number) for number in range(60)]
        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(add, names)) == names
        with database.read() as session:
            assert set(session.scalars(select(ProcessLease.name))) == set(names)

    def test_of_writers_together_only_the_one_at_fault_fails(self, database: Database) -> None:
        def add(number: int) -> int | str:
            def work(session: WriteSession) -> int:
                session.add(lease(str(number)))
                session.flush()
                if number % 5 == 0:
                    raise RuntimeError(str(number))
                return number

            try:
                return database.write_together(work)
            except RuntimeError as error:
                return str(error)

        with ThreadPoolExecutor(6) as pool:
            told = list(pool.map(add, range(30)))
        assert told == [str(number) if number % 5 == 0 else number for number in range(30)]
        assert count(database) == 24

    def test_a_write_together_within_a_write_of_the_same_thread_is_refused(self, database: Database) -> None:
        with database.write(), pytest.raises(NestedWrite):
            database.write_together(lambda session: None)

    def test_queues_are_woken_after_a_commit_together(self, database: Database) -> None:
        woken: list[tuple[frozenset[str], int]] = []
        database.after_commit = lambda queues: woken.append((frozenset(queues), count(database)))

        def work(session: WriteSession) -> None:
            session.add(lease())
            session.wake.add("one")

        database.write_together(work)
        assert woken == [(frozenset({"one"}), 1)]

    def test_writers_in_several_processes_lose_nothing(self, database: Database, opening: str) -> None:
        with database.write() as session:
            session.add(ProcessLease(name="n", holder="0", until=AT))
        others = [another(opening, "25") for _ in range(2)]
        for _ in range(25):
            with database.write() as session:
                row = session.get_one(ProcessLease, "n")
                row.holder = str(int(row.holder) + 1)
        assert [other.wait(60) for other in others] == [0, 0]
        with database.read() as session:
            assert session.get_one(ProcessLease, "n").holder == "75"

    @pytest.mark.parametrize("beside", [False, True])
    def test_a_writer_waits_for_one_in_another_process_and_a_killed_one_leaves_no_lock(
        self, database: Database, opening: str, beside: bool
    ) -> None:
        other = another(opening, "hold")
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        entered = threading.Event()

        def enter() -> None:
            write(database, beside=beside)
            entered.set()

        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.3)
        other.send_signal(signal.SIGKILL)
        assert entered.wait(60)
        thread.join()
        other.wait(60)
        assert count(database) == 1

    def test_the_commit_is_done_before_the_next_writer_is_let_in(self, database: Database) -> None:
        """The second writer's first look sees what the first one wrote: the lock outlives the COMMIT."""
        seen: list[int] = []
        inside, go = threading.Event(), threading.Event()

        def first() -> None:
            with database.write() as session:
                session.add(lease())
                inside.set()
                go.wait(60)

        def second() -> None:
            inside.wait(60)
            go.set()
            with database.write() as session:
                seen.append(session.scalar(select(func.count()).select_from(ProcessLease)) or 0)

        threads = [threading.Thread(target=each) for each in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [1]

    def test_queues_are_woken_after_the_commit_only_and_outside_the_lock(self, database: Database) -> None:
        woken: list[tuple[frozenset[str], int]] = []

        def wake(queues) -> None:
            woken.append((frozenset(queues), count(database)))
            write(database)

        database.after_commit = wake
        with database.write() as session:
            session.add(lease())
            session.wake.update(("one", "two"))
            assert woken == []
        assert woken == [(frozenset({"one", "two"}), 1)]
        with pytest.raises(RuntimeError):
            broken_off(database)
        assert len(woken) == 1
        assert count(database) == 2

    def test_changes_of_other_connections_are_counted(self, database: Database, opening: str) -> None:
        before = database.change_count()
        assert not self.counts_nothing_else or database.change_count() == before
        for beside in (False, True):
            write(database, beside=beside)
            assert database.change_count() != before
            before = database.change_count()
        assert another(opening, "0").wait(60) == 0
        assert not self.counts_nothing_else or database.change_count() == before
        before = database.change_count()
        assert another(opening, "row").wait(60) == 0
        assert database.change_count() != before

    def test_a_change_committed_while_another_is_under_way_is_counted_too(self, database: Database) -> None:
        write(database)
        before = database.change_count()
        with database.write(beside=True) as session:
            session.add(lease())
            session.flush()
            during = database.change_count()
        assert database.change_count() != during
        assert database.change_count() != before

    def test_other_mistakes_stay_what_they_are(self, database: Database) -> None:
        with pytest.raises(DatabaseError), database.write() as session:
            session.execute(text("SELECT * FROM no_such_table"))
        assert count(database) == 0

    def test_what_was_closed_opens_again_by_itself(self, database: Database) -> None:
        write(database)
        database.close()
        assert count(database) == 1
        write(database)
        assert database.change_count() == database.change_count()

    def test_a_writer_does_not_starve_behind_many_beside_each_other(self, database: Database) -> None:
        ending = threading.Event()

        def keep_writing(_: int) -> None:
            while not ending.is_set():
                write(database, beside=True)

        with ThreadPoolExecutor(4) as pool:
            busy = [pool.submit(keep_writing, number) for number in range(4)]
            time.sleep(0.2)
            begun = time.monotonic()
            for _ in range(5):
                write(database)
            waited = time.monotonic() - begun
            ending.set()
            for each in busy:
                each.result()
        assert waited < 5


_OTHER = """
import sys
from datetime import UTC, datetime
from core.leases import ProcessLease
database = eval(sys.argv[1])
if sys.argv[2] == "hold":
    with database.write():
        print("held", flush=True)
        sys.stdin.readline()
        sys.exit(0)
if sys.argv[2] == "row":
    with database.write() as session:
        session.add(ProcessLease(name="of another", holder="x", until=datetime.now(UTC)))
    sys.exit(0)
for _ in range(int(sys.argv[2])):
    with database.write() as session:
        row = session.get_one(ProcessLease, "n")
        row.holder = str(int(row.holder) + 1)
"""


def another(opening: str, what: str) -> "subprocess.Popen[str]":
    """Another process on the same database: adds a ``row``, holds the lock, or counts up so many times."""
    return subprocess.Popen(
        [sys.executable, "-c", _OTHER, opening, what],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
