"""Canonical JSON (RFC 8785) for the values Muniment writes into evidence.

The subset: objects with keys of ``[a-z0-9_]+``, strings, booleans, null, lists, and whole
numbers within 2^53. Floats are refused, because no two writers agree on them. Within the
subset the bytes are those of any other RFC 8785 writer.
"""

import json
import re
from typing import Any

from core.errors import Invalid

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 32
_KEY = re.compile(r"[a-z0-9_]+\Z")


class NotCanonical(Invalid):
    """The bytes are not canonical JSON."""

    code = "not_canonical"


def canonical(value: object) -> bytes:
    """The canonical UTF-8 bytes of ``value``.

    Raises:
        NotCanonical: a float, a number beyond 2^53, a lone surrogate, a key outside
            ``[a-z0-9_]+``, nesting deeper than 32, or a type that JSON does not have.
    """
    _check(value, 0)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonical("a string holds a lone surrogate") from error


def parse_canonical(data: bytes) -> Any:
    """The value whose canonical bytes are ``data``, so that no two encodings of it exist.

    Raises:
        NotCanonical: ``data`` is not JSON of the subset, or is another encoding of it.
    """
    try:
        value = json.loads(data.decode("utf-8"), parse_float=_refuse_number, parse_constant=_refuse_number)
    except (ValueError, RecursionError) as error:
        raise NotCanonical("the bytes are not JSON of this format") from error
    if canonical(value) != data:
        raise NotCanonical("the bytes are another encoding of the same value")
    return value


def _refuse_number(text: str) -> None:
    raise ValueError(f"not a whole number: {text[:20]}")


def _check(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotCanonical(f"nested deeper than {MAX_DEPTH}")
    if value is None or isinstance(value, bool | str):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise NotCanonical("a number is beyond 2^53 - 1")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not _KEY.match(key):
                raise NotCanonical("a key is not of [a-z0-9_]+")
            _check(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth + 1)
    else:
        raise NotCanonical(f"{type(value).__name__} has no canonical form")
