"""What a tax auditor takes away: every file of the scope byte for byte, an index, what its fields mean."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import UUID
from xml.etree import ElementTree

import pytest

from audit import trail
from core.errors import Invalid, NotFound
from exports import handover
from exports.handover import COLUMNS, hand_over
from records import auditor_scope
from records.record import RecordVersion
from tests.support.archive import Archive

FILES = {
    "rechnung.XML": b"<a>1.234,56</a>",
    '=HYPERLINK("x").txt': b"formula",
    "ohne Endung": b"\x00\x01\x02" * 1000,
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    made = Archive.open(tmp_path_factory.mktemp("handover") / "data")
    made.add_person("outsider")
    yield made
    made.close()


@pytest.fixture(scope="module")
def records(archive: Archive) -> dict[str, UUID]:
    day = date(2025, 3, 4)
    found = {
        name: archive.receive(data, name, record_class="supplier_invoice", document_date=day).id
        for name, data in FILES.items()
    }
    archive.receive(b"wage", "lohn.txt", by="hr_clerk", record_class="payslip", document_date=day)
    archive.receive(b"old", "alt.txt", record_class="supplier_invoice", document_date=date(2019, 1, 1))
    found["virus.txt"] = archive.receive(b"bad", "virus.txt", record_class="receipt", document_date=day).id
    with archive.runtime.main.write() as session:
        version = session.query(RecordVersion).where(RecordVersion.record == found["virus.txt"]).one()
        version.trouble_code = "infected"
    return found


def scope_of(archive: Archive, years: tuple[int, int] = (2025, 2025)) -> UUID:
    with archive.runtime.main.write() as session:
        row = auditor_scope.ask(
            session,
            archive.people["outsider"],
            archive.entity,
            ["accounting"],
            years,
            "PA-2026/7",
            until=archive.now + timedelta(days=30),
            by=archive.principal("boss"),
            at=archive.now,
        )
        auditor_scope.decide(session, row.id, confirmed=True, by=archive.principal("officer"), at=archive.now)
        return row.id


def exported(archive: Archive, scope: UUID) -> zipfile.ZipFile:
    run = archive.runtime
    made = hand_over(run.main, run.content, run.clock, scope, by=archive.principal("outsider"), request="req-1")
    return zipfile.ZipFile(io.BytesIO(b"".join(made.pieces)))


def test_every_file_of_the_scope_is_in_it_byte_for_byte_and_no_other(
    archive: Archive, records: dict[str, UUID]
) -> None:
    with exported(archive, scope_of(archive)) as found:
        assert found.testzip() is None
        rows = list(csv.DictReader(io.StringIO(found.read("records.csv").decode(), newline=""), delimiter=";"))
        names = {row["file_name"].removeprefix("'"): row for row in rows}
        assert set(names) == set(records)
        for name, data in FILES.items():
            row = names[name]
            assert found.read(row["file"]) == data
            assert row["sha256"] == hashlib.sha256(data).hexdigest()
            assert (row["document_date"], row["class"], row["bytes"]) == (
                "2025-03-04",
                "supplier_invoice",
                str(len(data)),
            )
        assert names["rechnung.XML"]["file"].endswith(".xml")
        assert "." not in names["ohne Endung"]["file"]
        assert names['=HYPERLINK("x").txt']["file_name"].startswith("'=")
        assert (names["virus.txt"]["file"], names["virus.txt"]["sha256"]) == ("", "")
        files = {path for path in found.namelist() if path.startswith("records/")}
        assert files == {row["file"] for row in rows if row["file"]}


def test_the_description_names_each_column_of_the_index_in_its_order(
    archive: Archive, records: dict[str, UUID]
) -> None:
    with exported(archive, scope_of(archive)) as found:
        root = ElementTree.fromstring(found.read("index.xml"))
        head = found.read("records.csv").decode().splitlines()[0]
        words = found.read("README.txt").decode()
    fields = root.find("Media/Table/VariableLength")
    assert fields is not None
    told = [each.findtext("Name") for each in fields if each.tag in ("VariablePrimaryKey", "VariableColumn")]
    assert told == [column.name for column in COLUMNS] == [name.strip('"') for name in head.split(";")]
    assert root.findtext("Media/Table/URL") == "records.csv"
    assert root.findtext("DataSupplier/Name") == "Nordwind GmbH"
    assert all(column.name in words for column in COLUMNS)


def test_names_of_firms_cannot_break_the_description(archive: Archive) -> None:
    root = ElementTree.fromstring(handover.description('A & B <"GmbH">', "DE", archive.now))
    assert root.findtext("DataSupplier/Name") == 'A & B <"GmbH">'


def test_the_sums_are_those_of_all_files(archive: Archive, records: dict[str, UUID]) -> None:
    with exported(archive, scope_of(archive)) as found:
        told = dict(line.split("  ", 1)[::-1] for line in found.read("SHA256SUMS").decode().splitlines())
        assert told == {
            path: hashlib.sha256(found.read(path)).hexdigest() for path in found.namelist() if path != "SHA256SUMS"
        }


def test_one_event_names_every_record_before_the_first_byte(archive: Archive, records: dict[str, UUID]) -> None:
    scope, run = scope_of(archive), archive.runtime
    made = hand_over(run.main, run.content, run.clock, scope, by=archive.principal("outsider"), request="req-2")
    with run.log_database.read() as session:
        for each in records.values():
            entry = next(e for e in trail.history(session, "record", each, limit=20) if e.request == "req-2")
            assert (entry.action, entry.basis, entry.details["records"]) == ("record.handed_over", "auditor.scope", 4)
    assert b"".join(made.pieces)


def test_an_empty_scope_one_of_somebody_else_and_one_too_large_give_nothing(
    archive: Archive, records: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, by = archive.runtime, archive.principal("outsider")
    with pytest.raises(NotFound):
        hand_over(run.main, run.content, run.clock, scope_of(archive, (2001, 2001)), by=by, request=None)
    scope = scope_of(archive)
    with pytest.raises(NotFound):
        hand_over(run.main, run.content, run.clock, scope, by=archive.principal("auditor"), request=None)
    monkeypatch.setattr(auditor_scope, "MOST_FILES", 3)
    with pytest.raises(Invalid):
        hand_over(run.main, run.content, run.clock, scope, by=by, request=None)
