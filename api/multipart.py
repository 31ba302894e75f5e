"""A multipart form read as it arrives (RFC 7578): parts in order, their data in pieces, nothing kept.

Starlette's own form reader spools files over 1 MB to disk in clear. The parser below its
surface (python-multipart) is used directly; it takes a body without its last boundary for
complete, so the end is checked here.
"""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.disposition import parameters_of
from api.errors import BrokenBody
from core.errors import Invalid

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_PARTS = 10


class NotAForm(Invalid):
    """The body is not the multipart form that its type says."""

    code = "not_a_form"


@dataclass(frozen=True, slots=True)
class PartBegun:
    """A part begins."""

    name: str
    header: str = field(repr=False)
    """Its ``Content-Disposition``, for the file's name."""
    is_file: bool


@dataclass(frozen=True, slots=True)
class PartData:
    """A piece of the part that began last."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The part that began last is complete."""


Event: TypeAlias = PartBegun | PartData | PartEnded


def boundary_of(content_type: str | None) -> bytes:
    """The boundary that a ``Content-Type`` of ``multipart/form-data`` states.

    Raises:
        NotAForm: it is another type, or states none.
    """
    kind, options = parse_options_header(content_type or "")
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 200:
        raise NotAForm("send multipart/form-data with a boundary")
    return boundary


async def read_parts(body: AsyncIterable[bytes], boundary: bytes) -> AsyncIterator[Event]:
    """The form's parts as they arrive.

    Raises:
        NotAForm: it is malformed, or has more than ten parts.
        BrokenBody: it ended before its last boundary: do not keep what came.
    """
    reader = _Reader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for piece in body:
            parser.write(piece)
            for event in reader.take():
                yield event
    except FormParserError as error:
        raise NotAForm("the form is malformed") from error
    if not reader.ended:
        raise BrokenBody("send the file again")


class _Reader:
    """Turns the parser's callbacks into events."""

    def __init__(self) -> None:
        self.ended = False
        self._events: list[Event] = []
        self._field, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._parts = 0

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": lambda: self._events.append(PartEnded()),
            "on_end": self._on_end,
        }

    def take(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _begin(self) -> None:
        self._headers = {}
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise NotAForm(f"a form has at most {MOST_PARTS} parts")

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _on_headers(self) -> None:
        # Browsers write the name as it is, in UTF-8 (WHATWG HTML, multipart/form-data encoding).
        header = self._headers.get(b"content-disposition", b"").decode("utf-8", "replace")
        parameters = parameters_of(header)
        is_file = "filename" in parameters or "filename*" in parameters
        self._events.append(PartBegun(parameters.get("name", ""), header, is_file))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(PartData(bytes(data[start:end])))

    def _on_end(self) -> None:
        self.ended = True
