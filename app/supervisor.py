"""``muniment serve``: starts the processes of Muniment, watches them, and stops them in order.

Children: the recorder, the keeper, the worker, in which beat is a thread, and the web server. A child that dies
is started again, ever later where it keeps dying. The lease of a child that was seen to end is voided at once,
so that its work goes on without waiting. A child ends when the supervisor does (its pipe
closes, and the kernel signals it).

This module imports little: it stays resident all day.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from app.ending import told_to_end
from app.folders import DataFolder
from app.settings import Settings

log = logging.getLogger("muniment.supervisor")

ORDER = ("recorder", "keeper", "worker", "web")
"""In which children start; they stop the other way round, so that nothing is accepted that cannot be logged."""
_EMBEDDED_ONLY = frozenset({"recorder"})
"""Not where the log lies in a database of many machines."""
STOP_SECONDS = 20.0
PARENT_PIPE, REPLACES = "_MUNIMENT_PARENT_PIPE", "_MUNIMENT_REPLACES"
"""How a child learns of its supervisor's pipe, and whose leases it voids. Not settings."""
_STEADY_SECONDS = 30.0


class NotPrepared(Exception):
    """The data folder could not be made ready; the reason has been printed."""


@dataclass
class Child:
    """One child process and what is known of its past."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    restart_at: float = 0.0
    pipe: int | None = None
    """Our end of the pipe that it watches; nothing is ever written."""
    replaces: int | None = None
    """Process id of the one that ended before it: the new child voids its leases."""


class Supervisor:
    """Keeps the children of one data folder running."""

    def __init__(self, settings: Settings, folder: DataFolder, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._folder = folder
        self._environment = dict(environment) | settings.to_environment()
        self._children = [Child(name) for name in ORDER if not (settings.is_distributed and name in _EMBEDDED_ONLY)]

    def prepare(self) -> None:
        """Migrate the databases, start the log, void leases of earlier runs.

        Raises:
            NotPrepared: it cannot be done; the child has said why.
        """
        done = subprocess.run(self._command("prepare"), env=self._environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise NotPrepared

    def run(self) -> None:
        """Start everything and watch it until SIGTERM or SIGINT, then stop it in order."""
        stopping = told_to_end()
        for child in self._children:
            self._start(child)
        self._note_pids()
        while not stopping.wait(0.2):
            for child in self._children:
                self._look_after(child)
        self._stop_all()

    def _command(self, name: str) -> list[str]:
        return [sys.executable, "-m", "api"] if name == "web" else [sys.executable, "-m", "app.process", name]

    def _start(self, child: Child) -> None:
        # The child reads this pipe in a thread; its end means that the supervisor is gone.
        reading, writing = os.pipe()
        environment = self._environment | {PARENT_PIPE: str(reading)}
        if child.replaces is not None:
            environment[REPLACES] = str(child.replaces)
        child.process = subprocess.Popen(
            self._command(child.name), env=environment, stdin=subprocess.DEVNULL, pass_fds=(reading,)
        )
        os.close(reading)
        if child.pipe is not None:
            os.close(child.pipe)
        child.pipe = writing
        child.started = time.monotonic()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.restart_at:
                self._start(child)
                self._note_pids()
            return
        code = child.process.poll()
        if code is None:
            return
        child.failures = 0 if now - child.started > _STEADY_SECONDS else child.failures + 1
        delay = min(30.0, 0.2 * 2**child.failures) if child.failures > 1 else 0.0
        log.warning("child ended, starting it again", extra={"child": child.name, "code": str(code)})
        child.replaces, child.process, child.restart_at = child.process.pid, None, now + delay

    def _note_pids(self) -> None:
        pids = {child.name: child.process.pid for child in self._children if child.process is not None}
        pids["supervisor"] = os.getpid()
        path = self._folder.run / "processes.json"
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(pids))
        temporary.replace(path)

    def _stop_all(self) -> None:
        for child in reversed(self._children):
            if child.process is not None:
                child.process.send_signal(signal.SIGTERM)
                deadline = time.monotonic() + (STOP_SECONDS if child.name != "web" else 10.0)
                try:
                    child.process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    # Leases make this safe: its work is taken up again at the next start.
                    child.process.kill()
                    child.process.wait()
