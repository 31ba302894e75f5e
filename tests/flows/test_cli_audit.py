"""What an auditor does on the command line: verify, key, proof; and what a tampered log is told."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.leaf import leaf_hash
from audit.note import parse_vkey
from tests.support.archive import Archive
from tests.support.cli import Cli


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "data"
    archive = Archive.open(folder)
    for _ in range(3):
        archive.receive(record_class="letter")
    archive.index()
    archive.close()
    return folder


@pytest.fixture
def copy(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "data")
    return tmp_path / "data"


def test_a_sound_log_verifies_and_says_so_in_the_log(copy: Path, cli: Cli):
    first = cli("--data", copy, "--json", "audit", "verify")
    assert first.code == 0, first.err
    told = first.json
    assert set(told) == {"origin", "entries", "checkpoints", "root", "withdrawn", "fault"}
    assert told["fault"] is None
    again = cli("--data", copy, "--json", "audit", "verify")
    assert again.json["entries"] > told["entries"]
    assert " entries verified, " in cli("--data", copy, "audit", "verify").out


def _leaf(connection: sqlite3.Connection, position: int, change: Callable[[bytes], bytes], *, hashed: bool) -> None:
    entry = change(connection.execute("SELECT entry FROM audit_leaves WHERE seq = ?", (position,)).fetchone()[0])
    connection.execute("UPDATE audit_leaves SET entry = ? WHERE seq = ?", (entry, position))
    if hashed:
        connection.execute("UPDATE audit_leaves SET hash = ? WHERE seq = ?", (leaf_hash(entry), position))


def _flip(entry: bytes) -> bytes:
    at = entry.index(b'"t":') + 6
    return entry[:at] + (b"1" if entry[at : at + 1] != b"1" else b"2") + entry[at + 1 :]


@pytest.mark.parametrize("hashed", [pytest.param(False, id="bytes only"), pytest.param(True, id="bytes and hash")])
@pytest.mark.parametrize("place", [pytest.param(p, id=i) for p, i in ((0, "first"), (0.4, "middle"), (1, "last"))])
def test_a_changed_byte_of_an_entry_is_named_by_its_position(copy: Path, cli: Cli, place: float, hashed: bool):
    connection = sqlite3.connect(copy / "db" / "log.db")
    size = connection.execute("SELECT count(*) FROM audit_leaves").fetchone()[0]
    position = round(place * (size - 1))
    _without_guards(connection)
    _leaf(connection, position, _flip, hashed=hashed)
    connection.commit()
    connection.close()
    told = cli("--data", copy, "--json", "audit", "verify")
    assert told.code == 1
    found = told.json["fault"]["position"]
    if not hashed:
        assert found == position
    elif position < size - 1:
        assert found in (position, position + 1)
    # Behind the last there is only the checkpoint, which says that something under it is wrong and not what.
    words = cli("--data", copy, "audit", "verify")
    assert (words.code, words.out.startswith(f"position {told.json['fault']['position']}: ")) == (1, True)


def _without_guards(connection: sqlite3.Connection) -> None:
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            "DELETE FROM audit_leaves WHERE seq = (SELECT max(seq) FROM audit_leaves)", id="the last entry gone"
        ),
        pytest.param("DELETE FROM audit_leaves WHERE seq = 4", id="an entry gone"),
        pytest.param("DELETE FROM audit_checkpoints", id="the checkpoints gone"),
        pytest.param("UPDATE audit_head SET size = size - 1", id="the head set back"),
        pytest.param("DELETE FROM audit_trail WHERE seq = 5", id="an entry left out of the trail"),
    ],
)
def test_a_log_that_was_cut_or_bent_does_not_verify_and_is_not_written_to(copy: Path, cli: Cli, statement: str):
    connection = sqlite3.connect(copy / "db" / "log.db")
    _without_guards(connection)
    connection.execute(statement)
    connection.commit()
    before = connection.execute("SELECT count(*), max(seq) FROM audit_leaves").fetchone()
    told = cli("--data", copy, "--json", "audit", "verify")
    assert told.code == 1
    assert told.out.strip() or told.err.strip()
    assert connection.execute("SELECT count(*), max(seq) FROM audit_leaves").fetchone() == before
    connection.close()


def test_the_database_itself_refuses_to_change_what_was_written(copy: Path):
    connection = sqlite3.connect(copy / "db" / "log.db")
    for statement in (
        "UPDATE audit_leaves SET entry = x'00'",
        "DELETE FROM audit_leaves",
        "DELETE FROM audit_checkpoints",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    connection.close()


def test_the_key_is_a_verifier_key_named_after_the_origin(copy: Path, cli: Cli):
    told = cli("--data", copy, "--json", "audit", "key").json
    assert parse_vkey(told["key"]).name == told["origin"]
    assert cli("--data", copy, "audit", "key").out.strip() == told["key"]


def test_a_proof_is_given_for_what_is_signed_and_for_nothing_behind_it(copy: Path, cli: Cli):
    size = cli("--data", copy, "--json", "audit", "verify").json["entries"]
    proof = cli("--data", copy, "audit", "proof", "2")
    lines = proof.out.splitlines()
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 2"]
    assert json.loads(cli("--data", copy, "--json", "audit", "proof", "2").out)["position"] == 2
    beyond = cli("--data", copy, "audit", "proof", str(size + 100))
    assert (beyond.code, beyond.out) == (1, "")
    assert cli("--data", copy, "audit", "proof", "-1").code == 2


def test_the_trail_is_told_by_the_filters_of_the_page_and_each_reading_is_on_it(copy: Path, cli: Cli):
    def asked(*words: str, by: str = "auditor") -> Any:
        told = cli("--data", copy, "--as", by, "--json", "audit", "trail", *words)
        assert told.code == 0, told.err
        return told.json

    captured = asked("--action", "record.captured")["items"]
    assert [item["action"] for item in captured] == ["record.captured"] * 3
    assert captured[0]["seq"] > captured[-1]["seq"]
    number = captured[0]["objects"][0]["number"]
    about = asked("--record", number)["items"]
    assert {item["seq"] for item in about} >= {captured[0]["seq"]}
    assert all(number in [thing["number"] for thing in item["objects"]] for item in about)
    page = asked("--limit", "2")
    assert [item["seq"] for item in asked("--limit", "1", "--before", str(page["next"]))["items"]] < [page["next"]]
    assert asked("--action", "record.captured", "--to", "2020-01-01")["items"] == []
    assert asked("--action", "record.captured", "--department", "accounting", "--outcome", "done")["items"] == captured
    assert len(asked("--action", "audit.trail_read")["items"]) >= 6
    words = cli("--data", copy, "--as", "dpo", "audit", "trail", "--action", "record.captured").out
    assert words.count("record.captured  done") == 3


@pytest.mark.parametrize(
    ("by", "words"),
    [
        pytest.param("clerk", [], id="who does not oversee"),
        pytest.param("auditor", ["--from", "yesterday"], id="no day"),
        pytest.param("auditor", ["--department", "Nowhere"], id="no department"),
        pytest.param("auditor", ["--outcome", "well"], id="no outcome"),
        pytest.param("auditor", ["--record", "7K2M-9QXT-4"], id="no record"),
    ],
)
def test_what_cannot_be_asked_of_the_trail_is_refused(copy: Path, cli: Cli, by: str, words: list[str]):
    told = cli("--data", copy, "--as", by, "audit", "trail", *words)
    assert (told.code, told.out) == (1, "")
    assert told.err
