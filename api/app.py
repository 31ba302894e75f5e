"""Puts the web application together from a runtime: REST, the pages, and the edge around both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.middleware import Middleware
from starlette.responses import Response

from api import errors, openapi, pages, rest
from api.edge import Edge
from api.metrics import Metrics
from api.routing import Pools
from api.timing import timed
from app.images import Images
from app.runtime import Runtime


def create_app(runtime: Runtime) -> FastAPI:
    """The application on ``runtime``, which stays the caller's to close.

    Its state, for dependencies and routes: ``run`` (a ``Runtime`` whose log counts its waits),
    ``images``, ``metrics``, ``pools``.
    """
    run = timed(runtime)
    images, metrics = Images(run), Metrics()

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        yield
        images.close()

    def respond(request: Request, error: Exception) -> Response:
        return errors.respond(request, error, pages.error_page)

    app = FastAPI(
        title="Muniment",
        lifespan=living,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(
                Edge,
                settings=run.settings,
                metrics=metrics,
                respond=respond,
            )
        ],
    )
    app.state.run, app.state.images, app.state.metrics, app.state.pools = run, images, metrics, Pools()
    # Routes are taken over whole, and not included: so each knows its full path, for logs and for tests.
    app.router.routes.extend(rest.routes())
    app.router.routes.extend(pages.router.routes)
    errors.install(app, pages.error_page)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    return app
