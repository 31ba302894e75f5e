"""Styles and scripts."""

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from api.deps import PUBLIC
from api.pages import assets
from api.pages.show import page_router

router = page_router()


@router.get("/static/{digest}/{name:path}", dependencies=[PUBLIC])
def asset(digest: str, name: str, request: Request) -> Response:
    """One file; kept for ever by browsers, since its address changes with its content."""
    loaded = assets.load()
    found = loaded.get(name)
    if digest != loaded.digest:
        # A page from before an update asks for what was there then.
        return RedirectResponse(loaded.url(name), 307)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{loaded.digest}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(found.data, media_type=found.media_type, headers=headers)


@router.get("/favicon.ico", dependencies=[PUBLIC])
def favicon() -> Response:
    """The drawing that stands in the browser's tab, where it asks without having been told."""
    return RedirectResponse(assets.load().url("icon.svg"), 307)
