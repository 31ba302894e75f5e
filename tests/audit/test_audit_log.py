"""Appending: durable when told so, in order, under aliases, by many processes, through every kill."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn
from uuid import UUID, uuid4

import pytest
from audit_world import (
    ACCOUNTING,
    ACME,
    ANNA,
    AS_ANNA,
    BRUNO,
    KEY,
    ORIGIN,
    SEAL,
    T0,
    HandClock,
    Opened,
    Renamed,
    World,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import audit
import audit.log
from audit.alias import forget_aliases
from audit.check import check
from audit.draft import EventRefused
from audit.events import Actor, Event, LogHeartbeat
from audit.heartbeat import heartbeat, note_silence
from audit.intake import backlog, sequence_intake
from audit.leaf import commitment, leaf_hash, parse
from audit.log import Log, LogUnavailable, OriginChanged
from audit.mark import intake_mark
from audit.note import VerifierKey
from audit.opening import forget_openings, openings_of
from audit.origin import new_origin, started_as
from audit.seal import KeySeal, NotSealable, SealBroken
from audit.turns import Call
from core.clock import from_us
from core.errors import Invalid
from tests.support import databases


def faultless(world: World) -> int:
    verdict = check(world.logs, origin=ORIGIN, vkey=str(KEY.verifier), file=world.file)
    assert verdict.fault is None, verdict.fault
    return verdict.size


def bodies(world: World) -> list[dict[str, object]]:
    return [parse(entry).body for entry in world.entries()]


def test_entry_0_starts_the_log_once(world: World) -> None:
    world.log.start(ORIGIN, str(KEY.verifier))
    started = bodies(world)
    assert [body["action"] for body in started] == ["log.started"]
    assert started[0]["d"] == {
        "origin": ORIGIN,
        "vkey": str(KEY.verifier),
        "catalogue": audit.catalogue_digest().hex(),
    }
    with world.logs.read() as session:
        assert started_as(session) == (ORIGIN, str(KEY.verifier))


def test_a_log_of_another_origin_or_key_is_not_taken_up(world: World) -> None:
    other = VerifierKey(ORIGIN, Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    with pytest.raises(OriginChanged):
        world.log.start(ORIGIN, str(other))
    name = new_origin()
    foreign = VerifierKey(name, other.public)
    with pytest.raises(OriginChanged):
        world.log.start(name, str(foreign))
    with pytest.raises(OriginChanged):
        Log(world.logs, name, world.clock).start(name, str(foreign))
    with pytest.raises(Invalid):
        world.log.start(ORIGIN, str(foreign))
    assert len(world.entries()) == 1


def test_a_receipt_names_position_and_hash_of_each_entry(world: World) -> None:
    receipts = world.log.record([Opened(page=1), Opened(page=2)], at=world.clock.now())
    entries = world.entries()
    assert [receipt.seq for receipt in receipts] == [1, 2]
    assert [receipt.leaf_hash for receipt in receipts] == [leaf_hash(entry) for entry in entries[1:]]
    assert world.log.record([], at=world.clock.now()) == []


def test_a_submitted_event_tells_when_it_is_durable(world: World) -> None:
    future = world.log.submit([Opened()], at=world.clock.now())
    assert future.result(timeout=60)[0].seq == 1
    assert len(world.entries()) == 2


def test_append_times_never_fall_when_the_clock_steps_back(world: World) -> None:
    world.record(1)
    world.clock.tick(hours=-1)
    world.record(1)
    world.clock.tick(hours=2)
    world.record(1)
    times = [from_us(parse(entry).appended_us) for entry in world.entries()]
    assert times == [T0, T0, T0, world.clock.now()]
    assert bodies(world)[2]["t"] == parse(world.entries()[1]).body["t"] - 3_600_000_000
    assert faultless(world) == 4


def test_one_alias_a_person_and_year_and_use(world: World) -> None:
    next_year = datetime(2027, 1, 1, tzinfo=UTC)
    world.log.record([Opened(), Opened(), Renamed()], at=T0)
    world.log.record([Opened()], at=next_year)
    seen = [body["actor"] for body in bodies(world)[1:]]
    assert seen[0] == seen[1]
    assert len({str(actor) for actor in seen}) == 3
    departments = [body["g"] for body in bodies(world)[1:]]
    assert departments[0] == departments[1]
    assert len(set(departments)) == 3
    raw = b"".join(world.entries())
    for subject in (ANNA, ACCOUNTING, ACME):
        assert subject.hex.encode() not in raw


def test_persons_as_objects_and_second_persons_are_aliased_too(world: World) -> None:
    world.log.record([Renamed(person=BRUNO, second=BRUNO)], at=T0)
    body = bodies(world)[1]
    alias = body["x"]
    assert {"k": "person", "i": alias} in body["objects"]  # type: ignore[operator]
    assert BRUNO.hex.encode() not in world.entries()[1]


def test_a_forgotten_person_gets_a_new_alias_in_every_process(world: World) -> None:
    second = Log(world.logs, ORIGIN, world.clock, seal=SEAL)
    world.log.record([Opened()], at=T0)
    second.record([Opened()], at=T0)
    with world.logs.write() as session:
        assert forget_aliases(session, kind="person", subject=ANNA) == 1
    world.log.record([Opened()], at=T0)
    second.record([Opened()], at=T0)
    second.close()
    aliases = [body["actor"]["i"] for body in bodies(world)[1:]]  # type: ignore[index]
    assert aliases[0] == aliases[1] != aliases[2] == aliases[3]
    assert faultless(world) == 5
    with world.logs.write() as session, pytest.raises(ValueError, match="whose"):
        forget_aliases(session)
    with world.logs.write() as session:
        assert forget_aliases(session, use="read", before_year=2026) == 0
        assert forget_aliases(session, use="read", before_year=2027) == 3


def test_openings_open_until_they_are_forgotten_and_the_log_stays_whole(world: World) -> None:
    world.log.record([Renamed(reason="Grund: Müller")], at=T0)
    body = bodies(world)[1]
    event_id = UUID(str(body["id"]))
    with world.logs.read() as session:
        nonce, value = openings_of(session, event_id, SEAL)["reason"]
        with pytest.raises(SealBroken):
            openings_of(session, event_id, KeySeal(b"\x01" * 32))
    assert value == "Grund: Müller"
    assert body["c"] == [{"f": "reason", "h": commitment(nonce, "reason", value).hex()}]
    with world.logs.write() as session:
        assert forget_openings(session, [event_id], fields=["other"]) == 0
        assert forget_openings(session, [event_id]) == 1
    with world.logs.read() as session:
        assert openings_of(session, event_id, SEAL) == {}
    assert faultless(world) == 2


def test_a_commitment_without_a_seal_is_refused(world: World) -> None:
    bare = Log(world.logs, ORIGIN, world.clock)
    with pytest.raises(NotSealable):
        bare.record([Renamed()], at=T0)
    bare.close()


def test_no_personal_value_is_in_a_leaf_or_in_clear_beside_it(world: World) -> None:
    canary = "Zephyrine Quorvenhast"
    world.log.record([Renamed(reason=canary)], at=T0)
    with world.main.write() as session:
        audit.append(session, Renamed(reason=canary), at=T0)
    sequence_intake(world.main, world.log, at=T0)
    world.signer().sign_if_grown()
    for file in world.folder.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert canary.encode() not in data, file.name
            assert canary.encode("utf-16-le") not in data, file.name


def test_an_action_defined_later_is_declared_before_its_first_entry(world: World) -> None:
    action = f"test.later.n{uuid4().hex[:8]}"

    @dataclass(frozen=True, kw_only=True)
    class Later(Event):
        description = "Defined while the log runs."

    Defined = type("Defined", (Later,), {"action": action})  # noqa: N806
    world.log.record([Defined(by=AS_ANNA)], at=T0)
    world.log.record([Defined(by=AS_ANNA)], at=T0)
    actions = [body["action"] for body in bodies(world)]
    assert actions == ["log.started", "log.catalogue_extended", action, action]
    assert faultless(world) == 4


def test_a_log_that_was_not_started_takes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(audit.entries.LogNotStarted):
        world.record(1)
    world.close()


@pytest.mark.sqlite
def test_a_log_that_cannot_be_written_shows_nothing_and_goes_on_afterwards(world: World) -> None:
    world.tamper(("CREATE TRIGGER full BEFORE INSERT ON audit_leaves BEGIN SELECT RAISE(ABORT, 'disk full'); END", ()))
    with pytest.raises(LogUnavailable):
        world.log.record([Opened(by=Actor("person", uuid4()))], at=T0)
    with world.main.write() as session:
        audit.append(session, Opened(), at=T0)
    with pytest.raises(LogUnavailable):
        sequence_intake(world.main, world.log, at=T0)
    world.tamper(("SELECT 1", ()))
    assert len(world.entries()) == 1
    assert sequence_intake(world.main, world.log, at=T0) == 1
    world.record(3)
    assert faultless(world) == 5


def test_a_closed_log_takes_nothing_more(world: World) -> None:
    world.record(2)
    world.log.close()
    with pytest.raises(LogUnavailable):
        world.record(1)


@pytest.mark.sqlite
def test_the_database_refuses_to_change_what_is_written(world: World) -> None:
    world.record(2)
    world.signer().sign_if_grown()
    for statement in (
        "UPDATE audit_leaves SET hash = zeroblob(32)",
        "DELETE FROM audit_leaves",
        "UPDATE audit_checkpoints SET note = ''",
        "DELETE FROM audit_checkpoints",
        "DELETE FROM audit_catalogues",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET size = 1",
    ):
        with pytest.raises(Exception, match="never changed"), world.logs.write() as session:
            session.connection().exec_driver_sql(statement)
    assert faultless(world) == 3


def test_many_threads_share_commits_and_every_event_is_there_once(world: World) -> None:
    def act(number: int) -> list[int]:
        return [world.log.record([Opened(page=number * 100 + step)], at=T0)[0].seq for step in range(10)]

    with ThreadPoolExecutor(16) as pool:
        positions = [seq for found in pool.map(act, range(16)) for seq in found]
    assert sorted(positions) == list(range(1, 161))
    assert len({body["d"]["page"] for body in bodies(world)[1:]}) == 160  # type: ignore[index]
    assert faultless(world) == 161


def test_who_comes_while_another_process_writes_waits_for_one_commit_only(world: World) -> None:
    class Ticking(HandClock):
        """Tells each transaction another time."""

        def now(self) -> datetime:
            self.tick(seconds=1)
            return self.instant

    log = Log(world.logs, ORIGIN, Ticking(), seal=SEAL)
    with world.logs.write():
        first = log.submit([Opened(page=1)], at=T0)
        # So that the committer waits for the other's lock.
        time.sleep(0.2)
        others = [log.submit([Opened(page=page)], at=T0) for page in (2, 3)]
    assert [waiting.result(timeout=30)[0].seq for waiting in (first, *others)] == [1, 2, 3]
    log.close()
    assert len({parse(entry).appended_us for entry in world.entries()[1:]}) == 1
    assert faultless(world) == 4


def test_one_who_is_interrupted_where_he_waits_keeps_nobody_from_being_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Call):
        def result(self) -> NoReturn:
            raise KeyboardInterrupt

    with ThreadPoolExecutor(3) as pool:
        with world.logs.write():
            with monkeypatch.context() as patched:
                patched.setattr(audit.log, "Call", Interrupted)
                with pytest.raises(KeyboardInterrupt):
                    world.log.record([Opened(page=0)], at=T0)
            others = [pool.submit(world.log.record, [Opened(page=page)], at=T0) for page in (1, 2, 3)]
        assert sorted(each.result(timeout=30)[0].seq for each in others) == [2, 3, 4]
    assert faultless(world) == 5


# A process that records events until it is killed, and tells each one it was promised.
WRITER = """
import sys
sys.path[:0] = [sys.argv[2], sys.argv[3]]
from pathlib import Path
from audit_world import World, Opened, HandClock
from core.clock import SystemClock
world = World.__new__(World)
world.folder, world.clock = Path(sys.argv[1]), SystemClock()
World.__post_init__(world)
number, last = int(sys.argv[4]), int(sys.argv[5])
while number < last:
    seq = world.log.record([Opened(page=number)], at=world.clock.now())[0].seq
    print(number, seq, flush=True)
    number += 1
