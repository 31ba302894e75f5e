"""An auditor's story: the trail of one record, carried away, verified by strangers' means, and held against what the
administrator made of the past afterwards."""

import gzip
import json
import sqlite3
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import corpus as documents
from tests.support.archive import Archive
from tests.support.cli import Cli, Told
from tests.verifiers.verifier_tools import fsck

READERS = ("clerk", "second_clerk", "manager")
ACCESSES = 200
LETTERS = [(f"brief-{n}.txt", f"Sehr geehrte Damen und Herren, Brief Nr. {n}".encode()) for n in range(20)]


@dataclass(frozen=True)
class Office:
    """A data folder in which a record was read 200 times."""

    data: Path
    record: str
    accesses: int
    cli: Cli

    def asks(self, *words: object) -> Told:
        """What the auditor types."""
        told = self.cli("--data", self.data, "--as", "auditor", "--json", "audit", *words)
        assert told.code == 0, told.err
        return told


def _at_work(folder: Path, cli: Cli, taken: list[tuple[str, bytes]]) -> Office:
    archive = Archive.open(folder / "data")
    rows = [archive.receive(data, name, record_class="supplier_invoice") for name, data in taken]
    archive.index()
    read = rows[0]
    for number in range(ACCESSES):
        # Every other access is to the record that the auditor will ask for.
        row = read if number % 2 == 0 else rows[number % len(rows)]
        by = archive.principal(READERS[number % 3])
        opened = archive.runtime.content.open_original(row.id, by=by, purpose="download", request=f"r-{number}")
        assert b"".join(opened.chunks) == taken[rows.index(row)][1]
    own = sum(1 for number in range(ACCESSES) if number % 2 == 0 or number % len(rows) == 0)
    archive.index()
    archive.close()
    return Office(folder / "data", str(read.id), own, cli)


def _carried(archive: Path, folder: Path) -> Path:
    """The archive in an empty folder, unpacked, as on another machine."""
    folder.mkdir()
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder


def _verify(verifier: Path, source: Path, *more: object) -> tuple[int, dict[str, Any]]:
    """By the single file alone: no site packages, no path but the standard library, in a folder of its own."""
    python = [sys.executable, "-I", "-S"]
    place = verifier.parent
    nothing = subprocess.run([*python, "-c", "import audit"], cwd=place, capture_output=True, check=False)
    assert nothing.returncode == 1, "Muniment is on the path"
    command = [*python, verifier, source, "--json", *map(str, more)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def _changed(entry: bytes) -> bytes:
    """The entry with another digit in its time."""
    at = entry.index(b'"t":') + 10
    return entry[:at] + (b"1" if entry[at : at + 1] != b"1" else b"2") + entry[at + 1 :]


def _rewrite(data: Path, position: int) -> None:
    """Change one byte of an entry as the administrator can, in the database without its triggers and where it was
    published."""
    connection = sqlite3.connect(data / "db" / "log.db")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    (entry,) = connection.execute("SELECT entry FROM audit_leaves WHERE seq = ?", (position,)).fetchone()
    connection.execute("UPDATE audit_leaves SET entry = ? WHERE seq = ?", (_changed(entry), position))
    connection.commit()
    connection.close()
    bundle = data / "log" / "tile" / "entries" / "000.gz"
    content = gzip.decompress(bundle.read_bytes())
    assert content.count(entry) == 1
    bundle.write_bytes(gzip.compress(content.replace(entry, _changed(entry)), mtime=0))


def _fsck(folder: Path, key: str, seconds: int) -> str:
    """What Tessera's fsck has against a log; one that never ends refuses."""
    file = folder.with_name(f"{folder.name}.pub")
    file.write_text(key)
    words = [fsck(), "--ui=false", f"--storage_url=file://{folder}/", f"--public_key={file}"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return "never ends"
    return done.stderr if done.returncode or "fsck failed" in done.stderr else ""


def _story(office: Office, folder: Path) -> Path:
    """The whole of it; gives the folder with the export of all of the log, made before the past was changed."""
    key = office.asks("key").json["key"]
    out = folder / "trail.zip"
    told = office.asks("export", "--record", office.record, "--out", out).json
    assert told["file"] == str(out)
    trail = _carried(out, folder / "auditor")
    positions = sorted(int(path.stem) for path in (trail / "leaves").iterdir())
    downloads = [
        position
        for position in positions
        if json.loads((trail / "leaves" / f"{position}.json").read_bytes())["b"]["action"] == "record.downloaded"
    ]
    assert (len(positions), len(downloads)) == (told["entries"], office.accesses)
    code, report = _verify(trail / "muniment_verify.py", trail, "--key", key)
    assert (code, report["faults"]) == (0, []), report
    done = {each["what"]: each["count"] for each in report["checked"]}
    assert done["leaves"] == done["proofs"] == len(positions)

    office.asks("export", "--range", "..", "--out", folder / "whole.zip")
    whole = _carried(folder / "whole.zip", folder / "whole")

    position = downloads[3]
    assert position < 256 < report["size"], (
        "the end of the log is read again at each start: there it would show at once"
    )
    _rewrite(office.data, position)
    later = folder / "later.zip"
    office.asks("export", "--range", "..", "--out", later)
    verifier = trail / "muniment_verify.py"
    for source in (later, office.data / "log"):
        code, report = _verify(verifier, source, "--key", key, "--earlier", out)
        assert code == 1
        assert [(each["position"], each["kind"]) for each in report["faults"]] == [(position, "altered")]
        assert str(position) in report["faults"][0]["sentence"]
    told = office.cli("--data", office.data, "--json", "audit", "verify")
    assert (told.code, told.json["fault"]["position"]) == (1, position)
    # The earlier one stands as it did: it needs nobody's leave.
    assert _verify(verifier, out, "--key", key)[0] == 0
    return whole


def test_the_trail_of_a_record_is_verified_elsewhere_and_a_changed_past_is_named(tmp_path: Path, cli: Cli) -> None:
    _story(_at_work(tmp_path, cli, LETTERS), tmp_path)


@pytest.mark.slow
@pytest.mark.corpus
def test_the_same_with_real_documents_and_another_s_verifier(tmp_path: Path, cli: Cli, corpus: Path) -> None:
    files = [path for path in documents.files(corpus) if path.suffix in (".xml", ".txt", ".eml", ".pdf")]
    taken = [(path.name, path.read_bytes()) for path in files if path.stat().st_size < 60_000][::10][:22]
    office = _at_work(tmp_path, cli, taken)
    whole = _story(office, tmp_path)
    key = json.loads((whole / "manifest.json").read_bytes())["vkeys"][-1]
    assert _fsck(whole, key, 60) == ""
    bundle = whole / "tile" / "entries" / "000"
    data = bytearray(bundle.read_bytes())
    data[data.index(b'"t":') + 10] ^= 1
    bundle.write_bytes(data)
    assert _fsck(whole, key, 15) != ""
