"""The set-up: the short time in which roles need no second person, because there is none yet.

It is open from the first start until somebody closes it, or 24 hours after the first
administrator's account: without one nobody could ever be added again. A one-time link,
printed at the start and stored as a digest, lets whoever reads the console make that
account; a restart replaces it, its use ends it. Every role given while the set-up is open
is logged with the basis ``set_up``.
"""

import hmac
from datetime import datetime, timedelta

from sqlalchemy import CheckConstraint, LargeBinary, func, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.bearer import digest, new_secret
from accounts.events import SetupClosed, SetupLinkUsed
from accounts.grants import RoleGrant
from accounts.principal import Principal, system
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, NotFound

OPEN_FOR = timedelta(hours=24)
"""How long the set-up stays open after the first administrator came, unless it is closed before."""


class DeadLink(NotFound):
    """The set-up link was used or replaced; the newest one is on the console."""

    code = "dead_setup_link"


class SetupOver(Conflict):
    """The set-up is closed."""

    code = "setup_over"


class Setup(MainTable):
    """The one set-up of this installation."""

    __tablename__ = "setup"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    link_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    closed_at: Mapped[datetime | None]


class NoAdministrator(Conflict):
    """Add an administrator first; nobody could add people afterwards."""

    code = "no_administrator"


def open_until(first_administrator_at: datetime | None) -> datetime | None:
    """When the set-up ends by itself; ``None`` while there never was an administrator."""
    return None if first_administrator_at is None else first_administrator_at + OPEN_FOR


def is_open(session: ReadSession, at: datetime) -> bool:
    """Whether roles may still be given without a second person."""
    row = session.get(Setup, 1)
    if row is not None and row.closed_at is not None:
        return False
    end = open_until(_first_administrator_at(session))
    return end is None or at < end


def needs_first_account(session: ReadSession) -> bool:
    """Whether nobody ever was administrator, so that the link should be printed."""
    return _first_administrator_at(session) is None


def new_link_token(session: WriteSession, *, at: datetime) -> str:
    """A fresh secret for the one-time link; the one before opens nothing any more.

    Raises:
        SetupOver: there is an administrator already, or the set-up was closed.
    """
    if not needs_first_account(session) or not is_open(session, at):
        raise SetupOver("sign in, or add people with an administrator's account")
    secret, row = new_secret(), _row(session)
    row.link_digest = digest(secret)
    return secret


def is_link(session: ReadSession, secret: str, at: datetime) -> bool:
    """Whether the link is the live one, so that the page may be shown. Uses nothing up."""
    row = session.get(Setup, 1)
    if row is None or row.link_digest is None or not is_open(session, at):
        return False
    return hmac.compare_digest(row.link_digest, digest(secret))


def use_link(session: WriteSession, secret: str, *, at: datetime) -> Principal:
    """Use the link up; tells who acts through it: the set-up itself.

    Call it in the transaction that makes the account, so that a failure gives the link back.

    Raises:
        DeadLink: it was used, replaced, or never was.
    """
    if not is_link(session, secret, at):
        raise DeadLink()
    _row(session).link_digest = None
    principal = system("setup")
    intake.append(session, SetupLinkUsed(by=principal.actor, basis="set_up"), at=at)
    return principal


def operator(session: ReadSession, at: datetime) -> Principal:
    """Who acts from the machine's own command line before anybody could sign in.

    Raises:
        SetupOver: the set-up is closed; act as a person.
    """
    if not is_open(session, at):
        raise SetupOver("name the person who acts")
    return system("setup")


def close(session: WriteSession, *, by: Principal, at: datetime) -> None:
    """Close the set-up for good; closing it twice changes nothing.

    Raises:
        NotAllowed: ``by`` may not.
        NoAdministrator: there never was one.
    """
    by.require("installation.manage")
    if needs_first_account(session):
        raise NoAdministrator()
    _close(session, "closed", by, at)


def close_when_due(session: WriteSession, *, at: datetime) -> bool:
    """Write down that the 24 hours are over; tells whether this call did. For the beat."""
    if is_open(session, at):
        return False
    return _close(session, "time", system("maintenance"), at)


def _close(session: WriteSession, reason: str, by: Principal, at: datetime) -> bool:
    row = _row(session)
    if row.closed_at is not None:
        return False
    row.closed_at, row.link_digest = at, None
    session.flush()
    intake.append(session, SetupClosed(by=by.actor, reason=reason), at=at)
    return True


def _row(session: WriteSession) -> Setup:
    row = session.get(Setup, 1)
    if row is None:
        row = Setup(id=1)
        session.add(row)
        session.flush()
    return row


def _first_administrator_at(session: ReadSession) -> datetime | None:
    return session.scalar(select(func.min(RoleGrant.valid_from)).where(RoleGrant.role == "administrator"))
