"""People with an account: who they are, sealed.

Sign-in name, display name and mail address are sealed under the person's own key: with the
key they go from the database and from every old copy of it. A sign-in name is found by its
keyed fingerprint. Everything else points at a person by id, and says nothing without the key.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from accounts import passwords
from accounts.events import PersonAdded, PersonRenamed
from accounts.passwords import PasswordHash
from accounts.principal import Principal
from audit import intake
from core.database import MainTable, ReadSession, WriteSession
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import new_id
from vault.data_key import DataKey
from vault.keyring import Keyring
from vault.sealed import open_text, seal_text

# Controls, surrogates, line ends, and the marks that make one name look like another.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
MAX_LENGTH = 200
_BATCH = 500
_MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}").fullmatch


class InvalidName(Invalid):
    """The name or address cannot be used as it is."""

    code = "invalid_name"


class NameTaken(Conflict):
    """Somebody has this sign-in name."""

    code = "name_taken"


class UnknownPerson(NotFound):
    """There is no such person."""

    code = "unknown_person"


class Person(MainTable):
    """One person; their names are sealed under their key."""

    __tablename__ = "people"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name_fingerprint: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)
    """Keyed fingerprint of the folded sign-in name; emptied when the person is erased."""
    sealed_sign_in_name: Mapped[bytes]
    sealed_name: Mapped[bytes]
    sealed_mail: Mapped[bytes | None]
    added_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Names:
    """The opened names of one person; never logged, never kept."""

    id: UUID
    sign_in_name: str = field(repr=False)
    name: str = field(repr=False)
    mail: str | None = field(repr=False)


def fold_sign_in_name(name: str) -> str:
    """The form in which sign-in names are compared: case and look-alike code points do not matter."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def fingerprint(keys: Keyring, sign_in_name: str) -> bytes:
    """The keyed fingerprint by which a sign-in name is found."""
    return keys.fingerprint("sign_in_name", fold_sign_in_name(sign_in_name).encode("utf-8", "surrogatepass"))


def add(
    session: WriteSession,
    sign_in_name: str,
    *,
    name: str | None = None,
    mail: str | None = None,
    password: PasswordHash | None,
    by: Principal,
    at: datetime,
    keys: Keyring,
) -> UUID:
    """Add a person; without grants they may do nothing. Tells their id.

    ``name`` is the name colleagues read, by default the sign-in name. Without a password
    nobody signs in as them, but an operator or an API token may act for them.

    Raises:
        NotAllowed: ``by`` may not.
        InvalidName: a name or the address is empty, too long or holds control characters.
        NameTaken: somebody has the sign-in name.
    """
    by.require("person.manage")
    sign_in_name, name = _clean(sign_in_name, "sign-in name"), _clean(name or sign_in_name, "name")
    _check_mail(mail)
    found = fingerprint(keys, sign_in_name)
    if session.scalar(select(Person.id).where(Person.name_fingerprint == found)) is not None:
        raise NameTaken("choose another sign-in name")
    person = new_id()
    key = keys.create(session, person, kind="person", at=at)
    session.add(
        Person(
            id=person,
            name_fingerprint=found,
            sealed_sign_in_name=seal_text(key, person, None, "sign_in_name", sign_in_name),
            sealed_name=seal_text(key, person, None, "name", name),
            sealed_mail=None if mail is None else seal_text(key, person, None, "mail", mail),
            added_at=at,
        )
    )
    session.flush()
    if password is not None:
        passwords.set_first(session, person, password, at=at)
    intake.append(session, PersonAdded(by=by.actor, person=person), at=at)
    return person


def rename(
    session: WriteSession, person_id: UUID, name: str, mail: str | None, *, by: Principal, at: datetime, keys: Keyring
) -> None:
    """Correct the display name and mail address of a person; one's own needs no permission.

    Raises:
        NotAllowed: ``by`` may not.
        UnknownPerson: there is no such person.
        InvalidName: the name or the address cannot be used.
    """
    if by.id != person_id:
        by.require("person.manage")
    person, name = get(session, person_id), _clean(name, "name")
    _check_mail(mail)
    key = keys.get(session, person_id)
    person.sealed_name = seal_text(key, person_id, None, "name", name)
    person.sealed_mail = None if mail is None else seal_text(key, person_id, None, "mail", mail)
    intake.append(session, PersonRenamed(by=by.actor, person=person_id), at=at)


def get(session: ReadSession, person_id: UUID) -> Person:
    """The person's row, with names still sealed.

    Raises:
        UnknownPerson: there is none of that id.
    """
    person = session.get(Person, person_id)
    if person is None:
        raise UnknownPerson()
    return person


def find_by_name(session: ReadSession, sign_in_name: str, keys: Keyring) -> UUID | None:
    """The id of the person with that sign-in name. Say nothing to strangers about the answer."""
    return session.scalar(select(Person.id).where(Person.name_fingerprint == fingerprint(keys, sign_in_name)))


_THESE = select(Person).where(Person.id.in_(bindparam("people", expanding=True)))


def reveal_names(session: ReadSession, ids: Iterable[UUID], keys: Keyring) -> dict[UUID, str]:
    """The display names of those people; who was erased, or never was, is absent."""
    return {person.id: person.name for person in open_names(session, ids, keys)}


def open_names(session: ReadSession, ids: Iterable[UUID], keys: Keyring) -> list[Names]:
    """Sign-in name, display name and address of those people whose key exists, in one batch."""
    wanted = list(set(ids))
    opened = keys.get_many(session, wanted)
    people: list[Names] = []
    for start in range(0, len(wanted), _BATCH):
        rows = session.scalars(_THESE, {"people": wanted[start : start + _BATCH]})
        people.extend(_open(row, opened[row.id]) for row in rows if row.id in opened)
    return people


def _open(person: Person, key: DataKey) -> Names:
    def text(part: str, sealed: bytes) -> str:
        return open_text(key, person.id, None, part, sealed)

    return Names(
        id=person.id,
        sign_in_name=text("sign_in_name", person.sealed_sign_in_name),
        name=text("name", person.sealed_name),
        mail=None if person.sealed_mail is None else text("mail", person.sealed_mail),
    )


def _clean(name: str, what: str) -> str:
    name = unicodedata.normalize("NFC", name).strip() if not _UNFIT.search(name) else ""
    if not 0 < len(name) <= MAX_LENGTH:
        raise InvalidName(f"the {what} needs 1 to {MAX_LENGTH} characters and no control characters")
    return name


def _check_mail(mail: str | None) -> None:
    if mail is not None and (_UNFIT.search(mail) or not _MAIL(mail)):
        raise InvalidName("the mail address reads name@domain")
