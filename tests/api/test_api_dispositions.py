"""Disposition over REST, from a batch to its certificate, and what is left of the record to whom."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.destroying import execute_due
from retention import certificate, running_day, schedule
from retention.period import Period
from retention.rule_draft import RuleDraft
from tests.support.app import Office

V1 = "/api/v1"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office.open(tmp_path / "data")
    publish(office)
    yield office
    office.close()


def publish(office: Office) -> None:
    stated = RuleDraft(
        code="test-invoices",
        jurisdiction="DE",
        record_class="supplier_invoice",
        trigger="document_created",
        anchor="event_date",
        period=Period.parse("P1Y"),
        bound="minimum",
        action="destroy",
        legal_basis="AO § 147 Abs. 3",
    )
    manager, officer, now = office.principal("manager"), office.principal("officer"), office.runtime.clock.now()
    with office.runtime.main.write() as session:
        row = schedule.draft(session, office.entity, stated, by=manager, at=now)
        schedule.publish(session, row.id, by=officer, at=now)


def carry_out(office: Office) -> None:
    now = office.runtime.clock.now()
    with office.runtime.main.write() as session:
        for days in range(10):
            running_day.note(session, zone="Europe/Berlin", at=now + timedelta(days=days))
    execute_due(office.runtime, at=now + timedelta(days=8))
    office.settle()
    execute_due(office.runtime, at=now + timedelta(days=8))


def filed(office: Office) -> str:
    made = office.upload(b"Zebrafink invoice", "a.txt", class_="supplier_invoice", document_date="2009-03-04")
    office.settle()
    return str(made["id"])


def ok(answer: Any) -> Any:
    assert 200 <= answer.status_code < 300, answer.text
    return answer.json()


def test_a_batch_goes_from_review_to_its_certificate(office: Office) -> None:
    record_id = filed(office)
    manager, officer, clerk = (office.client(name) for name in ("manager", "officer", "clerk"))
    made = ok(manager.post(f"{V1}/dispositions", json={"entity": str(office.entity)}))
    path = f"{V1}/dispositions/{made['id']}"
    [item] = ok(manager.get(f"{path}/items"))["items"]
    assert (item["record"], item["class"], item["retain_through"]) == (record_id, "supplier_invoice", "2010-03-04")
    word = {"decisions": [{"record": record_id, "decision": "destroy"}]}
    assert ok(manager.patch(f"{path}/items", json=word))["decisions"] == {"destroy": 1}
    digest = ok(manager.post(f"{path}/submission"))["digest"]
    refused = officer.post(f"{path}/approval", json={"digest": "0" * 64})
    assert (refused.status_code, refused.json()["code"]) == (409, "disposition_shown_otherwise")
    assert ok(officer.post(f"{path}/approval", json={"digest": digest}))["outcome"] == "approved"
    carry_out(office)
    assert ok(officer.get(path))["state"] == "done"
    [issued] = ok(officer.get(f"{V1}/certificates?batch={made['id']}"))["items"]
    body = officer.get(f"{V1}/certificates/{issued['id']}/body").content
    signature = officer.get(f"{V1}/certificates/{issued['id']}/signature").content
    assert signature.hex() == issued["signature"]
    said = certificate.verify(body, signature, issued["vkey"]).content
    assert said["records"][0]["id"] == UUID(record_id).hex
    assert clerk.get(f"{V1}/records/{record_id}").status_code == 404
    assert clerk.get(f"{V1}/records/{record_id}/content").status_code == 404
    left = ok(manager.get(f"{V1}/records/{record_id}"))
    assert (left["state"], left["class"], left["certificate"]) == ("destroyed", "supplier_invoice", issued["id"])
    assert ok(office.client("auditor").get(f"{V1}/stubs/{record_id}")) == left
    assert ok(clerk.get(f"{V1}/search?q=Zebrafink"))["total"] == 0


def test_a_wrong_upload_is_withdrawn_by_two(office: Office) -> None:
    record_id = filed(office)
    clerk, officer = office.client("clerk"), office.client("officer")
    asked = ok(clerk.post(f"{V1}/records/{record_id}/withdrawal", json={"reason": "wrong firm"}))
    assert clerk.get(f"{V1}/records/{record_id}").status_code == 404
    [waiting] = ok(officer.get(f"{V1}/capture-withdrawals"))["items"]
    assert (waiting["id"], waiting["reason"], waiting["state"]) == (asked["id"], "wrong firm", "asked")
    path = f"{V1}/capture-withdrawals/{asked['id']}/decision"
    assert clerk.post(path, json={"confirmed": True}).status_code == 403
    assert ok(officer.post(path, json={"confirmed": True}))["state"] == "confirmed"
    office.settle()
    left = ok(office.client("auditor").get(f"{V1}/stubs/{record_id}"))
    assert (left["kind"], left["class"], left["document_date"]) == ("withdrawal", None, None)
    assert ok(officer.get(f"{V1}/capture-withdrawals"))["items"] == []
