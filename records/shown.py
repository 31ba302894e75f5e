"""What leaves by the one door: plaintext of a record, opened, with the receipt of its entry in the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from audit.entries import Receipt
from records.field import FieldValue
from records.record import Component, Record, RecordVersion
from vault.data_key import DataKey


@dataclass(frozen=True, slots=True)
class Opened:
    """Plaintext, let out: the receipt names its entry in the log."""

    chunks: Iterator[bytes]
    size_bytes: int
    """Of the whole content, also where ``chunks`` are a range of it."""
    media_type: str
    name: str
    digest: bytes
    """SHA-256 of the sealed object; an entity tag, says nothing about the plaintext."""
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Work:
    """A version that the program is to read."""

    record: Record
    version: RecordVersion
    entity_name: str
    """Of the legal entity that the record is of."""
    key: DataKey
    """Under which what is read of it is sealed."""
    opened: Opened


@dataclass(frozen=True, slots=True)
class Shown:
    """What a list or page shows of a record, opened."""

    record: Record
    title: str
    name: str
    parties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A record that leaves with its file, opened."""

    shown: Shown
    media_type: str
    size_bytes: int
    chunks: Iterator[bytes] | None
    """``None`` where the malware scanner did not pass the file."""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file of a record that is packed."""

    kind: Literal["version", "component", "text"]
    ordinal: int
    """Of the version; of a component or text that of the version it belongs to."""
    name: str
    """Name the file had; empty for read text."""
    media_type: str
    sealed_sha256: bytes
    """Of the stored, sealed object, as the log cites it."""
    added_at: datetime
    role: str
    """Of a component."""
    page_count: int | None
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Packed:
    """A record with all its files, opened to be packed."""

    record: Record
    title: str
    parties: tuple[str, ...]
    fields: tuple[FieldValue, ...]
    files: tuple[PackedFile, ...]
    """To be read in this order, each before the next record is asked for."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What the record's own page shows, opened."""

    record: Record
    versions: tuple[tuple[RecordVersion, str, str], ...]
    """Version, file name, title; the first first."""
    components: tuple[tuple[Component, str], ...]
    fields: tuple[FieldValue, ...]
    reasons: tuple[tuple[str, float], ...]
    parties: tuple[str, ...]
    children: tuple[UUID, ...]
    """What was found in it, as far as the reader may read that; not opened."""
    listed_only: bool
    """It lies in a case file with an access list."""
    receipt: Receipt
