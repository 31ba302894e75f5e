"""One page of hits out of many shards, in the order of the sort.

tantivy has no search-after and breaks ties by segment order. Sorts by a number therefore use
keys that are all but unique, and pages start at the key where the last one ended; ties are
fetched whole and go by record id. Scores of shards are compared as they are: each shard weighs
words by its own frequencies, which differ little at thousands of records a shard.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tantivy import DocAddress, Occur, Order, Query, Searcher

from search.paging import Cursor, Position
from search.plan import between
from search.port import MOST_OFFSET, Hit
from search.schema import SORT_KEYS, TITLE_KEY
from search.shards import read_ids

_SPARE: Final = 8
"""Fetched beyond the page, for ties at its border."""


@dataclass(frozen=True, slots=True)
class Page:
    """Hits of one page, how many there are in all, and where the next page starts."""

    hits: tuple[Hit, ...]
    total: int
    following: Cursor | None


def page_by_offset(searchers: Sequence[Searcher], query: Query, sort: str, offset: int, limit: int) -> Page:
    """By relevance or title: the best ``offset + limit`` of each shard are merged."""
    upto = min(offset + limit, MOST_OFFSET)
    total = 0
    # Sortable without comparing addresses: score or title, then shard, then place in the shard.
    ranked: list[tuple[Any, int, int, DocAddress]] = []
    for number, searcher in enumerate(searchers):
        if sort == "relevance":
            found = searcher.search(query, limit=upto)
            ranked += [(-score, number, place, address) for place, (score, address) in enumerate(found.hits)]
        else:
            order = Order.Desc if sort == "-title" else Order.Asc
            found = searcher.search(query, limit=upto, order_by_field=TITLE_KEY, order=order)
            ranked += [(title or "", number, place, address) for place, (title, address) in enumerate(found.hits)]
        total += _count(found)
    ranked.sort(key=lambda each: each[1:3])
    ranked.sort(key=lambda each: each[0], reverse=sort == "-title")
    chosen = ranked[offset:upto]
    return Page(
        hits=_to_hits(searchers, chosen, scored=sort == "relevance"),
        total=total,
        following=Cursor(offset=upto) if upto < min(total, MOST_OFFSET) else None,
    )


def _to_hits(
    searchers: Sequence[Searcher], chosen: Sequence[tuple[Any, int, int, DocAddress]], *, scored: bool
) -> tuple[Hit, ...]:
    hits: dict[int, Hit] = {}
    for number, searcher in enumerate(searchers):
        places = [place for place, each in enumerate(chosen) if each[1] == number]
        if not places:
            continue
        known = read_ids(searcher, [chosen[place][3] for place in places])
        for place, (record_id, revision) in zip(places, known, strict=True):
            hits[place] = Hit(record_id, -float(chosen[place][0]) if scored else 0.0, revision)
    return tuple(hits[place] for place in sorted(hits))


def page_by_number(searchers: Sequence[Searcher], query: Query, sort: str, after: Position | None, limit: int) -> Page:
    """By date, received or total: each shard goes on from the key of ``after``."""
    descending = sort.startswith("-")
    total = sum(_count(searcher.search(query, limit=1)) for searcher in searchers)
    placed: list[tuple[Position, int]] = []
    for searcher in searchers:
        placed += _following(searcher, query, SORT_KEYS[sort], after, limit, descending=descending)
    placed.sort(key=lambda each: each[0], reverse=descending)
    page = placed[:limit]
    return Page(
        hits=tuple(Hit(position.record_id, 0.0, revision) for position, revision in page),
        total=total,
        following=Cursor(position=page[-1][0]) if len(placed) > limit else None,
    )


def _following(
    searcher: Searcher, query: Query, key: str, after: Position | None, limit: int, *, descending: bool
) -> list[tuple[Position, int]]:
    """At least ``limit + 1`` places after ``after`` with their revisions, or all there are."""
    if after is not None:
        low, high = (None, after.key) if descending else (after.key, None)
        query = Query.boolean_query([(Occur.Must, query), (Occur.Must, between(key, low, high))])
    order = Order.Desc if descending else Order.Asc
    fetched = limit + _SPARE
    while True:
        found = searcher.search(query, limit=fetched, count=False, order_by_field=key, order=order).hits
        complete = len(found) < fetched
        if not complete:
            # The last tie may be cut off in segment order, so it waits for a larger fetch or the next page.
            found = [each for each in found if each[0] != found[-1][0]]
        known = read_ids(searcher, [address for _, address in found])
        places = [(Position(int(each[0]), record_id), rev) for each, (record_id, rev) in zip(found, known, strict=True)]
        if after is not None:
            places = [each for each in places if (each[0] < after if descending else each[0] > after)]
        if complete or len(places) > limit:
            return places
        fetched *= 2


def _count(found: Any) -> int:
    return int(found.count or 0)
