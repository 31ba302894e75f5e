"""Notices of holds: whom to tell, what stays of it, and who can answer."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from accounts import principals
from accounts.principal import NotAllowed
from app import holding
from core.errors import Invalid, NotFound
from retention import custodian, held, hold
from retention.custodian import AcknowledgedAlready, HoldNotice
from retention.held import Hold
from retention.hold import HoldOver, NewHold
from retention.hold_scope import Scope
from tests.support.archive import Archive

TEXT = "Keep all letters of the crane works, drafts too."


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Archive]:
    made = Archive.open(tmp_path)
    yield made
    made.close()


def place(office: Archive, scope: Scope) -> UUID:
    new = NewHold(
        entity=office.entity,
        kind="legal_hold",
        scope=scope,
        title="A matter",
        reason="A claim",
        authority="312 O 44/26",
        review_on=office.today + timedelta(days=30),
    )
    hold_id = holding.place(office.runtime, new, by=office.principal("officer")).id
    office.settle()
    return hold_id


def give(office: Archive, hold_id: UUID, *names: str, by: str = "officer", text: str = TEXT) -> UUID:
    acting, people = office.principal(by), [office.people[name] for name in names]
    with office.runtime.main.write() as session:
        return custodian.give_notice(session, hold_id, people, text, by=acting, at=office.now, keys=office.runtime.keys)


def suggested(office: Archive, hold_id: UUID) -> set[str]:
    with office.runtime.main.read() as session:
        found = set(custodian.suggest(session, session.get_one(Hold, hold_id), office.now))
    return {name for name, person in office.people.items() if person in found}


def test_those_are_suggested_who_work_with_what_is_held_and_never_whom_it_is_about(office: Archive) -> None:
    letter = office.receive(b"Der Kranbau", record_class="letter").id
    assert suggested(office, place(office, Scope(kind="records", records=(letter,)))) == {"clerk", "second_clerk"}
    file = office.open_file("personnel", "P-1", by="hr_clerk", about_person=office.people["lawyer"])
    office.receive(b"Abmahnung", by="hr_clerk", record_class="warning", case_file="P-1")
    about = suggested(office, place(office, Scope(kind="case_file", case_file=file)))
    assert {"hr_clerk"} <= about
    assert "lawyer" not in about


def test_a_notice_waits_for_the_word_of_each_person_and_of_nobody_else(office: Archive) -> None:
    letter = office.receive(b"Der Kranbau", record_class="letter").id
    hold_id = place(office, Scope(kind="records", records=(letter,)))
    notice = give(office, hold_id, "clerk", "lawyer")
    run = office.runtime
    with run.main.read() as session:
        assert custodian.waiting_for(session, office.people["clerk"]) == 1
        assert custodian.text_of(session, notice, run.keys) == TEXT
        assert TEXT.encode() not in session.get_one(HoldNotice, notice).words_sealed
        operator = principals.operator_for(session, "clerk", at=office.now, keys=run.keys)
    stranger = office.principal("hr_clerk")
    with run.main.write() as session, pytest.raises(NotAllowed):
        custodian.acknowledge(session, notice, by=operator, at=office.now)
    with run.main.write() as session, pytest.raises(NotFound):
        custodian.acknowledge(session, notice, by=stranger, at=office.now)
    by = office.principal("clerk")
    with run.main.write() as session:
        custodian.acknowledge(session, notice, by=by, at=office.now)
    with run.main.write() as session, pytest.raises(AcknowledgedAlready):
        custodian.acknowledge(session, notice, by=by, at=office.now)
    with run.main.read() as session:
        assert custodian.waiting_for(session, office.people["clerk"]) == 0
        answered = {each.person: each.acknowledged_at is not None for each in custodian.told(session, hold_id)}
    assert answered == {office.people["clerk"]: True, office.people["lawyer"]: False}


def test_a_notice_says_something_to_somebody_about_a_hold_in_force(office: Archive) -> None:
    letter = office.receive(b"Der Kranbau", record_class="letter").id
    hold_id = place(office, Scope(kind="records", records=(letter,)))
    with pytest.raises(Invalid):
        give(office, hold_id)
    with pytest.raises(Invalid):
        give(office, hold_id, "clerk", text=" ")
    with pytest.raises(NotFound):
        give(office, hold_id, "clerk", by="clerk")
    with pytest.raises(NotAllowed):
        give(office, hold_id, "clerk", by="auditor")
    give(office, hold_id, "clerk")
    run, asks, confirms = office.runtime, office.principal("manager"), office.principal("officer")
    with run.main.write() as session:
        hold.ask_release(session, hold_id, "settled", by=asks, at=office.now, keys=run.keys)
    with run.main.write() as session:
        hold.decide_release(session, hold_id, confirmed=True, by=confirms, at=office.now)
    with pytest.raises(HoldOver):
        give(office, hold_id, "clerk")
    with run.main.read() as session:
        assert custodian.told_me(session, office.people["clerk"]) == [], "it asks for nothing any more"
        assert session.get_one(Hold, hold_id).state == held.OVER
