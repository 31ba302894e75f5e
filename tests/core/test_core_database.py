"""The embedded database: the contract, full and broken disks, what stays in the file."""

import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from core.database import MainTable
from core.errors import Unavailable
from core.leases import ProcessLease
from core.sqlite import LONG, Busy, Damaged, DiskTrouble, SqliteDatabase
from core.together import MOST, SECONDS
from tests.contracts.database_contract import OPENING, DatabaseContract, count, lease, write

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    made = SqliteDatabase(tmp_path / "main.db")
    with made.exclusive():
        MainTable.metadata.create_all(made.engine, tables=[ProcessLease.__table__])
    yield made
    made.close()


class TestSqliteDatabase(DatabaseContract):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> str:
        made = SqliteDatabase(tmp_path / "main.db")
        with made.exclusive():
            MainTable.metadata.create_all(made.engine, tables=[ProcessLease.__table__])
        made.close()
        return OPENING["sqlite"].format(str(made.path))


def test_another_program_that_holds_the_file_makes_it_unavailable_and_not_broken(database):
    other = sqlite3.connect(database.path)
    other.execute("BEGIN IMMEDIATE")
    quick = SqliteDatabase(database.path)
    event.listen(quick.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50"))
    with pytest.raises(Busy):
        write(quick)
    assert issubclass(Busy, Unavailable)
    other.rollback()
    other.close()
    with quick.write() as session:
        session.add(lease())
    quick.close()
    assert count(database) == 1


def _with_small_files(limit: int, path: Path, rows: int) -> "subprocess.CompletedProcess[str]":
    program = f"""
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from core.leases import ProcessLease
from core.sqlite import DiskTrouble, SqliteDatabase
database = SqliteDatabase(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    with database.write() as session:
        for number in range({rows}):
            session.add(ProcessLease(name=str(number), holder="x" * 100, until=datetime.now(UTC)))
except DiskTrouble as error:
    print("trouble", error.code)
else:
    print("fine")
"""
    return subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_full_disk_is_told_and_nothing_was_changed(database):
    with database.write() as session:
        session.add(lease("before"))
    database.close()
    told = _with_small_files(64 * 1024, database.path, 5000)
    assert told.stdout.strip() == "trouble disk_unwritable", told.stderr
    assert count(database) == 1
    assert _with_small_files(64 * 1024**2, database.path, 50).stdout.strip() == "fine"
    assert count(database) == 51


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"not a database" * 400, id="another file"),
        pytest.param(b"SQLite format 3\0" + b"\xff" * 8000, id="a damaged head"),
    ],
)
def test_a_file_that_is_no_database_is_damage_and_not_a_crash(tmp_path, content):
    path = tmp_path / "main.db"
    path.write_bytes(content)
    broken = SqliteDatabase(path)
    with pytest.raises(Damaged), broken.read() as session:
        session.execute(text("SELECT 1 FROM sqlite_master"))
    with pytest.raises(Damaged), broken.write() as session:
        session.execute(text("SELECT 1 FROM sqlite_master"))
    broken.close()
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_disk_trouble(tmp_path):
    lost = SqliteDatabase(tmp_path / "none" / "main.db")
    with pytest.raises(DiskTrouble), lost.write():
        pass
    with pytest.raises(DiskTrouble), lost.read() as session:
        session.execute(text("SELECT 1"))


def test_deleted_text_does_not_linger_in_the_file(database, tmp_path):
    word = "Zwetschgenkompott"
    with database.write() as session:
        session.add(ProcessLease(name="n", holder=word, until=AT))
    with database.write() as session:
        session.delete(session.get_one(ProcessLease, "n"))
    with database.write() as session:
        session.execute(text("PRAGMA user_version = 1"))
    with database.read() as session:
        assert session.scalar(text("PRAGMA secure_delete")) in (1, 2)
    database.close()
    assert word.encode() not in database.path.read_bytes()


def test_a_writer_that_keeps_others_waiting_is_told_of(database, caplog):
    caplog.set_level("INFO", "muniment.database")
    with database.write():
        time.sleep(0.06)
    with database.write():
        pass
    assert [(each.message, each.id) for each in caplog.records] == [(LONG, database.path.stem)]
    assert caplog.records[0].ms >= 60


def test_it_is_tidied_while_somebody_writes_and_what_they_write_stays_theirs(database):
    with database.write() as session:
        session.add(lease("done"))
    with database.write() as session:
        session.add(ProcessLease(name="under way", holder="somebody", until=AT))
        session.flush()
        database.tidy()
        held = database.path.read_bytes()
        assert b"done" in held
        assert b"under way" not in held
    assert count(database) == 2


def _gathered(database, works):
    """What each of the works, sent while another one writes, was answered: so they go together."""
    answers = {}

    def send(number):
        try:
            answers[number] = database.write_together(works[number])
        except Exception as error:
            answers[number] = error

    threads = [threading.Thread(target=send, args=(number,)) for number in range(len(works))]
    with database.exclusive():
        for thread in threads:
            thread.start()
        while len(database._together._arrived) < len(works) - 1:
            time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    return [answers[number] for number in range(len(works))]


def test_what_gathers_while_another_writes_shares_one_commit(database):
    commits = []
    event.listen(database.engine, "commit", lambda _: commits.append(1))
    works = [lambda session, name=str(n): session.add(lease(name)) for n in range(MOST)]
    assert _gathered(database, works) == [None] * MOST
    # One, where the machine gives the thread the few milliseconds that it takes.
    assert len(commits) < MOST / 2
    assert count(database) == MOST


def test_a_shared_commit_is_not_made_long_by_many_slow_parts(database):
    commits = []
    event.listen(database.engine, "commit", lambda _: commits.append(1))

    def slow(session):
        session.add(lease())
        time.sleep(2 * SECONDS)

    assert _gathered(database, [slow] * 3) == [None] * 3
    assert len(commits) == 3


def test_whoever_fails_in_a_shared_commit_fails_alone(database):
    def fail(session):
        session.add(lease("bad"))
        session.flush()
        raise LookupError

    def twice(session):
        session.add(lease("bad"))
        session.add(lease("bad"))

    answers = _gathered(database, [lambda session: session.add(lease("good")), fail, twice, lambda session: 7])
    assert answers[0] is None
    assert isinstance(answers[1], LookupError)
    assert isinstance(answers[2], IntegrityError)
    assert answers[3] == 7
    assert count(database) == 1
    write(database)


def test_a_wake_that_fails_after_a_shared_commit_writes_nothing_twice(database):
    def wake(queues):
        raise ConnectionError

    def work(session):
        session.add(lease())
        session.wake.add("one")

    database.after_commit = wake
    with pytest.raises(ConnectionError):
        database.write_together(work)
    assert count(database) == 1


def test_more_than_a_transaction_takes_go_one_after_the_other(database):
    works = [lambda session, name=str(n): session.add(lease(name)) for n in range(3 * MOST)]
    assert _gathered(database, works) == [None] * len(works)
    assert count(database) == len(works)


def test_files_are_for_the_owner_only(database):
    lock = database.path.with_name("main.db.lock")
    assert lock.stat().st_mode & 0o077 == 0


def test_no_limit_of_this_process_was_left_changed():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
