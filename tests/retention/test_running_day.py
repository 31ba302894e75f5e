"""Days of grace are days on which the system ran."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import schema
from core.sqlite import SqliteDatabase
from retention import running_day
from retention.running_day import days_left, is_over

APPROVED = datetime(2026, 3, 2, 10, tzinfo=UTC)
ZONE = "Europe/Berlin"


@pytest.mark.parametrize(
    ("later", "ran", "over"),
    [
        pytest.param(timedelta(days=7), 7, True, id="seven days, and it ran on all of them"),
        pytest.param(timedelta(days=6, hours=23), 7, False, id="an hour too early"),
        pytest.param(timedelta(days=30), 1, False, id="a month, of which it ran one day"),
        pytest.param(timedelta(days=30), 7, True, id="a month, of which it ran a week"),
    ],
)
def test_grace_is_over_when_its_days_have_passed_and_it_ran_on_as_many(later: timedelta, ran: int, over: bool):
    assert is_over(APPROVED, 7, ran=ran, at=APPROVED + later) is over


def test_no_grace_is_none():
    assert is_over(APPROVED, 0, ran=0, at=APPROVED)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_standing_still_never_shortens_grace(days: int, passed: int, ran: int):
    at = APPROVED + timedelta(days=passed)
    if is_over(APPROVED, days, ran=ran, at=at):
        assert ran >= days
        assert passed >= days
    assert (days_left(APPROVED, days, ran=ran, at=at) == 0) == is_over(APPROVED, days, ran=ran, at=at)


def test_a_jump_of_the_clock_is_no_day_on_which_anything_ran(tmp_path: Path):
    database = SqliteDatabase(tmp_path / "main.db")
    schema.MAIN.create_all(database.engine)
    with database.write() as session:
        for hours in (0, 1, 24):
            running_day.note(session, zone=ZONE, at=APPROVED + timedelta(hours=hours))
        jumped = APPROVED + timedelta(days=400)
        running_day.note(session, zone=ZONE, at=jumped)
        assert running_day.count(session, after=date(2026, 3, 2), through=jumped.date()) == 2
        assert not running_day.grace_is_over(session, APPROVED, 7, zone=ZONE, at=jumped)
        for days in range(1, 6):
            running_day.note(session, zone=ZONE, at=jumped + timedelta(days=days))
        assert running_day.grace_is_over(session, APPROVED, 7, zone=ZONE, at=jumped + timedelta(days=5))
    database.close()
