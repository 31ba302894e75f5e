"""The anchors of the log that are kept here, to be checked by others: time stamps and journal seals."""

import base64
from datetime import date, datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field
from sqlalchemy import select
from starlette.responses import PlainTextResponse, Response

from api.deps import AuditVerifier, Run, TileReader
from api.rest.parameters import PREFIX, View
from api.routing import Router
from app.anchoring import policy_of
from audit.anchors import witnessed_note
from audit.journal import AuditSeal
from audit.timestamp import AuditTimestamp

router = Router(prefix=PREFIX, tags=["audit"])

_MOST = 100
Before = Annotated[int | None, Query(ge=1, le=2**53, description="Only of smaller sizes: `next` of the page before.")]


class TimestampView(View):
    """Somebody outside said that a checkpoint existed at an instant (RFC 3161)."""

    size: int = Field(description="Of the checkpoint; the message is its note as first signed.")
    at: datetime
    token: str = Field(description="The whole answer (`TimeStampResp`, DER), in base64.")


class TimestampsView(View):
    """Time stamps, the newest first."""

    items: list[TimestampView]
    next: int | None = None


class SealView(View):
    """A journal seal."""

    day: date
    size: int = Field(description="Its `to`.")
    seal: str = Field(description="Its exact bytes: canonical JSON in UTF-8.")


class SealsView(View):
    """Journal seals, the newest first."""

    items: list[SealView]
    next: int | None = None


@router.get(
    "/audit/witnessed",
    response_class=PlainTextResponse,
    responses={204: {"description": "No checkpoint of late carries the cosignatures that the policy asks for."}},
)
def read_witnessed(run: Run, by: TileReader) -> Response:
    """The newest checkpoint that enough witnesses cosigned: for a verifier, as an earlier one, with the policy."""
    policy = policy_of(run.settings)
    with run.log_database.read() as session:
        note = None if policy is None else witnessed_note(session, policy)
    return Response(status_code=204) if note is None else PlainTextResponse(note)


@router.get("/audit/timestamps")
def read_timestamps(run: Run, by: AuditVerifier, before: Before = None) -> TimestampsView:
    """The time stamps of checkpoints, for `openssl ts -verify` and the verifier."""
    # A page ends between two sizes: a checkpoint may have been stamped more than once.
    sizes = select(AuditTimestamp.size).distinct().order_by(AuditTimestamp.size.desc()).limit(_MOST)
    if before is not None:
        sizes = sizes.where(AuditTimestamp.size < before)
    with run.log_database.read() as session:
        chosen = list(session.scalars(sizes))
        statement = select(AuditTimestamp).where(AuditTimestamp.size.in_(chosen))
        rows = list(session.scalars(statement.order_by(AuditTimestamp.size.desc(), AuditTimestamp.at.desc())))
    items = [TimestampView(size=row.size, at=row.at, token=base64.b64encode(row.token).decode()) for row in rows]
    return TimestampsView(items=items, next=chosen[-1] if len(chosen) == _MOST else None)


@router.get("/audit/seals")
def read_seals(run: Run, by: AuditVerifier, before: Before = None) -> SealsView:
    """The daily journal seals, as they lie in the vault."""
    statement = select(AuditSeal).order_by(AuditSeal.size.desc())
    if before is not None:
        statement = statement.where(AuditSeal.size < before)
    with run.log_database.read() as session:
        rows = list(session.scalars(statement.limit(_MOST)))
    items = [SealView(day=row.day, size=row.size, seal=row.content.decode()) for row in rows]
    return SealsView(items=items, next=items[-1].size if len(items) == _MOST else None)
