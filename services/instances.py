"""How a test gets at a server: the shared one of ``make services``, or a private one that it may kill."""

import atexit
import os
import secrets
from typing import TypeVar

from . import places, process
from .places import LOOPBACK
from .server import Server


class NotRunning(Exception):
    """No such shared server runs; the text says how to start it."""


_S = TypeVar("_S", bound=Server)


def private(kind: type[_S]) -> _S:
    """A server of one's own, empty, started, on ports of its own; end it with ``remove()`` or ``with``.

    What is still there when this Python ends is removed then; what a killed Python left, by the next one.

    Raises:
        Missing: the server is not installed (``make services`` installs it).
        NotAnswering: it did not start.
    """
    folder = places.make_state_folder() / "private"
    for left in folder.glob(f"{kind.name}-*"):
        owner = places.read_json(left / "instance.json").get("owner", os.getpid())
        if process.find(owner) is None:
            kind(left).remove()
    server = kind(folder / f"{kind.name}-{secrets.token_hex(4)}")
    atexit.register(_remove_at_end, server, os.getpid())
    server.start()
    return server


def _remove_at_end(server: Server, owner: int) -> None:
    if os.getpid() == owner:  # and not in a child that was forked off
        server.remove()


def shared(kind: type[_S]) -> _S:
    """The server of ``make services``, which other tests use too: never stop it, and use names of your own in it.

    Raises:
        NotRunning: it does not run.
    """
    folder = places.state_folder() / "shared" / kind.name
    if (folder / "instance.json").exists():
        server = kind(folder)
        if server.runs():
            return server
    raise NotRunning(f"{kind.name} does not run here: make services")


def skip_reason() -> str | None:
    """Why tests that need the servers cannot run here; ``None`` where they can, and in CI, where they must."""
    if places.services_file().exists() or os.environ.get("CI"):
        return None
    return f"the servers are not here (make services; {places.services_file()})"


def address(server: Server) -> str:
    """Where it listens, for people."""
    return f"{LOOPBACK}:{server.port}" if server.port_names else "no port"
