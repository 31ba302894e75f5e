"""Anchors outside, end to end: real witnesses as processes, a real time stamping service, seals in a real vault."""

import base64
import json
import shutil
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import seals
from app.anchoring import Anchoring, stamp_checkpoint
from app.build import build, signer_of
from app.keeper import Keeper
from app.prepare import prepare
from app.reconcile import look
from app.runtime import Runtime
from app.settings import BadSetting, Settings
from app.sweep import unnamed
from audit import journal
from audit.anchors import Anchors, anchors, witnessed_note
from audit.checkpoint import last_note, published_note
from audit.cosignature import cosignatures_in, parse_witness_key
from audit.heartbeat import heartbeat
from audit.note import open_checkpoint, parse_note, parse_vkey
from audit.origin import started_as
from audit.policy import BadPolicy
from audit.timestamp import AuditTimestamp, NotStamped, authorities, verify_stamp
from core import leases
from tests.support.cli import Cli
from tests.support.outside import has_openssl, policy_file, stamping_service, witness_process

needs_openssl = pytest.mark.skipif(not has_openssl, reason="openssl is not installed")


class HandClock:
    """Stands still until somebody moves it."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line, without settings of whoever runs the tests."""
    for name in ("MUNIMENT_TOKEN", "MUNIMENT_DATA", "MUNIMENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return Cli()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a few entries and checkpoints."""
    prepare(Settings(data=tmp_path / "data"))
    runtime = build(Settings(data=tmp_path / "data"))
    grow(runtime)
    runtime.close()
    return tmp_path / "data"


def grow(runtime: Runtime, entries: int = 3) -> None:
    for _ in range(entries):
        heartbeat(runtime.main, runtime.log, at=runtime.clock.now())
    signer_of(runtime).sign_if_grown()


def vkey_of(data: Path) -> str:
    runtime = build(Settings(data=data))
    with runtime.log_database.read() as session:
        started = started_as(session)
    runtime.close()
    assert started is not None
    return started[1]


def seen(runtime: Runtime, anchoring: Anchoring) -> Anchors:
    with runtime.log_database.read() as session:
        stamps = bool(runtime.settings.timestamp_url)
        return anchors(session, at=runtime.clock.now(), policy=anchoring.policy, stamps=stamps)


def signed(runtime: Runtime) -> int:
    """Entries under the newest checkpoint."""
    with runtime.log_database.read() as session:
        return int((last_note(session) or "").splitlines()[1])


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_two_of_three_witnesses_are_enough_while_one_is_down(data: Path, tmp_path: Path) -> None:
    vkey, nobody = vkey_of(data), f"http://127.0.0.1:{_free_port()}"
    folders = [tmp_path / name for name in ("w1", "w2", "w3")]
    with witness_process(folders[0], vkey) as one, witness_process(folders[1], vkey) as two:
        with witness_process(folders[2], vkey) as gone:
            pass
        named = {"A": (one.key, one.address), "B": (two.key, two.address), "C": (gone.key, nobody)}
        chosen = Settings(data=data, witness_policy=policy_file(tmp_path / "policy", "2", **named), witness_seconds=1)
        runtime = build(chosen)
        signer = signer_of(runtime)
        signer.sign_if_grown()
        anchoring = Anchoring(runtime)
        before = seen(runtime, anchoring)
        assert before.witnessed is None
        assert before.outside == 0
        assert {gap.code for gap in before.gaps} == {"witness_late", "no_timestamp"}
        told = anchoring.once()
        names = {name: parse_witness_key(key).name for name, (key, _) in named.items()}
        assert told[f"witness:{names['A']}"] is None
        assert told[f"witness:{names['B']}"] is None
        assert told[f"witness:{names['C']}"] == "outside_away"
        after = seen(runtime, anchoring)
        assert after.witnessed is not None
        assert after.outside == signed(runtime) == after.witnessed.size
        assert [(trouble.place, trouble.code) for trouble in after.troubles] == [
            (f"witness:{names['C']}", "outside_away")
        ]
        assert {gap.code for gap in after.gaps} == {"no_timestamp"}
        # The published note carries them, and the log's own row stays as first signed.
        signer.sign_if_grown()
        note = (data / "log" / "checkpoint").read_text()
        checkpoint = open_checkpoint(note, [parse_vkey(vkey)], origin=parse_vkey(vkey).name)
        lines = note.rpartition("\n\n")[2].splitlines()
        keys = [parse_witness_key(key) for key, _ in named.values()]
        assert (checkpoint.size, len(lines)) == (after.witnessed.size, 3)
        assert len(cosignatures_in(parse_note(note).text, lines, keys)) == 2
        with runtime.log_database.read() as session:
            assert note.startswith(last_note(session) or "-")
            assert note == published_note(session)
            assert anchoring.policy is not None
            assert witnessed_note(session, anchoring.policy) == note
        # It goes on from there, with a proof.
        grow(runtime)
        told = anchoring.once()
        assert told[f"witness:{names['A']}"] is None
        now = seen(runtime, anchoring)
        assert now.witnessed is not None
        assert now.witnessed.size == signed(runtime) > after.outside
        runtime.close()


def test_a_log_that_was_rewritten_or_rolled_back_finds_no_witness(data: Path, tmp_path: Path) -> None:
    """The same log key, another past: what its administrator could do."""
    vkey = vkey_of(data)
    shutil.copytree(data, tmp_path / "fork")
    with witness_process(tmp_path / "w", vkey) as witness:
        policy = policy_file(tmp_path / "policy", "any", W=(witness.key, witness.address))
        runtime = build(Settings(data=data, witness_policy=policy))
        grow(runtime)
        assert set(Anchoring(runtime).once().values()) == {None}
        runtime.close()
        fork = build(Settings(data=tmp_path / "fork", witness_policy=policy))
        anchoring = Anchoring(fork)
        place = f"witness:{parse_witness_key(witness.key).name}"
        assert anchoring.once()[place] == "witness_disagrees", "it has seen more than this log has"
        grow(fork, 9)
        assert anchoring.once()[place] == "witness_disagrees", "it has seen something else"
        found = seen(fork, anchoring)
        assert found.witnessed is None
        assert found.gaps[0].code == "disagrees"
        fork.close()


def test_a_running_keeper_has_checkpoints_cosigned_and_is_not_held_up_by_one_that_is_silent(
    data: Path, tmp_path: Path
) -> None:
    with socket.socket() as silent, witness_process(tmp_path / "w", vkey_of(data)) as witness:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        with witness_process(tmp_path / "x", vkey_of(data)) as other:
            deaf = (other.key, f"http://127.0.0.1:{silent.getsockname()[1]}")
        policy = policy_file(tmp_path / "policy", "1", W=(witness.key, witness.address), S=deaf)
        runtime = build(Settings(data=data, witness_policy=policy, witness_seconds=1))
        keeper = Keeper(runtime, leases.incarnation("keeper"), signer_of(runtime))
        begun = time.monotonic()
        found = None

        def stopping() -> bool:
            nonlocal found
            if found is None:
                note = (data / "log" / "checkpoint").read_text()
                found = note if f"— {parse_witness_key(witness.key).name} " in note else None
            return found is not None or time.monotonic() - begun > 20

        keeper.run(stopping)
        runtime.close()
        assert found is not None
        assert time.monotonic() - begun < 20


def test_a_policy_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadSetting):
        prepare(Settings(data=tmp_path / "a", witness_policy=tmp_path / "missing"))
    (tmp_path / "policy").write_text("quorum nobody\n")
    with pytest.raises(BadPolicy):
        prepare(Settings(data=tmp_path / "a", witness_policy=tmp_path / "policy"))
    assert not (tmp_path / "a").exists()


