"""What was approved is destroyed everywhere, once, with a certificate; whatever is killed in between."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app import certifying, reconcile
from audit.note import parse_vkey
from audit.statement import pem_of
from core import trace
from core.errors import NotFound
from records import stub
from records.party import Party
from retention import batch, certificate
from retention.certificate import CertificateBroken
from retention.destruction import Destruction
from tests.support.depot import Depot
from vault.keyring import WrappedKey

CANARY = "quokkaberg"


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    made = Depot.open(tmp_path / "data")
    yield made
    made.close()


def test_the_story_from_proposal_to_certificate(depot: Depot, tmp_path: Path) -> None:
    gone, kept = depot.file(f"{CANARY} invoice", "walrus invoice")
    assert depot.archive.search(CANARY).total == 1
    assert depot.holding(CANARY) != [], "the index holds it in clear, so the search for it finds something"
    made = depot.propose()
    assert made is not None
    depot.decide(made, [gone])
    depot.approve(made, depot.submit(made))
    outcome = depot.carry_out()
    assert (outcome.begun, outcome.skipped, outcome.failed) == (1, {}, {})
    depot.archive.settle()
    assert depot.batch(made).state in (batch.EXECUTING, batch.DONE)
    depot.carry_out()
    assert depot.batch(made).state == batch.DONE
    assert {row.record: (row.state, row.code) for row in depot.items(made).values()} == {
        gone: ("destroyed", None),
        kept: ("kept", "undecided"),
    }
    assert depot.archive.search(CANARY).total == 0
    assert depot.archive.search("walrus").total == 1
    assert depot.holding(CANARY) == []
    with pytest.raises(NotFound):
        depot.run.content.detail(gone, by=depot.by("clerk"))
    [issued] = depot.certificates()
    said = certificate.verify(issued.body, issued.signature, issued.vkey).content
    assert [each["id"] for each in said["records"]] == [gone.hex]
    assert said["records"][0]["rule"]["legal_basis"] == "AO § 147 Abs. 3"
    assert said["cause"]["prepared_by"] == [depot.archive.people["manager"].hex]
    assert [each["by"] for each in said["cause"]["approved"]] == [depot.archive.people["officer"].hex]
    assert depot.archive.events("record.destroyed")[0].seq == said["log"]["first"] == said["records"][0]["entry"]
    assert CANARY.encode() not in issued.body
    with depot.run.main.read() as session:
        left = stub.get(session, gone, by=depot.by("auditor"))
        assert (left.kind, left.record_class, left.certificate) == ("disposition", "supplier_invoice", issued.id)
        assert trace.left(session, "record", gone) == {}
        assert stub.find(session, gone, by=depot.by("clerk")) is None
    depot.archive.index()
    assert reconcile.look(depot.run).agrees


def test_openssl_checks_a_certificate_and_a_changed_one_is_refused(depot: Depot, tmp_path: Path) -> None:
    depot.file("invoice one")
    depot.approved()
    depot.carry_out()
    depot.archive.settle()
    [issued] = depot.certificates()
    files = {"body": issued.body, "sig": issued.signature, "pem": pem_of(parse_vkey(issued.vkey))}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    def good() -> bool:
        command = [
            "openssl",
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            "pem",
            "-rawin",
            "-in",
            "body",
            "-sigfile",
            "sig",
        ]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0

    assert good()
    changed = issued.body.replace(b'"disposition"', b'"disposal"')
    (tmp_path / "body").write_bytes(changed)
    assert not good()
    with pytest.raises(CertificateBroken):
        certificate.verify(changed, issued.signature, issued.vkey)


class Killed(BaseException):
    """The process ended here."""


def killed_at(step: str) -> Callable[[str], None]:
    def passing(name: str) -> None:
        if name == step:
            raise Killed(step)

    return passing


STEPS = ["catch", "begin", "begun", "objects", "objects_deleted", "keys", "keys_destroyed"]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_and_run_again_everything_is_gone_once(depot: Depot, step: str) -> None:
    ids = depot.file(f"{CANARY} one", f"{CANARY} two", f"{CANARY} three")
    made = depot.approved()
    with pytest.raises(Killed):
        depot.carry_out(passing=killed_at(step))
    depot.archive.settle()
    depot.carry_out()
    depot.archive.settle()
    depot.carry_out()
    all_gone_once(depot, made, ids)


@pytest.mark.parametrize("step", ["certify", "certified"])
def test_the_keeper_killed_while_it_certifies_issues_one_certificate(depot: Depot, step: str) -> None:
    ids = depot.file(f"{CANARY} one", f"{CANARY} two")
    made = depot.approved()
    depot.carry_out()
    with depot.archive.keeper() as keeper:
        keeper._eraser.erase_all(keeper.open())
        while keeper._move_intake():
            pass
        with pytest.raises(Killed):
            certifying.certify(depot.run, keeper.signer, passing=killed_at(step))
    depot.archive.settle()
    depot.carry_out()
    all_gone_once(depot, made, ids)


def test_the_keeper_killed_before_it_noted_the_erasure_erases_again(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = depot.file(f"{CANARY} one")
    made = depot.approved()
    depot.carry_out()

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, depot.archive.keeper() as keeper:
        patch.setattr("retention.destruction.note_erased", killed)
        with pytest.raises(Killed):
            keeper._eraser.erase_all(keeper.open())
    depot.archive.settle()
    depot.carry_out()
    all_gone_once(depot, made, ids)


def all_gone_once(depot: Depot, made: object, ids: list) -> None:  # type: ignore[type-arg]
    assert {row.state for row in depot.items(made).values()} == {"destroyed"}  # type: ignore[arg-type]
    assert depot.batch(made).state == batch.DONE  # type: ignore[arg-type]
    named = [each["id"] for row in depot.certificates() for each in _content(row)["records"]]
    assert sorted(named) == sorted(each.hex for each in ids)
    told = [ref.id for entry in depot.archive.events("record.destroyed") for ref in entry.objects]
    assert sorted(told) == sorted(ids)
    assert depot.holding(CANARY) == []
    assert [path for path in depot.run.folder.objects.rglob("*") if path.is_file() and path.stat().st_size] == []


def _content(row: certificate.Certificate) -> dict:  # type: ignore[type-arg]
    return certificate.verify(row.body, row.signature, row.vkey).content


def test_what_the_store_does_not_delete_stays_visible_as_failed_and_is_tried_again(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vault.store import StoreUnwritable

    ids = depot.file("one", "two")
    made = depot.approved()
    refused = {depot.run.store.keys("originals/").__next__().key}
    real = type(depot.run.store).delete

    def delete(store: object, key: str, version: str) -> None:
        if key in refused:
            raise StoreUnwritable("the disk is read-only")
        real(store, key, version)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(type(depot.run.store), "delete", delete)
        outcome = depot.carry_out()
        depot.archive.settle()
        depot.carry_out()
    assert outcome.failed == {"disk_unwritable": 1}
    assert depot.batch(made).state == batch.PARTLY_FAILED
    assert sorted(row.state for row in depot.items(made).values()) == ["destroyed", "failed"]
    assert [row.records for row in depot.certificates()] == [1]
    depot.carry_out()
    depot.archive.settle()
    depot.carry_out()
    assert depot.batch(made).state == batch.DONE
    assert sum(row.records for row in depot.certificates()) == len(ids)


def test_a_party_that_no_record_speaks_of_any_more_goes_with_its_key(depot: Depot) -> None:
    from records import party

    only, shared, other = depot.file("one", "two", "three")
    with depot.run.main.write() as session:
        ids = {}
        for record_id, names in ((only, ("Alder", "Birch")), (shared, ("Birch",)), (other, ("Birch",))):
            for name in names:
                ids[name] = party.link(
                    session, record_id, depot.archive.entity, name, "counterparty", at=depot.now, keys=depot.run.keys
                )
    made = depot.propose()
    assert made is not None
    depot.decide(made, [only, shared])
    depot.approve(made, depot.submit(made))
    depot.carry_out()
    with depot.run.main.read() as session:
        left = set(session.scalars(select(Party.id)))
        keys = set(session.scalars(select(WrappedKey.subject).where(WrappedKey.kind == "party")))
    assert left == keys == {ids["Birch"]}


def test_nothing_is_counted_twice_in_the_table_of_destructions(depot: Depot) -> None:
    depot.file("one", "two")
    depot.approved()
    depot.carry_out()
    depot.carry_out()
    with depot.run.main.read() as session:
        assert session.scalar(select(func.count()).select_from(Destruction)) == 2


def test_the_keeper_erases_beside_its_other_work_and_then_certifies(depot: Depot) -> None:
    ids = depot.file(f"{CANARY} one", "walrus two")
    made = depot.propose()
    assert made is not None
    depot.decide(made, [ids[0]])
    depot.approve(made, depot.submit(made))
    depot.carry_out()
    deadline = time.monotonic() + 60
    with depot.archive.keeper() as keeper:
        while not depot.certificates() and time.monotonic() < deadline:
            keeper._next_certify = 0.0
            if not keeper.step():
                time.sleep(0.01)
    assert [row.records for row in depot.certificates()] == [1]
    assert depot.holding(CANARY) == []
    assert depot.archive.search("walrus").total == 1
