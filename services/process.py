"""Processes of our own: started outside the caller's session, known by number and start time, ended as a whole tree.

A number alone may by now belong to somebody else, so each process is remembered with the moment
the kernel started it, and no signal is ever sent to one whose moment differs.
Source: proc(5), fields 3 (state), 4 (parent), 20 (threads) and 22 (start time) of ``/proc/<pid>/stat``.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .places import server_user

_children: "dict[int, subprocess.Popen[bytes]]" = {}
"""Servers that this very process started; they must be waited for, or stay behind as zombies."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process, told from any later one with the same number."""

    pid: int
    started: int
    """Clock ticks between the machine's start and the process's."""


def start(command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str], log: Path) -> Process:
    """Start a server in ``folder`` in a session of its own, not as root; what it prints is appended to ``log``.

    It sees ``environment``, ``PATH`` and ``HOME`` (``folder``) and no other variable of ours.
    """
    user = server_user()
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder, environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=0o077,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=() if user else None,
        )
    _children[child.pid] = child
    return find(child.pid) or Process(child.pid, -1)


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    as_server: bool = True,
    text: str = "",
) -> str:
    """Run ``command`` to its end and return what it printed; ``text`` is its standard input.

    Raises:
        RuntimeError: it failed; the message ends with the last of what it printed.
    """
    user = server_user() if as_server else None
    done = subprocess.run(
        command,
        cwd=folder,
        env=_environment(folder, environment or {}),
        input=text.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=() if user else None,
    )
    printed = done.stdout.decode(errors="replace")
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {printed[-2000:].strip()}")
    return printed


def find(pid: int) -> Process | None:
    """The process of that number, unless there is none or it has ended and waits to be collected.

    A killed process may look ended (Z) while other threads of it still hold its files and ports.
    """
    fields = _stat(pid)
    if not fields or (fields[0] in "ZX" and int(fields[17]) <= 1):
        return None
    return Process(pid, int(fields[19]))


def is_alive(process: Process) -> bool:
    """Whether that very process still runs (or is stopped, but not ended)."""
    if child := _children.get(process.pid):
        if child.poll() is None:
            return True
        del _children[process.pid]
    return find(process.pid) == process


def tree(roots: Sequence[Process]) -> list[Process]:
    """The living ones of ``roots`` and all that descend from them, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root for root in roots if is_alive(root)]
    for process in found:  # grows as it is walked
        found += [child for pid in children.get(process.pid, ()) if (child := find(pid)) and child not in found]
    return found


def pause(roots: Sequence[Process]) -> list[Process]:
    """Stop the whole tree where it stands (SIGSTOP); returns it. Repeated until no new child appears."""
    stopped: list[Process] = []
    while new := [process for process in tree(roots) if process not in stopped]:
        for process in new:
            _signal(process, signal.SIGSTOP)
        stopped += new
    return stopped


def resume(roots: Sequence[Process]) -> None:
    """Let the tree go on (SIGCONT), children first."""
    for process in reversed(tree(roots)):
        _signal(process, signal.SIGCONT)


def kill(roots: Sequence[Process]) -> None:
    """End the whole tree at once (SIGKILL), as if the power had failed; returns when all are gone."""
    doomed = pause(roots)
    for process in doomed:
        _signal(process, signal.SIGKILL)
    _wait_until_gone(doomed, seconds=30)


def stop(roots: Sequence[Process], *, by: signal.Signals, seconds: float) -> None:
    """Ask each root to end by signal ``by``; after ``seconds``, or for what it leaves behind, kill."""
    everyone = tree(roots)
    resume(roots)
    for root in roots:
        _signal(root, by)
    _wait_until_gone(everyone, seconds=seconds)
    kill([process for process in everyone if is_alive(process)])


def _wait_until_gone(processes: Sequence[Process], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while any(is_alive(process) for process in processes) and time.monotonic() < until:
        time.sleep(0.01)


def _signal(process: Process, number: signal.Signals) -> None:
    if is_alive(process):
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _stat(pid: int) -> list[str]:
    """Fields 3 and following of the process's ``stat``; empty where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _environment(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin") + ":/usr/sbin:/sbin"
    return {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "TZ": "UTC"} | dict(more)
