"""Mails and what was found in them, holds on either, copies outside, and stubs that end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from core.errors import MunimentError
from records import stub
from records.placement import Decision, decide
from records.record import Record
from retention import batch, certificate, disclosure, hold, regime, stub_end, withdrawal
from retention.hold import NewHold
from retention.hold_scope import Scope
from tests.support.depot import CLASS, LONG_AGO, Depot

CANARY = "quokkaberg"


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    made = Depot.open(tmp_path / "data")
    yield made
    made.close()


def mail_with_attachment(depot: Depot) -> tuple[UUID, UUID]:
    """A mail and its attachment, both filed as invoices of long ago."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "Invoice"
    message.set_content("The invoice is attached.")
    message.add_attachment(f"Invoice {CANARY}".encode(), maintype="text", subtype="plain", filename="invoice.txt")
    mail = depot.receive(message.as_string(), "mail.eml")
    depot.archive.settle()
    with depot.run.main.read() as session:
        inside = session.scalars(select(Record.id).where(Record.parent == mail)).one()
    with depot.run.main.write() as session:
        word = Decision(record_class=CLASS, document_date=LONG_AGO)
        decide(session, inside, word, by=depot.by("manager"), at=depot.now)
    depot.archive.settle()
    return mail, inside


def place_hold(depot: Depot, record_id: UUID) -> None:
    new = NewHold(
        entity=depot.archive.entity,
        kind="legal_hold",
        scope=Scope(kind="records", records=(record_id,)),
        title="A matter",
        reason="a claim",
        authority="court",
        review_on=depot.today + timedelta(days=90),
    )
    with depot.run.main.write() as session:
        hold.place(session, new, by=depot.by("officer"), at=depot.now, keys=depot.run.keys)


def test_an_attachment_outlives_its_mail_and_names_what_is_no_more(depot: Depot) -> None:
    mail, inside = mail_with_attachment(depot)
    made = depot.propose()
    assert made is not None
    depot.decide(made, [mail])
    depot.approve(made, depot.submit(made))
    depot.carry_out()
    depot.archive.settle()
    assert not depot.exists(mail)
    assert depot.archive.get(inside).parent == mail
    detail = depot.run.content.detail(inside, by=depot.by("clerk"))
    assert detail.versions[-1][1] == "invoice.txt"
    assert depot.archive.search(CANARY).total == 1


def test_an_attachment_does_not_go_before_the_mail_that_has_its_bytes(depot: Depot) -> None:
    mail, inside = mail_with_attachment(depot)
    made = depot.propose()
    assert made is not None
    depot.decide(made, [inside])
    depot.approve(made, depot.submit(made))
    outcome = depot.carry_out()
    assert outcome.skipped == {"kept_in_parent": 1}
    assert depot.exists(mail)
    assert depot.exists(inside)


def test_both_go_together(depot: Depot) -> None:
    mail, inside = mail_with_attachment(depot)
    depot.approved()
    depot.carry_out()
    depot.archive.settle()
    assert not depot.exists(mail)
    assert not depot.exists(inside)
    assert depot.holding(CANARY) == []


def test_a_hold_on_an_attachment_keeps_its_mail(depot: Depot) -> None:
    mail, inside = mail_with_attachment(depot)
    made = depot.propose()
    assert made is not None
    depot.decide(made, [mail])
    depot.approve(made, depot.submit(made))
    place_hold(depot, inside)
    outcome = depot.carry_out()
    assert outcome.skipped == {"legal_hold": 1}
    assert depot.exists(mail)


def test_a_withdrawal_takes_what_was_found_in_it_and_never_a_part(depot: Depot) -> None:
    mail, inside = mail_with_attachment(depot)
    run = depot.run

    def ask(record_id: UUID) -> UUID:
        with run.main.write() as session:
            return withdrawal.ask(session, record_id, "wrong", by=depot.by("clerk"), at=depot.now, keys=run.keys)

    with pytest.raises(MunimentError, match="found in"):
        ask(inside)
    asked = ask(mail)
    assert depot.archive.who_sees(inside) == depot.archive.who_sees(mail) == set()
    with run.main.write() as session:
        withdrawal.decide(session, asked, confirmed=True, by=depot.by("officer"), at=depot.now)
    depot.archive.settle()
    assert not depot.exists(mail)
    assert not depot.exists(inside)
    assert depot.holding(CANARY) == []
    assert [row.records for row in depot.certificates()] == [2]


@pytest.mark.parametrize("when", ["before it is asked", "before it is confirmed", "before it is carried out"])
def test_a_hold_keeps_a_wrong_upload(depot: Depot, when: str) -> None:
    [wrong] = depot.file("one")
    run = depot.run
    if when == "before it is asked":
        place_hold(depot, wrong)
    with run.main.write() as session:
        by = depot.by("clerk")
        if when == "before it is asked":
            with pytest.raises(withdrawal.OnHold):
                withdrawal.ask(session, wrong, "wrong", by=by, at=depot.now, keys=run.keys)
            return
        asked = withdrawal.ask(session, wrong, "wrong", by=by, at=depot.now, keys=run.keys)
    if when == "before it is confirmed":
        place_hold(depot, wrong)
        with run.main.write() as session, pytest.raises(withdrawal.OnHold):
            withdrawal.decide(session, asked, confirmed=True, by=depot.by("officer"), at=depot.now)
        return
    with run.main.write() as session:
        withdrawal.decide(session, asked, confirmed=True, by=depot.by("officer"), at=depot.now)
    place_hold(depot, wrong)
    depot.archive.settle()
    assert depot.exists(wrong)
    assert depot.archive.who_sees(wrong) == set()


