"""The rolling fixity check on the real store: all objects within its days; what differs is told, and once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from records import fixity_walk
from records.fixity_walk import FixityTrouble, FixityWalk, Walked, share
from records.record import RecordVersion
from tests.support.app import Office
from tests.support.moving import MovableClock, open_moving

Moving = tuple[Office, MovableClock]


@pytest.fixture
def moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moving]:
    office, clock = open_moving(tmp_path, monkeypatch)
    for number in range(7):
        office.upload(f"Letter number {number} to be kept".encode())
    office.settle()
    yield office, clock
    office.close()


def check(office: Office, days: int = 3) -> Walked:
    run = office.runtime
    return fixity_walk.check_share(run.main, run.store, run.clock, days=days)


def objects(office: Office) -> int:
    with office.runtime.main.read() as session:
        return sum(
            len(session.scalars(select(naming.key)).all())
            for naming in fixity_walk._NAMINGS  # type: ignore[attr-defined]
        )


def path_of_an_original(office: Office) -> Path:
    with office.runtime.main.read() as session:
        key = session.scalars(select(RecordVersion.object_key).order_by(RecordVersion.object_key)).first()
    (path,) = office.runtime.folder.objects.rglob(f"{str(key).rpartition('/')[2]}*")
    return path


@given(st.integers(0, 100_000), st.integers(1, 400), st.integers(0, 400))
def test_a_share_a_night_comes_to_all_within_the_days(left: int, days: int, missed: int):
    nights = 0
    elapsed = timedelta(days=min(missed, days))
    while left > 0:
        left -= share(left, days, elapsed)
        elapsed += timedelta(days=1)
        nights += 1
        assert nights <= max(days - min(missed, days), 1)
    assert left == 0


def test_all_objects_are_checked_within_the_days(moving: Moving):
    office, clock = moving
    count = objects(office)
    checked = []
    for _ in range(3):
        walked = check(office)
        checked.append(walked.checked)
        assert (walked.sound, walked.wrong) == (walked.checked, 0)
        clock.forward(days=1)
    assert sum(checked) == count
    assert checked[0] == -(-count // 3)
    with office.runtime.main.read() as session:
        walk = session.get_one(FixityWalk, 1)
        assert (walk.cursor, walk.whole_at is not None) == ("", True)
    assert check(office).checked >= checked[0], "and from the beginning"


def test_nights_without_a_check_make_the_next_ones_longer(moving: Moving):
    office, clock = moving
    count = objects(office)
    first = check(office).checked
    clock.forward(days=9)
    assert check(office).checked == count - first


def test_a_changed_byte_is_an_alarm_with_its_event_and_told_once(moving: Moving):
    office, clock = moving
    path = path_of_an_original(office)
    good = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert check(office, days=1).wrong == 1
    clock.forward(days=1)
    assert check(office, days=1).wrong == 1
    with office.runtime.main.read() as session:
        (trouble,) = fixity_walk.troubles(session)
    assert trouble.code == "fixity_broken"
    office.settle()
    assert office.actions_since(0).count("object.fixity_failed") == 1
    path.write_bytes(good)
    clock.forward(days=1)
    walked = check(office, days=1)
    assert (walked.mended, walked.wrong) == (1, 0)
    with office.runtime.main.read() as session:
        assert fixity_walk.troubles(session) == []


def test_a_missing_object_is_one_too(moving: Moving):
    office, _clock = moving
    path_of_an_original(office).unlink()
    assert check(office, days=1).wrong == 1
    with office.runtime.main.read() as session:
        assert [row.code for row in fixity_walk.troubles(session)] == ["object_missing"]


def test_an_object_that_no_row_names_any_more_is_no_trouble(moving: Moving):
    office, clock = moving
    path_of_an_original(office).unlink()
    check(office, days=1)
    with office.runtime.main.write() as session:
        trouble = session.scalars(select(FixityTrouble)).one()
        named = select(RecordVersion).where(RecordVersion.object_key == trouble.object_key)
        session.delete(session.scalars(named).one())
    clock.forward(days=1)
    assert check(office, days=1).mended == 1


def test_killed_between_two_batches_it_goes_on_after_the_last(moving: Moving, monkeypatch: pytest.MonkeyPatch):
    office, _clock = moving
    monkeypatch.setattr(fixity_walk, "BATCH", 2)
    count = objects(office)
    run = office.runtime
    seen: list[int] = []

    def stop(walked: Walked) -> bool:
        seen.append(walked.checked)
        return len(seen) < 2

    fixity_walk.check_share(run.main, run.store, run.clock, days=1, go_on=stop)
    assert seen == [2, 4]
    assert check(office, days=1).checked == count - 4
