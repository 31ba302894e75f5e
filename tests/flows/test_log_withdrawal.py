"""Eleven years later: two persons withdraw the old entries of the log, and everybody who checks it says just that."""

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from accounts import entities, tokens
from api.app import create_app
from app.build import build
from app.clock import MovedClock
from app.settings import load
from audit import trail
from audit.events import LogHeartbeat
from retention import hold
from retention.hold import NewHold
from retention.hold_scope import Scope
from tests.support import databases
from tests.support.app import Client
from tests.support.archive import Archive
from tests.support.cli import Cli, Told
from tests.support.serving import serving
from tests.verifiers.verifier_tools import fsck

V1 = "/api/v1"
YEARS_12 = 12 * 366 * 86_400
LATER = {"MUNIMENT_TEST_CLOCK": "1"}

pytestmark = pytest.mark.skipif(databases.is_postgresql(), reason="commands and servers on a data folder")


@dataclass(frozen=True)
class Later:
    """An archive whose clock has gone twelve years on; what an auditor kept of the time before."""

    data: Path
    record: str
    earlier: Path
    key: Path
    tokens: dict[str, str]
    cli: Cli

    def by(self, name: str, *words: object) -> Told:
        """A command with that person's own token."""
        return self.cli("--data", self.data, "--token", self.tokens[name], "--json", "audit", *words)

    def operator(self, name: str, *words: object) -> Told:
        return self.cli("--data", self.data, "--as", name, "--json", "audit", *words)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data folder of today, with 900 entries and a record that was looked for, read and changed."""
    folder = tmp_path_factory.mktemp("past")
    archive = Archive.open(folder / "data", test_clock=True)
    row = archive.receive(b"Rechnung ueber Zebrafinken", "rechnung.txt", record_class="supplier_invoice")
    archive.settle()
    for number in range(8):
        archive.search("Zebrafinken")
        opened = archive.runtime.content.open_original(
            row.id, by=archive.principal("clerk"), purpose="download", request=f"r-{number}"
        )
        assert b"".join(opened.chunks)
        archive.runtime.log.record([LogHeartbeat(intake_high=each) for each in range(100)], at=archive.now)
    archive.index()
    archive.close()
    return folder / "data", str(row.id)


@pytest.fixture
def later(past: tuple[Path, str], tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Later:
    data = tmp_path / "data"
    shutil.copytree(past[0], data)
    shutil.copy(data / "log" / "checkpoint", tmp_path / "earlier")
    (data / "test-clock").write_text(str(YEARS_12))
    for name, value in LATER.items():
        monkeypatch.setenv(name, value)
    told = cli("--data", data, "audit", "key")
    assert told.code == 0, told.err
    (tmp_path / "key.txt").write_text(told.out)
    return Later(data, past[1], tmp_path / "earlier", tmp_path / "key.txt", _tokens(data), cli)


def _tokens(data: Path) -> dict[str, str]:
    """An API token for each of those who oversee, given in the later time."""
    runtime = build(load(data=data))
    assert isinstance(runtime.clock, MovedClock)
    archive = Archive(runtime, next(iter(_entities(runtime))), {})
    found = {}
    for name in ("dpo", "officer", "auditor"):
        with runtime.main.write() as session:
            made = tokens.create(session, ["audit"], by=archive.principal(name), at=archive.now, keys=runtime.keys)
        found[name] = made.secret
    runtime.close()
    return found


def _entities(runtime: Any) -> list[Any]:
    with runtime.main.read() as session:
        return [row.id for row in entities.everything(session)]


def _withdrawn(later: Later) -> None:
    asked = later.by("dpo", "withdraw", "--ask")
    assert asked.code == 0, asked.err
    row = asked.json["withdrawals"][0]
    assert later.by("officer", "withdraw", "--confirm", row["id"]).code == 0


def _verified(later: Later, source: Path | str, *more: object) -> dict[str, Any]:
    """By the single file alone."""
    verifier = later.data.parent / "muniment_verify.py"
    assert later.cli("--data", later.data, "audit", "verifier", "--out", verifier).code == 0
    command = [sys.executable, "-I", "-S", verifier, source, "--key", later.key, "--json", *more]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    return {"code": done.returncode} | json.loads(done.stdout)


def _kinds(told: dict[str, Any], part: str) -> list[tuple[int, str]]:
    return [(one["position"], one["kind"]) for one in told[part]]


def test_one_asks_another_confirms_and_the_entries_are_gone(later: Later) -> None:
    told = later.by("dpo", "withdraw").json
    assert told["years"] == 11
    assert told["due"] >= 512
    assert told["due"] % 256 == 0
    for name in ("auditor", "clerk"):
        assert later.operator(name, "withdraw", "--ask").code == 1, name
    asked = later.by("dpo", "withdraw", "--ask").json["withdrawals"][0]
    assert (asked["state"], asked["entries"]) == ("pending", told["due"])
    for refused in (
        later.by("dpo", "withdraw", "--confirm", asked["id"]),
        later.operator("officer", "withdraw", "--confirm", asked["id"]),
        later.by("dpo", "withdraw", "--ask"),
    ):
        assert refused.code == 1
    assert later.by("officer", "verify").json["withdrawn"] == 0
    done = later.by("officer", "withdraw", "--confirm", asked["id"]).json
    assert done["withdrawals"][0]["state"] == "confirmed"
    assert done["due"] == 0
    verified = later.operator("auditor", "verify").json
    assert (verified["fault"], verified["withdrawn"]) == (None, told["due"])
    assert later.by("officer", "withdraw", "--confirm", asked["id"]).code == 1, "decided"
    ranges = json.loads((later.data / "log" / "withdrawn.json").read_text())
    assert sum(one["to"] - one["from"] for one in ranges) == told["due"]
    assert (later.data / "log/tile/entries/000.gz").exists()
    assert not (later.data / "log/tile/entries/001.gz").exists()


def test_one_who_asked_for_it_oneself_confirms_nothing(later: Later) -> None:
    asked = later.by("officer", "withdraw", "--ask").json["withdrawals"][0]
    assert later.by("officer", "withdraw", "--confirm", asked["id"]).code == 1
    assert later.by("officer", "withdraw", "--refuse", asked["id"]).json["withdrawals"][0]["state"] == "withdrawn"
    assert later.operator("auditor", "verify").json["withdrawn"] == 0


def test_nothing_is_withdrawn_while_a_hold_is_in_force(later: Later) -> None:
    asked = later.by("dpo", "withdraw", "--ask").json["withdrawals"][0]
    _place_hold(later)
    refused = later.by("officer", "withdraw", "--confirm", asked["id"])
    assert refused.code == 1
    assert "hold is in force" in refused.err
    assert later.operator("auditor", "verify").json["withdrawn"] == 0
    assert later.by("officer", "withdraw", "--refuse", asked["id"]).code == 0
    assert later.by("dpo", "withdraw", "--ask").code == 1


def _place_hold(later: Later) -> None:
    runtime = build(load(data=later.data))
    archive = Archive(runtime, next(iter(_entities(runtime))), {})
    new = NewHold(
        entity=archive.entity,
        kind="legal_hold",
        scope=Scope(kind="records", records=(UUID(later.record),)),
        title="A matter",
        reason="a claim",
        authority="court",
        review_on=archive.today + timedelta(days=90),
    )
    with runtime.main.write() as session:
        hold.place(session, new, by=archive.principal("officer"), at=archive.now, keys=runtime.keys)
    runtime.close()


def test_the_folder_is_built_again_byte_for_byte_without_them(later: Later) -> None:
    _withdrawn(later)
    folder = later.data / "log"
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    shutil.rmtree(folder / "tile")
    (folder / "withdrawn.json").unlink()
    assert later.operator("auditor", "rebuild").code == 0
    after = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name, data in before.items():
        # Those that were not full may have grown since, and with them the checkpoint.
        if ".p" not in str(name) and name.name != "checkpoint":
            assert after[name] == data, name
    assert not (folder / "tile/entries/001.gz").exists()


def test_the_single_file_says_withdrawn_of_folder_and_exports_and_finds_what_was_not(later: Later) -> None:
    _withdrawn(later)
    folder = later.data / "log"
    told = _verified(later, folder, "--earlier", later.earlier)
    assert (told["code"], told["faults"]) == (0, []), told
    assert (256, "withdrawn") in _kinds(told, "remarks")

    for words in (["--range", ".."], ["--range", "200..600"], ["--record", later.record]):
        archive = later.data.parent / f"{len(words[1])}.zip"
        made = later.operator("auditor", "export", *words, "--out", archive)
        assert made.code == 0, made.err
        told = _verified(later, archive, "--earlier", later.earlier)
        assert told["faults"] == [], (words, told)
        with zipfile.ZipFile(archive) as opened:
            names = set(opened.namelist())
            said = json.loads(opened.read("withdrawn.json"))
        assert "tile/entries/001" not in names
        assert {f"leaves/{one['event']}.json" for one in said} <= names
        if words[0] == "--range":
            assert (256, "withdrawn") in _kinds(told, "remarks"), words

    # An entry that nobody withdrew is missing, whatever the list says.
    (folder / "tile/entries/000.gz").unlink()
    listed = json.loads((folder / "withdrawn.json").read_text())
    (folder / "withdrawn.json").write_text(json.dumps([{**listed[0], "from": 0}, *listed[1:]]))
    told = _verified(later, folder)
    assert (told["code"], told["faults"][0]["position"]) == (1, 0)


def test_over_http_each_role_may_what_it_may_and_the_pages_say_what_happened(later: Later) -> None:
    runtime = build(load(data=later.data))
    app = create_app(runtime)
    by = {name: Client(app, {"authorization": f"Bearer {secret}"}) for name, secret in later.tokens.items()}
    try:
        assert by["auditor"].post(f"{V1}/audit/withdrawals").status_code == 403
        assert by["auditor"].get("/audit/withdrawals").status_code == 403
        page = by["dpo"].get("/audit/withdrawals").text
        assert "Ask to withdraw" in page
        asked = by["dpo"].post(f"{V1}/audit/withdrawals").json()
        assert asked["state"] == "pending"
        assert by["dpo"].post("/audit/withdrawals").status_code == 409
        path = f"audit/withdrawals/{asked['id']}/decision"
        assert by["dpo"].post(f"{V1}/{path}", json={"confirmed": True}).status_code == 403
        assert by["auditor"].post(f"{V1}/{path}", json={"confirmed": True}).status_code == 403
        page = by["officer"].get("/audit/withdrawals").text
        assert f"Withdraw {asked['entries']} entries" in page.replace("\N{NO-BREAK SPACE}", " ").replace(",", "")
        done = by["officer"].post(f"{V1}/{path}", json={"confirmed": True})
        assert (done.status_code, done.json()["state"]) == (200, "confirmed"), done.text
        assert by["officer"].post(f"{V1}/{path}", json={"confirmed": True}).status_code == 409
    finally:
        runtime.close()
    assert later.operator("auditor", "verify").json["withdrawn"] == asked["entries"]
    runtime = build(load(data=later.data))
    app = create_app(runtime)
    by = {name: Client(app, {"authorization": f"Bearer {secret}"}) for name, secret in later.tokens.items()}
    try:
        told = by["auditor"].get(f"{V1}/audit/withdrawn.json").json()
        assert told[0]["from"] == 256
        gone = by["auditor"].get(f"{V1}/audit/tile/entries/001")
        assert (gone.status_code, gone.json()["code"]) == (404, "audit_withdrawn")
        assert by["auditor"].get(f"{V1}/audit/tile/0/001").status_code == 200
        assert by["auditor"].get(f"{V1}/audit/trail/300").json()["code"] == "audit_withdrawn"
        assert by["auditor"].get(f"{V1}/audit/trail?limit=50").status_code == 200
        assert by["auditor"].get("/audit/entries/300").status_code == 404
        assert "256" in by["officer"].get("/audit/withdrawals").text
        assert actions_of(runtime, asked["id"]) == ["log.withdrawal_asked", *["log.withdrawn"] * len(told)]
    finally:
        runtime.close()


def actions_of(runtime: Any, withdrawal: str) -> list[str]:
    """What the log has about a withdrawal, in order."""
    with runtime.log_database.read() as session:
        return [entry.action for entry in trail.history(session, "withdrawal", UUID(withdrawal))][::-1]


@pytest.mark.slow
def test_the_log_as_served_and_what_tessera_s_fsck_says_of_it(later: Later) -> None:
    _withdrawn(later)
    with serving(later.data, **LATER, MUNIMENT_LOG_TILES_PUBLIC="1") as server:
        prefix = f"{server.url}/api/v1/audit/"
        token = later.data.parent / "token"
        token.write_text(later.tokens["auditor"])
        told = _verified(later, prefix, "--token", token, "--earlier", later.earlier)
        assert (told["code"], told["faults"]) == (0, []), told
        assert (256, "withdrawn") in _kinds(told, "remarks")
        words = [fsck(), "--ui=false", f"--storage_url={prefix}", f"--public_key={later.key}"]
        try:
            done = subprocess.run(
                [*map(str, words), f"--bearer_token={later.tokens['auditor']}"],
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
            )
            said = done.stderr
        except subprocess.TimeoutExpired:
            said = "never ends"
    # It knows no withdrawals: what is missing is missing to it. ``docs/audit.md`` says so.
    assert "fsck failed" in said, said
    assert "tile/entries/001" in said
