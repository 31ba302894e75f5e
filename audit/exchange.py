"""One question to a server outside: a POST of few bytes, answered with few, within 30 seconds.

Not followed anywhere else than where the setting says: no redirects, no proxies, no cookies.
"""

import http.client
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.errors import Invalid, Unavailable

PATIENCE_SECONDS = 10.0
TOTAL_SECONDS = 30.0
MAX_ANSWER_BYTES = 262_144


class OutsideAway(Unavailable):
    """A server outside did not answer."""

    code = "outside_away"


class BadUrl(Invalid):
    """This is no address of a server outside."""

    code = "outside_url"


@dataclass(frozen=True, slots=True)
class Answer:
    """What it said."""

    status: int
    kind: str
    """Content type, without parameters."""
    body: bytes


def check_url(url: str) -> None:
    """Pass an address that ``post`` can use.

    Raises:
        BadUrl: it is none.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.username or parts.query or parts.fragment or any(ord(c) <= 0x20 or ord(c) > 0x7E for c in url):
        raise BadUrl("it begins with https:// or http://, names a host, and holds no password")


def post(url: str, body: bytes, *, kind: str) -> Answer:
    """Ask, and return what was answered, whatever its status.

    Raises:
        BadUrl: the address is none.
        OutsideAway: nobody answers, not in time, or at too great length.
    """
    check_url(url)
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=PATIENCE_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=PATIENCE_SECONDS)
    ends = time.monotonic() + TOTAL_SECONDS
    try:
        connection.request("POST", parts.path or "/", body, {"Content-Type": kind, "User-Agent": "muniment"})
        response = connection.getresponse()
        data = bytearray()
        while piece := response.read1(8192):
            data += piece
            if len(data) > MAX_ANSWER_BYTES or time.monotonic() > ends:
                raise OutsideAway("the answer does not end")
        said = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Answer(response.status, said, bytes(data))
    except (OSError, http.client.HTTPException) as error:
        raise OutsideAway("nobody answers there") from error
    finally:
        connection.close()
