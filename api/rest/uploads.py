"""Files come in: by form or as the bare body, as a new record or as a corrected version of one."""

from datetime import date
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Request, Response
from pydantic import Field

from accounts.principal import Principal
from api import uploads
from api.deps import Capturer, Run, VersionAdder
from api.rest.parameters import BINARY, PREFIX, Change, View
from api.routing import Router
from api.uploads import Upload
from app.runtime import Runtime
from core.identifiers import show_record_number
from ingest.receive import Metadata
from records.record import Record

router = Router(prefix=PREFIX, tags=["uploads"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="The same upload sent again under its key gives the record of the first time.",
    ),
]


class StatedMetadata(Change):
    """What a sender states about a file; all of it may be left out."""

    entity: UUID | None = None
    department: UUID | None = Field(None, description="Default: the caller's only department.")
    record_class: Annotated[str | None, Field(alias="class", max_length=60)] = None
    case_file: Annotated[str | None, Field(max_length=40, description="Number of the case file.")] = None
    document_date: date | None = None
    title: Annotated[str | None, Field(max_length=2000)] = None

    def to_metadata(self) -> Metadata:
        """The same for ``ingest.receive``."""
        return Metadata(
            entity=self.entity,
            department=self.department,
            record_class=self.record_class,
            case_file=self.case_file,
            document_date=self.document_date,
            title=self.title,
        )


class NamedRecord(View):
    """A record, by its names."""

    id: UUID
    number: str

    @classmethod
    def of(cls, row: Record) -> "NamedRecord":
        return cls(id=row.id, number=show_record_number(row.number))


class ReceivedView(NamedRecord):
    """A file that is now a record; its reading goes on in the background."""

    state: str
    duplicate_of: Annotated[NamedRecord | None, Field(description="An earlier record with this content.")] = None
    repeated: Annotated[bool, Field(description="Received before, under the same key.")] = False


_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": BINARY["schema"],
                        "metadata": {"$ref": "#/components/schemas/StatedMetadata"},
                    },
                },
                "encoding": {"metadata": {"contentType": "application/json"}},
            }
        },
    }
}
_RAW: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/octet-stream": BINARY}}}
_EITHER: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": {"file": BINARY["schema"]}}
            },
            "application/octet-stream": BINARY,
        },
    }
}
_FILE_NAME = {
    "name": "Content-Disposition",
    "in": "header",
    "schema": {"type": "string", "maxLength": 4096},
    "description": "`attachment; filename*=UTF-8''name`",
}
_METADATA = {
    "name": "Muniment-Metadata",
    "in": "header",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/StatedMetadata"}}},
}


@router.post("/records", status_code=202, openapi_extra=_FORM)
async def capture_form(
    request: Request, response: Response, run: Run, by: Capturer, idempotency_key: IdempotencyKey = None
) -> ReceivedView:
    """File a document: multipart with the parts `file` and, optionally, `metadata` (JSON)."""
    uploads.check_length(request, run.settings.largest_upload_bytes)
    upload = await uploads.open_form(request)
    return await _capture(request, response, run, upload, by, idempotency_key)


@router.put("/uploads", status_code=202, openapi_extra=_RAW | {"parameters": [_FILE_NAME, _METADATA]})
async def capture_raw(
    request: Request, response: Response, run: Run, by: Capturer, idempotency_key: IdempotencyKey = None
) -> ReceivedView:
    """File a document: the body is the file, its name stands in `Content-Disposition`."""
    uploads.check_length(request, run.settings.largest_upload_bytes)
    return await _capture(request, response, run, uploads.open_raw(request), by, idempotency_key)


@router.post("/records/{record_id}/versions", status_code=202, openapi_extra=_EITHER | {"parameters": [_FILE_NAME]})
async def add_version(
    request: Request, response: Response, run: Run, record_id: UUID, by: VersionAdder
) -> ReceivedView:
    """Add a corrected file as the newest version, as a form or as the bare body; the earlier ones stay."""
    uploads.check_length(request, run.settings.largest_upload_bytes)
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
    upload = await uploads.open_form(request) if is_form else uploads.open_raw(request)
    receive = partial(run.receiver.receive_version, record_id=record_id, name=upload.name, by=by)
    row = await uploads.receive(request, upload, receive)
    response.headers["Location"] = f"{PREFIX}/records/{row.id}"
    return ReceivedView(id=row.id, number=show_record_number(row.number), state=row.state)


async def _capture(
    request: Request, response: Response, run: Runtime, upload: Upload, by: Principal, key: str | None
) -> ReceivedView:
    metadata = uploads.read_metadata(upload, StatedMetadata).to_metadata()
    if uploads.is_long(request):
        # Before any of the body is read: whoever may not file here need not send it all first.
        await uploads.in_pool(request, partial(run.receiver.check, metadata, by=by))
    channel = "page" if by.session_id is not None else "api"
    receive = partial(
        run.receiver.receive, name=upload.name, metadata=metadata, channel=channel, by=by, idempotency_key=key
    )
    received = await uploads.receive(request, upload, receive)
    row, earlier = received.record, received.duplicate_of
    response.headers["Location"] = f"{PREFIX}/records/{row.id}"
    return ReceivedView(
        id=row.id,
        number=show_record_number(row.number),
        state=row.state,
        duplicate_of=NamedRecord.of(earlier) if earlier is not None else None,
        repeated=received.repeated,
    )
