"""The schedule on the command line: a pack at the set-up, out to a file and in again, published by a second person."""

from pathlib import Path

from accounts import tokens
from accounts.permissions import SCOPES
from tests.support.archive import Archive
from tests.support.cli import Cli


def test_rules_go_out_come_back_changed_and_are_published_by_another(tmp_path: Path, cli: Cli) -> None:
    archive = Archive.open(tmp_path / "data")
    by = archive.principal("officer")
    with archive.runtime.main.write() as session:
        made = tokens.create(session, SCOPES, label="test", by=by, at=archive.now, keys=archive.runtime.keys)
    archive.close()
    data, file = ("--data", tmp_path / "data"), tmp_path / "rules.csv"
    manager = (*data, "--json", "--as", "manager", "retention", "rules")

    taken = cli(*data, "--json", "retention", "rules", "take-pack", "DE")
    assert taken.json == {"batch": taken.json["batch"], "drafts": 18, "known": 0, "published": True}
    assert len(cli(*manager, "list").rows) == 18
    out = cli(*manager, "export", "--out", file)
    assert out.json == {"file": str(file), "rules": 18}
    assert cli(*manager, "import", file).json == {"batch": None, "drafts": 0, "known": 18, "published": False}

    text = file.read_text("utf-8")
    file.write_text(text.replace(",P6M,", ",P8,"), "utf-8")
    refused = cli(*manager, "import", file)
    assert refused.code == 1
    assert "line 5: write the period as P8Y" in refused.err
    file.write_text(text.replace(",P6M,", ",P8M,"), "utf-8")
    batch = cli(*manager, "import", file).json["batch"]
    (drafted,) = cli(*manager, "list", "--state", "draft").rows
    assert (drafted["code"], drafted["period"], drafted["version"], drafted["batch"]) == (
        "de-applicant-rejected", "P8M", 2, batch,
    )  # fmt: skip

    alone = cli(*data, "--as", "manager", "retention", "rules", "publish", batch)
    operator = cli(*data, "--as", "officer", "retention", "rules", "publish", batch)
    assert (alone.code, operator.code) == (1, 1)
    done = cli(*data, "--json", "--token", made.secret, "retention", "rules", "publish", batch)
    assert done.code == 0, done.err
    assert done.json["state"] == "published"
    (changed,) = cli(*manager, "compare", "DE").json["changed"]
    assert changed["code"] == "de-applicant-rejected"
    # The source of the pack speaks for the pack's period, and not for this one.
    assert [(each["field"], each["after"]) for each in changed["fields"]] == [("period", "P8M"), ("source", "")]
