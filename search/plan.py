"""From a parse tree to a tantivy query: what each part means in the fields of a shard.

Never ``parse_query``: it would read a syntax of its own. Filters and access weigh nothing, so
that they never change the ranking.
"""

import re
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from tantivy import FieldType, Occur, Query

from search.analysis import tokens
from search.criteria import FIELDS
from search.meaning import HEAD_WEIGHT, KEY_WEIGHT, STEM_WEIGHT, forms, rows, seconds_of
from search.schema import SCHEMA, label, stems_field
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


def visible(
    query: Query, access_sets: Sequence[int] | None, entities: Sequence[str] | None, without: Sequence[UUID] = ()
) -> Query:
    """``query`` within what the caller may see; ``None`` leaves a side open, an empty sequence finds nothing."""
    clauses = [(Occur.Must, query)]
    if access_sets is not None:
        if not access_sets:
            return Query.empty_query()
        clauses.append((Occur.Must, _unscored(Query.term_set_query(SCHEMA, "access_set", list(access_sets)))))
    if entities is not None:
        if not entities:
            return Query.empty_query()
        terms = [label("entity", entity) for entity in entities]
        clauses.append((Occur.Must, _unscored(Query.term_set_query(SCHEMA, "label", terms))))
    if without:
        hidden = Query.term_set_query(SCHEMA, "record", [record_id.hex for record_id in without])
        clauses.append((Occur.MustNot, hidden))
    return query if len(clauses) == 1 else Query.boolean_query(clauses)


def between(field: str, low: int | None, high: int | None) -> Query:
    """Records whose integer ``field`` lies in the span, both ends included; those without a value do not."""
    return _unscored(Query.range_query(SCHEMA, field, FieldType.Integer, lower_bound=low, upper_bound=high))


def plan(node: Node, zone: str = "UTC") -> Query:
    """What ``node`` means. ``zone`` is the IANA zone whose days ``received:`` counts.

    Raises:
        Invalid: no such zone.
    """
    match node:
        case Everything():
            return _unscored(Query.all_query())
        case Word(text):
            return _word(text)
        case Phrase(text):
            return _any([_sequence("body", text), _boost(_sequence("head", text), HEAD_WEIGHT)])
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


def _all(parts: Sequence[Node], zone: str) -> Query:
    wanted = [part for part in parts if not isinstance(part, Not)]
    clauses = [(Occur.Must, plan(part, zone)) for part in wanted or [Everything()]]
    clauses += [(Occur.MustNot, plan(part.part, zone)) for part in parts if isinstance(part, Not)]
    return Query.boolean_query(clauses)


def _word(text: str) -> Query:
    if not tokens(text):
        return Query.empty_query()
    options = [_sequence("body", text), _boost(_sequence("head", text), HEAD_WEIGHT)]
    options.append(_boost(_term("label", label("key", text)), KEY_WEIGHT))
    options += [_boost(_term(stems_field(language), form), STEM_WEIGHT) for language, form in forms(text)]
    return _any(options)


def _sequence(field: str, text: str) -> Query:
    """``text`` as words in a row in ``field``, in each of its spellings."""
    return _any([_row(field, row) for row in rows(text)])


def _row(field: str, row: Sequence[str]) -> Query:
    # A phrase of one term panics in tantivy 0.27.
    if not row:
        return Query.empty_query()
    return _term(field, row[0]) if len(row) == 1 else Query.phrase_query(SCHEMA, field, list(row))


def _prefix(text: str) -> Query:
    key = Query.regex_query(SCHEMA, "label", _begins(label("key", text)))
    return _any([_beginning("body", text), _boost(_beginning("head", text), HEAD_WEIGHT), key])


def _beginning(field: str, text: str) -> Query:
    *before, last = tokens(text) or ("",)
    if not last:
        return Query.empty_query()
    if not before:
        return Query.regex_query(SCHEMA, field, _begins(last))
    return Query.regex_phrase_query(SCHEMA, field, [*map(_literal, before), _begins(last)])


def _filter(field: str, value: Criterion, zone: str) -> Query:
    match value:
        case Exactly(text):
            return _term("label", label(field, text)) if FIELDS[field] == "code" else _sequence(field, text)
        case Beginning(text):
            if FIELDS[field] == "code":
                return Query.regex_query(SCHEMA, "label", _begins(label(field, text)))
            return _beginning(field, text)
        case Days() if field == "received":
            return between(field, *seconds_of(value, zone))
        case Days(first, last):
            return between(field, _ordinal(first), _ordinal(last))
        case Amounts(least, most):
            return between(field, least, most)


def _ordinal(day: date | None) -> int | None:
    return None if day is None else day.toordinal()


def _begins(text: str) -> str:
    return _literal(text) + ".*"


def _literal(text: str) -> str:
    # Terms and labels hold letters, digits and a colon only, so Rust's syntax needs no more than Python's.
    return re.escape(text)


def _term(field: str, value: str) -> Query:
    return Query.term_query(SCHEMA, field, value)


def _any(options: Sequence[Query]) -> Query:
    return options[0] if len(options) == 1 else Query.boolean_query([(Occur.Should, each) for each in options])


def _boost(query: Query, weight: float) -> Query:
    return Query.boost_query(query, weight)


def _unscored(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)
