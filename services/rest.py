"""One HTTP question to a test server: JSON in, JSON out, signed in with a password."""

import http.client
import json
from base64 import b64encode
from typing import Any

from .places import LOOPBACK
from .server import NotAnswering


def call(port: int, method: str, path: str, *, user: str, password: str, body: Any = None, seconds: float = 5) -> Any:
    """The decoded JSON answer; ``None`` where the answer is empty.

    Raises:
        NotAnswering: the status was not 2xx, or what came was not HTTP.
        OSError: nothing listens there, or nothing came in time.
    """
    headers = {
        "Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode(),
        "Content-Type": "application/json",
    }
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=seconds)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
    except http.client.HTTPException as reason:
        raise NotAnswering(f"{method} {path}: {reason!r}") from reason
    finally:
        connection.close()
    if answer.status >= 300:
        raise NotAnswering(f"{method} {path}: {answer.status} {content[:500].decode(errors='replace')}")
    return json.loads(content) if content else None
