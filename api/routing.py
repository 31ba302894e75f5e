"""Routes as plain functions, each run in one thread of the pool its router names.

A route that takes ``session: ReadSession`` or ``session: WriteSession`` gets one for its own
run, opened and closed around it in that same thread; a ``WriteSession`` is committed
before the answer is sent. A ``yield`` dependency would open the session in one thread,
use it in another and close it in a third: the writer's lock belongs to a thread, and when
every thread of the pool waits for that lock, none is left for the one who holds it.

Who asks to read is found in that thread too (``api.deps.Later``), before the route runs.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request

from app.runtime import Runtime
from core.database import ReadSession, WriteSession

Pool = Literal["reads", "pages", "images", "uploads"]


@dataclass(frozen=True, slots=True)
class Pools:
    """How many threads work for each kind of request, so that none starves another."""

    reads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(3))
    """REST. Few: more threads that compute at once only make the one that commits to the log wait for its turn."""
    pages: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(6))
    images: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(12))
    """Page images: they wait for the child that makes them, for seconds where it is behind."""
    small: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(4))
    """Files up to 256 KiB, which are here as a whole: some wait for the disk while one is computed, and they share a
    commit. More at once take the interpreter from one another, and all of them are answered later."""
    uploads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(32))
    """Larger files under way at once: mostly they wait for the network. The next ones wait, unread."""


class Router(APIRouter):
    """An ``APIRouter`` whose plain functions run as this module says."""

    def __init__(self, *args: Any, pool: Pool = "reads", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pool: Pool = pool

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        if not inspect.iscoroutinefunction(endpoint):
            endpoint = _in_one_thread(endpoint, self._pool)
        super().add_api_route(path, endpoint, **kwargs)


def _in_one_thread(endpoint: Callable[..., Any], pool: Pool) -> Callable[..., Any]:
    signature = inspect.signature(endpoint, eval_str=True)
    opened = [p for p in signature.parameters.values() if p.annotation in (ReadSession, WriteSession)]
    if len(opened) > 1:
        raise TypeError(f"{endpoint.__qualname__}: a route takes one session")

    def work(request: Request, arguments: dict[str, Any]) -> Any:
        run: Runtime = request.app.state.run
        later = getattr(request.state, "later", None)
        if later is not None:
            by = later.settle()
            arguments = {name: by if value is later else value for name, value in arguments.items()}
        if not opened:
            return endpoint(**arguments)
        main = run.main
        with main.write() if opened[0].annotation is WriteSession else main.read() as session:
            return endpoint(**arguments, **{opened[0].name: session})

    own_name = next((p.name for p in signature.parameters.values() if p.annotation is Request), None)
    request_name = own_name or "muniment_request"

    async def call(**arguments: Any) -> Any:
        # FastAPI gives the request under one name only: the route's own, where it asks for it.
        request: Request = arguments[request_name] if own_name else arguments.pop(request_name)
        limiter: CapacityLimiter = getattr(request.app.state.pools, pool)
        return await to_thread.run_sync(work, request, arguments, limiter=limiter)

    kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in signature.parameters.values() if p not in opened]
    if own_name is None:
        kept.append(inspect.Parameter(request_name, inspect.Parameter.KEYWORD_ONLY, annotation=Request))
    call.__name__, call.__qualname__, call.__doc__ = endpoint.__name__, endpoint.__qualname__, endpoint.__doc__
    call.__module__ = endpoint.__module__
    call.settles = True  # type: ignore[attr-defined]
    call.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return call
