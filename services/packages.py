"""Debian packages and other programs that the servers need: found where they are, installed where that is allowed.

Only root on a Debian machine installs packages; anybody else is told which ones to ask for. A
package's own service is neither started nor left to start with the machine: the test servers are
others, on ports of their own.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .places import Missing

_POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian's switch: while it is there and says 101, no package starts a service (invoke-rc.d(8))."""
_SERVICES = ("postgresql", "redis-server", "rabbitmq-server", "epmd", "clamav-daemon", "clamav-freshclam")


def find_program(name: str) -> Path | None:
    """A program by name on ``PATH`` or in the system's folders."""
    for folder in [*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/sbin"]:
        if folder and os.access(Path(folder) / name, os.X_OK):
            return Path(folder) / name
    return None


def program(name: str, package: str) -> Path:
    """As :func:`find_program`, for a program that must be there.

    Raises:
        Missing: it is not; the message names the Debian package.
    """
    if found := find_program(name):
        return found
    raise Missing(f"{name} is not installed: apt-get install --no-install-recommends {package}")


def version_of(*command: str | Path) -> tuple[int, ...]:
    """The first dotted number that ``command`` prints, as numbers: (15, 18)."""
    return dotted(printed_version(*command))


def printed_version(*command: str | Path) -> str:
    """The first dotted number that ``command`` prints; empty where it prints none."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(?:\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else ""


def dotted(version: str) -> tuple[int, ...]:
    """The numbers at the start of a version: ``2:1.24~2`` is (1, 24)."""
    found = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def candidate(package: str) -> tuple[int, ...]:
    """The version of ``package`` that apt would install; empty where it knows none."""
    if not shutil.which("apt-cache"):
        return ()
    shown = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False).stdout  # noqa: S607
    found = re.search(r"Candidate: (\S+)", shown)
    return dotted(found[1]) if found else ()


def can_install() -> bool:
    """Whether this process may install Debian packages."""
    return os.getuid() == 0 and shutil.which("apt-get") is not None


def refresh() -> None:
    """Fetch Debian's list of packages."""
    _apt("update", "-qq")


def install(packages: Iterable[str]) -> None:
    """Install Debian ``packages`` without what they merely recommend and without starting anything.

    Raises:
        Missing: this process may not, or apt could not.
    """
    names = sorted(set(packages))
    if not can_install():
        raise Missing(f"not installed: {' '.join(names)}. As root: "
                      f"apt-get install --no-install-recommends {' '.join(names)}")  # fmt: skip
    before = _units()
    with _nothing_started():
        _apt("install", "-y", "-qq", "--no-install-recommends", *names)
    if (new := _units() - before) and shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", "--quiet", *sorted(new)], check=False, capture_output=True)  # noqa: S607


def check_sha256(path: Path, expected: str) -> None:
    """Delete ``path`` and complain, unless its SHA-256 is ``expected``.

    Raises:
        Missing: the file is another one than the one that was pinned.
    """
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        path.unlink()
        raise Missing(f"{path.name} has SHA-256 {actual}, not {expected} as pinned: deleted, not used")


def _apt(*words: str) -> None:
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    done = subprocess.run(["apt-get", *words], env=environment, capture_output=True, text=True, check=False)  # noqa: S607
    if done.returncode:
        raise Missing(f"apt-get {' '.join(words)} failed: {(done.stdout + done.stderr)[-1500:].strip()}")


def _units() -> set[str]:
    """Those of the servers' own services that the system knows."""
    folders = (Path("/lib/systemd/system"), Path("/usr/lib/systemd/system"))
    return {name for name in _SERVICES if any((folder / f"{name}.service").exists() for folder in folders)}


@contextmanager
def _nothing_started() -> Iterator[None]:
    if _POLICY.exists():  # somebody has already decided
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
