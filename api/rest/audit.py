"""The audit log to be checked by others, as C2SP tlog-tiles has it: checkpoint, tiles and entries; and proofs.

``/api/v1/audit/`` is the prefix of the log for any tool that reads such logs. Hashes say nothing of
what was logged, so a setting may open them to everybody. Entries are for those who oversee the whole
installation, and reading them is itself on the log.
"""

import gzip
from typing import Annotated, Any, Literal

from fastapi import Header, Path, Query
from pydantic import Field
from starlette.responses import PlainTextResponse, Response

from accounts import entities
from api.deps import AuditReader, AuditVerifier, Now, RequestId, Run, TileReader
from api.rest.parameters import BINARY, PREFIX, View
from api.routing import Router
from audit import served, trail
from audit.served import EntriesRead
from audit.tiles import NoSuchTile, parse_path

router = Router(prefix=PREFIX, tags=["audit"])

Position = Annotated[int, Path(ge=0, le=2**53)]
Size = Annotated[int, Query(ge=1, le=2**53)]
TilePath = Annotated[str, Path(max_length=80)]
_TILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": BINARY}, "description": "The same bytes for ever."}
}
_FOR_EVER = "max-age=31536000, immutable"


class ProofView(View):
    """An entry and the hashes that lead from it to the signed root (RFC 9162, 2.1.3)."""

    seq: int
    size: int = Field(description="Size of the log under the checkpoint.")
    leaf_hash: str
    hashes: list[str] = Field(description="Sibling hashes, the lowest first, in hex.")
    checkpoint: str = Field(description="The signed note.")


class ConsistencyView(View):
    """The hashes that show that a log only grew (RFC 9162, 2.1.4)."""

    from_: int = Field(alias="from")
    to: int
    hashes: list[str] = Field(description="In hex, in the order in which they are needed.")
    checkpoint_from: str | None = Field(description="The note that was signed at that size, if one was.")
    checkpoint_to: str | None


@router.get("/audit/checkpoint", response_class=PlainTextResponse)
def read_checkpoint(run: Run, by: TileReader) -> PlainTextResponse:
    """The latest signed checkpoint (C2SP signed note), with the cosignatures of witnesses."""
    with run.log_database.read() as session:
        return PlainTextResponse(served.newest_note(session))


@router.get("/audit/tile/entries/{path:path}", response_class=Response, responses=_TILE)
def read_entries(
    run: Run,
    path: TilePath,
    by: AuditReader,
    now: Now,
    request_id: RequestId,
    accept_encoding: Annotated[str, Header(max_length=300)] = "",
) -> Response:
    """A bundle of up to 256 entries (C2SP tlog-tiles). It takes the right to oversee every legal entity."""
    with run.main.read() as session:
        for entity in entities.everything(session):
            by.require("audit.read", entity=entity.id)
    tile = parse_path(f"tile/entries/{path}")
    with run.log_database.read() as reading:
        content = served.served_tile(reading, tile)
    event = EntriesRead(by=by.actor, request=request_id, first=tile.position(), count=tile.width)
    run.log.record([event], at=now)
    headers = {"Cache-Control": f"private, {_FOR_EVER}", "Vary": "Accept-Encoding"}
    if "gzip" in accept_encoding.lower():
        content = gzip.compress(content, 6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get("/audit/tile/{path:path}", response_class=Response, responses=_TILE)
def read_tile(run: Run, path: TilePath, by: TileReader) -> Response:
    """A tile of up to 256 hashes (C2SP tlog-tiles), under the latest checkpoint."""
    tile = parse_path(f"tile/{path}")
    if tile.level < 0:
        raise NoSuchTile()
    with run.log_database.read() as session:
        content = served.served_tile(session, tile)
    scope = "public" if run.settings.log_tiles_public else "private"
    headers = {"Cache-Control": f"{scope}, {_FOR_EVER}"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get(
    "/audit/proof/{seq}",
    response_model=ProofView,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The proof."}},
)
def read_proof(
    run: Run,
    seq: Position,
    by: AuditVerifier,
    format_: Annotated[
        Literal["json", "tlog-proof"] | None, Query(alias="format", description="Before what `Accept` says.")
    ] = None,
    accept: Annotated[str, Header(max_length=500)] = "",
) -> ProofView | Response:
    """The proof that an entry is in the log of the latest checkpoint: as JSON, or as text (C2SP tlog-proof)."""
    with run.log_database.read() as session:
        if format_ == "tlog-proof" or (format_ is None and accept.split(",")[0].strip().startswith("text/plain")):
            name = f'attachment; filename="{seq}.tlog-proof"'
            return PlainTextResponse(served.tlog_proof(session, seq), headers={"Content-Disposition": name})
        size, hashes = served.inclusion(session, seq)
        return ProofView(
            seq=seq,
            size=size,
            leaf_hash=trail.entry(session, seq).leaf_hash.hex(),
            hashes=[each.hex() for each in hashes],
            checkpoint=served.newest_note(session),
        )


@router.get("/audit/consistency")
def read_consistency(
    run: Run,
    by: AuditVerifier,
    from_: Annotated[Size, Query(alias="from", description="Size of the earlier log.")],
    to: Annotated[Size | None, Query(description="Size of the later log; that of the latest checkpoint.")] = None,
) -> ConsistencyView:
    """The proof that the log of one size only grew into that of another."""
    with run.log_database.read() as session:
        size = served.signed_size(session) if to is None else to
        return ConsistencyView.model_validate(
            {
                "from": from_,
                "to": size,
                "hashes": [each.hex() for each in served.consistency(session, from_, size)],
                "checkpoint_from": served.note_over(session, from_),
                "checkpoint_to": served.note_over(session, size),
            }
        )
