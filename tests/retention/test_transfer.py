"""Transfer: packed, handed over, acknowledged, confirmed by a second person, and only then destroyed here."""

import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import bagit
import pytest
from sqlalchemy import select

from accounts.principal import NotAllowed
from app import packing, reconcile, sweep
from core import trace
from core.errors import MunimentError, NotFound
from records import stub
from retention import batch, certificate, disclosure, disposition, hold, package
from retention.hold import NewHold
from retention.hold_scope import Scope
from tests.support import packages
from tests.support.depot import LONG_AGO, Depot
from tests.support.packages import acknowledge, confirm, packed, take, the_package
from vault.keyring import WrappedKey

CANARY = "quokkaberg"


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    made = Depot.open(tmp_path / "data")
    yield made
    made.close()


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(MunimentError) as error:
        act()
    return error.value.code


def place_hold(depot: Depot, *records: object) -> None:
    new = NewHold(
        entity=depot.archive.entity,
        kind="legal_hold",
        scope=Scope(kind="records", records=tuple(records)),  # type: ignore[arg-type]
        title="A matter",
        reason="a claim",
        authority="court",
        review_on=depot.today + timedelta(days=90),
    )
    with depot.run.main.write() as session:
        hold.place(session, new, by=depot.by("officer"), at=depot.now, keys=depot.run.keys)


def test_the_story_from_decision_to_a_certificate_that_names_the_archive(depot: Depot, tmp_path: Path) -> None:
    gone, kept = depot.file(f"{CANARY} invoice", "walrus invoice")
    made = packed(depot, [gone])
    row = the_package(depot, made)
    assert (row.state, row.records, row.trouble) == (package.READY, 1, None)
    item = depot.items(made)[gone]
    assert (item.state, item.decision, item.authority) == (batch.PACKAGED, "transfer", packages.BASIS)
    assert depot.batch(made).state == batch.EXECUTING

    data = take(depot, row)
    bag = packages.unpack(data, tmp_path / "bag")
    assert CANARY in (next((bag / "data/records").iterdir()) / "versions/1.txt").read_text()

    for _ in range(2):
        # Runs pass; without two persons' word nothing goes.
        depot.carry_out(at=packages.later(depot))
    assert depot.exists(gone)
    acknowledge(depot, row)
    depot.carry_out(at=packages.later(depot))
    assert depot.exists(gone)

    confirm(depot, row)
    outcome = depot.carry_out(at=packages.later(depot))
    assert (outcome.begun, outcome.skipped, outcome.failed) == (1, {}, {})
    depot.archive.settle()
    depot.carry_out(at=packages.later(depot))
    assert depot.batch(made).state == batch.DONE
    assert {each.record: each.state for each in depot.items(made).values()} == {gone: "destroyed", kept: "kept"}
    assert depot.exists(kept)

    [issued] = depot.certificates()
    said = certificate.verify(issued.body, issued.signature, issued.vkey).content
    assert said["cause"]["kind"] == issued.kind == "transfer"
    [told] = said["records"]
    assert told["id"] == gone.hex
    assert told["authority"] == packages.BASIS
    assert told["transferred"]["sha256"] == row.sha256.hex()  # type: ignore[union-attr]
    assert told["transferred"]["archive"] == "Stadtarchiv Neustadt"
    assert told["transferred"]["confirmed_by"] == depot.archive.people["officer"].hex
    with depot.run.main.read() as session:
        assert stub.get(session, gone, by=depot.by("auditor")).kind == "transfer"
        assert trace.left(session, "record", gone) == {}
        assert session.scalars(select(WrappedKey.subject).where(WrappedKey.kind == "package")).all() == []
        ended = session.get_one(package.Package, row.id)
        assert (ended.state, ended.end_code, ended.object_key) == (package.OVER, "carried_out", None)
    assert depot.holding(CANARY) == []
    depot.archive.index()
    assert reconcile.look(depot.run).agrees
    with pytest.raises(NotFound):
        depot.run.content.detail(gone, by=depot.by("clerk"))


