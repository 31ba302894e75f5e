"""Uploads: from the event loop into one thread that seals, through a queue of bounded length.

However large the file and however fast the sender, at most ``DEPTH`` pieces wait, and what
``api.wire`` holds; the rest stays in the network. Where sender or thread gives up, the other one is told, and nothing
is kept: the object store drops what it was given as soon as its source raises.
"""

import asyncio
import queue
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from pydantic import BaseModel, ValidationError

from api.disposition import file_name_of
from api.edge import lift_body_limit
from api.errors import BrokenBody
from api.multipart import NotAForm, PartBegun, PartData, PartEnded, boundary_of, read_parts
from core.errors import Invalid
from ingest.receive import TooLarge

PIECE_BYTES = 256 * 1024
"""Of a piece at least, but for the last. It may be larger by what comes from the network at once."""
DEPTH = 2
HELD_BYTES = 2 * 1024 * 1024
"""A file up to this size is held until its form has ended, so that its metadata may come after it."""
METADATA_BYTES = 16 * 1024

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class BadMetadata(Invalid):
    """The metadata beside the file cannot be read."""

    code = "metadata_unreadable"


class MetadataTooLate(Invalid):
    """The metadata of a large file has to come before it."""

    code = "metadata_too_late"


@dataclass(slots=True)
class Upload:
    """A file that is arriving."""

    name: str = field(repr=False)
    metadata: bytes | None = field(repr=False)
    chunks: AsyncIterator[bytes] = field(repr=False)


class Feed:
    """Pieces on their way from the event loop to the one thread that iterates over it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(DEPTH)
        self._pieces: queue.SimpleQueue[bytes | BaseException | None] = queue.SimpleQueue()

    async def send(self, piece: bytes) -> None:
        """Hand over a piece; waits while the thread is behind."""
        await self._room.acquire()
        self._pieces.put(piece)

    def end(self, error: BaseException | None = None) -> None:
        """Say that this was all, or raise ``error`` in the thread."""
        self._pieces.put(error)

    def abandon(self) -> None:
        """The thread takes no more: let a waiting sender go on, to notice it."""
        self._room.release()

    def __iter__(self) -> Iterator[bytes]:
        while (item := self._pieces.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            self._loop.call_soon_threadsafe(self._room.release)
            yield item


async def take_in(chunks: AsyncIterable[bytes], work: Callable[[Iterator[bytes]], T], limiter: CapacityLimiter) -> T:
    """What ``work`` makes, in a thread, of all the chunks.

    Raises whatever ``work`` raises, and what the source of the chunks does; ``work`` sees the
    latter raised by its iterator, so that it keeps nothing.
    """
    pieces = _in_pieces(chunks)
    # A small file is here as a whole before it takes a thread, however slowly it came.
    first = await anext(pieces, None)
    feed = Feed()
    worker = asyncio.ensure_future(to_thread.run_sync(work, iter(feed), limiter=limiter))
    worker.add_done_callback(lambda _: feed.abandon())
    try:
        if first is not None:
            await feed.send(first)
            async for piece in pieces:
                await feed.send(piece)
                if worker.done():
                    break
        feed.end()
    except BaseException:
        # ClientDisconnect, a broken form, the server's own stop: told to the thread, and waited for.
        feed.end(BrokenBody("send the file again"))
        await asyncio.wait([worker])
        if not worker.cancelled():
            worker.exception()
        raise
    return await worker


async def open_form(request: Request) -> Upload:
    """The file of a multipart form with the parts ``file`` and, before or after it, ``metadata``.

    Raises:
        NotAForm, BrokenBody: the body is no such form, or is not complete.
        BadMetadata: the metadata are longer than 16 KiB.
    """
    lift_body_limit(request)
    parts = read_parts(request.stream(), boundary_of(request.headers.get("content-type")))
    metadata, name, held, is_open = None, None, bytearray(), False
    async for event in parts:
        match event:
            case PartBegun("metadata", _, _) if metadata is None:
                metadata = await _read_metadata(parts)
            case PartBegun("file", header, _) if name is None:
                name, is_open = file_name_of(header), True
            case PartData(data) if is_open:
                held += data
                if len(held) > HELD_BYTES:
                    return Upload(name or "", metadata, _go_on(parts, bytes(held), late=metadata is None))
            case PartEnded() if is_open:
                is_open = False
            case _:
                raise NotAForm("the parts are file and metadata, each once")
    if name is None:
        raise NotAForm("the form has no part called file")
    return Upload(name, metadata, _once(bytes(held)))


def open_raw(request: Request) -> Upload:
    """The file that is the body itself, named in ``Content-Disposition``, with ``Muniment-Metadata``."""
    lift_body_limit(request)
    header = request.headers.get("muniment-metadata")
    # Headers arrive as Latin-1; programs write UTF-8 into them.
    name = file_name_of(_as_utf8(request.headers.get("content-disposition", "")))
    return Upload(name, header.encode("latin-1") if header is not None else None, request.stream())


def read_metadata(upload: Upload, shape: type[M]) -> M:
    """The metadata beside a file as ``shape``; all of it may be missing.

    Raises:
        BadMetadata: not JSON, or other fields than ``shape`` has.
    """
    try:
        return shape.model_validate_json(upload.metadata or b"{}")
    except ValidationError as error:
        where = ".".join(str(place) for place in error.errors()[0]["loc"]) or "metadata"
        raise BadMetadata(f"{where}: {error.errors()[0]['msg']}") from error


def check_length(request: Request, largest_bytes: int) -> None:
    """Refuse at once what says itself that it is too large.

    uvicorn takes in and drops what a sender goes on sending after a refusal, so that they get to read it.

    Raises:
        TooLarge: it is.
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > largest_bytes + METADATA_BYTES:
        raise TooLarge(f"this archive takes files up to {largest_bytes // 1024**2} MiB", limit_bytes=largest_bytes)


