"""Certificates of destruction, the stubs of what was destroyed, and the register of copies outside."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, Field

from api.deps import (
    DispositionPreparer,
    Now,
    ReadSession,
    RequestId,
    RetentionReader,
    Reviewer,
    Run,
    WriteSession,
)
from api.rest.parameters import BINARY, PREFIX, Change, Limit, View
from api.routing import Router
from app import words_shown
from records import stub
from records.stub import RecordStub
from retention import certificate, disclosure
from retention.certificate import Certificate
from retention.disclosure import Disclosure

router = Router(prefix=PREFIX, tags=["retention"])
_JSON: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "Signed bytes."}
}
State = Literal["asked_back", "out", "settled", "all"]
_RAW: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": BINARY}, "description": "64 bytes, Ed25519."}
}


class CertificateView(View):
    """A certificate; what it says is in its bytes, at `/certificates/{id}/body`."""

    id: UUID
    entity: UUID
    kind: str = Field(description="disposition, transfer or withdrawal.")
    cause: UUID = Field(description="The batch or the withdrawal.")
    records: int
    locked: int = Field(description="Sealed objects that a lock of the store keeps; their keys are gone.")
    outside: int = Field(description="Copies outside that nobody had settled when it was issued.")
    signature: str = Field(description="Ed25519 over the bytes of the body, in hexadecimal.")
    vkey: str = Field(description="The log's verifier key that signed; take it from elsewhere to verify.")
    issued_at: datetime

    @classmethod
    def of(cls, row: Certificate) -> "CertificateView":
        return cls(
            id=row.id,
            entity=row.entity,
            kind=row.kind,
            cause=row.cause,
            records=row.records,
            locked=row.locked,
            outside=row.outside,
            signature=row.signature.hex(),
            vkey=row.vkey,
            issued_at=row.issued_at,
        )


class Certificates(View):
    """Certificates, the newest first."""

    items: list[CertificateView]


class StubView(View):
    """What is left of a destroyed record."""

    id: UUID
    number: str
    state: Literal["destroyed"] = "destroyed"
    kind: str = Field(description="disposition, transfer or withdrawal.")
    record_class: str | None = Field(alias="class", description="As far as the class lets it stay.")
    document_date: date | None
    captured_at: datetime
    destroyed_at: datetime
    rule: UUID | None
    certificate: UUID | None = Field(description="None until the last trace was confirmed to be gone.")
    keep_through: date = Field(description="Last day of this stub.")

    @classmethod
    def of(cls, row: RecordStub) -> "StubView":
        return cls.model_validate(
            {
                "id": row.record,
                "number": row.number,
                "kind": row.kind,
                "class": row.record_class,
                "document_date": row.document_date,
                "captured_at": row.captured_at,
                "destroyed_at": row.destroyed_at,
                "rule": row.rule,
                "certificate": row.certificate,
                "keep_through": row.keep_through,
            }
        )


class NewDisclosure(Change):
    """A copy of a record that went out."""

    kind: Literal["share", "export", "processor", "authority", "paper"]
    recipient: Annotated[str, Field(min_length=1, max_length=disclosure.MOST_RECIPIENT)]
    disclosed_at: AwareDatetime


class DisclosureView(View):
    """A copy outside."""

    id: UUID
    record: UUID
    kind: str
    recipient: str
    state: str = Field(description="out; asked_back: the record is destroyed, see to the copy; settled.")
    disclosed_at: datetime
    settled_at: datetime | None

    @classmethod
    def of(cls, row: Disclosure, recipient: str) -> "DisclosureView":
        return cls(
            id=row.id,
            record=row.record,
            kind=row.kind,
            recipient=recipient,
            state=row.state,
            disclosed_at=row.disclosed_at,
            settled_at=row.settled_at,
        )


class Disclosures(View):
    """Entries of the register."""

    items: list[DisclosureView]
    next: UUID | None = Field(description="The cursor of the next page; none where this is the last.")


@router.get("/certificates")
def list_certificates(
    session: ReadSession,
    by: RetentionReader,
    batch: Annotated[UUID | None, Query(description="Only those of this batch or withdrawal.")] = None,
) -> Certificates:
    """Certificates of the legal entities in which you see retention."""
    return Certificates(
        items=[CertificateView.of(row) for row in certificate.certificates(session, by=by, cause=batch)]
    )


@router.get("/certificates/{certificate_id}")
def read_certificate(session: ReadSession, certificate_id: UUID, by: RetentionReader) -> CertificateView:
    """One certificate."""
    return CertificateView.of(certificate.get(session, certificate_id, by=by))


@router.get("/certificates/{certificate_id}/body", response_class=Response, responses=_JSON)
def read_body(session: ReadSession, certificate_id: UUID, by: RetentionReader) -> Response:
    """Its bytes, exactly as they were signed: canonical JSON."""
    row = certificate.get(session, certificate_id, by=by)
    headers = {"Content-Disposition": f'attachment; filename="certificate-{row.id.hex}.json"'}
    return Response(row.body, media_type="application/json", headers=headers)


@router.get("/certificates/{certificate_id}/signature", response_class=Response, responses=_RAW)
def read_signature(session: ReadSession, certificate_id: UUID, by: RetentionReader) -> Response:
    """Its signature, as OpenSSL takes it."""
    row = certificate.get(session, certificate_id, by=by)
    headers = {"Content-Disposition": f'attachment; filename="certificate-{row.id.hex}.sig"'}
    return Response(row.signature, media_type="application/octet-stream", headers=headers)


@router.get("/stubs/{stub_id}")
def read_stub(session: ReadSession, stub_id: UUID, by: RetentionReader) -> StubView:
    """What is left of the destroyed record that had this id."""
    return StubView.of(stub.get(session, stub_id, by=by))


@router.get("/disclosures")
def list_disclosures(
    run: Run,
    by: RetentionReader,
    request_id: RequestId,
    record: Annotated[UUID | None, Query(description="All that the register says of this record.")] = None,
    state: Annotated[State, Query(description="all: the whole register, the newest first, in pages.")] = "asked_back",
    cursor: UUID | None = None,
    limit: Limit = 100,
) -> Disclosures:
    """Copies outside of records that were destroyed, which somebody must see to; or all of one record or state."""
    following = None
    with run.main.read() as session:
        if record is not None:
            rows = disclosure.of_record(session, record, by=by)
        elif state == "asked_back":
            rows = disclosure.tasks(session, by=by)
        else:
            wanted = None if state == "all" else state
            rows = disclosure.listed(session, by=by, state=wanted, after=cursor, limit=limit + 1)
            following = rows[limit - 1].id if len(rows) > limit else None
            rows = rows[:limit]
    told = words_shown.recipients(run, rows, by=by, request=request_id)
    return Disclosures(items=[DisclosureView.of(row, told[row.id]) for row in rows], next=following)


@router.post("/records/{record_id}/disclosures", status_code=201)
def note(
    run: Run, session: WriteSession, record_id: UUID, by: Reviewer, now: Now, wanted: NewDisclosure
) -> DisclosureView:
    """Write down that a copy of a record is outside, on paper too."""
    row = disclosure.note(
        session,
        record_id,
        wanted.kind,
        wanted.recipient,
        disclosed_at=wanted.disclosed_at,
        by=by,
        at=now,
        keys=run.keys,
    )
    return DisclosureView.of(row, " ".join(wanted.recipient.split()))


@router.post("/disclosures/{disclosure_id}/settlement")
def settle(run: Run, disclosure_id: UUID, by: DispositionPreparer, now: Now, request_id: RequestId) -> DisclosureView:
    """Write down that a copy came back or was destroyed."""
    with run.main.write() as session:
        row = disclosure.settle(session, disclosure_id, by=by, at=now)
    return DisclosureView.of(row, words_shown.recipients(run, [row], by=by, request=request_id)[row.id])
