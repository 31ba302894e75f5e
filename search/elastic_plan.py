"""From a parse tree to an Elasticsearch query: what each part means in the fields of the index.

The twin of ``search.plan``. Never ``query_string``: it would read a syntax of its own. Words come
analyzed, so the server splits at blanks only. Filters and access weigh nothing.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, TypeAlias
from uuid import UUID

from search.analysis import tokens
from search.criteria import FIELDS
from search.meaning import HEAD_WEIGHT, KEY_WEIGHT, STEM_WEIGHT, forms, rows, seconds_of
from search.schema import label, stems_field
from search.tree import (
    Amounts,
    And,
    Beginning,
    Criterion,
    Days,
    Everything,
    Exactly,
    Filter,
    Node,
    Not,
    Or,
    Phrase,
    Prefix,
    Word,
)

Clause: TypeAlias = dict[str, Any]

EVERYTHING: Final[Clause] = {"match_all": {}}
NOTHING: Final[Clause] = {"match_none": {}}

MOST_ENDINGS: Final = 2_000
"""Words that the beginning in a phrase (``R-2024-0*``) may stand for in a field; the first by alphabet count.

A server with 256 MB refuses queries of more than 4,096 terms; a beginning alone has no such limit.
"""


def visible(
    query: Clause, access_sets: Sequence[int] | None, entities: Sequence[str] | None, without: Sequence[UUID] = ()
) -> Clause:
    """``query`` within what the caller may see; ``None`` leaves a side open, an empty sequence finds nothing."""
    within: list[Clause] = []
    if access_sets is not None:
        within.append({"terms": {"access_set": list(access_sets)}} if access_sets else NOTHING)
    if entities is not None:
        within.append({"terms": {"label": [label("entity", entity) for entity in entities]}} if entities else NOTHING)
    hidden = [{"terms": {"record": [record_id.hex for record_id in without]}}] if without else []
    return {"bool": {"must": [query], "filter": within, "must_not": hidden}}


def plan(node: Node, zone: str = "UTC") -> Clause:
    """What ``node`` means. ``zone`` is the IANA zone whose days ``received:`` counts.

    Raises:
        Invalid: no such zone.
    """
    match node:
        case Everything():
            return _unscored(EVERYTHING)
        case Word(text):
            return _word(text)
        case Phrase(text):
            return _any([*_sequence("body", text), *_sequence("head", text, HEAD_WEIGHT)])
        case Prefix(text):
            return _prefix(text)
        case Filter(field, value):
            return _unscored(_filter(field, value, zone))
        case Not():
            return _all([node], zone)
        case And(parts):
            return _all(parts, zone)
        case Or(parts):
            return _any([plan(part, zone) for part in parts])


def _all(parts: Sequence[Node], zone: str) -> Clause:
    scored, unscored, unwanted = list[Clause](), list[Clause](), list[Clause]()
    for part in parts:
        match part:
            case Not(inner):
                unwanted.append(plan(inner, zone))
            case Filter(field, value):
                unscored.append(_filter(field, value, zone))
            case _:
                scored.append(plan(part, zone))
    # Without a scored part the engine scores 0, which is what filters are to weigh.
    return {"bool": {"must": scored, "filter": unscored or [EVERYTHING], "must_not": unwanted}}


def _word(text: str) -> Clause:
    if not tokens(text):
        return NOTHING
    stems = [_term(stems_field(language), form, STEM_WEIGHT) for language, form in forms(text)]
    key = _term("label", label("key", text), KEY_WEIGHT)
    return _any([*_sequence("body", text), *_sequence("head", text, HEAD_WEIGHT), key, *stems])


def _sequence(field: str, text: str, weight: float = 1.0) -> list[Clause]:
    """``text`` as words in a row in ``field``, in each of its spellings."""
    return [_row(field, row, weight) for row in rows(text)]


def _row(field: str, row: Sequence[str], weight: float) -> Clause:
    if not row:
        return NOTHING
    if len(row) == 1:
        return _term(field, row[0], weight)
    return {"match_phrase": {field: {"query": " ".join(row), "boost": weight}}}


def _prefix(text: str) -> Clause:
    key = _begins("label", label("key", text))
    return _any([_beginning("body", text), _beginning("head", text, HEAD_WEIGHT), key])


def _beginning(field: str, text: str, weight: float = 1.0) -> Clause:
    words = tokens(text)
    if not words:
        return NOTHING
    if len(words) == 1:
        return _begins(field, words[0], weight)
    row = {"query": " ".join(words), "max_expansions": MOST_ENDINGS, "boost": weight}
    return {"match_phrase_prefix": {field: row}}


def _filter(field: str, value: Criterion, zone: str) -> Clause:
    match value:
        case Exactly(text) if FIELDS[field] == "code":
            return _term("label", label(field, text))
        case Exactly(text):
            return _any(_sequence(field, text))
        case Beginning(text) if FIELDS[field] == "code":
            return _begins("label", label(field, text))
        case Beginning(text):
            return _beginning(field, text)
        case Days() if field == "received":
            return _between(field, *seconds_of(value, zone))
        case Days(first, last):
            return _between(field, _ordinal(first), _ordinal(last))
        case Amounts(least, most):
            return _between(field, least, most)


def _ordinal(day: date | None) -> int | None:
    return None if day is None else day.toordinal()


def _between(field: str, low: int | None, high: int | None) -> Clause:
    bounds = {"gte": low, "lte": high}
    return {"range": {field: {name: bound for name, bound in bounds.items() if bound is not None}}}


def _term(field: str, value: str, weight: float = 1.0) -> Clause:
    return {"term": {field: {"value": value, "boost": weight}}}


def _begins(field: str, beginning: str, weight: float = 1.0) -> Clause:
    return {"prefix": {field: {"value": beginning, "boost": weight}}}


def _any(options: Sequence[Clause]) -> Clause:
    return options[0] if len(options) == 1 else {"bool": {"should": list(options), "minimum_should_match": 1}}


def _unscored(query: Clause) -> Clause:
    return {"constant_score": {"filter": query, "boost": 0.0}}
