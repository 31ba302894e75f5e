"""A witness that we did not write cosigns our log, ours cosigns so that others verify it, and neither signs a fork."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from verifier_tools import python_with_witness

from app.anchoring import Anchoring
from app.build import build, signer_of
from app.prepare import prepare
from app.settings import Settings
from audit.cosignature import parse_witness_key
from audit.heartbeat import heartbeat
from audit.origin import started_as
from tests.support.outside import policy_file, witness_process

pytestmark = pytest.mark.slow

_CHECK = """
import sys, aics_tlog
note = aics_tlog.parse_note(open(sys.argv[1], encoding="utf-8").read())
keys = [aics_tlog.parse_vkey(line) for line in sys.argv[2:]]
told = aics_tlog.verify_checkpoint(note, keys[0], keys[1:], len(keys) - 1, expected_origin=keys[0].name)
sys.exit(0 if told.ok else 1)
"""


def _log(data: Path, *, policy: Path | None = None, entries: int = 3) -> tuple[str, str, dict[str, str | None]]:
    """Origin and verifier key of the log in ``data`` after it grew, and what the anchors said."""
    chosen = Settings(data=data, witness_policy=policy)
    prepare(chosen)
    runtime = build(chosen)
    for _ in range(entries):
        heartbeat(runtime.main, runtime.log, at=runtime.clock.now())
    signer = signer_of(runtime)
    signer.sign_if_grown()
    told = Anchoring(runtime).once() if policy is not None else {}
    signer.sign_if_grown()
    with runtime.log_database.read() as session:
        origin, vkey = started_as(session) or ("", "")
    runtime.close()
    return origin, vkey, told


@contextmanager
def _aics_witness(folder: Path, origin: str, vkey: str) -> Iterator[tuple[str, str]]:
    """Key and address of an ``aics-witness`` of one log."""
    program = python_with_witness().with_name("aics-witness")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    folder.mkdir()
    init = [program, "init", "-c", "w.json", "--name", "witness.example/aics", "--listen", address]
    done = subprocess.run(init, cwd=folder, check=True, capture_output=True, text=True)
    add = [program, "add-log", "-c", "w.json", "--origin", origin, "--vkey", vkey]
    subprocess.run(add, cwd=folder, check=True, capture_output=True)
    key = next(line for line in done.stdout.splitlines() if line.startswith("witness.example/aics+"))
    with subprocess.Popen([program, "serve", "-c", "w.json"], cwd=folder, stderr=subprocess.DEVNULL) as process:
        host, port = address.split(":")
        for _ in range(200):
            try:
                socket.create_connection((host, int(port)), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield key, f"http://{address}"
        process.terminate()


def _accepts(note: Path, *vkeys: str) -> bool:
    command = [python_with_witness(), "-c", _CHECK, note, *vkeys]
    return subprocess.run(command, env=os.environ | {"PYTHONUTF8": "1"}, check=False).returncode == 0


def test_theirs_cosigns_ours_verifies_and_neither_takes_a_fork(tmp_path: Path) -> None:
    data, fork = tmp_path / "data", tmp_path / "fork"
    origin, vkey, _ = _log(data)
    shutil.copytree(data, fork)
    with _aics_witness(tmp_path / "aics", origin, vkey) as theirs, witness_process(tmp_path / "own", vkey) as own:
        policy = policy_file(tmp_path / "policy", "all", Theirs=theirs, Own=(own.key, own.address))
        for entries in (1, 300):
            assert set(_log(data, policy=policy, entries=entries)[2].values()) == {None}
            note = data / "log" / "checkpoint"
            assert _accepts(note, vkey, theirs[0], own.key)
        text = note.read_text()
        line = next(each for each in text.splitlines() if each.startswith(f"— {parse_witness_key(own.key).name} "))
        place = len(line) - 20
        spoilt = tmp_path / "spoilt"
        spoilt.write_text(text.replace(line, line[:place] + ("A" if line[place] != "A" else "B") + line[place + 1 :]))
        assert not _accepts(spoilt, vkey, theirs[0], own.key)
        told = _log(fork, policy=policy, entries=400)[2]
        names = [f"witness:{parse_witness_key(key).name}" for key in (theirs[0], own.key)]
        assert [told[name] for name in names] == ["witness_disagrees"] * 2
