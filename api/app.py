"""Puts the web application together from a runtime: REST, pages where they are installed, and the edge around both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

from fastapi import FastAPI
from starlette.middleware import Middleware

from api import errors, openapi, rest
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
                respond=lambda request, error: app.state.respond(request, error),
            )
        ],
    )
    app.state.run, app.state.images, app.state.metrics, app.state.pools = run, images, metrics, Pools()
    # Routes are taken over whole, and not included: so each knows its full path, for logs and for tests.
    app.router.routes.extend(rest.routes())
    page_of = None
    if find_spec("api.pages") is not None:
        from api import pages

        app.router.routes.extend(pages.router.routes)
        page_of = pages.error_page
    errors.install(app, page_of)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    return app
