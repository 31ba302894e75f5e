"""Signing in by name and password, in three steps.

``begin`` counts the attempt and looks up the hash, ``check`` compares (slow, outside any
transaction), ``conclude`` starts the session or writes down the refusal. What is answered
and how long it takes are the same for a wrong password and for a name that nobody has.
A refusal is a value and not an exception: the edge commits it, then shows it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from uuid import UUID

from sqlalchemy import select

from accounts import passwords, people, sessions, suspensions, throttle
from accounts.events import SignedIn, SignInRefused
from accounts.passwords import Password, Verified
from accounts.principal import system
from accounts.sessions import NewToken
from audit import intake
from audit.events import Actor
from core.clock import Clock
from core.database import Database, WriteSession
from vault.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted attempt whose password is still to be looked at."""

    person: UUID | None
    phc: str = field(repr=False)
    name: bytes = field(repr=False)
    address: bytes = field(repr=False)
    locks: bool
    """Whether it locks the name or the address, should it fail."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody was signed in."""

    wait_seconds: int
    """How long to wait before the next attempt; more than 0 as soon as attempts are delayed."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """Somebody was signed in."""

    person: UUID
    token: NewToken


def begin(session: WriteSession, name: str, address: str, *, at: datetime, keys: Keyring) -> Attempt | Refused:
    """Count an attempt for a name from an address, or refuse it because one of them has to wait.

    An attempt that comes too early is neither counted nor looked at.
    """
    found = people.fingerprint(keys, name)
    there = keys.fingerprint("sign_in_address", throttle.network_of(address).encode("utf-8", "surrogatepass"))
    pause = max(throttle.wait(session, "name", found, at), throttle.wait(session, "address", there, at))
    if pause:
        return Refused(ceil(pause.total_seconds()))
    locks = [throttle.count(session, "name", found, at), throttle.count(session, "address", there, at)]
    person = people.find_by_name(session, name, keys)
    phc = session.scalar(select(Password.phc).where(Password.person == person)) if person else None
    return Attempt(person, phc or passwords.phc_of_nobody(), found, there, any(locks))


def check(attempt: Attempt, password: str) -> Verified | None:
    """Compare the password, or for an unknown name do the same work; outside any transaction."""
    verified = passwords.verify(attempt.person or UUID(int=0), attempt.phc, password)
    return verified if attempt.person is not None else None


def conclude(session: WriteSession, attempt: Attempt, verified: Verified | None, *, at: datetime) -> Welcome | Refused:
    """Start the session with a token of its own, or write down the refusal. Commit either."""
    person = attempt.person
    if person is None or verified is None:
        return _refuse(session, attempt, "wrong", at)
    if passwords.get_phc(session, person) != verified.phc:
        return _refuse(session, attempt, "wrong", at)
    if not suspensions.is_active(session, person, at):
        return _refuse(session, attempt, "suspended", at)
    throttle.forgive(session, "name", attempt.name)
    throttle.forgive(session, "address", attempt.address)
    passwords.renew(session, verified)
    token = sessions.start(session, person, at=at)
    intake.append(session, SignedIn(by=Actor("person", person), person=person, session=token.session), at=at)
    return Welcome(person, token)


def sign_in(
    main: Database, name: str, password: str, *, address: str, clock: Clock, keys: Keyring
) -> Welcome | Refused:
    """The three steps in two short transactions, with the slow comparison between them."""
    with main.write() as session:
        attempt = begin(session, name, address, at=clock.now(), keys=keys)
    if isinstance(attempt, Refused):
        return attempt
    verified = check(attempt, password)
    with main.write() as session:
        return conclude(session, attempt, verified, at=clock.now())


def _refuse(session: WriteSession, attempt: Attempt, reason: str, at: datetime) -> Refused:
    event = SignInRefused(
        by=system("sign_in").actor, outcome="refused", person=attempt.person, reason=reason, locked=attempt.locks
    )
    intake.append(session, event, at=at)
    pause = max(
        throttle.wait(session, "name", attempt.name, at), throttle.wait(session, "address", attempt.address, at)
    )
    return Refused(ceil(pause.total_seconds()))
