"""The audit log to be checked by others: the latest checkpoint, and proofs that an entry is under it."""

from typing import Annotated

from fastapi import Path
from pydantic import Field
from starlette.responses import PlainTextResponse

from api.deps import AuditVerifier, Run
from api.rest.parameters import PREFIX, View
from api.routing import Router
from audit import trail
from audit.checkpoint import last_note
from audit.note import parse_checkpoint, parse_note
from core.errors import NotFound

router = Router(prefix=PREFIX, tags=["audit"])

Position = Annotated[int, Path(ge=0, le=2**53)]


class NoCheckpoint(NotFound):
    """No checkpoint has been signed yet; the keeper signs one within a second."""

    code = "no_checkpoint"


class ProofView(View):
    """An entry and the hashes that lead from it to the signed root (RFC 9162, 2.1.3)."""

    seq: int
    size: int = Field(description="Size of the log under the checkpoint.")
    leaf_hash: str
    hashes: list[str] = Field(description="Sibling hashes, the lowest first, in hex.")
    checkpoint: str = Field(description="The signed note.")


@router.get("/audit/checkpoint", response_class=PlainTextResponse)
def read_checkpoint(run: Run, by: AuditVerifier) -> PlainTextResponse:
    """The latest signed checkpoint (C2SP signed note)."""
    with run.log_database.read() as session:
        note = last_note(session)
    if note is None:
        raise NoCheckpoint()
    return PlainTextResponse(note)


@router.get("/audit/proof/{seq}")
def read_proof(run: Run, seq: Position, by: AuditVerifier) -> ProofView:
    """The proof that an entry is in the log of the latest checkpoint."""
    with run.log_database.read() as session:
        note = last_note(session)
        if note is None:
            raise NoCheckpoint()
        size = parse_checkpoint(parse_note(note).text).size
        hashes = trail.proof(session, seq, size)
        entry = trail.entry(session, seq)
    return ProofView(
        seq=seq,
        size=size,
        leaf_hash=entry.leaf_hash.hex(),
        hashes=[each.hex() for each in hashes],
        checkpoint=note,
    )
