"""Errors as answers: which status each branch of the error tree has, and its words as a problem (RFC 9457).

Under ``/api/`` and for machines' routes the answer is ``application/problem+json``; for
pages it is what the pages make of the same ``Problem``. A problem holds the stable code, the
title and advice of the error, and its ids; nothing that was sent is repeated.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from api import refusals
from core.errors import (
    Conflict,
    Forbidden,
    IntegrityFailure,
    Invalid,
    MunimentError,
    NotFound,
    Unavailable,
)

log = logging.getLogger("muniment.http")

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 20


class SignInFirst(Forbidden):
    """Sign in, or send a token that is still valid."""

    code = "sign_in_first"


class PasswordChangeDue(Forbidden):
    """Choose a password of your own first."""

    code = "password_change_due"


class StateRevision(Invalid):
    """Say which state of the record you change."""

    code = "revision_missing"


class StaleRevision(Conflict):
    """The record was changed since you read it."""

    code = "stale_revision"


class BrokenBody(Invalid):
    """The request ended before it was complete; nothing was kept."""

    code = "body_incomplete"


class BodyTooLarge(Invalid):
    """The request is larger than this address takes."""

    code = "body_too_large"


class NoSuchRange(Invalid):
    """The file has no such bytes."""

    code = "no_such_range"


_BRANCHES: tuple[tuple[type[MunimentError], int], ...] = (
    (NotFound, 404),
    (Forbidden, 403),
    (Invalid, 422),
    (Conflict, 409),
    (Unavailable, 503),
    (IntegrityFailure, 500),
)
_CODES: Mapping[str, int] = {
    "sign_in_first": 401,
    "revision_missing": 428,
    "stale_revision": 412,
    "body_incomplete": 400,
    "body_too_large": 413,
    "file_too_large": 413,
    "no_such_range": 416,
    "disk_unwritable": 507,
}
"""Codes whose status says more than that of their branch."""
_HTTP_CODES: Mapping[int, str] = {
    400: "bad_request",
    404: "no_such_address",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, in words a person can act on."""

    status: int
    code: str
    title: str
    detail: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)
    """Ids and numbers."""
    faults: tuple[tuple[str, str], ...] = ()
    """Which part of the input is wrong (``body.name``) and how; never its value."""
    request: str = ""
    """The request's id, to be quoted to whoever looks after the server."""

    def to_json(self) -> dict[str, object]:
        """The members of the problem object."""
        own: dict[str, object] = {
            "type": f"urn:muniment:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request": self.request,
        }
        if self.faults:
            own["faults"] = [{"where": where, "what": what} for where, what in self.faults]
        return {name: _plain(value) for name, value in self.fields.items()} | own


PageOf: TypeAlias = Callable[[Request, Problem], Response]
"""How the pages show a problem."""


def status_of(error: MunimentError) -> int:
    """The HTTP status of an error of ours."""
    if (status := _CODES.get(error.code)) is not None:
        return status
    return next((status for branch, status in _BRANCHES if isinstance(error, branch)), 500)


def problem_of(error: Exception, request: str = "") -> Problem:
    """The problem that any exception is; one that is not ours says nothing of itself."""
    if isinstance(error, MunimentError):
        fields = {name: value for name, value in error.fields.items() if name != "permission"}
        return Problem(status_of(error), error.code, error.title(), error.detail, fields, request=request)
    if isinstance(error, RequestValidationError):
        faults = tuple((".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()[:MOST_FAULTS])
        return Problem(422, "invalid_request", "The request is not as described", faults=faults, request=request)
    if isinstance(error, HTTPException):
        code = _HTTP_CODES.get(error.status_code, "http_error")
        return Problem(error.status_code, code, HTTPStatus(error.status_code).phrase, request=request)
    detail = "The server's log names the cause under this request. Nothing that was not confirmed was changed."
    return Problem(500, "unexpected", "Something went wrong on our side", detail, request=request)


def json_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as a program reads it."""
    found = dict(headers or {})
    if problem.status == 401:
        found["WWW-Authenticate"] = "Bearer"
    if problem.status == 416:
        found["Content-Range"] = f"bytes */{problem.fields['size_bytes']}"
    if problem.status == 503:
        found["Retry-After"] = "5"
    return JSONResponse(problem.to_json(), problem.status, found, MEDIA_TYPE)


def wants_page(path: str) -> bool:
    """Whether a problem at this address is shown to a person."""
    return not path.startswith(("/api/", "/healthz", "/readyz", "/metrics"))


def install(app: FastAPI, page_of: PageOf | None) -> None:
    """Answer every error of ``app`` with a problem: as JSON, or by ``page_of`` where people look."""

    async def answer(request: Request, error: Exception) -> Response:
        if isinstance(error, ClientDisconnect):
            # Nobody is there to read it.
            return Response(status_code=400)
        if isinstance(error, RequestValidationError):
            error = await _refused_first(request) or error
        if isinstance(error, MunimentError):
            await to_thread.run_sync(refusals.note, request, error)
        if isinstance(error, IntegrityFailure):
            log.critical("stored data is not what was stored", extra={"code": error.code, "request": _id(request)})
        return respond(request, error, page_of)

    handler: Callable[[Request, Exception], Awaitable[Response]] = answer
    for kind in (MunimentError, RequestValidationError, HTTPException, ClientDisconnect):
        app.add_exception_handler(kind, handler)


async def _refused_first(request: Request) -> MunimentError | None:
    """Why whoever asks may not come in: they are not told what else is wrong with their request."""
    later = getattr(request.state, "later", None)
    if later is not None:
        try:
            await to_thread.run_sync(later.settle, limiter=request.app.state.pools.reads)
        except MunimentError as refusal:
            return refusal
    return None


def respond(request: Request, error: Exception, page_of: PageOf | None) -> Response:
    """The answer to an error, in the form fit for the address."""
    problem = problem_of(error, _id(request))
    if page_of is not None and wants_page(request.url.path):
        try:
            return page_of(request, problem)
        except Exception:
            # A page that cannot be shown must not hide the problem it was to show.
            log.exception("an error could not be shown as a page", extra={"request": problem.request})
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return json_response(problem, headers)


def _id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, bool | int | str | None) else str(value)
