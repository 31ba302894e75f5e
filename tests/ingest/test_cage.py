"""What an extraction child can still do: nothing that matters. Tried in processes of their own."""

import json
import os
import platform
import subprocess
import sys

import pytest

from ingest import cage, landlock, seccomp

linux = pytest.mark.skipif(sys.platform != "linux", reason="the cage is built for Linux")
TRY = """
import json, os, socket, subprocess, sys, ctypes
from pathlib import Path
import core.errors
from ingest import cage
folder = Path(sys.argv[1])
opened = socket.socketpair()
told = cage.enter(folder, memory_bytes=200 * 1024 * 1024, execute=cage.pandoc(), parent=os.getppid())
def attempt(action):
    try:
        action()
    except MemoryError:
        return "no memory"
    except OSError as error:
        return type(error).__name__
    return "done"
def fill():
    return bytearray(400 * 1024 * 1024)
results = {
    "tcp": attempt(lambda: socket.socket()),
    "udp": attempt(lambda: socket.socket(type=socket.SOCK_DGRAM)),
    "unix": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "pair": attempt(socket.socketpair),
    "open pair": attempt(lambda: opened[0].sendmsg([b"x"])),
    "password file": attempt(lambda: open("/etc/passwd").read()),
    "other folder": attempt(lambda: open(sys.argv[2], "w")),
    "other file": attempt(lambda: open(sys.argv[2]).read()),
    "own folder": attempt(lambda: (folder / "a").write_text("x")),
    "shell": attempt(lambda: subprocess.run(["/bin/sh", "-c", "true"])),
    "python": attempt(lambda: subprocess.run([sys.executable, "-c", "0"])),
    "memory": attempt(fill),
    "libraries": attempt(lambda: __import__("lxml.etree")),
    "signal to parent": attempt(lambda: os.kill(os.getppid(), 0)),
}
if cage.pandoc():
    results["pandoc"] = attempt(lambda: subprocess.run([str(cage.pandoc()[0]), "--version"], check=True))
results["environment"] = sorted(os.environ)
print(json.dumps([told, results]))
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """What was in force, and what each attempt came to."""
    folder = cage.make_private_folder()
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("secret")
    try:
        answer = subprocess.run(
            [sys.executable, "-c", TRY, str(folder), str(secret)],
            env=cage._environment(folder),
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert secret.read_text() == "secret"
    finally:
        cage.empty_folder(folder)
        folder.rmdir()
    return json.loads(answer.stdout.splitlines()[-1])


@linux
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "pair"])
def test_no_socket_can_be_made(tried, kind):
    assert tried[1][kind] == "PermissionError"


@linux
def test_a_socket_that_was_open_still_works(tried):
    assert tried[1]["open pair"] == "done"


@linux
@pytest.mark.skipif(landlock.version() == 0, reason="this kernel has no Landlock")
@pytest.mark.parametrize("attempt", ["password file", "other folder", "other file", "shell", "python"])
def test_foreign_files_and_programs_are_out_of_reach(tried, attempt):
    assert tried[1][attempt] == "PermissionError"


@linux
@pytest.mark.skipif(landlock.version() < 6, reason="this kernel's Landlock does not confine signals")
def test_no_signal_reaches_the_parent(tried):
    assert tried[1]["signal to parent"] == "PermissionError"


@linux
def test_what_the_work_needs_is_allowed(tried):
    allowed = {"own folder", "libraries"} | ({"pandoc"} if cage.pandoc() else set())
    assert {name: tried[1][name] for name in allowed} == dict.fromkeys(allowed, "done")


@linux
def test_memory_ends_at_the_limit(tried):
    assert tried[1]["memory"] == "no memory"


@linux
def test_the_environment_holds_nothing_of_ours(tried, monkeypatch):
    assert "PYTEST_CURRENT_TEST" not in tried[1]["environment"]
    assert "DO_NOT_TRACK" in tried[1]["environment"]


@linux
def test_what_is_in_force_is_told():
    told = cage.in_force()
    assert set(told) == {"memory", "folder", "parent", "capabilities", "files", "sockets"}
    assert told["sockets"] == "seccomp"
    assert told["parent"] == "ends with its parent"


def test_folders_of_killed_parents_are_swept_and_those_in_use_are_not():
    stale, used, fresh = (cage.make_private_folder() for _ in range(3))
    held = cage.hold_folder(used)
    for folder in (stale, used):
        (folder / "left").write_text("x")
        os.utime(folder, (1, 1))
    try:
        cage.sweep_folders()
        assert [folder.exists() for folder in (stale, used, fresh)] == [False, True, True]
    finally:
        os.close(held)
        for folder in (used, fresh):
            cage.empty_folder(folder)
            folder.rmdir()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_filter_is_whole_instructions_and_jumps_stay_inside(machine):
    code = seccomp.build_filter(machine)
    assert code is not None
    steps = [code[start : start + 8] for start in range(0, len(code), 8)]
    assert len(code) % 8 == 0
    assert all(place + 1 + max(step[2], step[3]) < len(steps) for place, step in enumerate(steps) if step[0] & 7 == 5)


def test_an_unknown_machine_has_no_filter():
    assert seccomp.build_filter("pdp11") is None
    assert seccomp.build_filter(platform.machine()) is not None or sys.platform != "linux"
