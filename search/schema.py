"""The fields of a tantivy shard, and how a document fills them.

Nothing is stored: hits are told by fast fields, bodies live only in the vault. All integers are
signed: an ``int`` given to an unsigned field kills the writer (tantivy 0.27).
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from tantivy import Document, Index, Schema, SchemaBuilder

from core.clock import EPOCH
from core.errors import Invalid
from search.analysis import LANGUAGES, PLAIN, STEMMING
from search.folding import fold, squeeze
from search.port import IndexDocument

VERSION: Final = 2
"""Changes with fields or analysis: an index of another version is rebuilt."""

_WORDS: Final = ("body", "head", "title", "party")
_LABELS: Final = ("record", "label", "party_key")
_SHOWN: Final = {
    "class": "shown_class",
    "department": "shown_department",
    "language": "shown_language",
    "state": "shown_state",
    "type": "shown_type",
    "party": "shown_party",
    "currency": "shown_currency",
}
FACET_FIELDS: Final = _SHOWN | {"year": "year"}
"""The fast field that counts each facet."""

_INTEGERS: Final = ("id_high", "id_low", "revision", "date", "received", "total", "year")
SORT_KEYS: Final = {
    "-date": "date_down",
    "date": "date_up",
    "-received": "received_key",
    "received": "received_key",
    "-total": "total_down",
    "total": "total_up",
}
"""Sort and its fast field. Two where a value can be missing, so that missing ones come last both ways."""
TITLE_KEY: Final = "title_key"
TITLE_KEY_LENGTH: Final = 120
LONGEST_SHOWN: Final = 200
"""Characters of a party's name or another value in facets and suggestions."""

PARTY_SEPARATOR: Final = "\x1f"
"""Between the folded and the shown name of a party: completed by the first, shown by the second."""

_RANDOM_BITS: Final = 30
_TOTAL_RANDOM_BITS: Final = 20
"""Fewer, so that sums up to 87 billion fit beside them; larger ones are found, but in no order among themselves."""
_LARGEST: Final = 2**63 - 1


def stems_field(language: str) -> str:
    """The field, and the analyzer, of the stems of one language. A document fills that of its own only."""
    return f"stems_{language}"


def _build() -> Schema:
    builder = SchemaBuilder()
    for name in _WORDS:
        builder.add_text_field(name, tokenizer_name="plain", index_option="position")
    for language in LANGUAGES:
        builder.add_text_field(stems_field(language), tokenizer_name=stems_field(language), index_option="freq")
    for name in _LABELS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in (*_SHOWN.values(), TITLE_KEY):
        builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    for name in (*_INTEGERS, *dict.fromkeys(SORT_KEYS.values())):
        builder.add_integer_field(name, fast=True)
    builder.add_integer_field("access_set", indexed=True, fast=True)
    return builder.build()


SCHEMA: Final = _build()


def register_analyzers(index: Index) -> None:
    """Must follow every open of a shard: analyzers are not part of its files."""
    index.register_tokenizer("plain", PLAIN)
    for language, analyzer in STEMMING.items():
        index.register_tokenizer(stems_field(language), analyzer)


def to_document(source: IndexDocument) -> Document:
    """The tantivy document of ``source``.

    Raises:
        Invalid: a number does not fit 63 bits, or ``received_at`` has no time zone.
    """
    document = Document()
    document.add_text("record", source.record_id.hex)
    _add_words(document, source)
    for label in _labels(source):
        document.add_text("label", label)
    for name, value in _shown(source):
        document.add_text(name, _clean(value))
    for name, number in _numbers(source).items():
        if not -_LARGEST <= number <= _LARGEST:
            raise Invalid("a number is too large for the search index", field=name)
        document.add_integer(name, number)
    return document


