"""From a sample drawn by a printed seed to its evidence, in one step."""

import io
import json
import zipfile
from datetime import date
from pathlib import Path

import pytest

from audit import trail
from core.errors import Invalid, NotFound
from exports.scope import TooMuchToExport, Wanted
from records import sample
from tests.support.archive import Archive
from tests.support.cli import Cli
from tests.support.evidence import Seen, key_of, settle, verified

CLASS = "supplier_invoice"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Twelve invoices of 2025 and one of 2024."""
    archive = Archive.open(tmp_path_factory.mktemp("sampled") / "data")
    rows = [
        archive.receive(
            f"Rechnung {number}".encode(),
            f"{number}.txt",
            record_class=CLASS,
            document_date=date(2024 if number == 12 else 2025, 3, 1),
        )
        for number in range(13)
    ]
    settle(archive)
    return Seen(archive, rows[0].id, rows[12].id, key_of(archive))


def test_the_evidence_of_a_sample_holds_the_trails_of_just_those_records(drawn: Seen, tmp_path: Path) -> None:
    made = drawn.export(sample=f"{CLASS}/2025/5/5eed")
    place = tmp_path / made.name
    place.write_bytes(b"".join(made.pieces))
    with zipfile.ZipFile(place) as archive:
        told = json.loads(archive.read("manifest.json"))["scope"]
        leaves = [json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("leaves/")]
        page = archive.read("index.html").decode()
    archive_ = drawn.archive
    with archive_.runtime.main.read() as session:
        again = sample.sample_of(session, archive_.entity, CLASS, 2025, 5, "5eed", by=archive_.principal("auditor"))
    ids = [row.id.hex for row in again.drawn]
    assert [one["record"] for one in told["records"]] == ids
    assert len(ids) == 5
    assert drawn.other.hex not in ids
    assert (told["seed"], told["population"], told["population_sha256"]) == ("5eed", 12, again.population_digest.hex())
    for leaf in leaves:
        assert any(thing["i"] in ids for thing in leaf["b"].get("objects", ())), leaf
    assert {leaf["b"]["action"] for leaf in leaves} >= {"record.captured"}
    assert "5 of 12 records of the class supplier_invoice" in page
    assert drawn.key
    code, report = verified(place, "--key", drawn.key)
    assert (code, report["faults"]) == (0, []), report
    settle(archive_)
    with archive_.runtime.log_database.read() as session:
        events = (
            trail.by_action(session, "audit.sample_drawn", limit=1),
            trail.by_action(session, "log.exported", limit=1),
        )
    assert [thing.id.hex for thing in events[0][0].objects] == ids
    assert (events[1][0].details["scope"], [thing.id.hex for thing in events[1][0].objects]) == ("sample", ids)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param("supplier_invoice", id="a class alone"),
        pytest.param("supplier_invoice/25/5", id="no year"),
        pytest.param("supplier_invoice/2025/0/5eed", id="none"),
        pytest.param("supplier_invoice/2025/999/5eed", id="too many"),
        pytest.param("supplier_invoice/2025/5/5 eed", id="a seed with a space"),
        pytest.param("supplier_invoice/2025/5/5eed/x", id="no entity"),
    ],
)
def test_what_is_no_sample_is_refused(drawn: Seen, asked: str) -> None:
    with pytest.raises(Invalid):
        drawn.export(sample=asked)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param("no_such_class/2025/5/5eed", id="no such class"),
        pytest.param("supplier_invoice/1999/5/5eed", id="nothing to draw from"),
        pytest.param(f"supplier_invoice/2025/5/5eed/{'0' * 32}", id="a strange entity"),
    ],
)
def test_what_there_is_not_is_not_found(drawn: Seen, asked: str) -> None:
    with pytest.raises(NotFound):
        drawn.export(sample=asked)


def test_without_a_seed_a_new_one_is_drawn_and_told(drawn: Seen) -> None:
    made = [drawn.export(sample=f"{CLASS}/2025/5") for _ in range(2)]
    seeds = {each.scope.told["seed"] for each in made}
    assert len(seeds) == 2
    again = drawn.export(sample=f"{CLASS}/2025/5/{made[0].scope.told['seed']}/{drawn.archive.entity}")
    assert again.scope.told["records"] == made[0].scope.told["records"]


def test_it_is_bounded_as_every_export(drawn: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exports.scope.MOST_ENTRIES", 3)
    with pytest.raises(TooMuchToExport):
        drawn.export(sample=f"{CLASS}/2025/12/5eed")
    assert Wanted(sample="x").kind == "sample"


def test_one_command_draws_and_exports(tmp_path: Path) -> None:
    cli = Cli()
    archive = Archive.open(tmp_path / "data")
    for number in range(3):
        archive.receive(f"R {number}".encode(), "r.txt", record_class=CLASS, document_date=date(2025, 1, 2))
    archive.index()
    archive.close()
    out = tmp_path / "sample.zip"
    told = cli(
        "--data",
        tmp_path / "data",
        "--as",
        "auditor",
        "--json",
        "audit",
        "export",
        "--sample",
        f"{CLASS}/2025/2",
        "--out",
        out,
    )
    assert told.code == 0, told.err
    assert (told.json["drawn"], told.json["population"], len(told.json["seed"])) == (2, 3, 16)
    with zipfile.ZipFile(io.BytesIO(out.read_bytes())) as opened:
        assert json.loads(opened.read("manifest.json"))["scope"]["seed"] == told.json["seed"]
