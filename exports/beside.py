"""What comes with the entries from beside the log: earlier checkpoints, keys, time stamps, seals, catalogues."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import select

from audit import journal
from audit.catalogues import AuditCatalogue
from audit.checkpoint import AuditCheckpoint
from audit.cosignatures import AuditCosignature, with_cosignatures
from audit.entries import AuditLeaf, AuditTrail
from audit.leaf import parse
from audit.timestamp import AuditTimestamp
from core.canonical import parse_canonical
from core.database import ReadSession

MOST_EXPORTS = 200
"""Of how many earlier exports the checkpoints are made comparable, the newest first."""
_NEWEST_COSIGNED = 10


def verifier_keys(session: ReadSession) -> list[str]:
    """Every key the log has signed with, in the order of their reign."""
    return [
        str(body["d"]["vkey"])
        for action in ("log.started", "log.key_changed")
        for body in _bodies(session, action)
        if "vkey" in body.get("d", {})
    ]


def catalogues(session: ReadSession) -> Iterator[tuple[str, bytes]]:
    """Digest and bytes of each catalogue of actions, the smallest first."""
    for row in session.scalars(select(AuditCatalogue).order_by(AuditCatalogue.actions)):
        yield row.digest.hex(), row.content


def descriptions(session: ReadSession) -> dict[str, str]:
    """What each action means, by the newest catalogue."""
    newest = session.scalar(select(AuditCatalogue.content).order_by(AuditCatalogue.actions.desc()).limit(1))
    return {} if newest is None else {each["action"]: each["description"] for each in parse_canonical(newest)}


def anchored_sizes(session: ReadSession, first: int, size: int) -> set[int]:
    """Sizes of checkpoints over entry ``first`` that somebody else has seen: stamped, sealed, cosigned.

    Of cosigned ones the last of each day; and the newest ones whatever they cover, so that it shows how far the
    witnesses have come.
    """
    stamped = session.scalars(select(AuditTimestamp.size).where(AuditTimestamp.size > first))
    found = {*stamped, *(row.size for row in journal.seals(session) if row.size > first)}
    by_day: dict[date, int] = {}
    cosigned = select(AuditCosignature.size, AuditCosignature.at).where(AuditCosignature.size > first)
    for covered, at in session.execute(cosigned.order_by(AuditCosignature.size)):
        by_day[at.date()] = covered
    newest = select(AuditCosignature.size).where(AuditCosignature.size <= size).distinct()
    found.update(session.scalars(newest.order_by(AuditCosignature.size.desc()).limit(_NEWEST_COSIGNED)))
    return {covered for covered in (*found, *by_day.values()) if covered <= size}


def exported_sizes(session: ReadSession, size: int) -> set[int]:
    """Sizes of the checkpoints that went out with earlier exports, so that whoever kept one can compare it."""
    found = [body.get("d", {}).get("size") for body in _bodies(session, "log.exported", newest=MOST_EXPORTS)]
    return {covered for covered in found if isinstance(covered, int) and 0 < covered <= size}


def checkpoint(session: ReadSession, size: int) -> str | None:
    """The checkpoint over ``size`` entries with its cosignatures, if one was signed."""
    note = session.scalar(select(AuditCheckpoint.note).where(AuditCheckpoint.size == size))
    return None if note is None else with_cosignatures(session, size, note)


def timestamps(session: ReadSession, first: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Size and token of the first time stamp of each stamped checkpoint over entry ``first``."""
    covers = (AuditTimestamp.size > first, AuditTimestamp.size <= size)
    told = 0
    for row in session.scalars(select(AuditTimestamp).where(*covers).order_by(AuditTimestamp.size, AuditTimestamp.at)):
        if row.size != told:
            yield row.size, row.token
        told = row.size


def seals(session: ReadSession, first: int, size: int) -> Iterator[tuple[str, bytes]]:
    """Day and bytes of each journal seal over entry ``first``."""
    for row in journal.seals(session):
        if first < row.size <= size:
            yield row.day.isoformat(), row.content


def _bodies(session: ReadSession, action: str, newest: int | None = None) -> Iterator[dict[str, Any]]:
    """What the entries of an action say, in their order."""
    named = (AuditTrail.topic == "action", AuditTrail.key == action.encode())
    positions = session.scalars(select(AuditTrail.seq).where(*named).order_by(AuditTrail.seq.desc()).limit(newest))
    for seq in sorted(positions):
        entry = session.scalar(select(AuditLeaf.entry).where(AuditLeaf.seq == seq))
        if entry is not None:
            yield parse(entry).body
