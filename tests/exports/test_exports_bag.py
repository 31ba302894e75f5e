"""Bags: what RFC 8493 asks for, metadata that an archive ingests, proofs that hold, and flat memory."""

import base64
import hashlib
import io
import json
import random
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import bagit
import pytest
from lxml import etree

from audit.leaf import leaf_hash
from audit.note import parse_checkpoint, parse_note
from audit.tree import verify_inclusion
from exports.bag import bag_of
from exports.bag_log import LogPart
from exports.bag_metadata import DC, PREMIS, BagHead
from records.record import Record
from records.shown import Packed, PackedFile
from tests.support import packages
from tests.support.depot import Depot


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    made = Depot.open(tmp_path / "data")
    yield made
    made.close()


XML = {"dc": DC, "p": PREMIS}
HOSTILE = "=cmd|' /C calc'!A0 \u202efdp.exe <b>&\u0007 \r\nPayload-Oxum: 0.0"


def opened(depot: Depot, folder: Path, *texts: str, **stated: object) -> Path:
    ids = [depot.receive(text, **stated) for text in texts]  # type: ignore[arg-type]
    depot.archive.settle()
    row = packages.the_package(depot, packages.packed(depot, ids))
    return packages.unpack(packages.take(depot, row), folder)


def test_each_record_comes_with_its_file_its_text_and_metadata_in_three_forms(depot: Depot, tmp_path: Path) -> None:
    bag = opened(depot, tmp_path / "bag", "Der Zebrafink singt", name="Zebrafink.txt")
    [folder] = (bag / "data/records").iterdir()
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "versions/1.txt",
        "text/1.txt",
        "record.json",
        "dublin-core.xml",
        "premis.xml",
    }
    original = (folder / "versions/1.txt").read_bytes()
    assert original == b"Der Zebrafink singt"
    told = json.loads((folder / "record.json").read_bytes())
    [version] = [each for each in told["files"] if each["kind"] == "version"]
    assert version["sha512"] == hashlib.sha512(original).hexdigest()
    assert version["name"] == "Zebrafink.txt"
    assert told["retention"]["winner"]["legal_basis"] == "AO § 147 Abs. 3"
    assert told["disposition"]["authority"] == packages.BASIS
    assert told["disposition"]["approved"][0]["by"] == str(depot.archive.people["officer"])
    assert told["access"] == {"sensitivity": "normal", "regime": "active"}
    assert told["log"]["entries"][0]["action"] == "record.captured"
    assert not [each for each in told["log"]["entries"] if each["action"] in ("record.opened", "record.listed")]

    core = etree.parse(folder / "dublin-core.xml")
    assert core.xpath("string(//dc:identifier[1])", namespaces=XML) == told["record"]["number"]
    assert core.xpath("string(//dc:date)", namespaces=XML) == "2009-03-04"
    premis = etree.parse(folder / "premis.xml")
    digests = premis.xpath("//p:messageDigest/text()", namespaces=XML)
    assert version["sha256"] in digests
    assert premis.xpath("string(//p:statuteCitation)", namespaces=XML) == packages.BASIS
    assert "policy assignment" in premis.xpath("//p:eventType/text()", namespaces=XML)


def test_the_proofs_in_a_bag_lead_to_its_checkpoint(depot: Depot, tmp_path: Path) -> None:
    bag = opened(depot, tmp_path / "bag", "one")
    log = bag / "data/log"
    checkpoint = parse_checkpoint(parse_note((log / "checkpoint").read_text()).text)
    leaves = sorted(log.glob("leaves/*.json"))
    assert leaves
    for path in leaves:
        head, _, note = (log / f"proofs/{path.stem}.tlog-proof").read_text().partition("\n\n")
        assert note == (log / "checkpoint").read_text()
        hashes = [base64.b64decode(line) for line in head.split("\n")[2:]]
        leaf = leaf_hash(path.read_bytes())
        assert verify_inclusion(leaf, int(path.stem), checkpoint.size, hashes, checkpoint.root)


@pytest.mark.parametrize("name", [f"{HOSTILE}.txt", "con.txt", "no ending", "../../etc/passwd", "a" * 250 + ".txt"])
def test_a_hostile_name_is_in_no_path_and_breaks_no_file(depot: Depot, tmp_path: Path, name: str) -> None:
    bag = opened(depot, tmp_path / "bag", "text", name=name)
    assert packages.faults(bag) == []
    bagit.Bag(str(bag)).validate()
    for path in bag.rglob("*"):
        assert path.relative_to(bag).as_posix().isascii()
    for path in bag.rglob("*.xml"):
        etree.parse(path)
    [told] = [json.loads(path.read_bytes()) for path in bag.glob("data/records/*/record.json")]
    assert told["files"][0]["name"]


def test_a_package_on_disk_is_sealed_and_opens_with_its_own_key_only(depot: Depot) -> None:
    [record] = depot.file("Quittenzebrafink")
    row = packages.the_package(depot, packages.packed(depot, [record]))
    assert row.object_key is not None
    stored = (depot.run.folder.objects / row.object_key).read_bytes()
    assert stored[:2] != b"PK"
    assert b"bagit.txt" not in stored
    assert packages.take(depot, row)[:2] == b"PK"


def test_a_bag_of_any_size_takes_flat_memory() -> None:
    head = BagHead(
        package=UUID(int=1),
        batch=UUID(int=2),
        kind="transfer",
        organisation="Firm",
        country="DE",
        controller=None,
        made_at=datetime(2027, 3, 31, tzinfo=UTC),
        origin="muniment.local/0",
        decision={},
    )
    peaks = [_peak(head, size) for size in (4, 64)]
    assert peaks[1] < peaks[0] + 3_000_000


def _peak(head: BagHead, megabytes: int) -> int:
    tracemalloc.start()
    try:
        pieces = bag_of(head, [_packed(megabytes)], lambda packed: TOLD, _NoLog())
        assert sum(len(piece) for piece in pieces) > megabytes * 1_000_000
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class _NoLog(LogPart):
    """Of a log that nobody has signed yet."""

    def __init__(self) -> None:
        self.note = ""

    def entries_of(self, record: UUID, batch: UUID) -> list[dict[str, Any]]:
        return []


TOLD: dict[str, Any] = {
    **dict.fromkeys(("department", "case_file", "parent")),
    "class": {"code": None, "title": None},
    "entity": {"id": str(UUID(int=9)), "name": "Firm"},
    "access": {"sensitivity": "normal", "regime": "active"},
    "retention": {},
    "holds": [],
    "disposition": {"authority": "board", "decision": "transfer"},
}


def _packed(megabytes: int) -> Packed:
    made_at, block = datetime(2027, 1, 1, tzinfo=UTC), random.Random(1).randbytes(1_000_000)
    row = Record(
        id=UUID(int=3),
        number="ABCDEFGH1",
        language="de",
        channel="page",
        captured_at=made_at,
        confirmed=True,
        revision=1,
    )
    chunks = (block for _ in range(megabytes))
    file = PackedFile("version", 1, "big.bin", "application/octet-stream", bytes(32), made_at, "", None, chunks)
    return Packed(row, "Big", (), (), (file,))


def test_what_is_in_a_bag_stands_in_its_zip_once(depot: Depot) -> None:
    row = packages.the_package(depot, packages.packed(depot, depot.file("one", "two")))
    with zipfile.ZipFile(io.BytesIO(packages.take(depot, row))) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))
    assert {name.split("/")[0] for name in names} == {row.name}
