"""A whole installation in a folder: real runtime, people of every role, pipeline run inline, clients over HTTP.

``Office.open(folder)`` prepares and builds what ``muniment serve`` would, and closes the set-up.
``client(name)`` speaks to the application as that person (API token) without a socket;
``Served`` runs the real web server on a free port for what needs one.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from fastapi import FastAPI

from accounts import departments, first_account, grant_requests, passwords, people, principals, sessions, setup, tokens
from accounts.entities import NewEntity
from accounts.first_account import FirstPerson
from accounts.passwords import PasswordHash
from accounts.permissions import SCOPES
from accounts.principal import Grant, Principal
from api import security
from api.app import create_app
from api.server import listen, server_for
from app import handlers
from app.build import build, signer_of
from app.celery_app import WORKED_BY_WORKER
from app.keeper import Keeper
from app.runner import Runner
from app.runtime import PIPELINE, Runtime
from app.settings import Settings
from audit import trail
from audit.entries import AuditHead
from core import leases
from core.identifiers import new_id
from records import capture, record
from retention import schedule
from tests.support.prepared import prepare
from vault.envelope import context
from vault.store import new_original_key
from vault.writer import seal_into

PASSWORD = "plum tractor violin"
BASE = "http://127.0.0.1"
ROLES = {
    "boss": ("administrator", None),
    "admin": ("administrator", None),
    "clerk": ("staff", "accounting"),
    "hr": ("staff", "hr"),
    "manager": ("records_manager", None),
    "officer": ("compliance_officer", None),
    "dpo": ("dpo", None),
    "auditor": ("auditor", None),
}
"""People by sign-in name: their role, and the kind of their department. ``hr`` is a named clerk."""
STRANGER = "stranger"
"""Nobody: sends neither token nor cookie."""


@cache
def the_hash() -> PasswordHash:
    """One hash for all: argon2id is slow on purpose."""
    return passwords.hash_password(PASSWORD)


class Client:
    """HTTP to an application in this process, synchronous, one request after the other."""

    def __init__(
        self,
        app: FastAPI,
        headers: dict[str, str],
        cookies: dict[str, str] | None = None,
        client: tuple[str, int] = ("127.0.0.1", 40000),
    ) -> None:
        self._app, self._headers, self._cookies, self._client = app, headers, cookies, client

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, client=self._client)
            async with httpx.AsyncClient(
                transport=transport, base_url=BASE, headers=self._headers, cookies=self._cookies
            ) as client:
                return await client.request(method, path, **arguments)

        return asyncio.run(ask())

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("POST", path, **arguments)

    def put(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("PUT", path, **arguments)

    def patch(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("PATCH", path, **arguments)

    def delete(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("DELETE", path, **arguments)


@dataclass
class Office:
    """A firm with one person of each role, and the application that serves it."""

    runtime: Runtime
    entity: UUID
    departments: dict[str, UUID]
    people: dict[str, UUID]
    app: FastAPI = field(init=False)
    _secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.app = create_app(self.runtime)

    @classmethod
    def open(cls, folder: Path, **settings: Any) -> "Office":
        """Prepare and build an installation in ``folder``; its set-up is closed afterwards."""
        chosen = Settings(data=folder, port=0, workers=1, **settings)
        prepare(chosen)
        return cls.found(build(chosen))

    @classmethod
    def found(cls, runtime: Runtime, pack: str = "") -> "Office":
        """Found it in an installation that is prepared; ``pack`` is the country of the rules it begins with."""
        now = runtime.clock.now()
        with runtime.main.write() as session:
            founded = first_account.found(
                session,
                NewEntity(name="Nordwind GmbH", jurisdiction="DE", zone="Europe/Berlin"),
                FirstPerson(sign_in_name="boss", name="Bärbel Ossendorf", password=the_hash(), files=False),
                by=setup.operator(session, now),
                at=now,
                keys=runtime.keys,
            )
            places = {row.kind: row.id for row in departments.of_entity(session, founded.entity)}
        office = cls(runtime, founded.entity, places, {"boss": founded.person})
        for name, (role, department) in ROLES.items():
            if name != "boss":
                office.add_person(name, office.grant(role, department, named_clerk=name == "hr"))
        boss = office.principal("boss")
        with runtime.main.write() as session:
            if pack:
                by = setup.operator(session, now)
                schedule.take_pack(session, office.entity, pack, by=by, at=runtime.clock.now())
            setup.close(session, by=boss, at=runtime.clock.now())
        return office

    def grant(self, role: str, department: str | None = None, *, named_clerk: bool = False) -> Grant:
        """A role here; ``department`` is a kind."""
        place = None if department is None else self.departments[department]
        return Grant(role, self.entity, place, named_clerk)  # type: ignore[arg-type]

    def add_person(self, name: str, *grants: Grant) -> UUID:
        """Somebody with roles, given while the set-up is open."""
        by, now = self.principal("boss"), self.runtime.clock.now()
        with self.runtime.main.write() as session:
            person = people.add(session, name, password=the_hash(), by=by, at=now, keys=self.runtime.keys)
            for grant in grants:
                grant_requests.propose(session, person, grant, by=by, at=now)
        self.people[name] = person
        return person

    def principal(self, name: str) -> Principal:
        """The person, as a principal of a session just started."""
        found = None
        secret = self.session_secret(name)
        with self.runtime.main.read() as session:
            found = principals.by_session(session, secret, self.runtime.clock.now())
        assert found is not None
        return found.principal

    def session_secret(self, name: str) -> str:
        """The secret of a new session, as it stands in the cookie."""
        with self.runtime.main.write() as session:
            return sessions.start(session, self.people[name], at=self.runtime.clock.now()).secret

    def token(self, name: str, *scopes: str) -> str:
        """An API token of a person, with all scopes unless some are named."""
        key = "/".join((name, *scopes))
        if key not in self._secrets:
            by = self.principal(name)
            with self.runtime.main.write() as session:
                made = tokens.create(
                    session, scopes or SCOPES, by=by, at=self.runtime.clock.now(), keys=self.runtime.keys
                )
            self._secrets[key] = made.secret
        return self._secrets[key]

    def client(self, name: str = STRANGER, *scopes: str) -> Client:
        """HTTP as that person, by token."""
        return Client(self.app, {} if name == STRANGER else {"Authorization": f"Bearer {self.token(name, *scopes)}"})

    def browser(self, name: str) -> tuple[Client, str]:
        """HTTP as that person, by session cookie; and the token for unsafe requests."""
        secret = self.session_secret(name)
        with self.runtime.main.read() as session:
            found = principals.by_session(session, secret, self.runtime.clock.now())
        assert found is not None
        assert found.principal.session_id is not None
        csrf = sessions.csrf_token(self.runtime.keys, found.principal.session_id)
        return Client(self.app, {}, {security.cookie_name(self.runtime.settings): secret}), csrf

    def ask(
        self,
        name: str,
        method: str,
        path: str,
        look: Callable[[Any], None],
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """One request below any client: ``look`` sees each message of the answer at the moment it is sent."""
        sent = {"authorization": f"Bearer {self.token(name)}", "host": "127.0.0.1", **(headers or {})}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(key.encode(), value.encode()) for key, value in sent.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            while not messages:
                await asyncio.sleep(60)
            return messages.pop()

        async def send(message: Any) -> None:
            look(message)

        asyncio.run(self.app(scope, receive, send))

    def upload(self, data: bytes, name: str = "letter.txt", *, by: str = "clerk", **metadata: Any) -> dict[str, Any]:
        """A file taken in over REST; the answer."""
        answer = self.client(by).post("/api/v1/records", files=form_of(data, name, **metadata))
        assert answer.status_code == 202, answer.text
        received: dict[str, Any] = answer.json()
        return received

    def settle(self) -> None:
        """Run everything that waits, in this thread: reading, indexing, intake, checkpoint."""
        readers = handlers.Readers(self.runtime.settings)
        runner = Runner(self.runtime, handlers.table(readers), leases.incarnation("test"))
        keeper = Keeper(self.runtime, leases.incarnation("keeper"), signer_of(self.runtime))
        try:
            while runner.run_all(WORKED_BY_WORKER):
                pass
            keeper.settle()
        finally:
            readers.stop()
            keeper.close()

    def leaves(self) -> int:
        """How many entries the log has."""
        with self.runtime.log_database.read() as session:
            head = session.get(AuditHead, 1)
        return head.size if head is not None else 0

    def actions_since(self, size: int) -> list[str]:
        """Actions of the entries from position ``size`` on, in order."""
        with self.runtime.log_database.read() as session:
            return [trail.entry(session, seq).action for seq in range(size, self.leaves())]

    def add_component(self, record_id: UUID) -> UUID:
        """A component of a record's current version, as reading an e-invoice leaves it."""
        run, component = self.runtime, new_id()
        with run.main.read() as session:
            row = session.get_one(record.Record, record_id)
            version = record.get_version(session, row)
            key = run.keys.get(session, version.id)
        object_key = new_original_key()
        bound = context(record_id, version.id, f"component/{component.hex}")
        sealed = seal_into(run.store, object_key, key, bound, [b"<Invoice/>"])
        with run.main.write() as session:
            capture.add_component(
                session,
                session.get_one(record.Record, record_id),
                session.get_one(record.RecordVersion, version.id),
                component_id=component,
                object_key=object_key,
                stored=sealed.stored,
                role="embedded_invoice",
                name="factur-x.xml",
                media_type="application/xml",
                key=key,
                by=PIPELINE,
                at=run.clock.now(),
            )
        return component

    def stored(self) -> list[Path]:
        """Files in the object store, and what is on its way there."""
        folder = self.runtime.folder
        return [path for top in (folder.objects, folder.tmp) for path in top.rglob("*") if path.is_file()]

    def close(self) -> None:
        """Let go of everything."""
        self.app.state.images.close()
        self.runtime.close()


def form_of(data: bytes, name: str, **metadata: Any) -> list[tuple[str, tuple[str | None, bytes, str]]]:
    """The parts of an upload form for httpx."""
    parts: list[tuple[str, tuple[str | None, bytes, str]]] = [("file", (name, data, "application/octet-stream"))]
    if metadata:
        stated = {key.rstrip("_"): str(value) for key, value in metadata.items()}
        parts.append(("metadata", (None, json.dumps(stated).encode(), "application/json")))
    return parts


@dataclass
class Served:
    """The real web server of an office, in a thread of this process."""

    url: str
    port: int


@contextmanager
def served(office: Office) -> Iterator[Served]:
    """Serve ``office`` on a free port while the block runs."""
    listener = listen(office.runtime.settings)
    port = listener.getsockname()[1]
    server: uvicorn.Server = server_for(office.runtime)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline, "the server has not started"
        time.sleep(0.01)
    try:
        yield Served(f"http://127.0.0.1:{port}", port)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
