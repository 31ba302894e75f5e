"""What others have seen of the log comes with an export, and the verifier holds the export against it."""

import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts import departments, entities
from app.anchoring import Anchoring
from app.build import build, signer_of
from app.settings import Settings
from audit.events import LogHeartbeat
from core.clock import SystemClock
from tests.support.archive import Archive
from tests.support.evidence import Seen, key_of, settle, verified
from tests.support.outside import has_openssl, policy_file, stamping_service, witness_process


def _done(report: dict[str, Any]) -> dict[str, int]:
    return {each["what"]: each["count"] for each in report["checked"]}


def _export(seen: Seen, place: Path, **wanted: str) -> Path:
    place.write_bytes(b"".join(seen.export(**wanted).pieces))
    return place


class Tomorrow:
    """The clock of the day after."""

    def now(self) -> Any:
        return SystemClock().now() + timedelta(days=1)


@pytest.mark.skipif(not has_openssl, reason="openssl is not installed")
def test_cosignatures_time_stamps_and_seals_come_along_and_hold(tmp_path: Path) -> None:
    first = Archive.open(tmp_path / "data")
    vkey = key_of(first)
    first.close()
    with witness_process(tmp_path / "witness", vkey) as witness, stamping_service(tmp_path / "tsa") as tsa:
        policy = policy_file(tmp_path / "policy", "all", W=(witness.key, witness.address))
        archive = _reopened(tmp_path / "data", policy=policy, tsa=tsa)
        row = archive.receive(b"Guten Tag", record_class="letter")
        settle(archive)
        assert set(Anchoring(archive.runtime).once().values()) == {None}
        # The next day: what was signed yesterday is sealed, and more is written.
        archive.runtime = replace(archive.runtime, clock=Tomorrow())
        assert Anchoring(archive.runtime).once(seal=True)["seal"] is None
        opened = archive.runtime.content.open_original(row.id, by=archive.principal("clerk"), purpose="download")
        assert b"".join(opened.chunks) == b"Guten Tag"
        settle(archive)
        seen = Seen(archive, row.id, row.id, vkey)
        behind = int((tmp_path / "data" / "log" / "checkpoint").read_text("utf-8").splitlines()[1]) - 1
        for wanted in ({"record": str(row.id)}, {"range": ".."}, {"range": f"{behind}.."}):
            place = _export(seen, tmp_path / f"{len(list(tmp_path.iterdir()))}.zip", **wanted)
            with zipfile.ZipFile(place) as made:
                folders = {name.split("/")[0] for name in made.namelist()}
            is_behind = wanted.get("range") == f"{behind}.."
            assert {"checkpoints", "policy"} <= folders
            assert ({"timestamps", "seals"} <= folders) == (not is_behind)
            code, report = verified(place, "--key", vkey, "--policy", policy, "--ca", tsa.ca)
            assert report["faults"] == []
            done = _done(report)
            assert is_behind or (done["time stamps"] >= 1 and done["seals"] == 1)
            assert done["cosignatures"] >= 1
            # Nobody has stamped what is behind the last stamp, and the verifier was asked to look for one.
            assert code == (3 if is_behind else 0), report
        archive.close()


def _reopened(data: Path, *, policy: Path, tsa: Any) -> Archive:
    chosen = Settings(data=data, witness_policy=policy, witness_seconds=1, timestamp_url=tsa.url, timestamp_ca=tsa.ca)
    runtime = build(chosen)
    signer_of(runtime).sign_if_grown()
    with runtime.main.read() as session:
        entity = entities.everything(session)[0].id
        places = {row.kind: row.id for row in departments.of_entity(session, entity)}
    return Archive(runtime, entity, places)


def test_whoever_kept_the_checkpoint_of_an_earlier_export_can_compare_it(tmp_path: Path) -> None:
    archive = Archive.open(tmp_path / "data")
    row = archive.receive(b"Guten Tag", record_class="letter")
    settle(archive)
    seen = Seen(archive, row.id, row.id, key_of(archive))
    early = _export(seen, tmp_path / "early.zip", record=str(row.id))
    archive.runtime.log.record([LogHeartbeat(intake_high=number) for number in range(700)], at=archive.now)
    settle(archive)
    late = _export(seen, tmp_path / "late.zip", record=str(row.id))
    archive.close()
    code, report = verified(late, "--key", seen.key, "--earlier", early)
    assert (code, report["faults"]) == (0, [])
    with zipfile.ZipFile(late) as made:
        tiles = {name for name in made.namelist() if name.startswith("tile/0/")}
    assert "tile/0/000" in tiles
    assert "tile/0/001" not in tiles
