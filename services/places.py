"""Where the test servers live, as whom they run, and the small files that say so.

Everything is below one state folder (``MUNIMENT_SERVICES``, by default
``/var/tmp/muniment-services-<uid>``): ``installed/`` what was built or unpacked, ``shared/`` the
servers of ``make services``, ``private/`` those that one test started for itself, ``services.json``
what a client needs. No server runs as root: one started by root runs as ``nobody``, so each folder
above the state folder must let that user pass.
"""

import fcntl
import json
import os
import pwd
import random
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
_PORTS = range(20_000, 32_000)
"""Below the range from which Linux gives clients their ports, so that no client sits on a stopped server's port."""


class Missing(Exception):
    """Something has to be installed first; the text says what, and how."""


class Unusable(Exception):
    """The state folder or a port cannot be used; the text says why."""


def state_folder() -> Path:
    """The state folder; it need not exist yet."""
    return Path(os.environ.get("MUNIMENT_SERVICES") or f"/var/tmp/muniment-services-{os.getuid()}")  # noqa: S108


def services_file() -> Path:
    """The JSON that says, for each running shared server, what a client needs."""
    return state_folder() / "services.json"


def server_user() -> pwd.struct_passwd | None:
    """Whom servers run as, where that is another user than the caller; ``None`` where it is the caller."""
    return pwd.getpwnam("nobody") if os.getuid() == 0 else None


def make_state_folder() -> Path:
    """The state folder, made where missing.

    Raises:
        Unusable: the user that the servers run as may not enter it.
    """
    folder = state_folder().absolute()
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for part in ("installed", "shared", "private"):
        (folder / part).mkdir(exist_ok=True)
        (folder / part).chmod(0o755)
    user = server_user()
    for place in (folder, *folder.parents) if user else ():
        if not place.stat().st_mode & 0o001:
            raise Unusable(f"{place} lets no other user in, and servers do not run as root: set MUNIMENT_SERVICES")
    return folder


@contextmanager
def locked() -> Iterator[None]:
    """One installs, starts or stops the shared servers at a time; the others wait."""
    with (make_state_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def own(path: Path) -> None:
    """Hand ``path`` to the user that the servers run as."""
    if user := server_user():
        os.chown(path, user.pw_uid, user.pw_gid)


def make_folder(path: Path) -> Path:
    """A folder that only the server's user may read (and root)."""
    path.mkdir(mode=0o700, exist_ok=True)
    own(path)
    return path


def write_for_server(path: Path, text: str) -> Path:
    """A file, mode 0600, that belongs to the server's user; replaced whole."""
    _write(path, text, for_server=True)
    return path


def write_json(path: Path, value: Any) -> None:
    """A JSON file, mode 0600, that belongs to the caller; replaced whole."""
    _write(path, json.dumps(value, indent=2, sort_keys=True) + "\n", for_server=False)


def read_json(path: Path) -> dict[str, Any]:
    """What :func:`write_json` wrote; empty where there is no such file."""
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return value if isinstance(value, dict) else {}


def _write(path: Path, text: str, *, for_server: bool) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    if for_server:
        own(draft)
    draft.replace(path)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now, chosen at random.

    Raises:
        Unusable: none was found.
    """
    for port in random.sample(_PORTS, 200):
        if is_free(port):
            return port
    raise Unusable("no free port between 20000 and 32000")


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def secret() -> str:
    """A random secret of 32 letters and digits (128 bits), safe in URLs and in every server's configuration."""
    return secrets.token_hex(16)
