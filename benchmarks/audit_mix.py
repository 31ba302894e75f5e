"""Events as an import and people at work leave them in the log, in the proportions of one document's life.

Four are of its import (captured, read by the pipeline, what it was read as, indexed); six are of people: a search that
shows ten records, two looks at the record, two of its pages, one download. ``one_day`` is 300 such documents
and what the log says by itself meanwhile: a heartbeat each minute, and every ten minutes how many keys were
unwrapped. Ids and digests are random, so that nothing compresses which would not in an installation.
"""

import os
import random
from collections.abc import Iterator, Sequence
from uuid import UUID

from audit.events import Actor, Event, LogHeartbeat
from core.identifiers import new_id, new_request_id
from records.derived import page_image
from records.events import (
    PageShown,
    RecordCaptured,
    RecordDownloaded,
    RecordOpened,
    RecordRead,
    RecordsSearched,
    RecordViewed,
)
from records.key_events import UnwrapsCounted
from vault.tally import Counts

STEPS = 10
"""Events of one document."""
_PIPELINE, _KEEPER = Actor("system", name="pipeline"), Actor("system", name="keeper")
_PEOPLE = [(Actor("person", new_id(), department=new_id()), new_id()) for _ in range(50)]
_MINUTES, _DOCUMENTS = 24 * 60, 300
_KNOWN: list[UUID] = [new_id() for _ in range(1_000)]


def one_document() -> Sequence[Event]:
    """All that happens to one document, in its order."""
    by, entity = random.choice(_PEOPLE)  # noqa: S311
    record, digest, size = new_id(), os.urandom(32), random.randrange(20_000, 900_000)  # noqa: S311
    found = ((record, 1), *((other, 1) for other in random.sample(_KNOWN, 9)))

    def worked(who: Actor, piece: str, basis: str) -> Event:
        return RecordOpened(
            by=who, entity=entity, record=record, version=1, digest=None, purpose="work", piece=piece, basis=basis
        )

    def viewed() -> Event:
        return RecordViewed(
            by=by, entity=entity, record=record, version=1, digest=None, purpose="view", piece="detail",
            request=new_request_id(),
        )  # fmt: skip

    def paged(number: int) -> Event:
        return PageShown(
            by=by, entity=entity, record=record, version=1, digest=None, purpose="page_image",
            piece=page_image(number, 1000), request=new_request_id(),
        )  # fmt: skip

    return (
        RecordCaptured(by=by, entity=entity, record=record, digest=digest, size_bytes=size, channel="api"),
        worked(_PIPELINE, "original", "job:ingest.read"),
        RecordRead(
            by=_PIPELINE, entity=entity, record=record, version=1, record_class="supplier_invoice", state="filed",
            trouble=None, probability=9_730,
        ),
        worked(_KEEPER, "whole", "search.index"),
        RecordsSearched(
            by=by, entity=entity, query="invoice of 2024 from", total=140, records=found, request=new_request_id()
        ),
        viewed(),
        paged(1),
        paged(2),
        viewed(),
        RecordDownloaded(
            by=by, entity=entity, record=record, version=1, digest=digest, purpose="download", piece="original",
            size_bytes=size, request=new_request_id(),
        ),
    )  # fmt: skip


def one_day() -> Iterator[Event]:
    """A day of an office that takes in 300 documents, with what the log says of itself."""
    process = os.urandom(16)
    for minute in range(_MINUTES):
        yield LogHeartbeat(intake_high=40_000 + minute, intake_moved=40_000 + minute)
        if not minute % 10:
            yield UnwrapsCounted(process=process, counts=Counts({"party_logged": 37, "version_logged": 72}, 50))
        for _ in range((minute + 1) * _DOCUMENTS // _MINUTES - minute * _DOCUMENTS // _MINUTES):
            yield from one_document()
