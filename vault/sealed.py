"""Small sealed values: titles, names, notes, field values in columns of the database."""

from uuid import UUID

from vault import envelope
from vault.data_key import DataKey


def seal_text(key: DataKey, subject: UUID, version: UUID | None, part: str, text: str) -> bytes:
    """The sealed bytes of ``text``; ``part`` names the column, so that no value passes for another."""
    return envelope.seal_bytes(key.secret, envelope.context(subject, version, part), text.encode())


def open_text(key: DataKey, subject: UUID, version: UUID | None, part: str, sealed: bytes) -> str:
    """The text again.

    Raises:
        SealBroken: the bytes were changed, or are of another subject, version, part or key.
    """
    return envelope.open_bytes(key.secret, envelope.context(subject, version, part), sealed).decode()
