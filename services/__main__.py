"""``python -m services up|down|status|install [NAME…]``: one shared server of each kind, for all tests.

Exit codes: 0 done (for ``status``: all are up); 1 a server did not start (or is not up); 3 something
has to be installed first, as the message says.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from . import ALL, Missing, NotAnswering, NotRunning, Server, Unusable, packages, places, services_file, shared
from .instances import address

_BY_NAME = {kind.name: kind for kind in ALL}
_FAILED, _MISSING = 1, 3


def main(words: Sequence[str] | None = None) -> int:
    """Carry out one command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "install"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(_BY_NAME)} (default: all)")
    said = parser.parse_args(words)
    if unknown := set(said.names) - set(_BY_NAME):
        parser.error(f"no such server: {', '.join(sorted(unknown))}")
    kinds = [kind for kind in ALL if not said.names or kind.name in said.names]
    if said.command == "status":
        return status(kinds)
    try:
        with places.locked():
            return down(kinds) if said.command == "down" else bring(kinds, start=said.command == "up")
    except Unusable as reason:
        print(f"services: {reason}", file=sys.stderr)
        return _FAILED


def bring(kinds: Sequence[type[Server]], *, start: bool) -> int:
    """Install, and start what could be installed; the worst exit code."""
    codes = install(kinds)
    if start:
        codes |= up([kind for kind, code in codes.items() if code == 0])
    return max(codes.values())


def install(kinds: Sequence[type[Server]]) -> dict[type[Server], int]:
    """Install what is missing: Debian's packages together, then what is built or fetched, side by side; exit codes."""
    try:
        if any(kind.missing_packages() for kind in kinds):
            if packages.can_install():
                packages.refresh()
            missing = [package for kind in kinds for package in kind.missing_packages()]
            seconds = _timed(lambda: packages.install(missing))
            print(f"installed {' '.join(sorted(set(missing)))} in {seconds:.0f} s")
    except Missing as reason:
        print(f"services: {reason}", file=sys.stderr)
        return dict.fromkeys(kinds, _MISSING)
    return _for_each(kinds, _install, "installed")


def up(kinds: Sequence[type[Server]]) -> dict[type[Server], int]:
    """Start what is not up, and say in ``services.json`` how to reach it; exit codes."""
    try:
        return _for_each(kinds, _start, "up")
    finally:
        _tell()


def down(kinds: Sequence[type[Server]]) -> int:
    """Stop what runs. Data, ports and secrets stay for the next ``up``."""
    for kind in kinds:
        server = _find(kind)
        if server:
            seconds = _timed(server.stop)
            print(f"{kind.name:<14} down in {seconds:.1f} s")
    _tell()
    return 0


def status(kinds: Sequence[type[Server]]) -> int:
    """Show which are up; each is asked."""
    servers = {kind: _find(kind) for kind in kinds}
    for kind, server in servers.items():
        state = "down" if server is None else "up" if server.is_up() else "runs, but does not answer"
        print(f"{kind.name:<14} {address(server) if server else '':<18} {state}")
    return 0 if all(server is not None and server.is_up() for server in servers.values()) else _FAILED


def _install(kind: type[Server]) -> str:
    return kind.version() if kind.install() else ""


def _start(kind: type[Server]) -> str:
    server = kind(places.make_state_folder() / "shared" / kind.name)
    server.start()
    return f"{kind.version():<18} {address(server)}"


def _for_each(kinds: Sequence[type[Server]], do: Callable[[type[Server]], str], done: str) -> dict[type[Server], int]:
    """Do it to all at the same time, one line for each that had to be done; exit codes."""

    def one(kind: type[Server]) -> int:
        begun = time.monotonic()
        try:
            told = do(kind)
        except Missing as reason:
            print(f"{kind.name}: {reason}", file=sys.stderr)
            return _MISSING
        except (NotAnswering, Unusable, OSError, RuntimeError) as reason:
            print(f"{kind.name}: {reason}", file=sys.stderr)
            return _FAILED
        if told:
            print(f"{kind.name:<14} {told:<36} {done} in {time.monotonic() - begun:.1f} s", flush=True)
        return 0

    with ThreadPoolExecutor(len(ALL)) as pool:
        return dict(zip(kinds, pool.map(one, kinds), strict=True))


def _find(kind: type[Server]) -> Server | None:
    try:
        return shared(kind)
    except NotRunning:
        return None


def _tell() -> None:
    """Write ``services.json`` anew, from what runs now."""
    running = [server for kind in ALL if (server := _find(kind))]
    told: dict[str, Any] = {
        server.name: {
            "version": server.version(),
            "address": address(server),
            "pids": [root.pid for root in server.roots],
            "data": str(server.data),
            "log": str(server.log),
            "seen_up_at": datetime.now(UTC).isoformat(timespec="seconds"),
            **server.facts(),
        }
        for server in running
    }
    places.write_json(services_file(), told)


def _timed(do: Callable[[], object]) -> float:
    begun = time.monotonic()
    do()
    return time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())