@needs_openssl
def test_a_checkpoint_is_stamped_once_a_day_and_openssl_says_so_too(data: Path, tmp_path: Path) -> None:
    with stamping_service(tmp_path / "tsa") as service:
        runtime = build(Settings(data=data, timestamp_url=service.url, timestamp_ca=service.ca))
        anchoring = Anchoring(runtime)
        for _ in range(3):
            assert anchoring.once()["timestamp"] is None
        assert service.asked == 1
        with runtime.log_database.read() as session:
            (row,) = session.query(AuditTimestamp).all()
            note = last_note(session) or ""
        assert service.verifies(row.token, note.encode())
        assert not service.verifies(row.token, note.encode() + b" ")
        assert abs(row.at - datetime.now(UTC)) < timedelta(minutes=5)
        found = seen(runtime, anchoring)
        assert found.stamped is not None
        assert found.stamped.size == found.outside == signed(runtime)
        assert {gap.code for gap in found.gaps} == {"no_witness"}
        tomorrow = replace(runtime, clock=HandClock(datetime.now(UTC) + timedelta(hours=37)))
        with runtime.log_database.read() as session:
            late = anchors(session, at=tomorrow.clock.now(), policy=None, stamps=True)
        assert "timestamp_late" in {gap.code for gap in late.gaps}
        runtime.close()


