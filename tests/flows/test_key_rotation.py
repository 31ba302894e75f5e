"""The log's key is changed while a real server writes, and while the command is killed at any moment."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from audit.note import parse_note, parse_vkey
from tests.support.cli import Cli
from tests.support.server import ROOT, Server


def _signers(data: Path) -> list[bytes]:
    return [line.key_id for line in parse_note((data / "log" / "checkpoint").read_text()).signatures]


def _waits_for(data: Path, ids: list[bytes]) -> bool:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if _signers(data) == ids:
            return True
        time.sleep(0.1)
    return False


def test_a_running_server_takes_up_a_new_key_and_keeps_it(tmp_path: Path, cli: Cli) -> None:
    data = tmp_path / "data"
    with Server(data):
        first = parse_vkey(cli("--data", data, "--json", "audit", "key").json["key"])
        told = cli("--data", data, "--json", "audit", "rotate-key")
        assert told.code == 0, told.err
        second = parse_vkey(told.json["key"])
        assert _waits_for(data, [second.id, first.id])
    assert sorted(each.name for each in (data / "keys").glob("log.key*")) == ["log.key", "log.key.old"]
    verified = cli("--data", data, "--json", "audit", "verify")
    assert (verified.code, verified.json["fault"]) == (0, None)
    assert cli("--data", data, "audit", "key").out.strip() == str(second)


@pytest.mark.slow
def test_a_command_that_is_killed_at_any_moment_leaves_a_log_that_goes_on(tmp_path: Path, cli: Cli) -> None:
    data, chance = tmp_path / "data", random.Random(7)
    assert cli("--data", data, "audit", "verify").code == 0
    command = [sys.executable, "-m", "app.cli", "--data", str(data), "audit", "rotate-key"]
    for _ in range(6):
        with subprocess.Popen(
            command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as rotating:
            try:
                rotating.wait(chance.uniform(0.8, 3.5))
            except subprocess.TimeoutExpired:
                rotating.kill()
        verified = cli("--data", data, "--json", "audit", "verify")
        assert (verified.code, verified.json["fault"]) == (0, None), verified.err
    assert not (data / "keys" / "log.key.next").exists() or cli("--data", data, "audit", "rotate-key").code == 0


def test_a_lost_key_is_replaced_without_a_server(tmp_path: Path, cli: Cli) -> None:
    data = tmp_path / "data"
    assert cli("--data", data, "audit", "verify").code == 0
    (data / "keys" / "log.key").unlink()
    assert cli("--data", data, "audit", "key").code == 1
    told = cli("--data", data, "--json", "audit", "rotate-key", "--lost")
    assert told.code == 0, told.err
    assert json.loads(told.out)["key"] == cli("--data", data, "audit", "key").out.strip()
    assert _signers(data) == [parse_vkey(told.json["key"]).id]
    assert cli("--data", data, "audit", "verify").code == 0
