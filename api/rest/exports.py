"""Evidence from the log, as an archive that is checked without Muniment. For those who oversee."""

from pydantic import Field
from starlette.responses import StreamingResponse

from accounts.principal import Principal
from api.deps import AuditReader, RequestId, Run
from api.disposition import disposition
from api.rest.parameters import BINARY, PREFIX, Change
from api.routing import Router
from app.runtime import Runtime

router = Router(prefix=PREFIX, tags=["audit"])


class ExportAsked(Change):
    """What to export: one of these."""

    range: str = Field("", max_length=40, description="`A..B`: positions, both included; either may be left out.")
    record: str = Field("", max_length=40, description="Number or id of a record.")
    person: str = Field("", max_length=200, description="Name at sign-in or id: what they changed, not what they read.")
    request: str = Field("", max_length=64, description="Id of a request.")
    sample: str = Field(
        "",
        max_length=180,
        description="`CLASS/YEAR/COUNT`, then `/SEED` and `/ENTITY` where given: records drawn, and their trails.",
    )


@router.post(
    "/audit/exports",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": BINARY}, "description": "The archive."}},
)
def export(run: Run, asked: ExportAsked, by: AuditReader, request_id: RequestId) -> StreamingResponse:
    """Entries with proofs and a checkpoint, as a zip file. A range takes the right to oversee everything."""
    return evidence_answer(run, by, request_id, asked.model_dump())


def evidence_answer(run: Runtime, by: Principal, request_id: str, asked: dict[str, str]) -> StreamingResponse:
    """The archive on its way; the log has it before this returns."""
    # Loaded when somebody exports: most processes never do.
    from app.evidence import evidence_of
    from exports.evidence import MEDIA_TYPE
    from exports.scope import Wanted

    made = evidence_of(run).export(Wanted(**asked), by=by, request=request_id)
    headers = {"Content-Disposition": disposition(made.name)}
    return StreamingResponse(made.pieces, headers=headers, media_type=MEDIA_TYPE)