def test_the_bag_holds_by_the_library_of_congress_and_by_sha512sum(depot: Depot, tmp_path: Path) -> None:
    ids = depot.file("first invoice", "second invoice")
    row = the_package(depot, packed(depot, ids))
    bag = packages.unpack(take(depot, row), tmp_path / "bag")
    assert packages.faults(bag) == []
    found = bagit.Bag(str(bag))
    found.validate()
    assert found.info["External-Identifier"] == f"urn:uuid:{row.id}"
    for algorithm in ("sha256", "sha512"):
        for name in (f"manifest-{algorithm}.txt", f"tagmanifest-{algorithm}.txt"):
            subprocess.run([f"{algorithm}sum", "--quiet", "--strict", "-c", name], cwd=bag, check=True)
    changed = next(bag.glob("data/records/*/versions/1.txt"))
    changed.write_text("another text")
    assert packages.faults(bag)
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(bag)).validate()


def test_every_byte_that_is_packed_or_taken_stands_in_the_log_first(depot: Depot) -> None:
    [record] = depot.file("an invoice")
    row = the_package(depot, packed(depot, [record]))
    [read] = depot.archive.events("record.packed")
    assert {ref.id for ref in read.objects if ref.kind == "record"} == {record}
    assert depot.archive.events("record.package_taken") == []
    take(depot, row)
    [taken] = depot.archive.events("record.package_taken")
    assert {ref.id for ref in taken.objects if ref.kind == "record"} == {record}
    assert taken.details["digest"] == row.sha256.hex()  # type: ignore[union-attr]
    [made] = depot.archive.events("package.made")
    assert made.details["digest"] == taken.details["digest"]


def test_somebody_who_may_not_read_the_records_does_not_take_the_package(depot: Depot) -> None:
    row = the_package(depot, packed(depot, depot.file("an invoice")))
    assert code_of(lambda: take(depot, row, "officer")) == "package_not_readable"
    for name in ("clerk", "auditor"):
        with pytest.raises((NotAllowed, NotFound)):
            take(depot, row, name)
    assert depot.archive.events("record.package_taken") == []
    assert take(depot, row)


def test_an_acknowledgement_needs_a_package_that_left_and_its_own_digest(depot: Depot) -> None:
    row = the_package(depot, packed(depot, depot.file("an invoice")))
    assert code_of(lambda: acknowledge(depot, row)) == "package_never_taken"
    take(depot, row)
    assert code_of(lambda: acknowledge(depot, row, sha256=bytes(32))) == "package_digest_differs"
    assert code_of(lambda: acknowledge(depot, row, archive=" ")) == "invalid"
    assert code_of(lambda: acknowledge(depot, row, reference="")) == "invalid"
    # The firm's day may be one ahead of the day in UTC.
    tomorrow = packages.later(depot).date() + timedelta(days=2)
    assert code_of(lambda: acknowledge(depot, row, acknowledged_on=tomorrow)) == "invalid"
    assert code_of(lambda: confirm(depot, row)) == "package_not_ready"
    with pytest.raises((NotAllowed, NotFound)):
        acknowledge(depot, row, "clerk")
    assert acknowledge(depot, row).state == package.STATED


def test_whoever_stated_it_or_prepared_the_batch_does_not_confirm_it(depot: Depot) -> None:
    grants = depot.archive.grant("records_manager"), depot.archive.grant("compliance_officer")
    depot.archive.add_person("both", *grants)
    depot.archive.add_person("prepared", *grants)
    ids = depot.file("an invoice")
    made = depot.propose("prepared")
    assert made is not None
    depot.decide(made, ids, decision="transfer", authority=packages.BASIS, by="prepared")
    depot.approve(made, depot.submit(made, "prepared"))
    depot.carry_out()
    depot.archive.settle()
    row = the_package(depot, made)
    take(depot, row)
    acknowledge(depot, row, "both")
    assert code_of(lambda: confirm(depot, row, "both")) == "own_acknowledgement"
    assert code_of(lambda: confirm(depot, row, "prepared")) == "own_acknowledgement"
    for name in ("manager", "clerk", "auditor"):
        with pytest.raises((NotAllowed, NotFound)):
            confirm(depot, row, name)
    depot.carry_out(at=packages.later(depot))
    assert depot.exists(ids[0])
    assert confirm(depot, row, "second_officer").state == package.CONFIRMED