def is_long(request: Request) -> bool:
    """Whether the body is, or may be, longer than the piece that is here before a thread is taken."""
    length = request.headers.get("content-length", "")
    return not length.isdigit() or int(length) > PIECE_BYTES


async def in_pool(request: Request, work: Callable[[], T]) -> T:
    """``work`` in a thread of the pool for reads."""
    return await to_thread.run_sync(work, limiter=request.app.state.pools.reads)


async def receive(request: Request, upload: Upload, work: Callable[[Iterator[bytes]], T]) -> T:
    """``work`` on the chunks of an upload, in a thread of the pool for uploads of its size."""
    pools = request.app.state.pools
    return await take_in(upload.chunks, partial(_call, work), pools.uploads if is_long(request) else pools.small)


def _call(work: Callable[[Iterator[bytes]], T], pieces: Iterator[bytes]) -> T:
    return work(pieces)


async def _in_pieces(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces worth handing to a thread."""
    gathered: list[bytes] = []
    size = 0
    async for chunk in chunks:
        gathered.append(chunk)
        size += len(chunk)
        if size >= PIECE_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


async def _read_metadata(parts: AsyncIterator[object]) -> bytes:
    read = bytearray()
    async for event in parts:
        if isinstance(event, PartEnded):
            break
        if isinstance(event, PartData):
            read += event.data
        if len(read) > METADATA_BYTES:
            raise BadMetadata(f"they have at most {METADATA_BYTES // 1024} KiB")
    return bytes(read)


async def _go_on(parts: AsyncIterator[object], held: bytes, *, late: bool) -> AsyncIterator[bytes]:
    """The rest of a file too large to hold; after it only the end of the form may come."""
    yield held
    is_open = True
    async for event in parts:
        match event:
            case PartData(data) if is_open:
                yield data
            case PartEnded() if is_open:
                is_open = False
            case PartBegun("metadata", _, _) if late:
                raise MetadataTooLate(f"put it first where a file has more than {HELD_BYTES // 1024**2} MiB")
            case _:
                raise NotAForm("the parts are file and metadata, each once")


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


def _as_utf8(text: str) -> str:
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return text
