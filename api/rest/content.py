"""The bytes of records: the original in whole or in part, components, text. Durably logged before the first byte."""

import re
from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Query
from starlette.responses import Response, StreamingResponse

from api import security
from api.deps import Now, Reader, ReadSession, RequestId, Run
from api.disposition import disposition
from api.errors import NoSuchRange
from api.rest.parameters import BINARY, PREFIX, Ordinal
from api.routing import Router
from core.errors import NotFound
from records import pages, record
from records.shown import Opened

router = Router(prefix=PREFIX, tags=["content"])

INLINE = frozenset({"application/pdf", "image/png", "image/jpeg"})
"""What a browser may show by itself, sandboxed; everything else it keeps."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": BINARY}, "description": "The file."}
}
_PARTIAL: dict[int | str, dict[str, Any]] = {
    206: {"content": {"application/octet-stream": BINARY}, "description": "The bytes asked for."},
    304: {"description": "You have it already."},
    416: {"description": "The file has no such bytes."},
}
Inline = Annotated[bool, Query(description="Have the browser show it; only PDF, PNG and JPEG, sandboxed.")]
Unsafe = Annotated[bool, Query(description="Send the file although the malware scanner reports or did not scan it.")]
RangeHeader = Annotated[str | None, Header(alias="Range", max_length=100)]
TagHeader = Annotated[str | None, Header(max_length=2000)]


class NotReadYet(NotFound):
    """The record has no text: it has not been read yet, or nothing in it could be."""

    code = "no_text_yet"


def span_of(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes (start, end) that a ``Range`` of one part asks for; ``None`` for all (RFC 9110, 14.2).

    Raises:
        NoSuchRange: the file ends before.
    """
    found = _RANGE.match(header or "")
    if found is None or not (found[1] or found[2]):
        # Several parts, another unit, or no range at all: a server may send the whole.
        return None
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
        satisfiable = int(found[2]) > 0 and size > 0
    else:
        start, last = int(found[1]), int(found[2]) if found[2] else size - 1
        if last < start and found[2]:
            return None
        end, satisfiable = min(last + 1, size), start < size
    if not satisfiable:
        raise NoSuchRange(f"the file has {size} bytes", size_bytes=size)
    return start, end


def tags_match(header: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` names ``tag``, compared weakly (RFC 9110, 8.8.3.2)."""
    given = [each.strip().removeprefix("W/") for each in (header or "").split(",")]
    return "*" in given or tag in given


@router.head("/records/{record_id}/content", response_class=Response, responses={304: _PARTIAL[304]})
def look_at_original(
    session: ReadSession,
    record_id: UUID,
    by: Reader,
    now: Now,
    version: Ordinal = None,
    if_none_match: TagHeader = None,
) -> Response:
    """Size and entity tag of the file. Its name is content, so it is not told here."""
    row = record.get_visible(session, record_id, by, now)
    chosen = record.get_version(session, row, version)
    tag = f'"{chosen.sha256.hex()}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes"}
    if tags_match(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(headers=headers | {"Content-Length": str(chosen.plain_bytes)}, media_type=chosen.media_type)


@router.get("/records/{record_id}/content", response_class=StreamingResponse, responses=_BYTES | _PARTIAL)
def read_original(
    run: Run,
    record_id: UUID,
    by: Reader,
    now: Now,
    request_id: RequestId,
    version: Ordinal = None,
    inline: Inline = False,
    unsafe: Unsafe = False,
    range_: RangeHeader = None,
    if_range: TagHeader = None,
    if_none_match: TagHeader = None,
) -> Response:
    """The file as it was captured."""
    with run.main.read() as session:
        row = record.get_visible(session, record_id, by, now)
        chosen = record.get_version(session, row, version)
    tag, size = f'"{chosen.sha256.hex()}"', chosen.plain_bytes
    if tags_match(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    span = span_of(range_, size) if if_range in (None, tag) else None
    shown = inline and chosen.media_type in INLINE
    opened = run.content.open_original(
        record_id,
        by=by,
        purpose="view" if shown else "download",
        version=chosen.ordinal,
        span=span,
        request=request_id,
        unsafe=unsafe,
    )
    headers = {"ETag": tag, "Accept-Ranges": "bytes"}
    if span is not None:
        headers |= {"Content-Range": f"bytes {span[0]}-{span[1] - 1}/{size}", "Content-Length": str(span[1] - span[0])}
    return answer_of(opened, headers, shown=shown, status=200 if span is None else 206)


@router.get("/records/{record_id}/components/{component_id}", response_class=StreamingResponse, responses=_BYTES)
def read_component(run: Run, record_id: UUID, component_id: UUID, by: Reader, request_id: RequestId) -> Response:
    """A component: the invoice XML inside a PDF, a detached signature, a seal."""
    opened = run.content.open_component(record_id, component_id, by=by, purpose="download", request=request_id)
    return answer_of(opened, {"ETag": f'"{opened.digest.hex()}"'}, shown=False)


@router.get(
    "/records/{record_id}/text",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The text."}},
)
def read_text(run: Run, record_id: UUID, by: Reader, request_id: RequestId, version: Ordinal = None) -> Response:
    """The text as it was read, a form feed between pages."""
    read, _ = run.content.open_pages(record_id, by=by, purpose="text", version=version, request=request_id)
    if not read:
        raise NotReadYet("look at its state, or open the original")
    return Response(pages.join_text(read), media_type="text/plain; charset=utf-8")


def answer_of(opened: Opened, headers: dict[str, str], *, shown: bool, status: int = 200) -> StreamingResponse:
    """The bytes of what was opened, on their way."""
    own = {
        "Content-Length": str(opened.size_bytes),
        "Content-Disposition": disposition(opened.name, inline=shown),
        "Content-Security-Policy": security.CONTENT_POLICY,
    }
    return StreamingResponse(_in_large_pieces(opened.chunks), status, own | headers, opened.media_type)


def _in_large_pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    # Each piece costs a change of thread.
    gathered = bytearray()
    for chunk in chunks:
        gathered += chunk
        if len(gathered) >= 256 * 1024:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)
