"""What is asked of a store's locks, when it is asked again, and what a store without locks is said to be."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import handlers, locks, reconcile
from core import jobs
from core.errors import NotFound
from records import lock_check, object_lock, placement
from records.object_lock import CANNOT_LOCK, ClassNotConfirmed, Kept, ObjectLock
from tests.support.archive import Archive, StandingClock
from tests.support.locks import another_night, archive_over, counts, rows, work
from vault.lock import COMPLIANCE, Lock, lock_until, plus_months

DAY = date(2026, 3, 31)
MIDNIGHT = datetime(2027, 5, 1, tzinfo=UTC)
BEFORE = MIDNIGHT - timedelta(seconds=1)
STAYS = Lock(COMPLIANCE, MIDNIGHT, False)


def _row(**asked: object) -> ObjectLock:
    return ObjectLock(**{"floor": True, "retain_through": None, "held": False, **asked})


@pytest.mark.parametrize(
    ("row", "wanted", "again"),
    [
        pytest.param(_row(), date(2027, 3, 31), date(2026, 4, 30), id="awaiting its trigger: 12 months, rolling"),
        pytest.param(_row(retain_through=date(2040, 1, 1)), date(2027, 4, 30), date(2026, 4, 30), id="13 months ahead"),
        pytest.param(_row(retain_through=date(2026, 9, 1)), date(2026, 9, 1), None, id="to the end, and no further"),
        pytest.param(_row(retain_through=DAY), DAY, None, id="the last day is kept"),
        pytest.param(_row(retain_through=date(2026, 3, 30)), None, None, id="the minimum has ended"),
        pytest.param(_row(floor=False, held=True), None, None, id="a hold alone asks for no lock"),
    ],
)
def test_a_lock_is_asked_for_as_far_as_the_rule_goes(row: ObjectLock, wanted: date | None, again: date | None) -> None:
    until = object_lock.wanted_until(row, today=DAY, full_length=False)
    assert until == (None if wanted is None else datetime.combine(wanted + timedelta(days=1), datetime.min.time(), UTC))
    assert object_lock.ask_again_on(row, until, today=DAY, trouble=None) == again


def test_a_lock_of_full_length_is_asked_for_once() -> None:
    row = _row(retain_through=date(2040, 1, 1))
    until = object_lock.wanted_until(row, today=DAY, full_length=True)
    assert until == datetime(2040, 1, 2, tzinfo=UTC)
    assert object_lock.ask_again_on(row, until, today=DAY, trouble=None) is None


def test_what_was_refused_is_asked_again_the_next_day_and_a_directory_next_month() -> None:
    assert object_lock.ask_again_on(_row(), None, today=DAY, trouble="object_lock_refused") == date(2026, 4, 1)
    until = object_lock.wanted_until(_row(), today=DAY, full_length=False)
    assert object_lock.ask_again_on(_row(), until, today=DAY, trouble=CANNOT_LOCK) == date(2026, 4, 30)


@given(first=st.dates(date(2020, 1, 1), date(2040, 1, 1)), length=st.integers(0, 5000), late=st.integers(0, 6))
def test_asked_when_it_is_due_no_day_of_the_minimum_is_ever_without_a_lock(first: date, length: int, late: int) -> None:
    row, today = _row(retain_through=first + timedelta(days=length)), first
    while (until := object_lock.wanted_until(row, today=today, full_length=False)) is not None:
        again = object_lock.ask_again_on(row, until, today=today, trouble=None)
        if again is None:
            assert until == lock_until(today=today, retain_through=row.retain_through, full_length=True)
            return
        assert again < until.date() - timedelta(days=300)
        today = again + timedelta(days=late)
    raise AssertionError("it was let go before its end")


@pytest.mark.parametrize(
    ("noted", "held", "found", "codes"),
    [
        pytest.param(STAYS, False, STAYS, [], id="the same"),
        pytest.param(STAYS, False, Lock(COMPLIANCE, MIDNIGHT + timedelta(days=9), True), [], id="more than noted"),
        pytest.param(STAYS, False, None, ["object_missing"], id="the object is gone"),
        pytest.param(STAYS, False, Lock(None, None, False), ["lock_missing"], id="no lock"),
        pytest.param(STAYS, False, Lock("GOVERNANCE", MIDNIGHT, False), ["lock_weaker"], id="one to be bypassed"),
        pytest.param(STAYS, False, Lock(COMPLIANCE, BEFORE, False), ["lock_shorter"], id="a shorter one"),
        pytest.param(Lock(None, None, True), True, Lock(None, None, False), ["hold_missing"], id="the hold lifted"),
        pytest.param(Lock(None, None, True), False, Lock(None, None, False), [], id="a hold that is to be lifted"),
        pytest.param(Lock("GOVERNANCE", MIDNIGHT, False), False, Lock(None, None, False), [], id="never noted as ours"),
    ],
)
def test_whatever_the_store_keeps_less_than_noted_has_a_code(
    noted: Lock, held: bool, found: Lock | None, codes: list[str]
) -> None:
    assert lock_check.store_differences(noted, held, found) == codes


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        pytest.param(None, "2026-06-01T12:00", True, id="never before"),
        pytest.param("2026-06-01T00:30", "2026-06-02T00:10", True, id="in the night"),
        pytest.param("2026-06-02T00:30", "2026-06-02T01:30", False, id="once a night"),
        pytest.param("2026-06-01T00:30", "2026-06-01T20:00", False, id="not by day"),
        pytest.param("2026-06-01T00:30", "2026-06-02T07:00", True, id="off at night, so by day"),
    ],
)
def test_locks_are_compared_once_a_night_or_as_soon_as_the_machine_is_on(last: str | None, now: str, due: bool) -> None:
    def instant(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert lock_check.is_due(instant(last) if last else None, instant(now), "Europe/Berlin") is due


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[tuple[Archive, StandingClock]]:
    archive, clock = archive_over(tmp_path / "data")
    yield archive, clock
    archive.close()


def test_only_what_a_person_has_classed_is_locked(firm: tuple[Archive, StandingClock]) -> None:
    archive, _ = firm
    record = archive.receive()
    with archive.runtime.main.write() as session, pytest.raises(ClassNotConfirmed):
        object_lock.ask(session, record.id, retain_through=None, at=archive.now)
    archive.settle_reading(record.id, record_class="receipt", certain=True)
    with archive.runtime.main.write() as session, pytest.raises(ClassNotConfirmed):
        object_lock.ask(session, record.id, retain_through=None, at=archive.now)
    assert rows(archive, record.id) == []
    with archive.runtime.main.write() as session:
        chosen = placement.Decision(record_class="receipt")
        placement.decide(session, record.id, chosen, by=archive.principal("clerk"), at=archive.now)
        object_lock.ask(session, record.id, retain_through=None, at=archive.now)
    assert len(rows(archive, record.id)) == 1


def test_there_is_nothing_to_lock_of_a_record_that_does_not_exist(firm: tuple[Archive, StandingClock]) -> None:
    archive, _ = firm
    with archive.runtime.main.write() as session, pytest.raises(NotFound):
        object_lock.ask(session, uuid4(), retain_through=None, at=archive.now)


def test_asking_for_the_same_again_leaves_no_work(firm: tuple[Archive, StandingClock]) -> None:
    archive, _ = firm
    record = archive.receive(record_class="receipt")
    for expected in (1, 0):
        with archive.runtime.main.write() as session:
            object_lock.ask(session, record.id, retain_through=date(2040, 1, 1), at=archive.now)
        assert work(archive) == expected


def test_a_store_that_cannot_lock_is_said_to_be_one_and_never_shown_as_locked(
    firm: tuple[Archive, StandingClock], caplog: pytest.LogCaptureFixture
) -> None:
    archive, clock = firm
    record = archive.receive(record_class="receipt")
    with archive.runtime.main.write() as session:
        object_lock.ask(session, record.id, retain_through=None, at=archive.now)
    assert counts(archive).waiting == 1
    work(archive)
    archive.settle()
    (row,) = rows(archive, record.id)
    assert (row.seen_mode, row.seen_until, row.trouble) == ("none", None, CANNOT_LOCK)
    (event,) = archive.events("object.lock_refused")
    assert (event.outcome, event.details["reason"], event.details["mode"]) == ("refused", CANNOT_LOCK, "none")
    found = reconcile.look(archive.runtime)
    assert (found.store_locks, found.locked_originals, found.unlockable_originals) == (False, 0, 1)
    assert found.agrees
    with archive.runtime.main.read() as session:
        assert object_lock.kept(session, row.object_key, row.object_version, at=archive.now) == Kept(None, False)
    with caplog.at_level(logging.ERROR):
        another_night(archive, clock)
        clock.at += timedelta(days=40)
        another_night(archive, clock)
    assert caplog.records == []
    assert len(archive.events("object.lock_refused")) == 1, "said once, not every month"


def test_a_hold_in_a_store_that_cannot_lock_is_no_hold_of_the_store(firm: tuple[Archive, StandingClock]) -> None:
    archive, _ = firm
    record = archive.receive()
    with archive.runtime.main.write() as session:
        object_lock.ask_hold(session, record.id, True, archive.now)
    work(archive)
    (row,) = rows(archive, record.id)
    assert (row.held, row.seen_held, row.trouble) == (True, False, CANNOT_LOCK)
    assert counts(archive).held == 0
    with archive.runtime.main.write() as session:
        object_lock.ask_hold(session, record.id, False, archive.now)
    work(archive)
    (row,) = rows(archive, record.id)
    assert (row.held, row.trouble) == (False, None)


def test_the_hourly_tick_asks_for_what_is_due_and_compares_once(firm: tuple[Archive, StandingClock]) -> None:
    archive, clock = firm
    record = archive.receive(record_class="receipt")
    with archive.runtime.main.write() as session:
        object_lock.ask(session, record.id, retain_through=None, at=archive.now)
    work(archive)
    for _ in range(2):
        handlers.tick(archive.runtime, "hourly", look=lambda queues: None)
    with archive.runtime.main.read() as session:
        found = jobs.counts(session)
    assert found["maintenance", jobs.READY] == 1, "the comparison, once"
    clock.at = datetime.combine(plus_months(clock.at.date(), 1), clock.at.timetz())
    assert locks.locker_of(archive.runtime).ask_due() == 1
    assert locks.locker_of(archive.runtime).ask_due() == 0, "asked once a day"


def test_a_minimum_that_fell_away_is_not_asked_for_any_more(firm: tuple[Archive, StandingClock]) -> None:
    archive, _ = firm
    record = archive.receive(record_class="receipt")
    with archive.runtime.main.write() as session:
        object_lock.ask(session, record.id, retain_through=None, at=archive.now)
        object_lock.let_lapse(session, record.id, at=archive.now)
    work(archive)
    (row,) = rows(archive, record.id)
    assert (row.floor, row.ask_on, row.trouble) == (False, None, None)


def test_a_hold_that_comes_after_many_locks_does_not_wait_for_them(tmp_path: Path) -> None:
    archive, clock = archive_over(tmp_path / "data")
    with archive.runtime.main.write() as session:
        for _ in range(3):
            object_lock.ask_store(session, uuid4(), clock.now())
    with archive.runtime.main.write() as session:
        hold = jobs.add(session, "retention.hold", queue="maintenance", at=clock.now(), hold=uuid4())
    with archive.runtime.main.write() as session:
        claims = jobs.claim(session, queue="maintenance", holder="test", at=clock.now(), limit=2)
    assert claims[0].id == hold
    assert claims[1].name == "records.lock"
    archive.close()
