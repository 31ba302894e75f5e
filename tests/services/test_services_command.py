"""``python -m services`` on a state folder of its own: up, again, after a crash, down, and its refusals."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from services.process import find

pytestmark = pytest.mark.services

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def state() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="muniment-services-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    run(folder, "down")
    shutil.rmtree(folder)


def run(state: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "services", *words],
        cwd=ROOT,
        env=dict(os.environ, MUNIMENT_SERVICES=str(state)),
        capture_output=True,
        text=True,
        check=False,
    )


def told(state: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((state / "services.json").read_text())
    return value


def test_up_tells_how_to_reach_each_server_and_down_forgets_it(state: Path) -> None:
    done = run(state, "up", "redis", "clamd")
    assert done.returncode == 0, done.stderr
    assert sorted(line.split()[0] for line in done.stdout.splitlines()) == ["clamd", "redis"]
    assert (state / "services.json").stat().st_mode & 0o777 == 0o600
    assert set(told(state)) == {"redis", "clamd"}
    assert run(state, "status", "redis", "clamd").returncode == 0
    assert run(state, "down", "redis").returncode == 0
    assert set(told(state)) == {"clamd"}
    assert run(state, "status", "redis").returncode == 1


def test_up_twice_keeps_the_server_and_its_port(state: Path) -> None:
    run(state, "up", "redis")
    before = told(state)["redis"]
    run(state, "up", "redis")
    after = told(state)["redis"]
    assert after["pids"] == before["pids"]
    assert after["url"] == before["url"]


def test_up_after_a_crash_starts_it_again_where_it_was(state: Path) -> None:
    run(state, "up", "redis")
    before = told(state)["redis"]
    os.kill(before["pids"][0], signal.SIGKILL)
    assert run(state, "up", "redis").returncode == 0
    after = told(state)["redis"]
    assert after["pids"] != before["pids"]
    assert after["url"] == before["url"]


def test_up_replaces_a_server_that_runs_but_does_not_answer(state: Path) -> None:
    run(state, "up", "redis")
    stuck = told(state)["redis"]["pids"][0]
    os.kill(stuck, signal.SIGSTOP)
    assert run(state, "status", "redis").returncode == 1
    assert run(state, "up", "redis").returncode == 0
    assert find(stuck) is None


def test_a_port_that_another_program_took_is_named(state: Path) -> None:
    import socket

    run(state, "up", "redis")
    port = int(told(state)["redis"]["address"].rpartition(":")[2])
    run(state, "down", "redis")
    with socket.create_server(("127.0.0.1", port)):
        done = run(state, "up", "redis")
    assert done.returncode == 1
    assert str(port) in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user's servers run as that user")
def test_a_state_folder_that_servers_cannot_enter_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    done = run(tmp_path / "state", "up", "redis")
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_name_is_refused(state: Path) -> None:
    done = run(state, "up", "oracle")
    assert done.returncode == 2
    assert "oracle" in done.stderr
