"""Arguments of the command line as values: ids, days and digests, each refused with how it is written."""

from datetime import date
from uuid import UUID

from core.errors import Invalid


def to_id(text: str) -> UUID:
    """An id, with or without hyphens.

    Raises:
        Invalid: it is none.
    """
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("an id is 32 hexadecimal digits, with or without hyphens") from None


def to_day(text: str) -> date:
    """A day (ISO 8601).

    Raises:
        Invalid: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("a day is written YYYY-MM-DD, such as 2027-03-31") from None


def to_digest(text: str) -> bytes:
    """A SHA-256 digest.

    Raises:
        Invalid: it is none.
    """
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise Invalid("a digest is 64 hexadecimal digits")
    return found
