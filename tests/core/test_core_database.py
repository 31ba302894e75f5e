"""The embedded database: one writer, snapshots, locks between processes, full and broken disks."""

import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import OperationalError

from core.clock import to_us
from core.database import MainTable, NestedWrite
from core.errors import Unavailable
from core.leases import ProcessLease
from core.sqlite import Busy, Damaged, DiskTrouble, SqliteDatabase

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    made = SqliteDatabase(tmp_path / "main.db")
    with made.exclusive():
        MainTable.metadata.create_all(made.engine, tables=[ProcessLease.__table__])
    yield made
    made.close()


def _row(name: str | None = None) -> ProcessLease:
    return ProcessLease(name=name or uuid4().hex, holder="x", until=AT)


def _broken_off(database: SqliteDatabase) -> None:
    """A write that raises after it has written."""
    with database.write() as session:
        session.add(_row())
        session.flush()
        session.wake.add("one")
        raise RuntimeError


def _write(database: SqliteDatabase) -> None:
    with database.write() as session:
        session.add(_row())


def _count(database: SqliteDatabase) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(ProcessLease)) or 0


def test_a_write_is_there_after_the_block_and_not_before(database):
    with database.write() as session:
        session.add(_row())
        session.flush()
        assert _count(database) == 0
    assert _count(database) == 1


def test_a_write_that_raises_leaves_nothing(database):
    with pytest.raises(RuntimeError):
        _broken_off(database)
    assert _count(database) == 0
    with database.write() as session:
        session.add(_row())
    assert _count(database) == 1


def test_a_write_within_a_write_of_the_same_thread_is_refused(database):
    with database.write() as session:
        with pytest.raises(NestedWrite), database.write():
            pass
        session.add(_row())
    assert _count(database) == 1


def test_a_write_may_read_beside(database):
    with database.write():
        assert _count(database) == 0


def test_a_reader_keeps_its_snapshot(database):
    with database.read() as reading:
        assert reading.scalar(select(func.count()).select_from(ProcessLease)) == 0
        with database.write() as session:
            session.add(_row())
        assert reading.scalar(select(func.count()).select_from(ProcessLease)) == 0
    assert _count(database) == 1


def test_a_reader_cannot_write(database):
    with pytest.raises(DiskTrouble), database.read() as session:
        session.execute(text("DELETE FROM process_leases"))


def test_instants_are_whole_microseconds(database):
    with database.write() as session:
        session.add(_row("keeper"))
    with database.read() as session:
        assert session.scalar(text("SELECT until FROM process_leases")) == to_us(AT)
        assert session.scalar(select(ProcessLease.until)) == AT


def test_writers_in_many_threads_lose_nothing(database):
    with database.write() as session:
        session.add(ProcessLease(name="n", holder="0", until=AT))

    def count_up() -> None:
        for _ in range(10):
            with database.write() as session:
                row = session.get_one(ProcessLease, "n")
                row.holder = str(int(row.holder) + 1)

    threads = [threading.Thread(target=count_up) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.get_one(ProcessLease, "n").holder == "60"


_OTHER = """
import sys
from pathlib import Path
from core.leases import ProcessLease
from core.sqlite import SqliteDatabase
database = SqliteDatabase(Path(sys.argv[1]))
if sys.argv[2] == "hold":
    with database.write():
        print("held", flush=True)
        sys.stdin.readline()
        sys.exit(0)
for _ in range(int(sys.argv[2])):
    with database.write() as session:
        row = session.get_one(ProcessLease, "n")
        row.holder = str(int(row.holder) + 1)
"""


def _other(database: SqliteDatabase, what: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(database.path), what],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_writers_in_several_processes_lose_nothing(database):
    with database.write() as session:
        session.add(ProcessLease(name="n", holder="0", until=AT))
    others = [_other(database, "25") for _ in range(2)]
    for _ in range(25):
        with database.write() as session:
            row = session.get_one(ProcessLease, "n")
            row.holder = str(int(row.holder) + 1)
    assert [other.wait(60) for other in others] == [0, 0]
    with database.read() as session:
        assert session.get_one(ProcessLease, "n").holder == "75"


def test_a_writer_waits_for_one_in_another_process_and_a_killed_one_leaves_no_lock(database):
    other = _other(database, "hold")
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    entered = threading.Event()

    def write() -> None:
        with database.write() as session:
            session.add(_row())
        entered.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert not entered.wait(0.3)
    other.send_signal(signal.SIGKILL)
    assert entered.wait(10)
    thread.join()
    other.wait(10)
    assert _count(database) == 1


def test_the_commit_is_done_before_the_next_writer_is_let_in(database):
    """The second writer's first look sees what the first one wrote: the lock outlives the COMMIT."""
    seen: list[int] = []
    inside, go = threading.Event(), threading.Event()

    def first() -> None:
        with database.write() as session:
            session.add(_row())
            inside.set()
            go.wait(5)

    def second() -> None:
        inside.wait(5)
        go.set()
        with database.write() as session:
            seen.append(session.scalar(select(func.count()).select_from(ProcessLease)) or 0)

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1]


def test_queues_are_woken_after_the_commit_only_and_outside_the_lock(database):
    woken: list[tuple[frozenset[str], int]] = []

    def wake(queues) -> None:
        woken.append((frozenset(queues), _count(database)))
        with database.write() as session:
            session.add(_row())

    database.after_commit = wake
    with database.write() as session:
        session.add(_row())
        session.wake.update(("one", "two"))
        assert woken == []
    assert woken == [(frozenset({"one", "two"}), 1)]
    with pytest.raises(RuntimeError):
        _broken_off(database)
    assert len(woken) == 1
    assert _count(database) == 2


def test_changes_of_other_connections_are_counted(database):
    before = database.change_count()
    assert database.change_count() == before
    with database.write() as session:
        session.add(_row())
    assert database.change_count() != before


def test_another_program_that_holds_the_file_makes_it_unavailable_and_not_broken(database):
    other = sqlite3.connect(database.path)
    other.execute("BEGIN IMMEDIATE")
    quick = SqliteDatabase(database.path)
    event.listen(quick.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50"))
    with pytest.raises(Busy):
        _write(quick)
    assert issubclass(Busy, Unavailable)
    other.rollback()
    other.close()
    with quick.write() as session:
        session.add(_row())
    quick.close()
    assert _count(database) == 1


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
        session.add(_row("before"))
    database.close()
    told = _with_small_files(64 * 1024, database.path, 5000)
    assert told.stdout.strip() == "trouble disk_unwritable", told.stderr
    assert _count(database) == 1
    assert _with_small_files(64 * 1024**2, database.path, 50).stdout.strip() == "fine"
    assert _count(database) == 51


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


def test_other_mistakes_stay_what_they_are(database):
    with pytest.raises(OperationalError), database.write() as session:
        session.execute(text("SELECT * FROM no_such_table"))
    assert _count(database) == 0


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


def test_files_are_for_the_owner_only(database):
    lock = database.path.with_name("main.db.lock")
    assert lock.stat().st_mode & 0o077 == 0


def test_no_limit_of_this_process_was_left_changed():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
