"""Sessions: their ends, their rotating tokens, and forged requests."""

from datetime import timedelta

import pytest
from accounts_world import World
from sqlalchemy import select

from accounts import principals, sessions
from accounts.sessions import GRACE, IDLE, LONGEST, ROTATION, ForgedRequest, UnknownSession, UserSession

MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)


def begin(world: World):
    with world.main.write() as session:
        return sessions.start(session, world.boss, at=world.now)


def find(world: World, secret: str):
    with world.main.read() as session:
        return principals.by_session(session, secret, world.now)


def ask(world: World, secret: str) -> str | None:
    """One request: whoever it is, what is due is written. Tells the cookie afterwards."""
    found = find(world, secret)
    if found is None:
        return None
    with world.main.write() as session:
        new = principals.write_due(session, found, at=world.now)
    return new.secret if new else secret


def test_an_idle_session_ends_after_half_an_hour(firm):
    token = begin(firm)
    firm.clock.go(IDLE - TICK)
    assert find(firm, token.secret) is not None
    firm.clock.go(TICK)
    assert find(firm, token.secret) is None


def test_a_used_session_ends_after_twelve_hours(firm):
    cookie, started = begin(firm).secret, firm.now
    while firm.now < started + LONGEST:
        cookie = ask(firm, cookie)
        assert cookie is not None
        firm.clock.go(20 * MINUTE)
    assert ask(firm, cookie) is None


def test_the_token_is_new_every_quarter_of_an_hour_and_the_old_one_soon_opens_nothing(firm):
    first = begin(firm).secret
    firm.clock.go(ROTATION - TICK)
    assert ask(firm, first) == first
    firm.clock.go(TICK)
    second = ask(firm, first)
    assert second not in (None, first)
    # A request that was on its way with the old token still counts, and rotates nothing.
    firm.clock.go(GRACE - TICK)
    assert ask(firm, first) == first
    assert ask(firm, second) == second
    firm.clock.go(TICK)
    assert ask(firm, first) is None
    assert ask(firm, second) == second


def test_two_requests_at_once_rotate_once(firm):
    token = begin(firm)
    firm.clock.go(ROTATION)
    with firm.main.write() as session:
        assert sessions.rotate(session, token.session, at=firm.now) is not None
        assert sessions.rotate(session, token.session, at=firm.now) is None


@pytest.mark.parametrize("secret", ["", "x", "\ud800", "mun_" + "a" * 43])
def test_no_other_text_is_a_token(firm, secret):
    begin(firm)
    assert find(firm, secret) is None


def test_the_database_holds_no_token(firm):
    token = begin(firm)
    firm.clock.go(ROTATION)
    second = ask(firm, token.secret)
    assert second is not None
    assert firm.holds([token.secret, second, sessions.csrf_token(firm.keys, token.session)]) == []
    with firm.main.read() as session:
        row = session.scalars(select(UserSession).where(UserSession.id == token.session)).one()
    # The search itself works: the digest is there.
    assert row.digest in firm.stored_bytes()


def test_signing_out_ends_this_session_and_one_may_end_ones_others(firm):
    here, there = firm.acting(firm.boss), firm.acting(firm.boss)
    stranger = firm.acting(firm.person("lena"))
    with firm.main.write() as session:
        with pytest.raises(UnknownSession):
            sessions.end(session, there.session_id, by=stranger, at=firm.now)
        sessions.end(session, there.session_id, by=here, at=firm.now)
        sessions.end(session, here.session_id, by=here, at=firm.now)
        with pytest.raises(UnknownSession):
            sessions.end(session, here.session_id, by=here, at=firm.now)
    assert [event["d"]["reason"] for event in firm.events("session.ended")] == ["ended_elsewhere", "signed_out"]


def test_sessions_that_are_over_are_forgotten(firm):
    begin(firm)
    firm.clock.go(timedelta(days=1))
    begin(firm)
    with firm.main.write() as session:
        sessions.forget(session, before=firm.now)
        left = session.scalars(select(UserSession.started_at)).all()
    assert left == [firm.now]


def test_a_form_carries_the_token_of_its_own_session(firm):
    here, there = begin(firm).session, begin(firm).session
    token = sessions.csrf_token(firm.keys, here)
    sessions.check_csrf(firm.keys, here, token)
    for forged in (None, "", token[:-1], token.upper(), sessions.csrf_token(firm.keys, there), "\ud800"):
        with pytest.raises(ForgedRequest):
            sessions.check_csrf(firm.keys, here, forged)


def test_a_form_open_during_a_rotation_stays_good(firm):
    token = begin(firm)
    form = sessions.csrf_token(firm.keys, token.session)
    firm.clock.go(ROTATION)
    assert ask(firm, token.secret) != token.secret
    sessions.check_csrf(firm.keys, token.session, form)
