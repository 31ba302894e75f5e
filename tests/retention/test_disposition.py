"""From proposal to approval: two persons, one digest, and everything that makes an approval void."""

import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest

from accounts.principal import NotAllowed
from core.errors import MunimentError, NotFound
from records.placement import Decision, decide
from retention import approval, batch, disposition, disposition_terms, hold
from retention.approval import Outcome
from retention.disposition_terms import Terms
from retention.hold import NewHold
from retention.hold_scope import Scope
from tests.support.depot import Depot


@pytest.fixture(scope="module")
def depot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    made = Depot.open(tmp_path_factory.mktemp("depot") / "data")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _nothing_is_left(depot: Depot) -> Iterator[None]:
    """Whatever a test has proposed is in no live batch for the next one."""
    yield
    with depot.run.main.write() as session:
        for row in batch.batches(session, by=depot.by("officer")):
            if row.state in batch.LIVE:
                row.state = batch.DONE
                for item in batch.items(session, row.id):
                    item.state, item.decision, item.until_on = batch.KEPT, "extend", date(2999, 1, 1)


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


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(MunimentError) as error:
        act()
    return error.value.code


def test_what_is_due_is_proposed_once_and_what_is_not_is_left_out(depot: Depot) -> None:
    due = depot.file("one", "two")
    recent = depot.file("three", day=depot.today)
    made = depot.propose()
    assert made is not None
    assert set(depot.items(made)) == set(due)
    assert not set(depot.items(made)) & set(recent)
    assert depot.propose() is None


def test_what_is_held_does_not_take_the_places_of_what_is_not(depot: Depot) -> None:
    first, second, third = depot.file("one", "two", "three")
    place_hold(depot, first, second)
    with depot.run.main.write() as session:
        made = disposition.propose(session, depot.archive.entity, by=depot.by("manager"), at=depot.now, limit=1)
        assert made is not None
        assert [item.record for item in batch.items(session, made)] == [third]


def test_proposing_takes_somebody_who_prepares_dispositions(depot: Depot) -> None:
    depot.file("one")
    for name in ("clerk", "officer", "auditor", "boss"):
        with pytest.raises(NotAllowed):
            depot.propose(name)
    assert depot.propose("manager") is not None


def test_whoever_had_a_part_in_a_batch_does_not_approve_it(depot: Depot) -> None:
    depot.archive.add_person("both", depot.archive.grant("records_manager"), depot.archive.grant("compliance_officer"))
    depot.file("one", "two")
    made = depot.propose("manager")
    assert made is not None
    first, second = depot.items(made)
    depot.decide(made, [first], by="both")
    depot.decide(made, [first, second], by="manager")
    digest = depot.submit(made, "manager")
    assert code_of(lambda: depot.approve(made, digest, "both")) == "own_disposition"
    for name in ("manager", "clerk", "auditor"):
        with pytest.raises((NotAllowed, NotFound)):
            depot.approve(made, digest, name)
    with depot.run.main.read() as session:
        row = batch.get(session, made, by=depot.by("both"))
        assert approval.why_not(session, row, by=depot.by("both"), at=depot.now) == "had_a_part"
        assert approval.why_not(session, row, by=depot.by("officer"), at=depot.now) is None
    assert depot.approve(made, digest, "officer").state == "approved"


def test_an_approval_names_what_was_shown(depot: Depot) -> None:
    depot.file("one")
    made, digest = depot.submitted()
    assert code_of(lambda: depot.approve(made, bytes(32))) == "disposition_shown_otherwise"
    assert depot.approve(made, digest).state == "approved"
    assert code_of(lambda: depot.approve(made, digest, "second_officer")) == "disposition_not_submitted"


def test_a_quorum_of_two_takes_two_other_persons(depot: Depot) -> None:
    with depot.run.main.write() as session:
        disposition_terms.write(session, depot.archive.entity, Terms(2), by=depot.by("officer").person, at=depot.now)
    try:
        depot.file("one")
        made, digest = depot.submitted()
        assert depot.approve(made, digest) == Outcome("waiting", 1)
        assert code_of(lambda: depot.approve(made, digest)) == "disposition_approved_already"
        assert depot.batch(made).state == batch.SUBMITTED
        assert depot.approve(made, digest, "second_officer") == Outcome("approved", 0)
    finally:
        with depot.run.main.write() as session:
            by = depot.by("officer").person
            disposition_terms.write(session, depot.archive.entity, Terms(), by=by, at=depot.now)


