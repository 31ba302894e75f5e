"""Search on Elasticsearch: bulk indexing, our own processor time for it, query times with facets.

The records and queries of ``search_engine``, on the server of ``make services`` or one started for it,
over HTTP on loopback. The baseline is the embedded engine with a tenth of the records: of its indexing,
all processor time is our own.
"""

import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import services
from benchmarks.figures import Figure
from benchmarks.search_engine import ACCESS_SETS, BATCH, Words, documents, p95, queries, times
from search.elastic_client import Server
from search.elasticsearch import ElasticIndex
from search.embedded import EmbeddedIndex
from search.port import FACETS, IndexDocument, SearchIndex, SearchReader, SearchRequest
from search.query import parse

RECORDS: Final = 100_000
QUICK_RECORDS: Final = 2_000


def run(*, quick: bool) -> list[Figure]:
    """Records indexed a second, our processor time for each, and how long queries take within different access."""
    words, count = Words(), QUICK_RECORDS if quick else RECORDS
    with tempfile.TemporaryDirectory() as place, EmbeddedIndex(Path(place) / "index") as embedded:
        _, own = index(embedded, documents(words, count // 10))
    server, prefix = _server(), f"muniment-b{secrets.token_hex(4)}"
    try:
        with ElasticIndex(Server((server.url,), server.facts()["api_key"], prefix=prefix)) as elastic:
            rate, ours = index(elastic, documents(words, count))
            return [*indexing(count, rate, ours, own), *asking(elastic, words)]
    finally:
        for name in server.call("GET", f"/{prefix}-*/_alias"):
            server.call("DELETE", f"/{name}")


def index(into: SearchIndex, made: Iterator[IndexDocument]) -> tuple[float, float]:
    """Records a second, and seconds of this process's processors a record; making them up not counted."""
    spent, used, count = 0.0, 0.0, 0
    while batch := list(islice(made, BATCH)):
        started, before = time.perf_counter(), _processor_seconds()
        into.put(batch)
        into.commit()
        spent += time.perf_counter() - started
        used += _processor_seconds() - before
        count += len(batch)
    return count / spent, used / count


def indexing(count: int, rate: float, ours: float, embedded: float) -> list[Figure]:
    """The figures of indexing."""
    return [
        Figure(what=f"{count:,} records indexed, {BATCH} a commit", value=rate, unit="a second"),
        Figure(
            what="our own processor time a record",
            value=ours * 1_000,
            unit="ms",
            baseline=embedded * 1_000,
            baseline_is="ms: embedded engine",
            most_ratio=1.15,
        ),
    ]


def asking(reader: SearchReader, words: Words) -> list[Figure]:
    """The figures of queries."""
    trees = [parse(text).tree for text in queries(words)]

    def asked(sets: list[int] | None, facets: tuple[str, ...]) -> list[float]:
        requests = [SearchRequest(tree, access_sets=sets, facets=facets) for tree in trees]
        return [each for request in requests for each in times(partial(reader.search, request))]

    asked(None, FACETS)  # the server has to warm up
    everything = p95("all, with facets", asked(None, FACETS))
    prefixes = [word[:3] for word in words.list[100:110]]
    return [
        p95("all, without facets", asked(None, ())),
        Figure(what=everything.what, value=everything.value, unit="ms", most=150),
        p95("1 % access, with facets", asked(list(range(ACCESS_SETS // 100)), FACETS), beside=everything),
        p95("all by 1,000 access sets, with facets", asked(list(range(ACCESS_SETS)), FACETS), beside=everything),
        p95("newest first, page of 25", times(lambda: reader.search(SearchRequest(access_sets=None)))),
        p95("suggest", [each for prefix in prefixes for each in times(partial(reader.suggest, prefix, None))]),
    ]


def _processor_seconds() -> float:
    used = os.times()
    return used.user + used.system


def _server() -> services.Elasticsearch:
    try:
        return services.shared(services.Elasticsearch)
    except services.NotRunning:
        return services.private(services.Elasticsearch)
