"""Who is behind a request: a principal from a cookie, an API token, or the machine's command line.

Built anew for every request from what is valid at that instant, so that an ended grant or a
suspension works at once. Nobody is found for a suspended person, whatever they carry.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select

from accounts import people, rights, sessions, suspensions, tokens
from accounts.passwords import Password, approvals_rest
from accounts.people import Person
from accounts.permissions import APPROVALS, PERMISSIONS
from accounts.principal import Grant, Principal
from accounts.sessions import NewToken
from accounts.tokens import ApiToken
from core.database import AT, ReadSession, WriteSession
from vault.keyring import Keyring

Due = Literal["nothing", "touch", "rotation", "use"]

_STANDING = (
    select(Password.must_change, Password.reset_at)
    .select_from(Person)
    .outerjoin(Password, Password.person == Person.id)
    .where(suspensions.is_active_at(bindparam("person"), AT))
)
_TOKEN_STANDING = (
    tokens.OF_DIGEST.add_columns(Password.reset_at)
    .select_from(ApiToken)
    .join(Person, suspensions.is_active_at(ApiToken.person, AT))
    .outerjoin(Password, Password.person == Person.id)
)


@dataclass(frozen=True, slots=True)
class Identified:
    """A principal, and what their request leaves to be written."""

    principal: Principal
    due: Due = "nothing"
    must_change_password: bool = False
    """Somebody else chose the password: nothing is allowed but ``passwords.change_own``."""


def by_session(session: ReadSession, secret: str, at: datetime) -> Identified | None:
    """Who carries this session token in their cookie; ``None`` sends them to the sign-in page."""
    row = sessions.find(session, secret, at)
    standing = _standing(session, row.person, at) if row is not None else None
    if row is None or standing is None:
        return None
    principal = Principal(
        id=row.person,
        kind="person",
        grants=_grants(session, row.person, at),
        withheld=frozenset(PERMISSIONS) if standing.must_change else standing.resting,
        session_id=row.id,
    )
    return Identified(principal, sessions.due(row, at), standing.must_change)


def by_token(session: ReadSession, secret: str, at: datetime) -> Identified | None:
    """Who sends this API token; ``None`` where it ended or never was."""
    digest = tokens.digest_of(secret)
    if digest is None:
        return None
    # By the connection: each request asks, and a session's way around a row takes longer than the row.
    row = session.connection().execute(_TOKEN_STANDING, {"digest": digest, "at": at}).one_or_none()
    if row is None or row.expires_at <= at:
        return None
    principal = Principal(
        id=row.person,
        kind="person",
        grants=_grants(session, row.person, at),
        scopes=frozenset(row.scopes),
        withheld=_resting(row.reset_at, at),
        token_id=row.id,
    )
    return Identified(principal, "nothing" if row.used_on == at.astimezone(UTC).date() else "use")


def operator_for(session: ReadSession, sign_in_name: str, *, at: datetime, keys: Keyring) -> Principal:
    """Whoever can read the key file, acting for a person: with their grants, without their approvals.

    Raises:
        UnknownPerson: nobody active has that sign-in name.
    """
    person = people.find_by_name(session, sign_in_name, keys)
    if person is None or not suspensions.is_active(session, person, at):
        raise people.UnknownPerson("nobody with that sign-in name may come in")
    return Principal(id=person, kind="operator", grants=_grants(session, person, at), withheld=APPROVALS)


def write_due(session: WriteSession, found: Identified, *, at: datetime) -> NewToken | None:
    """Write what is due; the new token, if there is one, replaces the cookie."""
    principal = found.principal
    if found.due == "rotation" and principal.session_id is not None:
        return sessions.rotate(session, principal.session_id, at=at)
    if found.due == "touch" and principal.session_id is not None:
        sessions.touch(session, principal.session_id, at=at)
    elif found.due == "use" and principal.token_id is not None:
        tokens.note_use(session, principal.token_id, at=at)
    return None


def _grants(session: ReadSession, person: UUID, at: datetime) -> frozenset[Grant]:
    return rights.values_at(session, person, at)


class _Standing(NamedTuple):
    must_change: bool
    resting: frozenset[str]


def _standing(session: ReadSession, person: UUID, at: datetime) -> _Standing | None:
    """How an active person stands with their password; ``None`` for anybody else."""
    found = session.connection().execute(_STANDING, {"person": person, "at": at}).one_or_none()
    if found is None:
        return None
    must_change, reset_at = found
    return _Standing(bool(must_change), _resting(reset_at, at))


def _resting(reset_at: datetime | None, at: datetime) -> frozenset[str]:
    return APPROVALS if approvals_rest(reset_at, at) else frozenset()
