"""Facet counts of one search, added up over the shards.

Each shard tells its most frequent values. Facets other than parties have few values, so their
sums are exact; of parties each shard tells a thousand, beyond which rare ones may be undercounted.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tantivy import Query, Searcher

from core.errors import Invalid
from search.port import FACETS, FacetCounts
from search.schema import FACET_FIELDS

VALUES_PER_SHARD: Final = 1_000


def count_facets(
    searchers: Iterable[Searcher], query: Query, names: Sequence[str], most: int
) -> dict[str, FacetCounts]:
    """The ``most`` frequent values of each facet among what ``query`` finds.

    Raises:
        Invalid: there is no facet of such a name.
    """
    if unknown := [name for name in names if name not in FACETS]:
        raise Invalid(f"There is no facet {unknown[0]!r}; there are {', '.join(FACETS)}.")
    if not names:
        return {}
    wanted = {name: {"terms": {"field": FACET_FIELDS[name], "size": VALUES_PER_SHARD}} for name in names}
    sums: dict[str, Counter[str]] = {name: Counter() for name in names}
    for searcher in searchers:
        answer: dict[str, Any] = searcher.aggregate(query, wanted)
        for name in names:
            for bucket in answer[name]["buckets"]:
                sums[name][_to_value(bucket["key"])] += bucket["doc_count"]
    return {name: _most_frequent(counts, most) for name, counts in sums.items()}


def _to_value(key: object) -> str:
    return str(int(key)) if isinstance(key, float) else str(key)


def _most_frequent(counts: Counter[str], most: int) -> FacetCounts:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most])
