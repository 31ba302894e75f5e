"""Signing: only what extends what was signed before, and durably."""

from datetime import timedelta
from uuid import UUID

import pytest
from audit_world import AS_ANNA, BRUNO, KEY, ORIGIN, RECORD, T0, Opened, Renamed, World

from audit import trail
from audit.alias import forget_aliases
from audit.checkpoint import LogMismatch, Signer
from audit.note import open_checkpoint
from audit.ranges import NoSuchEntry, range_over
from audit.tree import root_of, verify_consistency, verify_inclusion


def leaves(world: World) -> list[bytes]:
    from audit.leaf import leaf_hash

    return [leaf_hash(entry) for entry in world.entries()]


def test_a_checkpoint_covers_all_entries_and_is_published(world: World) -> None:
    signer = world.signer()
    world.record(5)
    made = signer.sign_if_grown()
    assert made is not None
    assert (made.size, made.root) == (6, root_of(leaves(world)))
    assert open_checkpoint(world.file.read_text(), [KEY.verifier], origin=ORIGIN) == made
    assert signer.sign_if_grown() is None
    world.record(1)
    assert world.signer().sign_if_grown() is not None
    assert not list(world.file.parent.glob(".*"))


def test_a_file_left_behind_by_a_crash_is_put_right(world: World) -> None:
    signer = world.signer()
    world.record(1)
    signer.sign_if_grown()
    before = world.file.read_text()
    world.record(1)
    signer.sign_if_grown()
    after = world.file.read_text()
    for left in (before, None):
        world.file.unlink()
        if left is not None:
            world.file.write_text(left)
        world.signer().sign_if_grown()
        assert world.file.read_text() == after


FLIP = (
    "UPDATE audit_leaves SET entry = CAST(replace(CAST(entry AS TEXT), '\"done\"', '\"failed\"') AS BLOB) WHERE seq = ?"
)


@pytest.mark.parametrize(
    ("statement", "values", "position"),
    [
        pytest.param(FLIP, (4,), 4, id="a signed entry at the right edge"),
        pytest.param(FLIP, (9,), 9, id="an entry not yet signed"),
        pytest.param("DELETE FROM audit_leaves WHERE seq = 3", (), 3, id="a signed entry missing"),
        pytest.param("DELETE FROM audit_leaves WHERE seq = 9", (), 9, id="an unsigned entry missing"),
        pytest.param("DELETE FROM audit_leaves WHERE seq >= 4", (), 5, id="the tail cut off"),
        pytest.param("UPDATE audit_head SET size = 4, range = zeroblob(32)", (), 4, id="the head set back"),
        pytest.param("UPDATE audit_head SET range = zeroblob(64)", (), 9, id="the head's range"),
        pytest.param("UPDATE audit_checkpoints SET root = zeroblob(32)", (), 5, id="a signed root"),
        pytest.param("UPDATE audit_checkpoints SET note = replace(note, '6', '7')", (), 5, id="a signed note"),
        pytest.param("DELETE FROM audit_checkpoints", (), 0, id="the checkpoints"),
    ],
)
def test_a_log_that_is_not_the_signed_one_is_not_started(
    world: World, statement: str, values: tuple[int, ...], position: int
) -> None:
    world.record(5)
    world.signer().sign_if_grown()
    world.record(4)
    world.signer().start()
    world.tamper((statement, values))
    with pytest.raises(LogMismatch) as mismatch:
        world.signer().start()
    assert mismatch.value.fields["position"] == position


def test_nothing_is_signed_that_does_not_extend_what_was(world: World) -> None:
    signer = world.signer()
    world.record(5)
    signer.sign_if_grown()
    published = world.file.read_text()
    world.record(3)
    world.tamper((FLIP, (7,)))
    with pytest.raises(LogMismatch) as mismatch:
        signer.sign_if_grown()
    assert mismatch.value.fields["position"] == 7
    assert world.file.read_text() == published


