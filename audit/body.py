"""The body of an audit entry: what one event says, and the only values it may say it with.

A body holds ids, codes, numbers, digests and dates: every string in it is short ASCII
without spaces, so free text and names have no place to stand. What the writer refuses the
verifier refuses too, because both call ``check_body``. This format is frozen:
``docs/audit-format.md`` is its description. Imports ``core`` only.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from core.canonical import MAX_INTEGER
from core.errors import Invalid

MAX_OBJECTS = 500
MAX_BODY_BYTES = 65_300
"""So that an entry stays within 65,535 bytes whatever its position and time are."""
OUTCOMES = frozenset({"done", "refused", "failed"})
ACTOR_KINDS = frozenset({"person", "system", "operator"})
RESERVED_DETAILS = frozenset({"group", "part", "parts"})
"""Details every action may carry: they join the parts of an event that was split."""

_ID = re.compile(r"[0-9a-f]{32}").fullmatch
_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch
_ACTION = re.compile(r"(?=.{3,80}\Z)[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){1,4}").fullmatch
_CODE = re.compile(r"[a-z0-9][a-z0-9_.:/-]{0,79}").fullmatch
_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}").fullmatch
_KEY = re.compile(r"[a-z0-9_]{1,40}").fullmatch
_REQUEST = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
# Printable ASCII without the space and without "@": an address or a sentence does not fit.
_LABEL = re.compile(r"[!-?A-~]{1,200}").fullmatch
_DATE = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])").fullmatch

_REQUIRED = frozenset({"action", "actor", "id", "outcome", "t"})


def _refuse(text: str) -> None:
    raise ValueError(f"not a whole number: {text[:20]}")


_decode = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse).decode
# A body just parsed or checked is a tree: no circle to look for, no float to refuse.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


class NotABody(Invalid):
    """This cannot be the body of an audit entry."""

    code = "audit_body"


class Detail(NamedTuple):
    """One declared key of an action's details."""

    type: str
    """A name from ``DETAIL_TYPES``."""
    meaning: str
    """One sentence for the catalogue."""


def body_bytes(body: Mapping[str, Any]) -> bytes:
    """The canonical bytes of a body.

    Raises:
        NotABody: something in it has no place in an entry, or it is too long.
    """
    check_body(body)
    data = _encode(body).encode("ascii")
    if len(data) > MAX_BODY_BYTES:
        raise NotABody(f"a body of {len(data)} bytes is too long")
    return data


def parse_body(data: bytes) -> dict[str, Any]:
    """The body whose canonical bytes are ``data``.

    Raises:
        NotABody: the bytes are no body, or another encoding of one.
    """
    try:
        text = data.decode("ascii")
        body = _decode(text)
        check_body(body)
        same = _encode(body) == text
    except (ValueError, RecursionError) as error:
        raise NotABody("the bytes are not JSON of this format") from error
    if not same:
        raise NotABody("the bytes are another encoding of the same body")
    if len(data) > MAX_BODY_BYTES:
        raise NotABody(f"a body of {len(data)} bytes is too long")
    return body  # type: ignore[no-any-return]


def check_body(body: Any) -> None:
    """Pass if ``body`` is one that the format knows.

    Raises:
        NotABody: naming the key that is wrong, never its value.
    """
    if type(body) is not dict or not _REQUIRED <= body.keys() <= _CHECKS.keys():
        raise NotABody("the keys of a body are fixed")
    key = ""
    try:
        for key, value in body.items():
            if not _CHECKS[key](value):
                break
        else:
            return
    except (TypeError, KeyError):
        pass  # A pattern met something other than text, or an object lacks a key.
    raise NotABody(f"{key!r} is not as the format has it")


def is_action(name: str) -> bool:
    """Whether this can name an action."""
    return _ACTION(name) is not None


def fits(kind: str, value: object) -> bool:
    """Whether a detail's value is of the declared type."""
    check = DETAIL_TYPES.get(kind)
    return check is not None and check(value)


def details_fit(declared: Mapping[str, Detail], details: Mapping[str, Any]) -> str | None:
    """The first key of ``details`` that its action does not declare so; ``None`` if all fit."""
    for key, value in details.items():
        if key in RESERVED_DETAILS:
            if not fits("id" if key == "group" else "count", value):
                return key
        elif key not in declared or not fits(declared[key].type, value):
            return key
    return None


def _is(pattern: Callable[[str], object], value: object) -> bool:
    return isinstance(value, str) and pattern(value) is not None


def _is_int(value: object) -> bool:
    return type(value) is int and -MAX_INTEGER <= value <= MAX_INTEGER


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_INTEGER


def _is_actor(actor: Any) -> bool:
    kind, others = actor["k"], len(actor) - 1
    if kind == "system":
        return others == 1 and _CODE(actor["n"]) is not None
    # Without "i": somebody whom nothing identified, as in a refused sign-in.
    return kind in ACTOR_KINDS and (others == 0 or (others == 1 and _ID(actor["i"]) is not None))


def _are_objects(value: Any) -> bool:
    return type(value) is list and 0 < len(value) <= MAX_OBJECTS and all(map(_is_object, value))


def _is_object(value: Any) -> bool:
    known = 2
    if "v" in value:
        known += 1
        if not _is_count(value["v"]):
            return False
    if "h" in value:
        known += 1
        if not _DIGEST(value["h"]):
            return False
    return type(value) is dict and len(value) == known and bool(_KIND(value["k"]) and _ID(value["i"]))


def _are_commitments(value: Any) -> bool:
    last = ""
    for item in value:
        field = item["f"]
        if len(item) != 2 or not _KEY(field) or field <= last or not _DIGEST(item["h"]):
            return False
        last = field
    return type(value) is list and bool(value)


def _are_details(value: Any) -> bool:
    return (
        type(value) is dict and bool(value) and all(_is(_KEY, key) and _is_detail(item) for key, item in value.items())
    )


def _is_detail(value: Any) -> bool:
    if isinstance(value, str):
        return _LABEL(value) is not None
    if type(value) is list:
        return len(value) <= MAX_OBJECTS and all(_is_int(item) or _is(_LABEL, item) for item in value)
    if type(value) is dict:
        return all(_is(_KEY, key) and _is_int(item) for key, item in value.items())
    return type(value) is bool or _is_int(value)


def _list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: type(value) is list and len(value) <= MAX_OBJECTS and all(map(check, value))


_CHECKS: dict[str, Callable[[Any], object]] = {
    "action": _ACTION,
    "actor": _is_actor,
    "basis": _CODE,
    "c": _are_commitments,
    "d": _are_details,
    "e": _ID,
    "g": _ID,
    "id": _ID,
    "objects": _are_objects,
    "outcome": OUTCOMES.__contains__,
    "r": _REQUEST,
    "t": _is_count,
    "x": _ID,
}

DETAIL_TYPES: dict[str, Callable[[Any], bool]] = {
    "int": _is_int,
    "count": _is_count,
    "bool": lambda value: type(value) is bool,
    "code": lambda value: _is(_CODE, value),
    "label": lambda value: _is(_LABEL, value),
    "id": lambda value: _is(_ID, value),
    "digest": lambda value: _is(_DIGEST, value),
    "date": lambda value: _is(_DATE, value),
    "instant": _is_count,
    "ints": _list_of(_is_int),
    "codes": _list_of(lambda value: _is(_CODE, value)),
    "ids": _list_of(lambda value: _is(_ID, value)),
    "counts": lambda value: (
        type(value) is dict and all(_is(_KEY, key) and _is_count(item) for key, item in value.items())
    ),
}
"""What each detail type admits; the names stand in the catalogue and never change their meaning."""
