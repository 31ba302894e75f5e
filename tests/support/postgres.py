"""A real PostgreSQL for tests: one database a test, copied from a template that the migrations made.

The server is that of ``make services``, or else one of this run's own. Tests sign in as the
role that Muniment runs as, with its grants and no more; ``owner`` is for what an attacker with
the owner's rights would do. A test that breaks a server starts one for itself (``broken_on_purpose``).
"""

import atexit
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import psycopg
import pytest
from sqlalchemy.engine import make_url

import services
from app import migrate
from core.database import Line
from core.postgresql import PostgresDatabase
from services.postgresql import APPLICATION, OWNER


@dataclass(frozen=True, slots=True)
class Urls:
    """One database, as each role signs in."""

    name: str
    owner: str
    app: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server, and the migrated database that others are copied from."""

    server: services.PostgreSQL
    template: str

    @classmethod
    def on(cls, server: services.PostgreSQL) -> "Cluster":
        """The template, made anew on this server."""
        made = server.new_database()
        migrate.upgrade_postgresql(made.owner_url, APPLICATION)
        return cls(server, made.name)

    def fresh(self) -> Urls:
        """A new database, as migrations and grants leave it."""
        name = f"t_{secrets.token_hex(6)}"
        self.admin(
            f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE "{self.template}"',
            f'GRANT CONNECT ON DATABASE "{name}" TO {APPLICATION}',
        )
        return self.urls(name)

    def urls(self, name: str) -> Urls:
        """How the roles sign in to a database."""
        facts = self.server.facts()
        return Urls(name, _with(facts["owner_url"], name), _with(facts["application_url"], name))

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self.admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def admin(self, *statements: str) -> None:
        """Run statements as the superuser."""
        with psycopg.connect(self.server.superuser_url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@cache
def cluster() -> Cluster:
    """The server of this run."""
    try:
        server = services.shared(services.PostgreSQL)
    except services.NotRunning:
        server = services.private(services.PostgreSQL)
    made = Cluster.on(server)
    atexit.register(made.drop, made.template)
    return made


def needed() -> Cluster:
    """The server of this run; the test is skipped where there is none, and fails in CI."""
    try:
        return cluster()
    except (services.Missing, services.Unusable, services.NotAnswering) as error:
        if os.environ.get("CI"):
            pytest.fail(f"no PostgreSQL: {error}")
        pytest.skip(f"no PostgreSQL: {error}")


@contextmanager
def fresh() -> Iterator[Urls]:
    """A database for one test."""
    urls = needed().fresh()
    try:
        yield urls
    finally:
        cluster().drop(urls.name)


@contextmanager
def broken_on_purpose() -> Iterator[tuple[services.PostgreSQL, Urls]]:
    """A server of one's own to kill, stop and fill, with one database."""
    needed()
    with services.private(services.PostgreSQL) as server:
        yield server, Cluster.on(server).fresh()


def opened(urls: Urls, line: Line) -> PostgresDatabase:
    """One line of a test's database, as Muniment opens it."""
    return PostgresDatabase(urls.app, line, most_connections=16)


def _with(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)
