"""The pages: HTML for people, over the same commands as REST.

``router`` holds every route of the pages; ``error_page`` shows a problem to a person. Nothing
here decides anything: a page reads its input, calls one command and shows what came of it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api.pages.errors import error_page
    from api.pages.routes import router

__all__ = ["error_page", "router"]


def __getattr__(name: str) -> Any:
    # Templates and their engine load only where pages are served.
    if name == "router":
        from api.pages.routes import router

        return router
    if name == "error_page":
        from api.pages.errors import error_page

        return error_page
    raise AttributeError(f"module 'api.pages' has no attribute {name!r}")
