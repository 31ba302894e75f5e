"""Fields read from a record: date, party, number, total, currency, with where they stand on the page.

The value is sealed under the version's key. What sorting and retention need in clear (date,
total, currency) stands on the record itself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import JSON, LargeBinary, String, Table, bindparam, delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from core.database import MainTable, ReadSession, WriteSession
from core.identifiers import new_id
from records.record import RecordVersion
from vault.data_key import DataKey
from vault.sealed import open_text, seal_text

MAX_VALUE = 500


class RecordField(MainTable):
    """One field of one version."""

    __tablename__ = "record_fields"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[UUID] = mapped_column(index=True)
    version: Mapped[UUID] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(40))
    value_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """JSON ``{"value", "label"}``: the label is quoted from the text, so it is sealed too."""
    probability: Mapped[int]
    """In ten-thousandths."""
    source: Mapped[str] = mapped_column(String(10))
    """``xml``, ``label``, ``header``, ``pattern`` or ``person``."""
    page: Mapped[int | None]
    box: Mapped[list[int] | None] = mapped_column(JSON)
    """Left, top, right, bottom in ten-thousandths of the page."""
    read_at: Mapped[datetime]


_FIELDS = cast(Table, RecordField.__table__)
_ADD = insert(_FIELDS)
_OF_THIS, _BY_PERSON = _FIELDS.c.version == bindparam("version"), _FIELDS.c.source == "person"
_KEPT = select(_FIELDS.c.name).where(_OF_THIS, _BY_PERSON)
_FORGET = delete(_FIELDS).where(_OF_THIS, ~_BY_PERSON)


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A field as it was read."""

    name: str
    value: str
    probability: float
    source: str
    page: int | None = None
    box: tuple[int, int, int, int] | None = None
    label: str | None = None


def add_fields(
    session: WriteSession, version: RecordVersion, values: Sequence[FieldValue], *, key: DataKey, at: datetime
) -> None:
    """Note what was read of a version that had not been read before."""
    if values:
        session.connection().execute(_ADD, [_row(version, value, key, at) for value in values])


def replace_fields(
    session: WriteSession, version: RecordVersion, values: Sequence[FieldValue], *, key: DataKey, at: datetime
) -> None:
    """Put what was read now in the place of what was read before; a person's values stay."""
    of_version = {"version": version.id}
    kept = set(session.scalars(_KEPT, of_version))
    session.execute(_FORGET, of_version)
    add_fields(session, version, [value for value in values if value.name not in kept], key=key, at=at)


def _row(version: RecordVersion, value: FieldValue, key: DataKey, at: datetime) -> dict[str, Any]:
    field_id = new_id()
    content = json.dumps({"value": value.value[:MAX_VALUE], "label": (value.label or "")[:80]}, ensure_ascii=False)
    return {
        "id": field_id,
        "record": version.record,
        "version": version.id,
        "name": value.name,
        "value_sealed": seal_text(key, version.record, version.id, f"field/{field_id.hex}", content),
        "probability": round(value.probability * 10_000),
        "source": value.source,
        "page": value.page,
        "box": list(value.box) if value.box else None,
        "read_at": at,
    }


_OF_VERSIONS = (
    select(RecordField).where(RecordField.version.in_(bindparam("versions", expanding=True))).order_by(RecordField.id)
)


def fields_of(
    session: ReadSession, versions: Sequence[RecordVersion], keys: Mapping[UUID, DataKey]
) -> dict[UUID, list[FieldValue]]:
    """The fields of versions by version, opened by their ``keys``; those without any are left out.

    For ``records.content`` alone: it logs what it lets out.
    """
    found: dict[UUID, list[FieldValue]] = {}
    if not versions:
        return found
    for row in session.scalars(_OF_VERSIONS, {"versions": [version.id for version in versions]}):
        sealed = open_text(keys[row.version], row.record, row.version, f"field/{row.id.hex}", row.value_sealed)
        content = json.loads(sealed)
        box = (row.box[0], row.box[1], row.box[2], row.box[3]) if row.box else None
        found.setdefault(row.version, []).append(
            FieldValue(
                row.name,
                content["value"],
                row.probability / 10_000,
                row.source,
                row.page,
                box,
                content["label"] or None,
            )
        )
    return found
