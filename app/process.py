"""Entry of the child processes: ``python -m app.process worker|beat|keeper|prepare`` (the web server: ``-m api``).

A child leads no life of its own: it ends when the supervisor's pipe closes or, where the
kernel can say so, when the supervisor dies.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

from app import logs, settings
from app.build import build, signer_of
from app.runtime import Runtime
from app.settings import Settings
from app.supervisor import PARENT_PIPE, REPLACES
from core import jobs, leases
from core.errors import MunimentError

_PR_SET_PDEATHSIG = 1
_SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter while others wait. SQLite lets go of it at every statement, so a thread
that commits asks for it many times, and it holds a lock that other processes wait for: at Python's own 5 ms a
busy neighbour makes each of those times 5 ms."""


Child = Callable[[Settings, threading.Event], int]
"""Runs until the event is set; returns the exit code."""


def main(name: str) -> int:
    """Be the child of that name; returns its exit code."""
    if name == "prepare":
        chosen = settings.load()
        logs.set_up(chosen.log_level, name)
        return _prepare(chosen)
    return be(name, _CHILDREN[name])


def be(name: str, run: Child) -> int:
    """Be a child: log as ``name``, end with the supervisor, void what the child before held, then run."""
    os.environ.pop("MUNIMENT_TOKEN", None)
    pipe, replaced = os.environ.pop(PARENT_PIPE, None), os.environ.pop(REPLACES, None)
    chosen = settings.load()
    logs.set_up(chosen.log_level, name)
    sys.setswitchinterval(_SWITCH_SECONDS)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    _end_with_parent(pipe)
    if replaced is not None:
        _void(chosen, name, int(replaced))
    return run(chosen, stopping)


def _prepare(chosen: Settings) -> int:
    from app.prepare import prepare

    try:
        prepare(chosen)
        runtime = build(chosen)
        with runtime.main.write() as session:
            now = runtime.clock.now()
            leases.void_matching(session, leases.holders_of_host())
            jobs.release_held_by(session, leases.holders_of_host(), at=now)
        runtime.close()
    except MunimentError as error:
        sys.stderr.write(f"{error.title()}: {error.detail}\n")
        return 1
    return 0


def _keeper(chosen: Settings, stopping: threading.Event) -> int:
    from app.keeper import Keeper

    runtime = build(chosen)
    keeper = Keeper(runtime, leases.incarnation("keeper"), signer_of(runtime))
    keeper.run(stopping.is_set)
    runtime.close()
    return 0


def _worker(chosen: Settings, stopping: threading.Event) -> int:
    from app.worker import run

    return run(chosen, stopping)


def _beat(chosen: Settings, stopping: threading.Event) -> int:
    from app.beat import run

    return run(chosen, stopping)


_CHILDREN: dict[str, Child] = {
    "keeper": _keeper,
    "worker": _worker,
    "beat": _beat,
}


def _void(chosen: Settings, name: str, pid: int) -> None:
    """Give up what the process before this one held: its supervisor saw it end."""
    runtime: Runtime = build(chosen)
    with runtime.main.write() as session:
        ended = leases.holders_of(name, pid)
        leases.void_matching(session, ended)
        jobs.release_held_by(session, ended, at=runtime.clock.now())
    runtime.close()


def _end_with_parent(pipe: str | None) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if pipe is None:
        return

    def wait() -> None:
        os.read(int(pipe), 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