@needs_openssl
def test_a_time_stamp_of_something_else_or_of_a_stranger_is_not_kept(data: Path, tmp_path: Path) -> None:
    with stamping_service(tmp_path / "tsa") as service, stamping_service(tmp_path / "stranger") as stranger:
        runtime = build(Settings(data=data, timestamp_url=service.url, timestamp_ca=stranger.ca))
        assert Anchoring(runtime).once()["timestamp"] == "audit_timestamp"
        runtime.close()
        runtime = build(Settings(data=data, timestamp_url=service.url, timestamp_ca=service.ca))
        with runtime.log_database.read() as session:
            note = last_note(session) or ""
        token = stamp_checkpoint(runtime, 1, note)
        for replay in (token, b"", b"\x30\x03\x02\x01\x00", token[:-1], token[:200] + bytes([token[200] ^ 1])):
            service.replay = replay
            with pytest.raises(NotStamped):
                stamp_checkpoint(runtime, 2, note)
        with pytest.raises(NotStamped):
            verify_stamp(token, note + "x", authorities(service.ca))
        with runtime.log_database.read() as session:
            assert [row.size for row in session.query(AuditTimestamp)] == [1]
        runtime.close()


@needs_openssl
def test_each_day_is_sealed_into_the_vault_with_its_stamp_and_follows_the_one_before(
    data: Path, tmp_path: Path, cli: Cli
) -> None:
    with stamping_service(tmp_path / "tsa") as service:
        runtime = build(Settings(data=data, timestamp_url=service.url, timestamp_ca=service.ca))
        assert seals.seal_day(runtime, stamp=stamp_checkpoint) is None, "the day is not over"
        made = []
        clock = HandClock(datetime.now(UTC))
        for _ in range(3):
            clock.instant += timedelta(days=1)
            moved = replace(runtime, clock=clock)
            row = seals.seal_day(moved, stamp=stamp_checkpoint)
            assert row is not None
            assert seals.seal_day(moved, stamp=stamp_checkpoint) is None, "once a day"
            made.append(json.loads(row.content))
            heartbeat(runtime.main, runtime.log, at=clock.now())
            replaced = signer_of(moved)
            replaced.sign_if_grown()
        previous, first = "0" * 64, 0
        with runtime.log_database.read() as session:
            rows = journal.seals(session)
            assert journal.first_fault(session, origin=runtime.log.origin) is None
        for value, row in zip(made, rows, strict=True):
            assert set(value) == {"v", "origin", "day", "from", "to", "checkpoint", "token", "previous"}
            assert (value["v"], value["from"], value["previous"]) == (1, first, previous)
            assert (value["to"], value["day"]) == (row.size, row.day.isoformat())
            assert service.verifies(base64.b64decode(value["token"]), value["checkpoint"].encode())
            previous, first = journal.digest(row.content), value["to"]
        assert list(seals.differing(runtime.log_database, runtime.main, runtime.store, runtime.keys)) == []
        # They belong to the archive: nobody sweeps them, nobody misses them.
        old = replace(runtime, clock=HandClock(datetime.now(UTC) + timedelta(days=9)))
        assert list(unnamed(old)) == []
        agreement = look(runtime)
        assert (agreement.unnamed_objects, agreement.missing_objects) == (0, 0)
        runtime.store.delete(rows[1].object_key, rows[1].object_version)
        assert look(runtime).missing_objects == 1
        found = list(seals.differing(runtime.log_database, runtime.main, runtime.store, runtime.keys))
        assert found == [(rows[0].size, f"the seal of {rows[1].day} is missing in the vault, or altered")]
        runtime.close()
    told = cli("--data", data, "--json", "audit", "verify")
    assert (told.code, told.json["fault"]["kind"]) == (1, "seal")


@needs_openssl
def test_a_seal_waits_six_hours_for_its_stamp_and_then_goes_without(data: Path, tmp_path: Path) -> None:
    with stamping_service(tmp_path / "tsa") as service:
        service.away = True
        runtime = build(Settings(data=data, timestamp_url=service.url, timestamp_ca=service.ca))
        tomorrow = datetime.now(UTC).replace(hour=0, minute=0) + timedelta(days=1)
        early = replace(runtime, clock=HandClock(tomorrow + timedelta(hours=1)))
        with pytest.raises(Exception, match="no time stamp"):
            seals.seal_day(early, stamp=stamp_checkpoint)
        late = replace(runtime, clock=HandClock(tomorrow + timedelta(hours=7)))
        row = seals.seal_day(late, stamp=stamp_checkpoint)
        assert row is not None
        assert "token" not in json.loads(row.content)
        runtime.close()


def test_the_command_says_what_is_not_protected(data: Path, cli: Cli) -> None:
    told = cli("--data", data, "--json", "audit", "anchor")
    assert told.code == 0, told.err
    assert {gap["code"] for gap in told.json["gaps"]} == {"no_witness", "no_timestamp"}
    assert told.json["outside"] == 0
    assert "No witness is set." in cli("--data", data, "audit", "anchor").out
