"""Whether the clock can be relied on: the rules on values, and the row with its events on the embedded database."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import principals
from accounts.principal import NotAllowed
from retention import clock_guard
from retention.clock_guard import (
    LIMIT,
    AnotherDate,
    ClockNotInDoubt,
    Finding,
    Known,
    Outside,
    Silence,
    find_doubt,
    newest_silence,
    settled_by,
)
from tests.support.app import Office

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def known(
    now: datetime = NOON,
    newest: datetime | None = NOON - MINUTE,
    silence: Silence | None = None,
    outside: tuple[Outside, ...] = (),
    size: int = 100,
) -> Known:
    return Known(now, size, newest, silence, outside)


@pytest.mark.parametrize(
    ("sight", "seen_at", "doubt"),
    [
        pytest.param(known(), None, None, id="the log was written a minute ago"),
        pytest.param(known(newest=None), None, None, id="there is no log yet"),
        pytest.param(known(newest=NOON - DAY), None, None, id="exactly a day is not more than a day"),
        pytest.param(known(newest=NOON - DAY - MINUTE), None, "gap", id="more than a day without an entry"),
        pytest.param(known(newest=NOON + DAY + MINUTE), None, "back", id="the clock was set back"),
        pytest.param(known(newest=NOON + DAY), None, None, id="set back by a day and no more"),
        pytest.param(known(newest=None), NOON + 2 * DAY, "back", id="the clock showed later at the last look"),
        pytest.param(
            known(silence=Silence(NOON - 3 * DAY, NOON - HOUR)), NOON - MINUTE, "gap", id="a silence among the entries"
        ),
        pytest.param(
            known(outside=(Outside(90, NOON - 9 * DAY, NOON - HOUR),)),
            NOON - MINUTE,
            "outside",
            id="a witness says it was nine days ago",
        ),
        pytest.param(
            known(outside=(Outside(90, NOON - HOUR, NOON - HOUR),)), NOON - MINUTE, None, id="a witness agrees"
        ),
        pytest.param(
            known(newest=NOON + 30 * DAY), NOON - HOUR, None, id="set back, confirmed, and looked at all the time since"
        ),
    ],
)
def test_the_clock_is_doubted_where_more_than_a_day_lies_between(
    sight: Known, seen_at: datetime | None, doubt: str | None
):
    found = find_doubt(sight, seen_at)
    assert (None if found is None else found.doubt) == doubt


@given(st.timedeltas(timedelta(0), LIMIT), st.timedeltas(timedelta(0), LIMIT))
def test_a_clock_within_a_day_of_everything_known_is_not_doubted(behind: timedelta, off: timedelta):
    sight = known(newest=NOON - behind, outside=(Outside(5, NOON - behind, NOON - behind + off),))
    assert find_doubt(sight, NOON - behind) is None


@given(st.timedeltas(LIMIT + timedelta(seconds=1), timedelta(days=36_500)))
def test_a_jump_of_more_than_a_day_is_never_missed(jump: timedelta):
    assert find_doubt(known(now=NOON + jump, newest=NOON), NOON) == Finding("gap", NOON, NOON + jump)


@pytest.mark.parametrize(
    ("anchor", "settles"),
    [
        pytest.param(Outside(101, NOON, NOON), True, id="given since, and about now"),
        pytest.param(Outside(100, NOON, NOON), False, id="covers nothing that was written since"),
        pytest.param(Outside(101, NOON - 9 * DAY, NOON), False, id="tells another time"),
        pytest.param(Outside(101, NOON - 3 * DAY, NOON - 3 * DAY), False, id="is too old itself"),
    ],
)
def test_an_anchor_from_outside_settles_a_doubt(anchor: Outside, settles: bool):
    assert (settled_by(known(outside=(anchor,)), 100) is not None) == settles


@given(st.lists(st.integers(0, 200), min_size=1, max_size=60), st.integers(0, 59))
def test_the_newest_silence_is_the_one_that_a_walk_through_all_entries_finds(steps: list[int], begin: int):
    times, at = [], NOON
    for hours in steps:
        at += hours * HOUR
        times.append(at)
    begin = min(begin, len(times) - 1)

    def first_after(instant: datetime) -> int:
        return next((seq for seq, time in enumerate(times) if time > instant), len(times))

    expected = None
    for one, other in zip(times[begin:], times[begin + 1 :], strict=False):
        if other - one > LIMIT:
            expected = Silence(one, other)
    assert newest_silence(lambda seq: times[seq], first_after, begin, len(times)) == expected


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office.open(tmp_path)
    yield made
    made.close()


def look(office: Office, sight: Known) -> clock_guard.ClockState:
    with office.runtime.main.write() as session:
        return clock_guard.look(session, sight)


def test_a_doubt_stays_until_an_officer_states_the_date_that_the_clock_shows(office: Office):
    assert look(office, known()).doubt is None
    later = NOON + 30 * DAY
    assert look(office, known(now=later, newest=NOON)).doubt == "gap"
    assert look(office, known(now=later + HOUR, newest=later + HOUR, size=120)).doubt == "gap"
    officer, manager = office.principal("officer"), office.principal("manager")
    with office.runtime.main.write() as session, pytest.raises(NotAllowed):
        clock_guard.confirm(session, later.date(), zone="Europe/Berlin", by=manager, at=later)
    with office.runtime.main.write() as session, pytest.raises(AnotherDate):
        clock_guard.confirm(session, NOON.date(), zone="Europe/Berlin", by=officer, at=later)
    with office.runtime.main.write() as session:
        clock_guard.confirm(session, date(2026, 7, 1), zone="Europe/Berlin", by=officer, at=later + HOUR)
    assert look(office, known(now=later + 2 * HOUR, newest=later + HOUR, size=140)).doubt is None
    with office.runtime.main.write() as session, pytest.raises(ClockNotInDoubt):
        clock_guard.confirm(session, date(2026, 7, 1), zone="Europe/Berlin", by=officer, at=later + HOUR)
    since = office.leaves()
    office.settle()
    told = [action for action in office.actions_since(since) if action.startswith("retention.clock")]
    assert told == ["retention.clock_doubted", "retention.clock_confirmed"]


def test_a_cosigned_checkpoint_since_settles_it_by_itself(office: Office):
    later = NOON + 30 * DAY
    look(office, known())
    assert look(office, known(now=later, newest=NOON, size=100)).doubt == "gap"
    agreed = (Outside(103, later + MINUTE, later + MINUTE),)
    state = look(office, known(now=later + HOUR, newest=later, size=110, outside=agreed))
    assert (state.doubt, state.confirmed_how, state.confirmed_by) == (None, "outside", None)


def test_an_operator_of_the_command_line_does_not_confirm_a_date(office: Office):
    look(office, known())
    look(office, known(now=NOON + 30 * DAY, newest=NOON))

    with office.runtime.main.read() as session:
        operator = principals.operator_for(session, "officer", at=office.runtime.clock.now(), keys=office.runtime.keys)
    with office.runtime.main.write() as session, pytest.raises(NotAllowed):
        clock_guard.confirm(session, date(2026, 7, 1), zone="Europe/Berlin", by=operator, at=NOON + 30 * DAY)
