"""Signing in: what strangers learn (nothing), how often they may try, what is written down."""

import time
from datetime import timedelta

import pytest
from accounts_world import PASSWORD, START, World
from hypothesis import given
from hypothesis import strategies as st

from accounts import principals, sign_in, suspensions, throttle
from accounts.sign_in import Refused, Welcome
from accounts.throttle import FORGET, LOCK, LOCKED_FROM, pause_after

HOME = "203.0.113.7"


def try_it(world: World, name: str, password: str, address: str = HOME) -> Welcome | Refused:
    return sign_in.sign_in(world.main, name, password, address=address, clock=world.clock, keys=world.keys)


def fail(world: World, name: str, address: str = HOME) -> Refused:
    """An attempt that fails, without the work of hashing."""
    with world.main.write() as session:
        attempt = sign_in.begin(session, name, address, at=world.now, keys=world.keys)
    if isinstance(attempt, Refused):
        return attempt
    with world.main.write() as session:
        refused = sign_in.conclude(session, attempt, None, at=world.now)
    assert isinstance(refused, Refused)
    return refused


def test_the_right_password_gives_a_session(firm):
    welcome = try_it(firm, "Boss", PASSWORD)
    assert isinstance(welcome, Welcome)
    with firm.main.read() as session:
        found = principals.by_session(session, welcome.token.secret, firm.now)
    assert found is not None
    assert found.principal.id == firm.boss
    assert found.principal.may("person.manage")
    assert firm.events("sign_in.done")[-1]["actor"] == {"k": "person", "i": firm.boss.hex}


def test_each_sign_in_has_a_token_of_its_own(firm):
    tokens = {try_it(firm, "boss", PASSWORD).token.secret for _ in range(2)}  # type: ignore[union-attr]
    assert len(tokens) == 2
    assert all(len(secret) == 43 for secret in tokens)


def test_a_wrong_password_an_unknown_name_and_a_suspended_person_are_answered_alike(firm):
    person, boss = firm.person("resting"), firm.acting(firm.boss)
    with firm.main.write() as session:
        suspensions.suspend(session, person, by=boss, at=firm.now)
    answers = [
        try_it(firm, "boss", "not the password"),
        try_it(firm, "nobody", PASSWORD),
        try_it(firm, "resting", PASSWORD),
    ]
    assert answers == [Refused(0)] * 3
    refusals = firm.events("sign_in.refused")
    assert [event["d"]["reason"] for event in refusals] == ["wrong", "wrong", "suspended"]
    assert [("objects" in event) for event in refusals] == [True, False, True]
    assert {event["outcome"] for event in refusals} == {"refused"}


def test_an_unknown_name_costs_the_same_work(firm):
    with firm.main.write() as session:
        known = sign_in.begin(session, "boss", HOME, at=firm.now, keys=firm.keys)
        unknown = sign_in.begin(session, "nobody", HOME, at=firm.now, keys=firm.keys)
    assert isinstance(known, sign_in.Attempt)
    assert isinstance(unknown, sign_in.Attempt)
    assert unknown.phc.split("$")[:4] == known.phc.split("$")[:4]

    def quickest(attempt):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            assert sign_in.check(attempt, "some password") is None
            times.append(time.perf_counter() - start)
        return min(times)

    assert 0.3 < quickest(unknown) / quickest(known) < 3


def test_what_was_typed_is_not_kept(firm):
    try_it(firm, "boss", "my-bank-password-by-mistake", address="198.51.100.23")
    try_it(firm, "typed-secret-as-name", "x", address="198.51.100.23")
    assert firm.holds(["my-bank-password-by-mistake", "typed-secret-as-name", "198.51.100.23", PASSWORD]) == []


@pytest.mark.parametrize(
    ("kind", "attempts", "seconds"),
    [
        pytest.param("name", 1, 0, id="one mistake is free"),
        pytest.param("name", 2, 0, id="and a second"),
        pytest.param("name", 3, 1, id="after the third a second"),
        pytest.param("name", 4, 2, id="then it doubles"),
        pytest.param("name", 9, 64, id="and doubles"),
        pytest.param("name", 10, 900, id="the tenth locks"),
        pytest.param("name", 400, 900, id="and each after it"),
        pytest.param("address", 19, 0, id="an office mistypes more often"),
        pytest.param("address", 20, 1, id="but is delayed too"),
        pytest.param("address", 59, 900, id="never longer than the lock"),
        pytest.param("address", 60, 900, id="and locked"),
    ],
)
def test_pauses_grow_to_a_lock_of_fifteen_minutes(kind, attempts, seconds):
    assert pause_after(kind, attempts) == timedelta(seconds=seconds)


