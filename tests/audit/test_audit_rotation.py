"""Changing the log's key: who signs what, and a change cut short between any two of its steps."""

import base64
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from audit_world import KEY, ORIGIN, World
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.check import check
from audit.checkpoint import LogMismatch, Signer, last_note
from audit.events import Actor, LogKeyChanged
from audit.keyfile import KeyFileMissing, SigningKey, load_key
from audit.note import parse_note
from audit.origin import started_as
from audit.rotation import (
    OVERLAP,
    KeyChange,
    KeyNotLost,
    LogKeys,
    RotationUnderWay,
    begin,
    history,
    next_of,
    old_of,
    signatures,
)
from audit.verify import Verdict

NOBODY = Actor("operator")


@pytest.fixture
def path(world: World) -> Path:
    """The key file of the world's log, and a first checkpoint signed by it."""
    made = world.folder / "keys" / "log.key"
    made.parent.mkdir()
    seed = base64.b64encode(b"\x01" + KEY.private.private_bytes_raw()).decode()
    made.touch(mode=0o600)
    made.write_text(f"PRIVATE+KEY+{ORIGIN}+{KEY.verifier.id.hex()}+{seed}\n")
    sign(world, made)
    return made


def sign(world: World, path: Path) -> list[bytes]:
    """What a keeper that has just started does; key ids of those who signed the newest checkpoint."""
    signer = Signer(world.logs, LogKeys(path), world.file, world.clock)
    signer.start()
    world.record(2)
    signer.sign_if_grown()
    return signed_by(world)


def signed_by(world: World) -> list[bytes]:
    with world.logs.read() as session:
        return [line.key_id for line in parse_note(last_note(session) or "").signatures]


def announce(world: World, key: SigningKey, *, lost: bool = False) -> None:
    world.log.record([LogKeyChanged(by=NOBODY, vkey=str(key.verifier), lost=lost)], at=world.clock.now())


def verdict(world: World, vkey: str | None = None) -> Verdict:
    return check(world.logs, origin=ORIGIN, vkey=vkey, file=world.file)


def in_force(world: World) -> str:
    with world.logs.read() as session:
        return (started_as(session) or ("", ""))[1]


def test_both_keys_sign_for_thirty_days_and_then_the_new_one_alone(world: World, path: Path) -> None:
    old, new = KEY.verifier, begin(path, ORIGIN, in_force(world), lost=False).verifier
    announce(world, load_key(next_of(path)))
    assert sign(world, path) == [new.id, old.id]
    assert (load_key(path).verifier, load_key(old_of(path)).verifier, next_of(path).exists()) == (new, old, False)
    world.clock.tick(days=29)
    assert sign(world, path) == [new.id, old.id]
    world.clock.tick(days=2)
    assert sign(world, path) == [new.id]
    assert not old_of(path).exists()
    assert sign(world, path) == [new.id]
    for vkey in (str(old), str(new), None):
        assert verdict(world, vkey).fault is None


@pytest.mark.parametrize("cut", ["before the entry", "before the checkpoint", "between the files", "before the last"])
def test_a_change_cut_short_at_any_step_is_taken_up_again(world: World, path: Path, cut: str) -> None:
    key = begin(path, ORIGIN, in_force(world), lost=False)
    if cut == "before the entry":
        assert sign(world, path) == [KEY.verifier.id], "nobody has said so yet"
        again = begin(path, ORIGIN, in_force(world), lost=False)
        assert again.verifier == key.verifier, "it is the same key"
    announce(world, key)
    with pytest.raises(RotationUnderWay):
        begin(path, ORIGIN, in_force(world), lost=False)
    if cut == "between the files":
        # The checkpoint is durable; the first file was moved and the second not.
        Signer(world.logs, LogKeys(None, [KEY, key]), world.file, world.clock).sign_if_grown()
        path.replace(old_of(path))
    if cut == "before the last":
        Signer(world.logs, LogKeys(None, [KEY, key]), world.file, world.clock).sign_if_grown()
    assert sign(world, path) == [key.verifier.id, KEY.verifier.id]
    assert (load_key(path).verifier, load_key(old_of(path)).verifier) == (key.verifier, KEY.verifier)
    assert verdict(world).fault is None


def test_a_keeper_that_runs_takes_the_new_key_up(world: World, path: Path) -> None:
    signer = Signer(world.logs, LogKeys(path), world.file, world.clock)
    signer.start()
    for _ in range(3):
        before = load_key(path).verifier
        key = begin(path, ORIGIN, in_force(world), lost=False)
        announce(world, key)
        signer.sign_if_grown()
        assert signed_by(world) == [key.verifier.id, before.id]
        world.record(1)
        signer.sign_if_grown()
        assert signed_by(world) == [key.verifier.id, before.id]
    assert verdict(world, str(KEY.verifier)).fault is None