def test_a_database_put_back_to_an_older_state_is_noticed_while_running(world: World) -> None:
    signer = world.signer()
    world.record(1)
    signer.sign_if_grown()
    world.record(1)
    signer.sign_if_grown()
    world.tamper(("DELETE FROM audit_checkpoints WHERE size = 3", ()))
    with pytest.raises(LogMismatch):
        signer.sign_if_grown()
    with pytest.raises(LogMismatch):
        Signer(world.logs, KEY, world.file, world.clock).start()


def test_proofs_read_from_the_log_verify_across_full_subtrees(world: World) -> None:
    for _ in range(7):
        world.record(100)
    known = leaves(world)
    assert len(known) == 701
    with world.logs.read() as session:
        for size in (1, 2, 255, 256, 257, 512, 513, 701):
            assert range_over(session, 0, size).root() == root_of(known[:size])
            for seq in {0, size // 2, size - 1}:
                path = trail.proof(session, seq, size)
                assert verify_inclusion(known[seq], seq, size, path, root_of(known[:size]))
            path = trail.consistency_proof(session, size, 701)
            assert verify_consistency(size, 701, root_of(known[:size]), root_of(known), path)
        for seq, size in ((701, 701), (0, 702), (-1, 5)):
            with pytest.raises(NoSuchEntry):
                trail.proof(session, seq, size)
        for first, second in ((0, 5), (6, 5), (1, 702)):
            with pytest.raises(NoSuchEntry):
                trail.consistency_proof(session, first, second)
    world.signer().start()
    world.signer().sign_if_grown()


def test_a_record_s_history_is_told_newest_first_and_in_pages(world: World) -> None:
    other = UUID(int=0xEE)
    world.log.record([Opened(page=1), Opened(records=(other,)), Renamed(), Opened(page=2)], at=T0)
    with world.logs.read() as session:
        told = trail.history(session, "record", RECORD)
        assert [entry.seq for entry in told] == [4, 3, 1]
        assert [entry.seq for entry in trail.history(session, "record", RECORD, limit=2)] == [4, 3]
        assert [entry.seq for entry in trail.history(session, "record", RECORD, before=3)] == [1]
        assert trail.history(session, "record", UUID(int=1)) == []
        assert [entry.seq for entry in trail.by_action(session, "test.record.renamed")] == [3]
        first = trail.entry(session, 1)
        with pytest.raises(NoSuchEntry):
            trail.entry(session, 99)
    assert first == told[-1]
    assert (first.by, first.details, first.nameless) == (AS_ANNA, {"page": 1}, 0)
    assert (first.at, first.appended_at - first.at) == (T0, timedelta())
    assert first.objects[0].digest == bytes(32)


def test_an_event_about_many_records_is_in_the_history_of_each(world: World) -> None:
    records = tuple(UUID(int=number) for number in range(1, 1200))
    world.log.record([Opened(records=records)], at=T0)
    with world.logs.read() as session:
        for record in (records[0], records[700], records[-1]):
            told = trail.history(session, "record", record)
            assert len(told) == 1
            assert record in [item.id for item in told[0].objects]


def test_what_a_person_did_is_told_until_the_mapping_is_erased(world: World) -> None:
    world.log.record([Opened(), Renamed(), Renamed(person=BRUNO, second=BRUNO)], at=T0)
    with world.logs.read() as session:
        assert AS_ANNA.id is not None
        assert [entry.seq for entry in trail.of_person(session, AS_ANNA.id)] == [3, 2, 1]
        assert [entry.seq for entry in trail.of_person(session, BRUNO)] == [3]
        assert [entry.seq for entry in trail.history(session, "person", BRUNO)] == [3]
        assert trail.entry(session, 3).second == BRUNO
    with world.logs.write() as session:
        forget_aliases(session, kind="person", subject=BRUNO)
    with world.logs.read() as session:
        assert trail.of_person(session, BRUNO) == []
        erased = trail.entry(session, 3)
    assert (erased.second, erased.nameless) == (None, 2)
    assert BRUNO not in [item.id for item in erased.objects]
