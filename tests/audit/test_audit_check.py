"""The stored log: what was changed in it is found, and its position named."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast

import pytest
from audit_world import KEY, ORIGIN, World

from audit import trail_sums
from audit.check import check
from audit.leaf import leaf_hash, parse, splice
from audit.verify import Verdict
from core.database import Database, ReadSession


def checked(world: World) -> Verdict:
    return check(world.logs, origin=ORIGIN, vkey=str(KEY.verifier), file=world.file)


def grown(world: World, *, signed_at: tuple[int, ...] = (5, 12, 19)) -> World:
    """Twenty-two entries, checkpoints over 6, 13 and 20 of them."""
    signer = world.signer()
    for number in range(1, 22):
        world.clock.tick(seconds=1)
        world.record(1, purpose="audit")
        if number in signed_at:
            signer.sign_if_grown()
    return world


def test_an_untouched_log_has_no_fault(world: World) -> None:
    verdict = checked(grown(world))
    assert (verdict.fault, verdict.size, verdict.covered, verdict.checkpoints) == (None, 22, 20, 3)


def test_a_checkpoint_signed_while_the_log_is_read_is_left_for_the_next_time(world: World) -> None:
    signer = grown(world).signer()
    verdict = check(world.logs, progress=lambda *_: signer.sign_if_grown() and None)
    assert (verdict.fault, verdict.size, verdict.checkpoints) == (None, 22, 3)
    assert (checked(world).fault, checked(world).checkpoints) == (None, 4)


class Growing:
    """A log that has one more entry each time it is looked at."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self) -> AbstractContextManager[ReadSession]:
        self._world.clock.tick(seconds=1)
        self._world.record(1, purpose="audit")
        snapshot: AbstractContextManager[ReadSession] = self._world.logs.read()
        return snapshot


@pytest.mark.parametrize("page", [7, 5_000])
def test_a_log_that_grows_while_it_is_read_has_no_fault(
    world: World, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(trail_sums, "_PAGE", page)
    grown(world)
    verdict = check(cast(Database, Growing(world)))
    assert (verdict.fault, verdict.size) == (None, 23)
    verdict = checked(world)
    assert verdict.fault is None
    assert verdict.size > 25


def test_a_false_trail_is_found_while_the_log_grows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_sums, "_PAGE", 7)
    grown(world)
    world.tamper(("DELETE FROM audit_trail WHERE topic = 'p' AND seq = 21", ()))
    fault = check(cast(Database, Growing(world))).fault
    assert fault is not None
    assert (fault.position, fault.kind) == (21, "column")


def test_an_empty_database_is_an_empty_log(tmp_path: Any) -> None:
    world = World(tmp_path)
    assert checked(world).size == 0
    assert checked(world).fault is None
    world.close()


