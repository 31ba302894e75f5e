"""A transfer on the command line, without a server: taken as an operator, confirmed by a person alone."""

import hashlib
from pathlib import Path

import bagit

from accounts import tokens
from accounts.permissions import SCOPES
from app.destroying import execute_due
from tests.flows.test_cli_dispositions import reopened
from tests.support import packages
from tests.support.cli import Cli
from tests.support.depot import Depot


def test_a_package_is_taken_acknowledged_and_confirmed(tmp_path: Path, cli: Cli) -> None:
    data = tmp_path / "data"
    depot = Depot.open(data)
    packages.reader(depot)
    row = packages.made(depot, "transfer")
    [record] = depot.items(row.batch)
    by = depot.by("second_officer")
    with depot.run.main.write() as session:
        token = tokens.create(session, SCOPES, label="test", by=by, at=depot.now, keys=depot.run.keys)
    depot.archive.settle()
    today = depot.today.isoformat()
    depot.close()

    def told(*words: object, name: str = "manager"):  # type: ignore[no-untyped-def]
        return cli("--data", data, "--json", "--as", name, "retention", "packages", *words)

    [listed] = told("list").rows
    assert (listed["id"], listed["state"]) == (str(row.id), "ready")
    out = tmp_path / "package.zip"
    assert told("take", row.id, "--out", out, name="officer").code == 1, "an officer reads none of it"
    taken = told("take", row.id, "--out", out, name="porter").json
    assert taken["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest() == listed["sha256"]
    bagit.Bag(str(packages.unpack(out.read_bytes(), tmp_path / "bag"))).validate()

    words = ("--archive", "City archive", "--reference", "Acc. 1", "--on", today, "--sha256")
    assert told("acknowledge", row.id, *words, "00" * 32).code == 1
    assert told("acknowledge", row.id, *words, taken["sha256"]).json["state"] == "stated"
    assert told("confirm", row.id, taken["sha256"], name="officer").code == 1, "an operator confirms nothing"
    confirmed = cli(
        "--data", data, "--json", "--token", token.secret, "retention", "packages", "confirm", row.id, taken["sha256"]
    )
    assert (confirmed.code, confirmed.json["state"]) == (0, "confirmed")

    again = Depot(reopened(data))
    execute_due(again.run, at=again.now)
    again.archive.settle()
    execute_due(again.run, at=again.now)
    assert not again.exists(record)
    again.close()
    assert told("list").rows[0]["end"] == "carried_out"


def test_the_end_of_a_permanent_keeping_is_confirmed_by_a_person_alone(tmp_path: Path, cli: Cli) -> None:
    data = tmp_path / "data"
    depot = Depot.open(data)
    kept = packages.kept_one(depot)
    by = depot.by("officer")
    with depot.run.main.write() as session:
        token = tokens.create(session, SCOPES, label="test", by=by, at=depot.now, keys=depot.run.keys)
    depot.archive.settle()
    depot.close()

    def told(*words: object):  # type: ignore[no-untyped-def]
        return cli("--data", data, "--json", "--as", "manager", "retention", "keepings", *words)

    assert [(row["id"], row["state"]) for row in told("list").rows] == [(str(kept), "in_force")]
    assert told("end", kept, "--reason", "not of value").json["state"] == "end_asked"
    assert told("confirm", kept).code == 1
    words = ("retention", "keepings", "confirm", kept)
    assert cli("--data", data, "--json", "--token", token.secret, *words).json["state"] == "over"
