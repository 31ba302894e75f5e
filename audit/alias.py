"""Aliases: random names under which persons, entities and departments stand in the log.

One alias per thing, calendar year and use (change or read), 128 random bits. What it
stands for is kept here and nowhere else. Forgetting a row leaves the log intact and its
entries without a name; the same person gets a new alias at the next event.
"""

import os
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, LargeBinary, String, UniqueConstraint, and_, delete, insert, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from audit.draft import AliasKey
from audit.entries import AuditHead
from core.database import LogTable, ReadSession, WriteSession

_AT_ONCE = 200


class AuditAlias(LogTable):
    """What one alias stands for."""

    __tablename__ = "audit_aliases"
    __table_args__ = (UniqueConstraint("subject", "kind", "year", "use"),)

    alias: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    subject: Mapped[bytes] = mapped_column(LargeBinary(16))
    year: Mapped[int]
    use: Mapped[str] = mapped_column(String(6))


_ROWS = AuditAlias.__table__


def resolve(connection: Connection, keys: Collection[AliasKey]) -> dict[AliasKey, str]:
    """The alias of each key as 32 hex digits, made where there is none; inside the log's transaction."""
    found: dict[AliasKey, str] = {}
    wanted = list(dict.fromkeys(keys))
    for start in range(0, len(wanted), _AT_ONCE):
        chunk = wanted[start : start + _AT_ONCE]
        rows = connection.execute(
            select(_ROWS.c.kind, _ROWS.c.subject, _ROWS.c.year, _ROWS.c.use, _ROWS.c.alias).where(
                or_(*(_is(key) for key in chunk))
            )
        )
        found.update(
            {AliasKey(kind, subject.hex(), year, use): alias.hex() for kind, subject, year, use, alias in rows}
        )
    new = {key: os.urandom(16) for key in wanted if key not in found}
    if new:
        connection.execute(insert(AuditAlias), [_row(key, alias) for key, alias in new.items()])
    return found | {key: alias.hex() for key, alias in new.items()}


def subjects_of(session: ReadSession, aliases: Iterable[str]) -> dict[str, tuple[str, UUID]]:
    """Kind and id behind each alias (32 hex digits), where the mapping still exists."""
    wanted = [bytes.fromhex(alias) for alias in dict.fromkeys(aliases)]
    found: dict[str, tuple[str, UUID]] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        rows = session.execute(
            select(AuditAlias.alias, AuditAlias.kind, AuditAlias.subject).where(
                AuditAlias.alias.in_(wanted[start : start + _AT_ONCE])
            )
        )
        found.update({alias.hex(): (kind, UUID(bytes=subject)) for alias, kind, subject in rows})
    return found


def aliases_of(session: ReadSession, kind: str, subject: UUID) -> list[bytes]:
    """Every alias a person, entity or department still has, 16 bytes each."""
    return list(
        session.scalars(select(AuditAlias.alias).where(AuditAlias.kind == kind, AuditAlias.subject == subject.bytes))
    )


def forget_aliases(
    session: WriteSession,
    *,
    kind: str | None = None,
    subject: UUID | None = None,
    use: str | None = None,
    before_year: int | None = None,
) -> int:
    """Erase mappings: of one subject, of one use, of the years before one, or all of these together.

    Tells how many went. Entries keep their aliases, which then stand for nobody; every process
    drops what it remembers at its next append. Write the event that says so beforehand.

    Raises:
        ValueError: nothing narrows it down.
    """
    narrowed: list[Any] = []
    if kind is not None:
        narrowed.append(AuditAlias.kind == kind)
    if subject is not None:
        narrowed.append(AuditAlias.subject == subject.bytes)
    if use is not None:
        narrowed.append(AuditAlias.use == use)
    if before_year is not None:
        narrowed.append(AuditAlias.year < before_year)
    if not narrowed:
        raise ValueError("say whose aliases, of which use or before which year")
    # The head is locked first, as every append does, so that none in between uses what goes.
    session.execute(update(AuditHead).values(epoch=AuditHead.epoch + 1))
    return len(session.execute(delete(AuditAlias).where(*narrowed).returning(AuditAlias.alias)).all())


def _is(key: AliasKey) -> Any:
    return and_(
        _ROWS.c.subject == bytes.fromhex(key.subject),
        _ROWS.c.kind == key.kind,
        _ROWS.c.year == key.year,
        _ROWS.c.use == key.use,
    )


def _row(key: AliasKey, alias: bytes) -> dict[str, Any]:
    return {"alias": alias, "kind": key.kind, "subject": bytes.fromhex(key.subject), "year": key.year, "use": key.use}
