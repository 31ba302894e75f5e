"""The name of a log: set when it starts, in every checkpoint, never changed."""

import secrets

from sqlalchemy import select

from audit.entries import AuditLeaf, AuditTrail
from audit.leaf import parse
from core.database import ReadSession


def new_origin() -> str:
    """An origin for a log that nobody named."""
    return f"muniment.local/{secrets.token_hex(8)}"


def started_as(session: ReadSession) -> tuple[str, str] | None:
    """Origin and the verifier key in force of the stored log; ``None`` before it has started."""
    first = session.scalar(select(AuditLeaf.entry).where(AuditLeaf.seq == 0))
    if first is None:
        return None
    details = parse(first).body["d"]
    changed = session.scalar(
        select(AuditLeaf.entry)
        .join(AuditTrail, AuditTrail.seq == AuditLeaf.seq)
        .where(AuditTrail.topic == "action", AuditTrail.key == b"log.key_changed")
        .order_by(AuditLeaf.seq.desc())
        .limit(1)
    )
    vkey = details["vkey"] if changed is None else parse(changed).body["d"]["vkey"]
    return details["origin"], vkey
