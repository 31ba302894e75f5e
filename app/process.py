"""Entry of the child processes: ``python -m app.process recorder|keeper|worker|prepare`` (web: ``-m api``).

A child leads no life of its own: it ends when the supervisor's pipe closes or, where the
kernel can say so, when the supervisor dies. This module imports little, as the recorder does.
"""

import ctypes
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

from app import logs, settings
from app.ending import told_to_end
from app.settings import Settings
from app.supervisor import PARENT_PIPE, REPLACES
from core.errors import MunimentError, Unavailable

log = logging.getLogger("muniment.process")

_PR_SET_PDEATHSIG = 1
_AGAIN_SECONDS = 2.0
_SWITCH_SECONDS = 0.0002
"""How long a thread keeps the interpreter while others wait. SQLite lets go of it at every statement, so a thread
that commits asks for it many times, and it holds a lock that other processes wait for: at Python's own 5 ms a
busy neighbour makes each of those times 5 ms."""


_COLLECT = (10_000, 10, 20)
"""How seldom the collector of reference cycles looks. All threads of a process stand still while it does, and a
request makes thousands of objects that go by themselves."""


_WITHOUT_LEASES = frozenset({"recorder"})
"""Children that hold none, and come back sooner for not looking."""

_NICENESS = {"worker": 5, "keeper": 2, "beat": 5}
"""Who gives way where processors are short: people wait for the web server and the recorder, nobody for one document of
many. What the keeper does is waited for by those who search for what they have just sent."""

Child = Callable[[Settings, threading.Event], int]
"""Runs until the event is set; returns the exit code."""


def main(name: str) -> int:
    """Be the child of that name; returns its exit code."""
    if name == "prepare":
        chosen = settings.load()
        logs.set_up(chosen.log_level, name)
        return _prepare(chosen)
    return be(name, _CHILDREN[name])


def be(name: str, run: Child, chosen: Settings | None = None) -> int:
    """Be that process: log as ``name``, end with the supervisor, void what the child before held, then run.

    Without a supervisor, as a container has it, it ends by SIGTERM; ``chosen`` are then its settings.
    """
    os.environ.pop("MUNIMENT_TOKEN", None)
    pipe, replaced = os.environ.pop(PARENT_PIPE, None), os.environ.pop(REPLACES, None)
    chosen = chosen or settings.load()
    logs.set_up(chosen.log_level, name)
    share_interpreter()
    os.nice(_NICENESS.get(name, 0))
    stopping = told_to_end()
    _end_with_parent(pipe)
    if replaced is not None and name not in _WITHOUT_LEASES:
        _void(chosen, name, int(replaced))
    try:
        if chosen.is_distributed:
            _wait_for_database(chosen, stopping)
        return 0 if stopping.is_set() else run(chosen, stopping)
    except MunimentError as error:
        # Whoever started it starts it again; in the meantime one line says why it ended.
        log.critical("the process ends", extra={"code": error.code})
        return 1


def share_interpreter() -> None:
    """Have threads that wait for an answer neither wait for one that computes, nor often for the collector."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.set_threshold(*_COLLECT)


def keep_what_is_loaded() -> None:
    """Tell the collector of reference cycles that what is there now stays, so that it never looks through it again."""
    gc.collect()
    gc.freeze()


def _wait_for_database(chosen: Settings, stopping: threading.Event) -> None:
    """Until the database answers: containers start in no order, and a server may be away for a while."""
    from app.databases import databases_of

    databases = databases_of(chosen)
    try:
        while not stopping.is_set():
            try:
                with databases[0].read() as session:
                    session.connection()
                return
            except Unavailable as error:
                log.warning("the process waits for the database", extra={"code": error.code})
                stopping.wait(_AGAIN_SECONDS)
    finally:
        for database in databases:
            database.close()


def _prepare(chosen: Settings) -> int:
    from app.build import build
    from app.prepare import prepare
    from core import jobs, leases

    try:
        prepare(chosen)
        if not chosen.is_distributed:
            # This is the only server of its data folder: whatever held a lease on this machine has ended.
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


def _recorder(chosen: Settings, stopping: threading.Event) -> int:
    from app.recorder import run

    return run(chosen, stopping)


def keeper(chosen: Settings, stopping: threading.Event) -> int:
    from app.build import build, signer_of
    from app.keeper import Keeper
    from core import leases

    runtime = build(chosen)
    keeper = Keeper(runtime, leases.incarnation("keeper"), signer_of(runtime))
    keeper.run(stopping.is_set)
    runtime.close()
    return 0


def _worker(chosen: Settings, stopping: threading.Event) -> int:
    """The worker, with beat in a thread: it needs what is loaded here anyway, and by itself would take 40 MiB."""
    from app.worker import run

    def tick() -> None:
        try:
            beat(chosen, stopping)
        except Exception as error:
            log.critical("the process ends: beat does not go on", extra={"code": type(error).__name__})
            os.kill(os.getpid(), signal.SIGTERM)

    beating = threading.Thread(target=tick, name="beat")
    beating.start()
    try:
        return run(chosen, stopping)
    finally:
        stopping.set()
        beating.join()


def beat(chosen: Settings, stopping: threading.Event) -> int:
    from app.beat import run

    return run(chosen, stopping)


_CHILDREN: dict[str, Child] = {
    "recorder": _recorder,
    "keeper": keeper,
    "worker": _worker,
}
_HELD_BY = {"worker": ("worker", "beat")}
"""As whom a child holds leases and jobs, where not only under its own name."""


def _void(chosen: Settings, name: str, pid: int) -> None:
    """Give up what the process before this one held: its supervisor saw it end."""
    from app.build import build
    from core import jobs, leases

    runtime = build(chosen)
    with runtime.main.write() as session:
        for held_as in _HELD_BY.get(name, (name,)):
            ended = leases.holders_of(held_as, pid)
            leases.void_matching(session, ended)
            jobs.release_held_by(session, ended, at=runtime.clock.now())
    runtime.close()


def _end_with_parent(pipe: str | None) -> None:
    if pipe is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def wait() -> None:
        os.read(int(pipe), 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
