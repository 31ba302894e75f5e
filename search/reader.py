"""Questions to the index in a folder of this machine: ``SearchReader`` over tantivy shards.

Any number of processes and threads may read. Before each search a look at the manifest and at each
shard's ``meta.json`` (two microseconds each) tells whether something was committed, so nothing waits for a poll.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from tantivy import Query, Searcher

from core.errors import Invalid
from search.analysis import tokens
from search.facets import count_facets
from search.folding import fold
from search.merge import page_by_number, page_by_offset
from search.paging import Cursor, read_cursor, write_cursor
from search.plan import plan, visible
from search.port import MOST_HITS, SORTS, BadCursor, IndexUnusable, SearchRequest, SearchResult, Suggestion
from search.schema import PARTY_SEPARATOR
from search.shards import MANIFEST, NEXT, FileState, Shard, file_state, ids_of, read_manifest
from search.tree import has_words

SHORTEST_SUGGESTION: Final = 2
_ATTEMPTS: Final = 3
_PER_SHARD: Final = 4
"""Suggestions asked of a shard for each one wanted, so that their sums come out right."""


class EmbeddedReader:
    """``SearchReader`` over the folder that ``EmbeddedIndex`` writes."""

    def __init__(self, folder: Path) -> None:
        """Opens nothing yet: a folder without an index raises ``IndexUnusable`` at the first question."""
        self.folder = folder
        self._lock = threading.Lock()
        self._state: FileState | None = None
        self._shards: tuple[Shard, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._shards, self._state = (), None

    def refresh(self) -> None:
        self._searchers()

    def count(self) -> int:
        return sum(searcher.num_docs for searcher in self._searchers())

    def ids(self) -> Iterator[tuple[UUID, int]]:
        return chain.from_iterable(ids_of(searcher) for searcher in self._searchers())

    def building(self) -> int | None:
        with EmbeddedReader(self.folder / NEXT) as fresh:
            try:
                return fresh.count()
            except IndexUnusable:
                return None

    def search(self, request: SearchRequest) -> SearchResult:
        if request.sort not in SORTS:
            raise Invalid(f"There is no such sort; there are {', '.join(SORTS)}.")
        if not 1 <= request.limit <= MOST_HITS:
            raise Invalid(f"A page holds 1 to {MOST_HITS} hits.")
        cursor = read_cursor(request.cursor, request) if request.cursor is not None else Cursor()
        sort = "-received" if request.sort == "relevance" and not has_words(request.query) else request.sort
        by_offset = sort in ("relevance", "title", "-title")
        if cursor.position if by_offset else cursor.offset:
            raise BadCursor
        query = visible(plan(request.query, request.zone), request.access_sets, request.entities, request.without)
        searchers = self._searchers()
        if by_offset:
            page = page_by_offset(searchers, query, sort, cursor.offset, request.limit)
        else:
            page = page_by_number(searchers, query, sort, cursor.position, request.limit)
        return SearchResult(
            hits=page.hits,
            total=page.total,
            facets=count_facets(searchers, query, request.facets, request.facet_values),
            next_cursor=write_cursor(page.following, request) if page.following else None,
        )

    def suggest(
        self,
        prefix: str,
        access_sets: Sequence[int] | None,
        entities: Sequence[str] | None = None,
        limit: int = 8,
        without: Sequence[UUID] = (),
    ) -> tuple[Suggestion, ...]:
        start, words = " ".join(fold(prefix).split()), tokens(prefix)
        if sum(map(len, words)) < SHORTEST_SUGGESTION or limit < 1:
            return ()
        seen = visible(Query.all_query(), access_sets, entities, without)
        parties: Counter[str] = Counter()
        terms: Counter[str] = Counter()
        for searcher in self._searchers():
            # Always with the filter: a list over the whole index would tell what others may see.
            for key, records in searcher.terms_with_prefix("party_key", start, seen, limit * _PER_SHARD):
                parties[key.partition(PARTY_SEPARATOR)[2]] += records
            if len(words) == 1:
                for term, records in searcher.terms_with_prefix("body", words[0], seen, limit * _PER_SHARD):
                    terms[term] += records
        found = [Suggestion(text, "party", records) for text, records in _ranked(parties)[: -(-limit // 2)]]
        found += [Suggestion(text, "word", records) for text, records in _ranked(terms)]
        return tuple(found[:limit])

    def _searchers(self) -> list[Searcher]:
        """One searcher a shard, all as of now."""
        with self._lock:
            for _ in range(_ATTEMPTS - 1):
                try:
                    return self._open()
                except IndexUnusable:
                    # A shard may have been swapped between reading the manifest and opening it.
                    self._state = None
            return self._open()

    def _open(self) -> list[Searcher]:
        try:
            state = file_state(self.folder / MANIFEST)
        except OSError as error:
            raise IndexUnusable("The search index has not been made yet.") from error
        if state != self._state:
            held = {shard.name: shard for shard in self._shards}
            self._shards = tuple(held.get(name) or Shard(self.folder / name) for name in read_manifest(self.folder))
            self._state = state
        return [shard.searcher() for shard in self._shards]


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(((text, count) for text, count in counts.items() if text), key=lambda each: (-each[1], each[0]))
