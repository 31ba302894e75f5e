"""The outermost layer of every request: its id, its time, its limits, and what every answer carries.

Pure ASGI, so that bodies stream through it in both directions. Query strings and addresses
are never written down: the log line holds the route's template.
"""

import logging
import time
from collections.abc import Callable, Iterable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accounts.sessions import ForgedRequest
from api import security
from api.metrics import Metrics
from api.timing import Visit, visit
from app.settings import Settings
from core.errors import IntegrityFailure
from core.identifiers import new_request_id

log = logging.getLogger("muniment.http")

MOST_BODY_BYTES = 1 << 20
"""Of any request that is not an upload."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


_Header = tuple[bytes, bytes]


def lift_body_limit(request: Request) -> None:
    """Let this request's body be of any size: for routes that stream it."""
    request.state.body_limit = None


class Edge:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, respond: Callable[..., Response]) -> None:
        self._app, self._settings, self._metrics, self._respond = app, settings, metrics, respond
        self._always = {
            is_page: [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            for is_page, headers in (
                (True, security.headers_for("text/html", settings)),
                (False, security.headers_for("", settings)),
            )
        }
        """Headers of every answer that does not set them itself, in bytes, of pages and of what is no page."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, present, status = time.perf_counter(), Visit(), 0
        state = scope["state"] = dict(scope.get("state", {}))
        state |= {"request_id": new_request_id(), "body_limit": MOST_BODY_BYTES}
        visit.set(present)

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._dressed(message["headers"], scope, present)
            await send(message)

        try:
            if security.is_foreign(scope["method"], Headers(scope=scope)):
                await self._respond(Request(scope), ForgedRequest())(scope, receive, send_dressed)
            else:
                await self._app(scope, _limited(scope, receive), send_dressed)
        except Exception as error:
            # An error in the middle of a stream comes wrapped, since it could not be answered.
            broken = isinstance(error.__cause__, IntegrityFailure)
            log.log(
                logging.CRITICAL if broken else logging.ERROR,
                "request failed",
                exc_info=True,
                extra={"request": state["request_id"]},
            )
            if status:
                # The answer has begun: a broken connection is the one way left to say that it is not whole.
                raise
            await self._respond(Request(scope), error)(scope, receive, send_dressed)
        finally:
            self._note(scope, status, present, time.perf_counter() - began)

    def _dressed(self, own: Iterable[_Header], scope: Scope, present: Visit) -> list[_Header]:
        headers = list(own)
        names = {name for name, _ in headers}
        is_page = any(name == b"content-type" and value.startswith(b"text/html") for name, value in headers)
        headers += [each for each in self._always[is_page] if each[0] not in names]
        headers.append((b"muniment-request", scope["state"]["request_id"].encode()))
        headers += [(name.lower().encode(), value.encode()) for name, value in present.headers().items()]
        if (secret := scope["state"].get("new_session")) is not None:
            cookie = Response()
            security.set_session_cookie(cookie, self._settings, secret)
            # One that the answer itself sets (a sign-out) goes after it, and wins.
            headers.insert(0, (b"set-cookie", cookie.headers["set-cookie"].encode("latin-1")))
        return headers

    def _note(self, scope: Scope, status: int, present: Visit, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "none"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.count(method, route, status, present.log_seconds if present.waits else None)
        log.info(
            "request",
            extra={
                "route": route,
                "method": method,
                "status": status,
                "ms": round(seconds * 1000, 1),
                "request": scope["state"]["request_id"],
            },
        )


def _limited(scope: Scope, receive: Receive) -> Receive:
    taken = 0

    async def receive_limited() -> Message:
        nonlocal taken
        message = await receive()
        limit = scope["state"]["body_limit"]
        taken += len(message.get("body", b""))
        if limit is not None and taken > limit:
            raise HTTPException(413)
        return message

    return receive_limited