def test_of_two_who_approve_at_once_one_does(depot: Depot) -> None:
    depot.file("one")
    made, digest = depot.submitted()
    told: list[str] = []
    barrier = threading.Barrier(2)

    def act(name: str) -> None:
        barrier.wait()
        try:
            told.append(depot.approve(made, digest, name).state)
        except MunimentError as error:
            told.append(error.code)

    threads = [threading.Thread(target=act, args=(name,)) for name in ("officer", "second_officer")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["approved", "disposition_not_submitted"]


def test_deciding_anew_makes_submission_and_approval_void(depot: Depot) -> None:
    depot.file("one", "two")
    made = depot.approved()
    first = next(iter(depot.items(made)))
    depot.decide(made, [first], decision="extend", reason="asked for it", until=depot.today + timedelta(days=90))
    row = depot.batch(made)
    assert (row.state, row.digest, row.approved_at) == (batch.IN_REVIEW, None, None)
    with depot.run.main.read() as session:
        assert batch.approvals(session, made) == []
    assert depot.carry_out().begun == 0


@pytest.mark.parametrize("when", ["decided", "submitted", "approved"])
def test_a_hold_placed_at_any_moment_keeps_its_record(depot: Depot, when: str) -> None:
    held, free = depot.file("held", "free")
    made = depot.propose()
    assert made is not None
    depot.decide(made)
    if when == "decided":
        place_hold(depot, held)
    digest = depot.submit(made)
    if when == "submitted":
        place_hold(depot, held)
    outcome = depot.approve(made, digest) if depot.batch(made).digest == digest else None
    if when == "submitted" and outcome is not None:
        assert outcome.state == "voided"
        assert outcome.changed == (held,)
    if when == "approved":
        place_hold(depot, held)
    depot.carry_out()
    assert depot.exists(held)
    assert depot.items(made)[held].code in ("legal_hold", "hold", "hold_placed")
    if when == "decided":
        assert not depot.exists(free)


def test_a_changed_date_makes_the_decision_about_it_void(depot: Depot) -> None:
    moved, _ = depot.file("moved", "same")
    made, digest = depot.submitted()
    with depot.run.main.write() as session:
        decide(session, moved, Decision(document_date=depot.today), by=depot.by("manager"), at=depot.now)
    depot.archive.settle()
    row = depot.batch(made)
    if row.state == batch.SUBMITTED:
        assert depot.approve(made, digest).state == "voided"
    assert depot.batch(made).state == batch.IN_REVIEW
    assert depot.items(made)[moved].decision is None


def test_a_date_that_moves_behind_the_back_of_everybody_is_found_by_the_last_look(depot: Depot) -> None:
    from records.record import Record

    moved, same = depot.file("moved", "same")
    made = depot.approved()
    with depot.run.main.write() as session:
        session.get_one(Record, moved).document_date = depot.today
    outcome = depot.carry_out()
    assert depot.exists(moved)
    assert not depot.exists(same)
    assert sum(outcome.skipped.values()) == 1
    assert depot.items(made)[moved].state == batch.SKIPPED


def test_an_item_changed_behind_an_approval_is_not_destroyed(depot: Depot) -> None:
    kept, _ = depot.file("kept", "other")
    made = depot.propose()
    assert made is not None
    depot.decide(made, [kept], decision="extend", reason="asked for it", until=depot.today + timedelta(days=90))
    depot.approve(made, depot.submit(made))
    with depot.run.main.write() as session:
        item = next(each for each in batch.items(session, made) if each.record == kept)
        item.decision, item.until_on, item.state = "destroy", None, batch.DECIDED
    assert depot.carry_out().voided == 1
    assert depot.exists(kept)
    assert depot.batch(made).state == batch.IN_REVIEW


def test_an_approval_without_a_person_is_none(depot: Depot) -> None:
    [kept] = depot.file("kept")
    made, _ = depot.submitted()
    with depot.run.main.write() as session:
        row = session.get_one(batch.Batch, made)
        row.state, row.approved_at = batch.APPROVED, depot.now - timedelta(days=30)
    assert depot.carry_out().voided == 1
    assert depot.exists(kept)


def test_nothing_is_destroyed_before_grace_is_over_and_undone_nothing_is(depot: Depot) -> None:
    [kept] = depot.file("kept")
    made = depot.approved()
    assert depot.carry_out(at=depot.now + timedelta(days=6)).begun == 0
    with depot.run.main.write() as session:
        approval.undo(session, made, by=depot.by("second_manager"), at=depot.now)
    assert depot.carry_out().begun == 0
    assert depot.exists(kept)
    assert depot.batch(made).state == batch.UNDONE
    assert code_of(lambda: undo_again(depot, made)) == "disposition_not_in_grace"
    again = depot.propose()
    assert again is not None
    assert set(depot.items(again)) == {kept}


def undo_again(depot: Depot, made: object) -> None:
    with depot.run.main.write() as session:
        approval.undo(session, made, by=depot.by("manager"), at=depot.now)  # type: ignore[arg-type]


def test_an_extension_takes_a_reason_and_keeps_until_its_day(depot: Depot) -> None:
    [kept] = depot.file("kept")
    made = depot.propose()
    assert made is not None
    until = depot.today + timedelta(days=90)
    assert code_of(lambda: depot.decide(made, [kept], decision="extend", until=until)) == "invalid"
    depot.decide(made, [kept], decision="extend", reason="asked for it", until=until)
    depot.approve(made, depot.submit(made))
    depot.carry_out()
    assert depot.items(made)[kept].state == batch.KEPT
    assert depot.batch(made).state == batch.DONE
    assert depot.propose() is None
    with depot.run.main.write() as session:
        later = depot.now + timedelta(days=92)
        assert disposition.propose(session, depot.archive.entity, by=depot.by("manager"), at=later) is not None


def test_what_is_returned_is_reviewed_anew(depot: Depot) -> None:
    depot.file("one")
    made, digest = depot.submitted()
    with depot.run.main.write() as session:
        approval.return_batch(session, made, "look at it again", by=depot.by("officer"), at=depot.now)
    assert depot.batch(made).state == batch.IN_REVIEW
    assert code_of(lambda: depot.approve(made, digest)) == "disposition_not_submitted"
