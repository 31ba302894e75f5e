"""Derived data of a version: its read pages, page images, thumbnails.

Sealed under the version's key and never locked; everything here can be made anew from the
original, so losing it costs time and nothing else.
"""

from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import LargeBinary, String, Table, UniqueConstraint, bindparam, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from core.database import MainTable, ReadSession, WriteSession
from core.identifiers import new_id
from records.record import RecordVersion
from vault.store import Stored

PAGES = "pages"
THUMBNAIL = "thumbnail"


class DerivedObject(MainTable):
    """One derived object of a version."""

    __tablename__ = "derived_objects"
    __table_args__ = (UniqueConstraint("version", "part"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[UUID] = mapped_column(index=True)
    version: Mapped[UUID] = mapped_column(index=True)
    part: Mapped[str] = mapped_column(String(40))
    """``pages``, ``thumbnail`` or ``page/<number>/<width>``."""
    object_key: Mapped[str] = mapped_column(String(80), unique=True)
    object_version: Mapped[str] = mapped_column(String(80))
    sealed_bytes: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    made_at: Mapped[datetime]


def page_image(number: int, width: int) -> str:
    """The part name of the image of a page at a width in pixels."""
    return f"page/{number}/{width}"


_PART = select(DerivedObject).where(
    DerivedObject.version == bindparam("version"), DerivedObject.part == bindparam("part")
)
_PARTS = select(DerivedObject).where(
    DerivedObject.version.in_(bindparam("versions", expanding=True)), DerivedObject.part == bindparam("part")
)


def find(session: ReadSession, version: UUID, part: str) -> DerivedObject | None:
    """The derived object of a version, if it has been made."""
    return session.scalar(_PART, {"version": version, "part": part})


def of_versions(session: ReadSession, versions: list[UUID], part: str) -> dict[UUID, DerivedObject]:
    """That derived object of each of the versions that has one."""
    rows = session.scalars(_PARTS, {"versions": versions, "part": part})
    return {row.version: row for row in rows}


def name(
    session: WriteSession, version: RecordVersion, part: str, object_key: str, stored: Stored, *, at: datetime
) -> tuple[str, str] | None:
    """Name an object that is durable in the store; tells key and version of the one it replaces, for deletion."""
    row = find(session, version.id, part)
    if row is not None:
        replaced = (row.object_key, row.object_version)
        row.object_key, row.object_version = object_key, stored.version
        row.sealed_bytes, row.sha256, row.made_at = stored.size_bytes, stored.sha256, at
        return replaced
    add(session, version, part, object_key, stored, at=at)
    return None


def add(
    session: WriteSession, version: RecordVersion, part: str, object_key: str, stored: Stored, *, at: datetime
) -> None:
    """Name an object that is durable in the store, where the version has none of that part."""
    session.connection().execute(
        _ADD,
        {
            "id": new_id(),
            "record": version.record,
            "version": version.id,
            "part": part,
            "object_key": object_key,
            "object_version": stored.version,
            "sealed_bytes": stored.size_bytes,
            "sha256": stored.sha256,
            "made_at": at,
        },
    )


_ADD = insert(cast(Table, DerivedObject.__table__))
