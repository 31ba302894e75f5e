"""Refusals are audited too: who was refused what, in a transaction of their own.

The refused request has been rolled back by then. A request of nobody (no session, no token)
is not written: it reached nothing, and anybody could fill the log with it.
"""

import logging
from uuid import UUID

from starlette.requests import Request

from accounts.events import RequestRefused
from accounts.principal import Principal
from app.runtime import Runtime
from audit.events import Event, ObjectRef
from core.errors import Forbidden, MunimentError, NotFound
from records.events import AccessRefused

log = logging.getLogger("muniment.http")

_KINDS = {"record_id": "record", "case_file_id": "case_file"}


def note(request: Request, error: MunimentError) -> None:
    """Write a refusal into the log; where that fails the refusal stands all the same."""
    by: Principal | None = getattr(request.state, "by", None)
    event = _event(error, by, request) if by is not None else None
    if event is None:
        return
    run: Runtime = request.app.state.run
    try:
        run.log.record([event], at=run.clock.now())
    except MunimentError as failed:
        log.error("a refusal was not logged", extra={"code": failed.code, "request": event.request})


def _event(error: MunimentError, by: Principal, request: Request) -> Event | None:
    about, request_id = _about(request), request.state.request_id
    if isinstance(error, NotFound) and about is not None and about.kind == "record":
        return AccessRefused(by=by.actor, request=request_id, record=about.id)
    if not isinstance(error, Forbidden):
        return None
    permission = error.fields.get("permission")
    return RequestRefused(
        by=by.actor,
        request=request_id,
        error=error.code,
        permission=str(permission) if permission is not None else None,
        about=about,
    )


def _about(request: Request) -> ObjectRef | None:
    for name, kind in _KINDS.items():
        if (text := request.path_params.get(name)) is not None:
            try:
                return ObjectRef(kind, UUID(str(text)))
            except ValueError:
                return None
    return None
