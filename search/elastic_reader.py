"""Questions to the index on an Elasticsearch server: ``SearchReader`` over its alias.

Any number of processes and threads may read. The index is refreshed by ``commit``, so there
is nothing to look for before a search. Answers are of all parts of the index or none at all.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Self, TypeVar
from uuid import UUID

from core.errors import Invalid
from search.analysis import tokens
from search.elastic_client import Server, ask, connect, for_reading
from search.elastic_plan import Clause, plan, visible
from search.elastic_schema import WORDS_OF_BODY
from search.folding import fold
from search.paging import Cursor, Position, read_cursor, write_cursor
from search.port import (
    FACETS,
    MOST_HITS,
    MOST_OFFSET,
    SORTS,
    BadCursor,
    FacetCounts,
    Hit,
    IndexUnusable,
    SearchRequest,
    SearchResult,
    Suggestion,
)
from search.schema import FACET_FIELDS, PARTY_SEPARATOR, SORT_KEYS, TITLE_KEY
from search.tree import has_words

SHORTEST_SUGGESTION: Final = 2
_PIECE: Final = 5_000
"""Ids read at a time."""
_PARTY_VALUES: Final = 1_000
"""Values that each part of a divided index tells of a facet, so that their sums come out right."""
_SAMPLED: Final = 2_000
"""Records whose words are looked at for suggestions; how many records hold one is counted over all."""
_SWAP_SECONDS: Final = 0.1

_T = TypeVar("_T")


class ElasticReader:
    """``SearchReader`` on the index that ``ElasticIndex`` writes."""

    def __init__(self, server: Server) -> None:
        """Asks nothing yet: a missing index raises ``IndexUnusable`` at the first question."""
        self.server = server
        self._client = connect(server)
        self._questions = for_reading(self._client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def refresh(self) -> None:
        """Nothing to do: what was committed is seen by all."""

    def count(self) -> int:
        return int(self._ask(lambda: self._questions.count(index=self.server.alias))["count"])

    def building(self) -> int | None:
        try:
            return int(ask(lambda: self._questions.count(index=self.server.next_alias))["count"])
        except IndexUnusable:
            return None

    def ids(self) -> Iterator[tuple[UUID, int]]:
        opened = self._ask(lambda: self._questions.open_point_in_time(index=self.server.alias, keep_alive="2m"))
        held, after = str(opened["id"]), None
        try:
            while True:
                asked: dict[str, Any] = {"search_after": after} if after else {}
                piece = self._search(size=_PIECE, pit={"id": held, "keep_alive": "2m"}, sort=["_shard_doc"], **asked)
                for hit in piece["hits"]["hits"]:
                    yield known(hit)
                if len(piece["hits"]["hits"]) < _PIECE:
                    return
                held, after = str(piece["pit_id"]), piece["hits"]["hits"][-1]["sort"]
        finally:
            ask(lambda: self._questions.options(ignore_status=404).close_point_in_time(id=held))

    def search(self, request: SearchRequest) -> SearchResult:
        if request.sort not in SORTS:
            raise Invalid(f"There is no such sort; there are {', '.join(SORTS)}.")
        if not 1 <= request.limit <= MOST_HITS:
            raise Invalid(f"A page holds 1 to {MOST_HITS} hits.")
        if unknown := [name for name in request.facets if name not in FACETS]:
            raise Invalid(f"There is no facet {unknown[0]!r}; there are {', '.join(FACETS)}.")
        cursor = read_cursor(request.cursor, request) if request.cursor is not None else Cursor()
        sort = "-received" if request.sort == "relevance" and not has_words(request.query) else request.sort
        by_offset = sort not in SORT_KEYS
        if cursor.position if by_offset else cursor.offset:
            raise BadCursor
        query = visible(plan(request.query, request.zone), request.access_sets, request.entities, request.without)
        answer = self._search(
            index=self.server.alias,
            query=query,
            track_total_hits=True,
            aggs={name: _terms(FACET_FIELDS[name], request.facet_values) for name in request.facets} or None,
            **(_offset_page(sort, cursor.offset, request.limit) if by_offset else _number_page(sort, cursor, request)),
        )
        hits, total = answer["hits"]["hits"], int(answer["hits"]["total"]["value"])
        following = _after_offset(cursor, request, total) if by_offset else _after_number(hits, request.limit)
        return SearchResult(
            hits=tuple(_to_hit(hit, scored=sort == "relevance") for hit in hits[: request.limit]),
            total=total,
            facets={name: _counts(answer["aggregations"][name]) for name in request.facets},
            next_cursor=write_cursor(following, request) if following else None,
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
        aggs = {"party": _completing("party_key", "party_key", start, limit)}
        if len(words) == 1:
            sampled = _completing("body", WORDS_OF_BODY, words[0], limit)["aggs"]
            aggs["word"] = _begins("body", words[0]) | {
                "aggs": {"some": {"sampler": {"shard_size": _SAMPLED}, "aggs": sampled}}
            }
        # Always within what one may see: a list over the whole index would tell what others may see.
        seen = visible({"match_all": {}}, access_sets, entities, without)
        told = self._search(index=self.server.alias, size=0, query=seen, aggs=aggs)["aggregations"]
        found: list[Suggestion] = []
        parties: dict[str, int] = {}
        for key, records in _counts(told["party"]["found"]):
            name = key.partition(PARTY_SEPARATOR)[2]
            parties[name] = parties.get(name, 0) + records
        found += [Suggestion(text, "party", records) for text, records in _ranked(parties)[: -(-limit // 2)]]
        if "word" in told:
            counted = dict(_counts(told["word"]["some"]["found"]))
            if told["word"]["doc_count"] > told["word"]["some"]["doc_count"]:
                counted = self._count_words(list(counted), seen)
            found += [Suggestion(text, "word", records) for text, records in _ranked(counted)]
        return tuple(found[:limit])

    def _count_words(self, words: Sequence[str], seen: Clause) -> dict[str, int]:
        """How many visible records hold each word."""
        filters = {word: {"term": {"body": word}} for word in words}
        aggs = {"words": {"filters": {"filters": filters}}}
        told = self._search(index=self.server.alias, size=0, query=seen, aggs=aggs)["aggregations"]
        return {word: bucket["doc_count"] for word, bucket in told["words"]["buckets"].items()}

    def _search(self, **asked: Any) -> dict[str, Any]:
        # No source and no stored field: a hit is told by its id and numbers.
        asked |= {"stored_fields": "_none_", "docvalue_fields": ["record", "revision"]}
        asked |= {} if "pit" in asked else {"allow_partial_search_results": False}
        return self._ask(lambda: self._questions.search(**asked))

    def _ask(self, act: Callable[[], Any]) -> dict[str, Any]:
        try:
            return ask(act)
        except IndexUnusable:
            # The index may have been swapped for a new one between looking up its name and searching it.
            time.sleep(_SWAP_SECONDS)
            return ask(act)


def _offset_page(sort: str, offset: int, limit: int) -> dict[str, Any]:
    first = {"_score": "desc"} if sort == "relevance" else {TITLE_KEY: "desc" if sort == "-title" else "asc"}
    return {"sort": [first, {"record": "asc"}], "from_": offset, "size": min(limit, MOST_OFFSET - offset)}


def _number_page(sort: str, cursor: Cursor, request: SearchRequest) -> dict[str, Any]:
    order = "desc" if sort.startswith("-") else "asc"
    # One more than wanted tells whether there is a next page.
    page: dict[str, Any] = {"sort": [{SORT_KEYS[sort]: order}, {"record": order}], "size": request.limit + 1}
    if cursor.position:
        page["search_after"] = [cursor.position.key, cursor.position.record_id.hex]
    return page


def _after_offset(cursor: Cursor, request: SearchRequest, total: int) -> Cursor | None:
    upto = min(cursor.offset + request.limit, MOST_OFFSET)
    return Cursor(offset=upto) if upto < min(total, MOST_OFFSET) else None


def _after_number(hits: Sequence[Mapping[str, Any]], limit: int) -> Cursor | None:
    if len(hits) <= limit:
        return None
    key, record_id = hits[limit - 1]["sort"]
    return Cursor(position=Position(int(key), UUID(hex=record_id)))


def _to_hit(hit: Mapping[str, Any], *, scored: bool) -> Hit:
    record_id, revision = known(hit)
    return Hit(record_id, float(hit["_score"]) if scored else 0.0, revision)


def known(hit: Mapping[str, Any]) -> tuple[UUID, int]:
    """Record and revision that a hit tells."""
    return UUID(hex=hit["fields"]["record"][0]), int(hit["fields"]["revision"][0])


def _terms(field: str, most: int, **more: Any) -> Clause:
    return {"terms": {"field": field, "size": max(1, most), "shard_size": max(most, _PARTY_VALUES), **more}}


def _completing(searched: str, counted: str, start: str, limit: int) -> Clause:
    """Values of ``counted`` that begin with ``start``, among records that have such in ``searched``."""
    expression = "".join(letter if letter.isalnum() else "\\" + letter for letter in start) + ".*"
    return _begins(searched, start) | {"aggs": {"found": _terms(counted, limit * 4, include=expression)}}


def _begins(field: str, start: str) -> Clause:
    return {"filter": {"prefix": {field: start}}}


def _counts(told: Mapping[str, Any]) -> FacetCounts:
    return tuple(_ranked({str(bucket["key"]): int(bucket["doc_count"]) for bucket in told["buckets"]}))


def _ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(((text, count) for text, count in counts.items() if text), key=lambda each: (-each[1], each[0]))
