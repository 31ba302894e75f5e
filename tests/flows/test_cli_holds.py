"""Holds on the command line, without a server: counted, placed, listed, released by two."""

from datetime import date, timedelta
from pathlib import Path

from accounts import tokens
from accounts.permissions import SCOPES
from tests.support.archive import Archive
from tests.support.cli import Cli


def test_a_hold_is_placed_by_one_and_released_by_two(tmp_path: Path, cli: Cli) -> None:
    archive = Archive.open(tmp_path)
    archive.add_person("second_officer", archive.grant("compliance_officer"))
    record = archive.receive(b"Der Kranbau", record_class="letter")
    archive.receive(b"Ein Brief", record_class="letter")
    by = archive.principal("second_officer")
    with archive.runtime.main.write() as session:
        made = tokens.create(session, SCOPES, label="test", by=by, at=archive.now, keys=archive.runtime.keys)
    archive.settle()
    archive.close()
    review = date.today() + timedelta(days=90)
    words = ("--reason", "claim", "--authority", "312 O 44/26", "--review", review, "--record", record.number)
    officer = ("--data", tmp_path, "--json", "--as", "officer")

    counted = cli(*officer, "hold", "place", "A matter", *words, "--count")
    assert counted.code == 0, counted.err
    assert counted.json == {"found": 1, "of": 2, "confirm": False, "query": ""}
    placed = cli(*officer, "hold", "place", "A matter", *words)
    assert placed.code == 0, placed.err
    hold = placed.json
    assert (hold["state"], hold["records"], hold["complete"]) == ("active", 1, True)
    assert [each["title"] for each in cli(*officer, "hold", "list").rows] == ["A matter"]
    assert record.number[:4] in cli("--data", tmp_path, "--as", "officer", "hold", "show", hold["id"]).out

    asked = cli(*officer, "hold", "release", hold["id"], "--reason", "settled")
    assert asked.json["state"] == "release_asked"
    alone = cli(*officer, "hold", "confirm", hold["id"])
    assert alone.code == 1
    by_operator = cli("--data", tmp_path, "--as", "second_officer", "hold", "confirm", hold["id"])
    assert by_operator.code == 1, "whoever can read the key file is no second person"
    ended = cli("--data", tmp_path, "--json", "--token", made.secret, "hold", "confirm", hold["id"])
    assert ended.code == 0, ended.err
    assert ended.json["state"] == "over"


def test_a_hold_that_names_two_things_is_refused(tmp_path: Path, cli: Cli) -> None:
    Archive.open(tmp_path).close()
    words = ("--reason", "claim", "--authority", "a", "--review", date.today() + timedelta(days=9))
    told = cli("--data", tmp_path, "--as", "officer", "hold", "place", "A", *words, "--query", "x", "--party", "y")
    assert told.code == 1
    assert "name one of" in told.err
