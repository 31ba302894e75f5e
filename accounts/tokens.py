"""API tokens: a person's own key for programs, narrower than the person and ending by itself.

``mun_`` and 256 random bits, shown once, stored as a digest. A token reaches only what its
scopes and the grants of its person both give, at the moment of use; it cannot make a token
that reaches farther or lives longer than itself.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, LargeBinary, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts.bearer import digest, new_secret
from accounts.events import TokenMade, TokenRevoked
from accounts.permissions import SCOPES
from accounts.principal import NotAllowed, Principal
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

PREFIX = "mun_"
DEFAULT_LIFE = timedelta(days=90)
LONGEST_LIFE = timedelta(days=366)
MAX_LABEL = 100


class InvalidToken(Invalid):
    """No token can be made so."""

    code = "invalid_token_request"


class UnknownToken(NotFound):
    """There is no such token."""

    code = "unknown_token"


class TokenOver(Conflict):
    """The token has ended already."""

    code = "token_over"


class ApiToken(MainTable):
    """One token of one person."""

    __tablename__ = "api_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[UUID] = mapped_column(ForeignKey("people.id"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    sealed_label: Mapped[bytes | None]
    """What the owner calls it, sealed under their key."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    used_on: Mapped[date | None]
    """The last day (UTC) it was used; no finer, so that it draws no picture of a working day."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token on the one occasion that its secret is shown."""

    id: UUID
    secret: str = field(repr=False)
    scopes: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as its owner sees it afterwards."""

    id: UUID
    label: str | None = field(repr=False)
    scopes: tuple[str, ...]
    made_at: datetime
    expires_at: datetime
    used_on: date | None


def create(
    session: WriteSession,
    scopes: Collection[str],
    *,
    label: str | None = None,
    life: timedelta = DEFAULT_LIFE,
    by: Principal,
    at: datetime,
    keys: Keyring,
) -> NewToken:
    """Make a token for ``by``. Nobody makes one for somebody else.

    Raises:
        NotAllowed: ``by`` may not, or is a token that reaches less than asked for.
        InvalidToken: no scope or an unknown one, a life beyond 366 days, a long label.
    """
    by.require("token.own")
    person, wanted = by.person, tuple(scope for scope in SCOPES if scope in scopes)
    if not wanted or set(scopes) - set(SCOPES):
        raise InvalidToken(f"choose among the scopes {', '.join(SCOPES)}")
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise InvalidToken(f"a token lives at most {LONGEST_LIFE.days} days")
    if label is not None and not (0 < len(label) <= MAX_LABEL and label.isprintable()):
        raise InvalidToken(f"the label needs 1 to {MAX_LABEL} printable characters")
    expires_at = _within_maker(session, by, wanted, at + life)
    secret = new_secret(PREFIX)
    row = ApiToken(
        id=new_id(),
        person=person,
        digest=digest(secret),
        sealed_label=None,
        scopes=list(wanted),
        made_at=at,
        expires_at=expires_at,
    )
    if label is not None:
        row.sealed_label = seal_text(keys.get(session, person), person, row.id, "token_label", label)
    session.add(row)
    session.flush()
    last_day = expires_at.astimezone(UTC).date().isoformat()
    intake.append(session, TokenMade(by=by.actor, person=person, token=row.id, scopes=wanted, expires=last_day), at=at)
    return NewToken(row.id, secret, wanted, expires_at)


OF_DIGEST = select(ApiToken.id, ApiToken.person, ApiToken.scopes, ApiToken.expires_at, ApiToken.used_on).where(
    ApiToken.digest == bindparam("digest"), ApiToken.revoked_at.is_(None)
)
"""What a request needs to know of the token it came with; whoever asks looks at ``expires_at``."""


def digest_of(secret: str) -> bytes | None:
    """What a token with that secret is found by; ``None`` where it is no token's."""
    return digest(secret) if secret.startswith(PREFIX) else None


def note_use(session: WriteSession, token_id: UUID, *, at: datetime) -> None:
    """Note the day of use; call it when ``used_on`` is another day."""
    row = session.get(ApiToken, token_id)
    if row is not None:
        row.used_on = at.astimezone(UTC).date()


def revoke(session: WriteSession, token_id: UUID, *, by: Principal, at: datetime) -> None:
    """End a token now: one's own, or with ``token.manage`` anybody's.

    Raises:
        UnknownToken: there is none that ``by`` may see.
        TokenOver: it has ended already.
    """
    row = session.get(ApiToken, token_id)
    if row is None or not ((by.may("token.own") and row.person == by.id) or by.may("token.manage")):
        raise UnknownToken()
    if row.revoked_at is not None or at >= row.expires_at:
        raise TokenOver()
    row.revoked_at = at
    session.flush()
    intake.append(session, TokenRevoked(by=by.actor, person=row.person, token=row.id), at=at)


def live(session: ReadSession, person: UUID, at: datetime, *, by: Principal, keys: Keyring) -> list[TokenView]:
    """The live tokens of a person, the newest first; labels only for their owner.

    Raises:
        NotAllowed: they are of somebody else, and ``by`` may not manage tokens.
    """
    own = by.id == person
    by.require("token.own" if own else "token.manage")
    rows = session.scalars(
        select(ApiToken)
        .where(ApiToken.person == person, ApiToken.revoked_at.is_(None), ApiToken.expires_at > at)
        .order_by(ApiToken.made_at.desc(), ApiToken.id.desc())
    ).all()
    key = keys.get(session, person) if own and any(row.sealed_label for row in rows) else None

    def label(row: ApiToken) -> str | None:
        if key is None or row.sealed_label is None:
            return None
        return open_text(key, person, row.id, "token_label", row.sealed_label)

    return [TokenView(row.id, label(row), tuple(row.scopes), row.made_at, row.expires_at, row.used_on) for row in rows]


def _within_maker(session: ReadSession, by: Principal, scopes: tuple[str, ...], expires_at: datetime) -> datetime:
    if by.token_id is None:
        return expires_at
    maker = session.get(ApiToken, by.token_id)
    if maker is None or not set(scopes) <= set(maker.scopes):
        raise NotAllowed("a token cannot make one that reaches farther")
    return min(expires_at, maker.expires_at)
