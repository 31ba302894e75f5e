"""A real data folder with people of every role, and the pipeline run in this thread: no web server in between.

``Archive.open(folder)`` prepares and builds what the command line would. Nothing of it is
pretended: databases, log, object store, key file, search index and extraction child are the
embedded ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from accounts import departments, entities, first_account, grant_requests, passwords, people, principals, setup
from accounts.entities import NewEntity
from accounts.first_account import FirstPerson
from accounts.passwords import PasswordHash
from accounts.principal import Grant, Principal
from app import handlers
from app.build import build, signer_of
from app.celery_app import WORKED_BY_WORKER
from app.keeper import Keeper
from app.runner import Runner
from app.runtime import PIPELINE, Runtime
from app.settings import Settings
from audit import trail
from core import leases
from core.clock import SystemClock, civil_date
from ingest.receive import Metadata, Receiver
from records import case_file, placement, record
from records.placement import Reading
from records.record import Record
from search.find import Found, find
from tests.support.prepared import prepare

ZONE = "Europe/Berlin"
"""Where the firms of tests are."""

PASSWORD = "plum tractor violin"
ROLES: dict[str, tuple[str, str | None, bool]] = {
    "clerk": ("staff", "accounting", False),
    "second_clerk": ("staff", "accounting", False),
    "hr_clerk": ("staff", "hr", True),
    "hr_helper": ("staff", "hr", False),
    "lawyer": ("staff", "legal", False),
    "manager": ("records_manager", None, False),
    "officer": ("compliance_officer", None, False),
    "dpo": ("dpo", None, False),
    "auditor": ("auditor", None, False),
}
"""People by sign-in name: role, kind of their department, and whether they are named clerks."""


@cache
def the_hash() -> PasswordHash:
    """One hash for all: argon2id is slow on purpose."""
    return passwords.hash_password(PASSWORD)


@dataclass
class Archive:
    """A firm ``Nordwind GmbH``, its administrator ``boss``, and people of every role; the set-up stays open."""

    runtime: Runtime
    entity: UUID
    departments: dict[str, UUID]
    """By kind."""
    people: dict[str, UUID] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, **settings: Any) -> "Archive":
        """Prepare and build an installation in ``folder``."""
        chosen = Settings(data=folder, port=0, workers=1, **settings)
        prepare(chosen)
        runtime = build(chosen)
        now = runtime.clock.now()
        with runtime.main.write() as session:
            founded = first_account.found(
                session,
                NewEntity(name="Nordwind GmbH", jurisdiction="DE", zone=ZONE),
                FirstPerson(sign_in_name="boss", password=the_hash(), files=False),
                by=setup.operator(session, now),
                at=now,
                keys=runtime.keys,
            )
            places = {row.kind: row.id for row in departments.of_entity(session, founded.entity)}
        archive = cls(runtime, founded.entity, places, {"boss": founded.person})
        for name, (role, kind, clerk) in ROLES.items():
            archive.add_person(name, archive.grant(role, kind, named_clerk=clerk))
        return archive

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    @property
    def today(self) -> date:
        """The day where the firm is, which begins up to two hours before that of UTC."""
        return civil_date(self.now, ZONE)

    def grant(self, role: str, kind: str | None = None, *, named_clerk: bool = False) -> Grant:
        """A role in this firm; ``kind`` is that of the department."""
        place = None if kind is None else self.departments[kind]
        return Grant(role, self.entity, place, named_clerk)  # type: ignore[arg-type]

    def add_person(self, name: str, *grants: Grant) -> UUID:
        """Somebody with roles, given while the set-up is open."""
        by = self.principal("boss")
        with self.runtime.main.write() as session:
            person = people.add(session, name, password=the_hash(), by=by, at=self.now, keys=self.runtime.keys)
            for each in grants:
                assert grant_requests.propose(session, person, each, by=by, at=self.now).state == "confirmed"
        self.people[name] = person
        return person

    def add_entity(self, name: str) -> UUID:
        """Another legal entity, with one department of each usual kind."""
        with self.runtime.main.write() as session:
            new = NewEntity(name=name, jurisdiction="DE", zone=ZONE)
            row = first_account.found_entity(session, new, by=setup.operator(session, self.now), at=self.now)
            assert entities.get(session, row.id)
            return row.id

    def principal(self, name: str) -> Principal:
        """The person as they would be after signing in, with the grants of this moment."""
        with self.runtime.main.read() as session:
            acting = principals.operator_for(session, name, at=self.now, keys=self.runtime.keys)
        return replace(acting, kind="person", withheld=frozenset())

    def receive(
        self, data: bytes = b"Guten Tag", name: str = "letter.txt", *, by: str = "clerk", **stated: Any
    ) -> Record:
        """A file taken in; not read yet. ``stated`` is metadata."""
        return self.receiver.receive(
            [data], name=name, metadata=Metadata(**stated), channel="api", by=self.principal(by)
        ).record

    @property
    def receiver(self) -> Receiver:
        return self.runtime.receiver

    def settle_reading(self, record_id: UUID, **read: Any) -> None:
        """Enter a reading as the worker would, without a worker: for tests of where records stand."""
        run = self.runtime
        with run.main.write() as session:
            row = session.get_one(Record, record_id)
            version = record.get_version(session, row)
            placement.settle_reading(
                session,
                row,
                version,
                reading(**read),
                key=run.keys.get(session, version.id),
                by=PIPELINE,
                at=self.now,
            )

    def open_file(self, kind: str = "contract", number: str = "C-1", *, by: str = "clerk", **stated: Any) -> UUID:
        """A case file; whoever opens it owns it."""
        with self.runtime.main.write() as session:
            new = case_file.NewCaseFile(
                self.entity, kind, number, stated.pop("name", "Some file"), self.today, **stated
            )
            made = case_file.open_case_file(session, new, by=self.principal(by), at=self.now, keys=self.runtime.keys)
            return made.id

    def may_see(self, name: str, record_id: UUID) -> bool:
        """Whether the person finds the record at this moment."""
        with self.runtime.main.read() as session:
            return record_id in record.find_visible(session, [record_id], self.principal(name), self.now)

    def who_sees(self, record_id: UUID) -> set[str]:
        """Everybody who finds the record at this moment."""
        return {name for name in self.people if self.may_see(name, record_id)}

    def get(self, record_id: UUID) -> Record:
        """The record's row as it stands."""
        with self.runtime.main.read() as session:
            return session.get_one(Record, record_id)

    def settle(self) -> None:
        """Run all that waits, in this thread: reading, indexing, intake, checkpoint."""
        with self.keeper() as keeper:
            readers = handlers.Readers(self.runtime.settings)
            runner = Runner(self.runtime, handlers.table(readers), leases.incarnation("test"))
            try:
                runner.run_all(WORKED_BY_WORKER)
                keeper.settle()
                # What the keeper asked for, such as holds to be asked about what it has indexed.
                runner.run_all(WORKED_BY_WORKER)
            finally:
                readers.stop()
            keeper.settle()

    def index(self) -> None:
        """Run the keeper alone: intake, index, checkpoint."""
        with self.keeper() as keeper:
            keeper.settle()

    @contextmanager
    def keeper(self) -> Iterator[Keeper]:
        """A keeper that is closed at the end of the block."""
        keeper = Keeper(self.runtime, leases.incarnation("keeper"), signer_of(self.runtime))
        try:
            yield keeper
        finally:
            keeper.close()

    def search(self, query: str, *, by: str = "clerk", **options: Any) -> Found:
        """Search as that person."""
        return find(self.runtime.content, self.runtime.index, query, by=self.principal(by), **options)

    def events(self, action: str) -> list[trail.TrailEntry]:
        """The entries of one action in the log, oldest first; the intake is not among them."""
        with self.runtime.log_database.read() as session:
            return trail.by_action(session, action, limit=500)[::-1]

    def close(self) -> None:
        """Let go of everything."""
        self.runtime.close()


def reading(**read: Any) -> Reading:
    """What a machine made of a document: unsure and without a class unless said otherwise."""
    usual: dict[str, Any] = {
        "record_class": None,
        "probability": 0.5,
        "by_rule": False,
        "certain": False,
        "reasons": (),
        "language": "de",
        "media_type": "text/plain",
        "page_count": 1,
        "document_date": None,
        "total_minor": None,
        "currency": None,
        "direction": None,
        "title": None,
        "trouble_code": None,
        "trouble_detail": None,
    }
    return Reading(**(usual | read))


@dataclass
class StandingClock:
    """Stands still until told."""

    at: datetime = field(default_factory=lambda: SystemClock().now())

    def now(self) -> datetime:
        return self.at
