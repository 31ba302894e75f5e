"""What all test servers have in common: a folder, ports and secrets chosen once, and a life that can be cut short.

A server is everything in its folder: ``instance.json`` (ports, secrets, processes, version),
``data/``, ``config/``, ``log``. Whoever opens the folder again controls the same server.
A subclass says what to install, how it is configured and started, and how to ask whether it
answers; starting, stopping, killing and pausing are the same for all.
"""

import copy
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from . import places, process
from .places import Unusable
from .process import Process


class NotAnswering(Exception):
    """The server gave no (right) answer to a question that it must answer."""


@dataclass(frozen=True, slots=True)
class Command:
    """One process of a server."""

    words: Sequence[str | Path]
    environment: dict[str, str] = field(default_factory=dict)


class Server:
    """One server in one folder. As a context manager it is stopped, and its folder deleted, at the end."""

    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]] = ("main",)
    secret_names: ClassVar[tuple[str, ...]] = ()
    folder_names: ClassVar[tuple[str, ...]] = ("data", "config", "tmp")
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_seconds: ClassVar[float] = 20.0
    start_seconds: ClassVar[float] = 60.0

    def __init__(self, folder: Path) -> None:
        """Open the server in ``folder``; where there is none yet, choose its ports and secrets."""
        self.folder = folder
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        folder.chmod(0o711)
        self._known = places.read_json(self._file)
        before = copy.deepcopy(self._known)
        self._known.setdefault("owner", os.getpid())
        ports: dict[str, int] = self._known.setdefault("ports", {})
        ports.update({name: places.free_port() for name in self.port_names if name not in ports})
        words: dict[str, str] = self._known.setdefault("secrets", {})
        words.update({name: places.secret() for name in self.secret_names if name not in words})
        if self._known != before:
            self._save()

    # What a subclass says.

    @classmethod
    def missing_packages(cls) -> list[str]:
        """The Debian packages that are missing for it; empty where nothing is."""
        raise NotImplementedError

    @classmethod
    def install(cls) -> bool:
        """Build or fetch what no Debian package brings; ``False`` where there is nothing to do.

        Raises:
            Missing: it needs something that is not here.
        """
        return False

    @classmethod
    def version(cls) -> str:
        """The version that is installed."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Write configuration and make empty data; called before each start, so never harms data that is there."""
        raise NotImplementedError

    def commands(self) -> list[Command]:
        """Its processes, in the order in which to start them."""
        raise NotImplementedError

    def ask(self) -> None:
        """Put a real question, signed in, to the server.

        Raises:
            NotAnswering: no answer, or not its answer.
            OSError: nothing is there to talk to.
        """
        raise NotImplementedError

    def settle(self) -> None:
        """Make accounts and the like, once it answers; called after each start, so leaves alone what is there."""

    def facts(self) -> dict[str, Any]:
        """What a client needs to know, secrets included."""
        raise NotImplementedError

    # What is the same for all.

    @property
    def port(self) -> int:
        """The port that clients use, on 127.0.0.1."""
        return self.ports[self.port_names[0]]

    @property
    def ports(self) -> dict[str, int]:
        """Every port that it listens on, by purpose."""
        return dict(self._known["ports"])

    @property
    def secrets(self) -> dict[str, str]:
        """Its passwords and keys, by name."""
        return dict(self._known["secrets"])

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.folder / "log"

    @property
    def roots(self) -> list[Process]:
        """The processes that were started for it, alive or not."""
        return [Process(pid, started) for pid, started in self._known.get("processes", [])]

    @property
    def processes(self) -> list[Process]:
        """Every living process of the server: what was started, all that descends from it, and orphans of it."""
        return process.tree([*self.roots, *self._seen])

    @property
    def _seen(self) -> list[Process]:
        """What ran for it when it last had started; one of these may outlive a parent that was killed by somebody."""
        return [Process(pid, started) for pid, started in self._known.get("seen", [])]

    def is_up(self) -> bool:
        """Whether it runs and answers."""
        try:
            if not self.runs():
                return False
            self.ask()
        except (NotAnswering, OSError):
            return False
        return True

    def runs(self) -> bool:
        """Whether all its processes are alive; they may be paused, or not answer yet."""
        return bool(self.roots) and all(process.is_alive(root) for root in self.roots)

    def start(self) -> float:
        """Start it on the same data and ports, or leave it be where it answers; returns seconds until it answered.

        Raises:
            Unusable: another program has taken one of its ports.
            NotAnswering: it ended or did not answer in time; the message ends with the last of its log.
        """
        begun = time.monotonic()
        if self.is_up():
            return 0.0
        self.kill()
        for name, port in self.ports.items():
            if not places.is_free(port):
                raise Unusable(f"{self.name}: another program listens on port {port} ({name})")
        for name in self.folder_names:
            places.make_folder(self.folder / name)
        self.prepare()
        self._known["processes"] = []
        self._known["version"] = self.version()
        for command in self.commands():
            new = process.start(
                command.words, folder=self.folder / "tmp", environment=command.environment, log=self.log
            )
            self._known["processes"].append([new.pid, new.started])
            self._save()
        self._wait(begun + self.start_seconds)
        self.settle()
        self._known["seen"] = [[one.pid, one.started] for one in self.processes]
        self._save()
        return time.monotonic() - begun

    def stop(self) -> None:
        """End it in good order; its data stays."""
        process.stop(self.roots, by=self.stop_signal, seconds=self.stop_seconds)
        process.kill(self.processes)

    def kill(self) -> None:
        """End all its processes at once (SIGKILL); its data stays as it then was."""
        process.kill(self.processes)

    def pause(self) -> None:
        """Leave it standing and mute: connections are taken by the kernel, nothing is answered (SIGSTOP)."""
        process.pause(self.roots)

    def resume(self) -> None:
        """Let it go on after :meth:`pause`."""
        process.resume(self.roots)

    def remove(self) -> None:
        """Kill it and delete its folder with all data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _wait(self, until: float) -> None:
        while True:
            try:
                return self.ask()
            except (NotAnswering, OSError) as reason:
                if not self.runs() or time.monotonic() > until:
                    said = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
                    process.kill(self.roots)
                    raise NotAnswering(f"{self.name} did not start ({reason}):\n{said}") from reason
                time.sleep(0.02)

    @property
    def _file(self) -> Path:
        return self.folder / "instance.json"

    def _remember(self, name: str, secret: str) -> None:
        """Keep one more secret, made later than the instance."""
        self._known["secrets"][name] = secret
        self._save()

    def _save(self) -> None:
        places.write_json(self._file, self._known)
