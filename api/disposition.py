"""File names in ``Content-Disposition``: read from requests, written into answers (RFC 6266, RFC 8187).

A name read here is what the sender claims; ``records.names`` makes it fit to be shown.
"""

import re
from urllib.parse import quote, unquote_to_bytes

from core.errors import Invalid

_PARAMETER = re.compile(r";\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^;\"\s]*)")
_ESCAPED = re.compile(r"\\([\"\\])")
_CHARSETS = {"utf-8": "utf-8", "iso-8859-1": "latin-1"}
_LONGEST = 4096


class BadFileName(Invalid):
    """The file name in Content-Disposition cannot be read."""

    code = "file_name_unreadable"


def parameters_of(header: str) -> dict[str, str]:
    """The parameters of a ``Content-Disposition``, names in lower case; the first of a name counts.

    Raises:
        BadFileName: the header is longer than 4,096 characters.
    """
    if len(header) > _LONGEST:
        raise BadFileName("shorten the name")
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall(header):
        if value.startswith('"'):
            value = _ESCAPED.sub(r"\1", value[1:-1])
        found.setdefault(name.lower(), value)
    return found


def file_name_of(header: str | None) -> str:
    """The name a sender gives a file, ``filename*`` before ``filename``; empty where there is none.

    Raises:
        BadFileName: ``filename*`` is not UTF-8 or Latin-1 in percent signs.
    """
    parameters = parameters_of(header or "")
    if (extended := parameters.get("filename*")) is not None:
        return _extended(extended)
    return parameters.get("filename", "")


def disposition(name: str, *, inline: bool = False) -> str:
    """The header that has a browser keep (or show) a file under ``name``."""
    plain = re.sub(r"[^ !#$&-.0-9A-Za-z_()@~^\[\]{}-]", "_", name)
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _extended(value: str) -> str:
    charset, quote_mark, rest = value.partition("'")
    _, second, encoded = rest.partition("'")
    known = _CHARSETS.get(charset.lower())
    if known is None or not quote_mark or not second:
        raise BadFileName("write it as filename*=UTF-8''name, with percent signs")
    try:
        return unquote_to_bytes(encoded).decode(known)
    except UnicodeDecodeError as error:
        raise BadFileName("the name is not in the character set it says") from error
