"""What tests of transfer and permanent keeping do with a depot, and an independent reader of bags (RFC 8493)."""

import hashlib
import io
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import select

from app import packing
from retention import keeping, package
from retention.batch import Batch
from retention.kept import PermanentKeeping
from retention.package import Acknowledgement, Package
from tests.support.depot import Depot

BASIS = "BArchG § 5"


def packed(depot: Depot, records: list[UUID], decision: str = "transfer", **word: object) -> UUID:
    """A batch in which these records are decided so, approved and carried out; the others of it are kept."""
    made = approved(depot, records, decision, **word)
    depot.archive.settle()
    depot.carry_out()
    depot.archive.settle()
    return made


def approved(depot: Depot, records: list[UUID], decision: str = "transfer", **word: object) -> UUID:
    """The same before its days of grace are over."""
    made = depot.propose()
    assert made is not None
    said: dict[str, object] = {"decision": decision, "authority": BASIS, "reason": "of lasting value"}
    depot.decide(made, records, **(said | word))
    assert depot.approve(made, depot.submit(made)).state == "approved"
    return made


def packages(depot: Depot, batch: UUID) -> list[Package]:
    with depot.run.main.read() as session:
        return package.packages(session, by=depot.by("officer"), batch=batch)


def made(depot: Depot, decision: str) -> Package:
    """A package of one record, as of now: its days of grace were over yesterday."""
    batch = approved(depot, depot.file(f"An invoice {uuid4().hex}"), decision)
    with depot.run.main.write() as session:
        row = session.get_one(Batch, batch)
        row.grace_days = 0
    depot.carry_out(at=depot.now)
    return packages(depot, batch)[0]


def kept_one(depot: Depot) -> UUID:
    """A permanent keeping, as of now."""
    row = made(depot, "permanent")
    with depot.run.main.read() as session:
        return session.scalars(select(PermanentKeeping.id).where(PermanentKeeping.package == row.id)).one()


def the_package(depot: Depot, batch: UUID) -> Package:
    return next(row for row in packages(depot, batch) if row.state != package.OVER)


def take(depot: Depot, row: Package, by: str = "clerk_and_manager") -> bytes:
    """The package as somebody takes it away who handles dispositions and reads its records."""
    person = reader(depot) if by == "clerk_and_manager" else by
    return b"".join(packing.take(depot.run, row.id, by=depot.by(person)).pieces)


def reader(depot: Depot) -> str:
    """Somebody who prepares dispositions and reads the records of accounting."""
    if "porter" not in depot.archive.people:
        depot.archive.add_person(
            "porter", depot.archive.grant("records_manager"), depot.archive.grant("staff", "accounting")
        )
    return "porter"


def acknowledge(depot: Depot, row: Package, by: str = "manager", **other: object) -> Package:
    assert row.sha256 is not None
    said: dict[str, object] = {
        "archive": "Stadtarchiv Neustadt",
        "reference": "Acc. 2026/17",
        "acknowledged_on": depot.today + timedelta(days=9),
        "sha256": row.sha256,
    }
    with depot.run.main.write() as session:
        word = Acknowledgement(**(said | other))  # type: ignore[arg-type]
        return package.state_acknowledgement(session, row.id, word, by=depot.by(by), at=later(depot))


def confirm(depot: Depot, row: Package, by: str = "officer", confirmed: bool = True) -> Package:
    assert row.sha256 is not None
    with depot.run.main.write() as session:
        return package.decide_acknowledgement(
            session, row.id, confirmed=confirmed, sha256=row.sha256, by=depot.by(by), at=later(depot)
        )


def later(depot: Depot) -> datetime:
    """After the days of grace, as ``Depot.carry_out`` has it."""
    return depot.now + timedelta(days=10)


def kept(depot: Depot, record: UUID) -> PermanentKeeping:
    with depot.run.main.read() as session:
        return keeping.keepings(session, by=depot.by("officer"), record=record)[-1]


def unpack(data: bytes, folder: Path) -> Path:
    """The bag in a folder of its own: the one folder at the top of the archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    [top] = list(folder.iterdir())
    return top


def faults(bag: Path) -> list[str]:
    """What is wrong with a bag, by RFC 8493 and nothing of Muniment; empty where it is complete and valid."""
    wrong = []
    if (bag / "bagit.txt").read_bytes() != b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n":
        wrong.append("bagit.txt")
    if (bag / "fetch.txt").exists():
        wrong.append("fetch.txt")
    files = {path.relative_to(bag).as_posix(): path.read_bytes() for path in bag.rglob("*") if path.is_file()}
    payload = {path for path in files if path.startswith("data/")}
    for algorithm in ("sha256", "sha512"):
        tags = {path for path in files if path not in payload and not path.startswith("tagmanifest-")}
        for name, meant in ((f"manifest-{algorithm}.txt", payload), (f"tagmanifest-{algorithm}.txt", tags)):
            lines = [line.split("  ", 1) for line in files[name].decode().splitlines()]
            listed = {path: digest for digest, path in lines}
            wrong += [f"{name}: {path}" for path in sorted(set(listed) ^ meant)]
            for path in sorted(set(listed) & meant):
                if hashlib.new(algorithm, files[path]).hexdigest() != listed[path]:
                    wrong.append(f"{name}: {path} differs")
    info = dict(line.split(": ", 1) for line in files["bag-info.txt"].decode().splitlines())
    if info["Payload-Oxum"] != f"{sum(len(files[path]) for path in payload)}.{len(payload)}":
        wrong.append("Payload-Oxum")
    return wrong
