"""Search: the query language, the port to an index, its embedded engine, snippets.

``search.query`` reads what people type and ``search.port`` says what an index promises; both are
named here. ``search.embedded`` keeps the index (``search.reader`` for processes that only ask) and
``search.snippets`` shows where a record matches; they load an engine, so they are imported by name.
"""

from search.port import (
    FACETS,
    SORTS,
    BadCursor,
    Erasure,
    Hit,
    IndexBusy,
    IndexDocument,
    IndexNotWritten,
    IndexUnusable,
    SearchIndex,
    SearchReader,
    SearchRequest,
    SearchResult,
    Suggestion,
)
from search.query import Chip, Note, Query, QueryTooComplex, chips, parse
from search.tree import Node, to_text

__all__ = [
    "FACETS",
    "SORTS",
    "BadCursor",
    "Chip",
    "Erasure",
    "Hit",
    "IndexBusy",
    "IndexDocument",
    "IndexNotWritten",
    "IndexUnusable",
    "Node",
    "Note",
    "Query",
    "QueryTooComplex",
    "SearchIndex",
    "SearchReader",
    "SearchRequest",
    "SearchResult",
    "Suggestion",
    "chips",
    "parse",
    "to_text",
]