def test_what_the_second_person_sends_back_is_stated_anew(depot: Depot) -> None:
    [record] = depot.file("an invoice")
    row = the_package(depot, packed(depot, [record]))
    take(depot, row)
    acknowledge(depot, row)
    again = confirm(depot, row, confirmed=False)
    assert (again.state, again.archive, again.stated_by) == (package.READY, None, None)
    depot.carry_out(at=packages.later(depot))
    assert depot.exists(record)


def test_a_transfer_without_what_it_rests_on_is_refused(depot: Depot) -> None:
    ids = depot.file("an invoice")
    made = depot.propose()
    assert made is not None
    assert code_of(lambda: depot.decide(made, ids, decision="transfer")) == "invalid"


def test_a_hold_that_is_placed_before_the_packing_stops_it(depot: Depot) -> None:
    held, free = depot.file("one", "two")
    made = packages.approved(depot, [held, free])
    later = depot.after_grace()
    # Placing voids what waits in its days of grace, so it comes when the run has begun.

    def passing(step: str) -> None:
        if step == "pack":
            place_hold(depot, held)

    depot.carry_out(at=later, passing=passing)
    states = {each.record: (each.state, each.code) for each in depot.items(made).values()}
    assert states == {held: ("skipped", "legal_hold"), free: ("packaged", None)}
    row = the_package(depot, made)
    assert row.records == 1
    depot.archive.settle()
    assert [{ref.id for ref in each.objects} & {held, free} for each in depot.archive.events("package.made")] == [
        {free}
    ]


def test_a_hold_that_is_placed_while_the_archive_looks_keeps_the_record(depot: Depot) -> None:
    held, free = depot.file("one", "two")
    made = packed(depot, [held, free])
    row = the_package(depot, made)
    take(depot, row)
    place_hold(depot, held)
    acknowledge(depot, row)
    confirm(depot, row)
    outcome = depot.carry_out(at=packages.later(depot))
    assert (outcome.begun, outcome.skipped) == (1, {"legal_hold": 1})
    assert depot.exists(held)
    assert not depot.exists(free)
    assert depot.items(made)[held].state == batch.SKIPPED
    with depot.run.main.read() as session:
        [copy] = disclosure.of_record(session, held, by=depot.by("officer"))
        assert disclosure.recipients_of(session, [copy], depot.run.keys)[copy.id] == "Stadtarchiv Neustadt"


def test_a_record_that_changed_since_it_was_packed_stays(depot: Depot) -> None:
    from records.placement import Decision, decide

    changed, same = depot.file("one", "two")
    made = packed(depot, [changed, same])
    row = the_package(depot, made)
    take(depot, row)
    with depot.run.main.write() as session:
        decide(
            session, changed, Decision(document_date=LONG_AGO + timedelta(days=1)), by=depot.by("manager"), at=depot.now
        )
    acknowledge(depot, row)
    confirm(depot, row)
    outcome = depot.carry_out(at=packages.later(depot))
    assert outcome.begun == 1
    assert depot.exists(changed)
    assert depot.items(made)[changed].code == "changed"


class Killed(BaseException):
    """The process ended here."""


def killed_at(step: str) -> Callable[[str], None]:
    def passing(name: str) -> None:
        if name == step:
            raise Killed(step)

    return passing


