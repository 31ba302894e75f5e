"""The fields of the Elasticsearch index, and how a document fills them.

They hold what the fields of the embedded engine hold (``search.schema``), in words and stems that
``search.analysis`` made: the server only splits at blanks. So both engines give the same answers, and a
newer server with other stemmers changes none of them. No source is kept, no field is stored.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from tantivy import TextAnalyzerBuilder, Tokenizer

from search.analysis import LANGUAGES, LONGEST_TOKEN_BYTES, STEMMING
from search.port import IndexDocument
from search.schema import FACET_FIELDS, SORT_KEYS, TITLE_KEY, stems_field, to_document
from search.schema import VERSION as MEANING

VERSION: Final = f"{MEANING}.1"
"""Changes with fields or analysis of either engine: an index of another version is rebuilt."""

WORDS_OF_BODY: Final = "words"
"""The different words of a body, as doc values: what suggestions are counted by."""
GAP: Final = "_"
"""Stands where a run of letters was too long for a word, so that its neighbours are not in a row. No word itself."""

_MOST_BYTES_A_CHARACTER: Final = 4
_LONGEST_LABEL: Final = 8_000
"""Characters; the engine takes terms up to 32,766 bytes."""

_SPLIT: Final = TextAnalyzerBuilder(Tokenizer.simple()).build()
_NUMBERS: Final = (*dict.fromkeys(SORT_KEYS.values()), "access_set", "revision", "date", "received", "total", "year")
_SHOWN: Final = tuple(name for name in FACET_FIELDS.values() if name not in _NUMBERS)
_LABELS: Final = ("record", "label", "party_key", TITLE_KEY, *_SHOWN)


def _fields() -> dict[str, dict[str, Any]]:
    ours = {"type": "text", "analyzer": "muniment", "search_analyzer": "whitespace"}
    fields: dict[str, dict[str, Any]] = {name: dict(ours) for name in ("body", "head")}
    # Filters weigh nothing, so they need no lengths; stems are never looked for in a row.
    fields |= {name: ours | {"norms": False} for name in ("title", "party")}
    fields |= {name: ours | {"index_options": "freqs"} for name in map(stems_field, LANGUAGES)}
    fields |= {name: {"type": "keyword", "index": False, "eager_global_ordinals": True} for name in _SHOWN}
    fields |= {name: {"type": "long", "index": False} for name in SORT_KEYS.values()}
    fields |= {name: {"type": "long"} for name in ("access_set", "date", "received", "total")}
    fields |= {name: {"type": "long", "index": False} for name in ("revision", "year")}
    return fields | {
        "record": {"type": "keyword"},
        "label": {"type": "keyword", "doc_values": False, "ignore_above": _LONGEST_LABEL},
        "party_key": {"type": "keyword"},
        TITLE_KEY: {"type": "keyword", "index": False},
        WORDS_OF_BODY: {"type": "keyword", "index": False},
    }


MAPPINGS: Final[dict[str, Any]] = {
    "dynamic": "strict",
    "_source": {"enabled": False},
    "_meta": {"muniment": VERSION},
    "properties": _fields(),
}


def settings(shards: int) -> dict[str, Any]:
    """Settings of a new index with so many primary shards; a second node gets a copy of each by itself."""
    return {
        "number_of_shards": shards,
        "auto_expand_replicas": "0-1",
        # A change is seen when it is committed, and not before.
        "refresh_interval": "-1",
        "translog.durability": "request",
        # One may see more access sets than the 65,536 that are taken by default.
        "max_terms_count": 1_000_000,
        # Erasing: by default parts with few deletions are left alone, and a copy that is away keeps them for 12 hours.
        "merge.policy.expunge_deletes_allowed": 0,
        "soft_deletes.retention_lease.period": "5m",
        "analysis": {
            "filter": {"gap": {"type": "stop", "stopwords": [GAP]}},
            "analyzer": {"muniment": {"tokenizer": "whitespace", "filter": ["gap"]}},
        },
    }


def to_source(document: IndexDocument) -> bytes:
    """The document as the JSON that the index takes.

    Raises:
        Invalid: as ``search.schema.to_document``.
    """
    values: dict[str, list[Any]] = to_document(document).to_dict()
    source: dict[str, Any] = {name: values[name] for name in (*_LABELS, *_NUMBERS) if name in values}
    source["head"], source["title"], source["party"] = (
        [_joined(_words(text)) for text in values.get(name, ())] for name in ("head", "title", "party")
    )
    bodies = [_words(text) for text in values.get("body", ())]
    source["body"] = [_joined(words) for words in bodies]
    different = {word for words in bodies for word in words if word != GAP}
    source[WORDS_OF_BODY] = list(different)
    if document.language is not None and document.language in STEMMING:
        titles = [_words(text) for text in values.get("title", ())]
        forms = _stems(different.union(*titles), document.language)
        source[stems_field(document.language)] = [_joined(map(forms.__getitem__, words)) for words in bodies + titles]
    return json.dumps(source, ensure_ascii=False, separators=(",", ":")).encode()


def _joined(words: Iterable[str]) -> str:
    return " ".join(words)


def _words(folded: str) -> list[str]:
    """What ``search.analysis.tokens`` gives, with ``GAP`` for what is too long."""
    found = _SPLIT.analyze(folded)
    if len(max(found, key=len, default="")) * _MOST_BYTES_A_CHARACTER < LONGEST_TOKEN_BYTES:
        return found
    return [word if len(word.encode()) < LONGEST_TOKEN_BYTES else GAP for word in found]


def _stems(words: set[str], language: str) -> dict[str, str]:
    """The stem of each word, as ``search.analysis.stem`` gives it, all asked at once."""
    asked = [word for word in words if word != GAP]
    # As many come back as were asked for: each is one run of letters and digits, and none is too long.
    return {GAP: GAP, **dict(zip(asked, STEMMING[language].analyze(" ".join(asked)), strict=True))}
