"""Changes on their way to the server: in pieces of bounded size, slower where it is busy, in order.

Each change carries a number that only grows, and the server keeps the highest one for each
record. So sending a piece again is harmless, and a writer that was thought dead and wakes up
cannot put an old state over a new one.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any, Final
from uuid import UUID

from elasticsearch import ApiError, Elasticsearch

from search.elastic_client import attempt, kinds_of
from search.port import IndexNotWritten, IndexUnusable

MOST_PIECE_BYTES: Final = 8_000_000
MOST_PIECE_CHANGES: Final = 1_000
ATTEMPTS: Final = 9
"""With the waits between them about half a minute."""
_FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 10.0
_NAMED: Final = 20
"""Records named in an error."""
_BUSY: Final = frozenset({"es_rejected_execution_exception", "circuit_breaking_exception", "unknown"})
_TOLD: Final = "items.*._id,items.*.status,items.*.result,items.*.error.type"
"""Of the answer only this: the error's reason may hold words of the record."""

_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class Change:
    """One record put (``source``) or taken out (no source)."""

    record_id: UUID
    version: int
    source: bytes | None = field(default=None, repr=False)

    @property
    def lines(self) -> bytes:
        """As the server reads it."""
        verb = "delete" if self.source is None else "index"
        head = f'{{"{verb}":{{"_id":"{self.record_id.hex}","version":{self.version},"version_type":"external_gte"}}}}\n'
        return head.encode() + (self.source + b"\n" if self.source is not None else b"")

    @property
    def size(self) -> int:
        """Bytes, about."""
        return 120 + len(self.source or b"")


@dataclass(slots=True)
class Outcome:
    """What became of changes."""

    removed: set[UUID] = field(default_factory=set)
    """Those that had been there and were taken out."""
    outdated: set[UUID] = field(default_factory=set)
    """Those of which the index holds a later change, so that this one was not made."""


def send(
    client: Elasticsearch, alias: str, changes: Sequence[Change], *, sleep: Callable[[float], None] = time.sleep
) -> Outcome:
    """Make ``changes`` in their order; they are durable then, and seen after a refresh.

    Raises:
        IndexNotWritten: the server is away, full, or stayed too busy; ``records`` names some that are not in.
        IndexUnusable: there is no index behind ``alias``.
        SearchRefused: sign-in failed.
    """
    outcome = Outcome()
    for piece in pieces(changes):
        _send_piece(client, alias, piece, outcome, sleep)
    return outcome


def pieces(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """The changes in pieces that the server takes at once; a single large one is a piece of its own."""
    piece, size = list[Change](), 0
    for change in changes:
        if piece and (size + change.size > MOST_PIECE_BYTES or len(piece) >= MOST_PIECE_CHANGES):
            yield piece
            piece, size = [], 0
        piece.append(change)
        size += change.size
    if piece:
        yield piece


def _send_piece(
    client: Elasticsearch, alias: str, piece: list[Change], outcome: Outcome, sleep: Callable[[float], None]
) -> None:
    waiting, last = piece, {change.record_id: change.version for change in piece}
    for turn in range(ATTEMPTS):
        if turn:
            sleep(_random.uniform(0.5, 1.0) * min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**turn))
        answers = _answers(client, alias, waiting)
        if answers is None:
            continue
        busy, refused = list[Change](), dict[Change, str]()
        for change, answer in zip(waiting, answers, strict=True):
            status, kind = answer["status"], answer.get("error", {}).get("type", "")
            if status < 300 or (change.source is None and status == 404):
                if answer.get("result") == "deleted":
                    outcome.removed.add(change.record_id)
            elif status == 409:
                # An earlier change of a record that had to wait finds the later one there: all is well.
                if change.version == last[change.record_id]:
                    outcome.outdated.add(change.record_id)
            elif status == 429 and kind in _BUSY:
                busy.append(change)
            else:
                refused[change] = kind
        if refused:
            raise _refusal(refused)
        if not busy:
            return
        waiting = busy
    raise IndexNotWritten("The search server stayed too busy to take changes.", records=_named(waiting))


def _answers(client: Elasticsearch, alias: str, piece: Sequence[Change]) -> list[dict[str, Any]] | None:
    """What the server says of each change; ``None`` where it was too busy to look at any."""

    def act() -> list[dict[str, Any]] | None:
        try:
            # An alias that is gone must not become an index that guesses its fields.
            lines: Any = [b"".join(change.lines for change in piece)]
            answer = client.bulk(operations=lines, index=alias, require_alias=True, filter_path=_TOLD)
        except ApiError as error:
            if error.status_code == 429 and _BUSY & set(kinds_of(error.body)):
                return None
            raise
        return [next(iter(item.values())) for item in answer["items"]]

    return attempt(act, writing=True)


def _refusal(refused: dict[Change, str]) -> IndexNotWritten | IndexUnusable:
    kinds = sorted(set(refused.values()))
    if "index_not_found_exception" in kinds:
        return IndexUnusable("The search index is gone: rebuild it.")
    full = "cluster_block_exception" in kinds
    detail = "The search server writes nothing now: is its disk full?" if full else "The search server refused changes."
    return IndexNotWritten(detail, records=_named(list(refused)), kinds=kinds)


def _named(changes: Sequence[Change]) -> list[str]:
    return [change.record_id.hex for change in changes[:_NAMED]]
