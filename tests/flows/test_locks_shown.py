"""What whoever runs the machine is told of locks and of the malware scanner."""

import socket
from pathlib import Path

import pytest

from records import object_lock
from tests.support.app import Office
from tests.support.archive import Archive
from tests.support.cli import Cli


def _asked(archive: Archive) -> None:
    record = archive.receive(record_class="receipt")
    archive.settle()
    with archive.runtime.main.write() as session:
        object_lock.ask(session, record.id, retain_through=None, at=archive.now)


def test_reconcile_says_that_a_directory_cannot_lock(tmp_path: Path, cli: Cli) -> None:
    archive = Archive.open(tmp_path / "data")
    _asked(archive)
    archive.close()
    told = cli("--data", tmp_path / "data", "reconcile")
    assert told.code == 0, told.out
    assert "this store cannot lock" in told.out
    counted = cli("--data", tmp_path / "data", "--json", "reconcile").json
    assert (counted["store_locks"], counted["locked_originals"], counted["unlockable_originals"]) == (False, 0, 1)


def test_doctor_says_what_locks_and_scans(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    told = cli("--data", tmp_path / "data", "doctor").out
    assert "this store cannot lock" in told
    assert "nothing is scanned" in told
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("MUNIMENT_CLAMD", f"127.0.0.1:{port}")
    assert "clamd is away" in cli("--data", tmp_path / "data", "doctor").out


def test_metrics_and_the_settings_page_count_locks(tmp_path: Path) -> None:
    office = Office.open(tmp_path / "data")
    office.upload(b"Guten Tag", class_="receipt")
    office.settle()
    told = office.client("admin").get("/metrics").text
    for state in ("locked", "held", "waiting", "cannot", "differing"):
        assert f'muniment_object_locks{{state="{state}"}} 0' in told
    assert "This store cannot lock" in office.browser("admin")[0].get("/settings/state").text
    office.close()
