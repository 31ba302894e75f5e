"""Terms of retention and simulations of holds on the command line, without a server."""

from datetime import date, timedelta
from pathlib import Path

from accounts import tokens
from accounts.permissions import SCOPES
from tests.support.archive import Archive
from tests.support.cli import Cli


def test_terms_are_set_by_one_or_by_two_and_shown(tmp_path: Path, cli: Cli) -> None:
    archive = Archive.open(tmp_path)
    by = archive.principal("officer")
    with archive.runtime.main.write() as session:
        made = tokens.create(session, SCOPES, label="test", by=by, at=archive.now, keys=archive.runtime.keys)
    archive.settle()
    archive.close()
    manager = ("--data", tmp_path, "--json", "--as", "manager", "retention", "terms")

    stricter = cli(*manager, "set", "--quorum", 2, "--percent", 5)
    assert stricter.code == 0, stricter.err
    assert stricter.json["state"] == "in_force"
    looser = cli(*manager, "set", "--percent", "installation", "--fiscal-year", "07-01", "--intermediate", 6)
    assert looser.json["state"] == "pending"
    operator = cli("--data", tmp_path, "--as", "officer", "retention", "terms", "confirm", looser.json["id"])
    assert operator.code == 1, "whoever can read the key file is no second person"
    token = ("--data", tmp_path, "--json", "--token", made.secret, "retention", "terms")
    confirmed = cli(*token, "confirm", looser.json["id"])
    assert confirmed.code == 0, confirmed.err
    shown = cli(*manager, "show").rows
    assert shown[0]["terms"] == {
        "quorum": 2,
        "grace_days": 7,
        "destroy_percent": None,
        "intermediate_months": 6,
        "time_zone": "Europe/Berlin",
        "fiscal_year_start": "07-01",
    }
    assert [each["state"] for each in shown[1:]] == ["in_force", "in_force"]
    assert "intermediate_months" in cli("--data", tmp_path, "--as", "auditor", "retention", "terms", "show").out
    wrong = cli(*manager, "set", "--percent", "most")
    assert wrong.code == 1
    assert "whole number" in wrong.err


def test_a_hold_its_release_and_a_calendar_are_simulated(tmp_path: Path, cli: Cli) -> None:
    archive = Archive.open(tmp_path)
    record = archive.receive(b"Der Kranbau", record_class="letter")
    archive.receive(b"Ein Brief", record_class="letter")
    archive.settle()
    archive.close()
    review = date.today() + timedelta(days=90)
    words = ("--reason", "claim", "--authority", "312 O 44/26", "--review", review, "--record", record.number)
    officer = ("--data", tmp_path, "--json", "--as", "officer")

    told = cli(*officer, "hold", "place", "A matter", *words, "--simulate")
    assert told.code == 0, told.err
    assert (told.json["kind"], told.json["records"], told.json["moved"]) == ("hold", 2, 1)
    assert cli(*officer, "hold", "list").rows == []
    hold = cli(*officer, "hold", "place", "A matter", *words).json["id"]
    released = cli(*officer, "retention", "simulate", "--release", hold)
    assert (released.json["kind"], released.json["moved"]) == ("release", 1)
    calendar = cli(*officer, "retention", "simulate", "--fiscal-year", "07-01")
    assert calendar.json["kind"] == "calendar"
    both = cli(*officer, "retention", "simulate", "--fiscal-year", "07-01", "--release", hold)
    assert both.code == 1