def _add_words(document: Document, source: IndexDocument) -> None:
    body, title = fold(source.body), fold(source.title)
    document.add_text("body", body)
    document.add_text("title", title)
    document.add_text(TITLE_KEY, " ".join(title.split())[:TITLE_KEY_LENGTH])
    document.add_text("head", title)
    for name in source.parties:
        folded = fold(name)
        document.add_text("party", folded)
        document.add_text("head", folded)
        document.add_text("party_key", f"{folded[:LONGEST_SHOWN]}{PARTY_SEPARATOR}{_clean(name)}")
    for number in (source.number, source.case_file, source.record_number):
        if number:
            document.add_text("head", fold(number))
    if source.language in LANGUAGES:
        document.add_text(stems_field(source.language), body)
        document.add_text(stems_field(source.language), title)


def label(field: str, value: str) -> str:
    """The term under which a code is looked up; ``key`` is any number that names a record."""
    return f"{field}:{squeeze(value)}"


def _labels(source: IndexDocument) -> list[str]:
    """Terms of the filters by code."""
    codes = {
        "record": source.record_number,
        "number": source.number,
        "case": source.case_file,
        "department": source.department,
        "entity": source.entity,
        "currency": source.currency,
        "language": source.language,
        "state": source.state,
        "type": source.media_kind,
    }
    found = [label(name, value) for name, value in codes.items() if value]
    found += [label("class", value) for value in dict.fromkeys((source.record_class, *source.classes))]
    keys = dict.fromkeys(squeeze(value) for value in (source.record_number, source.number, source.case_file) if value)
    return found + [f"key:{key}" for key in keys]


def _clean(shown: str) -> str:
    """A value to be shown, without what an index cannot take: too much of it, or lone surrogates."""
    return shown[:LONGEST_SHOWN].encode("utf-8", "ignore").decode()


def _shown(source: IndexDocument) -> list[tuple[str, str]]:
    values: list[tuple[str, str | None]] = [
        (_SHOWN["department"], source.department),
        (_SHOWN["language"], source.language),
        (_SHOWN["state"], source.state),
        (_SHOWN["type"], source.media_kind),
        (_SHOWN["currency"], source.currency),
    ]
    values += [(_SHOWN["class"], code) for code in dict.fromkeys((source.record_class, *source.classes))]
    values += [(_SHOWN["party"], name) for name in dict.fromkeys(source.parties)]
    return [(name, value) for name, value in values if value]


def _numbers(source: IndexDocument) -> dict[str, int]:
    received = to_seconds(source.received_at)
    numbers = {
        "id_high": _signed(source.record_id.int >> 64),
        "id_low": _signed(source.record_id.int & 2**64 - 1),
        "access_set": source.access_set,
        "revision": source.revision,
        "received": received,
        "received_key": _sort_key(received, source.record_id),
        "date_up": _LARGEST,
        "date_down": -_LARGEST,
        "total_up": _LARGEST,
        "total_down": -_LARGEST,
    }
    if source.document_date is not None:
        numbers |= {"date": source.document_date.toordinal(), "year": source.document_date.year}
        numbers["date_up"] = numbers["date_down"] = _sort_key(numbers["date"], source.record_id)
    if source.total_minor is not None:
        numbers["total"] = source.total_minor
        key = _sort_key(source.total_minor, source.record_id, _TOTAL_RANDOM_BITS)
        numbers["total_up"] = numbers["total_down"] = key
    return numbers


def to_seconds(instant: datetime) -> int:
    """Whole seconds since 1970 in UTC.

    Raises:
        Invalid: ``instant`` has no time zone.
    """
    if instant.tzinfo is None:
        raise Invalid("an instant needs a time zone")
    return int((instant - EPOCH).total_seconds() // 1)


def _sort_key(value: int, record_id: UUID, bits: int = _RANDOM_BITS) -> int:
    """The value, then random bits of the record: all but unique, so a page can start where another ended."""
    key = value << bits | record_id.int & (1 << bits) - 1
    return max(1 - _LARGEST, min(_LARGEST - 1, key))


def _signed(bits: int) -> int:
    return bits - 2**64 if bits >= 2**63 else bits


def to_record_id(high: int, low: int) -> UUID:
    """The id that ``id_high`` and ``id_low`` hold."""
    return UUID(int=(high % 2**64) << 64 | low % 2**64)
