"""Passwords: hashed by argon2id, checked, replaced, reset.

Hashing takes some 50 ms and 64 MiB on purpose, so it never happens inside a transaction and
never more than twice at once: the edge hashes or checks first, and commands take the
result. Parameters are those of RFC 9106, 4 (second recommended option); a password checked
against older ones is hashed anew at that sign-in.
"""

import secrets
import threading
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import sessions
from accounts.events import PasswordChanged, PasswordReset
from accounts.password_rules import MAX_LENGTH, weakness
from accounts.principal import NotAllowed, Principal
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Forbidden, Invalid, NotFound

APPROVAL_PAUSE = timedelta(hours=72)
"""How long approvals of a person rest after somebody else has reset their sign-in."""

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_AT_ONCE = threading.BoundedSemaphore(2)


class WeakPassword(Invalid):
    """Choose another password."""

    code = "weak_password"


class WrongPassword(Forbidden):
    """The password is not right."""

    code = "wrong_password"


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """An argon2id hash in PHC form, made by ``hash_password``: proof that the rules were asked."""

    phc: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verified:
    """A person gave this very password of theirs a moment ago."""

    person: UUID
    phc: str = field(repr=False)
    renewed: PasswordHash | None
    """The same password under the present parameters, where they have changed."""


class Password(MainTable):
    """The password of one person."""

    __tablename__ = "passwords"

    person: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    phc: Mapped[str] = mapped_column(String(200))
    changed_at: Mapped[datetime]
    must_change: Mapped[bool]
    """Somebody else chose it: until it is changed, nothing but changing it is allowed."""
    reset_at: Mapped[datetime | None]
    """When somebody else last reset it."""


def hash_password(password: str, *, names: tuple[str, ...] = ()) -> PasswordHash:
    """Check the rules and hash; slow on purpose, so call it outside transactions.

    Raises:
        WeakPassword: the rules refuse it; the detail says why and never repeats it.
    """
    if reason := weakness(password, names):
        raise WeakPassword(reason)
    with _AT_ONCE:
        return PasswordHash(_HASHER.hash(_normal(password)))


def matches(phc: str, password: str) -> bool:
    """Whether ``password`` is the one; slow on purpose, so call it outside transactions."""
    try:
        with _AT_ONCE:
            return _HASHER.verify(phc, _normal(password))
    except (Argon2Error, InvalidHashError):
        return False


def verify(person: UUID, phc: str, password: str) -> Verified | None:
    """Check a password of ``person`` outside any transaction; ``None`` where it is wrong."""
    if len(password) > MAX_LENGTH or not matches(phc, password):
        return None
    renewed = None
    if _HASHER.check_needs_rehash(phc):
        with _AT_ONCE:
            renewed = PasswordHash(_HASHER.hash(_normal(password)))
    return Verified(person, phc, renewed)


@cache
def phc_of_nobody() -> str:
    """A hash that no password matches, checked for unknown names so that they take as long."""
    return _HASHER.hash(secrets.token_bytes(32))


def get_phc(session: ReadSession, person: UUID) -> str:
    """The stored hash, to be checked outside the transaction.

    Raises:
        NotFound: the person has no password.
    """
    return _get(session, person).phc


def set_first(session: WriteSession, person: UUID, new: PasswordHash, *, at: datetime) -> None:
    """Give a new person their password."""
    session.add(Password(person=person, phc=new.phc, changed_at=at, must_change=False, reset_at=None))
    session.flush()


def change_own(session: WriteSession, verified: Verified, new: PasswordHash, *, by: Principal, at: datetime) -> None:
    """Replace one's own password, just verified; the other sessions of the person end.

    Raises:
        WrongPassword: ``verified`` is of another person or of a password replaced since.
    """
    row = _get(session, verified.person)
    if verified.person != by.id or row.phc != verified.phc:
        raise WrongPassword("the password was changed meanwhile; sign in again")
    row.phc, row.changed_at, row.must_change = new.phc, at, False
    sessions.end_all(session, verified.person, "password_changed", by=by, at=at, but=by.session_id)
    intake.append(session, PasswordChanged(by=by.actor, person=verified.person), at=at)


def renew(session: WriteSession, verified: Verified) -> None:
    """Store the same password under the present parameters, unless it was replaced since."""
    row = _get(session, verified.person)
    if verified.renewed is not None and row.phc == verified.phc:
        row.phc = verified.renewed.phc


def reset(session: WriteSession, person: UUID, new: PasswordHash, *, by: Principal, at: datetime) -> None:
    """Set the password of somebody else: they must change it, and their approvals rest for 72 hours.

    Raises:
        NotAllowed: ``by`` may not, or is that person and has to use ``change_own``.
    """
    by.require("person.manage")
    if by.id == person:
        raise NotAllowed("change your own password with the present one")
    row = session.get(Password, person)
    if row is None:
        row = Password(person=person)
        session.add(row)
    row.phc, row.changed_at, row.must_change, row.reset_at = new.phc, at, True, at
    session.flush()
    sessions.end_all(session, person, "password_reset", by=by, at=at)
    intake.append(session, PasswordReset(by=by.actor, person=person), at=at)


def approvals_rest(reset_at: datetime | None, at: datetime) -> bool:
    """Whether approvals rest at ``at``, because somebody else has reset the sign-in."""
    return reset_at is not None and at < reset_at + APPROVAL_PAUSE


def _get(session: ReadSession, person: UUID) -> Password:
    row = session.scalar(select(Password).where(Password.person == person))
    if row is None:
        raise NotFound("this person has no password")
    return row


def _normal(password: str) -> bytes:
    # The same password typed on two keyboards must be the same bytes (RFC 8265, 4.2).
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
