"""PostgreSQL 15 or newer, with two roles: the owner that migrates, and the application.

The superuser is for the tests' own use (terminating sessions, looking at statistics). Data is
synced as in production (``fsync``, ``full_page_writes`` and ``synchronous_commit`` are on).
"""

import secrets
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from . import packages, places, process
from .places import LOOPBACK, Missing
from .server import Command, NotAnswering, Server

OWNER = "muniment_owner"
"""Owns the databases and all in them, and migrates."""
APPLICATION = "muniment"
"""What web processes and workers sign in as: may connect, and has what migrations grant it."""
_OLDEST = (15,)


@dataclass(frozen=True, slots=True)
class Database:
    """One fresh, empty database."""

    name: str
    owner_url: str
    application_url: str


class PostgreSQL(Server):
    """One PostgreSQL cluster, UTF-8, without a Unix socket."""

    name: ClassVar[str] = "postgresql"
    secret_names: ClassVar[tuple[str, ...]] = ("superuser", "owner", "application")
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": sessions are ended, not waited for

    @classmethod
    def missing_packages(cls) -> list[str]:
        try:
            _program("postgres")
        except Missing:
            return ["postgresql"]
        return []

    @classmethod
    def version(cls) -> str:
        version = packages.printed_version(_program("postgres"), "--version")
        if packages.dotted(version) < _OLDEST:
            raise Missing(f"PostgreSQL {version} is too old: 15 or newer is needed")
        return version

    def prepare(self) -> None:
        config = self.folder / "config"
        password = places.write_for_server(config / "superuser-password", self.secrets["superuser"])
        if not (self.data / "PG_VERSION").exists():
            process.run(
                [
                    _program("initdb"), f"--pgdata={self.data}", f"--pwfile={password}", "--username=postgres",
                    "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8",
                ],
                folder=self.folder / "tmp",
            )  # fmt: skip
        self._wait_for_orphans()
        self._forget_stranger()

    def commands(self) -> list[Command]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 300,
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        words = [f"--{name}={value}" for name, value in settings.items()]
        return [Command([_program("postgres"), "-D", self.data, *words])]

    def ask(self) -> None:
        if self.query("select 41 + 1") != "42":
            raise NotAnswering("PostgreSQL cannot count")

    def settle(self) -> None:
        for role, secret in ((OWNER, "owner"), (APPLICATION, "application")):
            if self.query(f"select 1 from pg_roles where rolname = '{role}'") != "1":  # noqa: S608
                self.query(f"create role {role} login password '{self.secrets[secret]}'")
        if self.query("select 1 from pg_database where datname = 'muniment'") != "1":
            self._create("muniment")

    def facts(self) -> dict[str, Any]:
        return {
            "owner_url": self._url(OWNER, "owner", "muniment"),
            "application_url": self._url(APPLICATION, "application", "muniment"),
            "superuser_url": self.superuser_url(),
            "owner": OWNER,
            "application": APPLICATION,
        }

    def superuser_url(self, database: str = "postgres") -> str:
        """URL of ``database`` for the superuser."""
        return self._url("postgres", "superuser", database)

    def new_database(self) -> Database:
        """A fresh, empty database that only the two roles may enter."""
        name = f"t_{secrets.token_hex(6)}"
        self._create(name)
        return Database(name, self._url(OWNER, "owner", name), self._url(APPLICATION, "application", name))

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.query(f'drop database if exists "{name}" with (force)')

    def query(self, statement: str, database: str = "postgres") -> str:
        """Run one statement as the superuser and return what it printed, columns separated by ``|``.

        Raises:
            NotAnswering: the server did not answer within five seconds, or refused.
        """
        return self._ask(
            ["timeout", "5", _program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement], database
        )

    def dump(self, database: str) -> str:
        """All tables of ``database`` with their rows, as SQL; bytes are written in hexadecimal.

        Raises:
            NotAnswering: the server did not answer within a minute, or refused.
        """
        return self._ask(["timeout", "60", _program("pg_dump")], database)

    def _ask(self, command: list[str | Path], database: str) -> str:
        try:
            return process.run(
                command,
                folder=self.folder,
                environment={
                    "PGHOST": LOOPBACK, "PGPORT": str(self.port), "PGUSER": "postgres", "PGDATABASE": database,
                    "PGPASSWORD": self.secrets["superuser"], "PGCONNECT_TIMEOUT": "3",
                },
                as_server=False,
            ).strip()  # fmt: skip
        except RuntimeError as reason:
            raise NotAnswering(str(reason)) from reason

    def _wait_for_orphans(self) -> None:
        """Sessions notice that their parent was killed, and end; the new server refuses the data until then."""
        until = time.monotonic() + 10
        while time.monotonic() < until and any(_stands_in(entry, self.data) for entry in Path("/proc").iterdir()):
            time.sleep(0.02)

    def _forget_stranger(self) -> None:
        """A lock file left by a kill may by now name a process of somebody else's, which PostgreSQL cannot tell."""
        lock = self.data / "postmaster.pid"
        if lock.exists():
            named = Path("/proc") / lock.read_text().split()[0] / "comm"
            if named.exists() and named.read_text().strip() != "postgres":
                lock.unlink()

    def _create(self, name: str) -> None:
        self.query(f'create database "{name}" owner {OWNER} template template0')
        self.query(f'revoke all on database "{name}" from public')
        self.query(f'grant connect on database "{name}" to {APPLICATION}')

    def _url(self, user: str, secret: str, database: str) -> str:
        return f"postgresql://{user}:{self.secrets[secret]}@{LOOPBACK}:{self.port}/{database}"


def _stands_in(entry: Path, folder: Path) -> bool:
    """Whether ``entry`` of ``/proc`` is a process whose working directory is ``folder``."""
    try:
        return entry.name.isdigit() and (entry / "cwd").readlink() == folder
    except OSError:
        return False


def _program(name: str) -> Path:
    """Of the newest PostgreSQL in Debian's own folders (what it puts on PATH is a wrapper), else on PATH.

    Raises:
        Missing: there is none.
    """
    installed = [path for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}") if path.parts[4].isdigit()]
    if installed:
        return max(installed, key=lambda path: int(path.parts[4]))
    return packages.program(name, "postgresql")