@pytest.mark.parametrize("when", ["before it is confirmed", "before it is carried out"])
def test_a_restriction_by_decision_keeps_a_wrong_upload_until_it_is_lifted(depot: Depot, when: str) -> None:
    [wrong] = depot.file("one")
    run = depot.run
    with run.main.write() as session:
        asked = withdrawal.ask(session, wrong, "wrong", by=depot.by("clerk"), at=depot.now, keys=run.keys)
    if when == "before it is confirmed":
        restrict(depot, wrong)
        with run.main.write() as session, pytest.raises(withdrawal.OnHold):
            withdrawal.decide(session, asked, confirmed=True, by=depot.by("officer"), at=depot.now)
        assert depot.exists(wrong)
        return
    with run.main.write() as session:
        withdrawal.decide(session, asked, confirmed=True, by=depot.by("officer"), at=depot.now)
    restrict(depot, wrong)
    depot.archive.settle()
    assert depot.carry_out().skipped == {"restricted": 1}
    assert depot.exists(wrong)
    with run.main.write() as session:
        lifted = regime.change(session, wrong, "active", "settled", by=depot.by("manager"), at=depot.now, keys=run.keys)
        regime.decide(session, lifted.id, confirmed=True, by=depot.by("officer"), at=depot.now)
    depot.carry_out()
    assert not depot.exists(wrong)


def test_a_restriction_of_an_attachment_keeps_its_mail(depot: Depot) -> None:
    mail, inside = mail_with_attachment(depot)
    made = depot.propose()
    assert made is not None
    depot.decide(made, [mail])
    depot.approve(made, depot.submit(made))
    restrict(depot, inside)
    assert depot.carry_out().skipped == {"restricted": 1}
    assert depot.exists(mail)


def restrict(depot: Depot, record_id: UUID) -> None:
    """By decision (GDPR Art. 18), without a hold."""
    run = depot.run
    with run.main.write() as session:
        regime.change(
            session, record_id, "restricted", "accuracy contested", by=depot.by("manager"), at=depot.now, keys=run.keys
        )


def test_a_wrong_upload_of_long_ago_goes_by_the_schedule(depot: Depot) -> None:
    [old] = depot.file("one")
    depot.ahead = timedelta(days=31)
    with depot.run.main.write() as session, pytest.raises(withdrawal.TooLateToWithdraw):
        withdrawal.ask(session, old, "wrong", by=depot.by("clerk"), at=depot.now, keys=depot.run.keys)


def test_a_copy_outside_becomes_a_task_and_stands_in_the_certificate(depot: Depot) -> None:
    [gone] = depot.file("one")
    run = depot.run
    with run.main.write() as session:
        for kind in ("paper", "processor"):
            disclosure.note(
                session,
                gone,
                kind,
                "Tax adviser Finch",
                disclosed_at=depot.now - timedelta(days=3),
                by=depot.by("manager"),
                at=depot.now,
                keys=run.keys,
            )
        settled = disclosure.of_record(session, gone, by=depot.by("manager"))[0]
        disclosure.settle(session, settled.id, by=depot.by("manager"), at=depot.now)
    depot.approved()
    depot.carry_out()
    with run.main.read() as session:
        [task] = disclosure.tasks(session, by=depot.by("manager"))
        told = disclosure.recipients_of(session, [task], run.keys)
    assert (task.kind, told[task.id], task.record) == ("processor", "Tax adviser Finch", gone)
    depot.archive.settle()
    [issued] = depot.certificates()
    content = certificate.verify(issued.body, issued.signature, issued.vkey).content
    assert issued.outside == 1
    assert content["records"][0]["outside"] == [{"kind": "processor", "id": task.id.hex}]
    assert b"Finch" not in issued.body
    with run.main.write() as session:
        disclosure.settle(session, task.id, by=depot.by("manager"), at=depot.now)
        assert disclosure.tasks(session, by=depot.by("manager")) == []


def test_a_stub_ends_and_its_certificate_stays(depot: Depot) -> None:
    [gone] = depot.file("one")
    made = depot.approved()
    depot.carry_out()
    depot.archive.settle()
    depot.carry_out()
    by = depot.by("officer")
    with depot.run.main.write() as session:
        last = stub.get(session, gone, by=by).keep_through
        assert stub_end.purge(session, today=last, by=by, at=depot.now, keys=depot.run.keys) == 0
    later = datetime(last.year + 1, 1, 1, 12, tzinfo=UTC)
    assert depot.carry_out(at=later).purged == 1
    with depot.run.main.read() as session:
        assert stub.find(session, gone, by=by) is None
        assert batch.items(session, made) == []
    assert len(depot.certificates()) == 1
