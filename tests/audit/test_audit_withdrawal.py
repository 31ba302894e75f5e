"""Entries that two persons withdrew: what goes, what stays, what is never taken, and what is still a fault."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from audit_world import ANNA, AS_ANNA, BRUNO, KEY, ORIGIN, RECORD, T0, Renamed, World
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from audit import trail, trail_search, withdrawal
from audit.check import check
from audit.checkpoint import rebuild
from audit.entries import AuditLeaf, AuditTrail
from audit.events import Actor, LogKeyChanged
from audit.note import parse_checkpoint, parse_note
from audit.opening import AuditOpening
from audit.publish import Folder
from audit.ranges import tile_content
from audit.served import inclusion
from audit.tiles import ENTRIES, Tile, grown
from audit.trail_search import Asked
from audit.tree import verify_inclusion
from audit.verify import Verdict
from audit.withdrawal import EntryWithdrawn, LogWithdrawn, Range
from tests.support import databases


def withdrawn(
    first: int, past: int, *, by: Actor = AS_ANNA, second: UUID | None = BRUNO, newest: datetime = T0
) -> LogWithdrawn:
    return LogWithdrawn(by=by, second=second, withdrawal=UUID(int=7), range=Range(first, past), newest=newest, years=11)


def long(world: World, entries: int = 1100) -> World:
    """A log of so many entries, some with openings, signed and published."""
    for number in range(entries - 1):
        world.clock.tick(seconds=1)
        if number % 50 == 0:
            world.log.record([Renamed(reason=f"reason {number}")], at=world.clock.now())
        elif number % 10 == 0:
            world.record(1, purpose="audit")
        else:
            world.log.submit([Renamed()], at=world.clock.now())
    world.log.record([Renamed()], at=world.clock.now())
    world.signer().sign_if_grown()
    return world


def withdraw(world: World, *events: LogWithdrawn) -> int:
    world.clock.tick(days=4100)
    world.log.record(list(events), at=world.clock.now())
    signer = world.signer()
    signer.sign_if_grown()
    return signer.withdraw()


def checked(world: World) -> Verdict:
    return check(world.logs, origin=ORIGIN, vkey=str(KEY.verifier), file=world.file)


@pytest.fixture
def after(world: World) -> World:
    assert withdraw(long(world), withdrawn(256, 768)) == 512
    return world


def test_bytes_openings_and_trail_go_while_hashes_stay_and_everything_verifies(after: World) -> None:
    with after.logs.read() as session:
        within = (AuditLeaf.seq >= 256, AuditLeaf.seq < 768)
        columns = select(AuditLeaf.entry, AuditLeaf.hash, AuditLeaf.event_id)
        rows = session.execute(columns.where(*within).order_by(AuditLeaf.seq)).all()
        assert len(rows) == 512
        assert all(entry == b"" and event_id == own[:16] for entry, own, event_id in rows)
        assert not session.scalars(select(AuditTrail.seq).where(AuditTrail.seq >= 256, AuditTrail.seq < 768)).all()
        ids = set(session.scalars(select(AuditLeaf.event_id)))
        assert {row.event_id for row in session.scalars(select(AuditOpening))} <= ids
        size, hashes = inclusion(session, 300)
        assert verify_inclusion(rows[44][1], 300, size, hashes, _root(after))
    verdict = checked(after)
    assert (verdict.fault, verdict.gone, verdict.withdrawn) == (None, 512, ((256, 768, 1101),)), verdict


def _root(world: World) -> bytes:
    return parse_checkpoint(parse_note(world.file.read_text("utf-8")).text).root


def test_the_folder_says_what_was_withdrawn_and_is_made_again_without_it(after: World) -> None:
    folder = after.file.parent
    told = json.loads((folder / "withdrawn.json").read_text("utf-8"))
    assert told == [{"event": 1101, "from": 256, "to": 768}]
    there = {path.name for path in (folder / "tile/entries").iterdir() if path.suffix == ".gz"}
    assert there == {"000.gz", "003.gz"}
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    signer = after.signer()
    signer.start()
    assert rebuild(after.logs, after.file) > 0
    Folder(folder).show(before[after.file.relative_to(folder)].decode())
    now = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {name: data for name, data in before.items() if "entries" in name.parts} == {
        name: data for name, data in now.items() if "entries" in name.parts
    }
    assert now.items() >= {name: data for name, data in before.items() if ".p" not in str(name)}.items()


def test_a_bundle_that_came_back_with_an_old_copy_of_the_folder_goes_again(after: World) -> None:
    place = after.file.parent / "tile/entries/001.gz"
    place.write_bytes(b"old")
    rebuild(after.logs, after.file)
    assert not place.exists()


def test_who_asks_for_such_an_entry_is_told_that_it_was_withdrawn(after: World) -> None:
    with after.logs.read() as session:
        for ask in (
            lambda: trail.entry(session, 300),
            lambda: trail.leaf(session, 767),
            lambda: tile_content(session, Tile(ENTRIES, 2)),
        ):
            with pytest.raises(EntryWithdrawn):
                ask()
        assert trail.entry(session, 255).seq == 255
        assert trail.entry(session, 768).seq == 768


def test_the_trail_passes_over_what_was_withdrawn(after: World) -> None:
    with after.logs.read() as session:
        found = trail_search.find(session, Asked(), before=770, limit=4)
        assert [entry.seq for entry in found.entries] == [769, 768, 255, 254]
        by_record = trail_search.find(session, Asked(record=RECORD), before=770, limit=3)
        assert [entry.seq for entry in by_record.entries] == [769, 768, 255]
        for at in (100, 255, 800, 1101):
            asked = trail.entry(session, at).appended_at
            first = trail_search.first_from(session, asked, 1102)
            assert first <= at
            assert trail.entry(session, first).appended_at == asked
            assert trail.entry(session, first - 1).appended_at < asked
        # A time within the gap: whatever comes next is behind it.
        assert trail_search.first_from(session, T0.replace(minute=8, second=20), 1102) in (256, 768)


def test_it_happens_once_and_goes_on_where_it_was_interrupted(world: World) -> None:
    long(world)
    world.clock.tick(days=4100)
    world.log.record([withdrawn(256, 768)], at=world.clock.now())
    signer = world.signer()
    assert signer.withdraw() == 0, "before a checkpoint says so"
    signer.sign_if_grown()
    original = withdrawal._strip
    calls = []

    def cut_short(database: Any, first: int) -> int:
        if calls:
            raise KeyboardInterrupt
        calls.append(first)
        return original(database, first)

    withdrawal._strip = cut_short
    try:
        with pytest.raises(KeyboardInterrupt):
            signer.withdraw()
    finally:
        withdrawal._strip = original
    assert checked(world).fault is None
    assert world.signer().withdraw() == 0, "a process that has not published yet"
    assert signer.withdraw() == 256
    assert signer.withdraw() == 0
    assert (checked(world).fault, checked(world).gone) == (None, 512)


def test_what_the_verifier_needs_is_never_due(world: World) -> None:
    long(world, 600)
    world.clock.tick(seconds=1)
    world.log.record([LogKeyChanged(by=AS_ANNA, vkey=str(KEY.verifier))], at=world.clock.now())
    long(world, 1000)
    with world.logs.read() as session:
        key_bundle = (
            next(seq for seq in session.scalars(select(AuditTrail.seq).where(AuditTrail.key == b"log.key_changed")))
            // 256
        )
        for below, past in ((1600, 1536), (1535, 1280), (256, 0), (511, 0)):
            found = withdrawal.due(session, below)
            numbers = {number for one in found for number in range(one.first // 256, one.past // 256)}
            assert numbers == set(range(1, past // 256)) - {key_bundle}
            assert all(one.first % 256 == 0 and one.past % 256 == 0 for one in found)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(withdrawn(0, 256), id="the first bundle"),
        pytest.param(withdrawn(256, 300), id="half a bundle"),
        pytest.param(withdrawn(1024, 1280), id="entries still to come"),
    ],
)
def test_what_may_not_go_stays_whatever_an_entry_says(world: World, event: LogWithdrawn) -> None:
    long(world)
    # Either nothing of it is carried out, or the database refuses to note it.
    with suppress(DBAPIError):
        assert withdraw(world, event) == 0
    with world.logs.read() as session:
        assert session.scalar(select(AuditLeaf.seq).where(AuditLeaf.entry == b"")) is None


def _sql(*statements: str) -> Callable[[World], None]:
    return lambda world: databases.tamper(world.folder, "log", [(each, ()) for each in statements])


_GONE = "UPDATE audit_leaves SET entry = zeroblob(0), event_id = substr(hash, 1, 16) WHERE seq >= {0} AND seq < {1}"
_TRAIL = "DELETE FROM audit_trail WHERE seq >= {0} AND seq < {1}"


def _both(first: int, past: int) -> tuple[str, str]:
    return _GONE.format(first, past), _TRAIL.format(first, past)


@pytest.mark.parametrize(
    ("attack", "fault"),
    [
        pytest.param(_sql(*_both(768, 1024)), (768, "form"), id="a bundle more than was withdrawn"),
        pytest.param(
            _sql(*_both(768, 1024), "INSERT INTO audit_withdrawals VALUES (768, 1024, 1050)"),
            (768, "missing"),
            id="a withdrawal that no entry tells of",
        ),
        pytest.param(_sql(*_both(0, 256)), (0, "form"), id="the beginning of the log"),
        pytest.param(
            _sql("UPDATE audit_leaves SET hash = zeroblob(32), event_id = zeroblob(16) WHERE seq = 300"),
            (0, "root"),
            id="another hash where the entry was",
        ),
        pytest.param(
            _sql("UPDATE audit_leaves SET hash = zeroblob(32) WHERE seq = 767"), (767, "altered"), id="its last"
        ),
        pytest.param(_sql("DELETE FROM audit_leaves WHERE seq = 300"), (300, "missing"), id="a row gone altogether"),
        pytest.param(_sql("DELETE FROM audit_withdrawals"), (256, "form"), id="the note of it gone"),
        pytest.param(
            _sql("UPDATE audit_withdrawals SET event = 1100"), (256, "column"), id="the note names another entry"
        ),
        pytest.param(
            _sql("INSERT INTO audit_trail SELECT topic, key, 300 FROM audit_trail WHERE seq = 255"),
            (300, "column"),
            id="the trail lists what is gone",
        ),
    ],
)
def test_what_nobody_withdrew_is_a_fault(after: World, attack: Callable[[World], None], fault: tuple[int, str]) -> None:
    attack(after)
    found = checked(after).fault
    assert found is not None
    assert (found.position, found.kind) == fault, found.sentence


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(withdrawn(256, 768, second=None), id="one person"),
        pytest.param(withdrawn(256, 768, second=ANNA), id="the same person twice"),
        pytest.param(withdrawn(256, 768, by=Actor("system", name="log")), id="nobody"),
        pytest.param(replace(withdrawn(256, 768), outcome="refused"), id="refused"),
    ],
)
def test_an_entry_that_two_persons_did_not_stand_behind_withdraws_nothing(world: World, event: LogWithdrawn) -> None:
    withdraw(long(world), event)
    if checked(world).gone == 0:
        databases.tamper(
            world.folder,
            "log",
            [(each, ()) for each in (*_both(256, 768), "INSERT INTO audit_withdrawals VALUES (256, 768, 1101)")],
        )
    found = checked(world).fault
    assert found is not None
    assert (found.position, found.kind) == (256, "missing")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_leaves SET entry = x'' WHERE seq = 800",
        "UPDATE audit_leaves SET entry = x'', event_id = substr(hash, 1, 16) WHERE seq = 800",
        "UPDATE audit_leaves SET entry = x'', event_id = substr(hash, 1, 16), hash = zeroblob(32) WHERE seq = 256",
        "UPDATE audit_leaves SET hash = zeroblob(32) WHERE seq = 300",
        "UPDATE audit_leaves SET seq = 5000 WHERE seq = 300",
        "DELETE FROM audit_leaves WHERE seq = 300",
        "DELETE FROM audit_trail WHERE seq = 800",
        "UPDATE audit_trail SET seq = 300 WHERE seq = 800",
        "DELETE FROM audit_withdrawals",
        "UPDATE audit_withdrawals SET past = 1024",
        "INSERT INTO audit_withdrawals VALUES (768, 1024, 1050)",
        "INSERT INTO audit_withdrawals VALUES (0, 256, 1101)",
    ],
)
@pytest.mark.skipif(
    databases.is_postgresql(), reason="in SQLite's words; PostgreSQL's are in test_migrations_postgresql"
)
def test_the_database_lets_this_go_and_nothing_else(after: World, statement: str) -> None:
    with pytest.raises(DBAPIError), after.logs.write() as session:
        session.connection().exec_driver_sql(statement)
    assert checked(after).fault is None


def test_bundles_that_are_still_there_are_no_fault(world: World) -> None:
    long(world)
    world.clock.tick(days=4100)
    world.log.record([withdrawn(256, 768)], at=world.clock.now())
    world.signer().sign_if_grown()
    verdict = checked(world)
    assert (verdict.fault, verdict.gone, verdict.withdrawn) == (None, 0, ((256, 768, 1101),))
    assert len(list(grown(0, 1102))) > 5