@pytest.mark.parametrize("step", ["choose", "pack", "pack_record", "packed", "check", "name", "settled"])
def test_killed_while_it_packs_and_run_again_there_is_one_package(depot: Depot, step: str) -> None:
    ids = depot.file(f"{CANARY} one", f"{CANARY} two")
    made = packages.approved(depot, ids)
    with pytest.raises(Killed):
        depot.carry_out(passing=killed_at(step))
    depot.carry_out(at=packages.later(depot))
    depot.archive.settle()
    assert [row.state for row in packages.packages(depot, made)] == [package.READY]
    assert {each.state for each in depot.items(made).values()} == {batch.PACKAGED}
    assert len(depot.archive.events("package.made")) == 1
    assert take(depot, the_package(depot, made))


def killed_at_the_second(step: str) -> Callable[[str], None]:
    seen = 0

    def passing(name: str) -> None:
        nonlocal seen
        seen += name == step
        if seen == 2:
            raise Killed(step)

    return passing


def test_killed_between_the_pieces_in_which_a_package_is_checked_there_is_one_package(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "CHECKED_AT_ONCE", 1)
    ids = depot.file("one", "two", "three")
    made = packages.approved(depot, ids)
    with pytest.raises(Killed):
        depot.carry_out(passing=killed_at_the_second("check"))
    assert {each.state for each in depot.items(made).values()} == {batch.DECIDED}
    depot.carry_out(at=packages.later(depot))
    assert the_package(depot, made).records == 3
    assert {each.state for each in depot.items(made).values()} == {batch.PACKAGED}


def test_a_hold_between_two_pieces_keeps_its_record_out_of_the_package(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "CHECKED_AT_ONCE", 1)
    ids = sorted(depot.file("one", "two", "three"))
    made = packages.approved(depot, ids)
    checked = 0

    def place(step: str) -> None:
        nonlocal checked
        checked += step == "check"
        if checked == 2:
            checked += 1
            # The first of them was looked at already.
            place_hold(depot, ids[0])

    outcome = depot.carry_out(passing=place)
    assert outcome.skipped == {"legal_hold": 1}
    assert the_package(depot, made).records == 2
    assert {each: item.state for each, item in depot.items(made).items()} == {
        ids[0]: batch.SKIPPED, ids[1]: batch.PACKAGED, ids[2]: batch.PACKAGED
    }  # fmt: skip


