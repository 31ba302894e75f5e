"""Disposition on the command line, without a server: reviewed as an operator, approved by a person alone."""

import subprocess
from pathlib import Path

from accounts import tokens
from accounts.permissions import SCOPES
from app.destroying import execute_due
from tests.support.archive import Archive
from tests.support.cli import Cli
from tests.support.depot import Depot


def test_a_batch_is_reviewed_approved_and_its_certificate_checked(tmp_path: Path, cli: Cli) -> None:
    data = tmp_path / "data"
    depot = Depot.open(data)
    [record_id] = depot.file("one invoice")
    made = depot.propose()
    by = depot.by("second_officer")
    with depot.run.main.write() as session:
        token = tokens.create(session, SCOPES, label="test", by=by, at=depot.now, keys=depot.run.keys)
    depot.archive.index()
    depot.close()

    def told(*words: object, name: str = "second_manager"):  # type: ignore[no-untyped-def]
        return cli("--data", data, "--json", "--as", name, "retention", *words)

    assert [(row["id"], row["state"]) for row in told("dispositions", "list").rows] == [(str(made), "proposed")]
    assert told("dispositions", "show", made).rows[1]["record"] == str(record_id)
    assert told("dispositions", "decide", made, "extend").code == 1, "an extension takes a reason and a day"
    assert told("dispositions", "decide", made, "destroy").json == {"decided": 1}
    submitted = told("dispositions", "submit", made).json
    assert (submitted["submitted"], submitted["reopened"]) == (1, [])
    operator = told("dispositions", "approve", made, submitted["digest"], name="officer")
    assert operator.code == 1, "whoever can read the key file is no second person"
    words = ("retention", "dispositions", "approve", made, submitted["digest"])
    approved = cli("--data", data, "--json", "--token", token.secret, *words)
    assert (approved.code, approved.json["outcome"]) == (0, "approved")

    again = Depot(reopened(data))
    execute_due(again.run, at=again.after_grace())
    again.archive.index()
    again.close()
    [issued] = told("certificates", "list").rows
    out = tmp_path / "out"
    assert told("certificates", "export", issued["id"], "--folder", out).code == 0
    key = (out / "log.vkey").read_text().strip()
    files = (out / "certificate.json", out / "certificate.sig")
    good = cli("retention", "certificates", "verify", *files, "--key", key)
    assert (good.code, good.out.startswith("good: 1 records")) == (0, True)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "log.pem", "-rawin"]
    command += ["-in", "certificate.json", "-sigfile", "certificate.sig"]
    assert subprocess.run(command, cwd=out, check=False, capture_output=True).returncode == 0
    files[0].write_bytes(files[0].read_bytes().replace(b'"single_operator":false', b'"single_operator":true'))
    assert cli("retention", "certificates", "verify", *files, "--key", key).code == 1


def reopened(data: Path) -> Archive:
    """The archive again, with what the tests ask of it."""
    from accounts import entities
    from app.build import build
    from app.settings import Settings

    runtime = build(Settings(data=data, port=0, workers=1))
    with runtime.main.read() as session:
        [home] = entities.everything(session)
    return Archive(runtime, home.id, {}, {})