FLIP = (
    "UPDATE audit_leaves SET entry = CAST(replace(CAST(entry AS TEXT), '\"done\"', '\"failed\"') AS BLOB) WHERE seq = ?"
)
TAMPERINGS: list[Any] = [
    pytest.param([(FLIP, (7,))], 7, "altered", id="the bytes of an entry"),
    pytest.param([(FLIP, (21,))], 21, "column", id="the bytes of the last entry"),
    pytest.param([("UPDATE audit_leaves SET entry = 'text' WHERE seq = 7", ())], 7, "form", id="text for bytes"),
    pytest.param([("UPDATE audit_leaves SET hash = zeroblob(32) WHERE seq = 7", ())], 7, "column", id="a stored hash"),
    pytest.param(
        [("UPDATE audit_leaves SET event_id = zeroblob(16) WHERE seq = 7", ())], 7, "column", id="a stored event id"
    ),
    pytest.param([("UPDATE audit_leaves SET seq = 40 WHERE seq = 7", ())], 7, "missing", id="a position"),
    pytest.param([("DELETE FROM audit_leaves WHERE seq = 7", ())], 7, "missing", id="an entry deleted"),
    pytest.param([("DELETE FROM audit_leaves WHERE seq = 0", ())], 0, "missing", id="the first entry deleted"),
    pytest.param([("DELETE FROM audit_leaves WHERE seq >= 18", ())], 18, "truncated", id="the signed tail cut off"),
    pytest.param([("DELETE FROM audit_leaves WHERE seq >= 21", ())], 21, "truncated", id="the unsigned tail cut off"),
    pytest.param([("DELETE FROM audit_leaves", ())], 0, "truncated", id="every entry deleted"),
    pytest.param(
        [
            ("UPDATE audit_leaves SET seq = 99 WHERE seq = 7", ()),
            ("UPDATE audit_leaves SET seq = 7 WHERE seq = 8", ()),
            ("UPDATE audit_leaves SET seq = 8 WHERE seq = 99", ()),
        ],
        7,
        "sequence",
        id="two entries exchanged",
    ),
    pytest.param(
        [("INSERT INTO audit_leaves SELECT 22, entry, hash, zeroblob(16) FROM audit_leaves WHERE seq = 21", ())],
        22,
        "sequence",
        id="an entry put behind the last",
    ),
    pytest.param([("DELETE FROM audit_trail WHERE seq = 7", ())], 7, "column", id="an entry hidden from the trail"),
    pytest.param([("INSERT INTO audit_trail VALUES ('o', zeroblob(16), 7)", ())], 7, "column", id="a false trail"),
    pytest.param(
        [("INSERT INTO audit_trail VALUES ('a', zeroblob(1), 70)", ())], 22, "column", id="a trail to nowhere"
    ),
    pytest.param(
        [("UPDATE audit_trail SET seq = 0 WHERE topic = 'o' AND seq = 7", ())],
        0,
        "column",
        id="a line of the trail given to another entry",
    ),
    pytest.param(
        [("UPDATE audit_trail SET key = CAST(x'00' || key AS BLOB) WHERE topic = 'o' AND seq = 7", ())],
        7,
        "column",
        id="a key of the trail",
        marks=pytest.mark.sqlite,
    ),
    pytest.param(
        [("UPDATE audit_trail SET topic = topic || 'o', key = substr(key, 1) WHERE seq = 7", ())],
        7,
        "column",
        id="a topic of the trail",
    ),
    pytest.param(
        [("UPDATE audit_trail SET key = CAST(key AS TEXT) WHERE topic = 'a' AND seq = 7", ())],
        7,
        "column",
        id="text for the bytes of a key",
        marks=pytest.mark.sqlite,
    ),
    pytest.param(
        [("INSERT INTO audit_trail VALUES ('a', zeroblob(1), -1)", ())],
        22,
        "column",
        id="a trail to before the first entry",
    ),
    pytest.param(
        [("INSERT INTO audit_trail VALUES ('a', zeroblob(1), 'x')", ())],
        22,
        "column",
        id="a trail to no number",
        marks=pytest.mark.sqlite,
    ),
    pytest.param(
        [("INSERT INTO audit_trail VALUES ('a', zeroblob(1), 22)", ())],
        22,
        "column",
        id="a trail to the entry that comes next",
    ),
    pytest.param(
        [("UPDATE audit_leaves SET seq = 1 << 60 WHERE seq = 7", ())], 7, "missing", id="a position out of all bounds"
    ),
    pytest.param([("UPDATE audit_head SET size = 1 << 60", ())], 22, "truncated", id="a size out of all bounds"),
    pytest.param([("UPDATE audit_head SET size = 21", ())], 21, "head", id="the head's size set back"),
    pytest.param([("UPDATE audit_head SET size = 30", ())], 22, "truncated", id="the head's size set forward"),
    pytest.param([("UPDATE audit_head SET range = zeroblob(96)", ())], 21, "head", id="the head's range"),
    pytest.param([("UPDATE audit_head SET previous = zeroblob(32)", ())], 21, "head", id="the head's previous hash"),
    pytest.param([("UPDATE audit_head SET last_append_us = 1", ())], 21, "head", id="the head's time"),
    pytest.param([("DELETE FROM audit_head", ())], 21, "head", id="no head"),
    pytest.param(
        [("UPDATE audit_checkpoints SET root = zeroblob(32) WHERE size = 13", ())], 12, "column", id="a signed root"
    ),
    pytest.param(
        [("UPDATE audit_checkpoints SET range = zeroblob(96) WHERE size = 13", ())], 12, "column", id="a signed range"
    ),
    pytest.param(
        [("UPDATE audit_checkpoints SET size = 14 WHERE size = 13", ())], 13, "column", id="a checkpoint's size"
    ),
    pytest.param(
        [("UPDATE audit_checkpoints SET note = replace(note, '13', '14') WHERE size = 13", ())],
        6,
        "root",
        id="a checkpoint's note",
    ),
    pytest.param(
        [("UPDATE audit_checkpoints SET note = note || 'x' WHERE size = 13", ())],
        0,
        "checkpoint",
        id="a note that cannot be read",
    ),
    pytest.param(
        [("UPDATE audit_catalogues SET content = zeroblob(9)", ())], 0, "catalogue", id="the bytes of a catalogue"
    ),
    pytest.param([("DELETE FROM audit_catalogues", ())], 0, "catalogue", id="a catalogue deleted"),
    pytest.param(
        [("DELETE FROM audit_leaves WHERE seq = 15", ()), (FLIP, (14,))], 14, "column", id="the first of two changes"
    ),
]


