"""A small firm on a real database, for the tests of accounts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

# Some only for their tables.
from accounts import (
    departments,
    first_account,
    grant_requests,
    passwords,
    people,
    principals,
    sessions,
    setup,
    sign_in,  # noqa: F401
    single_operator,  # noqa: F401
    tokens,  # noqa: F401
)
from accounts.entities import NewEntity
from accounts.first_account import FirstPerson
from accounts.passwords import PasswordHash
from accounts.principal import Grant, Principal
from audit.draft import Draft
from audit.intake import AuditIntake
from tests.support import databases
from vault.keyring import Keyring
from vault.keys import KeyFile

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORD = "plum tractor violin"
HOUR = timedelta(hours=1)


@cache
def the_hash() -> PasswordHash:
    """One hash for all: argon2id is slow on purpose."""
    return passwords.hash_password(PASSWORD)


@dataclass
class StandingClock:
    """Stands still until told."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def go(self, step: timedelta) -> datetime:
        self.at += step
        return self.at


@dataclass
class World:
    """Database, keys, a clock, and the firm once ``found`` was called."""

    folder: Path
    clock: StandingClock = field(default_factory=StandingClock)
    entity: UUID = field(init=False)
    departments: dict[str, UUID] = field(init=False)
    boss: UUID = field(init=False)
    """The first administrator, who is also staff everywhere and named clerk."""
    second: UUID = field(init=False)
    """Another administrator, in a firm whose set-up is closed."""
    officer: UUID = field(init=False)
    """The compliance officer of such a firm."""

    def __post_init__(self) -> None:
        self.main = databases.open_line(self.folder, "main")
        self.keys = Keyring(KeyFile.establish(self.folder / "keys", has_epochs=False))

    @property
    def now(self) -> datetime:
        return self.clock.at

    def found(self) -> "World":
        """Entity, departments and the first administrator ``boss``; the set-up stays open."""
        with self.main.write() as session:
            founded = first_account.found(
                session,
                NewEntity(name="Nordwind GmbH", jurisdiction="DE", zone="Europe/Berlin"),
                FirstPerson(sign_in_name="boss", name="Bärbel Ossendorf", password=the_hash()),
                by=setup.operator(session, self.now),
                at=self.now,
                keys=self.keys,
            )
            self.entity, self.boss = founded.entity, founded.person
            self.departments = {row.kind: row.id for row in departments.of_entity(session, founded.entity)}
        return self

    def close_setup(self) -> "World":
        by = self.acting(self.boss)
        with self.main.write() as session:
            setup.close(session, by=by, at=self.now)
        return self

    def person(self, name: str, *grants: Grant) -> UUID:
        """Somebody with roles, given while the set-up is open."""
        by = self.acting(self.boss)
        with self.main.write() as session:
            person = people.add(session, name, password=the_hash(), by=by, at=self.now, keys=self.keys)
            for grant in grants:
                request = grant_requests.propose(session, person, grant, by=by, at=self.now)
                assert request.state == "confirmed"
        return person

    def acting(self, person: UUID) -> Principal:
        """The person as principal of a session just started, found by its token as at the edge.

        Not inside a write session: it opens one of its own.
        """
        with self.main.write() as session:
            token = sessions.start(session, person, at=self.now)
        with self.main.read() as session:
            found = principals.by_session(session, token.secret, self.now)
        assert found is not None
        return found.principal

    def grant(self, role: str, department: str | None = None, *, named_clerk: bool = False) -> Grant:
        place = None if department is None else self.departments[department]
        return Grant(role, self.entity, place, named_clerk)  # type: ignore[arg-type]

    def events(self, *actions: str) -> list[dict[str, Any]]:
        """Bodies of the audit events written so far, oldest first."""
        with self.main.read() as session:
            drafts = session.scalars(select(AuditIntake.draft).order_by(AuditIntake.number)).all()
        bodies = [Draft.from_bytes(draft).body for draft in drafts]
        return [body for body in bodies if not actions or body["action"] in actions]

    def stored_bytes(self) -> bytes:
        """Every byte of the database files."""
        return databases.stored_bytes(self.folder)

    def holds(self, words: Iterable[str]) -> list[str]:
        """Which of ``words`` stand in the database files, in UTF-8 or UTF-16."""
        data = self.stored_bytes()
        return [word for word in words if word.encode() in data or word.encode("utf-16-le") in data]
