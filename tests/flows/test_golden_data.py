"""Data folders that earlier releases wrote: each later one migrates them, verifies their log, finds their records."""

import hashlib
import json
import tarfile
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from audit.tree import CompactRange
from core.sqlite import SqliteDatabase
from tests.support.cli import Cli

GOLDEN = Path(__file__).parent.parent / "golden" / "data"
KEPT = sorted(GOLDEN.glob("*.tar.xz"))


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name.split(".")[0])
def test_a_data_folder_of_an_earlier_release_is_taken_over_whole(kept: Path, tmp_path: Path) -> None:
    with tarfile.open(kept) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "data" / "keys").chmod(0o700)
    known = json.loads(kept.with_name(kept.name.replace(".tar.xz", ".json")).read_text())
    muniment = partial(Cli(), "--data", tmp_path / "data")

    told = muniment("--json", "audit", "verify")
    assert told.code == 0, told.err
    assert told.json["entries"] >= known["entries"]
    assert muniment("audit", "key").out.strip() == known["verifier_key"]
    assert _root_of(tmp_path / "data", known["entries"]) == known["root"]

    for each in known["records"]:
        found = muniment("--json", "--as", "anna", "search", each["word"])
        # What a mail brought with it may hold the word too.
        assert each["id"] in [row["id"] for row in found.rows], found.err
        target = tmp_path / each["id"]
        assert muniment("--as", "anna", "record", "download", each["number"], "--to", str(target)).code == 0
        assert hashlib.sha256(target.read_bytes()).hexdigest() == each["sha256"]
    assert muniment("reconcile").code == 0
    database = SqliteDatabase(tmp_path / "data" / "db" / "main.db")
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM object_locks")) == known.get("locks", 0)
    database.close()


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