def test_killed_between_the_pieces_of_a_transfer_that_is_called_off_the_rest_stays_with_the_next_run(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retention import withdrawal

    monkeypatch.setattr(package, "STAYING_AT_ONCE", 1)
    ids = sorted(depot.file("one", "two", "three", "four"))
    made = packed(depot, ids)
    row = the_package(depot, made)
    take(depot, row)
    with depot.run.main.write() as session:
        package.call_off(session, row.id, by=depot.by("manager"), at=packages.later(depot), keys=depot.run.keys)
    states = [item.state for _, item in sorted(depot.items(made).items())]
    assert states == [batch.KEPT, *[batch.PACKAGED] * 3]
    with pytest.raises(Killed):
        depot.carry_out(at=packages.later(depot), passing=killed_at_the_second("stay"))
    with depot.run.main.read() as session:
        assert package.is_any_called_off(session)
    with depot.run.main.write() as session:
        asked = withdrawal.ask(session, ids[3], "wrong", by=depot.by("clerk"), at=depot.now, keys=depot.run.keys)
    with depot.run.main.write() as session:
        withdrawal.decide(session, asked, confirmed=True, by=depot.by("officer"), at=depot.now)
    depot.carry_out(at=packages.later(depot))
    with depot.run.main.read() as session:
        assert not package.is_any_called_off(session)
        copies = {each: disclosure.of_record(session, each, by=depot.by("officer")) for each in ids}
    [*stayed, gone] = [[copy.state for copy in copies[each]] for each in ids]
    assert stayed == [[disclosure.OUT]] * 3
    assert gone == [disclosure.ASKED_BACK]
    assert {each.state for each in depot.items(made).values()} == {batch.KEPT}
    assert depot.batch(made).state == batch.DONE


@pytest.mark.parametrize("step", ["begin", "begun", "objects", "objects_deleted", "keys", "keys_destroyed"])
def test_killed_after_the_confirmation_and_run_again_all_is_gone_once(depot: Depot, step: str) -> None:
    ids = depot.file(f"{CANARY} one", f"{CANARY} two")
    made = packed(depot, ids)
    row = the_package(depot, made)
    take(depot, row)
    acknowledge(depot, row)
    confirm(depot, row)
    with pytest.raises(Killed):
        depot.carry_out(at=packages.later(depot), passing=killed_at(step))
    depot.archive.settle()
    for _ in range(2):
        depot.carry_out(at=packages.later(depot))
        depot.archive.settle()
    depot.carry_out(at=packages.later(depot))
    assert depot.batch(made).state == batch.DONE
    assert [each.records for each in depot.certificates()] == [2]
    assert [path for path in depot.run.folder.objects.rglob("*") if path.is_file() and path.stat().st_size] == []


def test_a_package_that_cannot_be_made_is_visible_and_tried_again(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vault.store import StoreUnwritable

    ids = depot.file("one")
    made = packages.approved(depot, ids)

    def refused(*_: object, **__: object) -> object:
        raise StoreUnwritable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(packing, "seal_into", refused)
        outcome = depot.carry_out()
    assert outcome.failed == {"disk_unwritable": 1}
    assert depot.batch(made).state == batch.PARTLY_FAILED
    assert [each.state for each in depot.items(made).values()] == [batch.FAILED]
    [row] = packages.packages(depot, made)
    assert (row.state, row.trouble, row.tries) == (package.MAKING, "disk_unwritable", 1)
    with monkeypatch.context() as patch:
        patch.setattr(packing, "seal_into", refused)
        depot.carry_out(at=packages.later(depot))
    depot.carry_out(at=packages.later(depot))
    assert the_package(depot, made).state == package.READY
    depot.archive.index()
    [begun] = depot.archive.events("disposition.begun")
    assert begun.details["digest"] == depot.batch(made).digest.hex()  # type: ignore[union-attr]
    [empty] = depot.archive.events("package.begun")
    [failed] = depot.archive.events("package.failed")
    assert (failed.outcome, failed.details) == ("failed", {"kind": "transfer", "reason": "disk_unwritable"})
    assert row.id in {ref.id for ref in empty.objects} & {ref.id for ref in failed.objects}
    assert depot.batch(made).state == batch.EXECUTING


def test_a_transfer_that_is_called_off_keeps_its_records_and_forgets_the_package(depot: Depot) -> None:
    ids = depot.file(f"{CANARY} one")
    made = packed(depot, ids)
    row = the_package(depot, made)
    take(depot, row)
    with pytest.raises((NotAllowed, NotFound)), depot.run.main.write() as session:
        package.call_off(session, row.id, by=depot.by("auditor"), at=depot.now, keys=depot.run.keys)
    with depot.run.main.write() as session:
        package.call_off(session, row.id, by=depot.by("manager"), at=packages.later(depot), keys=depot.run.keys)
    depot.carry_out(at=packages.later(depot))
    assert {each.state for each in depot.items(made).values()} == {batch.KEPT}
    assert depot.batch(made).state == batch.DONE
    assert code_of(lambda: take(depot, row)) == "package_not_ready"
    with depot.run.main.read() as session:
        assert session.get_one(package.Package, row.id).object_key is None
        assert package.to_delete(session) == []
    assert depot.exists(ids[0])
    with depot.run.main.read() as session:
        assert len(disclosure.of_record(session, ids[0], by=depot.by("officer"))) == 1, "a copy was taken away"
    assert depot.propose() is not None, "its record is proposed again"


def test_a_record_that_goes_otherwise_takes_the_package_along_and_the_rest_is_packed_anew(depot: Depot) -> None:
    from retention import withdrawal

    recent = depot.receive("wrong file")
    depot.archive.settle()
    other = depot.file("right file")[0]
    made = packed(depot, [recent, other])
    first = the_package(depot, made)
    with depot.run.main.write() as session:
        asked = withdrawal.ask(session, recent, "wrong", by=depot.by("clerk"), at=depot.now, keys=depot.run.keys)
    with depot.run.main.write() as session:
        withdrawal.decide(session, asked, confirmed=True, by=depot.by("officer"), at=depot.now)
    depot.carry_out(at=packages.later(depot))
    depot.carry_out(at=packages.later(depot))
    second = the_package(depot, made)
    assert second.id != first.id
    assert second.records == 1
    assert depot.exists(other)
    assert not depot.exists(recent)


def test_a_transfer_that_waits_too_long_is_an_alarm_that_ends_with_it(depot: Depot) -> None:
    from app.retention_disposing import remind
    from app.retention_jobs import Work
    from retention import alarm

    row = the_package(depot, packed(depot, depot.file("one")))
    with depot.run.main.read() as session:
        [(waiting, since)] = package.waiting(session)
    assert (waiting.id, since) == (row.id, row.made_at)
    with depot.run.main.write() as session:
        early = depot.now - timedelta(days=90)
        session.get_one(package.Package, row.id).made_at = early
    told = Work("hand")
    remind(depot.run, told)
    assert told.counts["transfers_late"] == 1
    with depot.run.main.write() as session:
        package.call_off(session, row.id, by=depot.by("manager"), at=depot.now, keys=depot.run.keys)
    remind(depot.run, Work("hand"))
    with depot.run.main.read() as session:
        rows = session.scalars(select(alarm.RetentionAlarm).where(alarm.RetentionAlarm.code == alarm.TRANSFER_OVERDUE))
        assert [each.ended_at is not None for each in rows] == [True]


def test_the_sweep_leaves_a_package_that_waits_and_takes_one_that_no_row_names(depot: Depot) -> None:
    row = the_package(depot, packed(depot, depot.file("one")))
    assert row.object_key in sweep.named_keys(depot.run)[1]


def test_a_package_that_is_not_what_was_stored_is_found_by_the_nightly_walk(depot: Depot) -> None:
    from app.retention_jobs import Work
    from app.retention_steps import check_fixity
    from retention import alarm

    made = packed(depot, depot.file("one"))
    row = the_package(depot, made)
    [path] = depot.run.folder.objects.rglob(f"{row.object_key}*")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    everything = Work("hand")
    for _ in range(depot.run.settings.fixity_days):
        check_fixity(depot.run, everything)
    assert everything.counts["wrong"] == 1
    with depot.run.main.read() as session:
        [told] = session.scalars(select(alarm.RetentionAlarm).where(alarm.RetentionAlarm.ended_at.is_(None)))
    assert (told.code, told.subject, told.entity) == (alarm.PACKAGE_FIXITY, row.id, depot.archive.entity)
    depot.archive.index()
    [event] = depot.archive.events("object.fixity_failed")
    assert row.id in {ref.id for ref in event.objects if ref.kind == "package"}
    with depot.run.main.write() as session:
        package.call_off(session, row.id, by=depot.by("manager"), at=packages.later(depot), keys=depot.run.keys)
    check_fixity(depot.run, everything)
    with depot.run.main.read() as session:
        assert session.get_one(alarm.RetentionAlarm, told.id).ended_at is not None


def test_what_its_rule_wants_transferred_is_destroyed_with_a_reason_only(depot: Depot) -> None:
    from retention.disposition import ItemDecision
    from retention.record_date import RecordDate

    [record] = depot.file("an invoice")
    with depot.run.main.write() as session:
        session.get_one(RecordDate, record).action = "transfer"
    made = depot.propose()
    assert made is not None
    assert code_of(lambda: depot.decide(made, [record])) == "invalid"
    depot.decide(made, [record], reason="the archive declined it")
    word = {record: ItemDecision(decision="transfer")}
    with depot.run.main.write() as session:
        keys = depot.run.keys
        disposition.decide_items(session, made, word, by=depot.by("manager"), at=depot.now, keys=keys)
    assert depot.items(made)[record].decision == "transfer"
