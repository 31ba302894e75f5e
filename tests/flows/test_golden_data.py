"""Data folders that earlier releases wrote: each later one migrates them, verifies their log, finds their records."""

import hashlib
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from accounts import entities
from app import date_jobs
from app.build import build
from app.settings import load
from audit import muniment_verify
from audit.tree import CompactRange
from core.sqlite import SqliteDatabase
from retention.last_look import blocked_by
from retention.record_date import dates_of
from tests.support.cli import Cli, Told

GOLDEN = Path(__file__).parent.parent / "golden" / "data"
KEPT = sorted(GOLDEN.glob("*.tar.xz"))
OF_RETENTION = [path for path in KEPT if path.name.startswith("0009")]


@dataclass(frozen=True)
class Taken:
    """A folder unpacked, what was true of it, and the command line on it."""

    data: Path
    known: dict[str, Any]
    muniment: Callable[..., Told]

    @property
    def reader(self) -> str:
        return str(self.known.get("reader", "anna"))


@pytest.fixture
def taken(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Taken:
    with tarfile.open(kept) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "data" / "keys").chmod(0o700)
    if (tmp_path / "data" / "test-clock").exists():
        # Its times lie ahead of the machine's clock, and for ever: the file moves with it.
        monkeypatch.setenv("MUNIMENT_TEST_CLOCK", "1")
    known = json.loads(kept.with_name(kept.name.replace(".tar.xz", ".json")).read_text())
    return Taken(tmp_path / "data", known, partial(Cli(), "--data", tmp_path / "data"))


def _name(path: Path) -> str:
    return path.name.split(".")[0]


@pytest.mark.parametrize("kept", KEPT, ids=_name)
def test_a_data_folder_of_an_earlier_release_is_taken_over_whole(taken: Taken, tmp_path: Path) -> None:
    muniment, known = taken.muniment, taken.known
    told = muniment("--json", "audit", "verify")
    assert told.code == 0, told.err
    assert told.json["entries"] >= known["entries"]
    assert told.json["withdrawn"] == known.get("withdrawn", 0)
    assert muniment("audit", "key").out.strip() == known["verifier_key"]
    assert _root_of(taken.data, known["entries"]) == known["root"]

    for each in known["records"]:
        found = muniment("--json", "--as", taken.reader, "search", each["word"])
        # What a mail brought with it may hold the word too.
        assert each["id"] in [row["id"] for row in found.rows], found.err
        target = tmp_path / each["id"]
        assert muniment("--as", taken.reader, "record", "download", each["number"], "--to", str(target)).code == 0
        assert hashlib.sha256(target.read_bytes()).hexdigest() == each["sha256"]
    assert muniment("reconcile").code == 0
    database = SqliteDatabase(taken.data / "db" / "main.db")
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM object_locks")) == known.get("locks", 0)
    database.close()


@pytest.mark.parametrize("kept", KEPT, ids=_name)
def test_its_log_as_it_was_published_is_verified_by_the_single_file_alone(taken: Taken, tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text(taken.known["verifier_key"])
    assert taken.muniment("audit", "rebuild").code == 0
    words = [sys.executable, muniment_verify.__file__, str(taken.data / "log"), "--key", str(tmp_path / "key.txt")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kept", OF_RETENTION, ids=_name)
def test_its_dates_are_reckoned_the_same_and_explained(taken: Taken) -> None:
    assert taken.muniment("--as", "manager", "retention", "run", "--dry-run").code == 0
    runtime = build(load(data=taken.data))
    with runtime.main.read() as session:
        [entity] = [row.id for row in entities.everything(session)]
    for reckoned_again in (False, True):
        if reckoned_again:
            date_jobs.date_entity(runtime, entity)
        with runtime.main.read() as session:
            rows = dates_of(session, [UUID(each["id"]) for each in taken.known["records"]])
        for each in taken.known["records"]:
            row = rows[UUID(each["id"])]
            through = str(row.retain_through) if row.retain_through else None
            assert (row.state, through) == (each["state"], each["retain_through"]), each["name"]
            # What an approval rests on: another basis for the same facts would void every one there is.
            assert row.basis.hex() == each["basis"], each["name"]
    runtime.close()
    for each in taken.known["records"]:
        why = taken.muniment("--json", "--as", "manager", "retention", "explain", each["number"]).json
        why = why.get("why", why)
        assert (why["state"], why["retain_through"]) == (each["state"], each["retain_through"])
        assert [blocker["kind"] for blocker in why["blockers"]] == ["legal_hold"] * (each["id"] == taken.known["held"])


@pytest.mark.parametrize("kept", OF_RETENTION, ids=_name)
def test_what_it_destroyed_stays_certified_and_what_it_holds_stays(taken: Taken, tmp_path: Path) -> None:
    muniment, known = taken.muniment, taken.known
    listed = muniment("--json", "--as", "officer", "retention", "certificates", "list").rows
    assert [each["id"] for each in listed] == known["certificates"]
    for each in known["certificates"]:
        folder = tmp_path / each
        told = muniment("--as", "officer", "retention", "certificates", "export", each, "--folder", folder)
        assert told.code == 0, told.err
        files = [folder / "certificate.json", folder / "certificate.sig"]
        verify = ("retention", "certificates", "verify", *files, "--key", known["verifier_key"])
        assert muniment(*verify).code == 0
        files[0].write_bytes(files[0].read_bytes() + b" ")
        assert muniment(*verify).code == 1
    database = SqliteDatabase(taken.data / "db" / "main.db")
    muniment("audit", "verify")
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM record_stubs")) == known["stubs"]
        assert session.scalar(text("SELECT count(*) FROM retention_runs")) == known["runs"]
        assert session.scalar(text("SELECT count(*) FROM disclosures")) == 2
    database.close()
    runtime = build(load(data=taken.data))
    with runtime.main.read() as session:
        assert list(blocked_by(session, [UUID(each["id"]) for each in known["records"]])) == [UUID(known["held"])]
    runtime.close()


def _root_of(data: Path, size: int) -> str:
    """The root hash over the first entries as they are stored now."""
    database = SqliteDatabase(data / "db" / "log.db")
    tree = CompactRange()
    with database.read() as session:
        for (leaf,) in session.execute(
            text("SELECT hash FROM audit_leaves WHERE seq < :size ORDER BY seq"), {"size": size}
        ):
            tree.append(leaf, [])
    database.close()
    return tree.root().hex()
