"""The catalogue in force: which actions the log has declared, kept beside it by digest.

Entry 0 declares the first catalogue by its digest; ``log.catalogue_extended`` every later
one. A catalogue only grows: an action published once keeps its description, use and
details for ever, even in a log that no program of today still writes it to.
"""

from typing import Any

from sqlalchemy import Connection, LargeBinary, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from audit.entries import guard
from audit.events import catalogue, catalogue_digest
from core.canonical import canonical, parse_canonical
from core.database import LogTable
from core.errors import Conflict


class CatalogueChanged(Conflict):
    """This program declares an action otherwise than the log was told."""

    code = "audit_catalogue_changed"


class AuditCatalogue(LogTable):
    """One declared catalogue, as the canonical bytes behind its digest."""

    __tablename__ = "audit_catalogues"

    actions: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """How many actions it declares; each later catalogue declares more."""
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


guard(AuditCatalogue.__table__)


def in_force(connection: Connection) -> list[dict[str, Any]]:
    """The catalogue declared last; empty before the log has started."""
    content = connection.scalar(select(AuditCatalogue.content).order_by(AuditCatalogue.actions.desc()).limit(1))
    return [] if content is None else parse_canonical(content)


def extended(declared: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``declared`` and the actions this program adds to it, sorted by action.

    Raises:
        CatalogueChanged: an action has another use or other details than it was published with.
    """
    published = {entry["action"]: entry for entry in declared}
    for entry in catalogue():
        before = published.setdefault(entry["action"], entry)
        if shape(before) != shape(entry):
            raise CatalogueChanged(f"{entry['action']} was published with another use or other details")
    return [published[action] for action in sorted(published)]


def shape(entry: dict[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What of an action never changes: its use, and its detail keys with their types."""
    return entry["use"], tuple((detail["key"], detail["type"]) for detail in entry["details"])


def keep(connection: Connection, actions: list[dict[str, Any]]) -> bytes:
    """Store a catalogue beside the log; tells its digest."""
    digest = catalogue_digest(actions)
    connection.execute(
        insert(AuditCatalogue), [{"actions": len(actions), "digest": digest, "content": canonical(actions)}]
    )
    return digest
