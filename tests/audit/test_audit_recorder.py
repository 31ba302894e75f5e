"""The recorder appends for every process; whoever cannot reach it appends alone, nothing lost and nothing twice."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from audit_world import AS_ANNA, KEY, ORIGIN, SEAL, T0, Opened, Renamed, World

from audit.check import check
from audit.draft import draft
from audit.events import Event
from audit.leaf import leaf_hash, parse
from audit.log import Log, LogUnavailable
from audit.opening import openings_of
from audit.recorder import Recorder
from audit.wire import PATIENCE_SECONDS

# A recorder as the program runs it; with a third argument it dies after its first commit, before it answers.
SERVER = """
import os, sys
from pathlib import Path
import audit.checkpoint
from audit.appender import Appender
from audit.recorder import listen, serve
from core.clock import SystemClock
from core.sqlite import SqliteDatabase

class Dying(Appender):
    def begin(self, batch):
        begun = super().begin(batch)
        finish = begun.finish
        begun.finish = lambda: os._exit(9) if finish() else None
        return begun

database, path = SqliteDatabase(Path(sys.argv[1])), Path(sys.argv[2])
appender = (Dying if len(sys.argv) > 3 else Appender)(database, SystemClock())
listening, (reading, _) = listen(path), os.pipe()
print("ready", flush=True)
serve(listening, appender, until=reading)
"""
pytestmark = pytest.mark.sqlite
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def path(world: World) -> Path:
    return world.folder / "recorder.sock"


@pytest.fixture
def start(world: World, path: Path) -> Iterator[Start]:
    """Starts a recorder for the world's log; it is ended with the test."""
    running: list[subprocess.Popen[str]] = []

    def begin(*more: str) -> "subprocess.Popen[str]":
        root = Path(__file__).parent.parent.parent
        command = [sys.executable, "-c", SERVER, str(world.folder / "log.db"), str(path), *more]
        running.append(subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True))
        assert running[-1].stdout is not None
        assert running[-1].stdout.readline() == "ready\n"
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def log(world: World, path: Path) -> Iterator[Log]:
    """The world's log, as a process with a way to the recorder has it."""
    made = Log(world.logs, ORIGIN, world.clock, seal=SEAL, recorder=Recorder(path))
    yield made
    made.close()


def pages(world: World) -> list[int]:
    """What the entries behind the first say, in order; the log has no fault."""
    verdict = check(world.logs, origin=ORIGIN, vkey=str(KEY.verifier), file=world.file)
    assert verdict.fault is None, verdict.fault
    return [body["d"]["page"] for body in (parse(entry).body for entry in world.entries()[1:]) if "d" in body]


def test_the_recorder_appends_and_its_receipts_are_true(world: World, path: Path, start: Start) -> None:
    start()
    drafts = [item for page in range(3) for item in draft(Opened(page=page), T0)]
    receipts = Recorder(path).append(drafts, [])
    assert receipts is not None
    assert [receipt.seq for receipt in receipts] == [1, 2, 3]
    assert [receipt.leaf_hash for receipt in receipts] == [leaf_hash(entry) for entry in world.entries()[1:]]
    assert pages(world) == [0, 1, 2]


def test_two_processes_worth_of_threads_are_served_each_in_its_own_order(
    world: World, log: Log, path: Path, start: Start
) -> None:
    start()
    other = Log(world.logs, ORIGIN, world.clock, recorder=Recorder(path))

    def act(number: int) -> list[int]:
        mine = (log, other)[number % 2]
        return [mine.record([Opened(page=number * 100 + step)], at=T0)[0].seq for step in range(10)]

    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(act, range(16)))
    other.close()
    said = pages(world)
    assert len(said) == len(set(said)) == 160
    for number, positions in enumerate(told):
        assert positions == sorted(positions)
        assert [said[seq - 1] for seq in positions] == [number * 100 + step for step in range(10)]


def test_an_opening_travels_sealed_and_opens(world: World, log: Log, start: Start) -> None:
    start()
    log.record([Renamed(reason="Grund: Müller")], at=T0)
    event_id = UUID(str(parse(world.entries()[1]).body["id"]))
    with world.logs.read() as session:
        assert openings_of(session, event_id, SEAL)["reason"][1] == "Grund: Müller"


def test_without_a_recorder_a_process_appends_alone(world: World, log: Log, path: Path) -> None:
    log.record([Opened(page=1)], at=T0)
    path.touch()
    log.record([Opened(page=2)], at=T0)
    assert pages(world) == [1, 2]


def test_a_recorder_killed_between_question_and_answer_loses_nothing(world: World, log: Log, start: Start) -> None:
    process = start()
    log.record([Opened(page=0)], at=T0)
    process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(log.record, [Opened(page=page)], at=T0) for page in range(1, 9)]
        time.sleep(0.2)
        assert not any(one.done() for one in asked)
        process.kill()
        begun = time.monotonic()
        told = {one.result(timeout=60)[0].seq: page for page, one in enumerate(asked, start=1)}
        assert time.monotonic() - begun < PATIENCE_SECONDS, "what has ended is not waited for"
    said = pages(world)
    assert sorted(said) == list(range(9))
    assert all(said[seq - 1] == page for seq, page in told.items())


def test_what_was_committed_before_the_recorder_died_is_not_appended_again(
    world: World, log: Log, start: Start
) -> None:
    process = start("die")
    receipts = log.record([Opened(page=1), Opened(page=2), Renamed()], at=T0)
    assert process.wait(60) == 9
    assert [receipt.seq for receipt in receipts] == [1, 2, 3]
    assert [receipt.leaf_hash for receipt in receipts] == [leaf_hash(entry) for entry in world.entries()[1:]]
    assert pages(world) == [1, 2]


