"""Page images and thumbnails for people who are waiting.

An image is made once, from the original, by an extraction child of its own (never behind
imports), and kept as derived data, sealed. Making it reads the original, as the system,
and is logged; showing it is logged as the person's access, before the first byte.
"""

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from uuid import UUID

from accounts.principal import Principal
from app.runtime import PIPELINE, Runtime
from audit.entries import Receipt
from core.errors import Invalid, NotFound, Unavailable
from ingest.extraction import TROUBLES
from ingest.extractor import CannotRender, Extractor
from ingest.inspect import Limits
from records import derived, record
from vault.envelope import context
from vault.store import derived_key
from vault.writer import seal_into

log = logging.getLogger("muniment.images")

WIDTHS = (240, 800, 1200, 1800)
"""Images are kept at these widths in pixels; a request gets the next wider one."""
WAIT_SECONDS = 30.0


class ImageBusy(Unavailable):
    """Too many page images are being made at this moment; try again."""

    code = "images_busy"


class Images:
    """Makes and shows page images. Thread-safe; one child makes one image at a time."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._work: queue.Queue[tuple[Callable[[Extractor], bytes], Future[bytes]] | None] = queue.Queue(64)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def page(
        self,
        record_id: UUID,
        number: int,
        width: int,
        *,
        by: Principal,
        version: int | None = None,
        request: str | None = None,
    ) -> tuple[bytes, Receipt]:
        """A PNG of a page, at least ``width`` pixels wide (up to 1800).

        Raises:
            NotFound: no such record for ``by``, or no such page.
            CannotRender: no image can be made of it, or the malware scanner has not passed it.
            ImageBusy: it took longer than 30 seconds.
        """
        if number < 1 or not 16 <= width <= 4000:
            raise Invalid("a page is a number from 1, a width is 16 to 4000 pixels")
        chosen = next((w for w in WIDTHS if w >= width), WIDTHS[-1])
        return self._show(
            record_id, derived.page_image(number, chosen), number, chosen, by, "page_image", version, request
        )

    def thumbnail(self, record_id: UUID, *, by: Principal, request: str | None = None) -> tuple[bytes, Receipt]:
        """A small PNG of the first page; raises as ``page`` does."""
        return self._show(record_id, derived.THUMBNAIL, 1, WIDTHS[0], by, "thumbnail", None, request)

    def close(self) -> None:
        """End the child."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._work.put(None)
            thread.join(5.0)

    def _show(
        self,
        record_id: UUID,
        part: str,
        number: int,
        width: int,
        by: Principal,
        purpose: str,
        version: int | None,
        request: str | None,
    ) -> tuple[bytes, Receipt]:
        content = self._runtime.content
        assert purpose in ("page_image", "thumbnail")
        seen = content.open_derived(record_id, part, by=by, purpose=purpose, version=version, request=request)  # type: ignore[arg-type]
        if seen is None:
            self._make(record_id, part, number, width, version)
            seen = content.open_derived(record_id, part, by=by, purpose=purpose, version=version, request=request)  # type: ignore[arg-type]
        if seen is None:
            raise NotFound("the record has no such page")
        return seen

    def _make(self, record_id: UUID, part: str, number: int, width: int, version: int | None) -> None:
        content = self._runtime.content
        self._require_scanned(record_id, version)

        def render(extractor: Extractor) -> bytes:
            opened = content.open_original(record_id, by=PIPELINE, purpose="work", version=version, basis="page_image")
            return extractor.render_page(opened.chunks, number=number, width=width, name=opened.name)

        image = self._ask(render)
        runtime = self._runtime
        with runtime.main.read() as session:
            row = session.get_one(record.Record, record_id)
            chosen = record.get_version(session, row, version)
            with runtime.keys.tally.sealing():
                key = runtime.keys.get(session, chosen.id)
        object_key = derived_key(chosen.id, part)
        sealed = seal_into(runtime.store, object_key, key, context(row.id, chosen.id, part), [image])
        with runtime.main.write() as session:
            chosen = record.get_version(session, row, chosen.ordinal)
            replaced = derived.name(session, chosen, part, object_key, sealed.stored, at=runtime.clock.now())
        if replaced is not None:
            runtime.store.delete(*replaced)

    def _require_scanned(self, record_id: UUID, version: int | None) -> None:
        """Not even the cage looks into a file that the malware scanner has not passed."""
        with self._runtime.main.read() as session:
            chosen = record.get_version(session, session.get_one(record.Record, record_id), version)
            is_read = derived.find(session, chosen.id, derived.PAGES) is not None
        if chosen.trouble_code in record.UNSAFE:
            raise CannotRender(TROUBLES[chosen.trouble_code].title, trouble=chosen.trouble_code)
        if self._runtime.settings.clamd and not is_read:
            raise CannotRender("it has not been scanned for malware yet", trouble="not_scanned")

    def _ask(self, render: Callable[[Extractor], bytes]) -> bytes:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="page-images", daemon=True)
                self._thread.start()
        answer: Future[bytes] = Future()
        try:
            self._work.put((render, answer), timeout=1.0)
            return answer.result(WAIT_SECONDS)
        except (queue.Full, TookTooLong) as error:
            answer.cancel()
            raise ImageBusy from error

    def _run(self) -> None:
        extractor = Extractor(Limits(), idle_seconds=60.0)
        try:
            while (item := self._work.get()) is not None:
                render, answer = item
                if not answer.set_running_or_notify_cancel():
                    continue
                try:
                    answer.set_result(render(extractor))
                except Exception as error:
                    answer.set_exception(error)
        finally:
            extractor.close()
