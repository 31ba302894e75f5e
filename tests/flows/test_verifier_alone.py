"""The verifier as it leaves the program, on the data of a real installation: new keys, lost keys, stored files."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import IntegrityFailure
from tests.support.archive import Archive
from tests.support.cli import Cli


@pytest.fixture
def verifier(tmp_path: Path, cli: Cli) -> Path:
    """Where the command wrote it."""
    place = tmp_path / "alone" / "verify.py"
    place.parent.mkdir()
    told = cli("--json", "audit", "verifier", "--out", place)
    assert told.code == 0, told.err
    assert told.json == {"file": str(place), "sha256": hashlib.sha256(place.read_bytes()).hexdigest()}
    return place


def judged(verifier: Path, *words: object) -> tuple[int, dict[str, list[dict[str, object]]]]:
    command = [sys.executable, "-I", str(verifier), "--json", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=verifier.parent, check=False)
    return done.returncode, json.loads(done.stdout)


def test_a_new_key_is_vouched_for_by_the_one_that_was_pinned(tmp_path: Path, cli: Cli, verifier: Path) -> None:
    data = tmp_path / "data"
    assert cli("--data", data, "audit", "verify").code == 0
    first = cli("--data", data, "audit", "key").out.strip()
    assert cli("--data", data, "audit", "rotate-key").code == 0
    second = cli("--data", data, "audit", "key").out.strip()
    assert first != second
    for pinned in (first, second):
        code, report = judged(verifier, data / "log", "--key", pinned)
        assert (code, report["faults"]) == (0, []), report


def test_for_a_key_that_was_lost_nobody_vouches(tmp_path: Path, cli: Cli, verifier: Path) -> None:
    data = tmp_path / "data"
    assert cli("--data", data, "audit", "verify").code == 0
    first = cli("--data", data, "audit", "key").out.strip()
    (data / "keys" / "log.key").unlink()
    assert cli("--data", data, "audit", "rotate-key", "--lost").code == 0
    second = cli("--data", data, "audit", "key").out.strip()
    code, report = judged(verifier, data / "log", "--key", first)
    assert (code, report["faults"]) == (3, []), report
    assert [one["kind"] for one in report["remarks"] if one["kind"] == "key"] == ["key"]
    assert judged(verifier, data / "log", "--key", second)[0] == 0


@pytest.mark.parametrize("act", [lambda c: c[:-1], lambda c: c[:-1] + bytes([c[-1] ^ 1])], ids=["cut", "swapped"])
def test_a_stored_file_stands_in_the_log_by_its_digest_and_another_is_never_shown(
    tmp_path: Path, act: Callable[[bytes], bytes]
) -> None:
    archive = Archive.open(tmp_path / "data")
    row = archive.receive(b"Der Zebrafink singt", "zebrafink.txt", record_class="supplier_invoice")
    archive.settle()
    with archive.runtime.log_database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT entry FROM audit_leaves").all()
    things = [thing for (entry,) in rows for thing in json.loads(entry)["b"].get("objects", ())]
    digests = {thing["h"] for thing in things if thing["i"] == row.id.hex and "h" in thing}
    stored = [path for path in (tmp_path / "data" / "objects" / "originals").rglob("*") if path.is_file()]
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in stored} >= digests != set()
    for path in stored:
        path.chmod(0o600)
        path.write_bytes(act(path.read_bytes()))
    opened = archive.runtime.content.open_original(
        row.id, by=archive.principal("clerk"), purpose="download", request="swapped"
    )
    with pytest.raises(IntegrityFailure):
        b"".join(opened.chunks)
    archive.close()
