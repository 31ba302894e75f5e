"""Redis, with a password, 64 numbered databases and an append-only file."""

import socket
from typing import Any, ClassVar

from . import packages, places
from .places import LOOPBACK
from .server import Command, NotAnswering, Server

DATABASES = 64


class Redis(Server):
    """One Redis server."""

    name: ClassVar[str] = "redis"
    secret_names: ClassVar[tuple[str, ...]] = ("password",)

    @classmethod
    def missing_packages(cls) -> list[str]:
        return [] if packages.find_program("redis-server") else ["redis-server"]

    @classmethod
    def version(cls) -> str:
        return packages.printed_version(packages.program("redis-server", "redis-server"), "--version")

    def prepare(self) -> None:
        settings = {
            "bind": LOOPBACK,
            "port": self.port,
            "requirepass": self.secrets["password"],
            "databases": DATABASES,
            "dir": self.data,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
        }
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        places.write_for_server(self.folder / "config" / "redis.conf", text)

    def commands(self) -> list[Command]:
        return [Command([packages.program("redis-server", "redis-server"), self.folder / "config" / "redis.conf"])]

    def ask(self) -> None:
        """PING after AUTH, in the inline form of Redis's protocol."""
        with socket.create_connection((LOOPBACK, self.port), timeout=3) as connection:
            connection.sendall(f"AUTH {self.secrets['password']}\r\nPING\r\n".encode())
            answer = b""
            while len(answer) < len(b"+OK\r\n+PONG\r\n") and (more := connection.recv(100)):
                answer += more
        if answer != b"+OK\r\n+PONG\r\n":
            raise NotAnswering(f"Redis says {answer!r}")

    def facts(self) -> dict[str, Any]:
        return {"url": self.url(), "password": self.secrets["password"], "databases": DATABASES}

    def url(self, database: int = 0) -> str:
        """URL of one of the numbered databases (0 to 63)."""
        return f"redis://:{self.secrets['password']}@{LOOPBACK}:{self.port}/{database}"