def test_a_lost_key_is_declared_and_the_new_one_signs_alone(world: World, path: Path) -> None:
    with pytest.raises(KeyNotLost):
        begin(path, ORIGIN, in_force(world), lost=True)
    path.unlink()
    with pytest.raises(KeyFileMissing):
        LogKeys(path)
    with pytest.raises(KeyFileMissing):
        begin(path, ORIGIN, in_force(world), lost=False)
    key = begin(path, ORIGIN, in_force(world), lost=True)
    # Cut short here: it starts, signs nothing, and the same key is taken up.
    Signer(world.logs, LogKeys(path), world.file, world.clock).start()
    assert begin(path, ORIGIN, in_force(world), lost=True).verifier == key.verifier
    announce(world, key, lost=True)
    assert sign(world, path) == [key.verifier.id]
    assert load_key(path).verifier == key.verifier
    assert verdict(world, str(key.verifier)).fault is None


def test_a_log_whose_rows_name_a_key_that_is_not_ours_is_not_started(world: World, path: Path) -> None:
    """Somebody with the database, and without our key, writes another log under a key of their own."""
    thief = SigningKey(ORIGIN, Ed25519PrivateKey.generate())
    announce(world, thief, lost=True)
    Signer(world.logs, LogKeys(None, [thief]), world.file, world.clock).sign_if_grown()
    with pytest.raises(LogMismatch):
        Signer(world.logs, LogKeys(path), world.file, world.clock).start()


def test_a_change_that_the_old_key_did_not_sign_is_found(world: World, path: Path) -> None:
    thief = SigningKey(ORIGIN, Ed25519PrivateKey.generate())
    announce(world, thief)
    with pytest.raises(KeyFileMissing):
        Signer(world.logs, LogKeys(None, [thief]), world.file, world.clock).sign_if_grown()


def test_where_the_key_folder_cannot_be_written_both_go_on_signing(
    world: World, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = begin(path, ORIGIN, in_force(world), lost=False)
    announce(world, key)
    Signer(world.logs, LogKeys(None, [KEY, key]), world.file, world.clock).sign_if_grown()
    keys = LogKeys(path)

    def refuse(*_: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse)
        keys.settle(_history(world), at=world.clock.now())
    assert (path.exists(), next_of(path).exists()) == (True, True)
    assert keys.get(str(key.verifier)).verifier == key.verifier
    assert sign(world, path) == [key.verifier.id, KEY.verifier.id]


AT = World.__dataclass_fields__["clock"].default_factory().instant  # type: ignore[misc]
A, B, C = (KeyChange(position, key, False, AT) for position, key in ((0, "a"), (10, "b"), (20, "c")))


@pytest.mark.parametrize(
    ("changes", "covered", "later", "required", "welcome"),
    [
        pytest.param([A], 0, 0, ("a",), (), id="never changed"),
        pytest.param([A, B], 5, 0, ("b", "a"), (), id="first checkpoint over a change"),
        pytest.param([A, B], 11, 0, ("b",), ("a",), id="during the overlap"),
        pytest.param([A, B], 11, 30, ("b",), (), id="after the overlap"),
        pytest.param([A, replace(B, lost=True)], 5, 0, ("b",), (), id="first checkpoint after a loss"),
        pytest.param([A, replace(B, lost=True)], 11, 0, ("b",), (), id="after a loss"),
        pytest.param([A, B, C], 5, 0, ("c", "a"), (), id="two changes at once"),
        pytest.param([A, B, replace(C, lost=True)], 5, 0, ("c", "a"), (), id="a change, and then a loss at once"),
        pytest.param([A, replace(B, lost=True), C], 5, 0, ("c", "b"), (), id="a loss, and then a change at once"),
        pytest.param([A, B, C], 15, 0, ("c", "b"), (), id="a second change during the overlap"),
    ],
)
def test_who_signs(
    changes: list[KeyChange], covered: int, later: int, required: tuple[str, ...], welcome: tuple[str, ...]
) -> None:
    told = signatures(changes, covered, at=AT + timedelta(days=later))
    assert (told.required, told.welcome) == (required, welcome)


@given(st.lists(st.booleans(), max_size=5), st.integers(0, 60), st.integers(0, 60))
def test_the_key_in_force_always_signs_and_nobody_signs_twice(lost: list[bool], covered: int, days: int) -> None:
    changes = [A, *(KeyChange(10 * n, f"k{n}", gone, AT) for n, gone in enumerate(lost, start=1))]
    told = signatures(changes, covered, at=AT + timedelta(days=days))
    both = told.required + told.welcome
    assert both[0] == changes[-1].vkey
    assert len(set(both)) == len(both) <= 2
    assert not told.welcome or timedelta(days=days) < OVERLAP


def test_the_history_is_what_the_entries_say(world: World, path: Path) -> None:
    assert [change.vkey for change in _history(world)] == [str(KEY.verifier)]
    key = begin(path, ORIGIN, in_force(world), lost=False)
    announce(world, key)
    assert [change.vkey for change in _history(world)] == [str(KEY.verifier), str(key.verifier)]


def _history(world: World) -> list[KeyChange]:
    with world.logs.read() as session:
        return history(session, 1000)
