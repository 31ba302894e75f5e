"""Packages of records for an archive or for keeping outside: taken away, acknowledged, confirmed, called off."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field
from starlette.responses import StreamingResponse

from accounts.principal import Principal
from api.deps import DispositionApprover, Now, ReadSession, RequestId, RetentionReader, Run, WriteSession
from api.disposition import disposition
from api.rest.parameters import BINARY, PREFIX, Change, View
from api.routing import Router
from app.runtime import Runtime
from retention import package
from retention.package import MOST_NAME, MOST_REFERENCE, Acknowledgement, Package

router = Router(prefix=PREFIX, tags=["retention"])
_DIGEST = r"^[0-9a-f]{64}$"


class AcknowledgementWord(Change):
    """What the receiving archive has acknowledged."""

    archive: str = Field(min_length=1, max_length=MOST_NAME, description="Name of the institution, never of a person.")
    reference: str = Field(min_length=1, max_length=MOST_REFERENCE, description="Under which it keeps the package.")
    acknowledged_on: date
    sha256: str = Field(pattern=_DIGEST, description="Of the package, as the archive names it.")


class ConfirmationWord(Change):
    """A second person's word on what was stated."""

    confirmed: bool = Field(description="False sends it back: the records stay, and it is stated anew.")
    sha256: str = Field(pattern=_DIGEST, description="Of the package, as it was shown to you.")


class PackageView(View):
    """A package and how it stands."""

    id: UUID
    entity: UUID
    batch: UUID
    kind: str = Field(description="transfer or permanent.")
    state: str = Field(description=", ".join(package.STATES))
    records: int
    trouble: str | None = Field(description="Why it could not be made the last time; it is tried again by itself.")
    made_at: datetime | None
    name: str | None
    bytes: int | None
    sha256: str | None = Field(description="Of the package as it is taken away.")
    taken_at: datetime | None
    archive: str | None
    reference: str | None
    acknowledged_on: date | None
    stated_by: UUID | None
    stated_at: datetime | None
    confirmed_by: UUID | None
    confirmed_at: datetime | None
    ended_at: datetime | None
    end_code: str | None = Field(description="carried_out, called_off, brought_away or record_gone.")

    @classmethod
    def of(cls, row: Package) -> "PackageView":
        return cls(
            id=row.id,
            entity=row.entity,
            batch=row.batch,
            kind=row.kind,
            state=row.state,
            records=row.records,
            trouble=row.trouble,
            made_at=row.made_at,
            name=f"{row.name}.zip" if row.name else None,
            bytes=row.size_bytes,
            sha256=row.sha256.hex() if row.sha256 else None,
            taken_at=row.taken_at,
            archive=row.archive,
            reference=row.reference,
            acknowledged_on=row.acknowledged_on,
            stated_by=row.stated_by,
            stated_at=row.stated_at,
            confirmed_by=row.confirmed_by,
            confirmed_at=row.confirmed_at,
            ended_at=row.ended_at,
            end_code=row.end_code,
        )


class Packages(View):
    """Packages, the newest first."""

    items: list[PackageView]


@router.get("/packages")
def list_packages(session: ReadSession, by: RetentionReader, batch: Annotated[UUID | None, Query()] = None) -> Packages:
    """Packages of the legal entities in which you see retention, the newest first."""
    return Packages(items=[PackageView.of(row) for row in package.packages(session, by=by, batch=batch)])


@router.get("/packages/{package_id}")
def read_package(session: ReadSession, package_id: UUID, by: RetentionReader) -> PackageView:
    """One package."""
    return PackageView.of(package.get(session, package_id, by=by))


@router.get(
    "/packages/{package_id}/content",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": BINARY}, "description": "A BagIt bag."}},
)
def take(run: Run, package_id: UUID, by: RetentionReader, request_id: RequestId) -> StreamingResponse:
    """The package: for who prepares or approves dispositions and may read every record in it."""
    return package_answer(run, package_id, by, request_id)


@router.post("/packages/{package_id}/acknowledgement")
def acknowledge(
    session: WriteSession, package_id: UUID, by: RetentionReader, now: Now, word: AcknowledgementWord
) -> PackageView:
    """State what the archive acknowledged. Nothing is destroyed before another person confirms it."""
    said = Acknowledgement(word.archive, word.reference, word.acknowledged_on, bytes.fromhex(word.sha256))
    return PackageView.of(package.state_acknowledgement(session, package_id, said, by=by, at=now))


@router.post("/packages/{package_id}/acknowledgement/decision")
def decide(
    session: WriteSession, package_id: UUID, by: DispositionApprover, now: Now, word: ConfirmationWord
) -> PackageView:
    """Confirm what was stated, as a person who neither stated it nor had a part in the batch; or send it back."""
    digest = bytes.fromhex(word.sha256)
    done = package.decide_acknowledgement(session, package_id, confirmed=word.confirmed, sha256=digest, by=by, at=now)
    return PackageView.of(done)


@router.post("/packages/{package_id}/end")
def end(run: Run, session: WriteSession, package_id: UUID, by: RetentionReader, now: Now) -> PackageView:
    """Call a transfer off, which keeps its records; or say that a package of permanent keeping is not needed here."""
    return PackageView.of(package.call_off(session, package_id, by=by, at=now, keys=run.keys))


def package_answer(run: Runtime, package_id: UUID, by: Principal, request_id: str) -> StreamingResponse:
    """The package on its way; the log has it before this returns."""
    # Loaded when somebody takes one: most processes never do.
    from app import packing
    from exports.bag import MEDIA_TYPE

    taken = packing.take(run, package_id, by=by, request=request_id)
    headers = {
        "Content-Disposition": disposition(taken.name),
        "Content-Length": str(taken.size_bytes),
        "Muniment-Package-Sha256": taken.sha256.hex(),
    }
    return StreamingResponse(taken.pieces, headers=headers, media_type=MEDIA_TYPE)