def test_nor_is_what_many_asked_for_at_once(world: World, log: Log, start: Start) -> None:
    process = start("die")
    process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(log.record, [Opened(page=page)], at=T0) for page in range(16)]
        time.sleep(0.3)
        process.send_signal(signal.SIGCONT)
        told = {one.result(timeout=60)[0].seq: page for page, one in enumerate(asked)}
    assert process.wait(60) == 9
    said = pages(world)
    assert sorted(said) == list(range(16))
    assert all(said[seq - 1] == page for seq, page in told.items())


def test_callers_find_a_recorder_that_was_started_again(world: World, log: Log, path: Path, start: Start) -> None:
    first = start()
    log.record([Opened(page=1)], at=T0)
    first.kill()
    first.wait()
    log.record([Opened(page=2)], at=T0)
    start()
    log.record([Opened(page=3)], at=T0)
    assert Recorder(path).append(draft(Opened(page=4), T0), []) is not None
    assert pages(world) == [1, 2, 3, 4]


def test_kill_9_over_and_over_while_threads_record_doubles_and_loses_nothing(
    world: World, log: Log, start: Start
) -> None:
    ending, told = threading.Event(), dict[int, int]()

    def act(mine: int) -> None:
        page = mine * 100_000
        while not ending.is_set():
            told[page] = log.record([Opened(page=page)], at=T0)[0].seq
            page += 1

    with ThreadPoolExecutor(6) as pool:
        acting = [pool.submit(act, mine) for mine in range(6)]
        for _ in range(4):
            process = start()
            time.sleep(0.15)
            os.kill(process.pid, signal.SIGKILL)
        ending.set()
        for one in acting:
            one.result(timeout=60)
    said = pages(world)
    assert len(said) == len(set(said)) == len(told)
    assert all(said[seq - 1] == page for page, seq in told.items())


def test_an_action_the_recorder_has_not_heard_of_is_declared_by_its_caller(
    world: World, log: Log, path: Path, start: Start
) -> None:
    start()
    action = f"test.later.n{uuid4().hex[:8]}"

    @dataclass(frozen=True, kw_only=True)
    class Later(Event):
        description = "Defined while the recorder runs."

    Defined = type("Defined", (Later,), {"action": action})  # noqa: N806
    event = Defined(by=AS_ANNA)
    assert Recorder(path).append(draft(event, T0), []) is None
    log.record([event], at=T0)
    assert Recorder(path).append(draft(event, T0), []) is not None
    actions = [parse(entry).body["action"] for entry in world.entries()]
    assert actions == ["log.started", "log.catalogue_extended", action, action]


@pytest.mark.parametrize("beside", [3, 20], ids=["few", "many"])
def test_an_entry_that_is_there_already_does_not_keep_out_those_beside_it(
    world: World, path: Path, start: Start, beside: int
) -> None:
    process = start()
    twice = draft(Opened(page=1), T0)
    assert Recorder(path).append(twice, []) is not None
    process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1 + beside) as pool:
        repeated = pool.submit(Recorder(path).append, twice, [])
        others = [pool.submit(Recorder(path).append, draft(Opened(page=page + 2), T0), []) for page in range(beside)]
        time.sleep(0.2)
        process.send_signal(signal.SIGCONT)
        assert repeated.result(timeout=60) is None
        assert all(one.result(timeout=60) is not None for one in others)
    assert sorted(pages(world)) == list(range(1, beside + 2))


def test_where_the_log_cannot_be_written_the_caller_shows_nothing(world: World, log: Log, start: Start) -> None:
    start()
    world.tamper(("CREATE TRIGGER full BEFORE INSERT ON audit_leaves BEGIN SELECT RAISE(ABORT, 'disk full'); END", ()))
    with pytest.raises(LogUnavailable):
        log.record([Opened()], at=T0)
    world.tamper(("SELECT 1", ()))
    log.record([Opened(page=1)], at=T0)
    assert pages(world) == [1]


@pytest.mark.parametrize(
    "said", [b"\x00\x00\x00\x02hi", b"\xff\xff\xff\xff", b"\x00\x00\x00\x08[]\n[1,2]", b"\x00"],
    ids=["not a request", "too long", "not a draft", "cut off"],
)  # fmt: skip
def test_a_caller_that_talks_nonsense_disturbs_nobody(world: World, path: Path, start: Start, said: bytes) -> None:
    start()
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))
        caller.sendall(said)
    assert Recorder(path).append(draft(Opened(page=1), T0), []) is not None
    assert pages(world) == [1]


def test_more_than_a_message_holds_is_appended_without_the_recorder(world: World, log: Log, start: Start) -> None:
    start()
    receipts = log.record([Opened(page=page, records=(uuid4(),) * 400) for page in range(25)], at=T0)
    assert [receipt.seq for receipt in receipts] == list(range(1, 26))
    assert pages(world) == list(range(25))


def test_the_socket_is_for_its_owner_alone(path: Path, start: Start) -> None:
    start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process appends alone where the path is too long")
def test_a_data_folder_with_a_very_long_path_has_its_recorder_too(world: World) -> None:
    deep = world.folder / ("d" * 120)
    deep.mkdir()
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-c", SERVER, str(world.folder / "log.db"), str(deep / "recorder.sock")]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            assert Recorder(deep / "recorder.sock").append(draft(Opened(page=1), T0), []) is not None
        finally:
            process.kill()
    assert pages(world) == [1]
