"""Events as an import and people at work leave them in the log, in the proportions of one document's life.

Four are of its import (captured, read by the pipeline, what it was read as, indexed); six are of people: a search that
shows ten records, two looks at the record, two of its pages, one download. Ids and digests are
random, so that nothing compresses which would not in an installation.
"""

import os
import random
from collections.abc import Sequence
from uuid import UUID

from audit.events import Actor, Event
from core.identifiers import new_id
from records.events import PageShown, RecordCaptured, RecordDownloaded, RecordOpened, RecordRead, RecordsSearched

STEPS = 10
"""Events of one document."""
_PIPELINE, _KEEPER = Actor("system", name="pipeline"), Actor("system", name="keeper")
_PEOPLE = [(Actor("person", new_id(), department=new_id()), new_id()) for _ in range(50)]
_KNOWN: list[UUID] = [new_id() for _ in range(1_000)]


def one_document() -> Sequence[Event]:
    """All that happens to one document, in its order."""
    by, entity = random.choice(_PEOPLE)  # noqa: S311
    record, digest, size = new_id(), os.urandom(32), random.randrange(20_000, 900_000)  # noqa: S311
    found = ((record, 1), *((other, 1) for other in random.sample(_KNOWN, 9)))

    def opened(who: Actor, piece: str, whole: bytes | None, purpose: str, request: str | None, basis: str) -> Event:
        return RecordOpened(
            by=who, entity=entity, record=record, version=1, digest=whole, purpose=purpose, piece=piece,
            request=request, basis=basis,
        )  # fmt: skip

    def paged(number: int) -> Event:
        return PageShown(
            by=by, entity=entity, record=record, version=1, digest=None, purpose="page_image",
            piece=f"page:{number}:1000", request=_request(),
        )  # fmt: skip

    return (
        RecordCaptured(by=by, entity=entity, record=record, digest=digest, size_bytes=size, channel="api"),
        opened(_PIPELINE, "original", digest, "work", None, "job:ingest.read"),
        RecordRead(
            by=_PIPELINE, entity=entity, record=record, version=1, record_class="supplier_invoice", state="filed",
            trouble=None, probability=9_730,
        ),
        opened(_KEEPER, "whole", None, "work", None, "search.index"),
        RecordsSearched(
            by=by, entity=entity, query="invoice of 2024 from", total=140, records=found, request=_request()
        ),
        opened(by, "detail", None, "view", _request(), ""),
        paged(1),
        paged(2),
        opened(by, "detail", None, "view", _request(), ""),
        RecordDownloaded(
            by=by, entity=entity, record=record, version=1, digest=digest, purpose="download", piece="original",
            size_bytes=size, request=_request(),
        ),
    )  # fmt: skip


def _request() -> str:
    return os.urandom(16).hex()
