"""Sessions of people at the pages: a random token in a cookie, its digest here.

The token is new at sign-in and every fifteen minutes; the one before it is taken for half a
minute more, because a browser asks for several things at once. A session ends after thirty
minutes without use and after twelve hours in any case. Requests that change something carry
a second token, derived for the session under the installation's key and stored nowhere.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import BindParameter, ForeignKey, LargeBinary, String, bindparam, delete, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.bearer import digest, new_secret
from accounts.events import SessionEnded
from accounts.principal import Principal
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Forbidden, NotFound
from core.identifiers import new_id
from vault.keyring import Keyring

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
ROTATION = timedelta(minutes=15)
GRACE = timedelta(seconds=30)
TOUCH = timedelta(minutes=1)

EndReason = Literal["signed_out", "ended_elsewhere", "password_changed", "password_reset", "suspended"]
Due = Literal["nothing", "touch", "rotation"]


class UnknownSession(NotFound):
    """There is no such session."""

    code = "unknown_session"


class ForgedRequest(Forbidden):
    """The page is out of date or the request did not come from it; reload and try again."""

    code = "forged_request"


class UserSession(MainTable):
    """One person at one browser."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[UUID] = mapped_column(ForeignKey("people.id"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    previous: Mapped[bytes | None] = mapped_column(LargeBinary(32), index=True)
    """Digest of the token before, taken for half a minute after the rotation."""
    started_at: Mapped[datetime]
    rotated_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """Last use, to the minute."""
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(20))


@dataclass(frozen=True, slots=True)
class NewToken:
    """The secret of a session, for the cookie and nowhere else."""

    session: UUID
    secret: str = field(repr=False)


def is_live(started_at: datetime, seen_at: datetime, at: datetime) -> bool:
    """Whether a session that nobody ended still runs at ``at``."""
    return at < started_at + LONGEST and at < seen_at + IDLE


def due(session: UserSession, at: datetime) -> Due:
    """What a request at ``at`` must write besides its own: nothing for most of them."""
    if at >= session.rotated_at + ROTATION:
        return "rotation"
    return "touch" if at >= session.seen_at + TOUCH else "nothing"


def start(session: WriteSession, person: UUID, *, at: datetime) -> NewToken:
    """Start a session for somebody whose password was just verified."""
    secret = new_secret()
    row = UserSession(
        id=new_id(),
        person=person,
        digest=digest(secret),
        previous=None,
        started_at=at,
        rotated_at=at,
        seen_at=at,
    )
    session.add(row)
    session.flush()
    return NewToken(row.id, secret)


_DIGEST: BindParameter[bytes] = bindparam("digest")
_RUNNING = select(UserSession).where(
    UserSession.ended_at.is_(None), or_(UserSession.digest == _DIGEST, UserSession.previous == _DIGEST)
)


def find(session: ReadSession, secret: str, at: datetime) -> UserSession | None:
    """The running session of that token; ``None`` where it ended, ran out or never was."""
    wanted = digest(secret)
    row = session.scalar(_RUNNING, {"digest": wanted})
    if row is None or not is_live(row.started_at, row.seen_at, at):
        return None
    if row.digest != wanted and at >= row.rotated_at + GRACE:
        return None
    return row


def touch(session: WriteSession, session_id: UUID, *, at: datetime) -> None:
    """Note that a session is in use; once a minute is enough."""
    row = session.get(UserSession, session_id, with_for_update=True)
    if row is not None and row.ended_at is None and row.seen_at < at:
        row.seen_at = at


def rotate(session: WriteSession, session_id: UUID, *, at: datetime) -> NewToken | None:
    """Give a running session a new token; ``None`` where another request just did, or it ended."""
    row = session.get(UserSession, session_id, with_for_update=True)
    if row is None or row.ended_at is not None or at < row.rotated_at + ROTATION:
        return None
    secret = new_secret()
    row.previous, row.digest, row.rotated_at, row.seen_at = row.digest, digest(secret), at, at
    return NewToken(row.id, secret)


def end(session: WriteSession, session_id: UUID, *, by: Principal, at: datetime) -> None:
    """Sign out, or end another session of one's own.

    Raises:
        UnknownSession: ``by`` has no running session of that id.
    """
    row = session.get(UserSession, session_id)
    if row is None or row.ended_at is not None or row.person != by.id:
        raise UnknownSession()
    _end(session, row, "signed_out" if row.id == by.session_id else "ended_elsewhere", by, at)


def end_all(
    session: WriteSession,
    person: UUID,
    reason: EndReason,
    *,
    by: Principal,
    at: datetime,
    but: UUID | None = None,
) -> int:
    """End all sessions of a person but one; tells how many. The caller has asked for permission."""
    rows = session.scalars(select(UserSession).where(UserSession.person == person, UserSession.ended_at.is_(None)))
    ended = [row for row in rows.all() if row.id != but]
    for row in ended:
        _end(session, row, reason, by, at)
    return len(ended)


def running(session: ReadSession, person: UUID, at: datetime) -> list[UserSession]:
    """The running sessions of a person, the newest first."""
    rows = session.scalars(
        select(UserSession)
        .where(UserSession.person == person, UserSession.ended_at.is_(None))
        .order_by(UserSession.started_at.desc())
    )
    return [row for row in rows if is_live(row.started_at, row.seen_at, at)]


def forget(session: WriteSession, *, before: datetime) -> int:
    """Delete sessions that ended or ran out before an instant; tells how many."""
    over = or_(UserSession.ended_at < before, UserSession.seen_at < before - IDLE)
    return len(session.execute(delete(UserSession).where(over).returning(UserSession.id)).all())


def csrf_token(keys: Keyring, session_id: UUID) -> str:
    """The token that a form or header of this session carries; the same for its whole life."""
    return keys.fingerprint("csrf", session_id.bytes).hex()


def check_csrf(keys: Keyring, session_id: UUID, given: str | None) -> None:
    """Pass if ``given`` is the token of this session.

    Raises:
        ForgedRequest: it is not.
    """
    expected = csrf_token(keys, session_id).encode()
    if not hmac.compare_digest(expected, (given or "").encode("utf-8", "surrogatepass")):
        raise ForgedRequest()


def _end(session: WriteSession, row: UserSession, reason: EndReason, by: Principal, at: datetime) -> None:
    row.ended_at, row.end_reason, row.previous = at, reason, None
    session.flush()
    intake.append(session, SessionEnded(by=by.actor, person=row.person, session=row.id, reason=reason), at=at)