@given(st.sampled_from(["name", "address"]), st.integers(0, 10_000))
def test_one_more_attempt_never_shortens_the_pause(kind, attempts):
    assert timedelta(0) <= pause_after(kind, attempts) <= pause_after(kind, attempts + 1) <= LOCK


@pytest.mark.parametrize("name", ["boss", "nobody"])
def test_ten_wrong_passwords_lock_a_name_whether_or_not_it_exists(firm, name):
    for number in range(LOCKED_FROM["name"]):
        refused = fail(firm, name, address=f"192.0.2.{number}")
        firm.clock.go(timedelta(seconds=refused.wait_seconds if number < LOCKED_FROM["name"] - 1 else 0))
    assert refused == Refused(900)
    assert firm.events("sign_in.refused")[-1]["d"]["locked"] is True
    firm.clock.go(LOCK - timedelta(seconds=1))
    assert try_it(firm, name, PASSWORD) == Refused(1)
    firm.clock.go(timedelta(seconds=1))
    assert isinstance(try_it(firm, name, PASSWORD), Welcome if name == "boss" else Refused)


def test_an_attempt_that_comes_too_early_is_neither_counted_nor_logged(firm):
    for _ in range(3):
        fail(firm, "boss")
    logged = len(firm.events("sign_in.refused"))
    for _ in range(50):
        assert fail(firm, "boss") == Refused(1)
    assert len(firm.events("sign_in.refused")) == logged == 3
    firm.clock.go(timedelta(seconds=1))
    assert isinstance(try_it(firm, "boss", PASSWORD), Welcome)


def test_attempts_are_counted_before_they_are_judged(firm):
    """A thousand at once gain nothing: those under way count already."""
    begun = []
    with firm.main.write() as session:
        for _ in range(20):
            begun.append(sign_in.begin(session, "boss", HOME, at=firm.now, keys=firm.keys))
    assert [isinstance(attempt, Refused) for attempt in begun] == [False] * 3 + [True] * 17


def test_an_address_is_locked_over_many_names_and_an_own_account_does_not_clear_it(firm):
    for number in range(40):
        # Past the growing pauses, so that only the count matters.
        firm.clock.go(LOCK)
        fail(firm, f"name {number}")
        firm.clock.go(LOCK)
        with firm.main.write() as session:
            attempt = sign_in.begin(session, "boss", HOME, at=firm.now, keys=firm.keys)
        assert isinstance(attempt, sign_in.Attempt)
        with firm.main.write() as session:
            verified = sign_in.Verified(firm.boss, attempt.phc, None)
            assert isinstance(sign_in.conclude(session, attempt, verified, at=firm.now), Welcome)
    assert fail(firm, "boss").wait_seconds == 900
    assert fail(firm, "boss", address="203.0.113.8") == Refused(0)


def test_a_day_without_attempts_forgets_the_count(firm):
    for _ in range(3):
        fail(firm, "boss")
    firm.clock.go(FORGET)
    with firm.main.write() as session:
        # The name and the address.
        assert throttle.forget(session, at=firm.now) == 2
    assert fail(firm, "boss") == Refused(0)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        pytest.param("203.0.113.7", "203.0.113.7", id="IPv4"),
        pytest.param("::ffff:203.0.113.7", "203.0.113.7", id="IPv4 in IPv6"),
        pytest.param("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64", id="IPv6 by its network"),
        pytest.param("fe80::1%eth0", "fe80::/64", id="with a zone"),
        pytest.param("testclient", "testclient", id="no address at all"),
    ],
)
def test_an_address_is_what_one_attacker_has(address, network):
    assert throttle.network_of(address) == network


@given(st.text(max_size=50))
def test_any_name_and_any_address_can_be_tried(name):
    assert throttle.network_of(name)[:100] == throttle.network_of(name)


def test_a_password_changed_during_the_attempt_is_wrong(firm):
    with firm.main.write() as session:
        attempt = sign_in.begin(session, "boss", HOME, at=firm.now, keys=firm.keys)
    assert isinstance(attempt, sign_in.Attempt)
    with firm.main.write() as session:
        stale = sign_in.Verified(firm.boss, "$another", None)
        assert sign_in.conclude(session, attempt, stale, at=START) == Refused(0)
