"""Batches, certificates and copies outside in an office, for requests over HTTP: nothing of them is carried out."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from core.identifiers import new_id
from records.record import Record
from records.stub import RecordStub
from retention import disclosure, disposition, terms_change, withdrawal
from retention.certificate import Certificate
from retention.disposition import ItemDecision
from retention.record_date import RecordDate
from tests.support.app import Office

V1 = "/api/v1"
DISPOSITIONS = f"{V1}/dispositions"
TERMS = f"{V1}/retention/terms"


def eligible(office: Office) -> UUID:
    """A record whose date has come, as the jobs would have reckoned it."""
    record_id = UUID(office.upload(uuid4().bytes, "old.bin", class_="supplier_invoice")["id"])
    now = office.runtime.clock.now()
    with office.runtime.main.write() as session:
        session.merge(
            RecordDate(
                record=record_id,
                entity=office.entity,
                record_class="supplier_invoice",
                state="dated",
                retain_through=date(2020, 12, 31),
                eligible_from=date(2021, 1, 1),
                rule=new_id(),
                action="destroy",
                schedule=1,
                revision=session.get_one(Record, record_id).revision,
                basis=record_id.bytes * 2,
                missing=[],
                lock_asked=True,
                computed_at=now,
            )
        )
    return record_id


def batch(office: Office) -> tuple[str, UUID]:
    """A batch just proposed, and one record of it."""
    record_id = eligible(office)
    by, now = office.principal("manager"), office.runtime.clock.now()
    with office.runtime.main.write() as session:
        made = disposition.propose(session, office.entity, by=by, at=now)
        assert made is not None
    return str(made), record_id


def decided(office: Office) -> str:
    """The same, with a decision."""
    made, record_id = batch(office)
    run, by = office.runtime, office.principal("manager")
    with run.main.write() as session:
        word = {record_id: ItemDecision(decision="destroy")}
        disposition.decide_items(session, UUID(made), word, by=by, at=run.clock.now(), keys=run.keys)
    return made


def explained(office: Office) -> tuple[str, UUID]:
    """The same, kept longer with a reason; and its record."""
    made, record_id = batch(office)
    run, by = office.runtime, office.principal("manager")
    word = ItemDecision(decision="extend", reason="A claim is announced", until=date(2090, 1, 1))
    with run.main.write() as session:
        disposition.decide_items(session, UUID(made), {record_id: word}, by=by, at=run.clock.now(), keys=run.keys)
    return made, record_id


def submitted(office: Office) -> tuple[str, str]:
    """The same, submitted; with its digest."""
    made = decided(office)
    by, now = office.principal("manager"), office.runtime.clock.now()
    with office.runtime.main.write() as session:
        return made, disposition.submit(session, UUID(made), by=by, at=now).digest.hex()


def approval_of(office: Office) -> tuple[str, dict[str, Any]]:
    made, digest = submitted(office)
    return f"{DISPOSITIONS}/{made}/approval", {"json": {"digest": digest}}


def approved(office: Office) -> str:
    path, arguments = approval_of(office)
    answer = office.client("officer").post(path, **arguments)
    assert answer.json()["outcome"] == "approved", answer.text
    return path.split("/")[-2]


def terms_wanted(office: Office, *, looser: bool = False) -> tuple[str, dict[str, Any]]:
    """Terms that hold back more than those of now, or less; nothing else waits for a second person."""
    run, percent, by = office.runtime, office.runtime.settings.destroy_percent, office.principal("officer")
    with run.main.write() as session:
        waiting = terms_change.waiting(session, office.entity)
        if waiting is not None:
            terms_change.decide(session, waiting.id, confirmed=False, percent=percent, by=by, at=run.clock.now())
        share = terms_change.of(session, office.entity).destroy_percent or percent
    wanted = share + 1 if looser else share - 1
    return f"{TERMS}/changes", {"json": {"entity": str(office.entity), "destroy_percent": wanted}}


def terms_to_decide(office: Office) -> tuple[str, dict[str, Any]]:
    """Looser terms that a manager asked for."""
    path, arguments = terms_wanted(office, looser=True)
    made = office.client("manager").post(path, **arguments).json()
    assert made["state"] == "pending", made
    return f"{path}/{made['id']}/decision", {"json": {"confirmed": True}}


def withdrawn(office: Office) -> str:
    """A withdrawal that waits for its second person."""
    record_id = UUID(office.upload(uuid4().bytes, "wrong.bin")["id"])
    run, by = office.runtime, office.principal("clerk")
    with run.main.write() as session:
        return str(withdrawal.ask(session, record_id, "wrong firm", by=by, at=run.clock.now(), keys=run.keys))


def disclosed(office: Office) -> tuple[str, UUID]:
    """A copy outside, and its record."""
    record_id = eligible(office)
    run, now = office.runtime, office.runtime.clock.now()
    by = office.principal("manager")
    with run.main.write() as session:
        made = disclosure.note(
            session,
            record_id,
            "paper",
            "Tax adviser",
            disclosed_at=now - timedelta(days=1),
            by=by,
            at=now,
            keys=run.keys,
        )
        return str(made.id), record_id


def certified(office: Office) -> tuple[str, str]:
    """A certificate and a stub, as the keeper writes them."""
    now, certificate, record_id = office.runtime.clock.now(), new_id(), new_id()
    with office.runtime.main.write() as session:
        session.add(
            Certificate(
                id=certificate,
                entity=office.entity,
                kind="disposition",
                cause=new_id(),
                records=1,
                locked=0,
                outside=0,
                body=b"{}",
                signature=bytes(64),
                vkey="example.org+00000000+AA==",
                issued_at=now,
            )
        )
        session.add(
            RecordStub(
                record=record_id,
                entity=office.entity,
                number=record_id.hex[-9:],
                kind="disposition",
                record_class=None,
                document_date=None,
                captured_at=now,
                destroyed_at=now,
                rule=None,
                certificate=certificate,
                keep_through=date(2040, 12, 31),
            )
        )
    return str(certificate), str(record_id)


def requests() -> dict[tuple[str, str], tuple[str, Any]]:
    """A request for each route of disposition, and who may send it."""
    one, cert = f"{DISPOSITIONS}/{{batch_id}}", f"{V1}/certificates/{{certificate_id}}"

    def listed(path: str, made: Callable[[Office], object]) -> Any:
        """A list with something on it."""
        return lambda office: (made(office), (path, {}))[1]

    def of_batch(suffix: str = "") -> Any:
        return lambda office: (f"{DISPOSITIONS}/{batch(office)[0]}{suffix}", {})

    def of_certificate(suffix: str = "") -> Any:
        return lambda office: (f"{V1}/certificates/{certified(office)[0]}{suffix}", {})

    def decision(office: Office) -> tuple[str, dict[str, Any]]:
        made, record_id = batch(office)
        words = {"decisions": [{"record": str(record_id), "decision": "destroy"}]}
        return f"{DISPOSITIONS}/{made}/items", {"json": words}

    def new_batch(office: Office) -> tuple[str, dict[str, Any]]:
        eligible(office)
        return DISPOSITIONS, {"json": {"entity": str(office.entity)}}

    def new_withdrawal(office: Office) -> tuple[str, dict[str, Any]]:
        record_id = office.upload(uuid4().bytes, "wrong.bin")["id"]
        return f"{V1}/records/{record_id}/withdrawal", {"json": {"reason": "wrong firm"}}

    def new_disclosure(office: Office) -> tuple[str, dict[str, Any]]:
        record_id = office.upload(uuid4().bytes, "out.bin", class_="supplier_invoice")["id"]
        body = {"kind": "paper", "recipient": "Tax adviser", "disclosed_at": "2026-01-02T10:00:00Z"}
        return f"{V1}/records/{record_id}/disclosures", {"json": body}

    def word(office: Office) -> tuple[str, dict[str, Any]]:
        return f"{V1}/capture-withdrawals/{withdrawn(office)}/decision", {"json": {"confirmed": True}}

    return {
        ("GET", DISPOSITIONS): ("auditor", listed(DISPOSITIONS, batch)),
        ("POST", DISPOSITIONS): ("manager", new_batch),
        ("GET", TERMS): ("auditor", lambda office: (f"{TERMS}?entity={office.entity}", {})),
        ("POST", f"{TERMS}/changes"): ("officer", terms_wanted),
        ("POST", f"{TERMS}/changes/{{change_id}}/decision"): ("officer", terms_to_decide),
        ("GET", one): ("auditor", of_batch()),
        ("GET", f"{one}/items"): ("dpo", lambda office: (f"{DISPOSITIONS}/{explained(office)[0]}/items", {})),
        ("PATCH", f"{one}/items"): ("manager", decision),
        ("POST", f"{one}/submission"): (
            "manager",
            lambda office: (f"{DISPOSITIONS}/{decided(office)}/submission", {}),
        ),
        ("POST", f"{one}/approval"): ("officer", approval_of),
        ("POST", f"{one}/return"): (
            "officer",
            lambda office: (f"{DISPOSITIONS}/{submitted(office)[0]}/return", {"json": {"reason": "look again"}}),
        ),
        ("POST", f"{one}/undo"): ("officer", lambda office: (f"{DISPOSITIONS}/{approved(office)}/undo", {})),
        ("GET", f"{V1}/certificates"): ("auditor", listed(f"{V1}/certificates", certified)),
        ("GET", cert): ("auditor", of_certificate()),
        ("GET", f"{cert}/body"): ("dpo", of_certificate("/body")),
        ("GET", f"{cert}/signature"): ("officer", of_certificate("/signature")),
        ("GET", f"{V1}/stubs/{{stub_id}}"): ("auditor", lambda office: (f"{V1}/stubs/{certified(office)[1]}", {})),
        ("GET", f"{V1}/disclosures"): (
            "dpo",
            lambda office: (f"{V1}/disclosures?record={disclosed(office)[1]}", {}),
        ),
        ("POST", f"{V1}/records/{{record_id}}/disclosures"): ("clerk", new_disclosure),
        ("POST", f"{V1}/disclosures/{{disclosure_id}}/settlement"): (
            "manager",
            lambda office: (f"{V1}/disclosures/{disclosed(office)[0]}/settlement", {}),
        ),
        ("POST", f"{V1}/records/{{record_id}}/withdrawal"): ("clerk", new_withdrawal),
        ("GET", f"{V1}/capture-withdrawals"): ("clerk", listed(f"{V1}/capture-withdrawals", withdrawn)),
        ("POST", f"{V1}/capture-withdrawals/{{withdrawal_id}}/decision"): ("officer", word),
    }