world.close()
"""


def writer(world: World, first: int, last: int) -> "subprocess.Popen[str]":
    here = Path(__file__).parent
    arguments = [str(world.folder), str(here), str(here.parent.parent), str(first), str(last)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, text=True)


def test_four_processes_never_fork_the_log(world: World) -> None:
    processes = [writer(world, base, base + 25) for base in (0, 1000, 2000, 3000)]
    promised = [line.split() for process in processes for line in process.communicate(timeout=60)[0].splitlines()]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    stored = {body["d"]["page"]: seq for seq, body in enumerate(bodies(world)) if seq}  # type: ignore[index]
    assert {int(page): int(seq) for page, seq in promised} == stored
    assert faultless(world) == 101


def test_kill_9_in_the_middle_of_appends_loses_nothing_promised_and_doubles_nothing(world: World) -> None:
    promised: dict[int, int] = {}
    for attempt in range(3):
        process = writer(world, attempt * 10_000, attempt * 10_000 + 10_000)
        lines: list[str] = []
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)  # noqa: B023
        reader.start()
        while len(lines) < 15 + attempt * 7:
            assert process.poll() is None
            reader.join(0.001)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
        reader.join(timeout=30)
        promised |= {int(page): int(seq) for page, seq in (line.split() for line in lines if line.endswith("\n"))}
    # Waits for the head: a server may still commit what a process asked for before it was killed.
    world.record(1)
    stored = [body["d"]["page"] for body in bodies(world)[1:-1]]  # type: ignore[index]
    assert len(stored) == len(set(stored))
    assert all(stored[seq - 1] == page for page, seq in promised.items())
    # At most the one event under way at each kill was written without its promise being heard.
    assert len(stored) - len(promised) <= 3
    assert faultless(world) == len(stored) + 2


def test_a_change_and_its_event_stand_or_fall_together(world: World) -> None:
    def change_and_fail() -> None:
        with world.main.write() as session:
            audit.append(session, Renamed(), at=T0)
            audit.append(session, Opened(purpose="a purpose that fits no code"), at=T0)

    with pytest.raises(EventRefused):
        change_and_fail()
    with world.main.read() as session:
        assert backlog(session, at=T0).waiting == 0
    woken: list[frozenset[str]] = []
    world.main.after_commit = lambda queues: woken.append(frozenset(queues))
    with world.main.write() as session:
        event_id = audit.append(session, Renamed(), at=T0)
    assert woken == [frozenset({"keeper"})]
    world.clock.tick(seconds=3)
    with world.main.read() as session:
        waits = backlog(session, at=world.clock.now())
    assert (waits.waiting, waits.oldest_age.total_seconds()) == (1, 3)
    assert sequence_intake(world.main, world.log, at=world.clock.now()) == 1
    assert bodies(world)[1]["id"] == event_id.hex
    with world.main.read() as session:
        assert backlog(session, at=T0).waiting == 0
        assert session.connection().exec_driver_sql("SELECT count(*) FROM audit_intake_openings").scalar() == 0
    with world.logs.read() as session:
        assert openings_of(session, event_id, SEAL)["reason"][1] == "typing error"
        high, moved = intake_mark(session)
    # PostgreSQL does not give the number of the transaction that failed again.
    assert (high, moved) == ((2, 1) if databases.is_postgresql() else (1, 1))
    assert sequence_intake(world.main, world.log, at=T0) == 0


def test_a_keeper_killed_between_log_and_main_repeats_harmlessly(world: World) -> None:
    with world.main.write() as session:
        for _ in range(5):
            audit.append(session, Renamed(), at=T0)
    write = world.main.write
    world.main.write = lambda **_: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(KeyboardInterrupt):
        sequence_intake(world.main, world.log, at=T0)
    world.main.write = write  # type: ignore[method-assign]
    assert len(world.entries()) == 6
    assert sequence_intake(world.main, world.log, at=T0) == 5
    assert sequence_intake(world.main, world.log, at=T0) == 0
    assert len(world.entries()) == 6
    with world.logs.read() as session:
        assert intake_mark(session) == (5, 5)
    assert faultless(world) == 6


def test_more_than_a_batch_is_moved_in_order(world: World) -> None:
    with world.main.write() as session:
        ids = [audit.append(session, Renamed(), at=T0).hex for _ in range(300)]
    moved = [sequence_intake(world.main, world.log, at=T0) for _ in range(3)]
    assert moved == [256, 44, 0]
    assert [body["id"] for body in bodies(world)[1:]] == ids


def test_a_row_that_vanished_from_the_intake_shows_in_the_next_heartbeat(world: World) -> None:
    with world.main.write() as session:
        for _ in range(3):
            audit.append(session, Opened(), at=T0)
    with world.main.write() as session:
        session.connection().exec_driver_sql("DELETE FROM audit_intake WHERE number = 2")
    sequence_intake(world.main, world.log, at=T0)
    heartbeat(world.main, world.log, at=T0)
    assert bodies(world)[-1]["d"] == {
        "intake_high": 3,
        "intake_moved": 2,
        "intake_waiting": 0,
        "intake_oldest_us": 0,
    }


def test_silence_is_noted_when_the_keeper_comes_back(world: World) -> None:
    world.log.record([LogHeartbeat()], at=T0)
    world.clock.tick(seconds=119)
    assert note_silence(world.log, at=world.clock.now()) is None
    world.clock.tick(seconds=2)
    assert note_silence(world.log, at=world.clock.now()) is not None
    body = bodies(world)[-1]
    assert (body["action"], body["d"]["cause"]) == ("log.gap", "stopped")  # type: ignore[index]


def test_the_hand_clock_of_these_tests_stands_still() -> None:
    assert HandClock().now() == HandClock().now() == T0
