"""Bringing the search index up to date with a batch of records: one commit of the log and one of the index for all."""

import logging
from collections.abc import Callable
from uuid import UUID

from app.runtime import KEEPER, Runtime
from audit.log import LogUnavailable
from core import jobs
from core.errors import MunimentError
from search import indexer
from search.port import IndexBusy, IndexNotWritten, IndexUnusable, SearchIndex

log = logging.getLogger("muniment.keeper")


def put(
    runtime: Runtime, claims: list[jobs.Claim], *, opened: Callable[[], SearchIndex], lost: Callable[[], None]
) -> dict[UUID, MunimentError]:
    """Have the index hold these records as they are now; tells of which jobs that failed, and why.

    ``lost`` is called where it is not the index any more that was opened.
    """
    failed = dict[UUID, MunimentError]()
    try:
        index = opened()
        try:
            _together(runtime, index, claims)
        except (IndexNotWritten, LogUnavailable):
            raise
        except MunimentError:
            # Something is wrong with one of them, which must not hold up the others.
            failed = _singly(runtime, index, claims)
        index.commit()
    except MunimentError as error:
        # What was put before in this batch is dropped with it, or replaced when they are done again.
        log.error("the index was not written", extra={"code": error.code})
        if isinstance(error, IndexUnusable | IndexBusy):
            lost()
        return {claim.id: error for claim in claims}
    return failed


def _singly(runtime: Runtime, index: SearchIndex, claims: list[jobs.Claim]) -> dict[UUID, MunimentError]:
    failed = dict[UUID, MunimentError]()
    for claim in claims:
        try:
            _together(runtime, index, [claim])
        except (IndexNotWritten, LogUnavailable):
            raise
        except MunimentError as error:
            failed[claim.id] = error
            log.warning("not indexed", extra={"id": claim.arguments["record"], "code": error.code})
    return failed


def _together(runtime: Runtime, index: SearchIndex, claims: list[jobs.Claim]) -> None:
    gone = dict.fromkeys(UUID(claim.arguments["record"]) for claim in claims)
    for document in indexer.documents_of(runtime.content, list(gone), by=KEEPER):
        index.put([document])
        del gone[document.record_id]
    index.remove(gone)
