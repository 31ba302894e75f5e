"""Daily journal seals: which entries a day's log held, under which checkpoint, after which seal.

A seal is canonical JSON: ``{"v":1,"origin","day","from","to","checkpoint","token","previous"}``. It covers
entries ``from`` up to, not including, ``to``, which is the size of its checkpoint, the last one signed
on that day (UTC). ``checkpoint`` is the note as first signed, ``token`` a time stamp of it
(RFC 3161, base64; absent where nobody stamped it), ``previous`` the SHA-256 of the seal before
(64 zeros in the first). A day on which nothing was signed has no seal; the next one covers more.
The rows here are copies: the seals themselves are objects in the vault.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Date, LargeBinary, String, select
from sqlalchemy.orm import Mapped, mapped_column

from audit.checkpoint import AuditCheckpoint
from audit.entries import guard
from audit.note import NotANote, parse_checkpoint, parse_note
from core.canonical import NotCanonical, canonical, parse_canonical
from core.database import LogTable, ReadSession, WriteSession

NO_SEAL = "0" * 64


class AuditSeal(LogTable):
    """One journal seal, and where its object lies; never changed."""

    __tablename__ = "audit_seals"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Entries under its checkpoint: its ``to``."""
    day: Mapped[date] = mapped_column(Date, unique=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """The seal's exact bytes."""
    object_key: Mapped[str] = mapped_column(String(80), unique=True)
    object_version: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]


guard(AuditSeal.__table__)


@dataclass(frozen=True, slots=True)
class DueSeal:
    """A day that can be sealed."""

    day: date
    first: int
    """Its ``from``."""
    size: int
    note: str
    previous: str


def due(session: ReadSession, *, at: datetime) -> DueSeal | None:
    """The last day before today (UTC) on which a checkpoint was signed, if no seal covers it yet."""
    midnight = datetime.combine(at.astimezone(UTC).date(), time(), UTC)
    newest = session.execute(
        select(AuditCheckpoint.size, AuditCheckpoint.note, AuditCheckpoint.signed_at)
        .where(AuditCheckpoint.signed_at < midnight)
        .order_by(AuditCheckpoint.size.desc())
        .limit(1)
    ).one_or_none()
    last = last_seal(session)
    if newest is None or (last is not None and (newest.size <= last.size or newest.signed_at.date() <= last.day)):
        return None
    previous = NO_SEAL if last is None else digest(last.content)
    return DueSeal(newest.signed_at.date(), 0 if last is None else last.size, newest.size, newest.note, previous)


def content_of(seal: DueSeal, *, origin: str, token: bytes | None) -> bytes:
    """The seal's exact bytes."""
    value: dict[str, Any] = {
        "v": 1,
        "origin": origin,
        "day": seal.day.isoformat(),
        "from": seal.first,
        "to": seal.size,
        "checkpoint": seal.note,
        "previous": seal.previous,
    }
    if token is not None:
        value["token"] = base64.b64encode(token).decode()
    return canonical(value)


def digest(content: bytes) -> str:
    """What the next seal names: SHA-256 of the bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def keep(session: WriteSession, seal: DueSeal, content: bytes, *, key: str, version: str, at: datetime) -> None:
    """Note a seal whose object is durable in the vault."""
    session.add(AuditSeal(size=seal.size, day=seal.day, content=content, object_key=key, object_version=version, at=at))


def last_seal(session: ReadSession) -> AuditSeal | None:
    """The newest seal; ``None`` if there is none."""
    return session.scalars(select(AuditSeal).order_by(AuditSeal.size.desc()).limit(1)).one_or_none()


def seals(session: ReadSession) -> list[AuditSeal]:
    """All seals in order: one a day."""
    return list(session.scalars(select(AuditSeal).order_by(AuditSeal.size)))


def first_fault(session: ReadSession, *, origin: str) -> tuple[int, str] | None:
    """Position and sentence of the first seal that is not what it should be; ``None`` if all hold.

    What a seal says is compared with the seal before it and with the stored checkpoints, which are
    verified elsewhere.
    """
    previous, first = NO_SEAL, 0
    for row in seals(session):
        for wrong in _wrong(session, row, origin=origin, previous=previous, first=first):
            return first, f"the seal of {row.day} {wrong}"
        previous, first = digest(row.content), row.size
    return None


def _wrong(session: ReadSession, row: AuditSeal, *, origin: str, previous: str, first: int) -> Iterator[str]:
    try:
        value = parse_canonical(row.content)
        checkpoint = parse_checkpoint(parse_note(value["checkpoint"]).text)
        said = (value["v"], value["origin"], value["day"], value["from"], value["to"])
        followed = value["previous"]
    except (NotCanonical, NotANote, KeyError, TypeError, AttributeError):
        yield "cannot be read"
        return
    if followed != previous:
        yield "does not follow the seal before it"
    if said != (1, origin, row.day.isoformat(), first, row.size) or checkpoint.size != row.size:
        yield "does not cover what it should"
    if session.scalar(select(AuditCheckpoint.note).where(AuditCheckpoint.size == row.size)) != value["checkpoint"]:
        yield "holds another checkpoint than the log"
