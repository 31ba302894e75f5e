"""Withdraw capture: closed at once, destroyed once a second person agrees, with a stub that says nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from accounts.principal import NotAllowed
from app import reconcile
from core.errors import MunimentError, NotFound
from records import stub
from records.placement import Decision, decide
from records.record import Record
from retention import certificate, withdrawal
from tests.support.archive import Archive

CANARY = "quokka-4711"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive.open(tmp_path / "data")
    yield made
    made.close()


def filed(archive: Archive, word: str = CANARY) -> UUID:
    row = archive.receive(
        f"Invoice {word} of Nordwind".encode(), f"{word}.txt", department=archive.departments["accounting"]
    )
    archive.settle()
    with archive.runtime.main.write() as session:
        decide(
            session, row.id, Decision(record_class="supplier_invoice"), by=archive.principal("clerk"), at=archive.now
        )
    archive.settle()
    return row.id


def ask(archive: Archive, record_id: UUID, by: str = "clerk") -> UUID:
    run = archive.runtime
    with run.main.write() as session:
        return withdrawal.ask(
            session,
            record_id,
            f"sent to the wrong firm {CANARY}",
            by=archive.principal(by),
            at=archive.now,
            keys=run.keys,
        )


def decide_it(archive: Archive, wrong: UUID, by: str = "officer", *, confirmed: bool = True) -> None:
    with archive.runtime.main.write() as session:
        withdrawal.decide(session, wrong, confirmed=confirmed, by=archive.principal(by), at=archive.now)


def test_a_withdrawn_upload_is_closed_at_once_and_gone_once_a_second_person_agrees(archive: Archive) -> None:
    kept, wrong = filed(archive, "another"), filed(archive)
    assert archive.search(CANARY).total == 1
    asked = ask(archive, wrong)
    assert archive.who_sees(wrong) == set()
    assert archive.search(CANARY).total == 0
    decide_it(archive, asked)
    archive.settle()
    with archive.runtime.main.read() as session:
        assert session.get(Record, wrong) is None
        left = stub.find(session, wrong, by=archive.principal("auditor"))
        assert left is not None
        assert (left.kind, left.record_class, left.document_date) == ("withdrawal", None, None)
        found = certificate.certificates(session, by=archive.principal("auditor"))
    assert [each.records for each in found] == [1]
    said = certificate.verify(found[0].body, found[0].signature, found[0].vkey).content
    assert [each["id"] for each in said["records"]] == [wrong.hex]
    assert CANARY not in json.dumps(said)
    assert archive.who_sees(kept) >= {"clerk"}
    archive.index()
    assert reconcile.look(archive.runtime).agrees


def test_no_file_of_the_data_folder_holds_what_was_withdrawn(archive: Archive) -> None:
    asked = ask(archive, filed(archive))
    decide_it(archive, asked)
    archive.settle()
    folder = archive.runtime.folder.root
    holding = [
        path for path in folder.rglob("*") if path.is_file() and any(form in path.read_bytes() for form in forms())
    ]
    assert holding == []


def forms() -> list[bytes]:
    return [CANARY.encode(), CANARY.encode("utf-16-le"), CANARY.encode("utf-16-be")]


def test_whoever_asked_does_not_confirm_and_staff_do_not_either(archive: Archive) -> None:
    asked = ask(archive, filed(archive))
    for name in ("clerk", "second_clerk"):
        with pytest.raises((NotAllowed, NotFound)):
            decide_it(archive, asked, name)
    decide_it(archive, asked)


def test_refused_it_is_read_as_before(archive: Archive) -> None:
    record_id = filed(archive)
    before = archive.who_sees(record_id)
    asked = ask(archive, record_id)
    decide_it(archive, asked, confirmed=False)
    archive.settle()
    assert archive.who_sees(record_id) == before
    assert archive.search(CANARY).total == 1
    assert archive.get(record_id).state == "filed"


def test_it_is_decided_once(archive: Archive) -> None:
    asked = ask(archive, filed(archive))
    decide_it(archive, asked)
    with pytest.raises(MunimentError) as error:
        decide_it(archive, asked, confirmed=False)
    assert error.value.code == "withdrawal_decided"
