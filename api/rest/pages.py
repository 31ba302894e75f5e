"""Pages of records: their images, and their words with the boxes they stand in."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import Response

from api.deps import Reader, RequestId, Run
from api.rest.parameters import BINARY, PREFIX, Ordinal, PageNumber, View
from api.routing import Router
from app.images import Images
from records.pages import ReadPage

router = Router(prefix=PREFIX, tags=["pages"], pool="images")

_PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": BINARY}, "description": "The image."}}
Width = Annotated[int, Query(ge=16, le=4000, description="Pixels; the image is at least as wide, up to 1,800.")]


class PageView(View):
    """One page as it was read."""

    number: int
    text: str
    words: list[tuple[str, int, int, int, int]] = Field(
        description="Word, left, top, right, bottom in 1/10,000 of the page."
    )
    width: int = Field(description="In points of 1/72 inch; 0 where the page has no size of its own.")
    height: int
    source: str = Field(description="text_layer, ocr or converted.")
    language: str | None

    @classmethod
    def of(cls, page: ReadPage) -> "PageView":
        return cls(
            number=page.number,
            text=page.text,
            words=list(page.words),
            width=page.width,
            height=page.height,
            source=page.source,
            language=page.language,
        )


def _images(request: Request) -> Images:
    images: Images = request.app.state.images
    return images


@router.get("/records/{record_id}/pages/{number}.png", response_class=Response, responses=_PNG)
def read_image(
    request: Request,
    record_id: UUID,
    number: PageNumber,
    by: Reader,
    request_id: RequestId,
    width: Width = 1200,
    version: Ordinal = None,
) -> Response:
    """The image of a page."""
    image, _ = _images(request).page(record_id, number, width, by=by, version=version, request=request_id)
    return Response(image, media_type="image/png")


@router.get("/records/{record_id}/pages/{number}")
def read_page(
    run: Run, record_id: UUID, number: PageNumber, by: Reader, request_id: RequestId, version: Ordinal = None
) -> PageView:
    """The words of a page and where they stand."""
    page, _ = run.content.open_page(record_id, number, by=by, version=version, request=request_id)
    return PageView.of(page)


@router.get("/records/{record_id}/thumbnail.png", response_class=Response, responses=_PNG)
def read_thumbnail(request: Request, record_id: UUID, by: Reader, request_id: RequestId) -> Response:
    """A small image of the first page."""
    image, _ = _images(request).thumbnail(record_id, by=by, request=request_id)
    return Response(image, media_type="image/png")