@pytest.mark.parametrize(("statements", "position", "kind"), TAMPERINGS)
def test_a_change_in_any_column_is_found_and_its_position_named(
    world: World, statements: list[tuple[str, tuple[Any, ...]]], position: int, kind: str
) -> None:
    grown(world)
    world.tamper(*statements)
    fault = checked(world).fault
    assert fault is not None
    assert (fault.position, fault.kind) == (position, kind), fault.sentence
    assert fault.sentence


def rewrite(world: World, first: int, change: Callable[[bytes], bytes]) -> None:
    """Change entry ``first`` and give all that follow the hashes that fit it, with every copy beside."""
    statements = []
    previous = b""
    for seq, entry in enumerate(world.entries()):
        if seq >= first:
            leaf = parse(entry)
            body = entry[entry.index(b'"b":') + 4 : entry.rindex(b',"p":"')]
            body = change(body) if seq == first else body
            link = leaf.previous if seq == first else previous
            entry = splice(body, sequence=seq, appended_us=leaf.appended_us, previous=link)
            statements.append(
                ("UPDATE audit_leaves SET entry = ?, hash = ? WHERE seq = ?", (entry, leaf_hash(entry), seq))
            )
        previous = leaf_hash(entry)
    world.tamper(*statements)


def test_a_history_rewritten_to_the_end_contradicts_the_next_checkpoint(world: World) -> None:
    grown(world)
    rewrite(world, 15, lambda body: body.replace(b'"done"', b'"failed"'))
    fault = checked(world).fault
    assert fault is not None
    # Nothing tells entry 15 from its neighbours any more: the span between two checkpoints is named.
    assert (fault.position, fault.kind) == (13, "root")
    assert "13 to 19" in fault.sentence


def test_entries_behind_the_last_checkpoint_can_be_rewritten_until_it_is_signed(world: World) -> None:
    grown(world)
    rewrite(world, 21, lambda body: body.replace(b'"done"', b'"failed"'))
    fault = checked(world).fault
    assert fault is not None
    assert fault.kind == "head"


def test_a_published_checkpoint_that_the_log_lost_shows_that_it_was_cut(world: World) -> None:
    grown(world)
    statements = [
        ("DELETE FROM audit_leaves WHERE seq >= 13", ()),
        ("DELETE FROM audit_trail WHERE seq >= 13", ()),
        ("DELETE FROM audit_checkpoints WHERE size > 13", ()),
        ("UPDATE audit_head SET size = 13", ()),
    ]
    world.tamper(*statements)
    fault = checked(world).fault
    assert fault is not None
    assert (fault.position, fault.kind) == (13, "truncated")


def test_a_log_checked_under_another_key_or_origin_is_not_that_log(world: World) -> None:
    grown(world)
    other = check(world.logs, origin="muniment.local/ffffffffffffffff")
    assert other.fault is not None
    assert (other.fault.position, other.fault.kind) == (0, "start")
    vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    foreign = check(world.logs, vkey=vkey)
    assert foreign.fault is not None
    assert foreign.fault.kind == "key"


def test_progress_is_told_up_to_the_last_entry(world: World) -> None:
    grown(world)
    told: list[tuple[int, int]] = []
    check(world.logs, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (22, 22)
