"""Leaving no byte of deleted documents in the server's files.

A deleted document stays in its segment, and its source in the transaction log and in a hidden field that
serves the repair of copies. The server lets them go in a merge once a lease of its own has moved past the
deletion, which it looks after every 30 s (no setting changes that); a merge before then is wasted.
"""

import time
from collections.abc import Iterator
from typing import Any, Final

from elasticsearch import Elasticsearch

from core.errors import Unavailable
from search.elastic_client import ask

PATIENCE_SECONDS: Final = 900.0
_LOOK_SECONDS: Final = 1.0
_MERGE_SECONDS: Final = 600.0


class ErasureUnfinished(Unavailable):
    """The search server still holds words of erased records in its files; they are hidden, and it is tried again."""

    code = "search_erasure_unfinished"


def expunge(client: Elasticsearch, alias: str, *, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Rewrite what holds deleted documents, and wait until none is left in any copy; tells the parts concerned.

    Raises:
        ErasureUnfinished: a copy is away, or merging takes longer than ``patience_seconds``; call it again.
    """
    parts = sum(1 for _, copy in _copies(client, alias) if copy["routing"]["primary"] and _deleted(copy))
    until = time.monotonic() + patience_seconds
    upto: dict[str, int] = {}
    merging = client.options(request_timeout=_MERGE_SECONDS)
    while True:
        # The log of changes goes with the flush.
        _flush(client, alias)
        copies = list(_copies(client, alias))
        if not any(map(_holds_deleted, (copy for _, copy in copies))):
            # What the server merged by itself just now is in the files that searches have open, and in the last commit.
            ask(lambda: client.indices.refresh(index=alias), writing=True)
            _flush(client, alias)
            return parts
        if not upto:
            upto = {number: copy["seq_no"]["max_seq_no"] for number, copy in copies if copy["routing"]["primary"]}
        if all(_has_let_go(copy, upto[number]) for number, copy in copies):
            ask(lambda: merging.indices.forcemerge(index=alias, only_expunge_deletes=True), writing=True)
            ask(lambda: client.indices.refresh(index=alias), writing=True)
        if time.monotonic() > until:
            raise ErasureUnfinished
        time.sleep(_LOOK_SECONDS)


def _flush(client: Elasticsearch, alias: str) -> None:
    ask(lambda: client.indices.flush(index=alias, force=True, wait_if_ongoing=True), writing=True)


def _copies(client: Elasticsearch, alias: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Number of the part and state of each copy of it."""
    stats = ask(lambda: client.indices.stats(index=alias, level="shards", metric="docs,translog"))
    for index in stats["indices"].values():
        for number, copies in index["shards"].items():
            yield from ((number, copy) for copy in copies)


def _deleted(copy: dict[str, Any]) -> int:
    return int(copy["docs"]["deleted"])


def _holds_deleted(copy: dict[str, Any]) -> bool:
    return _deleted(copy) > 0 or int(copy["translog"]["operations"]) > 0


def _has_let_go(copy: dict[str, Any], upto: int) -> bool:
    return all(int(lease["retaining_seq_no"]) > upto for lease in copy["retention_leases"]["leases"])
